import Basics
import Consistency
import Load
import Platform
import Synchronization
import Testing
import Workloads

@Suite struct LoadRunTests {
    private func plan(
        _ store: ScriptedStore, _ text: String, _ phase: LoadPlan.Phase = .transactions,
        scheme: Target.Scheme = .redis
    ) throws -> LoadPlan {
        let workload = try Workload(try Properties(parsing: text, file: "test"))
        var plan = LoadPlan(
            target: Target(scheme: scheme, addresses: [store.address]), workload: workload,
            phase: phase)
        plan.firstProcess = 1
        plan.seed = 7
        return plan
    }

    private func run(
        _ text: String, _ phase: LoadPlan.Phase = .transactions, scheme: Target.Scheme = .redis,
        adjust: (inout LoadPlan) -> Void = { _ in }
    ) throws -> (result: LoadResult, commands: [[String]]) {
        try run(text, phase, scheme: scheme, script: { _, _ in .proper }, adjust: adjust)
    }

    private func run(
        _ text: String, _ phase: LoadPlan.Phase = .transactions, scheme: Target.Scheme = .redis,
        script: @escaping ScriptedStore.Script, adjust: (inout LoadPlan) -> Void = { _ in }
    ) throws -> (result: LoadResult, commands: [[String]]) {
        let store = try ScriptedStore(script)
        defer { store.stop() }
        var plan = try plan(store, text, phase, scheme: scheme)
        adjust(&plan)
        let result = try LoadRun(plan).run()
        return (result, store.received)
    }

    /// A process has one operation at a time, and ends with the first whose outcome is unknown.
    private func isSequential(_ history: History) -> Bool {
        var free: [UInt32: Int64] = [:]
        for operation in history.operations {
            if operation.invoked < free[operation.process] ?? .min { return false }
            free[operation.process] = operation.completed
        }
        return true
    }

    @Test(arguments: [1, 3])
    func theLoadPhaseWritesEveryRecordOnce(generators: Int) throws {
        let (result, commands) = try run(
            "recordcount=500\nthreadcount=7\nfieldcount=1\ninsertorder=ordered", .load
        ) { $0.generators = generators }
        #expect(result.ending == .completed)
        #expect(result[.insert]?.succeeded == 500 && result.operationCount == 500)
        #expect(Set(commands.map { $0[1] }) == Set((0..<500).map { "user\($0)" }))
        #expect(commands.allSatisfy { $0[0] == "SET" && $0[2].utf8.count == 100 })
        let values = Set(commands.map { $0[2].prefix { $0 != ";" } })
        #expect(values == Set((0..<500).map { "w:\(WriteID.loader):\($0)" }))
        #expect(result.history.count == 500 && isSequential(result.history))
    }

    @Test(arguments: [1, 2])
    func theTimedOperationsAreTheHistory(generators: Int) throws {
        let text = """
            recordcount=50
            operationcount=1500
            threadcount=6
            fieldlength=10
            readproportion=0.4
            updateproportion=0.3
            insertproportion=0.1
            readmodifywriteproportion=0.2
            requestdistribution=latest
            """
        let (result, commands) = try run(text) { $0.generators = generators }
        #expect(result.ending == .completed && result.errorCount == 0)
        #expect(result.operationCount == 1_500)
        #expect(result.intervals.reduce(0) { $0 + $1.count } == 1_500)
        let pairs = result[.readModifyWrite]?.count ?? 0
        #expect(pairs > 200)
        let reads = result[.read]?.count ?? 0
        let updates = (result[.update]?.count ?? 0) + (result[.insert]?.count ?? 0)
        #expect(reads + updates == 1_500 + pairs)
        #expect(UInt64(commands.count) == 1_500 + pairs)
        #expect(commands.count == result.history.count)
        #expect(isSequential(result.history))
        let writes = result.history.operations.filter { $0.kind == .write }
        #expect(Set(writes.map(\.value)).count == writes.count)
        for read in result.history.operations where read.kind == .read && !read.value.isAbsent {
            #expect(writes.contains { $0.value == read.value && $0.key == read.key })
        }
    }

    @Test func valuesFromBeforeTheRunBecomeEarlierWrites() throws {
        let store = try ScriptedStore()
        defer { store.stop() }
        let text = "recordcount=20\noperationcount=300\nthreadcount=3\nfieldcount=1"
        _ = try LoadRun(try plan(store, text, .load)).run()
        let first = try LoadRun(try plan(store, text)).run()
        #expect(first.earlierWrites > 0 && first.earlierWrites <= 20)
        #expect(first.history.count == 300 + first.earlierWrites)
        var again = try plan(store, text)
        again.firstProcess = 100
        let second = try LoadRun(again).run()
        let earlier = second.history.operations.filter { $0.completed < 0 }
        #expect(earlier.count == second.earlierWrites)
        #expect(earlier.contains { $0.value.process < 100 })
        #expect(Set(earlier.map(\.process)).count == earlier.count)
    }

    @Test func theQuorumIsSetOnceAConnection() throws {
        let (result, commands) = try run(
            "recordcount=5\noperationcount=50\nthreadcount=4", scheme: .quorum
        ) {
            $0.readQuorum = 1
            $0.writeQuorum = 3
            $0.quorumTimeout = 250
        }
        let greetings = commands.filter { $0[0] == "QUORUM" }
        #expect(
            greetings
                == Array(repeating: ["QUORUM", "R", "1", "W", "3", "TIMEOUT", "250"], count: 4))
        #expect(commands.count == 54 && result.operationCount == 50)
    }

    @Test func aRefusedQuorumEndsTheRunBeforeItBegins() throws {
        #expect(
            performing: {
                _ = try run(
                    "recordcount=5\noperationcount=50", scheme: .quorum,
                    script: { _, _ in .text("-ERR R is above N\r\n") }
                ) { $0.readQuorum = 9 }
            },
            throws: { "\($0)".contains("refused QUORUM: ERR R is above N") })
    }

    @Test func storeErrorsAreClassifiedByWhatTheyPromise() throws {
        let (result, _) = try run(
            "recordcount=10\noperationcount=400\nthreadcount=4\n"
                + "readproportion=0\nupdateproportion=1",
            script: { number, _ in
                switch number % 10 {
                case 1: .afterwards("-TIMEOUT 1 of 2 replicas answered\r\n")
                case 2: .text("-UNAVAILABLE 1 of 2 replicas reachable\r\n")
                case 3: .text("-OOM command not allowed\r\n")
                default: .proper
                }
            })
        #expect(result.ending == .completed)
        #expect(result[.update]?.unknown == 40 && result[.update]?.failed == 80)
        #expect(result[.update]?.succeeded == 280 && result.errorCount == 120)
        let failures = Dictionary(
            uniqueKeysWithValues: result.failures.map { ($0.failure, $0.count) })
        #expect(failures == [.storeTimeout: 40, .unavailable: 40, .refused("OOM"): 40])
        #expect(isSequential(result.history))
        let unknown = result.history.operations.filter { $0.outcome == .unknown }
        #expect(unknown.count == 40 && unknown.allSatisfy { $0.completed == Operation.never })
        #expect(Set(result.history.operations.map(\.process)).count == 44)
        #expect(result.ycsbText(Workload()).contains("[UPDATE-FAILED], Return=UNKNOWN, 40\n"))
    }

    @Test func aRunEndsBeforeItsProcessNumbersRunOut() throws {
        let (result, _) = try run(
            "recordcount=10\noperationcount=200\nthreadcount=2",
            script: { number, _ in number % 2 == 0 ? .text("-TIMEOUT\r\n") : .proper }
        ) { $0.firstProcess = WriteID.loader - 10 }
        #expect(result.ending == .processesExhausted)
        #expect(
            result.history.operations.allSatisfy { $0.completed < 0 || $0.process < WriteID.loader }
        )
    }

    @Test func lostConnectionsAreUnknownAndSessionsComeBack() throws {
        let (result, _) = try run(
            "recordcount=10\noperationcount=200\nthreadcount=3",
            script: { number, _ in number % 40 == 0 ? .close : .proper })
        #expect(result.ending == .completed && result.operationCount == 200)
        let lost = result.failures.first { $0.failure == .connectionLost }?.count ?? 0
        #expect(lost >= 4 && lost == result.errorCount)
        #expect(isSequential(result.history))
    }

    @Test func operationsWithoutAnAnswerAreUnknown() throws {
        let (result, _) = try run(
            "recordcount=10\noperationcount=60\nthreadcount=3",
            script: { number, _ in number == 30 ? .silence : .proper }
        ) { $0.requestTimeout = .milliseconds(150) }
        #expect(result.failures.map(\.failure) == [.requestTimeout])
        #expect(result.errorCount == 1 && result.operationCount == 60)
    }

    @Test func repliesInPiecesAreWhole() throws {
        let (result, _) = try run(
            "recordcount=4\noperationcount=120\nthreadcount=2\nfieldcount=1\nfieldlength=40\n"
                + "readproportion=0.5\nupdateproportion=0.5\ndataintegrity=true",
            script: { _, _ in .dribble })
        #expect(result.operationCount == 120 && result.errorCount == 0)
    }

    @Test func dataIntegritySeesAWrongByte() throws {
        let (result, _) = try run(
            "recordcount=4\noperationcount=50\nreadproportion=1\nupdateproportion=0\n"
                + "fieldcount=1\nfieldlength=10\ndataintegrity=true",
            script: { _, _ in .text("$10\r\nw:9:9;abcd\r\n") })
        #expect(result.failures.map(\.failure) == [.corruptValue] && result.errorCount == 50)
    }

    @Test func foreignValuesAreReadWithoutAWriter() throws {
        let (result, _) = try run(
            "recordcount=1\noperationcount=5\nreadproportion=1\nupdateproportion=0",
            script: { _, _ in .text("$5\r\nhello\r\n") })
        #expect(result.errorCount == 0 && result.earlierWrites == 1)
        #expect(result.history.operations.allSatisfy { $0.value.isInterned })
    }

    @Test func anOpenLoopKeepsItsSchedule() throws {
        let (result, commands) = try run(
            "recordcount=10\noperationcount=300\nthreadcount=8\ntarget=3000\narrivals=constant")
        #expect(result.ending == .completed && commands.count == 300)
        let intended = result.history.operations.filter { $0.invoked >= 0 }.map(\.intended).sorted()
        #expect(intended == (0..<300).map { Int64(Double($0) * (1e9 / 3_000)) })
        #expect(
            result.history.operations.allSatisfy { $0.invoked >= $0.intended || $0.invoked < 0 })
        let read = try #require(result[.read])
        #expect(read.latency.mean >= read.serviceTime.mean)
    }

    @Test func aRateThatCannotBeMetEndsTheRun() throws {
        let (result, _) = try run(
            "recordcount=10\noperationcount=100000\nthreadcount=2\ntarget=50000\narrivals=poisson",
            script: { number, _ in number > 10 ? .silence : .proper }
        ) {
            $0.saturationLag = .milliseconds(60)
            $0.requestTimeout = .milliseconds(200)
        }
        guard case .overloaded(let lag) = result.ending else {
            Issue.record("ended as \(result.ending)")
            return
        }
        #expect(lag > .milliseconds(60))
        #expect(result.operationCount < 100)
    }

    @Test func theWarmUpIsInTheHistoryOnly() throws {
        let (result, commands) = try run(
            "recordcount=10\noperationcount=100\nthreadcount=2\ntarget=1000\narrivals=constant"
        ) { $0.warmup = .milliseconds(100) }
        #expect(result.operationCount == 100 && commands.count == 200)
        #expect(result.history.count - result.earlierWrites == 200)
        #expect(result[.read]?.count ?? 0 <= 100)
        #expect(result.intervals.first?.start == .zero)
    }

    @Test func aWarmUpThatNeverGetsSteadyEndsAtItsLimit() throws {
        let (result, _) = try run("recordcount=10\noperationcount=300\nthreadcount=2") {
            $0.warmsUpUntilSteady = true
            $0.warmup = .milliseconds(120)
        }
        #expect(result.becameSteady == false && result.warmup == .milliseconds(120))
        #expect(result.operationCount == 300 && result.history.count > 300)
        #expect(result.ycsbText(Workload()).contains("[WARMUP], Steady, false\n"))
    }

    @Test func aDurationEndsTheRun() throws {
        let (result, _) = try run("recordcount=10\nthreadcount=2\ntarget=500\narrivals=constant") {
            $0.duration = .milliseconds(200)
            $0.interval = .milliseconds(50)
        }
        #expect(result.ending == .completed && result.operationCount == 100)
        #expect(result.intervals.count <= 5)
        #expect(
            result.intervals.map(\.start.nanoseconds).sorted()
                == result.intervals.map(\.start.nanoseconds))
    }

    @Test func stoppingKeepsWhatWasMeasured() throws {
        let stop = StopFlag()
        let store = try ScriptedStore { number, _ in
            if number == 200 { stop.raise() }
            return .proper
        }
        defer { store.stop() }
        var plan = try plan(store, "recordcount=10\nthreadcount=4")
        plan.duration = .seconds(60)
        let result = try LoadRun(plan).run(stop: stop)
        #expect(result.ending == .interrupted)
        #expect(result.operationCount >= 199)
        #expect(UInt64(result.history.count - result.earlierWrites) == result.operationCount)
    }

    @Test func stoppingDoesNotWaitForAStoreThatIsSilent() throws {
        let stop = StopFlag()
        let store = try ScriptedStore { number, _ in
            if number == 60 { stop.raise() }
            return number > 56 ? .silence : .proper
        }
        defer { store.stop() }
        var plan = try plan(store, "recordcount=10\nthreadcount=4")
        plan.duration = .seconds(60)
        plan.requestTimeout = .milliseconds(300)
        let result = try LoadRun(plan).run(stop: stop)
        #expect(result.ending == .interrupted)
        #expect(result.operationCount == 60 && result.errorCount == 4)
        #expect(result.history.operations.count { $0.outcome == .unknown } == 4)
    }

    @Test func aTargetThatGoesAwayEndsTheRunWithItsResults() throws {
        let (result, _) = try run(
            "recordcount=10\noperationcount=100000\nthreadcount=4",
            script: { number, _ in number == 500 ? .vanish : .proper }
        ) { $0.absenceLimit = .milliseconds(200) }
        guard case .targetLost(let why) = result.ending else {
            Issue.record("ended as \(result.ending)")
            return
        }
        #expect(why.contains("refused"))
        #expect(result.operationCount >= 499 && result.errorCount >= 1)
    }

    @Test func anUnreachableTargetIsNamed() throws {
        let store = try ScriptedStore()
        let plan = try plan(store, "recordcount=10\noperationcount=10")
        store.stop()
        #expect(
            performing: { _ = try LoadRun(plan).run() },
            throws: { error in
                guard case .unreachable(let text)? = error as? LoadError else { return false }
                return text.contains("\(plan.target)") && text.contains("refused")
            })
    }

    @Test func plansThatCannotWorkAreRefused() throws {
        let store = try ScriptedStore()
        defer { store.stop() }
        func problem(_ text: String, _ adjust: (inout LoadPlan) -> Void = { _ in }) throws -> String
        {
            var plan = try plan(store, text)
            adjust(&plan)
            do {
                _ = try LoadRun(plan).run()
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(try problem("recordcount=5").contains("operationcount or a duration"))
        #expect(try problem("operationcount=5").contains("no records"))
        let scans =
            "recordcount=5\noperationcount=5\nreadproportion=0\nupdateproportion=0\n"
            + "scanproportion=1"
        #expect(try problem(scans).contains("scanproportion=1"))
        #expect(
            try problem("recordcount=5\noperationcount=5") { $0.generators = 2 }.contains(
                "cannot share"))
        #expect(
            try problem("recordcount=5\noperationcount=5") { $0.readQuorum = 2 }.contains(
                "quorum://"))
        #expect(
            try problem("recordcount=5\noperationcount=5") { $0.pipeline = 0 }.contains("1024 deep")
        )
        #expect(
            try problem("recordcount=5\noperationcount=5") { $0.connections = 2 }.contains(
                "at least one session"))
        #expect(
            try problem("recordcount=5\noperationcount=5") { $0.redis.dataType = .hash }.contains(
                "writeallfields=true"))
        #expect(try problem("recordcount=5\noperationcount=9999999999").contains("run without one"))
        #expect(store.received.isEmpty)
    }

    @Test(arguments: [(8, nil), (1, 2), (3, 5)])
    func pipelinedOperationsAreOneEachOfTheirProcesses(depth: Int, connections: Int?) throws {
        let (result, commands) = try run(
            "recordcount=30\noperationcount=2000\nthreadcount=5\nreadproportion=0.4\n"
                + "updateproportion=0.3\nreadmodifywriteproportion=0.3\nfieldcount=1\n"
                + "fieldlength=30\ndataintegrity=true"
        ) {
            $0.pipeline = depth
            $0.connections = connections
        }
        #expect(result.ending == .completed && result.errorCount == 0)
        #expect(result.operationCount == 2_000)
        #expect(commands.count == 2_000 + Int(result[.readModifyWrite]?.count ?? 0))
        #expect(isSequential(result.history))
        let processes = Set(result.history.operations.filter { $0.invoked >= 0 }.map(\.process))
        #expect(processes.count == 5 * depth)
        // Some operations of one connection were under way together.
        var last = Int64.min
        var overlap = 0
        for operation in result.history.operations.sorted(by: { $0.invoked < $1.invoked }) {
            if operation.invoked < last { overlap += 1 }
            last = max(last, operation.completed)
        }
        #expect(overlap > 0)
    }

    @Test func aLostConnectionLosesAllThatWasPipelinedOnIt() throws {
        let (result, _) = try run(
            "recordcount=10\noperationcount=300\nthreadcount=1",
            script: { number, _ in number == 100 ? .close : .proper }
        ) { $0.pipeline = 10 }
        #expect(result.ending == .completed && result.operationCount == 300)
        let lost = result.failures.first { $0.failure == .connectionLost }?.count ?? 0
        #expect((1...10).contains(lost) && lost == result.errorCount, "\(result.failures)")
        #expect(isSequential(result.history))
    }

    @Test func insertsAreTriedAgainWhereThePropertiesSaySo() throws {
        let text = """
            recordcount=40
            threadcount=4
            core_workload_insertion_retry_limit=2
            core_workload_insertion_retry_interval=0.02
            """
        let (result, commands) = try run(
            text, .load, script: { number, _ in number <= 6 ? .text("-ERR no\r\n") : .proper })
        #expect(result[.insert]?.succeeded == 40 && result.errorCount == 0)
        #expect(result[.insert]?.retried == 6 && commands.count == 46)
        #expect(result.ycsbText(Workload()).contains("[INSERT-FAILED], Return=RETRIED, 6\n"))
        let (refused, all) = try run(text, .load, script: { _, _ in .text("-ERR no\r\n") })
        #expect(refused.errorCount == 40 && refused[.insert]?.retried == 80 && all.count == 120)
    }

    @Test(arguments: ["closed", "constant"])
    func theNullTargetEndsOperationsWhereTheyStart(arrivals: String) throws {
        var plan = LoadPlan(
            target: try Target("null:"),
            workload: try Workload(
                try Properties(
                    parsing: "recordcount=100\noperationcount=5000\nthreadcount=4\n"
                        + "scanproportion=0.1\nreadproportion=0.4\nupdateproportion=0.5\n"
                        + "arrivals=\(arrivals)\ntarget=50000", file: "test")),
            phase: .transactions)
        plan.generators = 2
        let result = try LoadRun(plan).run()
        #expect(result.ending == .completed && result.operationCount == 5_000)
        #expect(result.startDelay.count == (arrivals == "closed" ? 0 : 5_000))
        #expect(isSequential(result.history))
    }

    @Test func workersShareTheOperationsAndTheNewRecords() throws {
        let store = try ScriptedStore()
        defer { store.stop() }
        for worker in 0..<3 {
            var part = try plan(store, "recordcount=100\nthreadcount=2\ninsertorder=ordered", .load)
            (part.worker, part.workers) = (worker, 3)
            let result = try LoadRun(part).run()
            #expect(result.operationCount == (worker == 0 ? 34 : 33))
        }
        #expect(store.received.count == 100)
        #expect(Set(store.received.map { $0[1] }) == Set((0..<100).map { "user\($0)" }))
    }

    @Test func aGrowingBacklogEndsTheRun() throws {
        let (result, _) = try run(
            "recordcount=10\nthreadcount=1\ntarget=1000000\narrivals=constant"
        ) { $0.duration = .seconds(60) }
        guard case .overloaded(let lag) = result.ending else {
            Issue.record("ended as \(result.ending)")
            return
        }
        #expect(lag < .seconds(9) && result.operationCount > 10)
    }
}
