import Basics
import Causality

/// One client's change on its way: at the node that the client asked, and at the proposer.
struct Proposal: ~Copyable, Reusable {
    /// Who is to be told.
    enum Origin {
        case client(ClientID)
        /// The node that passed it on, and its ticket there.
        case node(NodeID, Ticket)
    }
    /// Where it stands.
    enum State {
        /// Nothing that could take effect has been sent.
        case waiting
        /// Part of a round whose accept may have been sent.
        case proposed
        /// That node is to propose it.
        case passedOn(NodeID)
        /// Answered; the slot is free when the effects have been carried out.
        case spent
    }
    /// What to answer when the round is decided.
    enum Outcome { case none, done, refuted, integer, value, absent, failed(ChangeFailure) }

    private(set) var origin = Origin.client(ClientID(connection: 0, generation: 0, sequence: 0))
    var state = State.waiting
    /// The round that it belongs to; −1 for none.
    var round: Int32 = -1
    /// Next of its list in the round; −1 at the end.
    var next: Int32 = -1
    /// Where the key is held; nobody has answered.
    private(set) var layout: UInt8 = 0
    private(set) var place = Answered(shard: 0, n: 0, mask: 0)
    /// How it is said to the client, who may have used a plain command.
    private(set) var asked = Asked.get
    private(set) var timeout = Instant.Duration.zero

    private var hash: UInt64 = 0
    private var keyspace = KeyspaceID.default
    private var keyCount = 0
    private var bytes = ByteBuffer()
    private var outcome = Outcome.none
    private var integer: Int64 = 0
    /// Of what the register held afterwards.
    private(set) var version = Version.none
    private var old = ByteBuffer()

    init() {}

    /// Takes the slot; copies key and change once.
    mutating func begin(
        _ key: HashedKey, _ change: Change, _ asked: Asked, from origin: Origin, layout: Int,
        _ place: Answered, timeout: Instant.Duration
    ) {
        self.origin = origin
        self.layout = UInt8(layout)
        self.place = place
        self.timeout = timeout
        self.asked = asked
        state = .waiting
        round = -1
        next = -1
        hash = key.hash
        keyspace = key.keyspace
        keyCount = key.bytes.count
        bytes.removeAll()
        bytes.append(key.bytes)
        change.encode(into: &bytes)
        outcome = .none
    }

    var heldBytes: Int { bytes.count }
    var key: HashedKey { HashedKey(bytes.bytes.slice(0, keyCount), hash: hash, in: keyspace) }
    var change: Change {
        do { return try Change(decoding: bytes.bytes.slice(keyCount, bytes.count)) } catch {
            preconditionFailure("a slot holds what was encoded: \(error)")
        }
    }

    /// Remembers what applying came to; the bytes of a value are copied.
    mutating func decide(_ result: ChangeResult, _ version: Version) {
        self.version = version
        switch result {
        case .done: outcome = .done
        case .refuted: outcome = .refuted
        case .integer(let integer):
            outcome = .integer
            self.integer = integer
        case .value(let value):
            outcome = value == nil ? .absent : .value
            old.removeAll()
            if let value { old.append(value) }
        case .failed(let failure): outcome = .failed(failure)
        }
    }

    /// What applying came to.
    var result: ChangeResult {
        switch outcome {
        case .none, .done: .done
        case .refuted: .refuted
        case .integer: .integer(integer)
        case .value: .value(old.bytes)
        case .absent: .value(nil)
        case .failed(let failure): .failed(failure)
        }
    }

    var isLarge: Bool { bytes.capacity > slotBytesKept || old.capacity > slotBytesKept }

    /// Gives back what a large value took; only between turns, when no effect points here.
    mutating func shrink() {
        bytes.removeAll()
        bytes.shrink(to: slotBytesKept)
        old.removeAll()
        old.shrink(to: slotBytesKept)
    }
}

/// What the proposer tells the node that passed a change on. Bytes live for the turn.
public enum Decision: Sendable {
    case decided(ChangeResult, Version, mask: UInt32)
    /// Certainly without effect.
    case refused(Refusal)
    /// It may take effect, or not.
    case unknown(have: UInt8, need: UInt8)
}
