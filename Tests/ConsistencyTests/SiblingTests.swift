import Basics
import Consistency
import TestSupport
import Testing

/// Histories of siblings: each step is a write with the read whose context it carries, or a read
/// with what it returned.
private struct Steps {
    var history = History()
    private var clock: Int64 = 0

    init() { _ = history.key("x") }

    mutating func write(
        _ n: UInt64, context: Int? = nil, outcome: Operation.Outcome = .ok,
        kind: Operation.Kind = .write
    ) {
        var detail = Detail()
        detail.context = context.map { UInt32($0) }
        add(kind, kind == .delete ? .absent : .write(process: 0, sequence: n), outcome, detail)
    }

    @discardableResult
    mutating func read(_ values: UInt64...) -> Int { read(list: values) }

    @discardableResult
    mutating func read(list values: [UInt64]) -> Int {
        var detail = Detail()
        detail.siblings = values.map { .write(process: 0, sequence: $0) }
        add(.read, detail.siblings.first ?? .absent, .ok, detail)
        return history.count - 1
    }

    private mutating func add(
        _ kind: Operation.Kind, _ value: ValueID, _ outcome: Operation.Outcome, _ detail: Detail
    ) {
        history.append(
            Operation(
                process: 1, key: 0, kind: kind, outcome: outcome, value: value, invoked: clock,
                completed: clock + 1), detail: detail)
        clock += 2
    }

    var anomaly: Anomaly? {
        var options = CheckOptions()
        options.models = [.multiValue]
        let report = Checker.check(history, options: options).models[0]
        if case .inconclusive(let why) = report.verdict { Issue.record("inconclusive: \(why)") }
        return report.counterexample?.anomaly
    }
}

@Suite struct SiblingTests {
    @Test func concurrentWritesAreBothReturnedUntilOneSupersedesThem() {
        var steps = Steps()
        steps.write(1)
        steps.write(2)
        let both = steps.read(1, 2)
        steps.write(3, context: both)
        steps.read(3)
        #expect(steps.anomaly == nil)
    }

    @Test func aDroppedSiblingIsLost() {
        var steps = Steps()
        steps.write(1)
        steps.write(2)
        steps.read(2)
        #expect(steps.anomaly == .lostSibling)
    }

    @Test func aSiblingBesideItsSuccessorIsCovered() {
        var steps = Steps()
        steps.write(1)
        let one = steps.read(1)
        steps.write(2, context: one)
        steps.read(1, 2)
        #expect(steps.anomaly == .coveredSibling)
    }

    @Test func anUnknownWriteMayHaveSupersededOrNot() {
        for seen in [[1], [2]] as [[UInt64]] {
            var steps = Steps()
            steps.write(1)
            let one = steps.read(1)
            steps.write(2, context: one, outcome: .unknown)
            steps.read(seen[0])
            #expect(steps.anomaly == nil)
        }
    }

    @Test func siblingsFromNowhereAndFromFailedWritesAreNamed() {
        var steps = Steps()
        steps.write(1)
        steps.read(1, 9)
        #expect(steps.anomaly == .thinAir)
        var failed = Steps()
        failed.write(1, outcome: .fail)
        failed.read(1)
        #expect(failed.anomaly == .abortedRead)
    }

    @Test func aDeleteWithContextCoversWhatItHeld() {
        var steps = Steps()
        steps.write(1)
        let one = steps.read(1)
        steps.write(0, context: one, kind: .delete)
        steps.read()
        #expect(steps.anomaly == nil)
    }

    /// What the steps promise, spelled out: by write, all that its context makes it supersede.
    private func isGood(_ history: History) -> Bool {
        let all = Array(history.operations)
        func shown(_ read: Int) -> [Int?] {
            (history.detail(of: read)?.siblings ?? []).map { value in
                all.firstIndex { $0.kind == .write && $0.value == value }
            }
        }
        func superseded(_ write: Int) -> Set<Int> {
            guard let read = history.detail(of: write)?.context else { return [] }
            return shown(Int(read)).compactMap { $0 }.filter { $0 != write }
                .reduce(into: Set<Int>()) { $0.formUnion(superseded($1).union([$1])) }
        }
        for read in all.indices where all[read].kind == .read {
            var cover = Set<Int>()
            let returned = shown(read)
            for write in returned {
                guard let write, all[write].outcome != .fail,
                    all[write].invoked <= all[read].completed
                else { return false }
                cover.formUnion(superseded(write).union([write]))
            }
            let writes = returned.compactMap { $0 }
            if writes.contains(where: { a in writes.contains { superseded($0).contains(a) } }) {
                return false
            }
            for other in all.indices where all[other].kind != .read && all[other].outcome != .fail {
                let isGone =
                    all[other].kind == .delete && all[other].invoked <= all[read].completed
                    || all[other].kind == .write && all[other].outcome == .unknown
                if isGone { cover.formUnion(superseded(other)) }
            }
            for write in all.indices
            where all[write].kind == .write && all[write].outcome == .ok
                && all[write].completed < all[read].invoked && !cover.contains(write)
            {
                return false
            }
        }
        return true
    }

    @Test func siblingsAgreeWithTheirDefinition() {
        Seeds.forAll(cases(1_000), "siblings") { random in
            var steps = Steps()
            var reads: [Int] = []
            var written: [UInt64] = []
            for n in 1...UInt64(2 + random.below(6)) {
                if random.chance(1, in: 2) {
                    let context =
                        reads.isEmpty || random.chance(1, in: 3)
                        ? nil : reads[random.below(reads.count)]
                    let outcomes: [Operation.Outcome] = [.ok, .ok, .ok, .unknown, .fail]
                    let isDelete = random.chance(1, in: 6)
                    steps.write(
                        n, context: context, outcome: outcomes[random.below(5)],
                        kind: isDelete ? .delete : .write)
                    if !isDelete { written.append(n) }
                } else {
                    let shown = written.filter { _ in random.chance(2, in: 3) }
                    reads.append(
                        steps.read(list: random.chance(1, in: 20) ? shown + [99] : shown))
                }
            }
            let hasSets = steps.history.details.contains {
                !$0.siblings.isEmpty || $0.context != nil
            }
            guard hasSets else { return true }
            let isRight = (steps.anomaly == nil) == isGood(steps.history)
            if !isRight {
                let name = steps.anomaly?.rawValue ?? "none"
                Issue.record("\(name): \(describe(steps.history))")
            }
            return isRight
        }
    }

    /// A store that keeps exactly the visible writes that no other visible one supersedes.
    @Test func aCorrectStoreIsNeverAccused() {
        Seeds.forAll(cases(300), "correct siblings") { random in
            var steps = Steps()
            var held: [(UInt64, Set<UInt64>)] = []
            var reads: [(index: Int, seen: Set<UInt64>)] = []
            for n in 1...UInt64(4 + random.below(12)) {
                if random.chance(1, in: 2) {
                    let context =
                        reads.isEmpty || random.chance(1, in: 4)
                        ? nil : reads[random.below(reads.count)]
                    steps.write(n, context: context?.index)
                    let past = context?.seen ?? []
                    held.removeAll { past.contains($0.0) }
                    held.append((n, past))
                } else {
                    var seen = Set(held.map(\.0))
                    for (_, past) in held { seen.formUnion(past) }
                    reads.append((steps.read(list: held.map(\.0)), seen))
                }
            }
            guard !held.isEmpty else { return true }
            steps.read(list: held.map(\.0))
            return steps.anomaly == nil
        }
    }
}
