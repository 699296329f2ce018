import Basics
import Causality

/// What a replica will say to a read once the log is synced up to it: durable before revealed.
///
/// The value is copied when the read arrives, so that a hot key, whose newest version is never
/// durable yet, cannot keep a reader waiting for ever.
struct ParkedRead: ~Copyable, Reusable {
    private(set) var version = Version.none
    private var isFound = true
    private var form = Content.Form.tombstone
    private var expiry: UInt64 = 0
    private var bytes = ByteBuffer()

    init() {}

    /// Nil: the version is all that is to be said.
    mutating func begin(_ version: Version, _ content: Content?) {
        self.version = version
        isFound = content != nil
        let content = content ?? .tombstone
        form = content.form
        expiry = content.expiry
        bytes.removeAll()
        bytes.append(content.bytes)
    }

    var fetched: Fetched {
        isFound ? .found(Content(form, bytes.bytes, expiry: expiry)) : .notNewer
    }

    /// An answer to a scan, if it was parked as a value.
    var scanned: Bytes { bytes.bytes }

    var isLarge: Bool { bytes.capacity > slotBytesKept }

    /// Gives back what a large value took; only between turns, when no effect points here.
    mutating func shrink() {
        bytes.removeAll()
        bytes.shrink(to: slotBytesKept)
    }
}

/// What waits for the log: acknowledgements and answers that must not leave before it is synced.
enum AwaitingSync {
    /// Answer a scan; `parked` holds what to say.
    case scanned(Ticket, coordinator: NodeID, parked: Ticket)
    /// Tell the coordinator that its write is durable here.
    case stored(Ticket, coordinator: NodeID)
    /// Answer a read; `parked` holds what to say.
    case fetched(Ticket, coordinator: NodeID, parked: Ticket)
    /// Tell a proposer what is promised to it; `parked` holds what was accepted before.
    case promised(Ballot, Ticket, coordinator: NodeID, parked: Ticket)
    /// Tell a proposer that its ballot is accepted here.
    case accepted(Ballot, Ticket, coordinator: NodeID)

    /// Tell a collector that what it asked for is durable here.
    case collected(coordinator: NodeID, answer: Ticket)

    /// Whom it is owed to; this node itself, when it coordinates.
    var coordinator: NodeID {
        switch self {
        case .scanned(_, let coordinator, _), .stored(_, let coordinator),
            .fetched(_, let coordinator, _),
            .promised(_, _, let coordinator, _), .accepted(_, _, let coordinator),
            .collected(let coordinator, _):
            coordinator
        }
    }
}
