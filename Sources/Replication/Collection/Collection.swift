import Basics
import Causality
import Storage

/// How deletions are forgotten.
public struct CollectionLimits: Sendable, Hashable {
    /// How long a node waits between two rounds, give or take a quarter; nil: it begins one only
    /// when somebody asks. Shorter frees memory sooner; a round with nothing to forget looks at
    /// every record of the shards that the node collects.
    public var interval: Instant.Duration?
    /// Deletions younger than this are left alone; nil: twice the timeout of requests. Shorter
    /// refuses more writes that were delayed.
    public var margin: Instant.Duration?

    public init(
        interval: Instant.Duration? = .seconds(600), margin: Instant.Duration? = nil
    ) {
        self.interval = interval
        self.margin = margin
    }
}

/// What came of asking all nodes to forget what may be forgotten.
public struct CollectionResult: Sendable, Hashable {
    /// Nodes that were asked and have not ended.
    public internal(set) var waiting = 0
    /// Shards of keyspaces in which something was forgotten, and in which it could not be since
    /// somebody was away, behind, or silent.
    public internal(set) var purged = 0
    public internal(set) var left = 0

    public init() {}
}

/// The state of forgetting deletions at a node, as a collector and as a participant.
struct Collection: ~Copyable {
    /// What this node collects now.
    var round: Round?
    /// Keyspaces that this run has yet to look at.
    var keyspacesLeft: [KeyspaceID] = []
    /// Whether a run is going on; when the next begins.
    var isRunning = false
    var nextRun = Instant.distantFuture
    /// Another run is wanted as soon as this one ends.
    var isWantedAgain = false
    /// Shards of this run that were purged, and that could not be.
    var purged = 0
    var left = 0
    /// Since when something could not be forgotten; nil: nothing is.
    var blockedSince: Instant?
    /// Who wants to hear of the end of the run.
    var askers: [NodeID] = []
    /// By node index: who has yet to tell of the end of what this node was asked for.
    var isAwaited: [Bool]
    var result = CollectionResult()
    /// Until when answers are waited for.
    var resultDue = Instant.distantFuture
    /// When to look after all this again.
    var due = Instant.distantFuture
    /// What is to be forgotten here, oldest first.
    var purges: [Purge] = []
    /// Registers that a round is to bring to all replicas: by hash, in their keyspace.
    var unsettled: [Unsettled] = []
    var unsettledDue = Instant.distantFuture
    /// Keyspaces whose records are to go, since they were dropped; where the next step begins.
    var dropped: (keyspace: KeyspaceID, from: UInt64)?
    var droppedDue = Instant.distantFuture
    /// Fences that others have told of, for writes that this node coordinates.
    var heardFences: [UInt32: UInt64] = [:]
    /// The message of an event; it lives until the effects are carried out.
    var scratch = ByteBuffer(capacity: 0)
    /// Answers that wait for the log.
    var answers: Slots<Answer>
    var spentAnswers: [Int] = []
    var rounds: UInt32
    var draws: UInt64

    /// Shards of a keyspace on their way from the fence to the purge.
    struct Round {
        enum Step {
            /// Looking for what may be forgotten, from this place in `shards` on.
            case scan(Int)
            case fence, drain, digest
            /// Waiting for comparisons to make replicas equal.
            case exchange
            case floor
            /// Waiting for reads that began before the floors.
            case quiet
            case confirm
            /// Telling everyone to forget.
            case purge
        }

        let keyspace: KeyspaceID
        let layout: Int
        let mode: ConflictMode
        let number: UInt32
        var stamp: UInt64 = 0
        var step = Step.scan(0)
        var shards: [UInt16]
        /// By place in `shards`: what this node has, and whether all others have the same.
        var own: [Summary] = []
        var isEqual: [Bool] = []
        /// By node index: who has not answered the present step.
        var isWaiting: [Bool]
        /// Where asking goes on, by node index.
        var cursor = 0
        var again = Instant.distantFuture
        var deadline = Instant.distantFuture
        /// Digests that differed.
        var attempts = 0
        /// Of registers: what may be forgotten, and how many replicas have confirmed it.
        var deletions: [HashVersion] = []
        var confirmations: [UInt8] = []
        /// Those that all have confirmed.
        var agreed: [HashVersion] = []
    }

    /// A shard of which older deletions are to be forgotten.
    struct Purge {
        var keyspace: KeyspaceID
        var shard: UInt16
        var stamp: UInt64
    }

    struct Unsettled: Hashable {
        var keyspace: KeyspaceID
        var hash: UInt64
    }

    /// An answer that waits for the log.
    struct Answer: ~Copyable, Reusable {
        var kind = CollectionPart.Kind.fenced
        var keyspace = KeyspaceID.default
        var round: UInt32 = 0
        var stamp: UInt64 = 0
        var body = ByteBuffer(capacity: 0)
        init() {}
    }

    /// Shards that are looked at, or purged, in one event.
    static let shardsAtOnce = 8
    /// Deletions of registers in one message.
    static let registersAtOnce = 4_096
    /// Registers that are brought to all replicas in one step, and how often.
    static let settledAtOnce = 16
    static let settlingStep = Instant.Duration.milliseconds(25)
    /// Digests that may differ in one round.
    static let attempts = 5
    /// Answers whose bytes may still be on their way out.
    static let answersKept = 128
    /// Nodes that are asked in one event.
    static let nodesAtOnce = 32
    /// How long hints, or comparisons, may take.
    static let patience = Instant.Duration.seconds(60)

    init(nodes: Int, seed: UInt64) {
        draws = ~seed
        rounds = UInt32(truncatingIfNeeded: RandomSource.splitMix(&draws))
        isAwaited = [Bool](repeating: false, count: nodes)
        answers = Slots(limit: 1 << 16, firstGeneration: rounds)
    }

    /// Three quarters to five quarters of a duration, so that nodes do not march in step.
    mutating func about(_ duration: Instant.Duration) -> Instant.Duration {
        let share = Int64(RandomSource.splitMix(&draws) >> 56)
        return duration * 3 / 4 + duration / 512 * share
    }
}
