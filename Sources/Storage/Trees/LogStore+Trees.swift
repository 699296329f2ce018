import Basics
import Causality

/// Hash trees over the records, and the records of their leaves: what two replicas compare to find
/// out what one of them lacks.
extension LogStore {
    /// Keyspaces whose records may differ between replicas.
    public var comparedKeyspaces: [KeyspaceID] { trees.keyspaces }

    /// Levels of the keyspace's trees below their roots, 1 to 4.
    public func treeDepth(of keyspace: KeyspaceID) -> Int { trees.depth(of: keyspace) }

    /// The summary of one node of a shard's tree: `level` nibbles, `number` being their value;
    /// level 0 is the root. `level` is at most the depth. O(leaves below).
    public func summary(
        of keyspace: KeyspaceID, shard: Int, level: Int = 0, number: Int = 0
    ) -> Summary {
        trees.summary(keyspace, shard: shard, level: level, number: number)
    }

    /// A record as a comparison sees it.
    public struct Compared {
        public let key: HashedKey
        public let found: Found
        public let fingerprint: Hash128
    }

    /// Visits the records of a keyspace under the nodes `numbers` of one level, in all shards.
    /// O(slots of that part of the table): a 16th of the table for every node of level 1.
    public func visit(
        _ keyspace: KeyspaceID, level: Int, _ numbers: ClosedRange<Int>,
        _ body: (Compared) -> Void
    ) {
        let shift = UInt64(64 - 4 * level)
        let lowest = level == 0 ? 0 : UInt64(numbers.lowerBound) << shift
        let highest =
            level == 0 ? UInt64.max : UInt64(numbers.upperBound) << shift | ((1 << shift) - 1)
        visit(lowest...highest, in: keyspace, body)
    }

    /// Visits the records of a keyspace that have this hash: one, but for collisions. O(1).
    public func visit(
        hash: UInt64, in keyspace: KeyspaceID, _ body: (Compared) -> Void
    ) {
        let order = table.order(hash)
        visit(order...order, in: keyspace, body)
    }

    private func visit(
        _ range: ClosedRange<UInt64>, in keyspace: KeyspaceID, _ body: (Compared) -> Void
    ) {
        table.visit(range) { hash, record in
            guard record.keyspace == keyspace else { return }
            body(
                Compared(
                    key: HashedKey(record.key, hash: hash, in: keyspace),
                    found: Found(
                        version: record.version, content: record.content,
                        position: record.position),
                    fingerprint: record.fingerprint(hash, seed: trees.seed)))
        }
    }
}
