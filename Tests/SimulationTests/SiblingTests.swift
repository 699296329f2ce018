import Basics
import Consistency
import Replication
import Simulation
import TestSupport
import Testing

/// K5: strict quorums, siblings, blocking repair: no acknowledged value is lost unless a write that
/// has seen it replaced it.
struct SiblingTests {
    private func scenario(_ seed: UInt64) -> Scenario {
        var scenario = Scenario(seed: seed)
        scenario.mode = .siblings
        scenario.readRepair = .blocking
        scenario.keys = 1
        scenario.operations = 40
        scenario.faults = [.partition, .crash, .pause, .loss, .duplicate, .delay, .clockSkew]
        return scenario
    }

    @Test func noAcknowledgedSiblingIsLostUnderAnyFault() throws {
        var reads = 0
        for offset in 0..<150 as Range<UInt64> {
            var random = RandomSource(seed: Seeds.base &+ offset)
            let seed = random.next() >> 11
            var scenario = scenario(seed)
            if offset % 3 == 0 { scenario.deletesPerThousand = 100 }
            let result = try Simulation.run(
                scenario, models: [.multiValue], measuresStaleness: false)
            #expect(result.invariants.isEmpty, "seed \(seed): \(result.invariants)")
            #expect(!result.violates(.multiValue), "seed \(seed)")
            reads += result.operations.reads
        }
        #expect(reads > 1_000)
    }

    @Test func aReplicaThatForgetsEverythingDoesNotReuseItsDots() throws {
        // H18: A coordinates three writes, loses its memory, and coordinates another.
        var scenario = calmScenario(r: 2, w: 2)
        scenario.mode = .siblings
        scenario.durability = nil
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        cluster.run(for: .milliseconds(20))
        for number in 1...3 {
            let set = cluster.call(["SET", "k0", "w:1:\(number);"], at: nodeA)
            #expect(cluster.wait(for: set) == "+OK\r\n")
        }
        cluster.run(for: .milliseconds(20))
        cluster.begin(.crash(NodeID(nodeA)))
        cluster.run(for: .milliseconds(5))
        cluster.end(.crash(NodeID(nodeA)))
        cluster.run(for: .milliseconds(300))
        let set = cluster.call(["SET", "k0", "w:9:9;"], at: nodeA, client: 1)
        #expect(cluster.wait(for: set) == "+OK\r\n")
        for node in [nodeB, nodeC] {
            let get = cluster.call(["QGET", "k0"], at: node, client: 2)
            let reply = cluster.wait(for: get) ?? ""
            for value in ["w:9:9;", "w:1:1;", "w:1:2;", "w:1:3;"] {
                #expect(reply.contains(value), "\(reply)")
            }
        }
    }

    @Test func aBlindWriteReplacesWhereTheKeyspaceSaysSo() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 2, w: 2), isScripted: true)
        let words = ["KEYSPACE", "CREATE", "s", "MODE", "siblings", "BLIND", "replace"]
        let create = cluster.call(words, at: nodeA)
        #expect(cluster.wait(for: create) == "+OK\r\n")
        let use = cluster.call(["KEYSPACE", "USE", "s"], at: nodeA)
        #expect(cluster.wait(for: use) == "+OK\r\n")
        for value in ["one", "two", "three"] {
            let set = cluster.call(["SET", "x", value], at: nodeA)
            #expect(cluster.wait(for: set) == "+OK\r\n")
        }
        let get = cluster.call(["QGET", "x"], at: nodeA)
        #expect(
            cluster.wait(for: get)?.hasPrefix(
                "*10\r\n$6\r\nvalues\r\n*1\r\n$5\r\nthree\r\n") == true)
        let token = cluster.call(["QUORUM", "TOKEN", "5.0@n1/1"], at: nodeA)
        _ = cluster.wait(for: token)
        let refused = cluster.call(["GET", "x"], at: nodeA)
        #expect(cluster.wait(for: refused)?.hasPrefix("-NOTSUPPORTED TOKEN") == true)
    }
}
