import Basics
import Causality

/// What a client asks of the node it is connected to. Bytes live for the turn.
public enum Request: Sendable {
    case get(HashedKey, RequestOptions)
    case put(HashedKey, Bytes, RequestOptions)
    case delete(HashedKey, RequestOptions)
    /// Only where keys are consensus registers.
    case change(HashedKey, Change, RequestOptions)
    /// When does the key end?
    case life(HashedKey, RequestOptions)
    /// Write or delete under a context; where concurrent writes stay as siblings.
    case sibling(SiblingWrite)
    /// Which keys are there?
    case scan(Scan)
    /// Change the cluster's definition: a `DefinitionChange`, encoded.
    case define(Bytes)
}

/// What a request may override; zero means the default of the keyspace.
public struct RequestOptions: Sendable, Hashable {
    /// Replicas that must answer a read.
    public var r: UInt8
    /// Replicas that must have stored a write.
    public var w: UInt8
    /// How long the coordinator tries, in milliseconds.
    public var timeoutMilliseconds: UInt32
    /// What a read does about replicas that are behind; nil means the default.
    public var repair: ReadRepair?
    /// Who may be asked; nil means the default.
    public var kind: QuorumKind?
    /// The largest version that the session has seen, none if it does not care: a read returns
    /// nothing older, and a write is stamped above it.
    public var token: Version
    /// Makes a retry safe where keys are consensus registers; none elsewhere.
    public var operation = OperationID.none
    /// When what is written ends.
    public var expiry = Expiry.usual

    public init(
        r: UInt8 = 0, w: UInt8 = 0, timeoutMilliseconds: UInt32 = 0, repair: ReadRepair? = nil,
        kind: QuorumKind? = nil, token: Version = .none
    ) {
        self.r = r
        self.w = w
        self.timeoutMilliseconds = timeoutMilliseconds
        self.repair = repair
        self.kind = kind
        self.token = token
    }
}

/// The answer to a request: given exactly once. Bytes live until the effects are carried out.
public enum Response: Sendable {
    /// What R replicas agreed is newest; nil when absent (never written, or deleted).
    case value(Bytes?, Version, Answered)
    /// When what R replicas agreed is newest ends.
    case life(Life)
    /// What R replicas know of a key's siblings together, as a `SiblingSet`; the token for
    /// writing with their context; the time for which it holds, in milliseconds since 1970.
    case siblings(Bytes, context: Bytes, now: UInt64, Answered)
    /// W replicas have stored it durably.
    case stored(Version, Answered)
    /// W replicas have stored the tombstone; whether there was a value is what a read before it
    /// saw, and is racy.
    case deleted(existed: Bool, Version, Answered)
    /// What a change of a register came to, the version that the register has after it, and who
    /// answered.
    case changed(ChangeResult, Version, Answered)
    /// Keys, and values if they were asked for.
    case scanned(ScanPage)
    /// A majority of the members has accepted the definition with this version.
    case defined(version: UInt64)
    /// Certainly without effect: no replica was sent anything but reads.
    case failed(Refusal)
    /// Sent, and not enough replicas answered in time: a write may have taken effect, may still
    /// take effect later, or may never. `have` of `need` replicas answered.
    case unknown(have: UInt8, need: UInt8)
}

/// Why a coordinator refused: certainly without effect.
public enum Refusal: Sendable, Hashable {
    /// Fewer replicas are reachable than the quorum needs.
    case unavailable(reachable: UInt8, needed: UInt8)
    /// `Limits.requestsInFlight` requests are being coordinated already.
    case busy
    /// R or W is larger than N.
    case quorumTooLarge(asked: UInt8, n: UInt8)
    /// Quorums of an atomic register must be as large as its configuration says, or they might
    /// not meet those of other requests.
    case quorumTooSmall(asked: UInt8, least: UInt8)
    /// The session token is further ahead of this node's clock than clocks may differ.
    case clockSkew
    /// The disk is full: writes are refused until there is room.
    case readOnly
    /// A read found nothing as new as the session token until its deadline.
    case stale
    /// The keyspace of the key was never created, or was dropped.
    case unknownKeyspace
    /// The keyspace's mode does not allow this.
    case unservedMode
    /// The value is longer than its keyspace allows.
    case valueTooLarge(limit: UInt32)
    /// The cluster's secret has not been decided yet.
    case notReady
    /// The context was not given for this key by this cluster, or knows more than there is.
    case badContext
    /// The key has as many siblings, or as many bytes of them, as it may.
    case siblingLimit
    /// Session tokens are for versions; siblings have contexts.
    case tokenOfSiblings
    /// What reads before it writes needs consensus registers.
    case changeElsewhere
    /// What promises to be linearizable does not end: clocks would decide what is read.
    case expiryOfRegister
    /// Values of linearizable modes cannot be read by scans.
    case valuesOfRegisters
    /// A replica is still putting its keys in order, which the first scan by key asked for.
    case ordering
    /// There are more keys than one answer may name.
    case tooManyKeys
    /// This node has left the cluster for good.
    case hasLeft
    /// The definition was not changed.
    case definition(DefinitionRefusal)
}

/// Who answered: bit i stands for position i of the shard's preference list, replicas below N and
/// stand-ins from N on.
public struct Answered: Sendable, Hashable {
    public var shard: UInt16
    /// Replicas of the key: the positions from here on stand in.
    public var n: UInt8
    public var mask: UInt32

    @inlinable
    public init(shard: UInt16, n: UInt8, mask: UInt32) {
        self.shard = shard
        self.n = n
        self.mask = mask
    }
}
