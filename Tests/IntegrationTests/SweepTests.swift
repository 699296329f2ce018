import Glibc
import Platform
import Testing

/// The folder in which a process works; empty when it has ended.
private func folderOf(_ pid: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/\(pid)/cwd", &buffer, buffer.count)
    return count > 0
        ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
}

/// Sweeps of real processes, as a user runs them.
struct SweepTests {
    private static func write(_ text: String, to path: String) throws {
        try FileSystem.replace(path, with: Array(text.utf8), permissions: 0o644)
    }

    /// A sweep file of one configuration, measured for a second and a half a cell.
    private static func sweep(_ folder: String, matrix: String, _ rest: String = "") throws
        -> String
    {
        let path = "\(folder)/sweep.yaml"
        try write(
            """
            nodes: 3
            where: processes
            seed: 7
            matrix: {n: 3, r: 1, w: 3, workload: \(Workloads.a), \(matrix)}
            load: {clients: 4, target: 300, warmup: 200ms, duration: 1500ms, settle: 500ms, records: 50}
            \(rest)

            """, to: path)
        return path
    }

    @Test func aCellThatFailsIsRecordedAndTheSweepGoesOn() throws {
        try inTemporaryFolder { folder in
            // Too late for a run of a second and a half.
            try SweepTests.write(
                "schedule: late\nfaults:\n  - {fault: kill, nodes: one, at: 30s, for: 1s}\n",
                to: "\(folder)/late.yaml")
            let plan = try SweepTests.sweep(
                folder,
                matrix: "faults: [\(folder)/late.yaml, none, \(Workloads.faults("isolate-one"))]")
            let out = "\(folder)/out"
            let ended = try Quorumeter.run("sweep", plan, "--out", out, in: folder)
            #expect(ended.code == 4, "\(ended.errors)")
            #expect(ended.errors.contains("3 cells; about"))
            #expect(ended.errors.contains("failed: the run was too short for the fault late"))
            #expect(ended.errors.contains("[3/3]"))
            let calm = "\(out)/cells/n3-r1-w3-strict-lww-workloada-none-memory-1"
            for file in ["latency.hgrm", "latency.hlog", "timeseries.csv", "result.json"] {
                #expect(try FileSystem.kind(of: "\(calm)/\(file)") == .file, "\(file)")
            }
            let result = try FileSystem.text("\(calm)/result.json")
            #expect(result.contains("\"converged\" : true"))
            for field in ["peer_bytes", "allocator_resident_bytes", "gamma_max_ns", "durable"] {
                #expect(result.contains("\"\(field)\""), "\(field)")
            }
            let rows = try Quorumeter.run(
                "report", out, "--format", "csv", "--out", "-", in: folder
            ).output.split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false)
            }
            let place = try #require(rows[0].firstIndex(of: "availability"))
            let whole = try #require(rows.first { $0.contains("none") })
            #expect(try #require(Double(whole[place])) == 1)
            let struck = try FileSystem.text(
                "\(out)/cells/n3-r1-w3-strict-lww-workloada-isolate-one-memory-1/result.json")
            // The one is cut off from both others, in both directions.
            #expect(struck.contains(" 4 links\""), "\(struck.prefix(2_000))")
            let again = try Quorumeter.run("sweep", plan, "--out", out, "--dry-run", in: folder)
            #expect(again.output.contains("3 cells, 2 already measured; about"))
        }
    }

    @Test(.enabled(if: access("/usr/bin/redis-server", X_OK) == 0, "redis-server is not installed"))
    func anotherStoreStandsBesideOurs() throws {
        try inTemporaryFolder { folder in
            let plan = try SweepTests.sweep(
                folder, matrix: "faults: none", "peers: [{store: redis, wait: 1, reads: replicas}]")
            let out = "\(folder)/out"
            let ended = try Quorumeter.run("sweep", plan, "--out", out, in: folder)
            #expect(ended.code == 0, "\(ended.errors)")
            let report = try Quorumeter.run(
                "report", out, "--format", "csv", "--out", "-", in: folder)
            #expect(report.output.contains(",redis WAIT 1, replica reads") == false)
            #expect(report.output.contains("\"redis WAIT 1, replica reads\""))
            #expect(report.output.contains(",quorumeter N=3 R=1 W=3"))
        }
    }

    @Test(.enabled(if: access("/usr/bin/redis-server", X_OK) == 0, "redis-server is not installed"))
    func noServerAndNoFolderOutlivesASweepThatIsKilled() throws {
        try inTemporaryFolder { folder in
            let plan = try SweepTests.sweep(
                folder, matrix: "faults: none", "peers: [{store: redis, wait: 0}]")
            let arguments = [
                "sweep", plan, "--out", "\(folder)/out", "--only",
                "redis-wait0-primary-workloada-1",
            ]
            let temporary = "\(folder)/tmp"
            try FileSystem.makeFolder(temporary)
            let sweep = try Program(
                Quorumeter.path, arguments, variables: [("TMPDIR", temporary)], in: folder)
            // Redis writes its title over its environment; its folder stays.
            func servers() throws -> [ProcessIdentity] {
                try FileSystem.list("/proc").compactMap { Int32($0) }
                    .compactMap { ProcessIdentity(of: $0) }
                    .filter { $0.isAlive && folderOf($0.pid).hasPrefix(temporary) }
            }
            try eventually("three servers of Redis") { try servers().count == 3 }
            let left = try FileSystem.list(temporary)
            #expect(left.count == 1 && left[0].hasPrefix("quorumeter-peer."))
            try sweep.kill()
            try eventually("all servers to end with the sweep") { try servers().isEmpty }
            #expect(try FileSystem.list(temporary) == left)
            // The next one removes what is left, and leaves nothing itself.
            let next = try Program(
                Quorumeter.path, arguments, variables: [("TMPDIR", temporary)], in: folder)
            #expect(try next.end().code == 0)
            #expect(try FileSystem.list(temporary).isEmpty)
        }
    }

    @Test func modesAreMeasuredAndHistoriesNameReplicas() throws {
        try inTemporaryFolder { folder in
            let plan = try SweepTests.sweep(
                folder, matrix: "mode: [lww, abd, cp], faults: kill-one", "fsync: always")
            let out = "\(folder)/out"
            let ended = try Quorumeter.run("sweep", plan, "--out", out, in: folder)
            #expect(ended.code == 0, "\(ended.errors)")
            for name in ["n3-r1-w3-strict-lww", "n3-r1-w3-strict-abd", "n3-r2-w2-strict-cp"] {
                let result = try FileSystem.text(
                    "\(out)/cells/\(name)-workloada-kill-one-always-1/result.json")
                // The node that was killed was asked before.
                #expect(!result.contains("unknown_lives"), "\(name)")
                #expect(result.contains("\"kill n1\""))
            }
            let answer = try Quorumeter.run(
                "recommend", out, "--slo", "linearizable", "--slo", "survives=1", in: folder)
            #expect(answer.output.contains("Take cp"), "\(answer.output)\(answer.errors)")
            #expect(answer.output.contains("R=1 W=3 abd"))
            #expect(answer.output.contains("each misses survives=1"))
            let refused = try SweepTests.sweep(folder, matrix: "mode: siblings, faults: none")
            let wrong = try Quorumeter.run("sweep", refused, "--out", out, in: folder)
            #expect(wrong.code == 2 && wrong.errors.contains("in simulation only"))
        }
    }

    @Test func thePodsOfAnIndexedJobMeasureEveryCellOnce() throws {
        try inTemporaryFolder { folder in
            let plan = "\(folder)/sweep.yaml"
            try SweepTests.write(
                """
                nodes: 4
                where: simulation
                seed: 42
                matrix: {n: 3, r: all, w: 1, network: lan, workload: \(Workloads.a)}
                load: {clients: 4, target: 1000, duration: 1s, operations: 300, records: 10}

                """, to: plan)
            for index in ["1", "0"] {
                let pod = try Program(
                    Quorumeter.path, ["sweep", plan, "--out", "\(folder)/shared"],
                    variables: [("JOB_COMPLETION_INDEX", index), ("JOB_COMPLETIONS", "2")],
                    in: folder
                ).end()
                #expect(pod.code == 0, "\(pod.errors)")
                #expect(pod.errors.contains(index == "0" ? "2 cells" : "1 cells"))
            }
            let alone = try Quorumeter.run("sweep", plan, "--out", "\(folder)/alone", in: folder)
            #expect(alone.code == 0)
            let cells = try FileSystem.list("\(folder)/alone/cells")
            #expect(try cells.count == 3 && FileSystem.list("\(folder)/shared/cells") == cells)
            for cell in cells {
                for file in try FileSystem.list("\(folder)/alone/cells/\(cell)") {
                    #expect(
                        try FileSystem.read("\(folder)/alone/cells/\(cell)/\(file)")
                            == FileSystem.read("\(folder)/shared/cells/\(cell)/\(file)"))
                }
            }
            let lost = try Program(
                Quorumeter.path, ["sweep", plan, "--out", "\(folder)/shared"],
                variables: [("JOB_COMPLETION_INDEX", "0")], in: folder
            ).end()
            #expect(lost.code == 2 && lost.errors.contains("JOB_COMPLETIONS"))
        }
    }

    @Test func whatASweepCannotMeasureIsNamed() throws {
        try inTemporaryFolder { folder in
            for (matrix, rest, expected) in [
                ("faults: flood", "", "workloads/faults/halves.yaml"),
                ("faults: missing.yaml", "", "missing.yaml"),
                ("faults: none", "peers: [{store: oracle}]", "redis, etcd, postgres"),
                ("faults: none", "peers: [{store: etcd, reads: eventual}]", "linearizable"),
            ] {
                let plan = try SweepTests.sweep(folder, matrix: matrix, rest)
                let ended = try Quorumeter.run("sweep", plan, "--out", "\(folder)/out", in: folder)
                #expect(ended.code == 2, "\(matrix) \(rest)")
                #expect(ended.errors.contains(expected), "\(ended.errors)")
            }
        }
    }
}
