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

    /// Visits the records of a keyspace under the nodes `numbers` of one level of a shard's tree,
    /// in no order. O(visited), and at least one segment of the table.
    public func visit(
        _ keyspace: KeyspaceID, shard: Int, level: Int, _ numbers: ClosedRange<Int>,
        _ body: (Compared) -> Void
    ) {
        let shift = UInt64(64 - trees.shardBits - 4 * level)
        let first = UInt64(shard) << UInt64(4 * level)
        let lowest = (first + UInt64(numbers.lowerBound)) << shift
        let highest = (first + UInt64(numbers.upperBound)) << shift | ((1 << shift) - 1)
        visit(lowest...highest, in: keyspace, body)
    }

    /// Visits the records of a keyspace that have this hash: one, but for collisions. O(1).
    public func visit(
        hash: UInt64, in keyspace: KeyspaceID, _ body: (Compared) -> Void
    ) {
        visit(hash...hash, in: keyspace, body)
    }

    private func visit(
        _ hashes: ClosedRange<UInt64>, in keyspace: KeyspaceID, _ body: (Compared) -> Void
    ) {
        var from = hashes.lowerBound
        var found: [(hash: UInt64, record: Record)] = []
        while true {
            found.removeAll(keepingCapacity: true)
            let last = table.collect(from: from, through: hashes.upperBound, into: &found)
            for (hash, record) in found where record.keyspace == keyspace {
                body(
                    Compared(
                        key: HashedKey(record.key, hash: hash, in: keyspace),
                        found: Found(
                            version: record.version, content: record.content,
                            position: record.position),
                        fingerprint: record.fingerprint(hash, seed: trees.seed)))
            }
            if last >= hashes.upperBound { return }
            from = last + 1
        }
    }
}

/// What is older than some stamp: what is spoken of when deletions are to be forgotten.
extension LogStore {
    /// The summary of the records of a shard that were written before a stamp. O(records of the
    /// shard).
    public func summary(of keyspace: KeyspaceID, shard: Int, before stamp: UInt64) -> Summary {
        var summary = Summary()
        visit(keyspace, shard: shard, level: 0, 0...0) { compared in
            guard compared.found.version.stamp < stamp else { return }
            summary.change(by: compared.fingerprint, adding: 1)
        }
        return summary
    }

    /// The summary of all records of a keyspace. O(shards).
    public func summaryOfAll(_ keyspace: KeyspaceID) -> Summary {
        var summary = Summary()
        for shard in 0..<1 << trees.shardBits {
            summary.merge(self.summary(of: keyspace, shard: shard))
        }
        return summary
    }
}
