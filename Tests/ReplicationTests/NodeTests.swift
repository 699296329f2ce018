import Basics
import Causality
import Partitioning
import Replication
import Storage
import TestSupport
import Testing

@Test func aWriteIsAnsweredOnceWhenWReplicasHaveIt() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.put("k", "v", at: 0, 1)
    #expect(cluster.answers[1] == nil)
    #expect(cluster.parcels.map(\.kind) == ["store", "store"])
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    #expect(cluster.inFlight(0) == 0)
    cluster.get("k", at: 1, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["value v"])
}

@Test func aNodeThatIsNoReplicaCoordinatesItself() throws {
    let cluster = Cluster(nodes: 5, n: 3, r: 2, w: 2)
    let other = try #require(cluster.roles("k").other)
    cluster.put("k", "v", at: Int(other.index), 1)
    #expect(cluster.parcels.count == 3)
    cluster.deliverAll()
    cluster.get("k", at: Int(other.index), 2)
    cluster.get("nothing", at: 0, 3)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    #expect(cluster.answers[2] == ["value v"])
    #expect(cluster.answers[3] == ["absent"])
}

@Test func silentReplicasAreAskedAgainAndThenTheOutcomeIsUnknown() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 3)
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll { $0.to == NodeID(2) }
    cluster.deliverAll()
    cluster.pass(700)
    #expect(cluster.retransmissions(0) == 2)
    #expect(cluster.answers[1] == nil)
    cluster.parcels.removeAll()
    cluster.pass(700)
    #expect(cluster.answers[1] == ["unknown 2/3"])
    #expect(cluster.inFlight(0) == 0)
}

@Test func aLostMessageIsMadeGoodByTheSecond() {
    let cluster = Cluster(nodes: 3, n: 3, r: 3, w: 3)
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll()
    cluster.pass(400)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    cluster.get("k", at: 2, 2)
    cluster.parcels.removeAll()
    cluster.pass(400)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["value v"])
}

@Test func tooFewReachableReplicasRefuseBeforeAnythingIsSent() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.handle(.reachable(NodeID(1), false), at: NodeID(0))
    cluster.handle(.reachable(NodeID(2), false), at: NodeID(0))
    cluster.put("k", "v", at: 0, 1)
    cluster.get("k", at: 0, 2)
    cluster.delete("k", at: 0, 3)
    cluster.put("k", "v", at: 0, 4, w: 1)
    cluster.put("k", "v", at: 0, 5, w: 4)
    #expect(cluster.parcels.isEmpty)
    for i in 1...3 {
        #expect(cluster.answers[UInt32(i)]?.first?.hasPrefix("failed unavailable") == true)
        #expect(cluster.answers[UInt32(i)]?.count == 1)
    }
    #expect(cluster.answers[4] == ["stored"])
    #expect(cluster.answers[5]?.first?.hasPrefix("failed quorumTooLarge") == true)
}

@Test func aDeleteLeavesATombstoneThatBeatsALateWrite() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.put("k", "v", at: 0, 1)
    let late = cluster.parcels.first { $0.to == NodeID(2) }
    cluster.parcels.removeAll { $0.to == NodeID(2) }
    cluster.deliverAll()
    cluster.delete("k", at: 1, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["deleted true"])
    if let late { cluster.deliver(late) }
    cluster.deliverAll()
    cluster.get("k", at: 2, 3, r: 3)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["absent"])
    cluster.delete("k", at: 0, 4)
    cluster.deliverAll()
    #expect(cluster.answers[4] == ["deleted false"])
}

@Test func duplicatesAndReorderingChangeNothing() {
    Seeds.forAll(60, "every request is answered exactly once") { random in
        let cluster = Cluster(nodes: 4, n: 3, r: 2, w: 2)
        for i in 0..<40 {
            let node = random.below(4)
            let key = "k\(random.below(3))"
            switch random.below(3) {
            case 0: cluster.put(key, "v\(i)", at: node, UInt32(i))
            case 1: cluster.get(key, at: node, UInt32(i))
            default: cluster.delete(key, at: node, UInt32(i))
            }
            for _ in 0..<random.below(8) where !cluster.parcels.isEmpty {
                let index = random.below(cluster.parcels.count)
                let parcel = cluster.parcels[index]
                if !random.chance(1, in: 4) { cluster.parcels.remove(at: index) }
                if !random.chance(1, in: 10) { cluster.deliver(parcel) }
            }
        }
        cluster.pass(2_500)
        cluster.deliverAll()
        cluster.pass(2_500)
        return (0..<40).allSatisfy { cluster.answers[UInt32($0)]?.count == 1 }
            && (0..<4).allSatisfy { cluster.inFlight($0) == 0 }
    }
}
