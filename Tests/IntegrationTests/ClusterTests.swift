import Basics
import Glibc
import Platform
import Testing

/// `quorumeter cluster`, and Ctrl-C: no process is left behind.
///
/// One test at a time: two clusters that come up at once may want the same free ports.
@Suite(.serialized) struct ClusterTests {
    private func cluster(_ words: String..., in folder: String) throws -> Program.Ended {
        try Program(Quorumeter.path, ["cluster"] + words + ["--dir", "\(folder)/c"], in: folder)
            .end()
    }

    private func addresses(_ output: String) throws -> [SocketAddress] {
        try output.split(separator: "\n").map { line in
            try SocketAddress(String(line.split(separator: " ")[1]))
        }
    }

    @Test func aClusterComesUpGoesDownAndComesBackWithItsData() throws {
        try inTemporaryFolder { folder in
            let up = try cluster("up", "--nodes", "3", "--n", "3", in: folder)
            #expect(up.code == 0, "\(up.errors)")
            let nodes = try addresses(up.output)
            #expect(nodes.count == 3 && up.output.hasPrefix("n1 127.0.0.1:"))
            #expect(try Client(nodes[0]).ask("SET", "a", "1") == "+OK")
            #expect(try Client(nodes[2]).ask("GET", "a") == "1")
            let status = try cluster("status", in: folder)
            #expect(status.code == 0 && status.output.contains("reaches 3 of 3"))

            // Up again changes nothing, and starts what is down.
            #expect(try cluster("up", in: folder).output == up.output)
            let pid = try #require(Int32(try Client(nodes[1]).information("process_id")))
            let identity = try #require(ProcessIdentity(of: pid))
            _ = try identity.send(signal: SIGKILL)
            try eventually("the node to be gone") { !identity.isAlive }
            #expect(try cluster("status", in: folder).code == 1)
            #expect(try cluster("up", in: folder).code == 0)
            #expect(try Client(nodes[1]).ask("QGET", "a", "R", "3")?.contains("1") == true)

            #expect(try cluster("down", in: folder).code == 0)
            #expect(try processes(of: folder).isEmpty)
            #expect(try cluster("up", in: folder).output == up.output)
            #expect(try Client(nodes[2]).ask("GET", "a") == "1")
        }
    }

    @Test func aClusterThatCannotFormSaysWhyAndEnds() throws {
        try inTemporaryFolder { folder in
            #expect(try cluster("up", "--nodes", "3", in: folder).code == 0)
            #expect(try cluster("down", in: folder).code == 0)
            for name in ["node.meta", "node.meta.copy"] {
                try FileSystem.replace("\(folder)/c/n2/\(name)", with: Array("nonsense".utf8))
            }
            let up = try cluster("up", in: folder)
            #expect(up.code == 4, "\(up.exit): \(up.errors)")
            #expect(up.errors.contains("n2") && up.errors.contains("node.meta"), "\(up.errors)")
            try eventually("the other nodes to end") { try processes(of: folder).isEmpty }
        }
    }

    /// Starts a command, sends SIGINT once `moment` is true, and expects an end without strays.
    private func interrupt(
        _ words: [String], in folder: String, when moment: (Program) throws -> Bool
    ) throws -> Program.Ended {
        let program = try Program(Quorumeter.path, words, in: folder)
        try eventually("the moment to interrupt \(words)") {
            try moment(program) || !program.isRunning
        }
        try program.send(signal: SIGINT)
        let ended = try program.end(within: .seconds(30))
        try eventually("all processes of \(words[0]) to end") {
            try processes(of: folder).isEmpty
        }
        return ended
    }

    @Test func interruptingClusterUpLeavesNoProcess() throws {
        try inTemporaryFolder { folder in
            for (count, name) in [(0, "a"), (1, "b"), (3, "c")] {
                let directory = "\(folder)/\(name)"
                _ = try interrupt(
                    ["cluster", "up", "--nodes", "5", "--memory", "--dir", directory], in: folder
                ) { _ in try processes(of: folder).count > count }
                let down = try Quorumeter.run("cluster", "down", "--dir", directory, in: folder)
                #expect(down.code == 0 || down.code == 2)
            }
        }
    }

    @Test func interruptingASweepEndsItsCluster() throws {
        try inTemporaryFolder { folder in
            // While it begins, while its cluster forms, while it measures, after the first cell.
            let moments: [(Program) throws -> Bool] = [
                { _ in true }, { _ in try processes(of: folder).count > 2 },
                { _ in try processes(of: folder).count > 5 }, { $0.errors.contains("[1/9]") },
            ]
            for (index, moment) in moments.enumerated() {
                let ended = try interrupt(
                    ["sweep", Workloads.demo, "--out", "\(folder)/out\(index)"], in: folder,
                    when: moment)
                #expect(ended.code != 0, "an interrupted sweep has not held")
            }
        }
    }

    @Test func interruptingANodeEndsItCleanly() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(["--name", "n1", "--data", "\(folder)/d"], in: folder)
            let client = try node.client()
            for i in 0..<50 { try client.send(command("SET", "k\(i)", "v")) }
            for _ in 0..<50 { #expect(try client.reply() == "+OK") }
            let ended = try node.stop()
            #expect(ended.code == 0, "\(ended.exit): \(ended.errors)")
            #expect(ended.errors.contains("event=stopped"))
        }
    }

    @Test func interruptingASimulationEndsIt() throws {
        try inTemporaryFolder { folder in
            let ended = try interrupt(
                ["simulate", "--seeds", "1..1000000", "--operations", "500"], in: folder
            ) { !$0.output.isEmpty || !$0.errors.isEmpty }
            #expect(ended.code != 0)
        }
    }
}
