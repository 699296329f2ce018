/// A key with its hash, computed once where the key enters the node.
///
/// The hash is XXH3-64 seeded with the cluster's seed. Its top bits choose the shard, its low
/// bits the place in the record table.
public struct HashedKey: Sendable {
    public let bytes: Bytes
    public let hash: UInt64

    @inlinable
    public init(_ bytes: Bytes, hash: UInt64) {
        self.bytes = bytes
        self.hash = hash
    }
}
