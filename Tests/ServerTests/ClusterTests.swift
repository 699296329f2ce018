import Basics
import Glibc
import Platform
import Server
import Testing

/// Three nodes in this process, N = 3, on ports that were free a moment ago.
private final class Cluster {
    private var configurations: [ServerConfiguration] = []
    var nodes: [RunningNode?] = []

    init(folder: String? = nil) throws {
        var listeners: [Socket] = []
        for _ in 0..<3 { listeners.append(try Socket.listen(on: .loopback(0))) }
        let addresses = try listeners.map { try #require($0.localAddress) }
        for listener in listeners { listener.close() }
        let joins = addresses.enumerated().map { "n\($0.offset + 1)@\($0.element)" }
        for (index, address) in addresses.enumerated() {
            configurations.append(
                try ServerConfiguration(
                    name: "n\(index + 1)", listen: .loopback(0), peerListen: address, joins: joins,
                    dataDirectory: folder.map { "\($0)/n\(index + 1)" }))
            nodes.append(nil)
        }
        for index in 0..<3 { try start(index) }
        try waitUntilReachable(3)
    }

    func start(_ index: Int) throws { nodes[index] = try RunningNode(configurations[index]) }

    func client(_ index: Int) throws -> TestClient {
        try TestClient(try #require(nodes[index]).address)
    }

    /// Until every node that runs reaches `count` members.
    func waitUntilReachable(_ count: Int) throws {
        for index in nodes.indices where nodes[index] != nil {
            let client = try client(index)
            try eventually("n\(index + 1) reaches \(count) members") {
                try client.information("reachable") == "\(count)"
            }
        }
    }
}

@Suite struct ClusterTests {
    @Test func aWriteThroughOneNodeIsReadThroughAnother() throws {
        let cluster = try Cluster()
        let clients = try (0..<3).map { try cluster.client($0) }
        for i in 0..<200 {
            try clients[i % 3].expect(command("SET", "k\(i)", "v\(i)"), "+OK\r\n")
            try clients[(i + 1) % 3].expect(
                command("GET", "k\(i)"), "$\("v\(i)".utf8.count)\r\nv\(i)\r\n")
        }
        let many = (0..<500).map { command("SET", "p\($0)", "x") + command("GET", "p\($0)") }
        try clients[0].expect(
            many.joined(), String(repeating: "+OK\r\n$1\r\nx\r\n", count: 500))
        for node in cluster.nodes { #expect(node?.stop() == 0) }
    }

    @Test func aClusterLosesANodeAndWelcomesItBack() throws {
        try inTemporaryFolder { folder in
            let cluster = try Cluster(folder: folder)
            let client = try cluster.client(0)
            try client.expect(command("SET", "a", "1"), "+OK\r\n")
            #expect(cluster.nodes[1]?.stop() == 0)
            cluster.nodes[1] = nil
            try cluster.waitUntilReachable(2)
            try client.expect(command("SET", "a", "2"), "+OK\r\n")
            try client.expect(
                command("QGET", "a", "R", "3"),
                "-UNAVAILABLE 2 replicas are reachable, the quorum needs 3\r\n")
            #expect(cluster.nodes[2]?.stop() == 0)
            cluster.nodes[2] = nil
            try cluster.waitUntilReachable(1)
            try client.expect(
                command("SET", "a", "3"),
                "-UNAVAILABLE 1 replicas are reachable, the quorum needs 2\r\n")
            try cluster.start(1)
            try cluster.start(2)
            try cluster.waitUntilReachable(3)
            try cluster.client(1).expect(command("GET", "a"), "$1\r\n2\r\n")
        }
    }

    @Test func aNodeThatWasAwayIsHandedWhatItMissed() throws {
        try inTemporaryFolder { folder in
            let cluster = try Cluster(folder: folder)
            #expect(cluster.nodes[1]?.stop() == 0)
            cluster.nodes[1] = nil
            try cluster.waitUntilReachable(2)
            var client = try cluster.client(0)
            for i in 0..<50 { try client.expect(command("SET", "k\(i)", "v"), "+OK\r\n") }
            #expect(try client.information("hints_owed") == "50")
            try client.expect(
                command("HINTS"), "*1\r\n*3\r\n$2\r\nn2\r\n:50\r\n:190\r\n")
            // What is held outlives the one who holds it.
            #expect(cluster.nodes[0]?.stop() == 0)
            cluster.nodes[0] = nil
            try cluster.start(0)
            client = try cluster.client(0)
            #expect(try client.information("hints_owed") == "50")
            try cluster.start(1)
            try eventually("everything to be handed over") {
                try client.information("hints_owed") == "0"
            }
            let returned = try cluster.client(1)
            try returned.send(command("QUORUM", "R", "1"))
            for i in 0..<50 { try returned.send(command("GET", "k\(i)")) }
            let values = String(repeating: "$1\r\nv\r\n", count: 50)
            try returned.send("QUIT\r\n")
            #expect(try returned.receiveAll().hasSuffix(values + "+OK\r\n"))
        }
    }

    @Test func aNodeOfAnotherClusterIsNotReached() throws {
        // The smaller index dials: the stranger calls itself “a”.
        let node = try RunningNode(
            ServerConfiguration(name: "b", listen: .loopback(0), joins: ["a@127.0.0.1:1"]))
        let stranger = try RunningNode(
            ServerConfiguration(
                name: "a", listen: .loopback(0), joins: ["b@\(node.peerAddress)"],
                clusterName: "another"))
        for side in [node, stranger] {
            let client = try TestClient(side.address)
            try eventually("the peer to be refused") {
                try client.information("peers_refused") != "0"
            }
            try client.expect(
                command("SET", "a", "1"),
                "-UNAVAILABLE 1 replicas are reachable, the quorum needs 2\r\n")
        }
    }
}
