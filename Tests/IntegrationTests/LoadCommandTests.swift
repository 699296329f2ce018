import Basics
import Glibc
import Platform
import Testing

/// `load` and `run` as processes: targets, verdicts, exit codes.
@Suite struct LoadCommandTests {
    private let mix = [
        "-p", "recordcount=50", "-p", "operationcount=400", "-p", "readproportion=0.5", "-p",
        "updateproportion=0.5", "-p", "fieldlength=10", "-threads", "2",
    ]

    private func run(_ arguments: [String], in folder: String) throws -> Program.Ended {
        try Program(Quorumeter.path, arguments, in: folder).end()
    }

    @Test(
        .enabled(
            if: access("/usr/bin/python3", X_OK) == 0,
            "python3 is not installed: nothing was tested"))
    func anAdapterIsDrivenAndCheckedOnline() throws {
        try inTemporaryFolder { folder in
            let target =
                "exec:/usr/bin/python3 workloads/adapters/sqlite_store.py \(folder)/store.db"
            let loaded = try run(["load", target] + mix, in: folder)
            #expect(loaded.code == 0, "\(loaded.errors)")
            let checked = try run(
                ["run", target] + mix + ["--check", "online", "--tui"], in: folder)
            #expect(checked.code == 0, "\(checked.errors)")
            #expect(checked.output.contains("400 operations on"))
            #expect(checked.output.contains("linearizable: holds"))
            // Not a terminal: no escape sequence anywhere.
            #expect(!checked.errors.contains("\u{1B}") && !checked.output.contains("\u{1B}"))
            let document = try run(
                ["run", target] + mix + ["--check=online", "--json"], in: folder)
            #expect(document.output.contains("\"undecided_keys\""))
        }
    }

    /// Two load generators on one node begin together; what they saw is one history.
    @Test func historiesOfSeveralWorkersAreOneHistory() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(in: folder)
            let target = "quorum://\(node.address)"
            #expect(try run(["load", target] + mix, in: folder).code == 0)
            let start = Double(Clocks.wall().microseconds) / 1e6 + 1.5
            let workers = try (0..<2).map { worker in
                try Program(
                    Quorumeter.path,
                    ["run", target] + mix + [
                        "--worker", "\(worker)/2", "--start-at", "\(start)", "--history",
                        "\(folder)/h\(worker).qh", "-p", "operationcount=4000", "-target", "2000",
                    ], in: folder)
            }
            for worker in workers {
                let ended = try worker.end()
                #expect(ended.code == 0, "\(ended.errors)")
            }
            let files = (0..<2).map { "\(folder)/h\($0).qh" }
            let merged = try run(
                [
                    "check", "--merge", "--model", "linearizable", "--clock-error", "10us",
                    "--convert",
                    "\(folder)/all.jsonl",
                ] + files, in: folder)
            #expect(merged.code == 0, "\(merged.output) \(merged.errors)")
            #expect(merged.output.contains("linearizable: holds"))
            // The values of one are writes of the other, not of an earlier run.
            let lines = try FileSystem.text("\(folder)/all.jsonl").split(separator: "\n")
            let assumed = lines.filter { $0.contains("\"assumed\":true") }
            #expect(lines.count - assumed.count == 4_000)
            #expect(assumed.allSatisfy { $0.contains("\"value\":\"w:4194304:") })
            #expect(lines.contains { $0.contains("\"clock\":1") })
            #expect(lines.contains { $0.contains("\"clock\":2") })
        }
    }

    @Test func theSimulatorIsATarget() throws {
        try inTemporaryFolder { folder in
            let first = try run(["run", "sim:", "--seed", "9", "--check"] + mix, in: folder)
            #expect(first.code == 0 && first.output.contains("[UPDATE], Return=OK"))
            let again = try run(["run", "sim:", "--seed", "9", "--check"] + mix, in: folder)
            #expect(again.output == first.output)
            let refused = try run(["load", "sim:"] + mix, in: folder)
            #expect(refused.code == 2 && refused.errors.contains("nothing to load"))
        }
    }

    @Test func resultsArePrintedThoughAFileCannotBeWritten() throws {
        try inTemporaryFolder { folder in
            let ended = try run(
                ["run", "null:"] + mix + ["--history", "/proc/nowhere/history.jsonl"], in: folder)
            #expect(ended.code == 4 && ended.errors.contains("/proc/nowhere"))
            #expect(ended.output.contains("[READ], Return=OK"))
        }
    }

    @Test func wrongUseOfTargetsIsNamed() throws {
        try inTemporaryFolder { folder in
            for (arguments, expected) in [
                (["mysql://h:1"], "is not supported; supported are quorum://"),
                (["memcached://a:1,b:2"], "do not hold the same records"),
                (["etcd://h:1", "--pipeline", "4"], "one request under way on a connection"),
                (["etcd://h:1", "-p", "etcd.reads=fast"], "linearizable, serializable"),
                (["postgres://h:1", "-p", "postgres.standby=x:1"], "unknown property"),
                (["null:", "--check=always"], "nothing, or online"),
                (["null:", "--check", "online", "--worker", "0/2"], "a part of the history only"),
                (["null:", "--warmup", "often"], "or steady"),
            ] {
                let ended = try run(["run"] + arguments + mix, in: folder)
                #expect(ended.code == 2, "\(arguments): \(ended.errors)")
                #expect(ended.errors.contains(expected), "\(arguments): \(ended.errors)")
            }
        }
    }
}
