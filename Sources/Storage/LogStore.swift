import Basics
import Causality

/// The store of one node: every record in memory, and a log behind them if they must last.
///
/// Reads never touch the disk. A put stores unconditionally; whoever puts compares versions
/// first. With a log, puts of a turn gather in one frame, which `seal` hands to the disk; a record
/// carries the log position that must be synced before it may be acknowledged or revealed.
public struct LogStore: ~Copyable {
    private var table = RecordTable()

    /// The largest stamp among all records ever stored here; the clock's floor after a restart.
    public private(set) var largestStamp: UInt64 = 0
    /// Sum of what `touchSlot` and `touchRecord` loaded; of no meaning, but it keeps the loads.
    public private(set) var touched: UInt64 = 0

    /// An empty store in memory only, without a log.
    public init() {}

    /// What is stored under a key.
    public struct Found {
        /// Of the newest write.
        public let version: Version
        /// Its value, nil if it was a deletion. Valid until the turn ends or the key is put.
        public let value: Bytes?
        /// Must be synced before this may be revealed; zero without a log.
        public let position: LogPosition
    }

    /// The record of a key, deletions included; nil if it was never written. O(1) expected.
    public func find(_ key: HashedKey) -> Found? {
        guard let record = table.find(key) else { return nil }
        return Found(version: record.version, value: record.value, position: record.position)
    }

    /// Stores a value, or a deletion if it is nil, and returns the log position of its end (zero
    /// without a log). Key and value are copied; they must keep to `Limits`. O(1) expected.
    public mutating func put(
        _ key: HashedKey, _ value: Bytes?, _ version: Version
    ) throws(DiskError) -> LogPosition {
        precondition(key.bytes.count <= Limits.keyBytes, "a key above Limits.keyBytes")
        precondition((value?.count ?? 0) <= Limits.valueBytes, "a value above Limits.valueBytes")
        if version.stamp > largestStamp { largestStamp = version.stamp }
        table.put(key, value, version, .zero)
        return .zero
    }

    /// Ends a turn: hands what was put to the disk and returns the position to be synced; nil when
    /// nothing was put or there is no log. Frees replaced records, so that slices of them end here:
    /// to be called every turn, with or without a log.
    public mutating func seal() throws(DiskError) -> LogPosition? {
        table.reclaim()
        return nil
    }

    /// The log is durable up to `position`.
    public mutating func synced(_ position: LogPosition) {}

    /// Whether records outlive the process.
    public var isLogged: Bool { false }
    /// End of what was put.
    public var appended: LogPosition { .zero }

    /// Keys, deleted ones included.
    public var count: Int { table.count }
    /// Bytes of all keys.
    public var keyBytes: Int { table.keyBytes }
    /// Bytes of all values.
    public var valueBytes: Int { table.valueBytes }

    /// First half of a prefetch over a batch of keys: begins to load a key's slot. Touch the slots
    /// of all keys, then the records of all, then look them up: their cache misses overlap.
    public mutating func touchSlot(_ hash: UInt64) { touched &+= table.touchSlot(hash) }

    /// Second half: begins to load a key's record.
    public mutating func touchRecord(_ hash: UInt64) { touched &+= table.touchRecord(hash) }
}
