import Basics
import Storage

/// How replicas compare what they hold, and mend it, without being asked.
public struct AntiEntropyLimits: Sendable, Hashable {
    /// How long two replicas that were equal are left alone, give or take an eighth; nil: they are
    /// compared only when one of them has returned, or when somebody asks. Shorter finds damage
    /// sooner; a comparison of equals costs 22 bytes a shard.
    public var interval: Instant.Duration?
    /// Keys, values and versions that one node sends to mend others, in bytes a second. More mends
    /// sooner and slows clients more.
    public var bytesPerSecond: Int

    public init(interval: Instant.Duration? = .seconds(600), bytesPerSecond: Int = 4 << 20) {
        self.interval = interval
        self.bytesPerSecond = bytesPerSecond
    }
}

/// What is known about another replica from comparisons with it.
public struct PeerComparison: Sendable, Hashable {
    /// When the last comparison that was not given up ended; nil before the first.
    public internal(set) var compared: Instant?
    /// Whether all shards of both were equal then.
    public internal(set) var isEqual = false
    /// Keys that differed then, and were not left for being young.
    public internal(set) var differing = 0
    /// Bytes (key, value, version) that mending them takes or took, both ways.
    public internal(set) var bytes: UInt64 = 0
    /// Keys that were left alone because they had just been written.
    public internal(set) var young = 0
    /// Whether the last one only looked.
    public internal(set) var wasPreview = false
    /// Whether one is going on or due.
    public internal(set) var isPending = false

    public init() {}
}

/// The state of a node's comparisons. A node takes part in one at a time.
struct AntiEntropy: ~Copyable {
    /// By node index.
    var peers: [Peer]
    var exchange: Exchange?
    /// The last partner, whose records may still arrive until then.
    var recent: (partner: NodeID, until: Instant)?
    /// When others may be put down for comparison again because of news.
    var passOnAgain = Instant.origin
    /// Rises with every change of what is known of a peer.
    var revision: UInt64 = 0
    /// When to look after all this again.
    var due = Instant.distantFuture
    /// The message of an event; it lives until the effects are carried out.
    var scratch = ByteBuffer(capacity: 0)
    var rounds: UInt32
    var draws: UInt64

    struct Peer {
        /// When a comparison with it is to begin.
        var due = Instant.distantFuture
        /// Since when one has been due that hints on their way have put off.
        var waitingSince: Instant?
        var isPreview = false
        /// Comparisons in a row that did not end in equality.
        var attempts = 0
        var known = PeerComparison()
    }

    /// A comparison in progress.
    struct Exchange {
        let partner: NodeID
        let round: UInt32
        let isInitiator: Bool
        let isPreview: Bool
        var keyspace = KeyspaceID.default
        var step: UInt32 = 0
        /// When to give up.
        var deadline = Instant.distantFuture
        /// When the next records may be sent.
        var nextSending = Instant.distantFuture

        // The initiator's plan.
        var keyspacesLeft: [KeyspaceID] = []
        var depth = 1
        var shards: [UInt16] = []
        /// Nodes of the first level that have been compared, in the order of shards.
        var position = 0
        /// Nodes of the first level whose children are to be compared.
        var branches: [TreeNode] = []
        var isEqual = true
        var differing = 0
        var young = 0
        var bytes: UInt64 = 0

        // What is to be sent to the other side, by hash, and how far that is.
        var outbox: [UInt64] = []
        var sent = 0
        /// The partner's: what it wants, to be said when the outbox is empty.
        var wanted: [UInt64] = []
        var owesAnswer = false
        var owedKeys: UInt32 = 0
        var owedBytes: UInt64 = 0
        var skipped: UInt32 = 0

        var hasSentAll: Bool { sent == outbox.count }
        /// The first level that is compared below the roots.
        var firstLevel: Int { min(2, depth) }
    }

    /// A returned peer is left alone for this long: its other links may come up, too.
    static let settling = Instant.Duration.milliseconds(200)
    /// Records are sent in steps of this length.
    static let sendingStep = Instant.Duration.milliseconds(10)
    /// Hints on their way put a comparison off no longer than this.
    static let patienceWithHints = Instant.Duration.seconds(60)
    /// Nodes of trees in one message.
    static let nodesAtOnce = 1_024

    init(nodes: Int, seed: UInt64) {
        peers = [Peer](repeating: Peer(), count: nodes)
        draws = seed
        rounds = UInt32(truncatingIfNeeded: RandomSource.splitMix(&draws))
    }

    /// Three quarters to five quarters of a duration, so that nodes do not march in step.
    mutating func about(_ duration: Instant.Duration) -> Instant.Duration {
        let share = Int64(RandomSource.splitMix(&draws) >> 56)
        return duration * 3 / 4 + duration / 512 * share
    }
}
