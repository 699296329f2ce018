import Basics
import Consistency
import Replication
import Simulation
import TestSupport
import Testing

/// What sloppy quorums give and cost.
struct HandoffTests {
    /// Five nodes, N = 3, and who is a replica of the key, as the nodes themselves say.
    private func scenario(_ kind: QuorumKind) -> Scenario {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.nodes = 5
        scenario.quorumKind = kind
        return scenario
    }

    private func names(in reply: String?) -> [String] {
        (reply ?? "").split(separator: "\r\n").map(String.init)
    }

    /// Numbers of the replicas of the key, then of the others.
    private func roles(_ cluster: inout SimulatedCluster) -> (replicas: [Int], others: [Int]) {
        let call = cluster.call(["QSET", "k0", "first", "W", "3"], at: nodeA, client: 5)
        let reply = names(in: cluster.wait(for: call))
        let replicas = (0..<5).filter { reply.contains(NodeID($0).description) }
        return (replicas, (0..<5).filter { !replicas.contains($0) })
    }

    private func split(
        _ side: [Int], _ cluster: inout SimulatedCluster
    ) -> Fault {
        let partition = Fault.partition(side: side.map { NodeID($0) }, oneWay: false)
        cluster.begin(partition)
        for from in 0..<5 {
            for to in 0..<5 where side.contains(from) != side.contains(to) {
                cluster.discover(to, by: from)
            }
        }
        return partition
    }

    @Test func bothSidesOfAPartitionWriteAndNeitherReadsTheOther() throws {
        var cluster = try SimulatedCluster(scenario(.sloppy), isScripted: true)
        let (replicas, others) = roles(&cluster)
        #expect(replicas.count == 3)
        let partition = split(Array(replicas.prefix(2)), &cluster)
        let write = cluster.write(at: replicas[0], client: 0)
        #expect(cluster.wait(for: write)?.outcome == .ok)
        let read = cluster.call(["GET", "k0"], at: others[0], client: 1)
        #expect(cluster.wait(for: read) == "$5\r\nfirst\r\n")
        cluster.end(partition)
        cluster.run(for: .seconds(1))
        let healed = cluster.read(at: others[0], r: 3, client: 2)
        #expect(cluster.wait(for: healed)?.value == cluster.answer(write)?.value)
        #expect(cluster.violations.isEmpty)
    }

    @Test func aReplicaThatWasAwayIsHandedWhatItMissed() throws {
        var cluster = try SimulatedCluster(scenario(.sloppy), isScripted: true)
        let (replicas, others) = roles(&cluster)
        let partition = split([replicas[1]], &cluster)
        let write = cluster.call(["QSET", "k0", "second", "W", "3"], at: others[0], client: 0)
        let reply = names(in: cluster.wait(for: write))
        let standIns = reply.firstIndex(of: "fallbacks").map { reply[($0 + 1)...] } ?? []
        #expect(standIns.contains { name in others.contains { NodeID($0).description == name } })
        cluster.end(partition)
        cluster.run(for: .seconds(1))
        for other in others {
            let owed = cluster.call(["HINTS"], at: other, client: 3)
            #expect(cluster.wait(for: owed) == "*0\r\n")
        }
        let read = cluster.call(["QGET", "k0", "R", "1"], at: replicas[1], client: 4)
        #expect(cluster.wait(for: read)?.contains("second") == true)
        #expect(cluster.violations.isEmpty)
    }

    @Test func whatStandInsHoldSurvivesTheirCrash() throws {
        var cluster = try SimulatedCluster(scenario(.sloppy), isScripted: true)
        let (replicas, others) = roles(&cluster)
        let partition = split(replicas, &cluster)
        let write = cluster.call(["SET", "k0", "second"], at: others[0], client: 0)
        #expect(cluster.wait(for: write) == "+OK\r\n")
        for other in others { cluster.begin(.crash(NodeID(other))) }
        cluster.run(for: .milliseconds(10))
        for other in others { cluster.end(.crash(NodeID(other))) }
        cluster.run(for: .milliseconds(50))
        cluster.end(partition)
        cluster.run(for: .seconds(1))
        let read = cluster.call(["GET", "k0"], at: replicas[0], client: 1)
        #expect(cluster.wait(for: read) == "$6\r\nsecond\r\n")
        #expect(cluster.violations.isEmpty)
    }

    @Test func anAcknowledgedWriteIsLostWhenItsStandInsGiveItUp() throws {
        var scenario = scenario(.sloppy)
        scenario.hintWindow = .seconds(10)
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        let (replicas, others) = roles(&cluster)
        let partition = split(replicas, &cluster)
        let write = cluster.call(["SET", "k0", "second"], at: others[0], client: 0)
        #expect(cluster.wait(for: write) == "+OK\r\n")
        cluster.run(for: .seconds(20))
        cluster.end(partition)
        cluster.run(for: .seconds(1))
        for (client, node) in (0..<5).enumerated() {
            let read = cluster.call(["QGET", "k0", "R", "3"], at: node, client: client)
            #expect(cluster.wait(for: read)?.contains("first") == true)
        }
    }

    @Test func aStrictMinorityIsUnavailableWhereASloppyOneIsNot() throws {
        var cluster = try SimulatedCluster(scenario(.strict), isScripted: true)
        let (replicas, others) = roles(&cluster)
        _ = split(replicas, &cluster)
        let strict = cluster.call(["SET", "k0", "second"], at: others[0], client: 0)
        #expect(cluster.wait(for: strict)?.hasPrefix("-UNAVAILABLE") == true)
        let sloppy = cluster.call(
            ["QSET", "k0", "second", "KIND", "sloppy"], at: others[0], client: 0)
        #expect(cluster.wait(for: sloppy)?.contains("fallbacks\r\n*2") == true)
    }

    @Test func randomRunsFindStaleReadsOfSloppyQuorums() throws {
        var scenario = Scenario(seed: 0)
        scenario.quorumKind = .sloppy
        scenario.readRepair = .blocking
        scenario.faults = .partition
        let search = WitnessSearch(scenario, violating: .linearizable)
        let found = try search.firstViolation(in: Seeds.base..<Seeds.base + 100)
        let least = try #require(found)
        #expect(least.shrunk.history.count <= 8)
    }

    @Test func nothingIsOwedAfterEverythingHasHealed() throws {
        for seed in Seeds.base..<Seeds.base + 40 {
            var scenario = Scenario(seed: seed)
            scenario.quorumKind = seed % 2 == 0 ? .sloppy : .strict
            scenario.faults = [.partition, .crash, .loss, .delay]
            let result = try Simulation.run(scenario)
            #expect(result.invariants.isEmpty, "\(scenario.command): \(result.invariants)")
        }
    }
}
