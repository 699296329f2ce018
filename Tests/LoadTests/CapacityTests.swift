import Basics
import Load
import Testing
import Workloads

@Suite struct CapacityTests {
    private func run(_ text: String, operations: Int = 500) throws -> LoadResult {
        let workload = try Workload(
            try Properties(
                parsing: "recordcount=10\noperationcount=\(operations)\n\(text)", file: "test"))
        return try LoadRun(
            LoadPlan(target: try Target("null:"), workload: workload, phase: .transactions)
        ).run()
    }

    @Test func objectivesAreReadAndJudged() throws {
        let result = try run("readproportion=1\nupdateproportion=0")
        for met in ["p99<1s", "read_p50 <= 1s", "errors<1%", "max<1h", "errors<=0", "p100<1h"] {
            #expect(try Objective(met).isMet(by: result), "\(met)")
        }
        // There were no updates, and nothing takes no time at all.
        for missed in ["update_p99<1s", "p99<0", "errors<0", "max<1ns"] {
            #expect(try !Objective(missed).isMet(by: result), "\(missed)")
        }
    }

    @Test(arguments: [
        "", "p99", "p99>5ms", "p99<", "p99<5", "p101<5ms", "write_p99<5ms", "errors<x%", "q<5ms",
    ])
    func malformedObjectivesAreRefused(text: String) {
        #expect(
            performing: { _ = try Objective(text) },
            throws: { "\($0)".contains("'\(text)' is not an objective") })
    }

    private func search(
        _ objective: String, adjust: (inout LoadPlan) -> Void = { _ in }
    ) throws -> (best: CapacitySearch.Trial?, trials: [CapacitySearch.Trial]) {
        let workload = try Workload(
            try Properties(
                parsing: "recordcount=10\nreadproportion=0.5\nupdateproportion=0.5\ntarget=64000\n"
                    + "threadcount=4", file: "test"))
        var plan = LoadPlan(
            target: try Target("null:"), workload: workload, phase: .transactions)
        plan.duration = .milliseconds(30)
        adjust(&plan)
        var trials: [CapacitySearch.Trial] = []
        let best = try CapacitySearch(plan, objectives: [try Objective(objective)])
            .run(stop: StopFlag(), progress: { _ in }, told: { trials.append($0) })
        return (best, trials)
    }

    @Test func theSearchDoublesAndHalvesIn() throws {
        // A backlog of 20 ms counts as overload, which some rate makes on any machine.
        let (best, trials) = try search("errors<=0") { $0.saturationLag = .milliseconds(20) }
        #expect(trials.count <= CapacitySearch.longest)
        #expect(trials.first?.rate == 64_000)
        let highest = try #require(best)
        #expect(highest.holds && highest.rate > 1_000)
        let failed = trials.filter { !$0.holds }.map(\.rate)
        #expect(failed.allSatisfy { $0 > highest.rate })
        #expect((failed.min() ?? 0) / highest.rate < 1.06 || highest.rate > 5e7)
    }

    @Test func anObjectiveThatNothingMeetsEndsTheSearch() throws {
        let (best, trials) = try search("p50<1ns")
        #expect(best == nil && trials.count <= 10)
        #expect(trials.allSatisfy { $0.missed.map(\.description) == ["p50<1ns"] })
    }

    @Test func plansThatCannotBeSearchedAreRefused() throws {
        #expect(throws: LoadError.self) { _ = try search("p99<1s") { $0.duration = nil } }
        #expect(throws: LoadError.self) { _ = try search("p99<1s") { $0.phase = .load } }
        #expect(throws: LoadError.self) {
            _ = try search("p99<1s") { $0.workload.arrivals = .ramp }
        }
    }
}
