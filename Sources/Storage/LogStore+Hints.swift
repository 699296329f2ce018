import Basics
import Causality

/// Writes held for other nodes: in the log like records, and in memory beside them.
extension LogStore {
    /// What is held, by node index; nodes beyond the end are owed nothing.
    public var hintsOwed: [HintsOwed] { hints.owed }
    /// Writes held for others.
    public var hintCount: Int { hints.count }
    /// Bytes of their keys and values.
    public var hintBytes: Int { hints.bytes }

    /// What is held under a key for a node; nil if nothing is. O(1) expected.
    public func findHint(_ key: HashedKey, for target: NodeID) -> Found? {
        guard let record = hints.find(key, for: target) else { return nil }
        return Found(version: record.version, content: record.content, position: record.position)
    }

    /// Holds a write for a node, in place of an older one of the key; nil, and nothing is held, if
    /// the limits leave no room. `since` is the wall clock in microseconds. Returns the position
    /// up to which the log must be synced before the write may count as held.
    public mutating func putHint(
        _ key: HashedKey, _ content: Content, _ version: Version, for target: NodeID,
        since: UInt64, limits: HintLimits
    ) throws(DiskError) -> LogPosition? {
        if let held = hints.find(key, for: target), held.version >= version {
            return held.position
        }
        guard hints.hasRoom(key, content, for: target, limits) else { return nil }
        note(version)
        let kind = LogFormat.Kind.hint(for: target, since: since)
        let position = try log?.append(kind, key, content, version) ?? .zero
        hints.put(key, content, version, for: target, since: since, position)
        return position
    }

    /// Lets go what is held under a key for a node, unless it is newer than `version`: the node
    /// has it. A crash before the next sync only makes it be delivered again.
    public mutating func settleHint(
        _ key: HashedKey, for target: NodeID, upTo version: Version
    ) throws(DiskError) {
        guard hints.remove(key, for: target, upTo: version) else { return }
        _ = try log?.append(.settled(for: target), key, .tombstone, version)
    }

    /// A write held for another node.
    public struct Hint {
        public let key: HashedKey
        /// Valid until the turn ends.
        public let content: Content
        public let version: Version
    }

    /// The oldest write for a node that is not on its way there; from now on it is.
    public mutating func takeHint(for target: NodeID) -> Hint? {
        guard let (record, hash) = hints.takeOut(for: target) else { return nil }
        return Hint(
            key: HashedKey(record.key, hash: hash, in: record.keyspace),
            content: record.content, version: record.version)
    }

    /// How many writes older than a stamp are held of a keyspace's keys whose hashes `isMeant`
    /// names. O(writes held).
    public func hintsHeld(
        of keyspace: KeyspaceID, before stamp: UInt64, _ isMeant: (UInt64) -> Bool
    ) -> Int {
        var count = 0
        for place in 0..<hints.placeCount {
            guard let held = hints.held(at: place), held.record.keyspace == keyspace,
                held.record.stamp < stamp, isMeant(held.hash)
            else { continue }
            count += 1
        }
        return count
    }

    /// It did not arrive.
    public mutating func bringBackHint(_ key: HashedKey, for target: NodeID) {
        hints.bringBack(key, for: target)
    }

    /// Gives up what has been held since before `limit` (microseconds of the wall clock). Returns
    /// how many writes that were, and since when the oldest of the others is held; `UInt64.max`
    /// without others. O(writes held).
    public mutating func expireHints(
        before limit: UInt64
    ) throws(DiskError) -> (expired: Int, oldest: UInt64) {
        var expired = 0
        var oldest = UInt64.max
        for place in 0..<hints.placeCount {
            guard let held = hints.held(at: place) else { continue }
            guard held.since < limit else {
                oldest = min(oldest, held.since)
                continue
            }
            expired += 1
            try settleHint(
                HashedKey(held.record.key, hash: held.hash, in: held.record.keyspace),
                for: held.target,
                upTo: held.record.version)
        }
        return (expired, oldest)
    }
}
