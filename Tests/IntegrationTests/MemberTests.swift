import Basics
import Glibc
import Platform
import Testing

/// Nodes that join, leave and are replaced while clients write, in real processes.
struct MemberTests {
    /// Writes numbered keys through two nodes until a program has ended; returns how many were
    /// acknowledged by both quorums.
    private func write(
        through cluster: CommandedCluster, during program: Program, from first: Int
    ) throws -> Int {
        let clients = [try cluster.client(1), try cluster.client(2)]
        var number = first
        while try program.isRunning {
            let reply = try clients[number % 2].ask("SET", "key\(number)", "value\(number)")
            guard reply == "OK" || reply == "+OK" else {
                throw Missing("an acknowledgement of key\(number): \(reply ?? "nothing")")
            }
            number += 1
        }
        return number
    }

    private func expect(
        _ keys: Range<Int>, at address: SocketAddress,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let client = try Client(address)
        for key in keys { try client.send(command("GET", "key\(key)")) }
        var wrong: [String] = []
        for key in keys {
            let reply = try client.reply()
            if reply != "value\(key)" { wrong.append("key\(key): \(reply ?? "absent")") }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))", sourceLocation: sourceLocation)
    }

    private func start(_ words: String..., for cluster: CommandedCluster) throws -> Program {
        try Program(
            Quorumeter.path, ["cluster"] + words + ["--dir", "\(cluster.folder)/c"],
            in: cluster.folder)
    }

    @Test func nodesJoinAndLeaveUnderLoadAndNothingIsLost() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", in: folder)
            let join = try start("add", for: cluster)
            let written = try write(through: cluster, during: join, from: 0)
            let joined = try join.end()
            #expect(joined.code == 0 && joined.output == "n4\n", "\(joined.errors)")
            let joiner = try cluster.status().count
            #expect(joiner == 4)

            let ring = try Quorumeter.run("admin", "ring", "\(cluster.nodes[0])", in: folder)
            #expect(ring.output.contains("n4: 192 shards (25.0 %), alive"), "\(ring.output)")

            let leave = try start("remove", "n1", for: cluster)
            let total = try write(through: cluster, during: leave, from: written)
            let left = try leave.end()
            #expect(left.code == 0, "\(left.errors)")
            let rest = try cluster.status()
            #expect(rest.map(\.name) == ["n2", "n3", "n4"])
            #expect(rest.allSatisfy { $0.reachable == 3 })
            // Two of the three are enough, whichever they are.
            try cluster.run("kill", "n2")
            try expect(0..<total, at: cluster.nodes[2])
            #expect(total > 0)
        }
    }

    @Test func aKilledNodeIsReplacedAndTheOthersLoseNothing() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", "--mode", "cp", in: folder)
            let client = try cluster.client(0)
            for key in 0..<200 { try client.send(command("SET", "key\(key)", "value\(key)")) }
            for _ in 0..<200 { _ = try client.reply() }
            try cluster.run("kill", "n2")
            let replaced = try cluster.run("replace", "n2")
            #expect(replaced.output == "n4\n")
            try eventually("all members to reach the new one") {
                try cluster.status().allSatisfy { $0.reachable == 3 }
            }
            // The new one counts for every majority now.
            try cluster.run("kill", "n1")
            try expect(0..<200, at: cluster.nodes[2])
            #expect(try cluster.client(2).ask("INCR", "counter")?.hasSuffix("1") == true)
        }
    }

    @Test func aNodeThatHasLeftIsNotTakenBack() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(4, isDurable: true, in: folder)
            let address = "\(cluster.nodes[1].address)"
            try cluster.nodes[0].program.kill()
            let removed = try Quorumeter.run(
                "admin", "force-remove", address, "n1", "--wait", in: folder)
            #expect(removed.code == 0, "\(removed.errors)")
            // It has not heard of it, and hears it from those that it dials.
            try cluster.nodes[0].restart()
            try eventually("the node to be refused") {
                try cluster.nodes[1].client().information("peers_refused") != "0"
            }
            let again = try Quorumeter.run(
                "admin", "add", address, "n1@127.0.0.1:1", in: folder)
            #expect(again.code != 0 && again.errors.contains("has left for good"))

            // One that was asked to leave ends, and does not start again.
            let left = try Quorumeter.run(
                "admin", "add", address, "nobody@127.0.0.1:9", in: folder)
            #expect(left.code == 0)
            let busy = try Quorumeter.run("admin", "remove", address, "n3", in: folder)
            #expect(busy.errors.contains("RING CANCEL"))
            let cancelled = try Quorumeter.run("admin", "cancel", address, in: folder)
            #expect(cancelled.code == 0)
        }
    }

    @Test func whatANodeNeedsToJoinIsSaidWhenItIsMissing() throws {
        try inTemporaryFolder { folder in
            let alone = try Quorumeter.run(
                "serve", "--listen", "127.0.0.1:0", "--into", "127.0.0.1:1", in: folder)
            #expect(alone.code == 2 && alone.errors.contains("cannot be 0"))
            let both = try Quorumeter.run(
                "serve", "--into", "127.0.0.1:1", "--join", "127.0.0.1:2", in: folder)
            #expect(both.code == 2 && both.errors.contains("leave out --join"))
            let lost = try Quorumeter.run("serve", "--replace", "n1", in: folder)
            #expect(lost.code == 2 && lost.errors.contains("--into"))
        }
    }
}
