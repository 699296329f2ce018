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
