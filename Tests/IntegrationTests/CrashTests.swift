import Basics
import Glibc
import Platform
import Testing

/// kill -9 of nodes in mid-load: what was acknowledged is there afterwards.
@Suite struct CrashTests {
    /// Writes keys once each, so that a key has one value or none, and overwrites a few, whose
    /// values only rise.
    private struct Load {
        var acknowledged: [String: Int] = [:]
        /// By key: the highest value that was acknowledged, and that was ever sent.
        var counters: [String: (acknowledged: Int, sent: Int)] = [:]
        var next = 0

        /// Sends `count` writes in one go; then, `before` having run, takes the answers until
        /// there are all, or the connection ends.
        mutating func write(
            _ count: Int, to client: Client, before: () throws -> Void = {}
        ) throws {
            var text = ""
            var sent: [(key: String, value: Int)] = []
            for _ in 0..<count {
                next += 1
                let key = next % 10 == 0 ? "counter\(next / 10 % 5)" : "key\(next)"
                sent.append((key, next))
                text += command("SET", key, "\(next)")
                if key.hasPrefix("counter") { counters[key, default: (0, 0)].sent = next }
            }
            try client.send(text)
            try before()
            for (key, value) in sent {
                guard let reply = try client.line() else { return }
                guard reply == "+OK" else { continue }
                if key.hasPrefix("counter") {
                    counters[key, default: (0, 0)].acknowledged = value
                } else {
                    acknowledged[key] = value
                }
            }
        }

        /// Reads everything back at `r`; the keys whose acknowledged value is not there.
        func lost(at r: Int, from client: Client) throws -> [String] {
            var lost: [String] = []
            #expect(try client.ask("QUORUM", "R", "\(r)")?.hasPrefix("-") == false)
            for (key, value) in acknowledged.sorted(by: { $0.value < $1.value }) {
                let found = try client.ask("GET", key)
                if found != "\(value)" { lost.append("\(key) = \(found ?? "nothing")") }
            }
            for (key, counter) in counters.sorted(by: { $0.key < $1.key }) {
                let found = Int(try client.ask("GET", key) ?? "") ?? 0
                if found < counter.acknowledged || found > counter.sent {
                    lost.append("\(key) = \(found), acknowledged \(counter.acknowledged)")
                }
            }
            return lost
        }
    }

    @Test func noAcknowledgedWriteIsLostWhenNodesAreKilled() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: true, in: folder)
            var load = Load()

            // A replica dies while the coordinator works on.
            let first = try cluster.nodes[0].client()
            for _ in 0..<5 { try load.write(100, to: first) }
            try load.write(300, to: first) { try cluster.nodes[1].program.kill() }
            for _ in 0..<5 { try load.write(100, to: first) }
            try cluster.nodes[1].restart()
            try cluster.waitUntilWhole()

            // The coordinator dies with writes in its hands.
            try load.write(100, to: first)
            try load.write(300, to: first) { try cluster.nodes[0].program.kill() }
            let third = try cluster.nodes[2].client()
            for _ in 0..<3 { try load.write(100, to: third) }
            try cluster.nodes[0].restart()
            try cluster.waitUntilWhole()

            #expect(load.acknowledged.count > 1_000)
            for node in cluster.nodes {
                for r in [2, 3] {
                    let lost = try load.lost(at: r, from: try node.client())
                    #expect(lost.isEmpty, "at R = \(r): \(lost.prefix(5)), \(lost.count) in all")
                }
            }
            for node in cluster.nodes { #expect(try node.stop().code == 0) }
        }
    }

    @Test func aWholeClusterComesBackFromItsLogs() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: true, in: folder)
            var load = Load()
            let client = try cluster.nodes[0].client()
            for _ in 0..<3 { try load.write(100, to: client) }
            try load.write(300, to: client) {
                for node in cluster.nodes { try node.program.kill() }
            }
            for node in cluster.nodes { try node.restart() }
            try cluster.waitUntilWhole()
            let lost = try load.lost(at: 2, from: try cluster.nodes[1].client())
            #expect(lost.isEmpty, "\(lost.prefix(5)), \(lost.count) in all")
            #expect(load.acknowledged.count >= 270)
        }
    }

    @Test func oneNodeOfTwoRefusesAQuorumOfTwoAtOnce() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(2, n: 2, r: 1, w: 2, isDurable: false, in: folder)
            let client = try cluster.nodes[0].client()
            #expect(try client.ask("SET", "a", "1") == "+OK")
            try cluster.nodes[1].program.kill()
            try eventually("the loss to be noticed") {
                try client.information("reachable") == "1"
            }
            #expect(try client.ask("SET", "a", "2")?.hasPrefix("-UNAVAILABLE") == true)
            #expect(try client.ask("GET", "a") == "1")
        }
    }
}
