import Basics
import Consistency
import Experiments
import Load
import Testing
import Workloads

/// `run sim:`: a workload in virtual time.
@Suite struct SimulatedLoadTests {
    private func plan(_ text: String) throws -> LoadPlan {
        let properties = try Properties(
            parsing: "recordcount=20\noperationcount=2000\nthreadcount=8\nreadproportion=0.5\n"
                + "updateproportion=0.5\n" + text, file: "test")
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

    @Test func whatCannotBeSimulatedIsRefused() throws {
        #expect(refusal(try plan("requestdistribution=zipfian\n")).contains("draws keys uniformly"))
        #expect(refusal(try plan("target=100\n")).contains("closed loop"))
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
