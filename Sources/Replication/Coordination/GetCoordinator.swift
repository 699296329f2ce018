import Basics
import Causality

/// One read in flight: keeps the newest answer so far until R replicas have answered.
///
/// The local answer is copied when it counts: looking the record up again later could return a
/// write that came after the read.
struct GetCoordinator: ~Copyable, Reusable {
    /// What is done with the result.
    enum Purpose {
        case get
        /// Write a tombstone with this W, and report whether there was a value.
        case delete(w: UInt8)
    }

    private(set) var client = ClientID(connection: 0, generation: 0, sequence: 0)
    private(set) var purpose = Purpose.get
    private(set) var shard: UInt16 = 0
    /// Answers that make the read quorum.
    private(set) var required: UInt8 = 0
    private(set) var targets: UInt16 = 0
    private(set) var answered: UInt16 = 0
    /// The newest version among the answers.
    private(set) var version = Version.none
    private(set) var isAbsent = true
    var stepsLeft = 0
    private(set) var step = Instant.Duration.zero

    private var hash: UInt64 = 0
    private var keyBytes = ByteBuffer()
    private var valueBytes = ByteBuffer()

    init() {}

    mutating func begin(
        _ key: HashedKey, for client: ClientID, purpose: Purpose, shard: Int, required: UInt8,
        targets: UInt16, step: Instant.Duration
    ) {
        self.client = client
        self.purpose = purpose
        self.shard = UInt16(shard)
        self.required = required
        self.targets = targets
        self.step = step
        answered = 0
        version = .none
        isAbsent = true
        stepsLeft = 3
        hash = key.hash
        keyBytes.removeAll()
        keyBytes.append(key.bytes)
        valueBytes.removeAll()
    }

    var key: HashedKey { HashedKey(keyBytes.bytes, hash: hash) }
    /// The newest value among the answers; nil when it is absent or deleted.
    var value: Bytes? { isAbsent ? nil : valueBytes.bytes }
    var answers: UInt8 { UInt8(answered.nonzeroBitCount) }
    var silent: UInt16 { targets & ~answered }
    var whoAnswered: Answered { Answered(shard: shard, mask: answered) }
    var heldBytes: Int { keyBytes.count + valueBytes.count }

    /// Takes note of an answer. True when the read quorum is met, which ends the read.
    mutating func fetched(
        _ version: Version, _ fetched: Fetched, at position: Int
    ) -> Bool {
        let bit = UInt16(1) << UInt16(position)
        guard targets & bit != 0, answered & bit == 0 else { return false }
        answered |= bit
        if version > self.version {
            switch fetched {
            case .notNewer: break
            case .tombstone:
                self.version = version
                isAbsent = true
                valueBytes.removeAll()
            case .value(let value):
                self.version = version
                isAbsent = false
                valueBytes.removeAll()
                valueBytes.append(value)
            }
        }
        return answers >= required
    }

    /// True when a large value has grown the slot's buffer.
    var isLarge: Bool { valueBytes.capacity > slotBytesKept }

    /// Gives back what a large value took; only between turns, when no effect points here.
    mutating func shrink() {
        valueBytes.removeAll()
        valueBytes.shrink(to: slotBytesKept)
    }
}
