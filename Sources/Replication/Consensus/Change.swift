import Basics
import Causality

// A change as it travels and as a slot keeps it:
//
//   change = kind:u8 flags:u8 integer:i64 stamp:u64 actor:u64 session:u64 sequence:u64
//            expectedLength:u32 expected value
//   flags  = bit 0: answer with the value that was there before

/// What a client wants done to a consensus register: a pure function of the register's state.
public struct Change: Sendable {
    public enum Kind: UInt8, Sendable {
        /// Changes nothing, answers with the value.
        case get = 0
        case set
        /// Sets if absent; if present.
        case setIfAbsent, setIfPresent
        case delete
        /// Adds `integer` to a decimal value; absent is 0.
        case increment
        /// Adds bytes at the end; absent is empty.
        case append
        /// Sets if the value is `expected`.
        case swapValue
        /// Sets if the version is `version`; none stands for absent.
        case swapVersion
    }

    public var kind: Kind
    /// Answer with the value that was there before.
    public var returnsOld: Bool
    public var integer: Int64
    public var version: Version
    /// Makes retries safe: an operation with the same id is applied once. 0: no session.
    public var operation: OperationID
    public var expected: Bytes
    public var value: Bytes

    public init(
        _ kind: Kind, value: Bytes = .empty, expected: Bytes = .empty, integer: Int64 = 0,
        version: Version = .none, returnsOld: Bool = false, operation: OperationID = .none
    ) {
        self.kind = kind
        self.value = value
        self.expected = expected
        self.integer = integer
        self.version = version
        self.returnsOld = returnsOld
        self.operation = operation
    }

    /// Bytes that precede `expected`.
    public static let headBytes = 46

    public func encode(into out: inout ByteBuffer) {
        out.append(kind.rawValue)
        out.append((returnsOld ? 1 : 0) as UInt8)
        out.appendInteger(integer)
        out.appendInteger(version.stamp)
        out.appendInteger(version.actor.raw)
        out.appendInteger(operation.session)
        out.appendInteger(operation.sequence)
        out.appendInteger(UInt32(expected.count))
        out.append(expected)
        out.append(value)
    }

    /// Reads a change that takes all of `input`; its bytes point there.
    public init(decoding input: Bytes) throws(DecodeError) {
        var reader = ByteReader(input)
        guard let kind = Kind(rawValue: try reader.integer(UInt8.self)) else {
            throw .invalid("an unknown kind of change")
        }
        let flags = try reader.integer(UInt8.self)
        guard flags <= 1 else { throw .invalid("unknown flags of a change") }
        integer = try reader.integer()
        let stamp = try reader.integer(UInt64.self)
        version = Version(stamp: stamp, actor: Actor(raw: try reader.integer(UInt64.self)))
        let session = try reader.integer(UInt64.self)
        operation = OperationID(session: session, sequence: try reader.integer(UInt64.self))
        let expectedCount = Int(try reader.integer(UInt32.self))
        expected = try reader.take(expectedCount)
        value = try reader.take(reader.remaining)
        guard value.count <= Limits.registerBytes else {
            throw .invalid("a change with a value that is too long")
        }
        self.kind = kind
        returnsOld = flags & 1 != 0
    }
}

/// Names an operation of a client across its attempts.
public struct OperationID: Sendable, Hashable {
    /// Drawn once by the client, larger than those of earlier sessions; 0: none.
    public var session: UInt64
    /// Rises with every operation of the session.
    public var sequence: UInt64

    public init(session: UInt64, sequence: UInt64) {
        self.session = session
        self.sequence = sequence
    }

    public static let none = OperationID(session: 0, sequence: 0)
    public var isNone: Bool { session == 0 }
}

/// What a change came to. Bytes live until the effects are carried out.
public enum ChangeResult: Sendable {
    /// The register was changed.
    case done
    /// The condition did not hold: nothing was changed.
    case refuted
    /// The value after an increment, the length after an append, or how many were deleted.
    case integer(Int64)
    /// The value that was there; nil when absent.
    case value(Bytes?)
    /// Nothing was changed.
    case failed(ChangeFailure)
}

/// Why a change could not be applied to the value that was there.
public enum ChangeFailure: UInt8, Sendable, Hashable, CaseIterable {
    /// The value is not a decimal integer of 64 bits, or the sum would not be.
    case notAnInteger = 0
    /// The value would be longer than `Limits.registerBytes`.
    case tooLarge
    /// The register no longer remembers the session's operations: what came of an earlier
    /// attempt cannot be told.
    case sessionExpired
}
