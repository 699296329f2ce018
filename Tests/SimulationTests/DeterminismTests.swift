import Basics
import Consistency
import Simulation
import TestSupport
import Testing

/// One seed, one run.
struct DeterminismTests {
    @Test func aSeedRepeatsItsRun() throws {
        for seed in Seeds.base..<Seeds.base + 20 {
            var scenario = Scenario(seed: seed)
            scenario.faults = .all
            let first = try Simulation.run(scenario)
            let second = try Simulation.run(scenario)
            #expect(first.digest == second.digest)
            #expect(first.history.operations == second.history.operations)
            #expect(first.digest.divergence(from: second.digest) == nil)
        }
    }

    @Test func anotherSeedIsAnotherRun() throws {
        let first = try Simulation.run(Scenario(seed: 1))
        let second = try Simulation.run(Scenario(seed: 2))
        #expect(first.digest.value != second.digest.value)
        #expect(first.digest.divergence(from: second.digest)?.lowerBound == 0)
    }

    @Test func tellingTheStoryChangesNothing() throws {
        var scenario = Scenario(seed: Seeds.base)
        scenario.faults = .all
        let silent = try Simulation.run(scenario)
        let told = try Simulation.run(scenario, timeline: 1_000)
        #expect(silent.digest == told.digest)
        #expect(told.timeline?.lines.count ?? 0 > 100)
    }

    @Test func checkpointsBoundWhereTwoRunsPart() throws {
        var scenario = Throughput.bare.scenario(operations: 4_000)
        scenario.recordsHistory = true
        let whole = try Simulation.run(scenario)
        #expect(whole.digest.checkpoints.count >= 1)
        scenario.paddingBytes = 1
        let other = try Simulation.run(scenario)
        let window = try #require(whole.digest.divergence(from: other.digest))
        #expect(window == 0..<RunDigest.checkpointInterval)
    }

    @Test func theFirstStepThatDiffersIsNamed() throws {
        var scenario = Scenario(seed: Seeds.base)
        scenario.faults = .all
        let log = try Simulation.steps(scenario)
        let run = try Simulation.run(scenario)
        #expect(log.steps == run.events && log.digests.last == run.digest.value)
        #expect(log.firstDifference(from: try Simulation.steps(scenario)) == nil)
        // The first value that is written is longer: nothing before its arrival differs.
        var longer = scenario
        longer.paddingBytes = 1
        let other = try Simulation.steps(longer)
        let step = try #require(log.firstDifference(from: other))
        let what = try #require(try Simulation.describe(step: step, of: scenario))
        #expect(what.contains("receives of a client") && what.contains("SET"))
        #expect(try Simulation.describe(step: log.steps, of: scenario) == nil)
        // A run that is only shorter parts where it ends.
        let cut = StepLog(digests: Array(log.digests.dropLast(3)), steps: log.steps - 3)
        #expect(log.firstDifference(from: cut) == log.steps - 3)
    }

    @Test func theTimesOfARunKeepItsOperationsInPlace() throws {
        let original = try Simulation.run(Scenario(seed: Seeds.base))
        var scenario = original.scenario
        scenario.turns = original.turns
        let again = try Simulation.run(scenario)
        #expect(again.history.operations == original.history.operations)
    }
}
