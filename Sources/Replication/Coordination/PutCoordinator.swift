import Basics
import Causality
import Partitioning

/// One write in flight: counts the replicas that have stored it, and keeps its bytes so that the
/// same message can be sent again to a silent replica.
///
/// Knows nothing of networks, timers, or the node it runs in.
struct PutCoordinator: ~Copyable, Reusable {
    /// What is done when the write quorum is met.
    enum Purpose {
        case put
        /// `existed`: whether the read before it saw a value.
        case delete(existed: Bool)
        /// The second phase of a read: that one is answered, whose slot the ticket names.
        case writeBack(Ticket)
        /// Hands over what is held for a member.
        case handoff(for: NodeID)
    }

    private(set) var client = ClientID(connection: 0, generation: 0, sequence: 0)
    private(set) var version = Version.none
    /// Which of the node's placements holds the key.
    private(set) var layout: UInt8 = 0
    /// Replicas of the key.
    private(set) var n: UInt8 = 0
    /// Positions below this are sent the write itself: the replicas, and, while the shard is
    /// moving, the one that comes or goes.
    private(set) var writers: UInt8 = 0
    /// The positions of the one that goes and the one that comes.
    private(set) var twins: UInt32 = 0
    /// Who may be asked, when whom to ask is settled anew.
    private(set) var kind = QuorumKind.strict
    private(set) var shard: UInt16 = 0
    /// Acknowledgements that make the write quorum.
    private(set) var required: UInt8 = 0
    /// Replicas that were asked, and those of them that have stored it; bit per position.
    private(set) var targets: UInt32 = 0
    private(set) var stored: UInt32 = 0
    /// Those that will not take it with this version.
    private(set) var refused: UInt32 = 0
    /// True once the client has its answer, or needs none.
    private(set) var isAnswered = false
    private(set) var purpose = Purpose.put
    /// True while it must not leave the node, because it is not durable here.
    var isHeld = false
    /// Thirds of the timeout that are left.
    var stepsLeft = 0
    private(set) var step = Instant.Duration.zero

    private var hash: UInt64 = 0
    private var keyspace = KeyspaceID.default
    private var keyCount = 0
    private var form = Content.Form.tombstone
    private var expiry: UInt64 = 0
    private var bytes = ByteBuffer()

    init() {}

    /// Takes the slot for a new write; copies key and content once. `stored`: replicas that are
    /// known to have it already.
    mutating func begin(
        _ key: HashedKey, _ content: Content, _ version: Version, for client: ClientID,
        layout: UInt8, _ placement: borrowing Placement, shard: Int, required: UInt8,
        targets: UInt32, stored: UInt32 = 0, kind: QuorumKind = .strict, purpose: Purpose,
        step: Instant.Duration
    ) {
        self.client = client
        self.version = version
        self.layout = layout
        n = UInt8(truncatingIfNeeded: placement.n)
        writers = UInt8(truncatingIfNeeded: placement.writers(of: shard))
        if case .handoff = purpose { twins = 0 } else { twins = placement.twins(of: shard) }
        self.kind = kind
        self.shard = UInt16(shard)
        self.required = required
        self.targets = targets
        self.purpose = purpose
        self.step = step
        self.stored = stored
        refused = 0
        isAnswered = false
        isHeld = false
        stepsLeft = 3
        hash = key.hash
        keyspace = key.keyspace
        keyCount = key.bytes.count
        form = content.form
        expiry = content.expiry
        bytes.removeAll()
        bytes.append(key.bytes)
        bytes.append(content.bytes)
    }

    /// Bytes held for sending again.
    var heldBytes: Int { bytes.count }
    var key: HashedKey {
        HashedKey(bytes.bytes.slice(0, keyCount), hash: hash, in: keyspace)
    }
    var content: Content {
        Content(form, bytes.bytes.slice(keyCount, bytes.count), expiry: expiry)
    }

    /// Those that count, of the old replicas or of the new ones, whichever are fewer.
    var acknowledgements: UInt8 { UInt8(stored.countOfBothSides(twins)) }
    /// Every replica that was asked has stored it.
    var isFinished: Bool { stored == targets }
    /// Replicas that were asked and have not answered.
    var silent: UInt32 { targets & ~stored }
    /// Those that have stored it.
    var acknowledged: UInt32 { stored }
    var answered: Answered { Answered(shard: shard, n: n, mask: stored) }

    /// Whether it only mends what others have: it was written before.
    var mends: Bool {
        switch purpose {
        case .writeBack, .handoff: true
        case .put, .delete: false
        }
    }

    /// Someone will not take it with this version.
    mutating func refused(at position: Int) { refused |= 1 << UInt32(position) & targets }
    /// Whether enough may still take it.
    var isPossible: Bool { (targets & ~refused).nonzeroBitCount >= Int(required) }
    /// Whether nobody has taken it, nor ever will.
    var isRefusedByAll: Bool { refused == targets && stored == 0 }

    /// Begins anew with another version, which nobody has heard of.
    mutating func restamp(_ version: Version) {
        self.version = version
        refused = 0
    }

    /// Takes note of an acknowledgement. True at the one moment when the write quorum is met.
    mutating func stored(at position: Int) -> Bool {
        let bit = UInt32(1) << UInt32(position)
        guard targets & bit != 0, stored & bit == 0 else { return false }
        stored |= bit
        guard !isAnswered, acknowledgements >= required else { return false }
        isAnswered = true
        return true
    }

    /// The ring has changed: all that was heard counts no more.
    mutating func restart(_ placement: borrowing Placement, targets: UInt32) {
        writers = UInt8(truncatingIfNeeded: placement.writers(of: Int(shard)))
        twins = placement.twins(of: Int(shard))
        self.targets = targets
        stored = 0
    }

    /// The client is gone or has been told that the outcome is unknown.
    mutating func giveUpAnswering() { isAnswered = true }

    /// True when a large value has grown the slot's buffer.
    var isLarge: Bool { bytes.capacity > slotBytesKept }

    /// Gives back what a large value took; only between turns, when no effect points here.
    mutating func shrink() {
        bytes.removeAll()
        bytes.shrink(to: slotBytesKept)
    }
}

/// Buffers of free slots keep at most this many bytes each.
let slotBytesKept = 16 << 10
