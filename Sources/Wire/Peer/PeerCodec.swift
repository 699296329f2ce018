import Basics
import Causality
import Replication

// One message between nodes, little-endian (docs/formats/peer-wire.md):
//
//   store    01 flags:u8 keyLength:u32 valueLength:u32 stamp:u64 actor:u64 ticket:u64 key value
//   stored   02 ticket:u64
//   fetch    03 keyLength:u32 stamp:u64 actor:u64 ticket:u64 key
//   fetched  04 kind:u8 valueLength:u32 stamp:u64 actor:u64 ticket:u64 value
//   repair   05 flags:u8 keyLength:u32 valueLength:u32 stamp:u64 actor:u64 key value
//   hint     06 flags:u8 keyLength:u32 valueLength:u32 stamp:u64 actor:u64 ticket:u64 owner:u16
//               key value
//
//   flags    bit 0: tombstone (valueLength is 0)
//   kind     0 not newer, 1 value, 2 tombstone
//   ticket   index:u32 generation:u32

/// Bytes of messages between nodes, and back.
public enum PeerCodec {
    /// Appends one message. O(key + value).
    public static func encode(_ message: Message, into out: inout ByteBuffer) {
        switch message {
        case .store(let key, let value, let version, let ticket):
            out.append(1 as UInt8)
            out.append(value == nil ? 1 : 0 as UInt8)
            out.appendInteger(UInt32(key.bytes.count))
            out.appendInteger(UInt32(value?.count ?? 0))
            append(version, ticket, to: &out)
            append(key, value, to: &out)
        case .stored(let ticket):
            out.append(2 as UInt8)
            append(ticket, to: &out)
        case .fetch(let key, let known, let ticket):
            out.append(3 as UInt8)
            out.appendInteger(UInt32(key.bytes.count))
            append(known, ticket, to: &out)
            out.append(key.bytes)
        case .fetched(let version, let fetched, let ticket):
            out.append(4 as UInt8)
            switch fetched {
            case .notNewer:
                out.append(0 as UInt8)
                out.appendInteger(0 as UInt32)
                append(version, ticket, to: &out)
            case .value(let value):
                out.append(1 as UInt8)
                out.appendInteger(UInt32(value.count))
                append(version, ticket, to: &out)
                out.append(value)
            case .tombstone:
                out.append(2 as UInt8)
                out.appendInteger(0 as UInt32)
                append(version, ticket, to: &out)
            }
        case .hint(let key, let value, let version, let owner, let ticket):
            out.append(6 as UInt8)
            out.append(value == nil ? 1 : 0 as UInt8)
            out.appendInteger(UInt32(key.bytes.count))
            out.appendInteger(UInt32(value?.count ?? 0))
            append(version, ticket, to: &out)
            out.appendInteger(owner.index)
            append(key, value, to: &out)
        case .repair(let key, let value, let version):
            out.append(5 as UInt8)
            out.append(value == nil ? 1 : 0 as UInt8)
            out.appendInteger(UInt32(key.bytes.count))
            out.appendInteger(UInt32(value?.count ?? 0))
            append(version, to: &out)
            append(key, value, to: &out)
        }
    }

    /// Reads one message; its bytes point into the reader's. Keys are hashed here, with the
    /// cluster's seed: a hash from outside is not trusted.
    public static func decode(
        _ reader: inout ByteReader, clusterSeed: UInt64
    ) throws(DecodeError) -> Message {
        switch try reader.integer(UInt8.self) {
        case 1:
            let head = try writeHead(&reader)
            let ticket = try ticket(&reader)
            let (key, value) = try content(&reader, head, clusterSeed)
            return .store(key, value, head.version, ticket)
        case 2:
            return .stored(try ticket(&reader))
        case 3:
            let keyCount = try keyLength(&reader)
            let known = try version(&reader)
            let ticket = try ticket(&reader)
            let key = try reader.take(keyCount)
            return .fetch(
                HashedKey(key, hash: XXH3.hash64(key, seed: clusterSeed)), known: known, ticket)
        case 4:
            let kind = try reader.integer(UInt8.self)
            let valueCount = try valueLength(&reader)
            let version = try version(&reader)
            let ticket = try ticket(&reader)
            switch kind {
            case 0 where valueCount == 0: return .fetched(version, .notNewer, ticket)
            case 1: return .fetched(version, .value(try reader.take(valueCount)), ticket)
            case 2 where valueCount == 0: return .fetched(version, .tombstone, ticket)
            default: throw .invalid("unknown kind of a fetched message")
            }
        case 5:
            let head = try writeHead(&reader)
            let (key, value) = try content(&reader, head, clusterSeed)
            return .repair(key, value, head.version)
        case 6:
            let head = try writeHead(&reader)
            let ticket = try ticket(&reader)
            let owner = NodeID(try reader.integer(UInt16.self))
            let (key, value) = try content(&reader, head, clusterSeed)
            return .hint(key, value, head.version, for: owner, ticket)
        default:
            throw .invalid("unknown type of a message")
        }
    }

    /// What messages that carry a write begin with.
    private struct WriteHead {
        var isTombstone: Bool
        var keyCount: Int
        var valueCount: Int
        var version: Version
    }

    @inline(__always)
    private static func writeHead(_ reader: inout ByteReader) throws(DecodeError) -> WriteHead {
        let flags = try reader.integer(UInt8.self)
        guard flags <= 1 else { throw .invalid("unknown flags in a message with a write") }
        let head = WriteHead(
            isTombstone: flags == 1, keyCount: try keyLength(&reader),
            valueCount: try valueLength(&reader), version: try version(&reader))
        guard !head.version.isNone else { throw .invalid("a write without a version") }
        guard !head.isTombstone || head.valueCount == 0 else {
            throw .invalid("a tombstone with a value")
        }
        return head
    }

    @inline(__always)
    private static func content(
        _ reader: inout ByteReader, _ head: WriteHead, _ clusterSeed: UInt64
    ) throws(DecodeError) -> (HashedKey, Bytes?) {
        let key = try reader.take(head.keyCount)
        let value = try reader.take(head.valueCount)
        return (
            HashedKey(key, hash: XXH3.hash64(key, seed: clusterSeed)),
            head.isTombstone ? nil : value
        )
    }

    @inline(__always)
    private static func append(_ key: HashedKey, _ value: Bytes?, to out: inout ByteBuffer) {
        out.append(key.bytes)
        if let value { out.append(value) }
    }

    @inline(__always)
    private static func append(_ version: Version, to out: inout ByteBuffer) {
        out.appendInteger(version.stamp)
        out.appendInteger(version.actor.raw)
    }

    @inline(__always)
    private static func append(_ ticket: Ticket, to out: inout ByteBuffer) {
        out.appendInteger(ticket.index)
        out.appendInteger(ticket.generation)
    }

    @inline(__always)
    private static func append(_ version: Version, _ ticket: Ticket, to out: inout ByteBuffer) {
        out.appendInteger(version.stamp)
        out.appendInteger(version.actor.raw)
        append(ticket, to: &out)
    }

    @inline(__always)
    private static func version(_ reader: inout ByteReader) throws(DecodeError) -> Version {
        let stamp = try reader.integer(UInt64.self)
        return Version(stamp: stamp, actor: Actor(raw: try reader.integer(UInt64.self)))
    }

    @inline(__always)
    private static func ticket(_ reader: inout ByteReader) throws(DecodeError) -> Ticket {
        let index = try reader.integer(UInt32.self)
        return Ticket(index: index, generation: try reader.integer(UInt32.self))
    }

    private static func keyLength(_ reader: inout ByteReader) throws(DecodeError) -> Int {
        let count = try reader.integer(UInt32.self)
        guard count <= Limits.keyBytes else { throw .invalid("a key longer than 64 KiB") }
        return Int(count)
    }

    private static func valueLength(_ reader: inout ByteReader) throws(DecodeError) -> Int {
        let count = try reader.integer(UInt32.self)
        guard count <= Limits.valueBytes else { throw .invalid("a value longer than 16 MiB") }
        return Int(count)
    }
}
