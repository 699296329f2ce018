import Basics
import Causality
import Replication

// Writes of siblings on their way to a replica, and the answers:
//
//   pass     20 keyspace:u16 keyLength:u32 restLength:u32 ticket:u64 key rest
//   passed   21 ticket:u64 answer
//   answer   0 version answered | 1 existed:u8 version answered | 2 refusal:u8 a:u32 b:u32
//            | 3 have:u8 need:u8
//   version  stamp:u64 actor:u64
//   answered shard:u16 n:u8 mask:u32
//
//   rest     as in PassCodec.swift
//   answer   0 stored, 1 deleted, 2 refused, 3 unknown

extension PeerCodec {
    static func append(
        pass key: HashedKey, _ rest: Bytes, _ ticket: Ticket, to out: inout ByteBuffer
    ) {
        out.append(20 as UInt8)
        out.appendInteger(key.keyspace.raw)
        out.appendInteger(UInt32(key.bytes.count))
        out.appendInteger(UInt32(rest.count))
        append(ticket, to: &out)
        out.append(key.bytes)
        out.append(rest)
    }

    static func pass(
        _ reader: inout ByteReader, _ clusterSeed: UInt64
    ) throws(DecodeError) -> Message {
        let keyspace = KeyspaceID(try reader.integer(UInt16.self))
        let keyCount = try keyLength(&reader)
        let restCount = Int(try reader.integer(UInt32.self))
        let ticket = try ticket(&reader)
        let bytes = try reader.take(keyCount)
        let key = HashedKey(bytes, seed: clusterSeed, in: keyspace)
        let rest = try reader.take(restCount)
        try SiblingWrite.check(rest, key)
        return .pass(key, rest, ticket)
    }

    static func append(passed response: Response, _ ticket: Ticket, to out: inout ByteBuffer) {
        out.append(21 as UInt8)
        append(ticket, to: &out)
        switch response {
        case .stored(let version, let answered):
            out.append(0 as UInt8)
            append(version, to: &out)
            append(answered, to: &out)
        case .deleted(let existed, let version, let answered):
            out.append(1 as UInt8)
            out.append(existed ? 1 : 0 as UInt8)
            append(version, to: &out)
            append(answered, to: &out)
        case .failed(let refusal):
            let code = refusal.code
            out.append(2 as UInt8)
            out.append(code.kind)
            out.appendInteger(code.1)
            out.appendInteger(code.2)
        case .unknown(let have, let need):
            out.append(3 as UInt8)
            out.append(have)
            out.append(need)
        case .value, .siblings, .changed, .defined, .life, .scanned:
            preconditionFailure("only writes are passed on")
        }
    }

    static func passed(_ reader: inout ByteReader) throws(DecodeError) -> Message {
        let ticket = try ticket(&reader)
        let response: Response
        switch try reader.integer(UInt8.self) {
        case 0:
            let version = try version(&reader)
            response = .stored(version, try answered(&reader))
        case 1:
            let existed = try reader.integer(UInt8.self)
            let version = try version(&reader)
            response = .deleted(existed: existed == 1, version, try answered(&reader))
        case 2:
            let code: UInt8 = try reader.integer()
            let a: UInt32 = try reader.integer()
            response = .failed(try Refusal(code: code, a, try reader.integer()))
        case 3:
            let have: UInt8 = try reader.integer()
            response = .unknown(have: have, need: try reader.integer())
        default: throw .invalid("unknown answer to a write that was passed on")
        }
        return .passed(response, ticket)
    }

    private static func append(_ answered: Answered, to out: inout ByteBuffer) {
        out.appendInteger(answered.shard)
        out.append(answered.n)
        out.appendInteger(answered.mask)
    }

    private static func answered(_ reader: inout ByteReader) throws(DecodeError) -> Answered {
        let shard: UInt16 = try reader.integer()
        let n: UInt8 = try reader.integer()
        guard n >= 1, n <= Limits.replicas else { throw .invalid("an answer of no replicas") }
        return Answered(shard: shard, n: n, mask: try reader.integer())
    }
}
