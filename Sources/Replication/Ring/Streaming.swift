import Basics
import Storage

/// How a node takes part in the change of the ring that is going on.
struct Streaming {
    /// The number of the change; 0: none was ever seen.
    var change: UInt32 = 0
    /// What this node is to be brought.
    var pieces: [Piece] = []
    /// Pieces below this are done.
    var first = 0
    /// When to go on.
    var due = Instant.distantFuture
    /// Bytes that may be asked for now; negative when more came than was allowed for.
    var allowance = 0
    var refilled = Instant.origin
    /// When what has arrived may be reported again.
    var nextReport = Instant.origin
    /// When the definition may be asked to change again.
    var retryDue = Instant.origin
    /// Up to where the log must be durable before what has arrived counts.
    var appended = LogPosition.zero
    /// The definition under which all shards were ready, as far as was noticed; nil: not yet.
    var readyVersion: UInt64?
    var bytes: UInt64 = 0
    var records: UInt64 = 0

    /// One shard of one N.
    struct Piece {
        var layout: Int
        var shard: Int
        var sources: [Source]
        /// Sources that must have given everything: a write quorum of the old replicas shares one
        /// with them.
        var needed: Int
        var begun: Instant?
        var isDone = false
        var isReported = false
    }

    /// An old replica.
    struct Source {
        var node: NodeID
        /// The hash from which the next page is asked.
        var next: UInt64
        var isDone = false
        /// When that page was asked for; nil: it is not.
        var asked: Instant?
    }

    /// Shards at once.
    static let window = 8
    /// Bytes and records of a page, about.
    static let pageBytes = 256 << 10
    static let pageRecords = 1_024
    static let tick = Instant.Duration.milliseconds(20)
    /// What has arrived is reported no more often than this, but for the last.
    static let reportInterval = Instant.Duration.milliseconds(500)
}

/// How far the change of the ring is that is going on.
public struct RingProgress: Sendable, Hashable {
    /// Shards of the default keyspace that move, and those that have arrived.
    public var moving = 0
    public var ready = 0
    /// What this node was brought in this change, and how many of its shards are whole.
    public var shards = 0
    public var shardsDone = 0
    public var records: UInt64 = 0
    public var bytes: UInt64 = 0

    public init() {}
}
