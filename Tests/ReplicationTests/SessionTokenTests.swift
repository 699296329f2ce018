import Basics
import Causality
import Replication
import Testing

/// A write that only the first of three replicas has, with W = R = 1; its version.
private func writeAtTheFirst(_ cluster: Cluster) -> Version {
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll()
    return cluster.versions[0]
}

@Test func aReadWithATokenLooksFurtherThanR() {
    let cluster = Cluster(nodes: 3, n: 3, r: 1, w: 1)
    let token = writeAtTheFirst(cluster)
    cluster.get("k", at: 1, 2)
    #expect(cluster.answers[2] == ["absent"])
    cluster.get("k", at: 1, 3, token: token)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["value v"])
}

@Test func aReadAsksAgainUntilAReplicaHasTheToken() {
    let cluster = Cluster(nodes: 3, n: 3, r: 1, w: 1, readRepair: .none)
    cluster.put("k", "v", at: 0, 1)
    let store = cluster.parcels.first { $0.to == NodeID(2) }
    cluster.parcels.removeAll()
    cluster.handle(.reachable(NodeID(0), false), at: NodeID(1))
    cluster.get("k", at: 1, 2, token: cluster.versions[0])
    cluster.deliverAll()
    #expect(cluster.answers[2] == nil)
    if let store { cluster.deliver(store) }
    cluster.parcels.removeAll()
    cluster.pass(400)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["value v"])
}

@Test func aReadThatNeverFindsTheTokenIsStale() {
    let cluster = Cluster(nodes: 3, n: 3, r: 1, w: 1)
    let token = writeAtTheFirst(cluster)
    cluster.handle(.reachable(NodeID(0), false), at: NodeID(1))
    cluster.get("k", at: 1, 2, token: token)
    for _ in 0..<15 {
        cluster.parcels.removeAll { $0.from == NodeID(0) }
        cluster.deliverAll()
        cluster.pass(100)
    }
    #expect(cluster.answers[2] == ["failed stale"])
    #expect(cluster.counters(1).staleReads == 1)
    #expect(cluster.inFlight(1) == 0)
}

@Test func aWriteIsStampedAboveTheToken() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    let ahead = Version(
        stamp: (cluster.wall + 300_000) << 12, actor: Actor(node: NodeID(2), incarnation: 1))
    cluster.put("k", "v", at: 0, 1, token: ahead)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    #expect(cluster.versions[0] > ahead)
}

@Test func aTokenOfTheFarFutureIsRefusedAndMovesNoClock() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    let future = Version(
        stamp: (cluster.wall + 3_600_000_000) << 12, actor: Actor(node: NodeID(2), incarnation: 1))
    cluster.put("k", "v", at: 0, 1, token: future)
    cluster.get("k", at: 0, 2, token: future)
    #expect(cluster.answers[1] == ["failed clockSkew"])
    #expect(cluster.answers[2] == ["failed clockSkew"])
    #expect(cluster.parcels.isEmpty)
    cluster.put("k", "v", at: 0, 3)
    cluster.deliverAll()
    #expect(cluster.versions[0] < future)
}
