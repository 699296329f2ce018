import Basics
import Consistency
import Experiments
import Foundation
import Load
import Platform
import Replication
import Simulation
import Testing

/// Plans: a run in a file is the same run.
struct PlanFileTests {
    private func withFile<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = try FileSystem.temporaryFolder("quorumeter-plan")
        let outcome = Swift.Result { try body("\(folder)/plan.json") }
        try FileSystem.removeTree(folder)
        return try outcome.get()
    }

    @Test func aPlanRepeatsItsRunToTheDigest() throws {
        for seed in UInt64(1)...12 {
            var scenario = Scenario(seed: seed)
            scenario.faults = .all
            scenario.operations = 30
            scenario.durability = seed % 3 == 0 ? .appended : .synced
            let result = try Simulation.run(scenario)
            try withFile { path in
                try PlanFile.write(result, to: path)
                let plan = try PlanFile.read(path)
                #expect(plan.digest == result.digestText)
                #expect(plan.scenario.conditions == result.conditions)
                #expect(plan.scenario.schedule == result.schedule)
                let again = try Simulation.run(plan.scenario)
                #expect(again.digestText == result.digestText, "seed \(seed)")
            }
        }
    }

    @Test func aShrunkRunIsRecordedToo() throws {
        var scenario = Scenario(seed: 0)
        scenario.r = 1
        scenario.w = 1
        scenario.faults = .partition
        let found = try #require(
            try WitnessSearch(scenario, violating: .linearizable).firstViolation(in: 1..<60))
        try withFile { path in
            try PlanFile.write(found.shrunk, to: path)
            let plan = try PlanFile.read(path)
            let again = try Simulation.run(plan.scenario, models: [.linearizable])
            #expect(again.digest == found.shrunk.digest)
            #expect(again.violates(.linearizable))
        }
    }

    @Test(arguments: [
        ("{}", "“schema” is missing: expected quorumeter.plan/1"),
        (#"{"schema": "quorumeter.plan/1"}"#, "the key “seed” is missing"),
        (#"{"schema": "quorumeter.plan/1", "seed": 1, "nods": 3}"#, "did you mean “nodes”?"),
        (#"{"schema": "quorumeter.plan/1", "seed": 1, "r": 9}"#, "r is 9: expected 1 to 3"),
        (
            #"{"schema": "quorumeter.plan/1", "seed": 1, "schedule": [{"fault": "crash", "#
                + #""nodes": [9], "start_ns": 0, "end_ns": 1}]}"#,
            "a fault names n10, but there are 5 nodes"
        ),
        (
            #"{"schema": "quorumeter.plan/1", "seed": 1, "schedule": [{"fault": "fire"}]}"#,
            "must be partition, cut, crash, pause, slow-link, lossy-link"
        ),
        ("{", "plan.json:"),
    ])
    func badPlansAreRefused(_ text: String, _ message: String) throws {
        try withFile { path in
            try ResultStore.write(ResultStore.bytes(text), to: path)
            do {
                _ = try PlanFile.read(path)
                Issue.record("accepted: \(text)")
            } catch {
                #expect("\(error)".contains(message), "\(error)")
            }
        }
    }

    /// Runs that failed once: a seed's plan each, with the digest that it must still have.
    @Test func theCorpusOfPlansStillGivesTheSameRuns() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Corpus/Seeds").path
        let names = try FileSystem.list(folder).filter { $0.hasSuffix(".plan.json") }.sorted()
        #expect(!names.isEmpty)
        for name in names {
            let plan = try PlanFile.read("\(folder)/\(name)")
            let result = try Simulation.run(plan.scenario)
            #expect(result.invariants.isEmpty, "\(name): \(result.invariants)")
        }
    }

    @Test func theDrawingHasALaneForEveryNodeAndEscapesWhatItShows() throws {
        var scenario = Scenario(seed: 3)
        scenario.faults = .all
        let page = LaneChart(try Simulation.run(scenario, timeline: 1_000)).html
        for node in 1...5 { #expect(page.contains("<th>n\(node)</th>")) }
        #expect(page.contains("-&gt; n"))
        #expect(LaneChart(try Simulation.run(scenario)).html.contains("no story was kept"))
    }

    @Test func seedsRunOnManyThreadsComeInTheirOrder() throws {
        var scenario = Scenario(seed: 0)
        scenario.faults = .all
        scenario.operations = 20
        var digests: [[String]] = []
        for jobs in [1, 3] {
            var batches = SeedBatches(scenario, stop: StopFlag())
            batches.jobs = jobs
            var seen: [String] = []
            #expect(try batches.run(5...40) { seen.append($0.result.digestText) })
            digests.append(seen)
        }
        #expect(digests[0] == digests[1])
        #expect(digests[0].count == 36)
    }

    @Test func fewRunsOfAllFaultsReachEveryRareSituation() throws {
        var counts = ProbeCounts()
        for seed in UInt64(1)...150 {
            var scenario = Scenario(seed: seed)
            scenario.faults = .all
            counts.add(try Simulation.run(scenario, models: [.weakRegular]))
        }
        // Deletions are forgotten only when a scenario says so, registers settled in mode cp.
        let elsewhere: [Probe] = [
            .deletionForgotten, .collectionGivenUp, .writeFenced, .writeRestamped, .obsoleteDropped,
            .registerCaughtUp, .registerSettled,
        ]
        let expected: [Probe] = counts.neverReached.filter { !elsewhere.contains($0) }
        #expect(expected.isEmpty, "\(counts.text)")
    }
}
