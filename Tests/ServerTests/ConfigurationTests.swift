import Basics
import Platform
import Replication
import Server
import Testing

@Suite struct ConfigurationTests {
    @Test func aSingleNodeNeedsNoOptions() throws {
        let configuration = try ServerConfiguration()
        #expect(configuration.listen.port == 7_001)
        #expect(configuration.peerListen.port == 17_001)
        #expect(configuration.replication.n == 1)
        #expect(configuration.name == "127.0.0.1:17001")
        #expect(configuration.id.index == 0)
    }

    @Test func allMembersComputeTheSameCluster() throws {
        let joins = ["b@127.0.0.1:17002", "a@127.0.0.1:17001", "c@127.0.0.1:17003"]
        let first = try ServerConfiguration(
            name: "a", listen: .loopback(7_001), joins: Array(joins.reversed()))
        let third = try ServerConfiguration(
            name: "c", listen: .loopback(7_003), joins: Array(joins.prefix(2)))
        #expect(first.members == third.members)
        #expect(first.clusterID == third.clusterID)
        #expect((first.id.index, third.id.index) == (0, 2))
        #expect(first.replication == third.replication)
        #expect((first.replication.n, first.replication.r, first.replication.w) == (3, 2, 2))
        let other = try ServerConfiguration(name: "a", joins: joins, clusterName: "other")
        #expect(other.clusterID != first.clusterID)
        let unnamed = try ServerConfiguration(joins: ["127.0.0.1:17001", "127.0.0.1:17002"])
        #expect(unnamed.memberNames == ["127.0.0.1:17001", "127.0.0.1:17002"])
    }

    @Test func whatIsWrongIsSaid() {
        func message(_ make: () throws -> ServerConfiguration) -> String? {
            #expect(throws: ConfigurationError.self) { _ = try make() }?.description
        }
        #expect(
            message { try ServerConfiguration(n: 3) }
                == "n is 3, but the cluster has 1 member: name the others with --join, or lower --n"
        )
        #expect(
            message { try ServerConfiguration(r: 2) } == "r must be from 1 to 1, not 2")
        #expect(
            message { try ServerConfiguration(joins: ["x@host"]) }
                == "--join x@host: “host” is not an address: the port must be a number from 0 to "
                + "65535, not “host”")
        #expect(
            message { try ServerConfiguration(joins: ["x@h:1", "x@h:2"]) }
                == "the member x has two addresses, h:1 and h:2")
        #expect(
            message { try ServerConfiguration(joins: ["x@h:1", "y@h:1"]) }
                == "the members x and y have one address, h:1")
        #expect(
            message { try ServerConfiguration(listen: .loopback(60_000)) }?
                .hasPrefix("the peer port would be 60000 + 10000") == true)
        #expect(message { try ServerConfiguration(name: "a b") }?.contains("a node's name") == true)
    }
}
