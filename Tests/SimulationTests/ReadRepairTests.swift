import Basics
import Consistency
import Replication
import Simulation
import TestSupport
import Testing

/// What repair makes of the histories that break strict quorums without it.
struct ReadRepairTests {
    private func scenario(_ repair: ReadRepair) -> Scenario {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.readRepair = repair
        return scenario
    }

    /// A read that overlaps a write, and a later read of other replicas.
    private func readTwiceDuringOneWrite(_ repair: ReadRepair) throws -> [ValueID?] {
        var cluster = try SimulatedCluster(scenario(repair), isScripted: true)
        let links = [late(nodeA, nodeB), late(nodeA, nodeC)]
        for link in links { cluster.begin(link) }
        _ = cluster.write(at: nodeA, client: 0)
        cluster.run(for: .milliseconds(1))
        for link in links { cluster.end(link) }
        let first = cluster.read(at: nodeA, client: 1)
        let firstValue = cluster.wait(for: first)?.value
        cluster.begin(late(nodeA, nodeB))
        let second = cluster.read(at: nodeB, client: 2)
        let secondValue = cluster.wait(for: second)?.value
        #expect(cluster.violations.isEmpty)
        return [firstValue, secondValue]
    }

    @Test func blockingRepairLetsNoSecondReaderGoBack() throws {
        let without = try readTwiceDuringOneWrite(.none)
        #expect(without[0]?.isAbsent == false)
        #expect(without[1] == .absent)
        let with = try readTwiceDuringOneWrite(.blocking)
        #expect(with[0]?.isAbsent == false)
        #expect(with[1] == with[0])
    }

    @Test func aPartialWriteStaysOnceItWasRead() throws {
        var cluster = try SimulatedCluster(scenario(.blocking), isScripted: true)
        for to in [nodeB, nodeC] { cluster.begin(stuck(nodeA, to)) }
        let write = cluster.write(at: nodeA, client: 0)
        #expect(cluster.wait(for: write)?.outcome == .unknown)
        for to in [nodeB, nodeC] { cluster.end(stuck(nodeA, to)) }
        let first = cluster.read(at: nodeA, client: 1)
        let value = cluster.wait(for: first)?.value
        #expect(value?.isAbsent == false)
        cluster.begin(stuck(nodeA, nodeB))
        for client in 2...4 {
            let again = cluster.read(at: nodeB, client: client)
            #expect(cluster.wait(for: again)?.value == value)
        }
    }

    @Test func aReadHealsAReplicaThatMissedAWrite() throws {
        for repair in ReadRepair.allCases {
            var cluster = try SimulatedCluster(scenario(repair), isScripted: true)
            cluster.begin(stuck(nodeA, nodeC))
            let write = cluster.write(at: nodeA, client: 0)
            let value = cluster.wait(for: write)?.value
            cluster.end(stuck(nodeA, nodeC))
            let read = cluster.read(at: nodeB, client: 1)
            #expect(cluster.wait(for: read)?.value == value)
            cluster.run(for: .milliseconds(20))
            let alone = cluster.read(at: nodeC, r: 1, client: 2)
            let expected = repair == .none ? .absent : value
            #expect(cluster.wait(for: alone)?.value == expected)
        }
    }

    @Test func aRepairNeverBringsBackWhatWasDeleted() throws {
        var cluster = try SimulatedCluster(scenario(.asynchronous), isScripted: true)
        cluster.begin(stuck(nodeA, nodeC))
        let write = cluster.write(at: nodeA, client: 0)
        _ = cluster.wait(for: write)
        cluster.end(stuck(nodeA, nodeC))
        // The repair of C is on its way, slowly, while the key is deleted.
        cluster.begin(late(nodeB, nodeC))
        let read = cluster.read(at: nodeB, client: 1)
        #expect(cluster.wait(for: read)?.value.isAbsent == false)
        cluster.end(late(nodeB, nodeC))
        let delete = cluster.delete(at: nodeC, client: 2)
        #expect(cluster.wait(for: delete)?.outcome == .ok)
        cluster.run(for: .milliseconds(200))
        for node in 0..<3 {
            let last = cluster.read(at: node, r: 1, client: 3)
            #expect(cluster.wait(for: last)?.value == .absent)
        }
    }

    private func search(_ repair: ReadRepair, _ faults: FaultFamilies) -> WitnessSearch {
        var scenario = Scenario(seed: 0)
        scenario.nodes = 3
        scenario.keys = 1
        scenario.operations = 40
        scenario.readRepair = repair
        scenario.faults = faults
        return WitnessSearch(scenario, violating: .linearizable)
    }

    @Test(arguments: [ReadRepair.none, .asynchronous])
    func randomRunsFindThatQuorumReadsGoBack(_ repair: ReadRepair) throws {
        let seeds = Seeds.base..<Seeds.base + 400
        let found = try search(repair, [.delay, .partition, .loss]).firstViolation(in: seeds)
        let least = try #require(found)
        #expect(least.shrunk.history.count <= 10)
    }

    @Test(arguments: [
        FaultFamilies.delay, [.delay, .partition, .loss, .duplicate], [.crash, .pause, .delay],
    ])
    func withBlockingRepairAndGoodClocksTheyNeverDo(_ faults: FaultFamilies) throws {
        let seeds = Seeds.base..<Seeds.base + 150
        let found = try search(.blocking, faults).firstViolation(in: seeds)
        #expect(found == nil, "\(found?.command ?? "")")
    }
}
