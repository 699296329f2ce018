/// A key of a keyspace with its hash, computed once where the key enters the node.
///
/// The hash is XXH3-64 seeded with the cluster's seed and the keyspace. Its top bits choose the
/// shard, its low bits the place in the record table.
public struct HashedKey: Sendable {
    public let bytes: Bytes
    public let hash: UInt64
    public let keyspace: KeyspaceID
    /// Of a key in a message: the epoch of its shard at the sender; 0 with the founders' ring.
    public var epoch: UInt32 = 0

    @inlinable
    public init(_ bytes: Bytes, hash: UInt64, in keyspace: KeyspaceID = .default) {
        self.bytes = bytes
        self.hash = hash
        self.keyspace = keyspace
    }

    /// Hashes the key. `seed` is the cluster's.
    @inlinable
    public init(_ bytes: Bytes, seed: UInt64, in keyspace: KeyspaceID = .default) {
        self.init(
            bytes, hash: XXH3.hash64(bytes, seed: keyspace.seed(seed)), in: keyspace)
    }
}

/// Names a keyspace within its cluster; never given twice.
public struct KeyspaceID: Hashable, Comparable, Sendable {
    public let raw: UInt16

    @inlinable
    public init(_ raw: UInt16) { self.raw = raw }

    /// The one that every cluster has.
    public static let `default` = KeyspaceID(0)

    /// The seed of its keys' hashes: the cluster's own for the default keyspace.
    @inlinable
    func seed(_ cluster: UInt64) -> UInt64 { cluster ^ UInt64(raw) &* 0x9e37_79b9_7f4a_7c15 }

    public static func < (a: KeyspaceID, b: KeyspaceID) -> Bool { a.raw < b.raw }
}
