import Basics

/// Places shards one after the other, so that no member gets more than its fair share plus 10 %,
/// and, where that can be, no two replicas into one rack.
struct BoundedAssignment {
    let ring: Ring
    let n: Int
    /// Shards that each member may still take.
    var room: [Int]
    var shardsLeft: Int
    /// By member; empty where nobody has one.
    let racks: [String]

    init(ring: Ring, shards: Int, n: Int, racks: [String]) {
        self.racks = racks
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
        for respectsRacks in racks.isEmpty ? [false] : [true, false] where chosen.count < n {
            ring.walk(from: token) { node in
                let left = room[Int(node.index)]
                if left == 0 || chosen.contains(node) { return true }
                if left < shardsLeft {
                    if optionalChosen == optional { return true }
                    if respectsRacks, sharesRack(node, chosen) { return true }
                    optionalChosen += 1
                }
                chosen.append(node)
                return chosen.count < n
            }
        }
        precondition(chosen.count == n, "the bound leaves every shard n members")
        for node in chosen { room[Int(node.index)] -= 1 }
        shardsLeft -= 1
        return chosen
    }

    private func sharesRack(_ node: NodeID, _ chosen: [NodeID]) -> Bool {
        let rack = racks[Int(node.index)]
        return !rack.isEmpty && chosen.contains { racks[Int($0.index)] == rack }
    }
}

/// Exchanges replicas between shards until no shard has two in one rack that need not: what a
/// greedy placement leaves at its end.
struct RackMending {
    let racks: [String]

    func mend(_ rows: inout [[NodeID]]) {
        for shard in rows.indices {
            while let position = clash(rows[shard]), exchange(shard, position, &rows) {}
        }
    }

    /// A position whose rack an earlier one has.
    private func clash(_ row: [NodeID]) -> Int? {
        row.indices.first { sharesRack(row[$0], row, besides: $0) && $0 > 0 }
    }

    private func sharesRack(_ node: NodeID, _ row: [NodeID], besides position: Int) -> Bool {
        let rack = racks[Int(node.index)]
        guard !rack.isEmpty else { return false }
        return row.indices.contains { $0 != position && racks[Int(row[$0].index)] == rack }
    }

    /// Gives the replica to another shard in return for one that fits here.
    private func exchange(_ shard: Int, _ position: Int, _ rows: inout [[NodeID]]) -> Bool {
        let node = rows[shard][position]
        for other in rows.indices where other != shard && !rows[other].contains(node) {
            for place in rows[other].indices {
                let offered = rows[other][place]
                if rows[shard].contains(offered) { continue }
                if sharesRack(offered, rows[shard], besides: position) { continue }
                if sharesRack(node, rows[other], besides: place) { continue }
                rows[shard][position] = offered
                rows[other][place] = node
                return true
            }
        }
        return false
    }
}
