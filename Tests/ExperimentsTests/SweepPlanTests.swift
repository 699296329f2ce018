import Basics
import Experiments
import Foundation
import Platform
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

    @Test func modesHaveTheQuorumsThatMeanSomethingInThem() throws {
        let folder = try Folder()
        let trials = try folder.plan(
            "n: [3, 5], r: [1, 2], w: [1, 2, 3], mode: [lww, abd, cp], quorum: [strict, sloppy], "
                + "read_repair: [none, async], fsync: [memory, always]"
        ).trials()
        #expect(Set(trials.map(\.name)).count == trials.count)
        func count(_ mode: String, _ n: Int) -> Int {
            trials.count { $0.configuration.mode == mode && $0.configuration.n == n }
        }
        #expect(count("lww", 3) == 6 * 2 * 2 * 2 && count("lww", 5) == 6 * 2 * 2 * 2)
        // Once for all kinds of quorums and repair, with a synced log; abd where r + w > n.
        #expect(count("abd", 3) == 3 && count("abd", 5) == 0)
        #expect(count("cp", 3) == 1 && count("cp", 5) == 1)
        for trial in trials where trial.configuration.mode != "lww" {
            #expect(trial.configuration.fsync == "always")
            #expect(trial.configuration.quorum == "strict")
            #expect(trial.configuration.readRepair == nil)
        }
        let majority = try #require(trials.last { $0.configuration.mode == "cp" })
        #expect(majority.configuration.r == 3 && majority.configuration.w == 3)
    }

    @Test(arguments: [
        ("mode: cp", "cp beside fsync: always"), ("mode: [lww, siblings]", "in simulation only"),
        ("mode: abd, r: 1, w: 2, fsync: always", "r + w is more than n"),
        ("mode: paxos", "lww, siblings, abd, cp"),
    ])
    func modesThatCannotBeMeasuredAreRefused(matrix: String, complaint: String) throws {
        let folder = try Folder()
        #expect {
            try folder.plan("n: 3, " + matrix)
        } throws: {
            "\($0)".contains("mode") && "\($0)".contains(complaint)
        }
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

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    @Test func everySweepThatShipsCanBeRead() throws {
        let folder = "\(SweepPlanTests.root)/workloads/sweeps"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".yaml") }
        #expect(names.count >= 6)
        for name in names {
            // Paths in it are relative to the root of the project.
            let text = try ResultStore.text("\(folder)/\(name)")
                .replacingOccurrences(of: "workloads/", with: "\(SweepPlanTests.root)/workloads/")
            let copy = FileManager.default.temporaryDirectory.path + "/\(UUID()).yaml"
            defer { try? FileManager.default.removeItem(atPath: copy) }
            try ResultStore.write(ResultStore.bytes(text), to: copy)
            let trials = try SweepPlan(file: copy).trials()
            #expect(Set(trials.map(\.name)).count == trials.count, "\(name)")
        }
    }

    @Test func theKubernetesJobCoversEveryCellOnce() throws {
        let text = try ResultStore.text(
            "\(SweepPlanTests.root)/workloads/sweeps/cluster/kubernetes.yaml")
        let documents = text.components(separatedBy: "\n---\n")
        #expect(documents.count == 2)
        let path = FileManager.default.temporaryDirectory.path + "/\(UUID()).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try ResultStore.write(ResultStore.bytes(documents[1]), to: path)
        let job = try Section(YAML.read(path), file: path)
        #expect(try job.text("kind") == "Job")
        let spec = try #require(try job.section("spec"))
        let completions = try #require(try spec.integer("completions", in: 1...1_000))
        #expect(try spec.text("completionMode") == "Indexed")
        let pod = try #require(try spec.section("template")?.section("spec"))
        let container = try #require(try pod.sections("containers")?.first)
        let command = try #require(try container.texts("command"))
        #expect(command.prefix(2) == ["quorumeter", "sweep"])
        let variable = try #require(try container.sections("env")?.first)
        #expect(try variable.text("name") == "JOB_COMPLETIONS")
        #expect(try variable.text("value") == "\(completions)")
        // What the pods measure together is what one process would.
        let folder = try Folder()
        let trials = try folder.plan("n: [3, 5], r: all, w: all").trials()
        var covered: [String] = []
        for index in 0..<completions {
            let shard = try SweepShard.fromEnvironment([
                "JOB_COMPLETION_INDEX": "\(index)", "JOB_COMPLETIONS": "\(completions)",
            ])
            covered += try #require(shard).cells(of: trials).map(\.name)
        }
        #expect(covered.sorted() == trials.map(\.name).sorted())
    }
}
