import Basics
import Causality

/// What a client asks of the node it is connected to. Bytes live for the turn.
public enum Request: Sendable {
    case get(HashedKey, RequestOptions)
    case put(HashedKey, Bytes, RequestOptions)
    case delete(HashedKey, RequestOptions)
}

/// What a request may override; zero means the default of the keyspace.
public struct RequestOptions: Sendable, Hashable {
    /// Replicas that must answer a read.
    public var r: UInt8
    /// Replicas that must have stored a write.
    public var w: UInt8
    /// How long the coordinator tries, in milliseconds.
    public var timeoutMilliseconds: UInt32

    public init(r: UInt8 = 0, w: UInt8 = 0, timeoutMilliseconds: UInt32 = 0) {
        self.r = r
        self.w = w
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}

/// The answer to a request: given exactly once. Bytes live until the effects are carried out.
public enum Response: Sendable {
    /// What R replicas agreed is newest; nil when absent (never written, or deleted).
    case value(Bytes?, Version, Answered)
    /// W replicas have stored it durably.
    case stored(Version, Answered)
    /// W replicas have stored the tombstone; whether there was a value is what a read before it
    /// saw, and is racy.
    case deleted(existed: Bool, Version, Answered)
    /// Nothing was sent to any replica: certainly without effect.
    case failed(Refusal)
    /// Sent, and not enough replicas answered in time: a write may have taken effect, may still
    /// take effect later, or may never. `have` of `need` replicas answered.
    case unknown(have: UInt8, need: UInt8)
}

/// Why a coordinator refused before it sent anything.
public enum Refusal: Sendable, Hashable {
    /// Fewer replicas are reachable than the quorum needs.
    case unavailable(reachable: UInt8, needed: UInt8)
    /// `Limits.requestsInFlight` requests are being coordinated already.
    case busy
    /// R or W is larger than N.
    case quorumTooLarge(asked: UInt8, n: UInt8)
}

/// Which replicas answered: bit i stands for position i of the shard's preference list.
public struct Answered: Sendable, Hashable {
    public var shard: UInt16
    public var mask: UInt16

    @inlinable
    public init(shard: UInt16, mask: UInt16) {
        self.shard = shard
        self.mask = mask
    }
}
