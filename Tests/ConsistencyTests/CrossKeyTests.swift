import Basics
import Consistency
import TestSupport
import Testing

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
        (Model.readYourWrites, "x:w1@1[0,1] x:r1@2[2,3] x:w2@2[4,5] x:r1@2[6,7]"),
        (.monotonicReads, "x:w1@1[0,1] x:w2@1[2,3] x:r2@3[4,5] x:r1@3[6,7]"),
        (.monotonicWrites, "x:w1@1[0,1] x:w2@1[2,3] y:w3@1[4,5] y:r3@2[6,7] x:r1@2[8,9]"),
        (
            .writesFollowReads,
            "x:w1@1[0,1] x:r1@2[2,3] x:w2@2[4,5] x:r2@3[6,7] y:w3@3[8,9] y:r3@4[10,11] "
                + "x:r1@4[12,13]"
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

    /// Where values are unique the verdict is the definition's; otherwise it may be open, but never
    /// wrong.
    private func agrees(
        _ model: Model, _ mix: Mix, _ random: inout RandomSource, _ truth: (Relations) -> Bool
    ) -> Bool {
        let history = randomHistory(mix, &random)
        let all = Relations.all(history)
        let expected = all.contains(where: truth)
        let verdict = verdict(model, history)
        let isOpen = verdict.word == "inconclusive"
        let mayBeOpen = mix.values != nil || mix.deletes > 0
        let isRight = isOpen ? mayBeOpen : verdict.isHolding == expected
        if !isRight {
            Issue.record(
                "\(model.name) should be \(expected), is \(verdict.word): \(describe(history))")
        }
        return isRight
    }

    private static let unique = Mix(
        operations: 8, writes: 4, cas: 1, unknown: 2, failed: 1, processes: 3, keys: 2)
    private static let repeated = Mix(
        operations: 7, writes: 3, deletes: 1, cas: 1, unknown: 2, failed: 1, values: 3,
        processes: 3, keys: 2)

    @Test(arguments: [unique, repeated])
    func causalityAgreesWithItsDefinition(_ mix: Mix) {
        Seeds.forAll(cases(1_500), "causality") { random in
            agrees(.causal, mix, &random) { $0.isCausal }
        }
    }

    @Test(arguments: [unique, repeated])
    func causalConvergenceAgreesWithItsDefinition(_ mix: Mix) {
        Seeds.forAll(cases(1_500), "convergence") { random in
            agrees(.causalConvergent, mix, &random) { $0.isConvergent }
        }
    }

    @Test(arguments: [unique, repeated])
    func sequentialOrderAgreesWithItsDefinition(_ mix: Mix) {
        Seeds.forAll(cases(1_000), "sequential") { random in
            agrees(.sequential, mix, &random) { $0.isSequential }
        }
    }

    @Test(arguments: [
        Model.readYourWrites, .monotonicReads, .monotonicWrites, .writesFollowReads,
    ])
    func sessionGuaranteesAgreeWithTheirDefinitions(_ model: Model) {
        for mix in [CrossKeyTests.unique, CrossKeyTests.repeated] {
            Seeds.forAll(cases(1_000), "guarantees") { random in
                agrees(model, mix, &random) { $0.keeps(model) }
            }
        }
        // More writes that were seen, fewer keys: each shape turns up.
        let dense = Mix(operations: 9, writes: 5, unknown: 1, processes: 3, keys: 1)
        Seeds.forAll(cases(1_000), "dense guarantees") { random in
            agrees(model, dense, &random) { $0.keeps(model) }
        }
    }

    /// A cas whose value was read before the value that it expected was written: causality runs in
    /// a circle, and real time tells nothing about what is older. Found by 10^5 random histories.
    @Test func guaranteesAreJudgedWhereCausalityRunsInACircle() {
        let monotonic = terse(
            "x:c3>1@0[2,8] x:r1@1[1,4] x:w3@1[5,8] x:r3@1[9,15] x:r3@1[17,19]")
        #expect(verdict(.monotonicReads, monotonic).isViolated)
        let follows = terse("x:c3>1@0[2,8] x:r1@2[1,3] x:w3@2[5,inf] x:r3@0[16,19]")
        #expect(verdict(.writesFollowReads, follows).isViolated)
    }

    @Test func operationsOfAProcessThatTouchAreInOrder() {
        let text = "x:w1@1[0,5] x:r0@1[5,9]"
        #expect(verdict(.linearizable, terse(text)).isHolding)
        for model in [Model.sequential, .causal, .readYourWrites] {
            #expect(verdict(model, terse(text)).isViolated, "\(model.name)")
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
