import Basics
import Glibc
import Platform
import Testing

/// Anti-entropy between real processes, and `quorumeter admin`.
struct RepairTests {
    private func admin(_ words: String..., in folder: String) throws -> Program.Ended {
        try Program(Quorumeter.path, ["admin"] + words, name: "admin", in: folder).end()
    }

    @Test func aNodeThatForgotEverythingIsFilledAgain() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: false, in: folder)
            let client = try cluster.nodes[0].client()
            for i in 0..<300 { try client.send(command("QSET", "k\(i)", "value-\(i)", "W", "3")) }
            for _ in 0..<300 { _ = try client.reply() }
            // It keeps everything in memory only.
            try cluster.nodes[2].program.kill()
            try eventually("the others to notice") {
                try client.information("reachable") == "2"
            }
            try cluster.nodes[2].restart()
            try cluster.waitUntilWhole()
            let returned = try cluster.nodes[2].client()
            try eventually("the node to hold everything again") {
                try returned.information("db0").hasPrefix("keys=300,")
            }
            _ = try returned.ask("QUORUM", "R", "1")
            for i in [0, 150, 299] { #expect(try returned.ask("GET", "k\(i)") == "value-\(i)") }

            let address = "\(cluster.nodes[2].address)"
            let repair = try admin("repair", address, in: folder)
            #expect(repair.code == 0, "\(repair.output)\(repair.errors)")
            #expect(repair.output == "n1: holds the same\nn2: holds the same\n")
            let ring = try admin("ring", address, in: folder)
            #expect(ring.code == 0 && ring.output.contains("n2: 256 shards (33.3 %), alive"))
            let status = try admin("status", address, in: folder)
            #expect(status.output.contains("n3 \(address): 300 keys, N=3"))
            #expect(status.output.contains("n1: reachable, holds the same"))
        }
    }

    @Test func aPreviewSaysWhatDiffersAndRepairMendsIt() throws {
        try inTemporaryFolder { folder in
            // Replicas do not compare by themselves, and a node that holds nothing for others.
            let cluster = try ServedCluster(
                more: ["--anti-entropy", "off", "--read-repair", "none"], isDurable: false,
                in: folder)
            let client = try cluster.nodes[0].client()
            for i in 0..<40 { try client.send(command("QSET", "k\(i)", "v", "W", "3")) }
            for _ in 0..<40 { _ = try client.reply() }
            try cluster.nodes[2].program.kill()
            try cluster.nodes[2].restart()
            try cluster.waitUntilWhole()
            let address = "\(cluster.nodes[0].address)"
            var preview = try admin("repair", address, "--preview", in: folder)
            try eventually("the writes to be old enough") {
                preview = try admin("repair", address, "--preview", in: folder)
                return preview.output.contains("n3: 40 keys to send")
            }
            #expect(preview.code == 1)
            #expect(try cluster.nodes[2].client().information("db0").hasPrefix("keys=0,"))
            let repair = try admin("repair", address, in: folder)
            #expect(repair.code == 0, "\(repair.output)\(repair.errors)")
            #expect(try cluster.nodes[2].client().information("db0").hasPrefix("keys=40,"))
        }
    }

    @Test func adminSaysWhatIsWrong() throws {
        try inTemporaryFolder { folder in
            let nowhere = try admin("status", "127.0.0.1:1", in: folder)
            #expect(nowhere.code == 4 && nowhere.errors.contains("127.0.0.1:1 does not answer"))
            let unknown = try admin("mend", "127.0.0.1:1", in: folder)
            #expect(unknown.code == 2 && unknown.errors.contains("mend"))
            let address = try admin("repair", "nonsense", in: folder)
            #expect(address.code == 2 && address.errors.contains("nonsense"))
        }
    }
}

/// Members that are there and say nothing.
struct SilentMemberTests {
    @Test func aStoppedNodeIsNotWaitedForAndIsAskedAgainWhenItGoesOn() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: false, in: folder)
            let client = try cluster.nodes[0].client()
            try cluster.nodes[2].program.send(signal: SIGSTOP)
            try eventually("its silence to be noticed", within: .seconds(60)) {
                try client.information("reachable") == "2"
            }
            #expect(try client.ask("SET", "a", "1") == "+OK")
            try cluster.nodes[2].program.send(signal: SIGCONT)
            try eventually("it to be heard again", within: .seconds(60)) {
                try client.information("reachable") == "3"
            }
            let returned = try cluster.nodes[2].client()
            _ = try returned.ask("QUORUM", "R", "1")
            try eventually("it to have what it missed") { try returned.ask("GET", "a") == "1" }
        }
    }
}
