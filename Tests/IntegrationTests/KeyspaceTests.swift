import Basics
import Platform
import Testing

/// Keyspaces of a real cluster.
@Suite struct KeyspaceProcessTests {
    @Test func aKeyspaceIsKnownToEveryNodeAndOutlivesARestart() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: true, in: folder)
            let client = try cluster.nodes[0].client()
            #expect(try client.ask("KEYSPACE", "CREATE", "copies", "N", "2", "W", "1") == "+OK")
            let other = try cluster.nodes[1].client()
            try eventually("the keyspace to be known") {
                try other.ask("KEYSPACE", "USE", "copies") == "+OK"
            }
            #expect(try other.ask("SET", "k", "v") == "+OK")
            for node in cluster.nodes {
                _ = try node.stop()
                try node.restart()
            }
            let last = try cluster.nodes[2].client()
            #expect(try last.ask("KEYSPACE", "USE", "copies") == "+OK")
            try eventually("the value to be read") { try last.ask("GET", "k") == "v" }
            #expect(try last.ask("KEYSPACE", "USE", "default") == "+OK")
            #expect(try last.ask("GET", "k") == nil)
        }
    }
}
