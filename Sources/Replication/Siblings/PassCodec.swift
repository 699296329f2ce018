import Basics
import Causality

// What follows the key of a write that is passed on, little-endian:
//
//   rest = asker:u64 number:u64 flags:u8 r:u8 w:u8 kind:u8 timeout:u32 expiry:u64
//          contextLength:u32 context value
//
//   flags   bit 0: a deletion, without a value; bit 1: with a context
//   kind    0 as the keyspace, 1 strict, 2 sloppy
//           + 4: expiry is a time, + 8: it is a length; in milliseconds
//   timeout in milliseconds, 0: as the node is configured

extension SiblingWrite {
    func encode(_ pass: PassNumber, into out: inout ByteBuffer) {
        out.appendInteger(pass.asker.raw)
        out.appendInteger(pass.number)
        out.append((value == nil ? 1 : 0) | (context == nil ? 0 : 2) as UInt8)
        out.append(options.r)
        out.append(options.w)
        let kind: UInt8 = options.kind == nil ? 0 : options.kind == .strict ? 1 : 2
        let expiry: (kind: UInt8, UInt64) =
            switch options.expiry {
            case .usual: (0, 0)
            case .at(let end): (4, end)
            case .after(let length): (8, length)
            }
        out.append(kind | expiry.kind)
        out.appendInteger(options.timeoutMilliseconds)
        out.appendInteger(expiry.1)
        out.appendInteger(UInt32(context?.count ?? 0))
        out.append(context ?? .empty)
        out.append(value ?? .empty)
    }

    static func decode(
        _ bytes: Bytes, _ key: HashedKey
    ) throws(DecodeError) -> (SiblingWrite, PassNumber) {
        var reader = ByteReader(bytes)
        let asker = Actor(raw: try reader.integer())
        let number: UInt64 = try reader.integer()
        let flags: UInt8 = try reader.integer()
        let r: UInt8 = try reader.integer()
        let w: UInt8 = try reader.integer()
        let choices: UInt8 = try reader.integer()
        let kind = choices & 3
        let timeout: UInt32 = try reader.integer()
        let end: UInt64 = try reader.integer()
        let contextCount = Int(try reader.integer(UInt32.self))
        let context = try reader.take(contextCount)
        let value = try reader.take(reader.remaining)
        guard flags <= 3, kind <= 2, choices < 12, flags & 1 == 0 || value.isEmpty,
            flags & 2 != 0 || context.isEmpty, value.count <= Limits.valueBytes
        else { throw .invalid("a write that is passed on is malformed") }
        var options = RequestOptions(
            r: r, w: w, timeoutMilliseconds: timeout,
            kind: kind == 0 ? nil : kind == 1 ? .strict : .sloppy)
        options.expiry = choices & 4 != 0 ? .at(end) : choices & 8 != 0 ? .after(end) : .usual
        let write = SiblingWrite(
            key: key, value: flags & 1 == 0 ? value : nil,
            context: flags & 2 == 0 ? nil : context, options: options)
        return (write, PassNumber(asker: asker, number: number))
    }

    /// Throws what is wrong with bytes from outside.
    public static func check(_ bytes: Bytes, _ key: HashedKey) throws(DecodeError) {
        _ = try decode(bytes, key)
    }
}

extension Refusal {
    /// As numbers that travel between nodes.
    public var code: (kind: UInt8, UInt32, UInt32) {
        switch self {
        case .unavailable(let reachable, let needed): (0, UInt32(reachable), UInt32(needed))
        case .busy: (1, 0, 0)
        case .quorumTooLarge(let asked, let n): (2, UInt32(asked), UInt32(n))
        case .clockSkew: (3, 0, 0)
        case .stale: (4, 0, 0)
        case .unknownKeyspace: (5, 0, 0)
        case .unservedMode: (6, 0, 0)
        case .valueTooLarge(let limit): (7, limit, 0)
        case .notReady: (8, 0, 0)
        case .badContext: (9, 0, 0)
        case .siblingLimit: (10, 0, 0)
        case .tokenOfSiblings: (11, 0, 0)
        case .readOnly: (12, 0, 0)
        case .quorumTooSmall(let asked, let least): (13, UInt32(asked), UInt32(least))
        case .changeElsewhere: (14, 0, 0)
        case .expiryOfRegister: (15, 0, 0)
        case .hasLeft: (16, 0, 0)
        case .definition: preconditionFailure("definitions are not changed through a replica")
        case .valuesOfRegisters, .ordering, .tooManyKeys:
            preconditionFailure("scans are not passed on")
        }
    }

    public init(
        code: UInt8, _ a: UInt32, _ b: UInt32
    ) throws(DecodeError) {
        switch code {
        case 0:
            self = .unavailable(
                reachable: UInt8(truncatingIfNeeded: a), needed: UInt8(truncatingIfNeeded: b))
        case 1: self = .busy
        case 2:
            self = .quorumTooLarge(
                asked: UInt8(truncatingIfNeeded: a), n: UInt8(truncatingIfNeeded: b))
        case 3: self = .clockSkew
        case 4: self = .stale
        case 5: self = .unknownKeyspace
        case 6: self = .unservedMode
        case 7: self = .valueTooLarge(limit: a)
        case 8: self = .notReady
        case 9: self = .badContext
        case 10: self = .siblingLimit
        case 11: self = .tokenOfSiblings
        case 12: self = .readOnly
        case 13:
            self = .quorumTooSmall(
                asked: UInt8(truncatingIfNeeded: a), least: UInt8(truncatingIfNeeded: b))
        case 14: self = .changeElsewhere
        case 15: self = .expiryOfRegister
        case 16: self = .hasLeft
        default: throw .invalid("an unknown refusal")
        }
    }
}
