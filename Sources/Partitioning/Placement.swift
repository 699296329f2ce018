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
    /// One more than the largest index of a member that was ever here.
    public let nodeCount: Int

    @usableFromInline let shift: UInt64
    /// Replicas and stand-ins of every shard: 2 N, or all members when there are fewer. Only so
    /// many stand in, so that whoever must know all who may hold a write has few to ask.
    public let candidateCount: Int

    /// Candidate p of shard s at `s * candidateCount + p`: its replicas, then, of a shard that is
    /// moving, the one that has come or is to go, then its stand-ins.
    @usableFromInline let candidates: [NodeID]
    /// By shard: the position below N that is changing hands; `settled` where none is. Empty when
    /// nothing moves.
    @usableFromInline let moving: [UInt8]
    @usableFromInline static let settled = UInt8.max
    /// By shard, while something moves: whether the new replica has everything.
    private let ready: RingState.ReadyShards
    private let baseEpoch: UInt32
    private let ring: Ring

    /// `members` are distinct names, at least `n` of them, in the order that gives them their
    /// `NodeID`; `clusterSeed` is the seed of the keys' hashes too. `racks` names, by member, what
    /// fails together. O(shards · members) time.
    public init(
        members: [String], clusterSeed: UInt64, n: Int, virtualNodes: Int = 150,
        shardCount: Int? = nil, racks: [String] = []
    ) {
        let shards = shardCount ?? (members.count > 32 ? 4_096 : 256)
        precondition(Set(members).count == members.count, "two members have one name")
        precondition(shards > 1 && shards.nonzeroBitCount == 1, "shards are a power of two above 1")
        let ring = Ring(members: members, clusterSeed: clusterSeed, virtualNodes: virtualNodes)
        let racks = racks.contains { !$0.isEmpty } ? racks : []
        self.init(founding: ring, n: n, shards: shards, racks: racks)
    }

    /// The founders' placement with another number of replicas.
    public func with(n: Int, racks: [String] = []) -> Placement {
        Placement(founding: ring, n: n, shards: shardCount, racks: racks)
    }

    private init(founding ring: Ring, n: Int, shards: Int, racks: [String]) {
        precondition(n > 0 && n <= Limits.replicas, "N is outside 1…\(Limits.replicas)")
        precondition(n <= ring.nodeCount, "N is larger than the number of members")
        var assignment = BoundedAssignment(ring: ring, shards: shards, n: n, racks: racks)
        let shift = UInt64(64 - shards.trailingZeroBitCount)
        var rows: [[NodeID]] = []
        rows.reserveCapacity(shards)
        for shard in 0..<shards { rows.append(assignment.place(from: UInt64(shard) << shift)) }
        if !racks.isEmpty { RackMending(racks: racks).mend(&rows) }
        self.init(ring, n: n, rows: rows, moving: [], ready: .init(n: UInt8(n)), epoch: 0)
    }

    /// `rows`: by shard, its replicas and who is changing hands with one of them.
    private init(
        _ ring: Ring, n: Int, rows: [[NodeID]], moving: [UInt8], ready: RingState.ReadyShards,
        epoch: UInt32
    ) {
        self.ring = ring
        self.n = n
        self.moving = moving
        self.ready = ready
        baseEpoch = epoch
        shardCount = rows.count
        nodeCount = ring.nodeCount
        let shift = UInt64(64 - rows.count.trailingZeroBitCount)
        self.shift = shift
        let candidateCount = min(2 * n, ring.activeCount)
        self.candidateCount = candidateCount
        var candidates: [NodeID] = []
        candidates.reserveCapacity(rows.count * candidateCount)
        for (shard, row) in rows.enumerated() {
            var chosen = row
            ring.walk(from: UInt64(shard) << shift) { node in
                if chosen.count < candidateCount, !chosen.contains(node) { chosen.append(node) }
                return chosen.count < candidateCount
            }
            candidates += chosen
        }
        self.candidates = candidates
    }

    /// What has become of this placement, which is the founders', through the changes of the ring.
    public func after(_ state: RingState) -> Placement {
        if state.isFounding { return self }
        var table = ReplicaTable(self, state, seed: ring.clusterSeed)
        for change in state.completed { table.apply(change) }
        let before = table.replicas
        let ready = state.ready.first { $0.n == n } ?? .init(n: UInt8(n))
        var moving: [UInt8] = []
        if let change = state.current {
            table.apply(change)
            moving = [UInt8](repeating: Placement.settled, count: shardCount)
        }
        var rows: [[NodeID]] = []
        rows.reserveCapacity(shardCount)
        for shard in 0..<shardCount {
            let places = shard * n..<(shard + 1) * n
            let (old, new) = (before[places], table.replicas[places])
            guard let place = places.first(where: { old[$0] != new[$0] }) else {
                rows.append(Array(old))
                continue
            }
            moving[shard] = UInt8(place - places.lowerBound)
            let isReady = ready.contains(shard)
            rows.append(Array(isReady ? new : old) + [isReady ? old[place] : new[place]])
        }
        return Placement(
            ring.with(state.members), n: n, rows: rows, moving: moving, ready: ready,
            epoch: state.epoch)
    }

    // MARK: What is moving

    /// Rises with every step of a change of the ring for the shard. O(1).
    public func epoch(of shard: Int) -> UInt32 {
        guard baseEpoch > 0 else { return 0 }
        return baseEpoch &+ (isMoving(shard) && ready.contains(shard) ? 1 : 0)
    }

    /// Whether one of the shard's replicas is changing. O(1).
    @inlinable
    public func isMoving(_ shard: Int) -> Bool {
        !moving.isEmpty && moving[shard] != Placement.settled
    }

    /// Who must be told of a write: the replicas, and whoever changes hands with one of them. O(1).
    @inlinable
    public func writers(of shard: Int) -> Int { isMoving(shard) ? n &+ 1 : n }

    /// The two positions of which one is given to the other, a bit each; none when nothing moves.
    /// A quorum of the old replicas and of the new ones is one in which these two count as one when
    /// both are in it, and not at all when one is. O(1).
    @inlinable
    public func twins(of shard: Int) -> UInt32 {
        isMoving(shard) ? 1 << UInt32(moving[shard]) | 1 << UInt32(truncatingIfNeeded: n) : 0
    }

    /// Whether the new replica of a moving shard has everything; reads ask the new ones then.
    public func isReady(_ shard: Int) -> Bool { isMoving(shard) && ready.contains(shard) }

    /// Who comes to hold a moving shard.
    public func incoming(_ shard: Int) -> NodeID? {
        guard isMoving(shard) else { return nil }
        let position = isReady(shard) ? Int(moving[shard]) : n
        return candidates[shard * candidateCount + position]
    }

    /// The replicas of a shard before the change that is going on.
    public func oldReplicas(of shard: Int) -> [NodeID] {
        (0..<n).map { position in
            let isOld = isReady(shard) && position == Int(moving[shard])
            return candidates[shard * candidateCount + (isOld ? n : position)]
        }
    }

    /// High bits of a hash that name its shard.
    public var shardBits: Int { shardCount.trailingZeroBitCount }

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

    /// Where a member stands among a shard's replicas; nil if it is none of them. O(N).
    @inlinable
    public func position(of node: NodeID, in shard: Int) -> Int? {
        position(of: node, in: shard, below: n)
    }

    /// Where a member stands among a shard's replicas and stand-ins; nil if it is neither. O(N).
    @inlinable
    public func candidatePosition(of node: NodeID, in shard: Int) -> Int? {
        position(of: node, in: shard, below: candidateCount)
    }

    /// Where a member stands among those who must be told of a write; nil if it is none. O(N).
    @inlinable
    public func writerPosition(of node: NodeID, in shard: Int) -> Int? {
        position(of: node, in: shard, below: writers(of: shard))
    }

    @inlinable @inline(__always)
    func position(of node: NodeID, in shard: Int, below limit: Int) -> Int? {
        precondition(UInt(bitPattern: shard) < UInt(bitPattern: shardCount), "no such shard")
        let first = shard &* candidateCount
        var position = 0
        while position < limit {
            if candidates[first &+ position] == node { return position }
            position &+= 1
        }
        return nil
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
