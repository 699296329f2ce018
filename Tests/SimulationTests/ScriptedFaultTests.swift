import Basics
import Consistency
import Replication
import Simulation
import Testing

/// What clients are told when machines and links fail, and what is still there afterwards.
struct ScriptedFaultTests {
    private static func crashAll(_ cluster: inout SimulatedCluster) {
        for node in 0..<3 { cluster.begin(.crash(NodeID(node))) }
        cluster.run(for: .milliseconds(5))
        for node in 0..<3 { cluster.end(.crash(NodeID(node))) }
        cluster.run(for: .milliseconds(50))
    }

    @Test func aQuorumFindsASyncedWriteAfterEveryNodeCrashed() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 2, w: 2), isScripted: true)
        let write = cluster.write(at: nodeA)
        #expect(cluster.wait(for: write)?.outcome == .ok)
        Self.crashAll(&cluster)
        for node in 0..<3 {
            let read = cluster.read(at: node)
            let answer = cluster.wait(for: read)
            #expect(answer?.outcome == .ok)
            #expect(answer?.value == cluster.answer(write)?.value)
        }
        #expect(cluster.violations.isEmpty)
    }

    @Test func appendedIsNotDurable() throws {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.durability = .appended
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        let write = cluster.write(at: nodeA)
        #expect(cluster.wait(for: write)?.outcome == .ok)
        Self.crashAll(&cluster)
        let read = cluster.read(at: nodeB)
        #expect(cluster.wait(for: read)?.value == .absent)
    }

    @Test func aMinorityTimesOutUntilItKnowsAndIsThenUnavailable() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 2, w: 2), isScripted: true)
        let partition = Fault.partition(side: [NodeID(nodeA)], oneWay: false)
        cluster.begin(partition)
        let unaware = cluster.write(at: nodeA, client: 0)
        #expect(cluster.wait(for: unaware)?.outcome == .unknown)
        for peer in [nodeB, nodeC] { cluster.discover(peer, by: nodeA) }
        let aware = cluster.write(at: nodeA, client: 1)
        #expect(cluster.wait(for: aware)?.outcome == .fail)
        let majority = cluster.write(at: nodeB, client: 2)
        #expect(cluster.wait(for: majority)?.outcome == .ok)
        cluster.end(partition)
        cluster.run(for: .milliseconds(50))
        let healed = cluster.read(at: nodeA, client: 3)
        #expect(cluster.wait(for: healed)?.value == cluster.answer(majority)?.value)
    }

    @Test func theOutcomeIsUnknownWhenTheCoordinatorCrashes() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 2, w: 2), isScripted: true)
        let write = cluster.write(at: nodeA)
        cluster.run(for: .microseconds(50))
        cluster.begin(.crash(NodeID(nodeA)))
        #expect(cluster.wait(for: write)?.outcome == .unknown)
        cluster.run(for: .milliseconds(10))
        let read = cluster.read(at: nodeB)
        #expect(cluster.wait(for: read)?.value == cluster.answer(write)?.value)
    }

    @Test func aReplicaShowsNothingThatACrashCouldTake() throws {
        var scenario = calmScenario(r: 1, w: 1)
        scenario.conditions?.minimumSync = .milliseconds(20)
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        let write = cluster.write(at: nodeA, client: 0)
        cluster.run(for: .milliseconds(5))
        let read = cluster.read(at: nodeA, client: 1)
        cluster.run(for: .milliseconds(5))
        #expect(cluster.answer(write) == nil)
        let early = cluster.answer(read)
        #expect(early == nil || early?.value == .absent)
    }

    @Test func anAnswerToAnEarlierLifeCountsForNothing() throws {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.timeout = .seconds(1)
        scenario.conditions?.minimumSync = .milliseconds(200)
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        // B and C have stored the first write and wait for their disks when A starts anew.
        _ = cluster.write(at: nodeA, client: 0)
        cluster.run(for: .milliseconds(5))
        cluster.begin(.crash(NodeID(nodeA)))
        cluster.run(for: .milliseconds(5))
        cluster.end(.crash(NodeID(nodeA)))
        cluster.run(for: .milliseconds(40))
        // The second write reaches nobody; their late answers must not be taken for its.
        for to in [nodeB, nodeC] { cluster.begin(stuck(nodeA, to)) }
        let write = cluster.write(at: nodeA, client: 1)
        let answer = cluster.wait(for: write)
        #expect(answer?.outcome == .unknown)
    }

    @Test func aPausedNodeAnswersWhenItGoesOn() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 2, w: 2), isScripted: true)
        for node in [nodeB, nodeC] { cluster.begin(.pause(NodeID(node))) }
        let write = cluster.write(at: nodeA)
        cluster.run(for: .milliseconds(50))
        #expect(cluster.answer(write) == nil)
        cluster.end(.pause(NodeID(nodeB)))
        #expect(cluster.wait(for: write)?.outcome == .ok)
    }
}
