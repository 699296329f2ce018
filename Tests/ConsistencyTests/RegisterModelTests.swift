import Basics
import Consistency
import TestSupport
import Testing

@Suite struct RegisterModelTests {
    private func verdict(_ model: Model, _ history: History) -> Verdict {
        var options = CheckOptions()
        options.models = [model]
        options.measuresStaleness = false
        return Checker.check(history, options: options).models[0].verdict
    }

    private func agrees(
        _ model: Model, _ random: inout RandomSource, _ mix: Mix,
        _ definition: ([Operation]) -> Bool
    ) -> Bool {
        let history = randomHistory(mix, &random)
        let truth = definition(Array(history.operations))
        let verdict = verdict(model, history)
        let isUnique = mix.values == nil && mix.deletes == 0 && mix.cas == 0
        if case .inconclusive(let why) = verdict {
            // Values that repeat may be more than the method can tell, but are never misjudged.
            if isUnique {
                Issue.record("\(model.name): \(why): \(describe(history))")
            }
            return !isUnique
        }
        if case .violated(let witness) = verdict, !truth, isUnique,
            definition(part(history, witness.operations)), witness.anomaly != .abortedRead
        {
            Issue.record("\(model.name): legal witness \(witness.operations): \(describe(history))")
            return false
        }
        if verdict.isHolding != truth {
            Issue.record("\(model.name) should be \(truth): \(describe(history))")
        }
        return verdict.isHolding == truth
    }

    @Test(arguments: Golden.all)
    func aGoldenHistoryGetsItsWeakerVerdicts(_ golden: Golden) {
        let history = terse(golden.text)
        #expect(verdict(.regular, history).isHolding == golden.isRegular)
        #expect(verdict(.weakRegular, history).isHolding == golden.isWeaklyRegular)
        for k in 1...4 {
            #expect(verdict(.kAtomic(k), history).isHolding == (golden.k <= k), "k = \(k)")
        }
        #expect(verdict(.deltaAtomic(golden.delta), history).isHolding || golden.delta > 1 << 62)
        if golden.delta > 0 {
            #expect(verdict(.deltaAtomic(golden.delta - 1), history).isViolated)
        }
    }

    private static let mixes = [
        Mix(writes: 5, unknown: 2, failed: 1),
        Mix(writes: 3, deletes: 1, cas: 1, unknown: 2, failed: 1),
        Mix(writes: 4, unknown: 2, failed: 1, values: 3),
    ]

    @Test(arguments: mixes)
    func weakRegularityAgreesWithItsDefinition(_ mix: Mix) {
        Seeds.forAll(cases(1_000), "weak regularity") { random in
            agrees(.weakRegular, &random, mix) { RegisterDefinition.isWeaklyRegular($0) }
        }
    }

    @Test(arguments: mixes)
    func regularityAgreesWithItsDefinition(_ mix: Mix) {
        Seeds.forAll(cases(800), "regularity") { random in
            agrees(.regular, &random, mix) { RegisterDefinition.isRegular($0) }
        }
    }

    @Test(arguments: [2, 3])
    func kAtomicityAgreesWithItsDefinition(_ k: Int) {
        for mix in RegisterModelTests.mixes {
            Seeds.forAll(cases(500), "k-atomicity") { random in
                agrees(.kAtomic(k), &random, mix) {
                    RegisterDefinition.isAtomic(within: k, $0)
                }
            }
        }
    }

    @Test(arguments: mixes)
    func deltaAtomicityAgreesWithItsDefinition(_ mix: Mix) {
        Seeds.forAll(cases(500), "delta-atomicity") { random in
            let delta = Int64(random.below(UInt64(12)))
            return agrees(.deltaAtomic(delta), &random, mix) { operations in
                BruteForce.isLinearizable(
                    operations.map { operation in
                        var earlier = operation
                        if operation.kind == .read { earlier.invoked -= delta }
                        return earlier
                    })
            }
        }
    }

    @Test(arguments: mixes)
    func durabilityAndConvergenceAgreeWithTheirDefinitions(_ mix: Mix) {
        var late = mix
        late.operations = 8
        Seeds.forAll(cases(1_000), "last reads") { random in
            var history = randomHistory(late, &random)
            let written = Set(history.operations.filter { $0.kind != .read }.map(\.value))
            let values = [.absent] + written.sorted { $0.raw < $1.raw }
            for process in 0..<random.below(4) {
                let start = Int64(24 + random.below(UInt64(8)))
                history.append(
                    Operation(
                        process: UInt32(process % 2), key: 0, kind: .read, outcome: .ok,
                        value: values[random.below(values.count)], invoked: start,
                        completed: start + 1,
                        flags: random.chance(1, in: 4) ? .final : []))
            }
            return lastReadsAgree(history)
        }
    }

    private func lastReadsAgree(_ history: History) -> Bool {
        let operations = Array(history.operations)
        let durable = RegisterDefinition.isDurable(operations).map { $0 ? "holds" : "violated" }
        let convergent = RegisterDefinition.isConvergent(operations)
        let answers = (verdict(.durable, history).word, verdict(.convergent, history).word)
        if answers == (durable ?? "inconclusive", convergent) { return true }
        Issue.record("\(answers) for \(durable ?? "none"), \(convergent): \(describe(history))")
        return false
    }

    @Test func anAcknowledgedWriteThatNoFinalReadShowsIsLost() {
        #expect(verdict(.durable, terse("w1[0,1] w2[2,3] r1[9,10]")).isViolated)
        #expect(verdict(.durable, terse("w1[0,1] w2[2,3] r1[9,10] r2[11,12]")).isHolding)
        #expect(verdict(.durable, terse("w1[0,1] w2[2,inf] r1[9,10]")).isHolding)
        #expect(verdict(.durable, terse("w1[0,1] d[2,3] r0[9,10]")).isHolding)
        #expect(verdict(.durable, terse("w1[0,1] r0[9,10]")).isViolated)
    }

    @Test func lastReadsThatDifferHaveNotConverged() {
        #expect(verdict(.convergent, terse("w1[0,1] w2[0,3] r1@1[9,10] r2@2[9,10]")).isViolated)
        #expect(
            verdict(.convergent, terse("w1[0,1] w2[0,3] r1@1[9,10] r2@2[9,10] r2@1[11,12]"))
                .isHolding)
    }
}
