import Basics
import Replication
import Simulation
import Testing

/// Keyspaces through the client protocol, and what crashes and partitions leave of them.
struct KeyspaceTests {
    @Test func aKeyspaceOutlivesTheCrashOfEveryNode() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 2, w: 2), isScripted: true)
        let create = cluster.call(["KEYSPACE", "CREATE", "one", "N", "1"], at: nodeA)
        #expect(cluster.wait(for: create) == "+OK\r\n")
        cluster.run(for: .milliseconds(10))
        let use = cluster.call(["KEYSPACE", "USE", "one"], at: nodeB)
        #expect(cluster.wait(for: use) == "+OK\r\n")
        let set = cluster.call(["SET", "k0", "w:1:1;"], at: nodeB)
        #expect(cluster.wait(for: set) == "+OK\r\n")
        for node in 0..<3 { cluster.begin(.crash(NodeID(node))) }
        cluster.run(for: .milliseconds(5))
        for node in 0..<3 { cluster.end(.crash(NodeID(node))) }
        cluster.run(for: .milliseconds(50))
        for node in 0..<3 {
            let again = cluster.call(["KEYSPACE", "USE", "one"], at: node, client: 1)
            #expect(cluster.wait(for: again) == "+OK\r\n")
            let get = cluster.call(["GET", "k0"], at: node, client: 1)
            #expect(cluster.wait(for: get) == "$6\r\nw:1:1;\r\n")
            let other = cluster.call(["GET", "k0"], at: node, client: 2)
            #expect(cluster.wait(for: other) == "$-1\r\n")
        }
        #expect(cluster.violations.isEmpty)
    }

    @Test func theMinorityOfAPartitionLearnsWhenItHeals() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 2, w: 2), isScripted: true)
        let cut = Fault.partition(side: [NodeID(nodeC)], oneWay: false)
        cluster.begin(cut)
        for peer in [nodeA, nodeB] {
            cluster.discover(peer, by: nodeC)
            cluster.discover(nodeC, by: peer)
        }
        let refused = cluster.call(["KEYSPACE", "CREATE", "b"], at: nodeC)
        #expect(cluster.wait(for: refused)?.hasPrefix("-UNAVAILABLE 1 of 3 members") == true)
        let create = cluster.call(["KEYSPACE", "CREATE", "a", "R", "1"], at: nodeA)
        #expect(cluster.wait(for: create) == "+OK\r\n")
        let unknown = cluster.call(["KEYSPACE", "USE", "a"], at: nodeC)
        #expect(cluster.wait(for: unknown)?.hasPrefix("-NOKEYSPACE") == true)
        cluster.end(cut)
        cluster.run(for: .milliseconds(600))
        let use = cluster.call(["KEYSPACE", "USE", "a"], at: nodeC)
        #expect(cluster.wait(for: use) == "+OK\r\n")
        #expect(cluster.violations.isEmpty)
    }

    @Test func anUnservedModeIsRefused() throws {
        // Nodes that forget what they have acknowledged cannot keep such a promise.
        var scenario = calmScenario(r: 2, w: 2)
        scenario.durability = .appended
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        let create = cluster.call(["KEYSPACE", "CREATE", "a", "MODE", "cp"], at: nodeA)
        #expect(cluster.wait(for: create)?.hasPrefix("-NOTSUPPORTED") == true)
    }
}
