import Basics
import Consistency
import TestSupport
import Testing

/// The models that span keys, spelled out with relations as tables.
private struct Relations {
    let operations: [Operation]
    /// Causal order: the transitive closure of session order and reads-from.
    var causal: [[Bool]]
    var writer: [Int]

    init(_ history: History) {
        operations = history.operations.filter {
            $0.outcome == .ok || ($0.outcome == .unknown && $0.kind != .read)
        }
        let all = operations
        let n = all.count
        writer = all.map { read in
            read.kind == .read
                ? all.firstIndex {
                    $0.kind == .write && $0.key == read.key && $0.value == read.value
                } ?? (read.value.isAbsent ? -2 : -1) : -3
        }
        var edge = Array(repeating: Array(repeating: false, count: n), count: n)
        for i in 0..<n {
            for j in 0..<n where all[i].process == all[j].process && all[i].outcome == .ok {
                if (all[i].invoked, i) < (all[j].invoked, j) { edge[i][j] = true }
            }
            if writer[i] >= 0 { edge[writer[i]][i] = true }
        }
        causal = Relations.closure(edge)
    }

    static func closure(_ edge: [[Bool]]) -> [[Bool]] {
        var edge = edge
        for k in edge.indices {
            for i in edge.indices where edge[i][k] {
                for j in edge.indices where edge[k][j] { edge[i][j] = true }
            }
        }
        return edge
    }

    var isCausal: Bool {
        let n = operations.indices
        if n.contains(where: { causal[$0][$0] }) { return false }
        for r in n where operations[r].kind == .read {
            if writer[r] == -1 { return false }
            for w in n
            where operations[w].kind == .write && operations[w].key == operations[r].key
                && w != writer[r] && causal[w][r]
            {
                if writer[r] == -2 || causal[writer[r]][w] { return false }
            }
        }
        return true
    }

    var isConvergent: Bool {
        guard isCausal else { return false }
        var edge = causal
        for r in operations.indices where writer[r] >= 0 {
            for w in operations.indices
            where operations[w].kind == .write && operations[w].key == operations[r].key
                && w != writer[r] && causal[w][r]
            {
                edge[w][writer[r]] = true
            }
        }
        let closed = Relations.closure(edge)
        return !operations.indices.contains { closed[$0][$0] }
    }

    /// Some interleaving of the sessions gives every read its value.
    var isSequential: Bool {
        var seen = Set<[UInt64]>()
        return extend(0, [:], &seen)
    }

    private func extend(
        _ done: UInt64, _ values: [UInt32: ValueID], _ seen: inout Set<[UInt64]>
    ) -> Bool {
        let n = operations.indices
        if n.allSatisfy({ done >> UInt64($0) & 1 == 1 || operations[$0].outcome == .unknown }) {
            return true
        }
        let keys = (0..<4).map { (values[$0] ?? .absent).raw }
        guard seen.insert([done] + keys).inserted else { return false }
        for i in n where done >> UInt64(i) & 1 == 0 {
            let isBlocked = n.contains {
                done >> UInt64($0) & 1 == 0 && operations[$0].outcome == .ok
                    && operations[$0].process == operations[i].process
                    && (operations[$0].invoked, $0) < (operations[i].invoked, i)
            }
            if isBlocked { continue }
            let key = operations[i].key
            guard
                let next = BruteForce.apply(operations[i], to: values[key] ?? .absent)
            else { continue }
            var grown = values
            grown[key] = next
            if extend(done | 1 << UInt64(i), grown, &seen) { return true }
        }
        return false
    }
}

@Suite struct CrossKeyTests {
    private func verdict(_ model: Model, _ history: History) -> Verdict {
        var options = CheckOptions()
        options.models = [model]
        options.measuresStaleness = false
        return Checker.check(history, options: options).models[0].verdict
    }

    private let sessions: [Model] = [
        .readYourWrites, .monotonicReads, .monotonicWrites, .writesFollowReads,
    ]

    @Test(arguments: [
        (Model.readYourWrites, "x:w1@1[0,1] x:w2@2[2,3] x:r1@2[4,5]"),
        (.monotonicReads, "x:w1@1[0,1] x:w2@1[2,3] x:r2@3[4,5] x:r1@3[6,7]"),
        (.monotonicWrites, "x:w1@1[0,1] x:w2@1[2,3] y:w3@1[4,5] y:r3@2[6,7] x:r1@2[8,9]"),
        (
            .writesFollowReads,
            "x:w1@1[0,1] x:w2@2[2,3] x:r2@3[4,5] y:w3@3[6,7] y:r3@4[8,9] x:r1@4[10,11]"
        ),
    ])
    func eachGuaranteeHasAHistoryThatOnlyItRejects(_ model: Model, _ text: String) {
        let history = terse(text)
        for other in sessions {
            #expect(verdict(other, history).isViolated == (other == model), "\(other.name)")
        }
        guard case .violated(let witness) = verdict(model, history) else { return }
        #expect(witness.operations == Array(0..<history.count))
        #expect(witness.anomaly.rawValue == model.name)
        #expect(witness.explanation.contains(model.name))
    }

    @Test func versionsOverruleTimes() {
        var history = terse("")
        let key = history.key("x")
        func add(_ kind: Operation.Kind, _ n: UInt64, _ at: Int64, _ stamp: UInt64, _ p: UInt32) {
            var detail = Detail()
            detail.version = StoreVersion(stamp: stamp, actor: 1)
            history.append(
                Operation(
                    process: p, key: key, kind: kind, outcome: .ok,
                    value: .write(process: 0, sequence: n), invoked: at, completed: at + 1),
                detail: detail)
        }
        add(.write, 1, 0, 90, 1)
        add(.write, 2, 2, 50, 2)
        add(.read, 1, 4, 90, 2)
        #expect(verdict(.readYourWrites, history).isHolding)
        guard case .violated(let witness) = verdict(.linearizable, history) else {
            Issue.record("the read is stale")
            return
        }
        #expect(witness.cause == .clockSkew)
    }

    @Test func linearizableHistoriesKeepEverySessionGuarantee() {
        Seeds.forAll(cases(1_500), "linearizable sessions") { random in
            let history = randomHistory(
                Mix(operations: 8, writes: 4, unknown: 2, processes: 3, keys: 2), &random)
            let keysHold = verdict(.linearizable, history).isHolding
            guard keysHold else { return true }
            return (sessions + [.causal, .causalConvergent, .sequential]).allSatisfy {
                verdict($0, history).isHolding
            }
        }
    }

    private func agrees(
        _ model: Model, _ random: inout RandomSource, _ truth: (Relations) -> Bool
    ) -> Bool {
        let history = randomHistory(
            Mix(operations: 8, writes: 4, unknown: 2, processes: 3, keys: 2), &random)
        let expected = truth(Relations(history))
        let verdict = verdict(model, history)
        if verdict.isHolding != expected || verdict.isViolated == expected {
            Issue.record(
                "\(model.name) should be \(expected), is \(verdict.word): \(describe(history))")
            return false
        }
        return true
    }

    @Test func causalityAgreesWithItsDefinition() {
        Seeds.forAll(cases(2_000), "causality") { random in
            agrees(.causal, &random) { $0.isCausal }
        }
    }

    @Test func causalConvergenceAgreesWithItsDefinition() {
        Seeds.forAll(cases(2_000), "convergence") { random in
            agrees(.causalConvergent, &random) { $0.isConvergent }
        }
    }

    @Test func sequentialOrderAgreesWithItsDefinition() {
        Seeds.forAll(cases(1_000), "sequential") { random in
            agrees(.sequential, &random) { $0.isSequential }
        }
    }

    @Test func readersThatDisagreeAboutConcurrentWritesAreCausalButDoNotConverge() {
        let history = terse(
            "x:w1@1[0,1] x:w2@2[0,1] x:r1@3[2,3] x:r2@3[4,5] x:r2@4[2,3] x:r1@4[4,5]")
        #expect(verdict(.causal, history).isHolding)
        guard case .violated(let witness) = verdict(.causalConvergent, history) else {
            Issue.record("convergence should be violated")
            return
        }
        #expect(witness.anomaly == .conflictCycle)
        #expect(verdict(.sequential, history).isViolated)
    }

    @Test func theCausalPatternsAreNamed() {
        func anomaly(_ text: String) -> Anomaly? {
            guard case .violated(let witness) = verdict(.causal, terse(text)) else { return nil }
            return witness.anomaly
        }
        #expect(anomaly("x:w1@1[0,1] y:w2@1[2,3] y:r2@2[4,5] x:r0@2[6,7]") == .writeReadInitial)
        #expect(
            anomaly("x:w1@1[0,1] x:w2@1[2,3] y:w3@1[4,5] y:r3@2[6,7] x:r1@2[8,9]") == .writeRead)
        #expect(anomaly("x:r2@1[0,9] y:w1@1[10,11] y:r1@2[0,9] x:w2@2[10,11]") == .cyclicCausality)
        #expect(anomaly("x:r9@1[0,9]") == .thinAir)
    }
}
