import Basics
import Causality

/// What one node says to another. Every message is safe to lose, repeat and reorder: stores merge
/// by version, registers by ballot, and answers carry a ticket that is good for one use.
public enum Message: Sendable {
    /// Keep this write unless something newer is there; answer `stored`.
    case store(HashedKey, Content, Version, Ticket)
    /// It, or something newer, is durable here.
    case stored(Ticket)
    /// What do you have under this key? The value is needed only if newer than `known`.
    case fetch(HashedKey, known: Version, Ticket)
    /// The newest version here, with the value if it is newer than what the coordinator knows.
    case fetched(Version, Fetched, Ticket)
    /// Hold this write for a replica that cannot be reached, and hand it over when it can; answer
    /// `stored` when it is durable here.
    case hint(HashedKey, Content, Version, for: NodeID, Ticket)
    /// Keep this older write unless something newer is there: it mends, and is taken below the
    /// fence. Answer `stored`, or `fenced` if it was deleted and that was forgotten.
    case restore(HashedKey, Content, Version, Ticket)
    /// A write with this version is not taken, nor any that is stamped below `below`.
    case fenced(Version, below: UInt64, Ticket)
    /// Keep this older write unless something newer is there; a read found that you lack it.
    /// Not answered: it is safe to lose.
    case repair(HashedKey, Content, Version)
    /// Coordinate this write for a client of mine, as a replica of its key: what `SiblingWrite`
    /// says besides the key. Taken once; answer `passed`.
    case pass(HashedKey, Bytes, Ticket)
    /// What a write that was passed on came to.
    case passed(Response, Ticket)

    // Consensus registers: a ballot takes the place of a version.

    /// Promise to accept nothing below this ballot; answer `promised`, or `rejected`. What was
    /// accepted is needed only if newer than `known`.
    case prepare(HashedKey, Ballot, known: Ballot, Ticket)
    /// It is promised, durably: what was accepted last, and the register if it is newer than what
    /// the proposer knows.
    case promised(Ballot, Ballot, Fetched, Ticket)
    /// Accept this state, and promise the successor of its ballot; answer `accepted`, or
    /// `rejected`.
    case accept(HashedKey, Bytes, Ballot, Ticket)
    /// It is accepted, durably.
    case accepted(Ballot, Ticket)
    /// A larger ballot was promised or accepted already.
    case rejected(Ballot, seen: Ballot, Ticket)
    /// Propose this change for a client of mine, who waits so many milliseconds; answer
    /// `proposed`. Taken once for each ticket of the actor.
    case propose(HashedKey, Change, timeout: UInt32, Actor, Ticket)
    /// What the change came to.
    case proposed(Ticket, Decision)

    /// A step of forgetting deletions.
    case collection(CollectionPart)
    /// Two replicas compare what they hold.
    case comparison(ComparisonPart)
    /// Send the next records of a scan: a `ScanQuestion`; answer `scanned`.
    case scan(Bytes, Ticket)
    /// They, as a `ScanAnswer`.
    case scanned(Bytes, Ticket)
    /// A step of deciding or spreading the cluster's definition: a `DefinitionMessage`.
    case definition(Bytes)
    /// A step of bringing a shard to its new replica: a `TransferMessage`.
    case transfer(Bytes)
}

/// What a replica had, as far as the coordinator needs it.
public enum Fetched: Sendable {
    /// Not newer than what the coordinator already knows.
    case notNewer
    case found(Content)
}

extension Message {
    /// The key of a write or a question; nil for what answers, or concerns no key.
    @inlinable public var key: HashedKey? {
        switch self {
        case .store(let key, _, _, _), .restore(let key, _, _, _), .fetch(let key, _, _),
            .hint(let key, _, _, _, _), .repair(let key, _, _), .pass(let key, _, _),
            .prepare(let key, _, _, _), .accept(let key, _, _, _), .propose(let key, _, _, _, _):
            key
        case .scan, .scanned, .stored, .fenced, .fetched, .definition, .transfer, .passed,
            .comparison, .collection,
            .promised, .accepted, .rejected, .proposed:
            nil
        }
    }

    /// The keyspace of a write or a question; nil for what answers, or concerns no key.
    @inlinable var keyspace: KeyspaceID? { key?.keyspace }

    /// Whether it is for a replica as such, and so must have been sent under the ring that the
    /// replica knows; what is passed on to be coordinated need not.
    @inlinable public var isForReplica: Bool {
        switch self {
        case .store, .restore, .fetch, .hint, .repair, .prepare, .accept: true
        default: false
        }
    }

    /// The same under an epoch; for messages to replicas.
    public func at(_ epoch: UInt32) -> Message {
        guard isForReplica, var key else { return self }
        key.epoch = epoch
        switch self {
        case .store(_, let content, let version, let ticket):
            return .store(key, content, version, ticket)
        case .restore(_, let content, let version, let ticket):
            return .restore(key, content, version, ticket)
        case .fetch(_, let known, let ticket): return .fetch(key, known: known, ticket)
        case .hint(_, let content, let version, let owner, let ticket):
            return .hint(key, content, version, for: owner, ticket)
        case .repair(_, let content, let version): return .repair(key, content, version)
        case .prepare(_, let ballot, let known, let ticket):
            return .prepare(key, ballot, known: known, ticket)
        case .accept(_, let state, let ballot, let ticket):
            return .accept(key, state, ballot, ticket)
        default: return self
        }
    }

    /// The hash of the key whose record will be looked at; nil for what answers or has no key.
    @inlinable public var hash: UInt64? { key?.hash }

    /// Whether it brings a version to be merged.
    @inlinable var isWrite: Bool {
        switch self {
        case .store, .restore, .hint, .repair: true
        default: false
        }
    }
}
