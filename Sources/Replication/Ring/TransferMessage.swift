import Basics
import Causality
import Storage

// What brings a shard to its new replica, inside a message of type `transfer`, little-endian:
//
//   pull    1 place
//   page    2 place next:u64 last:u8 count:u16 mark* record*
//   mark    keyspace:u16 fence:u64 stamp:u64 actor:u64     ; what the shard's deletions left
//   place   change:u32 n:u8 shard:u16 from:u64
//   record  hash:u64 keyspace:u16 form:u8 expiry:u64 stamp:u64 actor:u64 keyLength:u32
//           valueLength:u32 key value
//
//   change  the number of the change of the ring
//   from    records of hashes below this are not asked for, or not in the page
//   next    where the next page begins; no meaning after the last

/// A step of bringing a shard to its new replica. Each is safe to lose and to repeat.
public struct TransferMessage {
    /// Which part of which shard.
    struct Place: Hashable {
        var change: UInt32
        var n: UInt8
        var shard: UInt16
        var from: UInt64
    }

    enum Kind {
        case pull
        /// Its records are the rest of the message.
        case page(next: UInt64, isLast: Bool, records: Bytes)
    }

    struct Record {
        var key: HashedKey
        var version: Version
        var content: Content
    }

    /// What is known of a shard besides its records.
    struct Mark {
        var keyspace: KeyspaceID
        var mark: ShardMark
    }

    var place: Place
    var kind: Kind
    /// Of a page.
    private(set) var marks: [Mark] = []

    init(_ bytes: Bytes) throws(DecodeError) {
        var reader = ByteReader(bytes)
        let type: UInt8 = try reader.integer()
        place = Place(
            change: try reader.integer(), n: try reader.integer(), shard: try reader.integer(),
            from: try reader.integer())
        switch type {
        case 1: kind = .pull
        case 2:
            let next: UInt64 = try reader.integer()
            let isLast = try reader.integer(UInt8.self) != 0
            for _ in 0..<Int(try reader.integer(UInt16.self)) {
                let keyspace = KeyspaceID(try reader.integer(UInt16.self))
                let fence: UInt64 = try reader.integer()
                let stamp: UInt64 = try reader.integer()
                let floor = Version(stamp: stamp, actor: Actor(raw: try reader.integer()))
                marks.append(
                    Mark(keyspace: keyspace, mark: ShardMark(fence: fence, floor: floor)))
            }
            kind = .page(
                next: next, isLast: isLast, records: try reader.take(reader.remaining))
        default: throw .invalid("unknown type of a transfer message")
        }
        guard reader.remaining == 0 else { throw .invalid("a transfer message with more behind") }
    }

    /// Throws what is wrong with bytes from outside; a hash from outside is not trusted.
    public static func check(_ bytes: Bytes, clusterSeed: UInt64) throws(DecodeError) {
        guard case .page(_, _, let records) = try TransferMessage(bytes).kind else { return }
        var reader = ByteReader(records)
        while reader.remaining > 0 {
            let record = try reader.transferRecord()
            let key = record.key
            guard HashedKey(key.bytes, seed: clusterSeed, in: key.keyspace).hash == key.hash,
                !record.version.isNone || record.content.form == .register
            else { throw .invalid("a record with a hash that is not its key's, or no version") }
            guard record.content.isWellFormed else { throw .invalid("a malformed register") }
            if record.content.form == .siblings { try SiblingSet.check(record.content.bytes) }
        }
    }

    static func encode(pull place: Place, into out: inout ByteBuffer) {
        out.append(1 as UInt8)
        out.append(place)
    }

    /// Begins a page, whose end is told when it is known.
    static func begin(page place: Place, _ marks: [Mark], into out: inout ByteBuffer) {
        out.append(2 as UInt8)
        out.append(place)
        out.appendInteger(0 as UInt64)
        out.append(0 as UInt8)
        out.appendInteger(UInt16(marks.count))
        for mark in marks {
            out.appendInteger(mark.keyspace.raw)
            out.appendInteger(mark.mark.fence)
            out.appendInteger(mark.mark.floor.stamp)
            out.appendInteger(mark.mark.floor.actor.raw)
        }
    }

    /// `next`: where to go on; nil after the last page.
    static func end(next: UInt64?, in out: inout ByteBuffer) {
        out.overwrite(next ?? 0, at: 16)
        out.overwrite((next == nil ? 1 : 0) as UInt8, at: 24)
    }
}

extension ByteBuffer {
    fileprivate mutating func append(_ place: TransferMessage.Place) {
        appendInteger(place.change)
        append(place.n)
        appendInteger(place.shard)
        appendInteger(place.from)
    }

    mutating func append(_ visited: LogStore.Visited, hash: UInt64) {
        appendInteger(hash)
        appendInteger(visited.keyspace.raw)
        append(visited.found.content.form.rawValue)
        appendInteger(visited.found.content.expiry)
        appendVersion(visited.found.version)
        appendInteger(UInt32(visited.key.count))
        appendInteger(UInt32(visited.found.content.bytes.count))
        append(visited.key)
        append(visited.found.content.bytes)
    }
}

extension ByteReader {
    mutating func transferRecord() throws(DecodeError) -> TransferMessage.Record {
        let hash: UInt64 = try integer()
        let keyspace = KeyspaceID(try integer(UInt16.self))
        guard let form = Content.Form(rawValue: try integer(UInt8.self)) else {
            throw .invalid("unknown form of a record")
        }
        let expiry: UInt64 = try integer()
        let version = try version()
        let keyCount = Int(try integer(UInt32.self))
        let valueCount = Int(try integer(UInt32.self))
        guard keyCount <= Limits.keyBytes, valueCount <= Limits.valueBytes,
            form != .tombstone || valueCount == 0
        else { throw .invalid("a record longer than any may be") }
        let key = try take(keyCount)
        let content = Content(form, try take(valueCount), expiry: expiry)
        return TransferMessage.Record(
            key: HashedKey(key, hash: hash, in: keyspace), version: version, content: content)
    }
}
