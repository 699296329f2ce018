import Basics
import Consistency
import Experiments
import Foundation
import Platform
import Simulation
import Testing
import Workloads

/// Schedules of faults in the simulator: the same files as on processes.
@Suite struct ScheduleTests {
    private let folder = FileSystem.parent(of: #filePath) + "/../../workloads/faults"

    private func scenario(_ name: String) throws -> Scenario {
        var scenario = Scenario(seed: 5)
        scenario.operations = 300
        scenario.faultSchedule = try FaultSchedule(
            YAML.read("\(folder)/\(name)"), file: "\(folder)/\(name)")
        return scenario
    }

    @Test func everyScheduleStrikesInSimulationAndItsPlanReplays() throws {
        let plans = try FileSystem.temporaryFolder("quorumeter-plans")
        // Those that name times in seconds, or members that come and go, are for real clusters.
        let others = ["churn.yaml", "kills.yaml", "partitions.yaml", "mix.yaml"]
        for name in try FileSystem.list(folder) where !others.contains(name) {
            let result = try Simulation.run(scenario(name))
            #expect(result.faults.total > 0, "\(name) has struck nobody")
            #expect(result.invariants.isEmpty, "\(name): \(result.invariants)")
            try PlanFile.write(result, to: "\(plans)/\(name).json")
            let plan = try PlanFile.read("\(plans)/\(name).json")
            #expect(try Simulation.run(plan.scenario).digestText == result.digestText, "\(name)")
        }
        try FileSystem.removeTree(plans)
    }

    @Test func whatAFaultDoesIsSeen() throws {
        func run(_ fault: String) throws -> SimulationResult {
            var scenario = Scenario(seed: 5)
            scenario.operations = 400
            let text = "faults: [{\(fault), at: 0%, for: 60s}]"
            scenario.faultSchedule = try FaultSchedule(
                YAML.parse(Array(text.utf8), file: "test"), file: "test")
            return try Simulation.run(scenario)
        }
        let calm = try run("fault: clock-skew, by: 0, nodes: [n1]")
        #expect(calm.faults.lostMessages == 0 && calm.operations.failed == 0)
        #expect(try run("fault: lossy, drop: 20%").faults.lostMessages > 50)
        #expect(try run("fault: duplicate, duplicate: 20%").faults.duplicatedMessages > 50)
        #expect(try run("fault: partition, groups: halves").faults.lostMessages > 50)
        #expect(try run("fault: kill, nodes: majority").faults.crashes == 3)
        #expect(try run("fault: pause, nodes: minority").faults.pauses == 2)
        let full = try run("fault: disk-full, nodes: all")
        #expect(full.faults.fullDisks == 5 && full.faults.crashes == 0)
        #expect(full.operations.failed > 100 && full.invariants.isEmpty)
        func end(_ result: SimulationResult) -> Int64 {
            result.history.operations.filter { $0.outcome == .ok }.map(\.completed).max() ?? 0
        }
        #expect(end(try run("fault: slow, latency: 5ms")) > end(calm))
        #expect(end(try run("fault: slow-disk, nodes: all, by: 5ms")) > end(calm))
        let drifted = try run("fault: clock-drift, nodes: [n1], ppm: 500000")
        #expect(drifted.digestText != calm.digestText && drifted.faults.clockSteps == 1)
    }

    @Test func claimsAreReadForBothWorlds() throws {
        let file = FileSystem.parent(of: folder) + "/claims/both-worlds.yaml"
        let text = try FileSystem.text(file).replacing(
            "faults: workloads/faults", with: "faults: \(folder)")
        let tree = try YAML.parse(Array(text.utf8), file: file)
        for place in Claim.Place.allCases {
            let claims = try ClaimsFile.claims(tree, file: file, where: place)
            #expect(claims.count == 10)
            #expect(claims.allSatisfy { $0.place == place && $0.scenario.faultSchedule != nil })
        }
    }

    @Test func faultsOfAStoreThatIsNotOursAreRefused() throws {
        let text = """
            target: redis://127.0.0.1:1
            claims:
              - {name: a, model: linearizable, expect: holds, faults: [partition]}
            """
        #expect(throws: TreeError.self) {
            try ClaimsFile.claims(YAML.parse(Array(text.utf8), file: "c"), file: "c")
        }
    }

    @Test func aScheduleThatDoesNotFitIsRefusedBeforeTheRun() throws {
        var scenario = Scenario(seed: 1)
        scenario.nodes = 3
        let text = "faults: [{fault: kill, nodes: [n5], at: 1s, for: 1s}]"
        scenario.faultSchedule = try FaultSchedule(
            YAML.parse(Array(text.utf8), file: "test"), file: "test")
        #expect(throws: ScenarioError.self) { try Simulation.run(scenario) }
    }
}
