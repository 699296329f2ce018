import Basics
import Consistency
import TestSupport
import Testing

/// Histories whose verdicts are known by hand (initially absent; `r0` reads absent).
struct Golden: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let isAtomic: Bool
    let delta: Int64
    let gamma: Int64
    let witness: Int
    let isRegular: Bool
    let isWeaklyRegular: Bool
    let k: Int

    var testDescription: String { name }

    init(
        _ name: String, _ text: String, _ isAtomic: Bool, _ isRegular: Bool, _ isWeak: Bool,
        _ k: Int, _ delta: Int64, _ gamma: Int64, _ witness: Int
    ) {
        self.name = name
        self.text = text
        self.isAtomic = isAtomic
        self.isRegular = isRegular
        isWeaklyRegular = isWeak
        self.k = k
        self.delta = delta
        self.gamma = gamma
        self.witness = witness
    }

    static let none = Int.max
    static let never = Operation.never

    static let all: [Golden] = [
        Golden("stale read", "w1[0,10] w2[20,30] r1[40,50]", false, false, false, 2, 10, 10, 3),
        Golden("inversion", "w1[0,22] r1[2,4] r0[6,8]", false, true, true, 2, 2, 2, 3),
        Golden("pending seen", "w1[0,inf] r1[2,4] r0[6,8]", false, true, true, 2, 2, 2, 3),
        Golden("pending unseen", "w1[0,inf] r0[6,8] r0[9,10]", true, true, true, 1, 0, 0, 0),
        Golden(
            "pending late", "w1[0,inf] w2[10,20] r2[30,40] r1[50,60]", true, true, true, 1, 0, 0,
            0),
        Golden("future", "r1[0,5] w1[10,20]", false, false, false, none, never, 5, 2),
        Golden("thin air", "w1[0,5] r9[6,7]", false, false, false, none, never, never, 1),
        Golden(
            "readers disagree", "w1[0,10] w2[0,10] r1[11,12] r2[13,14] r1[15,16]", false, false,
            true, 2, 3, 3, 4),
        Golden(
            "concurrent writes", "w1[0,10] w2[0,10] r1[11,12] r1[13,14]", true, true, true, 1, 0, 0,
            0),
        Golden("touching", "w1[0,10] w2[10,20] r1[20,30]", true, true, true, 1, 0, 0, 0),
        Golden(
            "backward inside forward", "w1[0,1] w2[0,20] r2[5,6] r1[20,21]", false, true, true, 2,
            4, 4, 4),
        Golden(
            "long stale", "w1[0,1] w2[2,3] w3[4,5] r1[100,110]", false, false, false, 3, 97, 3, 3),
        Golden(
            "stale then fresh", "w1[0,1] w2[2,3] r1[4,5] r2[6,7]", false, false, false, 2, 1, 1, 3),
        Golden("stale initial", "w1[0,10] r0[20,30]", false, false, false, 2, 10, 10, 2),
        Golden(
            "inversion after two writes", "w1[0,1] w2[5,30] r2[6,8] r1[10,12] r2[14,16]", false,
            true, true, 2, 2, 2, 4),
        Golden(
            "reordered overlap", "w1[0,10] r2[2,12] w2[4,6] r1[8,14]", true, true, true, 1, 0, 0,
            0),
        Golden(
            "three forward zones", "w1[0,1] w2[2,3] w3[4,5] r1[6,7] r2[6,7] r3[6,7]", false, false,
            false, 3, 3, 3, 3),
    ]
}

private func only(_ model: Model) -> CheckOptions {
    var options = CheckOptions()
    options.models = [model]
    return options
}

/// The operations of a witness as a history of their own.
func part(_ history: History, _ indices: [Int]) -> [Operation] {
    indices.map { history.operations[$0] }
}

@Suite struct LinearizabilityTests {
    @Test(arguments: Golden.all)
    func aGoldenHistoryGetsItsVerdictAndItsGrades(_ golden: Golden) {
        let report = Checker.check(terse(golden.text), options: only(.linearizable))
        let model = report.models[0]
        #expect(model.verdict.isHolding == golden.isAtomic)
        #expect(model.verdict.isViolated == !golden.isAtomic)
        #expect(model.counterexample?.operations.count ?? 0 == golden.witness)
        #expect(report.staleness.deltaMax == golden.delta)
        #expect(report.staleness.gammaMax == golden.gamma)
        #expect((report.staleness.staleReads == 0) == (golden.isWeaklyRegular || golden.k > 9))
    }

    @Test func theLongStaleReadMissedTwoVersionsFor97ns() {
        let report = Checker.check(terse("w1[0,1] w2[2,3] w3[4,5] r1[100,110]"))
        #expect(report.staleness.kMax == 2)
        #expect(report.staleness.kHistogram == [0, 0, 1])
        #expect(report.staleness.ages == [97])
        #expect(report.staleness.agePercentile(99, 100) == 97)
    }

    private func agrees(_ mix: Mix, _ random: inout RandomSource) -> Bool {
        let history = randomHistory(mix, &random)
        let verdict = Checker.check(history, options: only(.linearizable)).models[0].verdict
        let truth = BruteForce.isLinearizable(Array(history.operations))
        switch verdict {
        case .holds:
            if !truth { Issue.record("should be violated: \(describe(history))") }
            return truth
        case .violated(let witness):
            if truth {
                Issue.record("should hold: \(describe(history))")
                return false
            }
            return isMinimal(
                witness, history,
                isPlain: mix.cas == 0 && mix.deletes == 0
                    && mix.values == nil)
        case .inconclusive:
            Issue.record("inconclusive: \(describe(history))")
            return false
        }
    }

    /// The witness is illegal, and legal without any one of its operations, where a write takes
    /// its reads along.
    private func isMinimal(_ witness: Witness, _ history: History, isPlain: Bool) -> Bool {
        let operations = part(history, witness.operations)
        let isAborted = witness.anomaly == .abortedRead
        if BruteForce.isLinearizable(operations), !isAborted {
            Issue.record("a legal witness \(witness.operations): \(describe(history))")
            return false
        }
        for dropped in operations where isPlain && !isAborted && witness.anomaly != .thinAir {
            let rest = operations.filter { other in
                other != dropped
                    && !(dropped.kind != .read && !dropped.value.isAbsent
                        && (other.value == dropped.value || other.expected == dropped.value))
            }
            if !BruteForce.isLinearizable(rest) {
                Issue.record("not minimal \(witness.operations): \(describe(history))")
                return false
            }
        }
        return true
    }

    @Test func uniqueWritesAgreeWithBruteForce() {
        Seeds.forAll(cases(3_000), "unique writes") { random in
            agrees(Mix(), &random)
        }
    }

    @Test func unknownAndFailedWritesAgreeWithBruteForce() {
        Seeds.forAll(cases(3_000), "unknown and failed writes") { random in
            agrees(Mix(writes: 5, unknown: 4, failed: 1), &random)
        }
    }

    @Test func deletesThatLookAlikeAgreeWithBruteForce() {
        Seeds.forAll(cases(4_000), "deletes") { random in
            agrees(Mix(operations: 8, writes: 3, deletes: 3, unknown: 2), &random)
        }
    }

    @Test func casChainsOfUniqueValuesAgreeWithBruteForce() {
        Seeds.forAll(cases(4_000), "cas chains") { random in
            agrees(Mix(writes: 2, cas: 4, unknown: 2, failed: 1), &random)
        }
    }

    @Test func refutedCasAgreeWithBruteForce() {
        Seeds.forAll(cases(2_000), "refuted cas") { random in
            agrees(Mix(writes: 3, cas: 3, refuted: 5, unknown: 2), &random)
        }
    }

    @Test func repeatedValuesAgreeWithBruteForce() {
        Seeds.forAll(cases(4_000), "repeated values") { random in
            agrees(Mix(writes: 4, cas: 1, unknown: 2, failed: 1, values: 2), &random)
        }
    }

    @Test func everythingTogetherAgreesWithBruteForce() {
        Seeds.forAll(cases(3_000), "everything") { random in
            agrees(
                Mix(
                    operations: 8, writes: 3, deletes: 1, cas: 2, refuted: 3, unknown: 3,
                    failed: 1, values: 3), &random)
        }
    }

    @Test func aReadOfAFailedWriteIsAViolationByItself() {
        let report = Checker.check(terse("w1[0,5]! r1[6,7]"), options: only(.linearizable))
        #expect(report.models[0].counterexample?.anomaly == .abortedRead)
        #expect(report.models[0].counterexample?.operations == [0, 1])
    }

    @Test func anUnknownInitialValueAllowsOneUnwrittenValueAKey() {
        var options = only(.linearizable)
        options.initial = .unknown
        let one = Checker.check(terse("r7[0,1] w1[2,3] r1[4,5]"), options: options)
        #expect(one.models[0].verdict.isHolding)
        let two = Checker.check(terse("r7[0,1] r8[2,3]"), options: options)
        #expect(two.models[0].counterexample?.anomaly == .thinAir)
        let late = Checker.check(terse("r7[0,1] w1[2,3] r7[4,5]"), options: options)
        #expect(late.models[0].verdict.isViolated)
    }

    @Test func theExplanationNamesKeyReadAndWrites() {
        let report = Checker.check(
            terse("w1@1[0,10] w2@2[20,30] r1@3[40,50]"), options: only(.linearizable))
        let text = report.models[0].counterexample?.explanation ?? ""
        #expect(text.hasPrefix("Key k is not linearizable. The read of w:0:1 by process 3"))
        #expect(text.contains("the write of w:0:2 by process 2 (20–30 ns)"))
    }

    @Test func keysCheckedInPartsMergeToTheSameReport() {
        Seeds.forAll(100, "parts") { random in
            let history = randomHistory(Mix(operations: 30, horizon: 60, keys: 5), &random)
            let checker = Checker(history)
            let whole = checker.check()
            let parts = checker.finish([
                checker.check(keys: 3..<5), checker.check(keys: 0..<3),
                checker.checkAcrossKeys(),
            ])
            return whole.models[0].violatingKeys == parts.models[0].violatingKeys
                && whole.staleness == parts.staleness
                && whole.models[0].counterexample?.operations
                    == parts.models[0].counterexample?.operations
        }
    }

    @Test func shardsByKeyHashCoverEveryKeyOnce() {
        let history = randomHistory30Keys()
        var keys = 0
        for index in 0..<4 {
            var options = only(.linearizable)
            options.shard = Shard(index: index, count: 4)
            keys += Checker.check(history, options: options).models[0].keysChecked
        }
        #expect(keys == Checker.check(history, options: only(.linearizable)).models[0].keysChecked)
    }

    private func randomHistory30Keys() -> History {
        var random = RandomSource(seed: 3)
        return randomHistory(Mix(operations: 400, horizon: 900, keys: 30), &random)
    }
}
