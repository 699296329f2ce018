import Basics
import Causality

// Bodies of the messages `scan` and `scanned`, little-endian:
//
//   question = definition:u64 round:u16 flags:u8 keyspace:u16 limit:u32 first:u64 last:u64 keyLength:u32 key
//   answer   = definition:u64 round:u16 state:u8 next:u64 keyLength:u32 key record*
//   record   = hash:u64 form:u8 expiry:u64 stamp:u64 actor:u64 keyLength:u32 valueLength:u32
//              key value
//
//   flags    bit 0: by key, from `key` on; else by hash, from `first` to `last`, both included
//            bit 1: with values; else a record has none, and its form is value or tombstone
//   state    0 there is more: all records before the hash `next`, or up to the key, are here
//            1 that is all
//            2 nothing yet: keys are still being put in order
//   definition  the version of the cluster's definition that the asker goes by; whoever goes by
//               another one does not answer, for it may not know what it holds
//   records  ascending: by hash and then key, or by key with hashes of 0

/// What a replica is asked for a scan.
struct ScanQuestion {
    var definition: UInt64
    var round: UInt16
    var isByKey: Bool
    var hasValues: Bool
    var keyspace: KeyspaceID
    /// About how many records are to be visited.
    var limit: UInt32
    var hashes: ClosedRange<UInt64>
    var key: Bytes

    /// Records that one answer visits, at most, and bytes beyond which it ends.
    static let mostRecords: UInt32 = 10_000
    static let mostBytes = 4 << 20

    init(
        definition: UInt64, round: UInt16, isByKey: Bool, hasValues: Bool, keyspace: KeyspaceID,
        limit: UInt32, hashes: ClosedRange<UInt64>, key: Bytes
    ) {
        self.definition = definition
        self.round = round
        self.isByKey = isByKey
        self.hasValues = hasValues
        self.keyspace = keyspace
        self.limit = limit
        self.hashes = hashes
        self.key = key
    }

    init(_ bytes: Bytes) throws(DecodeError) {
        var reader = ByteReader(bytes)
        definition = try reader.integer()
        round = try reader.integer()
        let flags: UInt8 = try reader.integer()
        guard flags <= 3 else { throw .invalid("unknown flags of a scan") }
        isByKey = flags & 1 != 0
        hasValues = flags & 2 != 0
        keyspace = KeyspaceID(try reader.integer())
        limit = min(try reader.integer(), ScanQuestion.mostRecords)
        let first: UInt64 = try reader.integer()
        let last: UInt64 = try reader.integer()
        guard first <= last, limit > 0 else { throw .invalid("a scan of nothing") }
        hashes = first...last
        key = try reader.scannedKey()
        guard reader.remaining == 0 else { throw .invalid("a scan with more behind it") }
    }

    func encode(into out: inout ByteBuffer) {
        out.appendInteger(definition)
        out.appendInteger(round)
        out.append((isByKey ? 1 : 0) | (hasValues ? 2 : 0) as UInt8)
        out.appendInteger(keyspace.raw)
        out.appendInteger(limit)
        out.appendInteger(hashes.lowerBound)
        out.appendInteger(hashes.upperBound)
        out.appendInteger(UInt32(key.count))
        out.append(key)
    }
}

/// What a replica has answered: the head of the answer, and where its records are.
struct ScanAnswer {
    enum State: UInt8 { case more = 0, done, ordering }

    var definition: UInt64
    var round: UInt16
    var state: State
    var next: UInt64
    var key: Bytes
    /// Offset of the first record.
    var start: Int

    init(_ bytes: Bytes) throws(DecodeError) {
        var reader = ByteReader(bytes)
        definition = try reader.integer()
        round = try reader.integer()
        guard let state = State(rawValue: try reader.integer()) else {
            throw .invalid("unknown state of a scan's answer")
        }
        self.state = state
        next = try reader.integer()
        key = try reader.scannedKey()
        start = reader.offset
    }

    /// Writes the head for an answer whose records are in `records`, then those.
    static func encode(
        _ question: ScanQuestion, _ state: State, next: UInt64, key: Bytes, records: Bytes,
        into out: inout ByteBuffer
    ) {
        out.appendInteger(question.definition)
        out.appendInteger(question.round)
        out.append(state.rawValue)
        out.appendInteger(next)
        out.appendInteger(UInt32(key.count))
        out.append(key)
        out.append(records)
    }

    /// Throws what is wrong with an answer from outside: order included, which merging relies on.
    static func check(_ bytes: Bytes) throws(DecodeError) {
        let answer = try ScanAnswer(bytes)
        var reader = ByteReader(bytes.slice(answer.start, bytes.count))
        var last: ScanRecord?
        while reader.remaining > 0 {
            let record = try ScanRecord(&reader)
            guard record.content.isWellFormed else { throw .invalid("a malformed register") }
            if record.content.form == .siblings { try SiblingSet.check(record.content.bytes) }
            if let last, !last.isBefore(record) {
                throw .invalid("a scan's answer out of order")
            }
            last = record
        }
    }
}

/// A record in an answer.
struct ScanRecord {
    /// 0 by key.
    var hash: UInt64
    var key: Bytes
    var version: Version
    var content: Content

    init(_ reader: inout ByteReader) throws(DecodeError) {
        hash = try reader.integer()
        guard let form = Content.Form(rawValue: try reader.integer()) else {
            throw .invalid("unknown form of a scanned record")
        }
        let expiry: UInt64 = try reader.integer()
        let stamp: UInt64 = try reader.integer()
        version = Version(stamp: stamp, actor: Actor(raw: try reader.integer()))
        let keyCount: UInt32 = try reader.integer()
        let valueCount: UInt32 = try reader.integer()
        guard keyCount <= Limits.keyBytes, valueCount <= Limits.valueBytes else {
            throw .invalid("a scanned record longer than may be")
        }
        key = try reader.take(Int(keyCount))
        content = Content(form, try reader.take(Int(valueCount)), expiry: expiry)
    }

    static func append(
        hash: UInt64, _ key: Bytes, _ version: Version, _ content: Content,
        to out: inout ByteBuffer
    ) {
        out.appendInteger(hash)
        out.append(content.form.rawValue)
        out.appendInteger(content.expiry)
        out.appendInteger(version.stamp)
        out.appendInteger(version.actor.raw)
        out.appendInteger(UInt32(key.count))
        out.appendInteger(UInt32(content.bytes.count))
        out.append(key)
        out.append(content.bytes)
    }

    func isBefore(_ other: ScanRecord) -> Bool {
        hash != other.hash ? hash < other.hash : key < other.key
    }

    func isSame(_ other: ScanRecord) -> Bool { hash == other.hash && key == other.key }
}

extension ByteReader {
    fileprivate mutating func scannedKey() throws(DecodeError) -> Bytes {
        let count: UInt32 = try integer()
        // A place behind a key is the key with a zero byte.
        guard count <= Limits.keyBytes + 1 else { throw .invalid("a key longer than 64 KiB") }
        return try take(Int(count))
    }
}

/// Bodies of scans from outside.
public enum ScanMessages {
    /// Throws what is wrong with a question.
    public static func check(question bytes: Bytes) throws(DecodeError) {
        _ = try ScanQuestion(bytes)
    }

    /// Throws what is wrong with an answer.
    public static func check(answer bytes: Bytes) throws(DecodeError) {
        try ScanAnswer.check(bytes)
    }
}
