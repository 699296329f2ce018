import Basics
import Experiments
import Foundation
import Testing

struct SweepPlanTests {
    /// A sweep file and its workload in a folder of their own.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.path + "/quorumeter-\(UUID())"

        init(workload: String = "recordcount=100\nreadproportion=0.5\nupdateproportion=0.5\n")
            throws
        {
            try ResultStore.createFolder(path)
            try ResultStore.write(ResultStore.bytes(workload), to: "\(path)/workloadx")
        }

        func plan(_ matrix: String, _ rest: String = "") throws -> SweepPlan {
            let text = """
                nodes: 5
                seed: 42
                matrix: {\(matrix), workload: \(path)/workloadx}
                load: {clients: 4, target: 1000, duration: 2s, arrivals: constant}
                \(rest)
                """
            try ResultStore.write(ResultStore.bytes(text), to: "\(path)/sweep.yaml")
            return try SweepPlan(file: "\(path)/sweep.yaml")
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test func allMeansEveryQuorumOfEachN() throws {
        let folder = try Folder()
        let trials = try folder.plan("n: [3, 5], r: all, w: all").trials()
        #expect(trials.count == 9 + 25)
        #expect(Set(trials.map(\.name)).count == trials.count)
        #expect(trials.allSatisfy { $0.configuration.r <= $0.configuration.n })
        #expect(trials.allSatisfy { $0.configuration.records == 100 })
    }

    @Test func quorumsAboveNAreLeftOut() throws {
        let folder = try Folder()
        let trials = try folder.plan("n: [1, 3], r: [1, 3], w: 1").trials()
        #expect(trials.map(\.configuration.r) == [1, 1, 3])
    }

    @Test func everyDimensionOfTheMatrixIsVaried() throws {
        let folder = try Folder()
        let trials = try folder.plan(
            "nodes: [3, 5], n: 3, r: 1, w: 1, quorum: [strict, sloppy], "
                + "read_repair: [none, async, blocking], fsync: [memory, always], "
                + "arrivals: [closed, poisson], faults: [none, kill-one]"
        ).trials()
        #expect(trials.count == 2 * 2 * 3 * 2 * 2 * 2)
        #expect(Set(trials.map(\.name)).count == trials.count)
        let closed = trials.filter { $0.configuration.arrivals == "closed" }
        #expect(closed.count == trials.count / 2)
        #expect(closed.allSatisfy { $0.configuration.targetPerSecond == 0 })
        #expect(Set(trials.map(\.configuration.readRepair)) == ["none", "async", "blocking"])
    }

    @Test func repeatsAreInterleaved() throws {
        let folder = try Folder()
        let trials = try folder.plan("n: 3, r: [1, 2], w: 1", "repeat: 2").trials()
        #expect(trials.map(\.configuration.r) == [1, 2, 1, 2])
        #expect(trials.map(\.configuration.repetition) == [0, 0, 1, 1])
        #expect(trials[0].configuration.seed != trials[2].configuration.seed)
    }

    @Test func aSeedFollowsFromTheTrialAndNotFromItsPlace() throws {
        let folder = try Folder()
        let few = try folder.plan("n: 3, r: 2, w: 2").trials()
        let many = try folder.plan("n: [3, 5], r: all, w: all").trials()
        let same = try #require(many.first { $0.name == few[0].name })
        #expect(same.configuration.seed == few[0].configuration.seed)
        var other = try folder.plan("n: 3, r: 2, w: 2")
        other.seed = 43
        #expect(try other.trials()[0].configuration.seed != few[0].configuration.seed)
    }

    @Test(arguments: [
        ("n: 3, rr: all", "rr"), ("n: 9, r: all", "matrix.n"), ("n: 3, r: 4", "matrix.r"),
        ("n: 3, r: some", "matrix.r"), ("n: 3, faults: [none, partition]", "partition"),
        ("n: 3, quorum: loose", "loose"), ("n: 3, mode: cp", "cp"),
        ("n: 3, read_repair: now", "now"), ("n: 3, arrivals: rarely", "rarely"),
        ("nodes: [3, 5], n: 5", "matrix.n"),
    ])
    func mistakesAreNamedWithTheirLine(_ matrix: String, _ word: String) throws {
        let folder = try Folder()
        let error = #expect(throws: TreeError.self) { try folder.plan(matrix) }
        #expect(
            error?.description.contains("sweep.yaml:3: ") == true, "\(String(describing: error))")
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }

    @Test func aMissingWorkloadIsNamed() throws {
        let folder = try Folder()
        let plan = try folder.plan("n: 3")
        try FileManager.default.removeItem(atPath: "\(folder.path)/workloadx")
        #expect(throws: (any Error).self) { try plan.trials() }
    }

    @Test func anOpenLoopNeedsATarget() throws {
        let folder = try Folder()
        let text = """
            matrix: {n: 3, workload: \(folder.path)/workloadx}
            load: {duration: 2s, arrivals: poisson}
            """
        try ResultStore.write(ResultStore.bytes(text), to: "\(folder.path)/sweep.yaml")
        let error = #expect(throws: TreeError.self) {
            try SweepPlan(file: "\(folder.path)/sweep.yaml")
        }
        #expect(error?.description.contains("load.arrivals") == true)
    }

    @Test func theDemoTakesLessThanThreeMinutes() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path
        let plan = try SweepPlan(file: "\(root)/workloads/sweeps/demo.yaml")
        let cells = (plan.readQuorums ?? [1, 2, 3]).count * (plan.writeQuorums ?? [1, 2, 3]).count
        #expect(cells == 9)
        #expect((plan.warmup + plan.duration + .seconds(5)).seconds * Double(cells) < 180)
    }
}
