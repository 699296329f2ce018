import Basics
import Consistency
import Load
import Synchronization
import Testing
import Workloads

/// The check behind a running load, against a store that is right and one that is not.
@Suite struct OnlineCheckTests {
    private let workload = """
        recordcount=20
        operationcount=3000
        threadcount=6
        readproportion=0.5
        updateproportion=0.5
        fieldcount=1
        fieldlength=30
        """

    private func run(
        _ more: String = "", script: @escaping ScriptedStore.Script = { _, _ in .proper },
        change: (inout LoadPlan) -> Void = { _ in }
    ) throws -> LoadResult {
        let store = try ScriptedStore(script)
        defer { store.stop() }
        var plan = try targetPlan("redis://\(store.address)", workload + more)
        plan.checksOnline = true
        plan.firstProcess = 1
        change(&plan)
        return try LoadRun(plan).run()
    }

    @Test(arguments: [true, false])
    func aRightStoreHolds(keeps: Bool) throws {
        let result = try run(change: { $0.recordsHistory = keeps })
        let online = try #require(result.online)
        #expect(online.verdict == "holds" && online.violations.isEmpty && online.skipped == 0)
        #expect(online.operations == 3_000 && online.keys == 20)
        #expect((result.history.count == 0) != keeps)
    }

    /// Every key keeps its first value for ever: a register that forgets all but one write.
    @Test func aStoreThatLosesWritesIsFound() throws {
        let first = Mutex<[String: String]>([:])
        let result = try run(script: { _, words in
            first.withLock { values in
                guard words[0] == "GET" else {
                    values[words[1]] = values[words[1]] ?? words[2]
                    return .text("+OK\r\n")
                }
                guard let value = values[words[1]] else { return .text("$-1\r\n") }
                return .text("$\(value.utf8.count)\r\n\(value)\r\n")
            }
        })
        let online = try #require(result.online)
        #expect(online.verdict == "violated" && online.operations == 3_000)
        // The same keys as the check of the whole history finds.
        var options = CheckOptions()
        options.models = [.linearizable]
        let batch = Checker.check(result.history, options: options).models[0]
        #expect(online.violations.count == batch.violatingKeys && batch.violatingKeys > 10)
        let one = try #require(online.violations.first)
        #expect(one.key.hasPrefix("user") && one.explanation.contains(" read w:"))
    }

    /// Values of an earlier run are no thin air, unless they come back after a later write.
    @Test func valuesOfEarlierRunsWereThereBefore() throws {
        let old = "w:4000000:7;".padding(to: 30)
        let stale = try run(script: { _, words in
            words[0] == "GET" ? .text("$30\r\n\(old)\r\n") : .text("+OK\r\n")
        })
        #expect(stale.online?.verdict == "violated")
        let fresh = try run(
            "\nreadproportion=1\nupdateproportion=0",
            script: { _, words in
                .text("$30\r\n\(old)\r\n")
            })
        #expect(fresh.online?.verdict == "holds" && fresh.online?.operations == 3_000)
    }

    @Test func dataIntegritySeesStaleReads() throws {
        let old = Mutex<[String: String]>([:])
        let result = try run(
            "\ndataintegrity=true",
            script: { number, words in
                guard words[0] == "SET" else {
                    let value = old.withLock { $0[words[1]] }
                    guard number % 10 == 0, let value else { return .proper }
                    return .text("$\(value.utf8.count)\r\n\(value)\r\n")
                }
                old.withLock { $0[words[1]] = $0[words[1]] ?? words[2] }
                return .proper
            })
        // Each byte is as its writer wrote it, and yet the values are old.
        let stale = try #require(result.staleReads)
        #expect(result.failures.isEmpty && stale.events > 50 && stale.trials > 1_000)
        let text = result.ycsbText(
            try targetPlan("null:", workload + "\ndataintegrity=true").workload)
        #expect(text.contains("[VERIFY], Return=STALE, \(stale.events)\n"))
    }

    @Test func aPartOfAHistoryIsNotCheckedOnline() throws {
        var plan = try targetPlan("null:", workload)
        plan.checksOnline = true
        plan.workers = 2
        #expect(refusal(plan).contains("sees a part of the history only"))
    }
}

extension String {
    fileprivate func padding(to count: Int) -> String {
        self + String(repeating: "x", count: count - utf8.count)
    }
}
