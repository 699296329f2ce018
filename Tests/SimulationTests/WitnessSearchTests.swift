import Basics
import Consistency
import Simulation
import TestSupport
import Testing

/// A violation is found, shrunk, explained, and replays.
struct WitnessSearchTests {
    @Test func aStaleReadShrinksToAHandfulOfOperations() throws {
        var scenario = Scenario(seed: 0)
        scenario.r = 1
        scenario.w = 1
        scenario.faults = .partition
        let search = WitnessSearch(scenario, violating: .linearizable)
        let seeds = Seeds.base..<Seeds.base + 60
        let found = try #require(try search.firstViolation(in: seeds))
        #expect(found.shrunk.history.count <= 6)
        #expect(found.witness?.explanation.isEmpty == false)
        #expect(found.shrinkingRuns <= search.shrinkingRuns)
        let replayed = try Simulation.run(found.shrunk.scenario, models: [.linearizable])
        #expect(replayed.digest == found.shrunk.digest)
        #expect(
            found.command
                == "quorumeter simulate --seed \(found.original.seed) --nodes 5 --n 3 --r 1 --w 1"
                + " --faults partition")
    }

    @Test func nothingIsFoundWhereNothingIsWrong() throws {
        var scenario = Scenario(seed: 0)
        scenario.r = 3
        scenario.w = 3
        let search = WitnessSearch(scenario, violating: .linearizable)
        #expect(try search.firstViolation(in: 0..<20) == nil)
    }

    /// What shrinking leaves is needed: without any one fault or operation the model holds.
    @Test func whatIsLeftIsNeeded() throws {
        var scenario = Scenario(seed: 0)
        scenario.r = 1
        scenario.w = 1
        scenario.faults = .all
        var search = WitnessSearch(scenario, violating: .linearizable)
        search.shrinkingRuns = 2_000
        let found = try #require(
            try search.firstViolation(in: Seeds.base..<Seeds.base + 60))
        let shrunk = found.shrunk.scenario
        #expect(shrunk.conditions?.lossPerThousand == 0)
        for index in shrunk.schedule?.indices ?? 0..<0 {
            var less = shrunk
            less.schedule?.remove(at: index)
            let result = try Simulation.run(less, models: [.linearizable])
            #expect(!result.violates(.linearizable), "fault \(index) is not needed")
        }
        for number in found.shrunk.numbers where number >= 0 {
            var less = shrunk
            less.omitted.append(Int(number))
            let result = try Simulation.run(less, models: [.linearizable])
            #expect(!result.violates(.linearizable), "operation \(number) is not needed")
        }
    }
}
