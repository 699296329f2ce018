import Basics
import Causality

/// A keyspace whose keys are kept in order.
struct OrderedKeyspace {
    let id: KeyspaceID
    /// Records of hashes below this are in the index; nil: all are.
    var built: UInt64?
}

/// Going through records: by hash, which always works and needs no memory, and by key, for
/// keyspaces of which that was asked.
extension LogStore {
    /// A record that is visited. Bytes are valid until the turn ends or its key is put.
    public struct Visited {
        public let key: Bytes
        public let keyspace: KeyspaceID
        public let found: Found
        /// Of the key.
        public let hash: UInt64

        init(_ record: Record, hash: UInt64) {
            self.hash = hash
            key = record.key
            keyspace = record.keyspace
            found = Found(
                version: record.version, content: record.content, position: record.position)
        }
    }

    /// Visits records in the order of their hashes, deletions included, until `visit` returns
    /// false or about `limit` were visited; those of one hash are never divided. Returns the hash
    /// from which to go on; nil when the range is done.
    ///
    /// A shard is a range of hashes. Between two calls the store may change in every way: a
    /// record that is there all the time is visited exactly once. O(visited), and at least one
    /// segment of the table (512 slots).
    public func visit(
        hashes: ClosedRange<UInt64>, limit: Int, _ visit: (UInt64, Visited) -> Bool
    ) -> UInt64? {
        var from = hashes.lowerBound
        var left = limit
        var found: [(hash: UInt64, record: Record)] = []
        while true {
            found.removeAll(keepingCapacity: true)
            let last = table.collect(from: from, through: hashes.upperBound, into: &found)
            found.sort {
                if $0.hash != $1.hash { return $0.hash < $1.hash }
                if $0.record.keyspace != $1.record.keyspace {
                    return $0.record.keyspace < $1.record.keyspace
                }
                return $0.record.key < $1.record.key
            }
            // An empty segment is work too.
            left -= 1
            for (place, next) in found.enumerated() {
                if left <= 0, place > 0, found[place - 1].hash != next.hash { return next.hash }
                if !visit(next.hash, Visited(next.record, hash: next.hash)) { left = 0 }
                left -= 1
            }
            if last >= hashes.upperBound { return nil }
            from = last + 1
            if left <= 0 { return from }
        }
    }

    /// From now on the keys of a keyspace are kept in order, at a cost of some twelve bytes a key
    /// and a search with every new key. `buildOrder` must be called until those are in that are
    /// here already.
    public mutating func order(_ keyspace: KeyspaceID) {
        if ordered.contains(where: { $0.id == keyspace }) { return }
        ordered.append(OrderedKeyspace(id: keyspace, built: table.count == 0 ? nil : 0))
    }

    /// Puts up to about `limit` more records in order. True when `scan` may be used for all
    /// ordered keyspaces. O(limit · log n).
    public mutating func buildOrder(limit: Int) -> Bool {
        guard let unfinished = ordered.firstIndex(where: { $0.built != nil }),
            let from = ordered[unfinished].built
        else { return true }
        let keyspace = ordered[unfinished].id
        var records: [Record] = []
        let next = visitRecords(from: from, limit: limit) { record in
            if record.keyspace == keyspace { records.append(record) }
        }
        for record in records { index.insert(record) }
        ordered[unfinished].built = next
        return ordered.allSatisfy { $0.built == nil }
    }

    /// Whether keys are still being put in order.
    var isOrdering: Bool { ordered.contains { $0.built != nil } }

    /// Whether the keys of a keyspace are in order, so that it may be scanned.
    public func isOrdered(_ keyspace: KeyspaceID) -> Bool {
        ordered.contains { $0.id == keyspace && $0.built == nil }
    }

    /// Visits the records of a keyspace in the order of their keys' bytes, deletions included,
    /// from a key on, until `visit` returns false or there are no more. To go on after a key, scan
    /// from that key with a zero byte behind it. O(log n + visited).
    public func scan(_ keyspace: KeyspaceID, from key: Bytes, _ visit: (Visited) -> Bool) {
        precondition(isOrdered(keyspace), "a keyspace is scanned that is not in order")
        index.visit(from: key, in: keyspace) { record in
            guard record.keyspace == keyspace else { return false }
            let key = HashedKey(record.key, seed: table.fingerprintSeed, in: keyspace)
            return visit(Visited(record, hash: key.hash))
        }
    }

    /// Whole segments of the table, from a hash on, until about `limit` records were visited.
    private func visitRecords(
        from first: UInt64, limit: Int, _ visit: (Record) -> Void
    ) -> UInt64? {
        var from = first
        var left = limit
        var found: [(hash: UInt64, record: Record)] = []
        while left > 0 {
            found.removeAll(keepingCapacity: true)
            let last = table.collect(from: from, through: .max, into: &found)
            for (_, record) in found { visit(record) }
            if last == .max { return nil }
            from = last + 1
            left -= found.count + 1
        }
        return from
    }

    /// Whether this key's record belongs in the index now.
    func isInOrder(_ key: HashedKey) -> Bool {
        for keyspace in ordered where keyspace.id == key.keyspace {
            guard let built = keyspace.built else { return true }
            return key.hash < built
        }
        return false
    }

    mutating func keepOrder(_ key: HashedKey, _ change: RecordTable.Change) {
        guard isInOrder(key) else { return }
        if let former = change.former {
            index.replace(former, by: change.record)
        } else {
            index.insert(change.record)
        }
    }
}
