import Basics
import Replication
import Simulation
import Testing

/// Scenarios that make no sense are refused with a sentence.
struct ScenarioTests {
    @Test func faultNamesAreReadAndWritten() throws {
        #expect(try FaultFamilies(parsing: "partition,crash") == [.partition, .crash])
        #expect(try FaultFamilies(parsing: "kill") == .crash)
        #expect(try FaultFamilies(parsing: "none").isEmpty)
        #expect(try FaultFamilies(parsing: "all") == .all)
        #expect("\(FaultFamilies.all)" == "delay,loss,duplicate,partition,crash,clock-skew,pause")
        #expect("\(FaultFamilies())" == "none")
        #expect(throws: ScenarioError.self) { try FaultFamilies(parsing: "fire") }
    }

    @Test func numbersOutOfRangeAreNamed() {
        var scenario = Scenario(seed: 1)
        scenario.r = 4
        #expect(throws: ScenarioError("r is 4: expected 1 to 3")) { try Simulation.run(scenario) }
        scenario = Scenario(seed: 1)
        scenario.nodes = 0
        #expect(throws: ScenarioError("the number of nodes is 0: expected 1 to 64")) {
            try Simulation.run(scenario)
        }
        scenario = Scenario(seed: 1)
        scenario.schedule = [
            ScheduledFault(.crash(NodeID(9)), from: .origin, until: .origin)
        ]
        #expect(throws: ScenarioError("a fault names n10, but there are 5 nodes")) {
            try Simulation.run(scenario)
        }
    }

    @Test func theCommandSaysWhatIsNotStandard() throws {
        var scenario = Scenario(seed: 7)
        scenario.keys = 5
        scenario.durability = .appended
        #expect(
            scenario.command
                == "quorumeter simulate --seed 7 --nodes 5 --n 3 --r 2 --w 2 --faults none"
                + " --keys 5 --fsync never")
    }
}
