import Basics
import Platform
import Testing

/// Real nodes in mode cp, killed in the middle of it: no increment is lost or done twice, and a
/// minority acknowledges nothing.
@Suite struct LinearizableTests {
    @Test func incrementsSurviveKillsExactlyOnce() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(mode: "cp", isDurable: true, in: folder)
            var done = 0
            var unknown = 0
            for round in 0..<3 {
                let victim = cluster.nodes[round]
                let clients = try cluster.nodes.map { try $0.client() }
                for i in 0..<60 {
                    if i == 30 {
                        try victim.program.kill()
                    }
                    let node = i % 3
                    if i >= 30, node == round { continue }
                    guard let reply = try clients[node].ask("INCR", "counter") else {
                        unknown += 1
                        continue
                    }
                    if reply.hasPrefix(":") {
                        done += 1
                    } else if reply.hasPrefix("-TIMEOUT") {
                        unknown += 1
                    } else {
                        #expect(reply.hasPrefix("-UNAVAILABLE"), "\(reply)")
                    }
                }
                try victim.restart()
                try cluster.waitUntilWhole()
            }
            let total = Int(try cluster.nodes[1].client().ask("GET", "counter") ?? "") ?? -1
            #expect(total >= done && total <= done + unknown, "\(total), \(done), \(unknown)")
            #expect(done > 100)
        }
    }

    @Test func aMinorityAcknowledgesNothing() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(mode: "cp", isDurable: true, in: folder)
            let client = try cluster.nodes[0].client()
            #expect(try client.ask("SET", "k", "before") == "+OK")
            for victim in cluster.nodes[1...] {
                try victim.program.kill()
            }
            for words in [["SET", "k", "after"], ["GET", "k"], ["INCR", "n"], ["DEL", "k"]] {
                try client.send(command(words))
                let reply = try client.reply() ?? ""
                #expect(reply.hasPrefix("-UNAVAILABLE") || reply.hasPrefix("-TIMEOUT"), "\(reply)")
            }
            for victim in cluster.nodes[1...] { try victim.restart() }
            try cluster.waitUntilWhole()
            let value = try cluster.nodes[2].client().ask("GET", "k")
            #expect(value == "before" || value == "after")
        }
    }

    @Test func aPromiseNeedsASyncedLog() throws {
        try inTemporaryFolder { folder in
            let program = try Program(
                Quorumeter.path, ["serve", "--listen", "127.0.0.1:0", "--mode", "cp"],
                name: "node", in: folder)
            let ended = try program.end()
            #expect(ended.code == 2)
            #expect(ended.errors.contains("--mode cp needs --data and --fsync always"))
        }
    }
}
