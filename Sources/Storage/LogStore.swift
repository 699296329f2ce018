import Basics
import Causality

/// The store of one node: every record in memory, and a log behind them if they must last.
///
/// Reads never touch the disk. A put stores unconditionally; whoever puts compares versions
/// first. With a log, puts of a turn gather in one frame, which `seal` hands to the disk; a record
/// carries the log position that must be synced before it may be acknowledged or revealed.
public struct LogStore: ~Copyable {
    var table: RecordTable
    /// Summaries of what the table holds.
    private(set) var trees: HashTrees
    var log: Log?
    var hints = HintTable()
    var marks = ShardMarks()
    /// Stamps that this life and those before may have given.
    public internal(set) var reserved = StampReserve()
    /// The keys of these keyspaces are kept in order.
    var ordered: [OrderedKeyspace] = []
    var index = KeyIndex()
    /// A checkpoint that is being written.
    var checkpoint: Checkpoint?
    var rule = CheckpointRule(minimumBytes: LogStore.checkpointBytes)
    /// Files and background work.
    public internal(set) var housekeeping = Housekeeping()
    /// End of the log at the last `seal`.
    private var sealed = LogPosition.zero

    /// What was found at the start; nil without a log.
    public let recovery: RecoveryReport?

    /// The largest stamp among all records ever stored here.
    public internal(set) var largestStamp: UInt64 = 0
    /// Whether stamps are given only as far as they are reserved.
    public let reservesStamps: Bool
    /// Stamps of this life must be above it.
    public private(set) var clockFloor: UInt64 = 0
    /// Sum of what `touchSlot` and `touchRecord` loaded; of no meaning, but it keeps the loads.
    public private(set) var touched: UInt64 = 0

    /// An empty store in memory only, without a log. The arguments are those of recovery.
    public init(hashSeed: UInt64 = 0, shardBits: Int = 8) {
        recovery = nil
        reservesStamps = false
        table = RecordTable(fingerprintSeed: hashSeed)
        trees = HashTrees(shardBits: shardBits, seed: hashSeed)
    }

    /// A segment that has reached this many bytes gets no further frame.
    public static let segmentBytes = 64 << 20

    /// The log may always grow to this before a checkpoint takes the place of its older part.
    public static let checkpointBytes = 256 << 20

    /// The store whose log lies on `disk`, as it was when last synced or later. Everything it
    /// holds then is durable. `hashSeed` is the seed of the keys' hashes, and `shardBits` says how
    /// many of their high bits name a shard. Reads all of the last checkpoint, and of the log
    /// since.
    public init(
        recovering disk: any Disk, identity: StoreIdentity, hashSeed: UInt64, shardBits: Int = 8,
        segmentBytes: Int = LogStore.segmentBytes, checkpointBytes: Int = LogStore.checkpointBytes
    ) throws(StorageError) {
        precondition(segmentBytes > 0, "a segment holds at least one frame")
        var recovery = try Recovery(disk: disk, store: identity.store)
        var contents = RecoveredContents(hashSeed: hashSeed, shardBits: shardBits)
        let tail = try recovery.run { record, position in contents.take(record, position) }
        rule = CheckpointRule(minimumBytes: checkpointBytes)
        if let head = recovery.head {
            rule.finish(head)
            contents.largestStamp = max(contents.largestStamp, head.stamp)
        }
        largestStamp = contents.largestStamp
        self.recovery = recovery.report
        log = Log(disk: disk, store: identity.store, segmentBytes: segmentBytes, tail: tail)
        table = contents.table
        trees = contents.trees
        hints = contents.hints
        marks = contents.marks
        reservesStamps = identity.openedAt != nil
        let earlier = contents.reserved.joined(identity.reservedBefore)
        clockFloor =
            identity.openedAt.map { earlier.floor(largest: largestStamp, at: $0) }
            ?? largestStamp
        reserved = earlier.joined(identity.reserved)
        sealed = appended
    }

    /// What is stored under a key.
    public struct Found {
        /// Of the newest write.
        public let version: Version
        /// What it stored. Valid until the turn ends or the key is put.
        public let content: Content
        /// Must be synced before this may be revealed; zero without a log.
        public let position: LogPosition

        public init(version: Version, content: Content, position: LogPosition) {
            self.version = version
            self.content = content
            self.position = position
        }
    }

    /// The record of a key, deletions included; nil if it was never written. O(1) expected.
    public func find(_ key: HashedKey) -> Found? {
        guard let record = table.find(key) else { return nil }
        return Found(
            version: record.version, content: record.content, position: record.position)
    }

    /// Stores content, a deletion included, and returns the log position of its end (zero
    /// without a log). Key and content are copied; they must keep to `Limits`. O(1) expected.
    public mutating func put(
        _ key: HashedKey, _ content: Content, _ version: Version
    ) throws(DiskError) -> LogPosition {
        precondition(key.bytes.count <= Limits.keyBytes, "a key above Limits.keyBytes")
        precondition(content.bytes.count <= Limits.valueBytes, "a value above Limits.valueBytes")
        note(version)
        // The log first: what it refuses must not be readable.
        let position = try log?.append(.record, key, content, version) ?? .zero
        let change = table.put(key, content, version, position)
        trees.note(key, change, over: table)
        if !ordered.isEmpty, change.former != change.record { keepOrder(key, change) }
        return position
    }

    /// Takes a key out as if it had never been put, unless it has a later version than `version`;
    /// false, and nothing changed, if so or if there is none. It is for what no replica may need
    /// any more: a tombstone that is fenced, a shard that is another node's now. Slices of the
    /// record are good until the turn ends. After a crash before the next sync the record may be
    /// back. O(1) expected.
    public mutating func purge(
        _ key: HashedKey, upTo version: Version
    ) throws(DiskError) -> Bool {
        guard let held = table.find(key), held.version <= version else { return false }
        _ = try log?.append(.purged, key, .tombstone, held.version)
        if isInOrder(key) { index.remove(held) }
        trees.noteRemoval(key, held)
        table.remove(key)
        return true
    }

    @inline(__always)
    mutating func note(_ version: Version) {
        if version.stamp > largestStamp { largestStamp = version.stamp }
    }

    /// Ends a turn: hands what was put to the disk and returns the position to be synced; nil when
    /// nothing was put or there is no log. Frees replaced records, so that slices of them end here:
    /// to be called every turn, with or without a log.
    public mutating func seal() throws(DiskError) -> LogPosition? {
        table.reclaim()
        hints.reclaim()
        if log == nil { return nil }
        let end = appended
        keepHouse(appended: Int(end.offset - sealed.offset))
        sealed = end
        let position = try log?.seal() ?? nil
        finishCheckpoint()
        if rule.isDue { beginCheckpoint() }
        return position
    }

    /// Takes note that the log has been synced up to `position`, which `seal` returned. Later
    /// frames say so, which lets recovery tell damage from a torn end.
    public mutating func synced(_ position: LogPosition) { log?.synced(position) }

    /// Whether records outlive the process.
    public var isLogged: Bool { recovery != nil }
    /// End of what was put; zero without a log.
    public var appended: LogPosition {
        switch log {
        case .some(let log): log.appended
        case .none: .zero
        }
    }
    /// What is synced, as far as was reported; zero without a log.
    public var durable: LogPosition {
        switch log {
        case .some(let log): log.durable
        case .none: .zero
        }
    }

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
