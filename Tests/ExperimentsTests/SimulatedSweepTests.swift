import Basics
import Experiments
import Foundation
import Load
import Testing

struct SimulatedSweepTests {
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.path + "/quorumeter-\(UUID())"

        init() throws {
            try ResultStore.createFolder(path)
            try ResultStore.write(
                ResultStore.bytes("recordcount=10\nreadproportion=0.5\nupdateproportion=0.5\n"),
                to: "\(path)/workloadx")
        }

        func plan(_ matrix: String, _ rest: String = "") throws -> SweepPlan {
            let text = """
                nodes: 4
                where: simulation
                seed: 42
                matrix: {n: 3, \(matrix), workload: \(path)/workloadx}
                load: {clients: 8, target: 1000, duration: 2s, operations: 600}
                \(rest)
                """
            try ResultStore.write(ResultStore.bytes(text), to: "\(path)/sweep.yaml")
            return try SweepPlan(file: "\(path)/sweep.yaml")
        }

        /// Runs a plan and returns the bytes of every result by cell.
        func results(
            _ plan: SweepPlan, to out: String, jobs: Int, shards: Int = 1
        ) throws -> [String: Data] {
            let trials = try plan.trials()
            for index in 1...shards {
                let shard = try #require(SweepShard(index: index, count: shards))
                let run = SweepRun(
                    plan: plan, trials: shard.cells(of: trials), out: "\(path)/\(out)",
                    stop: StopFlag(), jobs: jobs)
                let outcome = try run.run { _ in }
                #expect(outcome.failed == 0)
            }
            var bytes: [String: Data] = [:]
            for trial in trials {
                bytes[trial.name] = FileManager.default.contents(
                    atPath: "\(path)/\(out)/cells/\(trial.name)/result.json")
            }
            return bytes
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test func resultsAreTheSameByteForByteHoweverTheyAreRun() throws {
        let folder = try Folder()
        let plan = try folder.plan("r: [1, 2], w: 1, network: wan, faults: [none, kill-one]")
        let alone = try folder.results(plan, to: "alone", jobs: 1)
        #expect(alone.count == 4)
        #expect(alone == (try folder.results(plan, to: "many", jobs: 3)))
        #expect(alone == (try folder.results(plan, to: "shards", jobs: 1, shards: 3)))
        let cells = try ResultStore.collect(["\(folder.path)/alone"]).cells
        let loose = try #require(
            cells.first { $0.configuration.r == 1 && $0.configuration.fault == "none" })
        #expect((loose.staleReads?.events ?? 0) > 0)
        let error = try #require(loose.prediction?.calibrationError)
        #expect(error < 0.2, "\(error)")
        let bins = try #require(loose.freshness)
        #expect(bins.allSatisfy { $0.fresh <= $0.reads && $0.meanNs >= $0.startNs })
        let killed = try #require(cells.first { $0.configuration.fault == "kill-one" })
        #expect(killed.faults?.count == 1)
        #expect(killed.faults?[0].name == "crash n1")
        #expect(try LatencyFile.recorded(in: "\(folder.path)/alone").map(\.name) == ["wan"])
    }

    @Test func aCellRecordsWhatItCostAndHowItEnded() throws {
        let folder = try Folder()
        let plan = try folder.plan(
            "r: 1, w: [1, 3], quorum: [strict, sloppy], read_repair: none, network: wan, "
                + "faults: [partition], fsync: always")
        _ = try folder.results(plan, to: "out", jobs: 2)
        let cells = try ResultStore.collect(["\(folder.path)/out"]).cells
        #expect(cells.count == 4)
        for cell in cells {
            let costs = try #require(cell.costs)
            #expect(costs.operations == 600)
            #expect(costs.peerBytes > costs.messages && costs.messages > 600)
            #expect(costs.clientBytes > 600 * 10 && costs.syncs > 0)
            let convergence = try #require(cell.convergence)
            #expect(convergence.keys == 10)
            #expect((convergence.divergingKeys == 0) == convergence.converged)
            #expect(cell.verdict("durable") != nil)
            #expect(cell.verdict("monotonic-reads") != nil)
            let stale = cell.timeSeries.compactMap(\.staleReads).reduce(0, +)
            #expect(stale == cell.staleReads?.events)
            #expect(cell.throughput.operations == 600, "final reads are not counted")
        }
        let loose = try #require(cells.first { $0.configuration.w == 1 && $0.witness != nil })
        let witness = try #require(loose.witness)
        #expect(witness.operations.contains { $0.note?.contains("replicas n") == true })
        #expect(witness.events?.isEmpty == false)
        let place = "\(folder.path)/out/cells/"
        let names = try FileManager.default.contentsOfDirectory(atPath: place)
        for name in names {
            for file in ["latency.hgrm", "latency.hlog", "timeseries.csv", "result.json"] {
                #expect(
                    FileManager.default.fileExists(atPath: "\(place)\(name)/\(file)"), "\(file)")
            }
        }
        let history = try ResultStore.text(
            place + (try #require(names.sorted().first)) + "/violations.jsonl")
        #expect(history.contains("\"acks\":"))
    }

    @Test func everyModeIsMeasuredAndJudgedByWhatItPromises() throws {
        let folder = try Folder()
        let plan = try folder.plan(
            "r: [1, 2], w: 2, mode: [lww, siblings, abd, cp], network: wan, faults: [kill-one], "
                + "fsync: always")
        _ = try folder.results(plan, to: "out", jobs: 2)
        let cells = try ResultStore.collect(["\(folder.path)/out"]).cells
        func of(_ mode: String) -> [CellResult] {
            cells.filter { $0.configuration.mode == mode }
        }
        #expect(of("lww").count == 2 && of("siblings").count == 2)
        #expect(of("abd").count == 1 && of("cp").count == 1)
        for cell in of("abd") + of("cp") {
            #expect(cell.verdict("linearizable")?.verdict == "holds")
            #expect(cell.verdict("durable")?.verdict == "holds")
            #expect(cell.staleReads?.events == 0 && (cell.staleReads?.trials ?? 0) > 100)
            #expect(cell.convergence == nil && cell.prediction == nil)
        }
        for cell in of("siblings") {
            #expect(cell.verdicts.map(\.model) == ["multi-value"])
            #expect(cell.staleReads == nil && cell.freshness == nil)
        }
        #expect(of("siblings").contains { $0.verdict("multi-value")?.verdict == "holds" })
        #expect(of("lww").allSatisfy { $0.prediction != nil })
        // A matrix for each mode with R and W, and one choice of all.
        let panels = Panel.panels(of: cells)
        #expect(panels.map(\.shared.mode).sorted() == ["abd", "cp", "lww", "siblings"])
        let choices = Panel.choices(of: panels)
        #expect(choices.count == 1 && choices[0].configurations.count == 6)
        let page = try Report(ResultStore.Collection(cells: cells)).render(.html)
        #expect(page.contains("multi-value: holds"))
    }

    @Test func aNetworkOfTheFileIsSimulated() throws {
        let folder = try Folder()
        let plan = try folder.plan(
            "r: 1, w: [1, 3], network: slow",
            "networks: {slow: {message: [{constant: 2}], client: 0us}}")
        _ = try folder.results(plan, to: "out", jobs: 2)
        let cells = try ResultStore.collect(["\(folder.path)/out"]).cells
        let all = try #require(cells.first { $0.configuration.w == 3 })
        let writes = try #require(all.latency("write", .service))
        // Two messages of 2 ms each, and a nanosecond to and from the client.
        #expect(Double(writes.percentilesNs["50"] ?? 0) / 4e6 > 0.999)
        #expect(Double(writes.percentilesNs["50"] ?? 0) / 4e6 < 1.001)
        #expect(all.prediction?.writeP99Ns ?? 0 > 3_990_000)
    }

    @Test(arguments: [
        ("network: mars", "lan, wan"), ("faults: [flood]", "clock-skew"),
        ("faults: [kill+none]", "clock-skew"),
    ])
    func whatCannotBeSimulatedIsRefused(matrix: String, complaint: String) throws {
        let folder = try Folder()
        #expect {
            try folder.plan("r: 1, w: 1, \(matrix)")
        } throws: {
            "\($0)".contains(complaint)
        }
    }

    @Test func schedulersNameTheShard() throws {
        #expect(SweepShard("2/8") == SweepShard(index: 2, count: 8))
        for wrong in ["0/8", "9/8", "1", "1/2/3", "a/b", "1/0"] {
            #expect(SweepShard(wrong) == nil)
        }
        let slurm = try SweepShard.fromEnvironment([
            "SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "2", "SLURM_ARRAY_TASK_COUNT": "8",
        ])
        #expect(slurm == SweepShard(index: 4, count: 8))
        let indexed = try SweepShard.fromEnvironment([
            "JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "3",
        ])
        #expect(indexed == SweepShard(index: 1, count: 3))
        #expect(try SweepShard.fromEnvironment([:]) == nil)
        #expect(throws: ResultError.self) {
            try SweepShard.fromEnvironment(["JOB_COMPLETION_INDEX": "0"])
        }
    }
}
