import Basics
import Consistency
import TestSupport
import Testing

/// Laws that relate the verdicts on two histories, of which one is the other, changed.
@Suite struct MetamorphicTests {
    private static let models: [Model] = Model.plain + [.kAtomic(2), .deltaAtomic(3)]

    private func verdicts(_ history: History) -> [Model: String] {
        var options = CheckOptions()
        options.models = MetamorphicTests.models
        let report = Checker.check(history, options: options)
        return Dictionary(uniqueKeysWithValues: report.models.map { ($0.model, $0.verdict.word) })
    }

    private func drawn(_ random: inout RandomSource) -> History {
        randomHistory(
            Mix(operations: 9, writes: 5, unknown: 2, failed: 1, processes: 3, keys: 2), &random)
    }

    /// The same history with its operations changed one by one and put in another order.
    private func changed(
        _ history: History, order: [Int]? = nil, _ change: (inout Operation) -> Void
    ) -> History {
        var result = History()
        for key in 0..<history.keys.count { _ = result.key(history.keyText(UInt32(key))) }
        for index in order ?? Array(0..<history.count) {
            var operation = history.operations[index]
            change(&operation)
            result.append(operation)
        }
        return result
    }

    private func moved(_ operation: inout Operation, _ move: (Int64) -> Int64) {
        operation.invoked = move(operation.invoked)
        if operation.completed != Operation.never {
            operation.completed = move(operation.completed)
        }
    }

    private func same(
        _ history: History, _ other: History, besides: Set<Model> = []
    ) -> Bool {
        let before = verdicts(history)
        let after = verdicts(other)
        for model in MetamorphicTests.models where !besides.contains(model) {
            if before[model] == after[model] { continue }
            Issue.record(
                """
                \(model.name): \(before[model] ?? "") becomes \(after[model] ?? ""): \
                \(describe(history)) → \(describe(other))
                """)
            return false
        }
        return true
    }

    @Test func theOrderOfTheLinesDoesNotMatter() {
        Seeds.forAll(cases(400), "permuted") { random in
            let history = drawn(&random)
            var order = Array(0..<history.count)
            for i in order.indices.reversed() { order.swapAt(i, random.below(i + 1)) }
            return same(history, changed(history, order: order) { _ in })
        }
    }

    @Test func theOriginAndTheUnitOfTimeDoNotMatter() {
        Seeds.forAll(cases(400), "shifted and scaled") { random in
            let history = drawn(&random)
            let later = changed(history) { self.moved(&$0) { $0 + 1_000_000 } }
            let earlier = changed(history) { self.moved(&$0) { $0 - 1_000_000 } }
            let slower = changed(history) { self.moved(&$0) { $0 * 3 } }
            return same(history, later) && same(history, earlier)
                && same(history, slower, besides: [.deltaAtomic(3)])
        }
    }

    @Test func namesDoNotMatter() {
        Seeds.forAll(cases(400), "renamed") { random in
            let history = drawn(&random)
            let renamed = changed(history) { operation in
                operation.process = 1_000 - operation.process
                operation.key = 1 - operation.key
                if !operation.value.isAbsent {
                    operation.value = .write(
                        process: 77, sequence: 5_000 - operation.value.sequence)
                }
            }
            return same(history, renamed)
        }
    }

    @Test func anUnknownWriteThatNobodySawNeverMatters() {
        Seeds.forAll(cases(400), "dropped") { random in
            let history = drawn(&random)
            let read = Set(history.operations.filter { $0.kind == .read }.map(\.value))
            let rest = history.operations.indices.filter {
                let operation = history.operations[$0]
                return operation.kind == .read || operation.outcome != .unknown
                    || read.contains(operation.value)
            }
            if rest.isEmpty { return true }
            // What is left of it is when the last reads begin, by which replicas are compared.
            return same(
                history, changed(history, order: rest) { _ in }, besides: [.convergent, .durable])
        }
    }

    @Test func aWiderIntervalNeverTurnsAHistoryBad() {
        let models: [Model] = [
            .linearizable, .regular, .weakRegular, .kAtomic(2), .deltaAtomic(3),
        ]
        Seeds.forAll(cases(600), "widened") { random in
            let history = drawn(&random)
            guard history.count > 0 else { return true }
            let chosen = random.below(history.count)
            let (before, after) = (
                Int64(random.below(UInt64(9))), Int64(random.below(UInt64(9)))
            )
            var index = -1
            let wider = changed(history) { operation in
                index += 1
                guard index == chosen else { return }
                operation.invoked -= before
                if operation.completed != Operation.never { operation.completed += after }
            }
            let (old, new) = (verdicts(history), verdicts(wider))
            for model in models where old[model] == "holds" && new[model] != "holds" {
                Issue.record("\(model.name): \(describe(history)) → \(describe(wider))")
                return false
            }
            return true
        }
    }

    @Test func whatViolatesAModelViolatesEveryStrongerOne() {
        let weaker: [(Model, Model)] = [
            (.linearizable, .regular), (.regular, .weakRegular), (.linearizable, .kAtomic(2)),
            (.linearizable, .deltaAtomic(3)), (.linearizable, .sequential),
            (.sequential, .causalConvergent), (.causalConvergent, .causal),
            (.linearizable, .readYourWrites), (.linearizable, .monotonicReads),
            (.linearizable, .monotonicWrites), (.linearizable, .writesFollowReads),
            (.linearizable, .durable), (.weakRegular, .durable),
        ]
        Seeds.forAll(cases(800), "strength") { random in
            let history = drawn(&random)
            let verdicts = verdicts(history)
            for (strong, weak) in weaker
            where verdicts[weak] == "violated" && verdicts[strong] == "holds" {
                Issue.record("\(strong.name) without \(weak.name): \(describe(history))")
                return false
            }
            return true
        }
    }

    // MARK: Delta and Gamma

    /// The least distance at which the changed operations have a legal order.
    private func least(_ operations: [Operation], _ change: (inout Operation, Int64) -> Void)
        -> Int64
    {
        for distance in Int64(0)...60 {
            let moved = operations.map { operation in
                var operation = operation
                change(&operation, distance)
                return operation
            }
            if BruteForce.isLinearizable(moved) { return distance }
        }
        return .max
    }

    @Test func deltaAndGammaAreTheLeastThatHelp() {
        Seeds.forAll(cases(400), "grades") { random in
            let history = randomHistory(Mix(operations: 6, unknown: 2), &random)
            let all = Array(history.operations)
            let delta = least(all) { operation, distance in
                if operation.kind == .read { operation.invoked -= distance }
            }
            let gamma = least(all) { operation, distance in
                operation.invoked = 2 * operation.invoked - distance
                guard operation.completed != Operation.never else { return }
                operation.completed = 2 * operation.completed + distance
            }
            let staleness = Checker.check(history).staleness
            if staleness.deltaMax == delta, staleness.gammaMax == gamma { return true }
            Issue.record(
                """
                Delta \(staleness.deltaMax) for \(delta), Gamma \(staleness.gammaMax) for \
                \(gamma): \(describe(history))
                """)
            return false
        }
    }
}
