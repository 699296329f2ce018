import Basics
import Causality

// The bytes of a record whose form is `register` (its version is the accepted ballot):
//
//   register = promise state
//   promise  = stamp:u64 actor:u64
//   state    = kind:u8 count:u8 stamp:u64 actor:u64 sessions? value
//   sessions = expired:u64 session*                      ; only if count > 0
//   session  = id:u64 sequence:u64 outcome:u8 integer:i64
//
//   stamp, actor  the version of the value: the ballot under which it was changed last, with the
//            number of changes before it under that ballot added to the stamp
//   kind     0 nothing was accepted yet, 1 value, 2 absent (deleted); no value unless 1
//   expired  no session up to this one that is not listed is remembered
//   session  the last operation that was applied for a session, ids ascending, and what it came to
//
// Integers are little-endian. A state travels without its promise.

/// A ballot of a consensus register: a stamp above every one that its proposer saw, then the
/// proposer. Unique per key and attempt; the counter of its stamp is 0, so that the changes of one
/// ballot have room for versions of their own.
public typealias Ballot = Version

extension Version {
    /// The ballot that an acceptor promises to the proposer of this one together with accepting
    /// it, so that the proposer's next change of the key needs one phase only.
    var successor: Ballot { Ballot(stamp: stamp &+ (1 << 12), actor: actor) }

    /// The version of what the `index`-th change of this ballot leaves.
    func version(ofChange index: Int) -> Version {
        Version(stamp: stamp &+ UInt64(index), actor: actor)
    }

    /// Above every ballot that is ever drawn: nothing is newer.
    static let largest = Version(stamp: .max, actor: Actor(raw: .max))
}

/// The state of a register as its bytes say it, without the promise.
struct RegisterState {
    enum Kind: UInt8 { case none = 0, value, absent }

    static let headBytes = 18
    static let sessionBytes = 25
    /// Sessions that one key remembers.
    static let sessionLimit = 32

    let bytes: Bytes

    /// A view of valid bytes.
    init(_ bytes: Bytes) { self.bytes = bytes }

    /// Whether these bytes are the state of a register.
    static func isValid(_ bytes: Bytes) -> Bool {
        guard bytes.count >= headBytes, let kind = Kind(rawValue: bytes[0]) else { return false }
        let count = Int(bytes[1])
        guard count <= sessionLimit else { return false }
        let start = headBytes + (count > 0 ? 8 + count * sessionBytes : 0)
        guard bytes.count >= start, kind == .value || bytes.count == start else { return false }
        for i in 0..<count {
            let outcome = bytes[headBytes + 8 + i * sessionBytes + 16]
            if RecordedOutcome(rawValue: outcome) == nil { return false }
        }
        return true
    }

    var kind: Kind { Kind(rawValue: bytes[0]) ?? .none }
    var sessionCount: Int { Int(bytes[1]) }
    /// Where the value begins.
    private var valueStart: Int {
        let count = sessionCount
        return RegisterState.headBytes + (count > 0 ? 8 + count * RegisterState.sessionBytes : 0)
    }
    /// Nil when absent.
    var value: Bytes? { kind == .value ? bytes.slice(valueStart, bytes.count) : nil }
    /// Of the last change of the value; none if nothing was ever changed.
    var version: Version {
        Version(
            stamp: bytes.integer(at: 2), actor: Actor(raw: bytes.integer(at: 10)))
    }
    /// Everything about sessions.
    var sessions: Bytes { bytes.slice(RegisterState.headBytes, valueStart) }

    /// The last operation of a session that was applied to a key.
    struct Session {
        var id: UInt64
        var sequence: UInt64
        var outcome: RecordedOutcome
        var integer: Int64
    }

    /// No session up to this one that is not listed is remembered.
    var expired: UInt64 { sessionCount == 0 ? 0 : sessions.integer(at: 0) }

    func session(_ index: Int) -> Session {
        let start = 8 + index * RegisterState.sessionBytes
        return Session(
            id: sessions.integer(at: start), sequence: sessions.integer(at: start + 8),
            outcome: RecordedOutcome(rawValue: sessions[start + 16]) ?? .done,
            integer: Int64(bitPattern: sessions.integer(at: start + 17)))
    }

    /// Writes what precedes sessions and value.
    static func appendHead(
        _ kind: Kind, sessions: Int, _ version: Version, to out: inout ByteBuffer
    ) {
        out.append(kind.rawValue)
        out.append(UInt8(sessions))
        out.appendInteger(version.stamp)
        out.appendInteger(version.actor.raw)
    }
}

extension Bytes {
    /// Eight bytes as an integer.
    func integer(at offset: Int) -> UInt64 {
        var reader = ByteReader(slice(offset, offset + 8))
        do { return try reader.integer() } catch {
            preconditionFailure("eight bytes are eight bytes: \(error)")
        }
    }
}

/// What a remembered operation came to, beside its integer.
enum RecordedOutcome: UInt8 { case done = 0, refuted, integer, notAnInteger, tooLarge }

/// A whole record of form `register`.
struct Register {
    static let promiseBytes = 16

    let bytes: Bytes

    /// A view of valid bytes.
    init(_ bytes: Bytes) { self.bytes = bytes }

    /// Whether these bytes are a register's.
    static func isValid(_ bytes: Bytes) -> Bool {
        bytes.count >= promiseBytes
            && RegisterState.isValid(bytes.slice(promiseBytes, bytes.count))
    }

    var state: RegisterState { RegisterState(bytes.slice(Register.promiseBytes, bytes.count)) }

    /// Accepts nothing below.
    var promise: Ballot {
        Ballot(stamp: bytes.integer(at: 0), actor: Actor(raw: bytes.integer(at: 8)))
    }

    static func append(promise: Ballot, to out: inout ByteBuffer) {
        out.appendInteger(promise.stamp)
        out.appendInteger(promise.actor.raw)
    }

    /// The state of a register in which nothing was accepted.
    static func appendNothing(to out: inout ByteBuffer) {
        RegisterState.appendHead(.none, sessions: 0, .none, to: &out)
    }
}

extension Content {
    /// Whether the bytes are what the form says, as far as the form has a shape.
    public var isWellFormed: Bool { form != .register || Register.isValid(bytes) }

    /// Whether these bytes are the state of a register, as `Message.accept` carries it.
    public static func isRegisterState(_ bytes: Bytes) -> Bool { RegisterState.isValid(bytes) }

    /// A register's value, or its plain value; nil when absent or deleted.
    public var current: Bytes? { form == .register ? Register(bytes).state.value : value }
}
