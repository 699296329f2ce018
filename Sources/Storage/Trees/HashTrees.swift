import Basics

/// Hash trees over what a store holds, kept up to date by every put in O(1): one tree for every
/// shard of every keyspace (Merkle 1987; here as in Dynamo, §4.7, a summary of a subtree is the
/// exclusive or over its versions, so that order does not matter).
///
/// A tree has 16 branches at every node. Its leaves are the values of the 4 · depth bits of a
/// hash after those that name the shard. Trees grow one level deeper, in small steps, when leaves
/// hold more than 64 keys on average: a second set of trees is filled in the order of the hashes
/// while both are kept up to date, and then takes the place of the first.
///
/// They are not written to the disk: recovery puts every record, and so makes them anew.
struct HashTrees {
    /// High bits of a hash that name its shard.
    let shardBits: Int
    let seed: UInt64
    /// The default keyspace's first.
    private var forests: [Forest]
    /// By keyspace number: its place in `forests`; −1 where nothing is stored.
    private var places: [Int32] = [0]
    /// Whether trees of any keyspace are growing.
    private var isGrowing = false
    private var putsToStep = 0

    static let deepest = 4
    private static let keysPerLeaf = 64
    /// While trees grow, every so many puts add the records of one segment of the table to them.
    private static let putsPerStep = 16

    init(shardBits: Int, seed: UInt64) {
        self.shardBits = shardBits
        self.seed = seed
        forests = [Forest(.default, shardBits: shardBits, depth: 1)]
    }

    /// Keyspaces under which something was ever stored, and the default one.
    var keyspaces: [KeyspaceID] { forests.map(\.keyspace) }

    func depth(of keyspace: KeyspaceID) -> Int {
        place(of: keyspace).map { forests[$0].depth } ?? 1
    }

    /// The summary of a node: `number` is its path from the root of the shard's tree, four bits a
    /// level, and `level` its length; level 0 is the root. O(leaves below).
    func summary(_ keyspace: KeyspaceID, shard: Int, level: Int, number: Int) -> Summary {
        guard let place = place(of: keyspace) else { return Summary() }
        return forests[place].summary(shard: shard, level: level, number: number)
    }

    private func place(of keyspace: KeyspaceID) -> Int? {
        let raw = Int(keyspace.raw)
        guard raw < places.count, places[raw] >= 0 else { return nil }
        return Int(places[raw])
    }

    /// A put has changed the table.
    @inline(__always)
    mutating func note(
        _ key: HashedKey, _ change: RecordTable.Change, over table: borrowing RecordTable
    ) {
        replace(
            key, change.formerFingerprint, by: change.record.fingerprint(key.hash, seed: seed))
        if isGrowing { grow(over: table) }
    }

    /// A record is about to be taken out.
    mutating func noteRemoval(_ key: HashedKey, _ record: Record) {
        replace(key, record.fingerprint(key.hash, seed: seed), by: nil)
    }

    /// A record takes the place of another (`old`), or is new (nil), or goes (`new` is nil).
    @inline(__always)
    private mutating func replace(_ key: HashedKey, _ old: Hash128?, by new: Hash128?) {
        let difference = (old ?? .zero) ^ (new ?? .zero)
        let adding: UInt32 = (new == nil ? 0 : 1) &- (old == nil ? 0 : 1)
        let place = key.keyspace == .default ? 0 : placeForPut(key.keyspace)
        forests[place].change(key.hash, by: difference, adding: adding)
        if adding == 1, forests[place].isDueToGrow(HashTrees.keysPerLeaf) {
            forests[place].beginGrowing()
            isGrowing = true
        }
    }

    private mutating func placeForPut(_ keyspace: KeyspaceID) -> Int {
        if let place = place(of: keyspace) { return place }
        let raw = Int(keyspace.raw)
        while places.count <= raw { places.append(-1) }
        places[raw] = Int32(forests.count)
        forests.append(Forest(keyspace, shardBits: shardBits, depth: 1))
        return forests.count - 1
    }

    private mutating func grow(over table: borrowing RecordTable) {
        putsToStep -= 1
        guard putsToStep <= 0 else { return }
        putsToStep = HashTrees.putsPerStep
        isGrowing = false
        for place in forests.indices {
            if forests[place].grow(over: table, seed: seed) { isGrowing = true }
        }
    }
}

/// The trees of one keyspace.
private struct Forest {
    let keyspace: KeyspaceID
    private let shardBits: Int
    private var trees: LeafArray
    private var roots: [Summary]
    private var keys = 0
    /// Shards that hold something.
    private var occupied = 0
    private var growth: Growth?

    /// The deeper trees in the making: they have every key whose hash is below `next`.
    private struct Growth {
        var trees: LeafArray
        var next: UInt64 = 0
    }

    init(_ keyspace: KeyspaceID, shardBits: Int, depth: Int) {
        self.keyspace = keyspace
        self.shardBits = shardBits
        trees = LeafArray(shardBits: shardBits, depth: depth)
        roots = [Summary](repeating: Summary(), count: 1 << shardBits)
    }

    var depth: Int { trees.depth }

    func summary(shard: Int, level: Int, number: Int) -> Summary {
        if level == 0 { return roots[shard] }
        return trees.summary(shard: shard, level: level, number: number)
    }

    @inline(__always)
    mutating func change(_ hash: UInt64, by difference: Hash128, adding count: UInt32) {
        let shard = Int(truncatingIfNeeded: hash &>> UInt64(64 &- shardBits))
        if count != 0 { recount(shard, adding: count) }
        roots[shard].change(by: difference, adding: count)
        trees.change(hash, by: difference, adding: count)
        if let next = growth?.next, hash < next {
            growth?.trees.change(hash, by: difference, adding: count)
        }
    }

    private mutating func recount(_ shard: Int, adding count: UInt32) {
        if count == 1 {
            keys += 1
            if roots[shard].count == 0 { occupied += 1 }
        } else {
            keys -= 1
            if roots[shard].count == 1 { occupied -= 1 }
        }
    }

    func isDueToGrow(_ keysPerLeaf: Int) -> Bool {
        depth < HashTrees.deepest && growth == nil
            && keys > (occupied &<< (4 &* depth)) &* keysPerLeaf
    }

    mutating func beginGrowing() {
        growth = Growth(trees: LeafArray(shardBits: shardBits, depth: depth + 1))
    }

    /// True while there is more to do.
    mutating func grow(over table: borrowing RecordTable, seed: UInt64) -> Bool {
        guard var growth = growth.take() else { return false }
        var found: [(hash: UInt64, record: Record)] = []
        let last = table.collect(from: growth.next, through: .max, into: &found)
        for (hash, record) in found where record.keyspace == keyspace {
            growth.trees.change(hash, by: record.fingerprint(hash, seed: seed), adding: 1)
        }
        if last == .max {
            trees = growth.trees
            return false
        }
        growth.next = last + 1
        self.growth = growth
        return true
    }
}

/// The leaves of all trees of one depth; a shard takes room with its first key.
private struct LeafArray {
    let depth: Int
    private let shift: UInt64
    /// By shard: where its leaves begin; −1 until it has any.
    private var starts: [Int]
    private var leaves: [Summary] = []

    init(shardBits: Int, depth: Int) {
        self.depth = depth
        shift = UInt64(64 - shardBits - 4 * depth)
        starts = [Int](repeating: -1, count: 1 << shardBits)
    }

    @inline(__always)
    mutating func change(_ hash: UInt64, by difference: Hash128, adding count: UInt32) {
        let leaf = Int(truncatingIfNeeded: hash &>> shift)
        let shard = leaf &>> (4 &* depth)
        if starts[shard] < 0 { makeRoom(shard) }
        let index = starts[shard] &+ leaf & ((1 &<< (4 &* depth)) &- 1)
        leaves[index].change(by: difference, adding: count)
    }

    private mutating func makeRoom(_ shard: Int) {
        starts[shard] = leaves.count
        leaves.append(contentsOf: repeatElement(Summary(), count: 1 << (4 * depth)))
    }

    func summary(shard: Int, level: Int, number: Int) -> Summary {
        var sum = Summary()
        guard starts[shard] >= 0, level <= depth else { return sum }
        let below = 1 << (4 * (depth - level))
        let first = starts[shard] + number * below
        for index in first..<(first + below) { sum.merge(leaves[index]) }
        return sum
    }
}
