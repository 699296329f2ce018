import Basics
import Consistency
import TestSupport
import Testing

/// Compare-and-set that failed and returned nothing: `c1>9[..]!` says that the value was not 1 at
/// some moment.
@Suite struct RefutationTests {
    private func check(_ history: History) -> ModelReport {
        var options = CheckOptions()
        options.models = [.linearizable]
        return Checker.check(history, options: options).models[0]
    }

    @Test(arguments: [
        // Value 1 was there from 10 on and still read at 50.
        "w1[0,10] c1>9[20,30]! r1[40,50]",
        // Nothing can have replaced the value by then, seen or not.
        "w1[0,10] c1>9[20,30]! w2[40,50]",
        // The initial value, before anything was written.
        "c0>9[0,5]! w1[10,20]",
        // A chain: 2 was there until the cas that replaced it, which began later.
        "w1[0,10] c1>2[20,30] c2>9[40,50]! c2>3[60,70]",
        // 1 and 2 are each there long enough that one of the two comparisons must fail.
        "w1[0,10] w2[20,30] c1>8[11,19]! r2[50,60]",
    ])
    func aComparisonThatMustHaveSucceededIsAViolation(_ text: String) {
        let report = check(terse(text))
        #expect(report.verdict.isViolated)
        #expect(report.method == .blocks)
    }

    @Test(arguments: [
        "w1[0,10] c1>9[20,30]! w2[25,50]",
        "w1[0,10] w2[0,40] c1>9[20,30]! r2[45,50]",
        // An unknown write that nobody saw may have been there.
        "w1[0,10] w2[5,inf] c1>9[20,30]! w3[40,50]",
        "c0>9[0,5]! w1[3,20]",
        "w1[0,10] c5>9[20,30]! r1[40,50]",
        // Value 2 has to come late.
        "w1[0,30] w2[0,30] c1>8[10,12]! c2>9[28,29]! r1[40,50]",
    ])
    func aComparisonThatMayHaveFailedIsNone(_ text: String) {
        let report = check(terse(text))
        #expect(report.verdict.isHolding, "\(report.verdict)")
        #expect(report.method == .blocks)
    }

    @Test func denseComparisonsAgreeWithBruteForceAndRarelyNeedASearch() {
        var searched = 0
        let count = cases(6_000)
        Seeds.forAll(count, "dense comparisons") { random in
            let history = randomHistory(
                Mix(
                    operations: 9, writes: 3, cas: 5, refuted: 7, unknown: 2,
                    horizon: 8 + random.below(UInt64(24))), &random)
            let truth = BruteForce.isLinearizable(Array(history.operations))
            let report = check(history)
            if report.method == .search { searched += 1 }
            guard report.verdict.isHolding == truth, report.verdict.isViolated != truth else {
                Issue.record("should be \(truth), is \(report.verdict): \(describe(history))")
                return false
            }
            return true
        }
        #expect(searched * 50 < count, "\(searched) of \(count) keys were searched")
    }

    @Test func longHistoriesWithComparisonsAreDecidedWithoutASearch() {
        // Sixteen processes that compare with what they last saw; every operation takes effect at
        // one moment of its interval, and a tenth of the writes is never answered.
        var random = RandomSource(seed: 11)
        var history = History()
        let key = history.key("k")
        var value = ValueID.absent
        var moment: Int64 = 0
        var seen = [ValueID](repeating: .absent, count: 16)
        for number in 1...4_000 {
            moment += 1 + Int64(random.below(20))
            let process = random.below(16)
            let start = moment - Int64(random.below(60))
            let end = moment + Int64(random.below(60))
            let own = ValueID.write(process: UInt32(process), sequence: UInt64(number))
            var operation = Operation(
                process: UInt32(process), key: key, kind: .read, outcome: .ok, value: value,
                invoked: start, completed: end)
            switch random.below(4) {
            case 0:
                let isUnknown = random.chance(1, in: 10)
                operation = Operation(
                    process: UInt32(process), key: key, kind: .write,
                    outcome: isUnknown ? .unknown : .ok, value: own, invoked: start, completed: end)
                if !isUnknown || random.chance(1, in: 2) { value = own }
            case 1, 2:
                let holds = seen[process] == value
                operation = Operation(
                    process: UInt32(process), key: key, kind: .cas, outcome: holds ? .ok : .fail,
                    value: own, expected: seen[process], invoked: start, completed: end,
                    flags: holds ? [] : .refuted)
                if holds { value = own }
            default: break
            }
            seen[process] = value
            history.append(operation)
        }
        let report = check(history)
        #expect(report.verdict.isHolding, "\(report.verdict)")
        #expect(report.method == .blocks)
    }
}
