import Basics
import Causality
import Replication
import Storage
import TestSupport
import Testing

/// Five nodes, N = 3; the replicas of "k" and one of the two others.
private struct Stage {
    let cluster: Cluster
    let replicas: [NodeID]
    let other: Int

    init(_ kind: QuorumKind, w: UInt8 = 2, hints: HintLimits = HintLimits()) throws {
        cluster = Cluster(nodes: 5, n: 3, r: 2, w: w, quorumKind: kind, hints: hints)
        let roles = cluster.roles("k")
        replicas = roles.replicas
        other = Int(try #require(roles.other).index)
    }

    /// `node` cannot be reached by anyone, and reaches nobody; or can again.
    func cut(_ node: NodeID, _ isCut: Bool = true) {
        for peer in 0..<5 where NodeID(peer) != node {
            cluster.handle(.reachable(node, !isCut), at: NodeID(peer))
            cluster.handle(.reachable(NodeID(peer), !isCut), at: node)
        }
    }

    func owedInAll() -> Int { (0..<5).reduce(0) { $0 + cluster.owed($1) } }

    func settle() {
        for _ in 0..<30 {
            cluster.deliverAll()
            cluster.pass(100)
        }
    }
}

@Test func aStandInTakesWhatAReplicaCannotAndHandsItOver() throws {
    let stage = try Stage(.sloppy, w: 3)
    stage.cut(stage.replicas[2])
    stage.cluster.put("k", "v", at: Int(stage.replicas[0].index), 1)
    let hint = try #require(stage.cluster.parcels.first { $0.kind == "hint" })
    #expect(hint.owner == stage.replicas[2])
    #expect(!stage.replicas.contains(hint.to))
    stage.cluster.deliverAll()
    #expect(stage.cluster.answers[1] == ["stored"])
    #expect(stage.owedInAll() == 1)
    #expect(stage.cluster.owed(Int(hint.to.index)) == 1)
    stage.cut(stage.replicas[2], false)
    stage.settle()
    #expect(stage.owedInAll() == 0)
    #expect(stage.cluster.counters(Int(hint.to.index)).hintsDelivered == 1)
    stage.cluster.get("k", at: Int(stage.replicas[2].index), 2, r: 1)
    #expect(stage.cluster.answers[2] == ["value v"])
}

@Test func aSloppyQuorumWorksWithoutAnyReplicaAndReadsWhatStandInsHold() throws {
    let stage = try Stage(.sloppy)
    for replica in stage.replicas { stage.cut(replica) }
    stage.cluster.put("k", "v", at: stage.other, 1)
    stage.cluster.deliverAll()
    #expect(stage.cluster.answers[1] == ["stored"])
    let spare = (0..<5).first { $0 != stage.other && !stage.replicas.contains(NodeID($0)) }
    stage.cluster.get("k", at: try #require(spare), 2)
    stage.cluster.deliverAll()
    #expect(stage.cluster.answers[2] == ["value v"])
    for replica in stage.replicas { stage.cut(replica, false) }
    stage.settle()
    #expect(stage.owedInAll() == 0)
    // Two stood in, for the first two replicas.
    for replica in stage.replicas.prefix(2) {
        stage.cluster.get("k", at: Int(replica.index), 10 + UInt32(replica.index), r: 1)
        #expect(stage.cluster.answers[10 + UInt32(replica.index)] == ["value v"])
    }
}

@Test func aStrictQuorumCountsNoStandInButItsCoordinatorHoldsTheWrite() throws {
    let stage = try Stage(.strict)
    stage.cut(stage.replicas[2])
    let coordinator = Int(stage.replicas[0].index)
    stage.cluster.put("k", "v", at: coordinator, 1)
    #expect(stage.cluster.parcels.map(\.kind) == ["store"])
    stage.cluster.deliverAll()
    #expect(stage.cluster.answers[1] == ["stored"])
    #expect(stage.cluster.owed(coordinator) == 1)
    stage.cut(stage.replicas[1])
    stage.cluster.put("k", "w", at: coordinator, 2)
    #expect(stage.cluster.answers[2]?.first?.hasPrefix("failed unavailable") == true)
    stage.cut(stage.replicas[1], false)
    stage.cut(stage.replicas[2], false)
    stage.settle()
    #expect(stage.owedInAll() == 0)
    stage.cluster.get("k", at: Int(stage.replicas[2].index), 3, r: 1)
    #expect(stage.cluster.answers[3] == ["value v"])
}

@Test func aReplicaThatStaysSilentIsOwedTheWrite() throws {
    let stage = try Stage(.strict)
    let coordinator = Int(stage.replicas[0].index)
    stage.cluster.put("k", "v", at: coordinator, 1)
    for _ in 0..<11 {
        stage.cluster.parcels.removeAll { $0.to == stage.replicas[2] }
        stage.cluster.deliverAll()
        stage.cluster.pass(100)
    }
    #expect(stage.cluster.owed(coordinator) == 1)
    stage.settle()
    #expect(stage.cluster.owed(coordinator) == 0)
}

@Test func onlyTheNewestWriteOfAKeyIsOwed() throws {
    let stage = try Stage(.sloppy)
    stage.cut(stage.replicas[0])
    for i in 0..<5 {
        stage.cluster.put("k", "v\(i)", at: stage.other, UInt32(i))
        stage.cluster.deliverAll()
    }
    #expect(stage.owedInAll() == 1)
    stage.cut(stage.replicas[0], false)
    stage.settle()
    stage.cluster.get("k", at: Int(stage.replicas[0].index), 9, r: 1)
    #expect(stage.cluster.answers[9] == ["value v4"])
}

@Test func aStandInWithoutRoomDoesNotAcknowledge() throws {
    let stage = try Stage(.sloppy, w: 3, hints: HintLimits(bytesPerTarget: 4, bytes: 100))
    stage.cut(stage.replicas[2])
    stage.cluster.put("k", "longer", at: Int(stage.replicas[0].index), 1)
    stage.cluster.deliverAll()
    #expect(stage.cluster.answers[1] == nil)
    stage.settle()
    #expect(stage.cluster.answers[1] == ["unknown 2/3"])
    #expect(stage.owedInAll() == 0)
    stage.cluster.put("k", "abc", at: Int(stage.replicas[0].index), 2)
    stage.cluster.deliverAll()
    #expect(stage.cluster.answers[2] == ["stored"])
}

@Test func whatIsHeldTooLongIsGivenUp() throws {
    let stage = try Stage(.sloppy, hints: HintLimits(window: .seconds(2)))
    stage.cut(stage.replicas[0])
    stage.cluster.put("k", "v", at: stage.other, 1)
    stage.cluster.deliverAll()
    stage.cluster.pass(1_500)
    #expect(stage.owedInAll() == 1)
    stage.cluster.pass(600)
    #expect(stage.owedInAll() == 0)
    #expect((0..<5).reduce(0) { $0 + stage.cluster.counters($1).hintsExpired } == 1)
}

@Test func everythingOwedArrivesWhateverIsLostOnTheWay() {
    Seeds.forAll(30, "handoff under loss") { random in
        guard let stage = try? Stage(random.chance(1, in: 2) ? .sloppy : .strict) else {
            return false
        }
        let away = stage.replicas[random.below(3)]
        stage.cut(away)
        for i in 0..<20 {
            let node = stage.replicas.first { $0 != away } ?? away
            stage.cluster.put("k\(random.below(6))", "v\(i)", at: Int(node.index), UInt32(i))
            while !stage.cluster.parcels.isEmpty {
                let parcel = stage.cluster.parcels.removeFirst()
                if !random.chance(1, in: 5) { stage.cluster.deliver(parcel) }
            }
        }
        stage.cluster.pass(1_200)
        stage.cut(away, false)
        for _ in 0..<60 where stage.owedInAll() > 0 || !stage.cluster.parcels.isEmpty {
            while !stage.cluster.parcels.isEmpty {
                let parcel = stage.cluster.parcels.removeFirst()
                if !random.chance(1, in: 5) { stage.cluster.deliver(parcel) }
            }
            stage.cluster.pass(200)
        }
        return stage.owedInAll() == 0
            && (0..<5).allSatisfy { stage.cluster.inFlight($0) == 0 }
    }
}
