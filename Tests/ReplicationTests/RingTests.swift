import Basics
import Causality
import Partitioning
import Replication
import TestSupport
import Testing

private func join(_ number: Int) -> DefinitionChange {
    .ring(.join(RingMember(name: "n\(number)", address: "h:\(number)")))
}

/// Three or more nodes that hold `keys` keys, written one after the other.
private func filled(
    _ nodes: Int, keys: Int = 60, mode: ConflictMode = .lww, quorumKind: QuorumKind = .strict
) -> Cluster {
    let cluster = Cluster(nodes: nodes, n: 3, r: 2, w: 2, quorumKind: quorumKind, mode: mode)
    for key in 0..<keys {
        cluster.put("key\(key)", "value\(key)", at: key % nodes, UInt32(1_000 + key))
        cluster.deliverAll()
    }
    return cluster
}

/// What every node in `nodes` says about the keys, asking R replicas.
private func expectAll(
    _ cluster: Cluster, keys: Int = 60, at nodes: [Int], _ base: UInt32,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    for key in 0..<keys {
        let sequence = base + UInt32(key)
        cluster.get("key\(key)", at: nodes[key % nodes.count], sequence)
        cluster.deliverAll()
        #expect(
            cluster.answers[sequence] == ["value value\(key)"], sourceLocation: sourceLocation)
    }
}

@Test func aNodeThatJoinsIsBroughtItsShardsAndServesThem() {
    let cluster = filled(3)
    cluster.define(join(4), at: 1, 1)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["defined 1"])
    cluster.startJoiner()
    #expect(cluster.progress(3).shards == 256 * 3 / 4)
    cluster.settleRing()
    for node in 0..<4 {
        #expect(cluster.definition(node).ring.current == nil)
        #expect(cluster.definition(node).ring.members[3].role == .member)
    }
    expectAll(cluster, at: [0, 1, 2, 3], 2_000)
    // Without one of the old ones it is needed, and has what it should.
    cluster.kill(0)
    expectAll(cluster, at: [1, 2, 3], 3_000)
}

@Test func aNodeThatLeavesGivesItsShardsAway() {
    let cluster = filled(5)
    cluster.define(.ring(.leave("n2", isForced: false)), at: 0, 1)
    cluster.settleRing()
    #expect(cluster.definition(0).ring.members[1].role == .removed)
    #expect(cluster.hasLeft(1))
    cluster.get("key1", at: 1, 2)
    #expect(cluster.answers[2] == ["failed hasLeft"])
    cluster.kill(1)
    expectAll(cluster, at: [0, 2, 3, 4], 2_000)
    cluster.kill(0)
    expectAll(cluster, at: [2, 3, 4], 3_000)
}

@Test func aDeadNodeIsReplacedFromTheOthers() {
    let cluster = filled(4)
    cluster.kill(2)
    cluster.define(
        .ring(.replace("n3", RingMember(name: "n5", address: "h:5"))), at: 0, 1)
    cluster.deliverAll()
    cluster.startJoiner()
    cluster.settleRing()
    #expect(cluster.definition(0).ring.members[2].role == .removed)
    #expect(cluster.definition(0).ring.members[4].role == .member)
    expectAll(cluster, at: [0, 1, 3, 4], 2_000)
    cluster.kill(1)
    expectAll(cluster, at: [0, 3, 4], 3_000)
}

@Test func aDeadNodeIsRemovedWithoutBeingAsked() {
    let cluster = filled(5)
    cluster.kill(4)
    cluster.define(.ring(.leave("n5", isForced: true)), at: 3, 1)
    cluster.settleRing()
    #expect(cluster.definition(0).ring.members[4].role == .removed)
    expectAll(cluster, at: [0, 1, 2, 3], 2_000)
    cluster.kill(0)
    expectAll(cluster, at: [1, 2, 3], 3_000)
}

@Test func writesDuringAJoinReachTheNewReplicaAndAreFoundAfterIt() {
    let cluster = filled(3)
    cluster.define(join(4), at: 0, 1)
    cluster.deliverAll()
    cluster.startJoiner()
    for key in 0..<60 {
        // Shard by shard, in every phase of its change.
        cluster.put("key\(key)", "new\(key)", at: key % 4, UInt32(4_000 + key))
        for _ in 0..<6 where !cluster.parcels.isEmpty {
            cluster.deliver(cluster.parcels.removeFirst())
        }
        cluster.pass(3)
    }
    cluster.settleRing()
    for key in 0..<60 {
        #expect(cluster.answers[UInt32(4_000 + key)] == ["stored"])
        cluster.get("key\(key)", at: 3, UInt32(5_000 + key))
        cluster.deliverAll()
        #expect(cluster.answers[UInt32(5_000 + key)] == ["value new\(key)"])
    }
    cluster.kill(2)
    for key in 0..<60 {
        cluster.get("key\(key)", at: 3, UInt32(6_000 + key))
        cluster.deliverAll()
        #expect(cluster.answers[UInt32(6_000 + key)] == ["value new\(key)"])
    }
}

@Test func whatWasAcknowledgedUnderTheOldRingCountsNoMore() {
    // H7b: one replica acknowledges, its shard goes to another, and only then the second one is
    // reached, which knows of the change by then.
    let cluster = Cluster(nodes: 4, n: 3, r: 2, w: 2)
    let roles = cluster.roles("k")
    guard let coordinator = roles.other.map({ Int($0.index) }) else {
        Issue.record("four nodes, three replicas")
        return
    }
    cluster.put("k", "old ring", at: coordinator, 1)
    let (first, second) = (roles.replicas[0], roles.replicas[1])
    cluster.deliverAll { $0.kind == "store" && $0.to == first }
    let late = cluster.parcels.filter { $0.kind == "stored" || $0.kind == "store" }
    cluster.parcels.removeAll()
    // Everybody but the coordinator learns of the change.
    cluster.define(join(5), at: Int(second.index), 2)
    cluster.deliverAll { Int($0.to.index) != coordinator && Int($0.from.index) != coordinator }
    cluster.parcels.removeAll()
    for parcel in late { cluster.deliver(parcel) }
    cluster.deliverAll { $0.kind == "stored" }
    // The one acknowledgement under the old ring is not enough, and there is no other.
    #expect(cluster.answers[1] == nil)
    #expect(cluster.counters(Int(second.index)).staleEpochs > 0)
    // The coordinator is told, and begins anew with the same version.
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    #expect(cluster.counters(coordinator).ringEpochs == 1)
}

@Test func aChangeThatIsCalledOffKeepsEverything() {
    let cluster = filled(3)
    cluster.define(join(4), at: 0, 1)
    cluster.deliverAll()
    // The joiner never comes: writes go on, since the others make both quorums.
    cluster.put("key1", "value1", at: 0, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["stored"])
    cluster.define(.callOff, at: 1, 3)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["defined 2"])
    expectAll(cluster, at: [0, 1, 2], 2_000)
    cluster.define(join(4), at: 0, 4)
    cluster.deliverAll()
    #expect(cluster.answers[4]?.first?.contains("hasLeft") == true)
}

@Test func writesThatAreHeldForAReplicaThatWasReplacedGoToTheOnesThatAreNow() {
    let cluster = filled(5, keys: 0, quorumKind: .sloppy)
    cluster.kill(1)
    for key in 0..<40 {
        cluster.put("key\(key)", "value\(key)", at: 0, UInt32(1_000 + key))
        cluster.deliverAll()
    }
    let held = (0..<5).filter { $0 != 1 }.reduce(0) { $0 + cluster.owed($1) }
    #expect(held > 0)
    cluster.define(.ring(.leave("n2", isForced: true)), at: 0, 1)
    cluster.settleRing()
    for _ in 0..<100 {
        cluster.pass(20)
        cluster.deliverAll()
    }
    #expect((0..<5).filter { $0 != 1 }.allSatisfy { cluster.owed($0) == 0 })
    #expect((0..<5).contains { cluster.counters($0).hintsRetargeted > 0 })
    expectAll(cluster, keys: 40, at: [0, 2, 3, 4], 2_000)
}

@Test func siblingsAreBroughtToTheNewReplicaWithWhatTheyHaveSeen() {
    let cluster = filled(3, keys: 0, mode: .siblings)
    cluster.deliverAll()
    for key in 0..<20 {
        for write in 0..<2 {
            cluster.put("key\(key)", "v\(write)", at: write, UInt32(1_000 + key * 2 + write))
            cluster.deliverAll()
        }
    }
    cluster.define(join(4), at: 0, 1)
    cluster.deliverAll()
    cluster.startJoiner()
    cluster.settleRing()
    cluster.kill(1)
    for key in 0..<20 {
        cluster.get("key\(key)", at: 3, UInt32(2_000 + key))
        cluster.deliverAll()
        #expect(cluster.answers[UInt32(2_000 + key)] == ["siblings v0,v1"])
    }
}

@Test func theNumberOfMembersMayGrowAndShrinkUnderAnyLossOfMessages() {
    Seeds.forAll(6, "changes of members under loss") { random in
        let cluster = filled(4, keys: 30)
        cluster.define(join(5), at: 0, 1)
        cluster.deliverAll()
        cluster.startJoiner()
        for step in 0..<2 {
            for _ in 0..<3_000 {
                if let index = cluster.parcels.isEmpty ? nil : random.below(cluster.parcels.count) {
                    let parcel = cluster.parcels.remove(at: index)
                    if random.chance(1, in: 10) { continue }
                    if random.chance(1, in: 10) { cluster.parcels.append(parcel) }
                    cluster.deliver(parcel)
                } else {
                    cluster.pass(5)
                }
            }
            cluster.settleRing()
            guard cluster.definition(0).ring.current == nil else { return false }
            if step == 0 {
                cluster.define(.ring(.leave("n1", isForced: false)), at: 2, 2)
            }
        }
        guard cluster.definition(2).ring.members[0].role == .removed else { return false }
        for key in 0..<30 {
            cluster.get("key\(key)", at: 1 + key % 4, UInt32(2_000 + key))
            cluster.deliverAll()
            guard cluster.answers[UInt32(2_000 + key)] == ["value value\(key)"] else {
                return false
            }
        }
        return true
    }
}

@Test func whatWasLeftUndecidedIsDecidedByTheNextOneWhoAsks() {
    let cluster = filled(3, keys: 1)
    cluster.define(join(4), at: 0, 1)
    // All promise; only one other accepts, and nobody hears of it.
    let isPrepare: (Cluster.Parcel) -> Bool = { $0.kind == "definition" && $0.key.first == 3 }
    let isPromise: (Cluster.Parcel) -> Bool = { $0.kind == "definition" && $0.key.first == 4 }
    cluster.deliverAll(where: isPrepare)
    cluster.deliverAll(where: isPromise)
    cluster.parcels.removeAll()
    // The one that proposed has accepted it itself. The same is asked for elsewhere.
    cluster.define(join(4), at: 1, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2]?.first?.contains("ring") == true)
    #expect(cluster.definition(1).ring.current != nil)
    #expect(cluster.definition(2).ring.current != nil)
}
