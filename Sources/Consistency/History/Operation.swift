/// What a read returned or a write wrote, as one machine word.
///
/// - `0` is "absent": the key has no value.
/// - Top bit clear: the unique value of one write, `process << 40 | sequence`. Its text is
///   `w:<process>:<sequence>`; a stored value begins with that text followed by `;`.
/// - Top bit set: an index into the value table of the history.
public struct ValueID: Hashable, Sendable, BitwiseCopyable {
    public let raw: UInt64

    @inlinable
    public init(raw: UInt64) { self.raw = raw }

    /// The key has no value.
    public static let absent = ValueID(raw: 0)

    /// Largest process number of a unique value.
    public static let maximumProcess: UInt32 = 1 << 23 - 1
    /// Largest sequence number of a unique value.
    public static let maximumSequence: UInt64 = 1 << 40 - 1

    /// The unique value of write number `sequence` of `process`. Sequences count from 1, so that
    /// no value is zero; at most `maximumProcess` and `maximumSequence`.
    @inlinable
    public static func write(process: UInt32, sequence: UInt64) -> ValueID {
        precondition(process <= maximumProcess, "process numbers have 23 bits")
        precondition(sequence <= maximumSequence, "sequence numbers have 40 bits")
        precondition(process > 0 || sequence > 0, "sequences count from one")
        return ValueID(raw: UInt64(process) << 40 | sequence)
    }

    /// Entry `index` of the value table.
    @inlinable
    public static func interned(_ index: UInt32) -> ValueID {
        ValueID(raw: 1 << 63 | UInt64(index))
    }

    @inlinable public var isAbsent: Bool { raw == 0 }
    @inlinable public var isInterned: Bool { raw >> 63 == 1 }
    /// Position in the value table; meaningful only when `isInterned`.
    @inlinable public var tableIndex: UInt32 { UInt32(truncatingIfNeeded: raw) }
    /// Process of a unique value.
    @inlinable public var process: UInt32 { UInt32(truncatingIfNeeded: (raw & ~(1 << 63)) >> 40) }
    /// Sequence number of a unique value.
    @inlinable public var sequence: UInt64 { raw & ValueID.maximumSequence }
}

/// One client operation on one key, as the client saw it. 56 bytes, trivially copyable.
///
/// Times are nanoseconds on one monotonic clock. `completed` is `Operation.never` when the client
/// does not know whether the operation took effect.
public struct Operation: Hashable, Sendable, BitwiseCopyable {
    /// What was asked.
    public enum Kind: UInt8, Sendable, CaseIterable, BitwiseCopyable {
        case read, write, cas, delete
    }

    /// What is known about the effect: it took effect in its interval; it certainly did not; it
    /// may take effect at any time from its invocation on, or never.
    public enum Outcome: UInt8, Sendable, CaseIterable, BitwiseCopyable { case ok, fail, unknown }

    /// Marks that a few models use.
    public struct Flags: OptionSet, Hashable, Sendable, BitwiseCopyable {
        public let rawValue: UInt16

        @inlinable
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// A read of the final phase: writers stopped, faults healed, repair done.
        public static let final = Flags(rawValue: 1)
        /// A failed cas whose condition was evaluated and found false. Without this mark a
        /// failed cas says nothing about the value of the key.
        public static let refuted = Flags(rawValue: 2)
        /// A write that appends its value to the current one, as key-value logs have; such keys
        /// are judged by search.
        public static let append = Flags(rawValue: 4)
        /// A write that nobody recorded, taken to have ended before the history began: its value
        /// was read.
        public static let assumed = Flags(rawValue: 8)

        /// The clock that timed an operation, in the upper half of the flags.
        @inlinable public var clock: UInt8 {
            get { UInt8(truncatingIfNeeded: rawValue >> 8) }
            set { self = Flags(rawValue: rawValue & 0xff | UInt16(newValue) << 8) }
        }
    }

    /// The completion time of an operation with an unknown outcome.
    public static let never = Int64.max
    /// Times lie strictly within ± this bound (109 years).
    public static let timeBound: Int64 = 3 << 60
    /// `detail` of an operation that carries none.
    public static let noDetail = UInt32.max

    /// The client session: one process runs one operation at a time.
    public var process: UInt32
    /// Index into the key table of the history.
    public var key: UInt32
    public var kind: Kind
    public var outcome: Outcome
    public var flags: Flags
    /// Index into the details of the history (siblings, version, replicas), or `noDetail`.
    public var detail: UInt32
    /// What a read returned, or what a write or cas wrote. Absent for a delete.
    public var value: ValueID
    /// What a cas expected.
    public var expected: ValueID
    public var invoked: Int64
    public var completed: Int64
    /// When an open-loop generator meant to send it; equals `invoked` in a closed loop.
    public var intended: Int64

    /// The clock that timed it, from 1 on; 0 when that is not known. Times of one clock are in
    /// order however far it is from others.
    @inlinable public var clock: UInt8 {
        get { flags.clock }
        set { flags.clock = newValue }
    }

    @inlinable
    public init(
        process: UInt32, key: UInt32, kind: Kind, outcome: Outcome, value: ValueID = .absent,
        expected: ValueID = .absent, invoked: Int64, completed: Int64, intended: Int64? = nil,
        flags: Flags = []
    ) {
        self.process = process
        self.key = key
        self.kind = kind
        self.outcome = outcome
        self.flags = flags
        detail = Operation.noDetail
        self.value = value
        self.expected = expected
        self.invoked = invoked
        self.completed = outcome == .unknown ? Operation.never : completed
        self.intended = intended ?? invoked
    }
}
