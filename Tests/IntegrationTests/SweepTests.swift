import Glibc
import Platform
import Testing

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
    func aSweepThatIsKilledTakesTheServersOfOtherStoresWithIt() throws {
        try inTemporaryFolder { folder in
            let plan = try SweepTests.sweep(
                folder, matrix: "faults: none", "peers: [{store: redis, wait: 1}]")
            let program = try Program(
                Quorumeter.path, ["sweep", plan, "--out", "\(folder)/out"], in: folder)
            /// They write over their environment, but work in a folder that names their sweep.
            func servers() throws -> Int {
                try FileSystem.list("/proc").compactMap { Int32($0) }.count { pid in
                    linkTarget("/proc/\(pid)/cwd")?
                        .contains("/quorumeter-peer.\(program.pid).") == true
                }
            }
            try eventually("three servers of redis") { try servers() == 3 || !program.isRunning }
            #expect(try program.isRunning, "\(program.errors)")
            try program.kill()
            try eventually("the servers to end") { try servers() == 0 }
            try eventually("everything to end") { try processes(of: folder).isEmpty }
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
