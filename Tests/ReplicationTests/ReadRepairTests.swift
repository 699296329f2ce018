import Basics
import Causality
import Replication
import TestSupport
import Testing

/// Three replicas of which the third has missed a write, while the first two have it.
private func clusterWithAStaleReplica(_ repair: ReadRepair) -> Cluster {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2, readRepair: repair)
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll { $0.to == NodeID(2) }
    cluster.deliverAll()
    return cluster
}

@Test func withoutRepairNothingIsSentAndTheSlotIsFreeAtOnce() {
    let cluster = clusterWithAStaleReplica(.none)
    cluster.get("k", at: 0, 2)
    cluster.deliverAll { $0.kind == "fetch" }
    if let index = cluster.parcels.firstIndex(where: { $0.from == NodeID(2) }) {
        cluster.deliver(cluster.parcels.remove(at: index))
    }
    #expect(cluster.answers[2] == ["value v"])
    cluster.deliverAll()
    #expect(cluster.counters(0).readRepairs == 0)
}

@Test func aLateAnswerThatIsBehindIsRepairedAfterTheReply() {
    let cluster = clusterWithAStaleReplica(.asynchronous)
    cluster.get("k", at: 0, 2)
    cluster.deliverAll { $0.kind == "fetch" || $0.from == NodeID(1) }
    #expect(cluster.answers[2] == ["value v"])
    #expect(cluster.parcels.map(\.kind) == ["fetched-same"])
    cluster.deliverAll { $0.kind == "fetched-same" }
    #expect(cluster.parcels.map(\.kind) == ["repair"])
    #expect(cluster.parcels.first?.version == cluster.versions.first)
    cluster.deliverAll()
    #expect(cluster.counters(0).readRepairs == 1)
    cluster.get("k", at: 2, 3, r: 1)
    #expect(cluster.answers[3] == ["value v"])
}

@Test func aReplicaThatStaysSilentHoldsTheSlotForAThirdOfTheTimeout() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.get("k", at: 0, 1)
    cluster.parcels.removeAll { $0.to == NodeID(2) }
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["absent"])
    #expect(cluster.inFlight(0) == 1)
    cluster.pass(400)
    #expect(cluster.inFlight(0) == 0)
    #expect(cluster.parcels.isEmpty)
    #expect(cluster.answers[1] == ["absent"])
}

@Test func theCoordinatorRepairsItself() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll { $0.to == NodeID(2) }
    cluster.deliverAll()
    cluster.get("k", at: 2, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["value v"])
    cluster.get("k", at: 2, 3, r: 1)
    #expect(cluster.answers[3] == ["value v"])
}

@Test func blockingRepairAnswersOnceWReplicasHoldWhatIsReturned() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2, readRepair: .blocking)
    // Only the first replica has the write.
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll()
    cluster.get("k", at: 0, 2)
    cluster.deliverAll { $0.kind.hasPrefix("fetch") }
    #expect(cluster.answers[2] == nil)
    #expect(cluster.parcels.map(\.kind) == ["restore", "restore"])
    cluster.parcels.removeAll { $0.to == NodeID(1) }
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["value v"])
    #expect(cluster.counters(0).writeBacks == 1)
    // Whoever is asked now, with whomever, finds it.
    cluster.get("k", at: 1, 3)
    cluster.parcels.removeAll { $0.to == NodeID(0) && $0.kind == "fetch" }
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["value v"])
}

@Test func blockingRepairCountsThoseThatHaveItAlready() {
    let cluster = clusterWithAStaleReplica(.blocking)
    cluster.get("k", at: 0, 2)
    cluster.deliverAll { $0.kind == "fetch" || $0.from == NodeID(1) }
    #expect(cluster.answers[2] == ["value v"])
    #expect(cluster.counters(0).writeBacks == 0)
}

@Test func aWriteBackThatFailsIsUnknownAndReleasesBothSlots() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2, readRepair: .blocking)
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll()
    cluster.pass(1_500)
    cluster.parcels.removeAll()
    cluster.get("k", at: 0, 2)
    cluster.deliverAll { $0.kind.hasPrefix("fetch") }
    for _ in 0..<16 {
        cluster.parcels.removeAll()
        cluster.pass(100)
    }
    #expect(cluster.answers[2] == ["unknown 1/2"])
    #expect(cluster.inFlight(0) == 0)
}

@Test func blockingRepairNeedsWReachableReplicas() {
    let cluster = Cluster(nodes: 3, n: 3, r: 1, w: 3, readRepair: .blocking)
    cluster.handle(.reachable(NodeID(1), false), at: NodeID(0))
    cluster.get("k", at: 0, 1)
    #expect(cluster.answers[1]?.first?.hasPrefix("failed unavailable") == true)
    cluster.get("k", at: 0, 2, repair: ReadRepair.none)
    #expect(cluster.answers[2] == ["absent"])
}

@Test func readsUnderEveryRepairAreAnsweredOnceAndReturnWhatAQuorumHas() {
    Seeds.forAll(60, "reads under repair") { random in
        let repair = ReadRepair.allCases[random.below(3)]
        let cluster = Cluster(nodes: 4, n: 3, r: 2, w: 2, readRepair: repair)
        for i in 0..<40 {
            let node = random.below(4)
            let key = "k\(random.below(2))"
            switch random.below(4) {
            case 0: cluster.put(key, "v\(i)", at: node, UInt32(i))
            case 1: cluster.delete(key, at: node, UInt32(i))
            default: cluster.get(key, at: node, UInt32(i))
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
        cluster.deliverAll()
        return (0..<40).allSatisfy { cluster.answers[UInt32($0)]?.count == 1 }
            && (0..<4).allSatisfy { cluster.inFlight($0) == 0 }
    }
}
