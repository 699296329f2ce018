import Basics
import Causality

/// What a replica knows of a shard of a keyspace besides its records. All of it only rises, and is
/// in the log like records.
public struct ShardMark: Sendable, Hashable {
    /// What a client's write stamped below this came to is settled: none is taken any more.
    public var fence: UInt64
    /// A key that is not here had nothing, or was deleted, as of all stamps below this; of
    /// consensus registers: has promised to accept nothing below this ballot.
    public var floor: Version
    /// Of siblings: no key that is not here was ever written more often by this life of the node.
    public var written: UInt64

    public init(fence: UInt64 = 0, floor: Version = .none, written: UInt64 = 0) {
        self.fence = fence
        self.floor = floor
        self.written = written
    }

    /// The higher of both in everything.
    func joined(_ other: ShardMark) -> ShardMark {
        ShardMark(
            fence: max(fence, other.fence), floor: max(floor, other.floor),
            written: max(written, other.written))
    }

    /// As a log record's key: fence:u64 written:u64 shard:u16; the record's version is the floor.
    static let encodedBytes = 18

    func encoded(shard: Int) -> [UInt8] {
        var buffer = ByteBuffer(capacity: ShardMark.encodedBytes)
        buffer.appendInteger(fence)
        buffer.appendInteger(written)
        buffer.appendInteger(UInt16(shard))
        return buffer.bytes.copied()
    }

    /// The mark and its shard; the bytes were checked when the record was read.
    static func decoded(_ key: Bytes, floor: Version) -> (ShardMark, shard: Int) {
        var reader = ByteReader(key)
        do {
            let mark = ShardMark(
                fence: try reader.integer(), floor: floor, written: try reader.integer())
            return (mark, Int(try reader.integer(UInt16.self)))
        } catch {
            preconditionFailure("a mark's length was checked: \(error)")
        }
    }
}

/// The marks of all shards of all keyspaces; most clusters have few.
struct ShardMarks {
    /// By number of the keyspace, then by shard; empty where nothing was marked.
    private var marks: [[ShardMark]] = []

    var isEmpty: Bool { marks.isEmpty }
    /// Numbers of keyspaces are below this.
    var keyspaceCount: Int { marks.count }

    /// By shard; fewer than there are where the last have no mark.
    func marks(of keyspace: Int) -> [ShardMark] { marks[keyspace] }

    @inline(__always)
    func mark(_ keyspace: KeyspaceID, _ shard: Int) -> ShardMark {
        let index = Int(keyspace.raw)
        guard index < marks.count, shard < marks[index].count else { return ShardMark() }
        return marks[index][shard]
    }

    /// True if anything rose.
    mutating func raise(_ mark: ShardMark, _ keyspace: KeyspaceID, _ shard: Int) -> Bool {
        let before = self.mark(keyspace, shard)
        let after = before.joined(mark)
        guard after != before else { return false }
        let index = Int(keyspace.raw)
        while marks.count <= index { marks.append([]) }
        while marks[index].count <= shard { marks[index].append(ShardMark()) }
        marks[index][shard] = after
        return true
    }
}

extension LogStore {
    /// What is known of a shard of a keyspace besides its records.
    @inline(__always)
    public func mark(of keyspace: KeyspaceID, shard: Int) -> ShardMark {
        marks.mark(keyspace, shard)
    }

    /// Whether any shard of any keyspace was ever marked.
    @inline(__always)
    public var hasMarks: Bool { !marks.isEmpty }

    /// Raises a mark where it is lower. Returns the log position up to which the log must be synced
    /// before that may be relied on.
    public mutating func raise(
        _ mark: ShardMark, of keyspace: KeyspaceID, shard: Int
    ) throws(DiskError) -> LogPosition {
        guard marks.raise(mark, keyspace, shard), log != nil else { return appended }
        let whole = marks.mark(keyspace, shard)
        return try append(whole, keyspace, shard)
    }

    private mutating func append(
        _ mark: ShardMark, _ keyspace: KeyspaceID, _ shard: Int
    ) throws(DiskError) -> LogPosition {
        let bytes = mark.encoded(shard: shard)
        return try Bytes.lending(bytes) { key throws(DiskError) in
            try log?.append(
                .mark, HashedKey(key, hash: 0, in: keyspace), .tombstone, mark.floor) ?? .zero
        }
    }
}
