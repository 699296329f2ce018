import Basics
import Causality
import Replication

// One message between nodes, little-endian (docs/formats/peer-wire.md):
//
//   store    01 flags:u8 keyLength:u32 valueLength:u32 stamp:u64 actor:u64 ticket:u64 key value
//   stored   02 ticket:u64
//   fetch    03 keyspace:u16 keyLength:u32 stamp:u64 actor:u64 ticket:u64 key
//   fetched  04 kind:u8 valueLength:u32 stamp:u64 actor:u64 ticket:u64 expiry? value
//   repair   05 flags:u8 keyLength:u32 valueLength:u32 stamp:u64 actor:u64 key value
//   hint     06 flags:u8 keyLength:u32 valueLength:u32 stamp:u64 actor:u64 ticket:u64 owner:u16
//               key value
//   definition 07 length:u32 bytes, a DefinitionMessage
//   08 to 0e: PeerCodec+Registers.swift
//   restore  20 as store
//   fenced   21 stamp:u64 actor:u64 below:u64 ticket:u64
//   collect  22 kind:u8 keyspace:u16 round:u32 stamp:u64 definition:u64 length:u32 body
//   compare  0f kind:u8 keyspace:u16 round:u32 step:u32 length:u32 body
//   scan       20 length:u32 ticket:u64 bytes   scanned 21 length:u32 ticket:u64 bytes, as
//            Replication/Scans/ScanMessages.swift says
//   transfer   16 length:u32 bytes, a TransferMessage
//   epoch      80 epoch:u32, before a message to a replica; without it the epoch is 0
//   membership 00 length:u32 bytes, as Membership says; without bytes it is a heartbeat
//
//   flags    bit 0: tombstone (valueLength is 0); bit 1: key and value are preceded by
//            keyspace:u16 form:u8 expiry:u64
//   kind     0 not newer, 1 value, 2 tombstone, 3 siblings, 4 register; + 8: with expiry
//   expiry   u64, milliseconds since 1970
//   body     as Replication/AntiEntropy/ComparisonPart.swift says; at most 8 MiB; of collect as
//            Replication/Collection/CollectionPart.swift says; at most 1 MiB
//   ticket   index:u32 generation:u32

/// Bytes of messages between nodes, and back.
public enum PeerCodec {
    /// Appends one message. O(key + value).
    public static func encode(_ message: Message, into out: inout ByteBuffer) {
        if let epoch = message.key?.epoch, epoch != 0 {
            out.append(128 as UInt8)
            out.appendInteger(epoch)
        }
        switch message {
        case .store(let key, let content, let version, let ticket):
            appendHead(1, key, content, version, to: &out)
            append(ticket, to: &out)
            append(key, content, to: &out)
        case .restore(let key, let content, let version, let ticket):
            appendHead(32, key, content, version, to: &out)
            append(ticket, to: &out)
            append(key, content, to: &out)
        case .fenced(let version, let below, let ticket):
            out.append(33 as UInt8)
            append(version, to: &out)
            out.appendInteger(below)
            append(ticket, to: &out)
        case .collection(let part): append(part, to: &out)
        case .stored(let ticket):
            out.append(2 as UInt8)
            append(ticket, to: &out)
        case .fetch(let key, let known, let ticket):
            out.append(3 as UInt8)
            out.appendInteger(key.keyspace.raw)
            out.appendInteger(UInt32(key.bytes.count))
            append(known, to: &out)
            append(ticket, to: &out)
            out.append(key.bytes)
        case .fetched(let version, let fetched, let ticket):
            out.append(4 as UInt8)
            switch fetched {
            case .notNewer:
                out.append(0 as UInt8)
                out.appendInteger(0 as UInt32)
                append(version, to: &out)
                append(ticket, to: &out)
            case .found(let content):
                out.append((content.form.rawValue + 1) | (content.expiry == 0 ? 0 : 8))
                out.appendInteger(UInt32(content.bytes.count))
                append(version, to: &out)
                append(ticket, to: &out)
                if content.expiry != 0 { out.appendInteger(content.expiry) }
                out.append(content.bytes)
            }
        case .hint(let key, let content, let version, let owner, let ticket):
            appendHead(6, key, content, version, to: &out)
            append(ticket, to: &out)
            out.appendInteger(owner.index)
            append(key, content, to: &out)
        case .repair(let key, let content, let version):
            appendHead(5, key, content, version, to: &out)
            append(key, content, to: &out)
        case .pass(let key, let rest, let ticket): append(pass: key, rest, ticket, to: &out)
        case .passed(let response, let ticket): append(passed: response, ticket, to: &out)
        case .prepare, .promised, .accept, .accepted, .rejected, .propose, .proposed:
            encodeForRegister(message, into: &out)
        case .comparison(let part):
            out.append(15 as UInt8)
            out.append(part.kind.rawValue)
            out.appendInteger(part.keyspace.raw)
            out.appendInteger(part.round)
            out.appendInteger(part.step)
            out.appendInteger(UInt32(part.body.count))
            out.append(part.body)
        case .scan(let body, let ticket): append(32, body, ticket, to: &out)
        case .scanned(let body, let ticket): append(33, body, ticket, to: &out)
        case .definition(let bytes): append(7, bytes, to: &out)
        case .transfer(let bytes): append(22, bytes, to: &out)
        }
    }

    private static func append(_ type: UInt8, _ bytes: Bytes, to out: inout ByteBuffer) {
        out.append(type)
        out.appendInteger(UInt32(bytes.count))
        out.append(bytes)
    }

    /// Appends a message of membership, which is not for the node; none is a heartbeat.
    public static func encodeMembership(_ bytes: Bytes, into out: inout ByteBuffer) {
        out.append(0 as UInt8)
        out.appendInteger(UInt32(bytes.count))
        out.append(bytes)
    }

    /// Reads a message of membership if one comes next.
    public static func decodeMembership(_ reader: inout ByteReader) throws(DecodeError) -> Bytes? {
        guard reader.remaining > 0, reader.bytes[reader.offset] == 0 else { return nil }
        _ = try reader.integer(UInt8.self)
        return try reader.take(Int(try reader.integer(UInt32.self)))
    }

    /// Reads one message; its bytes point into the reader's. Keys are hashed here, with the
    /// cluster's seed: a hash from outside is not trusted.
    public static func decode(
        _ reader: inout ByteReader, clusterSeed: UInt64
    ) throws(DecodeError) -> Message {
        let type = try reader.integer(UInt8.self)
        switch type {
        case 1:
            let head = try writeHead(&reader)
            let ticket = try ticket(&reader)
            let (key, content) = try content(&reader, head, clusterSeed)
            return .store(key, content, head.version, ticket)
        case 2:
            return .stored(try ticket(&reader))
        case 3:
            let keyspace = KeyspaceID(try reader.integer(UInt16.self))
            let keyCount = try keyLength(&reader)
            let known = try version(&reader)
            let ticket = try ticket(&reader)
            let key = try reader.take(keyCount)
            return .fetch(
                HashedKey(key, seed: clusterSeed, in: keyspace), known: known, ticket)
        case 4:
            let kind = try reader.integer(UInt8.self)
            let count = try valueLength(&reader)
            let version = try version(&reader)
            let ticket = try ticket(&reader)
            if kind == 0, count == 0 { return .fetched(version, .notNewer, ticket) }
            let expiry = kind & 8 == 0 ? 0 : try reader.integer(UInt64.self)
            guard let form = Content.Form(rawValue: (kind & ~8) &- 1),
                form != .tombstone || count == 0
            else { throw .invalid("unknown kind of a fetched message") }
            let content = Content(form, try reader.take(count), expiry: expiry)
            guard content.isWellFormed else { throw .invalid("a malformed register") }
            if form == .siblings { try SiblingSet.check(content.bytes) }
            return .fetched(version, .found(content), ticket)
        case 5:
            let head = try writeHead(&reader)
            let (key, content) = try content(&reader, head, clusterSeed)
            return .repair(key, content, head.version)
        case 6:
            let head = try writeHead(&reader)
            let ticket = try ticket(&reader)
            let owner = NodeID(try reader.integer(UInt16.self))
            let (key, content) = try content(&reader, head, clusterSeed)
            return .hint(key, content, head.version, for: owner, ticket)
        case 15: return .comparison(try comparison(&reader))
        case 32:
            let head = try writeHead(&reader)
            let ticket = try ticket(&reader)
            let (key, content) = try content(&reader, head, clusterSeed)
            return .restore(key, content, head.version, ticket)
        case 33:
            let version = try version(&reader)
            let below: UInt64 = try reader.integer()
            return .fenced(version, below: below, try ticket(&reader))
        case 34: return .collection(try collection(&reader))
        case 22:
            let bytes = try reader.take(Int(try reader.integer(UInt32.self)))
            try TransferMessage.check(bytes, clusterSeed: clusterSeed)
            return .transfer(bytes)
        case 128: return try epochAndMessage(&reader, clusterSeed)
        case 20: return try pass(&reader, clusterSeed)
        case 21: return try passed(&reader)
        case 32, 33: return try scan(&reader, isAnswer: type == 33)
        case 7:
            let bytes = try reader.take(Int(try reader.integer(UInt32.self)))
            try DefinitionMessage.check(bytes)
            return .definition(bytes)
        default:
            return try decodeForRegister(type, &reader, clusterSeed: clusterSeed)
        }
    }

    private static func append(
        _ type: UInt8, _ body: Bytes, _ ticket: Ticket, to out: inout ByteBuffer
    ) {
        out.append(type)
        out.appendInteger(UInt32(body.count))
        append(ticket, to: &out)
        out.append(body)
    }

    private static func scan(
        _ reader: inout ByteReader, isAnswer: Bool
    ) throws(DecodeError) -> Message {
        let count = Int(try reader.integer(UInt32.self))
        let ticket = try ticket(&reader)
        let body = try reader.take(count)
        guard isAnswer else {
            try ScanMessages.check(question: body)
            return .scan(body, ticket)
        }
        try ScanMessages.check(answer: body)
        return .scanned(body, ticket)
    }

    private static func epochAndMessage(
        _ reader: inout ByteReader, _ clusterSeed: UInt64
    ) throws(DecodeError) -> Message {
        let epoch = try reader.integer(UInt32.self)
        guard epoch != 0, reader.remaining > 0, reader.bytes[reader.offset] != 128 else {
            throw .invalid("an epoch of zero, or before another one")
        }
        let message = try decode(&reader, clusterSeed: clusterSeed)
        guard message.isForReplica else {
            throw .invalid("an epoch before a message that has none")
        }
        return message.at(epoch)
    }

    private static func comparison(
        _ reader: inout ByteReader
    ) throws(DecodeError) -> ComparisonPart {
        guard let kind = ComparisonPart.Kind(rawValue: try reader.integer()) else {
            throw .invalid("unknown kind of a comparison message")
        }
        let keyspace = KeyspaceID(try reader.integer(UInt16.self))
        let round: UInt32 = try reader.integer()
        let step: UInt32 = try reader.integer()
        let count = Int(try reader.integer(UInt32.self))
        guard count <= ComparisonPart.maximumBytes else {
            throw .invalid("a comparison message longer than 8 MiB")
        }
        return ComparisonPart(
            kind, keyspace: keyspace, round: round, step: step, body: try reader.take(count))
    }

    /// What messages that carry a write begin with.
    private struct WriteHead {
        var flags: UInt8
        var isTombstone: Bool { flags & 1 != 0 }
        var keyCount: Int
        var valueCount: Int
        var version: Version
    }

    @inline(__always)
    private static func writeHead(_ reader: inout ByteReader) throws(DecodeError) -> WriteHead {
        let flags = try reader.integer(UInt8.self)
        guard flags <= 3 else { throw .invalid("unknown flags in a message with a write") }
        let head = WriteHead(
            flags: flags, keyCount: try keyLength(&reader),
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
    ) throws(DecodeError) -> (HashedKey, Content) {
        var keyspace = KeyspaceID.default
        var form = head.isTombstone ? Content.Form.tombstone : .value
        var expiry: UInt64 = 0
        if head.flags & 2 != 0 {
            keyspace = KeyspaceID(try reader.integer(UInt16.self))
            guard let given = Content.Form(rawValue: try reader.integer(UInt8.self)),
                (given == .tombstone) == head.isTombstone
            else { throw .invalid("unknown form in a message with a write") }
            form = given
            expiry = try reader.integer()
        }
        let key = try reader.take(head.keyCount)
        let bytes = try reader.take(head.valueCount)
        if form == .siblings { try SiblingSet.check(bytes) }
        let content = Content(form, bytes, expiry: expiry)
        guard content.isWellFormed else { throw .invalid("a malformed register") }
        return (HashedKey(key, seed: clusterSeed, in: keyspace), content)
    }

    @inline(__always)
    private static func isShort(_ key: HashedKey, _ content: Content) -> Bool {
        key.keyspace == .default && content.isPlain
    }

    @inline(__always)
    private static func appendHead(
        _ type: UInt8, _ key: HashedKey, _ content: Content, _ version: Version,
        to out: inout ByteBuffer
    ) {
        out.append(type)
        out.append((content.isTombstone ? 1 : 0) | (isShort(key, content) ? 0 : 2) as UInt8)
        out.appendInteger(UInt32(key.bytes.count))
        out.appendInteger(UInt32(content.bytes.count))
        append(version, to: &out)
    }

    @inline(__always)
    private static func append(_ key: HashedKey, _ content: Content, to out: inout ByteBuffer) {
        if !isShort(key, content) {
            out.appendInteger(key.keyspace.raw)
            out.append(content.form.rawValue)
            out.appendInteger(content.expiry)
        }
        out.append(key.bytes)
        out.append(content.bytes)
    }

    @inline(__always)
    static func append(_ version: Version, to out: inout ByteBuffer) {
        out.appendInteger(version.stamp)
        out.appendInteger(version.actor.raw)
    }

    @inline(__always)
    static func append(_ ticket: Ticket, to out: inout ByteBuffer) {
        out.appendInteger(ticket.index)
        out.appendInteger(ticket.generation)
    }

    @inline(__always)
    static func version(_ reader: inout ByteReader) throws(DecodeError) -> Version {
        let stamp = try reader.integer(UInt64.self)
        return Version(stamp: stamp, actor: Actor(raw: try reader.integer(UInt64.self)))
    }

    @inline(__always)
    static func ticket(_ reader: inout ByteReader) throws(DecodeError) -> Ticket {
        let index = try reader.integer(UInt32.self)
        return Ticket(index: index, generation: try reader.integer(UInt32.self))
    }

    static func keyLength(_ reader: inout ByteReader) throws(DecodeError) -> Int {
        let count = try reader.integer(UInt32.self)
        guard count <= Limits.keyBytes else { throw .invalid("a key longer than 64 KiB") }
        return Int(count)
    }

    static func valueLength(_ reader: inout ByteReader) throws(DecodeError) -> Int {
        let count = try reader.integer(UInt32.self)
        guard count <= Limits.valueBytes else { throw .invalid("a value longer than 16 MiB") }
        return Int(count)
    }
}
