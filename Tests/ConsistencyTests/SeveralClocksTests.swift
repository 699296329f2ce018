import Basics
import Consistency
import TestSupport
import Testing

@Suite struct SeveralClocksTests {
    private func check(_ history: History, error: Int64) -> ModelReport {
        var options = CheckOptions()
        options.models = [.linearizable]
        options.clockError = error
        return Checker.check(history, options: options).models[0]
    }

    /// The same history with the operations timed by these clocks.
    private func timed(_ text: String, _ clocks: [UInt8]) -> History {
        let plain = terse(text)
        var history = History()
        for key in 0..<plain.keys.count { _ = history.key(plain.keyText(UInt32(key))) }
        for (index, clock) in clocks.enumerated() {
            var operation = plain.operations[index]
            operation.clock = clock
            history.append(operation)
        }
        return history
    }

    @Test func operationsOfOneClockKeepTheirOrderHoweverFarItIsOff() {
        let text = "w1[0,10] w2[20,30] r1[40,50]"
        #expect(check(timed(text, [0, 0, 0]), error: 100).verdict.isHolding)
        #expect(check(timed(text, [1, 2, 3]), error: 100).verdict.isHolding)
        let one = check(timed(text, [1, 1, 1]), error: 100)
        #expect(one.verdict.isViolated)
        #expect(one.method == .peeling)
        #expect(one.counterexample?.operations == [0, 1, 2])
    }

    @Test func aReadFromTheFutureOfItsOwnClockIsOne() {
        let history = timed("r1[0,5] w1[10,20]", [4, 4])
        #expect(check(history, error: 50).counterexample?.anomaly == .futureRead)
        #expect(check(timed("r1[0,5] w1[10,20]", [4, 5]), error: 50).verdict.isHolding)
    }

    @Test func threeMachinesCanFormACycleThatNoTwoClustersForm() {
        // Machine 1 saw value 1 before value 2 was written, machine 2 saw 2 before 3, machine 3 saw
        // 3 before 1; the clocks say nothing about each other.
        let text = "r1[0,1] w2[2,100] r2[0,1] w3[2,100] r3[0,1] w1[2,100]"
        let cycle = check(timed(text, [1, 1, 2, 2, 3, 3]), error: 1_000)
        #expect(cycle.verdict.isViolated)
        #expect(cycle.counterexample?.operations.count == 6)
        let broken = check(timed(text, [1, 1, 2, 2, 3, 4]), error: 1_000)
        #expect(broken.verdict.isHolding)
    }

    @Test func severalClocksAgreeWithBruteForce() {
        Seeds.forAll(cases(4_000), "several clocks") { random in
            let plain = randomHistory(Mix(writes: 5, unknown: 2, failed: 1), &random)
            var history = History()
            _ = history.key("k0")
            for operation in plain.operations {
                var timed = operation
                timed.clock = UInt8(random.below(4))
                history.append(timed)
            }
            let error = 1 + Int64(random.below(5))
            let truth = BruteForce.isLinearizable(Array(history.operations)) { a, b in
                if a.completed == Operation.never { return false }
                let isOneClock = a.clock != 0 && a.clock == b.clock
                return a.completed < b.invoked - (isOneClock ? 0 : 2 * error)
            }
            let verdict = check(history, error: error).verdict
            if verdict.isHolding == truth, verdict.isViolated != truth { return true }
            let clocks = history.operations.map { "\($0.clock)" }.joined(separator: ",")
            Issue.record(
                "should be \(truth), clocks \(clocks) within \(error): \(describe(history))")
            return false
        }
    }

    @Test func clocksWithinTheirErrorNeverRaiseAnAlarm() {
        // Linearizable runs by construction: every operation has a moment in its true interval.
        Seeds.forAll(cases(1_000), "honest clocks") { random in
            var history = History()
            let key = history.key("k")
            let error = Int64(random.below(8))
            let offsets = (0..<3).map { _ in
                Int64(random.below(UInt64(2 * error + 1))) - error
            }
            var value = ValueID.absent
            var moment: Int64 = 100
            for number in 1...12 {
                moment += Int64(random.below(4))
                let machine = random.below(3)
                let isWrite = random.chance(1, in: 2)
                if isWrite { value = .write(process: 0, sequence: UInt64(number)) }
                let start = moment - Int64(random.below(6)) + offsets[machine]
                let end = moment + Int64(random.below(6)) + offsets[machine]
                var operation = Operation(
                    process: UInt32(number), key: key, kind: isWrite ? .write : .read,
                    outcome: .ok, value: value, invoked: start, completed: end)
                operation.clock = UInt8(machine + 1)
                history.append(operation)
            }
            if check(history, error: error).verdict.isHolding { return true }
            Issue.record("a false alarm within \(error): \(describe(history))")
            return false
        }
    }
}
