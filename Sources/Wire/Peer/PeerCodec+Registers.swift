import Basics
import Causality
import Replication

// Messages about consensus registers (docs/formats/peer-wire.md):
//
//   prepare   08 keyspace:u16 keyLength:u32 ballot known ticket:u64 key
//   promised  09 isNewer:u8 valueLength:u32 ballot accepted ticket:u64 register
//   accept    0a keyspace:u16 keyLength:u32 valueLength:u32 ballot ticket:u64 key state
//   accepted  0b ballot ticket:u64
//   rejected  0c ballot seen ticket:u64
//   propose   0d keyspace:u16 keyLength:u32 changeLength:u32 timeout:u32 actor:u64 ticket:u64
//                key change
//   proposed  0e decision:u8 ticket:u64 ...
//               decision 0: result:u8 integer:i64 version mask:u32 valueLength:u32 value
//               decision 1: reason:u8 a:u8 b:u8
//               decision 2: have:u8 need:u8
//
//   ballot, known, accepted, seen, version   stamp:u64 actor:u64
//   register, state, change   as Register.swift and Change.swift of Replication say
//   result    0 done, 1 refuted, 2 integer, 3 value, 4 absent, 5 and above: 5 + failure
//   reason    0 unavailable (a reachable, b needed), 1 busy

extension PeerCodec {
    static func encodeForRegister(_ message: Message, into out: inout ByteBuffer) {
        switch message {
        case .prepare(let key, let ballot, let known, let ticket):
            out.append(8 as UInt8)
            out.appendInteger(key.keyspace.raw)
            out.appendInteger(UInt32(key.bytes.count))
            append(ballot, to: &out)
            append(known, to: &out)
            append(ticket, to: &out)
            out.append(key.bytes)
        case .promised(let ballot, let accepted, let fetched, let ticket):
            out.append(9 as UInt8)
            var register = Bytes.empty
            if case .found(let content) = fetched { register = content.bytes }
            out.append((register.isEmpty ? 0 : 1) as UInt8)
            out.appendInteger(UInt32(register.count))
            append(ballot, to: &out)
            append(accepted, to: &out)
            append(ticket, to: &out)
            out.append(register)
        case .accept(let key, let state, let ballot, let ticket):
            out.append(10 as UInt8)
            out.appendInteger(key.keyspace.raw)
            out.appendInteger(UInt32(key.bytes.count))
            out.appendInteger(UInt32(state.count))
            append(ballot, to: &out)
            append(ticket, to: &out)
            out.append(key.bytes)
            out.append(state)
        case .accepted(let ballot, let ticket):
            out.append(11 as UInt8)
            append(ballot, to: &out)
            append(ticket, to: &out)
        case .rejected(let ballot, let seen, let ticket):
            out.append(12 as UInt8)
            append(ballot, to: &out)
            append(seen, to: &out)
            append(ticket, to: &out)
        case .propose(let key, let change, let timeout, let asker, let ticket):
            append(key, change, timeout, asker, ticket, to: &out)
        case .proposed(let ticket, let decision):
            out.append(14 as UInt8)
            append(decision, ticket, to: &out)
        case .scan, .scanned, .store, .restore, .stored, .fenced, .collection, .fetch, .fetched,
            .repair, .hint, .definition, .comparison, .transfer, .pass, .passed:
            preconditionFailure("not a message about registers")
        }
    }

    private static func append(
        _ key: HashedKey, _ change: Change, _ timeout: UInt32, _ asker: Actor, _ ticket: Ticket,
        to out: inout ByteBuffer
    ) {
        out.append(13 as UInt8)
        out.appendInteger(key.keyspace.raw)
        out.appendInteger(UInt32(key.bytes.count))
        out.appendInteger(
            UInt32(Change.headBytes + change.expected.count + change.value.count))
        out.appendInteger(timeout)
        out.appendInteger(asker.raw)
        append(ticket, to: &out)
        out.append(key.bytes)
        change.encode(into: &out)
    }

    private static func append(
        _ decision: Decision, _ ticket: Ticket, to out: inout ByteBuffer
    ) {
        switch decision {
        case .decided(let result, let version, let mask):
            out.append(0 as UInt8)
            append(ticket, to: &out)
            var integer: Int64 = 0
            var value = Bytes.empty
            switch result {
            case .done: out.append(0 as UInt8)
            case .refuted: out.append(1 as UInt8)
            case .integer(let number):
                out.append(2 as UInt8)
                integer = number
            case .value(.some(let bytes)):
                out.append(3 as UInt8)
                value = bytes
            case .value(nil): out.append(4 as UInt8)
            case .failed(let failure): out.append(5 + failure.rawValue)
            }
            out.appendInteger(integer)
            append(version, to: &out)
            out.appendInteger(mask)
            out.appendInteger(UInt32(value.count))
            out.append(value)
        case .refused(let refusal):
            out.append(1 as UInt8)
            append(ticket, to: &out)
            switch refusal {
            case .unavailable(let reachable, let needed):
                out.append(0 as UInt8)
                out.append(reachable)
                out.append(needed)
            default:
                out.append(1 as UInt8)
                out.appendInteger(0 as UInt16)
            }
        case .unknown(let have, let need):
            out.append(2 as UInt8)
            append(ticket, to: &out)
            out.append(have)
            out.append(need)
        }
    }

    static func decodeForRegister(
        _ type: UInt8, _ reader: inout ByteReader, clusterSeed: UInt64
    ) throws(DecodeError) -> Message {
        switch type {
        case 8:
            let keyspace = KeyspaceID(try reader.integer(UInt16.self))
            let keyCount = try keyLength(&reader)
            let ballot = try ballot(&reader)
            let known = try version(&reader)
            let ticket = try ticket(&reader)
            let key = HashedKey(try reader.take(keyCount), seed: clusterSeed, in: keyspace)
            return .prepare(key, ballot, known: known, ticket)
        case 9:
            let isNewer = try reader.integer(UInt8.self)
            let count = try valueLength(&reader)
            let ballot = try ballot(&reader)
            let accepted = try version(&reader)
            let ticket = try ticket(&reader)
            guard isNewer <= 1, isNewer == 1 || count == 0 else {
                throw .invalid("unknown kind of a promise")
            }
            guard isNewer == 1 else { return .promised(ballot, accepted, .notNewer, ticket) }
            let content = Content(.register, try reader.take(count))
            guard content.isWellFormed else { throw .invalid("a malformed register") }
            return .promised(ballot, accepted, .found(content), ticket)
        case 10:
            let keyspace = KeyspaceID(try reader.integer(UInt16.self))
            let keyCount = try keyLength(&reader)
            let count = try valueLength(&reader)
            let ballot = try ballot(&reader)
            let ticket = try ticket(&reader)
            let key = HashedKey(try reader.take(keyCount), seed: clusterSeed, in: keyspace)
            let state = try reader.take(count)
            guard Content.isRegisterState(state) else {
                throw .invalid("a malformed state of a register")
            }
            return .accept(key, state, ballot, ticket)
        case 11:
            let ballot = try ballot(&reader)
            return .accepted(ballot, try ticket(&reader))
        case 12:
            let ballot = try ballot(&reader)
            let seen = try version(&reader)
            return .rejected(ballot, seen: seen, try ticket(&reader))
        case 13: return try proposal(&reader, clusterSeed)
        case 14: return try decision(&reader)
        default: throw .invalid("unknown type of a message")
        }
    }

    private static func proposal(
        _ reader: inout ByteReader, _ clusterSeed: UInt64
    ) throws(DecodeError) -> Message {
        let keyspace = KeyspaceID(try reader.integer(UInt16.self))
        let keyCount = try keyLength(&reader)
        let count = Int(try reader.integer(UInt32.self))
        let timeout = try reader.integer(UInt32.self)
        let asker = Actor(raw: try reader.integer(UInt64.self))
        let ticket = try ticket(&reader)
        let key = HashedKey(try reader.take(keyCount), seed: clusterSeed, in: keyspace)
        let change = try Change(decoding: try reader.take(count))
        return .propose(key, change, timeout: timeout, asker, ticket)
    }

    private static func ballot(_ reader: inout ByteReader) throws(DecodeError) -> Ballot {
        let ballot = try version(&reader)
        guard !ballot.isNone else { throw .invalid("a ballot of nothing") }
        return ballot
    }

    private static func decision(_ reader: inout ByteReader) throws(DecodeError) -> Message {
        let kind = try reader.integer(UInt8.self)
        let ticket = try ticket(&reader)
        switch kind {
        case 0:
            let code = try reader.integer(UInt8.self)
            let integer = try reader.integer(Int64.self)
            let version = try version(&reader)
            let mask = try reader.integer(UInt32.self)
            let count = try valueLength(&reader)
            let value = try reader.take(count)
            let result: ChangeResult
            switch code {
            case 0: result = .done
            case 1: result = .refuted
            case 2: result = .integer(integer)
            case 3: result = .value(value)
            case 4: result = .value(nil)
            default:
                guard let failure = ChangeFailure(rawValue: code &- 5) else {
                    throw .invalid("unknown result of a change")
                }
                result = .failed(failure)
            }
            return .proposed(ticket, .decided(result, version, mask: mask))
        case 1:
            let reason = try reader.integer(UInt8.self)
            let a = try reader.integer(UInt8.self)
            let b = try reader.integer(UInt8.self)
            switch reason {
            case 0: return .proposed(ticket, .refused(.unavailable(reachable: a, needed: b)))
            case 1: return .proposed(ticket, .refused(.busy))
            default: throw .invalid("unknown reason of a refusal")
            }
        case 2:
            let have = try reader.integer(UInt8.self)
            return .proposed(
                ticket, .unknown(have: have, need: try reader.integer(UInt8.self)))
        default:
            throw .invalid("unknown kind of a decision")
        }
    }
}
