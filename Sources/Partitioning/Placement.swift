import Basics

/// Which members hold which keys: fixed shards, each placed on N members by the ring.
///
/// The shard of a key is the top bits of its hash. The members of a shard are the first N that a
/// clockwise walk from the shard's token meets, except that a member which already has its fair
/// share plus 10 % is passed over (consistent hashing with bounded loads, Mirrokni, Thorup and
/// Zadimoghaddam 2018): with a few hundred shards plain consistent hashing leaves some members
/// with a third more than the mean. All nodes compute the same placement from the same arguments.
public struct Placement: Sendable {
    /// Replicas of every shard.
    public let n: Int
    /// A power of two: 256, or 4,096 for clusters of more than 32 members, unless told otherwise.
    public let shardCount: Int
    /// Members of the cluster.
    public let nodeCount: Int

    @usableFromInline let shift: UInt64
    /// Replicas and stand-ins of every shard: 2 N, or all members when there are fewer. Only so
    /// many stand in, so that whoever must know all who may hold a write has few to ask.
    public let candidateCount: Int

    /// Candidate p of shard s at `s * candidateCount + p`: its replicas, then its stand-ins.
    @usableFromInline let candidates: [NodeID]
    /// Position of member m in shard s at `s * nodeCount + m`; `absent` where it has none.
    @usableFromInline let positions: [UInt8]
    @usableFromInline static let absent = UInt8.max
    private let ring: Ring

    /// `members` are distinct names, at least `n` of them, in the order that gives them their
    /// `NodeID`; `clusterSeed` is the seed of the keys' hashes too. O(shards · members) space.
    public init(
        members: [String], clusterSeed: UInt64, n: Int, virtualNodes: Int = 150,
        shardCount: Int? = nil
    ) {
        let shards = shardCount ?? (members.count > 32 ? 4_096 : 256)
        precondition(Set(members).count == members.count, "two members have one name")
        precondition(shards > 1 && shards.nonzeroBitCount == 1, "shards are a power of two above 1")
        let ring = Ring(members: members, clusterSeed: clusterSeed, virtualNodes: virtualNodes)
        self.init(ring, n: n, shards: shards)
    }

    /// The same members, shards and ring with another number of replicas.
    public func with(n: Int) -> Placement { Placement(ring, n: n, shards: shardCount) }

    private init(_ ring: Ring, n: Int, shards: Int) {
        let members = ring.nodeCount
        precondition(n > 0 && n <= Limits.replicas, "N is outside 1…\(Limits.replicas)")
        precondition(n <= members, "N is larger than the number of members")
        self.ring = ring
        self.n = n
        self.shardCount = shards
        nodeCount = members
        shift = UInt64(64 - shards.trailingZeroBitCount)

        var assignment = BoundedAssignment(ring: ring, shards: shards, n: n)
        let candidateCount = min(2 * n, members)
        self.candidateCount = candidateCount
        var candidates: [NodeID] = []
        candidates.reserveCapacity(shards * candidateCount)
        var positions = [UInt8](repeating: Placement.absent, count: shards * members)
        for shard in 0..<shards {
            var chosen = assignment.place(from: UInt64(shard) << shift)
            ring.walk(from: UInt64(shard) << shift) { node in
                if chosen.count < candidateCount, !chosen.contains(node) { chosen.append(node) }
                return chosen.count < candidateCount
            }
            for (position, node) in chosen.enumerated() {
                positions[shard * members + Int(node.index)] = UInt8(position)
            }
            candidates += chosen
        }
        self.candidates = candidates
        self.positions = positions
    }

    /// The shard that holds keys of this hash: its top bits. O(1).
    @inlinable
    public func shard(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> shift) }

    /// The member at `position` (0 ..< n) of a shard's replicas. O(1).
    @inlinable
    public func replica(_ position: Int, of shard: Int) -> NodeID {
        precondition(UInt(bitPattern: position) < UInt(bitPattern: n), "outside the replicas")
        return candidates[shard &* candidateCount &+ position]
    }

    /// The member at `position` (0 ..< candidateCount) of a shard's preference list: a replica
    /// below N, a stand-in from N on. O(1).
    @inlinable
    public func candidate(_ position: Int, of shard: Int) -> NodeID {
        precondition(
            UInt(bitPattern: position) < UInt(bitPattern: candidateCount),
            "outside the candidates")
        return candidates[shard &* candidateCount &+ position]
    }

    /// Where a member stands among a shard's replicas; nil if it is none of them. O(1).
    @inlinable
    public func position(of node: NodeID, in shard: Int) -> Int? {
        precondition(Int(node.index) < nodeCount, "not a member")
        let position = positions[shard &* nodeCount &+ Int(node.index)]
        return Int(position) < n ? Int(position) : nil
    }

    /// Where a member stands among a shard's replicas and stand-ins; nil if it is neither. O(1).
    @inlinable
    public func candidatePosition(of node: NodeID, in shard: Int) -> Int? {
        precondition(Int(node.index) < nodeCount, "not a member")
        let position = positions[shard &* nodeCount &+ Int(node.index)]
        return position == Placement.absent ? nil : Int(position)
    }

    /// All members for a shard: its N replicas first, then everyone else in ring order, who stand
    /// in for them in that order. Allocates; O(virtual nodes).
    public func preferenceList(of shard: Int) -> [NodeID] {
        precondition(shard >= 0 && shard < shardCount, "no such shard")
        var list = (0..<n).map { replica($0, of: shard) }
        list.reserveCapacity(nodeCount)
        ring.walk(from: UInt64(shard) << shift) { node in
            if position(of: node, in: shard) == nil { list.append(node) }
            return true
        }
        return list
    }

    /// How many shards each member is a replica of, by member. O(shards · n).
    public func ownership() -> [Int] {
        var owned = [Int](repeating: 0, count: nodeCount)
        for shard in 0..<shardCount {
            for position in 0..<n { owned[Int(replica(position, of: shard).index)] += 1 }
        }
        return owned
    }
}

/// Places shards one after the other, so that no member gets more than its fair share plus 10 %.
private struct BoundedAssignment {
    let ring: Ring
    let n: Int
    /// Shards that each member may still take.
    var room: [Int]
    var shardsLeft: Int

    init(ring: Ring, shards: Int, n: Int) {
        let wanted = shards * n
        let fairShare = (wanted + ring.nodeCount - 1) / ring.nodeCount
        let bound = max(fairShare, wanted * 11 / (ring.nodeCount * 10))
        self.ring = ring
        self.n = n
        room = [Int](repeating: bound, count: ring.nodeCount)
        shardsLeft = shards
    }

    /// The N members of the next shard.
    ///
    /// A greedy walk alone could end with room left on fewer than N members. The k shards that are
    /// left can be placed exactly as long as Σ min(room, k) ≥ N k; a member with room for all k is
    /// therefore taken whenever leaving it out would break that.
    mutating func place(from token: UInt64) -> [NodeID] {
        let usable = room.reduce(0) { $0 + min($1, shardsLeft) }
        let indispensable = room.count { $0 >= shardsLeft }
        let spare = usable - n * shardsLeft
        let optional = n - min(n, max(0, indispensable - spare))
        var chosen: [NodeID] = []
        var optionalChosen = 0
        ring.walk(from: token) { node in
            let left = room[Int(node.index)]
            if left == 0 { return true }
            if left < shardsLeft {
                if optionalChosen == optional { return true }
                optionalChosen += 1
            }
            chosen.append(node)
            return chosen.count < n
        }
        precondition(chosen.count == n, "the bound leaves every shard n members")
        for node in chosen { room[Int(node.index)] -= 1 }
        shardsLeft -= 1
        return chosen
    }
}
