import Basics
import Partitioning
import TestSupport
import Testing

/// A ring of members n1, n2, … and the placement that its changes have led to.
private struct Ring {
    let founding: Placement
    let founders: [RingMember]
    var state = RingState()

    init(_ count: Int, n: Int, seed: UInt64, racks: Int = 0) {
        founders = (0..<count).map { index in
            RingMember(
                name: "n\(index + 1)", address: "h:\(index + 1)",
                rack: racks == 0 ? "" : "r\(index % racks)")
        }
        founding = Placement(
            members: founders.map(\.name), clusterSeed: seed, n: n, racks: founders.map(\.rack))
    }

    var placement: Placement { founding.after(state) }

    mutating func begin(_ step: RingStep) throws {
        try state.begin(step, founders: founders, largestN: founding.n)
    }

    mutating func finish() throws { try state.finish(state.begun) }

    mutating func join(_ number: Int, rack: String = "") throws {
        try begin(.join(RingMember(name: "n\(number)", address: "h:\(number)", rack: rack)))
    }

    func replicas(_ shard: Int) -> [NodeID] {
        let placement = placement
        return (0..<placement.n).map { placement.replica($0, of: shard) }
    }
}

private func rows(_ placement: Placement) -> [[NodeID]] {
    (0..<placement.shardCount).map { shard in
        (0..<placement.n).map { placement.replica($0, of: shard) }
    }
}

@Test func aJoinMovesTheJoinersShareAndNothingElse() throws {
    try Seeds.forAll(3, "joins from three to twenty members") { random in
        var ring = Ring(3, n: 1 + random.below(3), seed: random.next())
        var before = rows(ring.placement)
        for members in 4...20 {
            try ring.join(members)
            try ring.finish()
            let placement = ring.placement
            let after = rows(placement)
            var moved = 0
            for shard in before.indices {
                for position in before[shard].indices
                where before[shard][position] != after[shard][position] {
                    // Whatever moves, moves to the joiner.
                    guard after[shard][position] == NodeID(members - 1) else { return false }
                    moved += 1
                }
            }
            let all = before.count * placement.n
            guard moved * members * 100 <= all * 115, moved * members * 2 >= all else {
                return false
            }
            let largest = placement.ownership().max() ?? 0
            guard largest * members * 10 <= all * 11 else { return false }
            before = after
        }
        return true
    }
}

@Test func aLeaveGivesItsShardsToThoseWithTheLeastAndMovesNothingElse() throws {
    try Seeds.forAll(3, "leaves from twelve to four members") { random in
        var ring = Ring(12, n: 3, seed: random.next())
        var present = Array(0..<12)
        while present.count > 4 {
            let before = rows(ring.placement)
            let gone = present.remove(at: random.below(present.count))
            try ring.begin(.leave("n\(gone + 1)", isForced: false))
            try ring.finish()
            let placement = ring.placement
            let after = rows(placement)
            for shard in before.indices {
                guard Set(after[shard]).count == 3, !after[shard].contains(NodeID(gone)) else {
                    return false
                }
                for position in before[shard].indices
                where before[shard][position] != after[shard][position] {
                    guard before[shard][position] == NodeID(gone) else { return false }
                }
            }
            let all = before.count * 3
            let largest = placement.ownership().max() ?? 0
            guard largest * present.count * 10 <= all * 11 + present.count * 10 else {
                return false
            }
            guard placement.candidatePosition(of: NodeID(gone), in: 0) == nil else { return false }
        }
        return true
    }
}

@Test func aReplacementTakesThePlaceOfTheOneItReplaces() throws {
    var ring = Ring(5, n: 3, seed: 9)
    let before = rows(ring.placement)
    try ring.begin(.replace("n2", RingMember(name: "n6", address: "h:6")))
    try ring.finish()
    let after = rows(ring.placement)
    let expected = before.map { row in row.map { $0 == NodeID(1) ? NodeID(5) : $0 } }
    #expect(after == expected)
    #expect(ring.state.members[1].role == .removed)
    #expect(ring.state.members[5].role == .member)
}

@Test func whileAShardMovesItsNewReplicaStandsBehindTheOldOnes() throws {
    var ring = Ring(4, n: 3, seed: 4)
    let before = rows(ring.placement)
    #expect(ring.placement.epoch(of: 0) == 0)
    try ring.join(5)
    let streaming = ring.placement
    let moving = (0..<256).filter { streaming.isMoving($0) }
    #expect(moving.count == 256 * 3 / 5)
    #expect(rows(streaming) == before)
    for shard in 0..<256 {
        #expect(streaming.epoch(of: shard) == 3)
        #expect(streaming.writers(of: shard) == (streaming.isMoving(shard) ? 4 : 3))
        #expect(streaming.incoming(shard) == (streaming.isMoving(shard) ? NodeID(4) : nil))
    }
    let shard = moving[7]
    #expect(streaming.candidate(3, of: shard) == NodeID(4))
    #expect(streaming.twins(of: shard).nonzeroBitCount == 2)

    try ring.state.arrive([shard], n: 3, in: 1)
    let ready = ring.placement
    #expect(ready.epoch(of: shard) == 4)
    #expect(ready.epoch(of: moving[0]) == 3)
    #expect(ready.twins(of: shard) == streaming.twins(of: shard))
    #expect(ready.position(of: NodeID(4), in: shard) != nil)
    #expect(ready.oldReplicas(of: shard) == before[shard])
    #expect(ready.writerPosition(of: ready.candidate(3, of: shard), in: shard) == 3)

    try ring.finish()
    let after = ring.placement
    #expect(after.epoch(of: shard) == 5)
    #expect(after.twins(of: shard) == 0)
    #expect(after.replica(0, of: shard) == ready.replica(0, of: shard))
    #expect((0..<256).allSatisfy { !after.isMoving($0) })
}

@Test func aChangeThatIsCalledOffLeavesThingsAsTheyWere() throws {
    var ring = Ring(4, n: 3, seed: 4)
    let before = rows(ring.placement)
    try ring.join(5)
    try ring.state.arrive(Array(0..<256), n: 3, in: 1)
    try ring.state.callOff()
    #expect(rows(ring.placement) == before)
    #expect(ring.placement.epoch(of: 3) == 5)
    #expect(throws: RingRefusal.over) { try ring.state.callOff() }
    #expect(throws: RingRefusal.hasLeft) { try ring.join(5) }
    try ring.join(6)
    #expect(ring.placement.epoch(of: 3) == 6)
    #expect(throws: RingRefusal.over) { try ring.state.arrive([1], n: 3, in: 1) }
}

@Test func whatCannotBeIsRefused() throws {
    var ring = Ring(3, n: 3, seed: 4)
    #expect(throws: RingRefusal.tooFew(needed: 3)) {
        try ring.begin(.leave("n1", isForced: false))
    }
    #expect(throws: RingRefusal.unknown) { try ring.begin(.leave("n9", isForced: true)) }
    #expect(throws: RingRefusal.exists) { try ring.join(2) }
    #expect(throws: RingRefusal.addressTaken) {
        try ring.begin(.join(RingMember(name: "other", address: "h:1")))
    }
    try ring.join(4)
    #expect(throws: RingRefusal.changing) { try ring.join(5) }
    try ring.finish()
    try ring.begin(.leave("n1", isForced: false))
    try ring.finish()
    #expect(throws: RingRefusal.hasLeft) { try ring.join(1) }
    #expect(throws: RingRefusal.hasLeft) { try ring.begin(.leave("n1", isForced: false)) }
}

@Test func replicasStandInRacksOfTheirOwnAsFarAsThereAreRacks() throws {
    try Seeds.forAll(6, "racks") { random in
        let racks = 4 + random.below(2)
        let members = racks * (1 + random.below(4))
        var ring = Ring(members, n: 3, seed: random.next(), racks: racks)
        func shared() -> Int {
            rows(ring.placement).count { row in
                let names = row.map { index in
                    let known = ring.state.members.isEmpty ? ring.founders : ring.state.members
                    return known[Int(index.index)].rack
                }
                return Set(names).count < 3
            }
        }
        let founding = shared()
        guard founding * 100 <= 256 else { return false }
        let bound = (256 * 3 + members - 1) / members
        guard ring.placement.ownership().allSatisfy({ $0 <= max(bound, 256 * 33 / members / 10) })
        else { return false }
        for number in 1...3 {
            try ring.join(members + number, rack: "r\(number % racks)")
            try ring.finish()
            guard shared() <= founding else { return false }
        }
        return true
    }
}
