import Basics

/// The replicas of every shard, carried from one set of members to the next.
///
/// A change moves no more than it must: a member that comes is given its fair share by those that
/// have most, the shards of one that goes are given to those that have least, and one that replaces
/// another takes its place. All nodes compute the same from the same changes.
struct ReplicaTable {
    let n: Int
    let shards: Int
    /// Replica p of shard s at `s * n + p`.
    private(set) var replicas: [NodeID]
    private var load: [Int]
    private var isActive: [Bool]
    private let members: [RingMember]
    private let hasRacks: Bool
    private let seed: UInt64

    init(_ founding: Placement, _ ring: RingState, seed: UInt64) {
        n = founding.n
        shards = founding.shardCount
        members = ring.members
        hasRacks = ring.members.contains { !$0.rack.isEmpty }
        self.seed = seed
        load = [Int](repeating: 0, count: ring.members.count)
        isActive = (0..<ring.members.count).map { $0 < ring.founders }
        replicas = []
        replicas.reserveCapacity(shards * n)
        for shard in 0..<shards {
            for position in 0..<n {
                let node = founding.replica(position, of: shard)
                replicas.append(node)
                load[Int(node.index)] += 1
            }
        }
    }

    mutating func apply(_ change: RingChange) {
        switch change.kind {
        case .join: join(change.node)
        case .leave: leave(change.node)
        case .replace:
            isActive[Int(change.node.index)] = true
            isActive[Int(change.other.index)] = false
            for place in replicas.indices where replicas[place] == change.other {
                set(place, to: change.node)
            }
        }
    }

    private mutating func set(_ place: Int, to node: NodeID) {
        load[Int(replicas[place].index)] -= 1
        replicas[place] = node
        load[Int(node.index)] += 1
    }

    private func holds(_ node: NodeID, _ shard: Int) -> Bool {
        replicas[shard * n..<(shard + 1) * n].contains(node)
    }

    /// Replicas of the shard of `place` that share their rack with one before them, if `node` stood
    /// there.
    private func clashes(_ place: Int, with node: NodeID) -> Int {
        guard hasRacks else { return 0 }
        let first = place / n * n
        func rack(_ other: Int) -> String {
            members[Int((other == place ? node : replicas[other]).index)].rack
        }
        return (first..<first + n).count { other in
            !rack(other).isEmpty && (first..<other).contains { rack($0) == rack(other) }
        }
    }

    /// An order that differs from change to change and is the same everywhere.
    private func mark(_ a: Int, _ b: NodeID) -> UInt64 {
        var state = seed ^ UInt64(a) << 20 ^ UInt64(b.index)
        return RandomSource.splitMix(&state)
    }

    // MARK: Coming

    private mutating func join(_ node: NodeID) {
        let index = Int(node.index)
        isActive[index] = true
        let share = shards * n / isActive.count { $0 }
        var places = [[Int]](repeating: [], count: members.count)
        for place in replicas.indices { places[Int(replicas[place].index)].append(place) }
        for owner in places.indices {
            places[owner].sort { mark($0 / n, node) > mark($1 / n, node) }
        }
        var givers = isActive.indices.filter { isActive[$0] && $0 != index }
        while load[index] < share {
            guard let giver = fullest(of: givers), load[giver] > load[index] else { break }
            guard let place = take(from: &places[giver], for: node) else {
                givers.removeAll { $0 == giver }
                continue
            }
            set(place, to: node)
        }
    }

    private func fullest(of givers: [Int]) -> Int? {
        var chosen: Int?
        for giver in givers where chosen.map({ load[giver] > load[$0] }) ?? true { chosen = giver }
        return chosen
    }

    /// The next place of a giver that `node` can take. Racks count for more than balance: no two
    /// replicas come into one rack because of it.
    private func take(from places: inout [Int], for node: NodeID) -> Int? {
        while let place = places.popLast() {
            if holds(node, place / n) { continue }
            if clashes(place, with: node) > clashes(place, with: replicas[place]) { continue }
            return place
        }
        return nil
    }

    // MARK: Going

    private mutating func leave(_ node: NodeID) {
        isActive[Int(node.index)] = false
        for place in replicas.indices where replicas[place] == node {
            let shard = place / n
            var chosen: (key: (Int, Int, UInt64), node: NodeID)?
            for index in isActive.indices where isActive[index] {
                let other = NodeID(index)
                if holds(other, shard) { continue }
                let key = (clashes(place, with: other), load[index], mark(shard, other))
                if chosen.map({ key < $0.key }) ?? true { chosen = (key, other) }
            }
            guard let chosen else { preconditionFailure("fewer members than replicas") }
            set(place, to: chosen.node)
        }
    }
}
