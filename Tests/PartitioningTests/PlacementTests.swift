import Basics
import Partitioning
import TestSupport
import Testing

private func names(_ count: Int) -> [String] { (1...count).map { "n\($0)" } }

@Test func aPreferenceListNamesEveryMemberOnceAndTheReplicasFirst() {
    Seeds.forAll(30, "preference lists") { random in
        let members = 1 + random.below(40)
        let n = 1 + random.below(min(members, Limits.replicas))
        let placement = Placement(
            members: names(members), clusterSeed: random.next(), n: n,
            virtualNodes: 1 + random.below(200))
        for shard in 0..<16 {
            let shard = shard * placement.shardCount / 16
            let list = placement.preferenceList(of: shard)
            guard list.count == members, Set(list).count == members else { return false }
            for (index, node) in list.enumerated() {
                guard placement.position(of: node, in: shard) == (index < n ? index : nil) else {
                    return false
                }
                if index < n, placement.replica(index, of: shard) != node { return false }
                let isCandidate = index < placement.candidateCount
                if isCandidate, placement.candidate(index, of: shard) != node { return false }
                guard
                    placement.candidatePosition(of: node, in: shard)
                        == (isCandidate ? index : nil)
                else { return false }
            }
        }
        return true
    }
}

@Test func noMemberOwnsMoreThanTenPercentAboveTheMean() {
    Seeds.forAll(60, "bounded load") { random in
        let members = 1 + random.below(30)
        let n = 1 + random.below(min(members, 7))
        let placement = Placement(
            members: names(members), clusterSeed: random.next(), n: n,
            virtualNodes: 1 + random.below(200))
        let owned = placement.ownership()
        let replicas = placement.shardCount * n
        let fairShare = (replicas + members - 1) / members
        return owned.reduce(0, +) == replicas
            && owned.allSatisfy { $0 <= max(fairShare, replicas * 11 / (10 * members)) }
    }
}

@Test func tenMembersWithTheDefaultsStayWithinTenPercentOfTheMean() {
    Seeds.forAll(20, "ten members") { random in
        let placement = Placement(members: names(10), clusterSeed: random.next(), n: 3)
        let mean = Double(placement.shardCount * 3) / 10
        return placement.ownership().allSatisfy { Double($0) <= 1.10 * mean }
    }
}

@Test func thePlacementDependsOnNothingButItsArguments() {
    let one = Placement(members: names(5), clusterSeed: 7, n: 3)
    let two = Placement(members: names(5), clusterSeed: 7, n: 3)
    let other = Placement(members: names(5), clusterSeed: 8, n: 3)
    let lists = (0..<256).map { one.preferenceList(of: $0) }
    #expect(lists == (0..<256).map { two.preferenceList(of: $0) })
    #expect(lists != (0..<256).map { other.preferenceList(of: $0) })
    // Changing this line changes where every stored key lives.
    #expect(lists.prefix(4).map { $0.map(\.description).joined(separator: " ") } == golden)
}

private let golden = ["n3 n4 n1 n2 n5", "n2 n3 n1 n5 n4", "n3 n2 n1 n5 n4", "n1 n2 n3 n5 n4"]

@Test func theTopBitsOfTheHashAreTheShard() {
    let small = Placement(members: names(3), clusterSeed: 1, n: 3)
    #expect(small.shardCount == 256)
    #expect(small.shard(of: 0) == 0)
    #expect(small.shard(of: .max) == 255)
    #expect(small.shard(of: 0x7f << 56) == 0x7f)
    #expect(Placement(members: names(33), clusterSeed: 1, n: 3).shardCount == 4_096)
    let two = Placement(members: names(3), clusterSeed: 1, n: 1, shardCount: 2)
    #expect(two.shard(of: 1 << 63) == 1)
}
