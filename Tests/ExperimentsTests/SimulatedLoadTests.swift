import Basics
import Consistency
import Experiments
import Load
import Testing
import Workloads

/// `run sim:`: a workload in virtual time.
@Suite struct SimulatedLoadTests {
    /// Twenty records, two thousand operations by eight clients, half of them writes; `changes` are
    /// properties in place of these.
    private func plan(_ changes: String = "") throws -> LoadPlan {
        var properties = try Properties(
            parsing: "recordcount=20\noperationcount=2000\nthreadcount=8\nreadproportion=0.5\n"
                + "updateproportion=0.5\n", file: "test")
        for assignment in changes.split(separator: "\n") {
            try properties.set(assignment: String(assignment), origin: "test")
        }
        var plan = LoadPlan(
            target: try Target("sim:"), workload: try Workload(properties), phase: .transactions)
        try plan.readTargetProperties(properties)
        plan.seed = 3
        return plan
    }

    private func refusal(_ plan: LoadPlan) -> String {
        do {
            _ = try SimulatedLoad(plan)
            return "no error"
        } catch { return "\(error)" }
    }

    @Test func aWorkloadIsMeasuredInVirtualTime() throws {
        let one = try SimulatedLoad(plan("")).run()
        #expect(one.operationCount == 2_000 && one.errorCount == 0 && one.ending == .completed)
        #expect((one[.read]?.count ?? 0) > 800 && (one[.update]?.count ?? 0) > 800)
        // Virtual milliseconds, the same on every machine.
        let again = try SimulatedLoad(plan("")).run()
        #expect(one.runTime == again.runTime && one.runTime > .milliseconds(10))
        #expect(one.intervals == again.intervals)
        #expect(one.history.operations == again.history.operations)
        let far = try SimulatedLoad(plan("sim.network=wan\n")).run()
        #expect(far.runTime.seconds > one.runTime.seconds * 5)
    }

    @Test func quorumsAndFaultsAreThoseOfThePlan() throws {
        var weak = try plan("sim.faults=partition\n")
        weak.readQuorum = 1
        weak.writeQuorum = 1
        weak.workload.operationCount = 20_000
        let result = try SimulatedLoad(weak).run()
        var options = CheckOptions()
        options.models = [.linearizable]
        #expect(Checker.check(result.history, options: options).staleness.staleReads > 0)
    }

    @Test func keysAreDrawnAsTheWorkloadSays() throws {
        let result = try SimulatedLoad(
            plan("recordcount=100\nrequestdistribution=zipfian\noperationcount=8000\n")
        ).run()
        var reads = [Int](repeating: 0, count: result.history.keys.count)
        for operation in result.history.operations where operation.kind == .read {
            reads[Int(operation.key)] += 1
        }
        let sorted = reads.sorted(by: >)
        #expect(sorted[0] > 120 && sorted[0] > sorted[9] * 2, "\(sorted.prefix(10))")
        let latest = try SimulatedLoad(
            plan("insertproportion=0.2\nupdateproportion=0.3\nrequestdistribution=latest\n")
        ).run()
        #expect(latest.history.operations.contains { $0.key >= 20 && $0.kind == .read })
    }

    @Test func aReadModifyWriteReadsAndThenWritesTheSameRecord() throws {
        let result = try SimulatedLoad(
            plan("readproportion=0\nupdateproportion=0\nreadmodifywriteproportion=1\n")
        ).run()
        var last: [UInt32: UInt32] = [:]
        let order = result.history.operations.sorted { $0.invoked < $1.invoked }
        var pairs = 0
        for operation in order {
            if operation.kind == .read {
                last[operation.process] = operation.key
            } else {
                #expect(last[operation.process] == operation.key)
                pairs += 1
            }
        }
        #expect(pairs == 1_000)
    }

    @Test func arrivalsDecideWhenOperationsStart() throws {
        var open = try plan("target=1000\narrivals=poisson\n")
        open.workload.operationCount = 0
        open.duration = .seconds(2)
        let result = try SimulatedLoad(open).run()
        #expect((1_800...2_200).contains(result.operationCount), "\(result.operationCount)")
        #expect((1.9...2.2).contains(result.runTime.seconds), "\(result.runTime)")
        #expect(result.startDelay.count > 1_800)
        #expect(result.history.operations.allSatisfy { $0.intended <= $0.invoked })
        // Too few clients for the rate: waiting for one counts as latency, not as service time.
        var slow = try plan("threadcount=1\ntarget=20000\nsim.network=wan\n")
        slow.workload.operationCount = 400
        let late = try SimulatedLoad(slow).run()
        let read = try #require(late[.read])
        #expect(read.latency.percentile(99) > read.serviceTime.percentile(99) * 4)
    }

    @Test func whatCannotBeSimulatedIsRefused() throws {
        #expect(
            refusal(try plan("scanproportion=0.1\nupdateproportion=0.4\n")).contains(
                "does not scan"))
        var timed = try plan("")
        timed.duration = .seconds(1)
        #expect(refusal(timed).contains("ends by count in a closed loop"))
        #expect(refusal(try plan("sim.n=9\n")).contains("n is 9: expected 1 to 5"))
        #expect(refusal(try plan("sim.faults=rain\n")).contains("sim.faults"))
        var loading = try plan("")
        loading.phase = .load
        #expect(refusal(loading).contains("nothing to load"))
        var deep = try plan("")
        deep.pipeline = 2
        #expect(refusal(deep).contains("one thread and no connections"))
        #expect(throws: PropertyError.self) { _ = try plan("sim.speed=9\n") }
    }
}
