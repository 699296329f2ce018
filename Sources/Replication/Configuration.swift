import Basics
import Storage

/// How a node replicates. Every field has a unit, a default, and what it trades.
public struct Configuration: Sendable, Hashable {
    /// Replicas of every key, 1…15. Fixed for the life of the cluster.
    public var n: UInt8
    /// Replicas that must answer a read when the request does not say; 1…n. More is fresher and
    /// slower.
    public var r: UInt8
    /// Replicas that must have stored a write when the request does not say; 1…n. More is safer
    /// and slower.
    public var w: UInt8
    /// How long a coordinator tries when the request does not say. Longer means fewer unknown
    /// outcomes and slower bad news.
    public var timeout: Instant.Duration
    /// Whether acknowledgements and reads wait until the log is synced.
    public var durability: Durability
    /// What a read does about replicas that are behind, when the request does not say. More is
    /// fresher and slower.
    public var readRepair: ReadRepair
    /// Who may be asked in place of replicas that cannot be reached, when the request does not say.
    public var quorumKind: QuorumKind
    /// Reads whose coordinator is no replica ask one replica for the value and the others for its
    /// version only, while the values that it was sent lately are longer than this on average;
    /// nil: never. Lower saves bytes, and costs a second question where replicas differ.
    public var digestBytes: Int?
    /// Reads ask no more replicas than they need, and one more whenever one of them takes longer
    /// than this share of its answers did, in thousandths; nil: they ask all at once. Lower is
    /// faster in the tail and asks more. Who is not asked is not repaired.
    public var hedge: UInt16?
    /// What this node holds for others.
    public var hints: HintLimits
    /// How replicas find out what they lack; nil: they do not compare.
    public var antiEntropy: AntiEntropyLimits?
    /// How deletions are forgotten; nil: only when somebody asks.
    public var collection: CollectionLimits?
    /// What concurrent writes of one key come to.
    public var mode: ConflictMode
    /// Bytes a second that this node asks others for when it comes to hold shards. More is sooner
    /// and slows clients more.
    public var streamBytesPerSecond = 32 << 20
    /// How long records stay here that are other nodes' since the members have changed.
    public var retention = Instant.Duration.seconds(86_400)
    #if MUTANTS
        /// A bug that is planted in this node; in debug builds only.
        public var mutation: Mutation?
    #endif

    public init(
        n: UInt8 = 3, r: UInt8 = 2, w: UInt8 = 2, timeout: Instant.Duration = .seconds(1),
        durability: Durability = .appended, readRepair: ReadRepair = .asynchronous,
        quorumKind: QuorumKind = .strict, hints: HintLimits = HintLimits(),
        antiEntropy: AntiEntropyLimits? = nil, collection: CollectionLimits? = nil,
        mode: ConflictMode = .lww, digestBytes: Int? = 4 << 10, hedge: UInt16? = nil
    ) {
        self.digestBytes = digestBytes
        self.hedge = hedge
        self.n = n
        self.r = r
        self.w = w
        self.timeout = timeout
        self.durability = durability
        self.readRepair = readRepair
        self.quorumKind = quorumKind
        self.hints = hints
        self.antiEntropy = antiEntropy
        self.collection = collection
        self.mode = mode
    }

    /// When a record counts as durable: acknowledged, and revealed to readers.
    public enum Durability: Sendable, Hashable {
        /// Once the log is synced up to it (`fsync=always`).
        case synced
        /// Once it is appended (memory only, `everysec`, `never`): a crash may lose it.
        case appended
    }
}

/// What a read does about replicas that are behind what it found. Whatever is sent to them has
/// the version that it was written with.
public enum ReadRepair: String, Sendable, Hashable, CaseIterable {
    /// Nothing.
    case none
    /// They are sent the newest version after the client has its answer.
    case asynchronous = "async"
    /// The client is answered when W replicas hold what it is shown: no later read of a quorum
    /// is older (the second phase of Attiya, Bar-Noy and Dolev 1995).
    case blocking
}

/// Who makes a quorum.
public enum QuorumKind: String, Sendable, Hashable, CaseIterable {
    /// The N replicas of the key.
    case strict
    /// The first N reachable candidates of its preference list: others stand in for replicas, and
    /// hand over what they hold when those are back. Available when replicas are not; two quorums
    /// need not share a node (DeCandia et al. 2007, §4.6).
    case sloppy
}

/// What concurrent writes of one key come to. Fixed for the life of a keyspace: modes never meet on
/// one key.
public enum ConflictMode: String, Sendable, Hashable, CaseIterable {
    /// The write with the largest version stays; the others are gone.
    case lww
    /// All stay, until a write that has seen them replaces them (dotted version vectors).
    case siblings
    /// Versions are chosen by asking a quorum first, and reads write back: an atomic register
    /// without compare-and-set (Attiya, Bar-Noy and Dolev 1995; Lynch and Shvartsman 1997).
    case abd
    /// Each key is a consensus register with compare-and-set (CASPaxos, Rystsov 2018).
    case cp
}
