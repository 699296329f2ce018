import Basics
import Causality

/// The bytes of the log. docs/formats/log.md shows an example.
///
/// ```
/// log      = segment-0000000001.log segment-0000000002.log …
/// segment  = header frame* | nothing            ; nothing: prepared, not yet used
/// header   = magic:8 format:u32 crc:u32 store:u64 segment:u64 first:u64
/// frame    = crc:u32 length:u32 first:u64 durable:u64 count:u32 record*
/// record   = kind:u8 stamp:u64 actor:u64 keyLength:u32 valueLength:u32 more? owed? key value
/// kind     = 1 (value) | 2 (deletion, no value)
///          | 3 (value) | 4 (deletion) that is owed to another node
///          | 5 (no value: what is owed up to this version is settled)
///          | 6 (no value: the record is gone if it has no later version)
///          | 7 (a mark of a shard: its floor is the version, the rest is the key)
///          | 8 (stamps are reserved below the version's; the key says when)
///          | 64 + one of these: more follows
/// more     = keyspace:u16 form:u8 expiry:u64     ; form 0 to 3 (Content.Form); milliseconds, or 0
/// owed     = node:u16 since:u64                  ; kinds 3 to 5; microseconds since 1970
/// ```
///
/// Integers are little-endian. `first` is the log position of the segment's or frame's first
/// byte, positions counting all bytes of all segments; `length` counts the whole frame; `durable`
/// is the position known to be synced when the frame was closed. The header's crc covers its
/// other bytes. A frame's crc covers what follows it and starts from store, segment and the
/// frame's offset, so that a frame is valid only in the place where it was written.
enum LogFormat {
    /// 1 had no kinds from 64 on, 2 no kind 6, 3 no kinds 7 and 8.
    static let version: UInt32 = 4
    /// "QMLOG", carriage return, line feed, end of file: text-mode copies destroy it.
    static let magic: UInt64 = 0x1a0a_0d47_4f4c_4d51
    static let segmentHeaderBytes = 40
    static let frameHeaderBytes = 28
    static let recordHeaderBytes = 25
    /// A frame is closed once it is this long, even within a turn.
    static let fullFrameBytes = 1 << 20
    /// No frame is longer.
    static let maximumFrameBytes =
        fullFrameBytes + frameHeaderBytes + recordHeaderBytes + 21 + Limits.keyBytes
        + Limits.valueBytes

    static func fileName(_ segment: UInt64) -> String {
        let digits = String(segment)
        let padding = String(repeating: "0", count: max(0, 10 - digits.utf8.count))
        return "segment-" + padding + digits + ".log"
    }

    /// The number of a segment's file; nil for other files.
    static func segment(ofFile name: String) -> UInt64? {
        guard name.hasPrefix("segment-"), name.hasSuffix(".log") else { return nil }
        guard let number = UInt64(name.dropFirst(8).dropLast(4)), fileName(number) == name else {
            return nil
        }
        return number
    }

    /// Where the checksum of a frame begins.
    static func seed(store: UInt64, segment: UInt64, offset: Int) -> UInt32 {
        let seed = CRC32C.checksum(segment, seed: CRC32C.checksum(store, seed: 0))
        return CRC32C.checksum(UInt64(offset), seed: seed)
    }

    // MARK: Writing

    static func appendSegmentHeader(
        to buffer: inout ByteBuffer, magic: UInt64 = magic, store: UInt64, segment: UInt64,
        first: UInt64
    ) {
        let start = buffer.count
        buffer.appendInteger(magic)
        buffer.appendInteger(version)
        buffer.appendInteger(UInt32(0))
        buffer.appendInteger(store)
        buffer.appendInteger(segment)
        buffer.appendInteger(first)
        let header = buffer.bytes.slice(start, buffer.count)
        buffer.overwrite(headerChecksum(header), at: start + 12)
    }

    /// Leaves room for a frame's header.
    static func openFrame(in buffer: inout ByteBuffer) {
        for _ in 0..<frameHeaderBytes { buffer.append(0 as UInt8) }
    }

    /// Writes the header of the frame that goes from `start` to the buffer's end.
    static func closeFrame(
        in buffer: inout ByteBuffer, from start: Int, first: UInt64, durable: UInt64,
        records: UInt32, seed: UInt32
    ) {
        buffer.overwrite(UInt32(buffer.count - start), at: start + 4)
        buffer.overwrite(first, at: start + 8)
        buffer.overwrite(durable, at: start + 16)
        buffer.overwrite(records, at: start + 24)
        let covered = buffer.bytes.slice(start + 4, buffer.count)
        buffer.overwrite(CRC32C.checksum(covered, seed: seed), at: start)
    }

    /// What a record is, beside key, value and version.
    enum Kind {
        case record
        /// A write that this node holds for another one, since a wall-clock time.
        case hint(for: NodeID, since: UInt64)
        /// The other node has it, or never will: the hint is gone.
        case settled(for: NodeID)
        /// The record is taken out, unless it has a later version.
        case purged
        /// What is known of a shard (`ShardMark`), of which the key says all but the floor.
        case mark
        /// Stamps that may have been given (`StampReserve`).
        case reserve
    }

    static func appendRecord(
        to buffer: inout ByteBuffer, _ kind: Kind = .record, _ key: HashedKey,
        _ content: Content, _ version: Version
    ) {
        let bytes = key.bytes
        _ = buffer.reserve(recordHeaderBytes + 21 + bytes.count + content.bytes.count)
        let isShort = key.keyspace == .default && content.isPlain
        let more: UInt8 = isShort ? 0 : 64
        switch kind {
        case .record: buffer.append(more | (content.isTombstone ? 2 : 1))
        case .hint: buffer.append(more | (content.isTombstone ? 4 : 3))
        case .settled: buffer.append(more | 5)
        case .purged: buffer.append(more | 6)
        case .mark: buffer.append(more | 7)
        case .reserve: buffer.append(more | 8)
        }
        buffer.appendInteger(version.stamp)
        buffer.appendInteger(version.actor.raw)
        buffer.appendInteger(UInt32(bytes.count))
        buffer.appendInteger(UInt32(content.bytes.count))
        if !isShort {
            buffer.appendInteger(key.keyspace.raw)
            buffer.append(content.form.rawValue)
            buffer.appendInteger(content.expiry)
        }
        switch kind {
        case .record, .purged, .mark, .reserve: break
        case .hint(let node, let since):
            buffer.appendInteger(node.index)
            buffer.appendInteger(since)
        case .settled(let node):
            buffer.appendInteger(node.index)
            buffer.appendInteger(0 as UInt64)
        }
        buffer.append(bytes)
        buffer.append(content.bytes)
    }

    // MARK: Reading

    struct SegmentHeader {
        var store: UInt64
        var segment: UInt64
        var first: UInt64
    }

    enum HeaderReading {
        case valid(SegmentHeader)
        /// Shorter than a header, or all zeros: never completely written.
        case unwritten
        case noMagic
        case newer(UInt32)
        case badChecksum
    }

    static func readSegmentHeader(
        _ bytes: Bytes, magic: UInt64 = magic
    ) -> HeaderReading {
        guard bytes.count >= segmentHeaderBytes else { return .unwritten }
        let header = bytes.slice(0, segmentHeaderBytes)
        if (0..<segmentHeaderBytes).allSatisfy({ header[$0] == 0 }) { return .unwritten }
        var reader = ByteReader(header)
        do {
            guard try reader.integer(UInt64.self) == magic else { return .noMagic }
            let format = try reader.integer(UInt32.self)
            guard format <= version else { return .newer(format) }
            guard try reader.integer(UInt32.self) == headerChecksum(header), format > 0 else {
                return .badChecksum
            }
            return .valid(
                SegmentHeader(
                    store: try reader.integer(), segment: try reader.integer(),
                    first: try reader.integer()))
        } catch {
            preconditionFailure("the header's length was checked: \(error)")
        }
    }

    private static func headerChecksum(_ header: Bytes) -> UInt32 {
        let seed = CRC32C.checksum(header.slice(0, 12))
        return CRC32C.checksum(header.slice(16, segmentHeaderBytes), seed: seed)
    }

    struct Frame {
        var length: Int
        var first: UInt64
        var durable: UInt64
        var count: Int
        var records: Bytes
    }

    /// The frame at `offset` of these bytes, if one is valid there; `fileOffset` is its offset in
    /// the file, where the bytes are not all of it.
    static func readFrame(
        _ bytes: Bytes, at offset: Int, fileOffset: Int? = nil, store: UInt64, segment: UInt64
    ) -> Frame? {
        guard bytes.count - offset >= frameHeaderBytes else { return nil }
        var reader = ByteReader(bytes.slice(offset, bytes.count))
        do {
            let crc: UInt32 = try reader.integer()
            let length = Int(try reader.integer(UInt32.self))
            let first: UInt64 = try reader.integer()
            let durable: UInt64 = try reader.integer()
            let count = Int(try reader.integer(UInt32.self))
            guard length >= frameHeaderBytes, length <= maximumFrameBytes,
                length <= bytes.count - offset, durable <= first
            else { return nil }
            let covered = bytes.slice(offset + 4, offset + length)
            let seed = seed(store: store, segment: segment, offset: fileOffset ?? offset)
            guard CRC32C.checksum(covered, seed: seed) == crc else { return nil }
            let records = try reader.take(length - frameHeaderBytes)
            return Frame(
                length: length, first: first, durable: durable, count: count, records: records)
        } catch {
            preconditionFailure("the frame's length was checked: \(error)")
        }
    }

    /// What a frame at `offset` would say of its positions; its header must lie in the bytes.
    static func peekPositions(_ bytes: Bytes, at offset: Int) -> (first: UInt64, durable: UInt64) {
        precondition(offset + frameHeaderBytes <= bytes.count, "no room for a frame's header")
        return (
            UInt64(
                littleEndian: bytes.base.loadUnaligned(
                    fromByteOffset: offset + 8, as: UInt64.self)),
            UInt64(
                littleEndian: bytes.base.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
            )
        )
    }

    /// The length that a frame's header names.
    static func peekLength(_ header: Bytes) -> Int {
        precondition(header.count >= frameHeaderBytes, "no room for a frame's header")
        return Int(
            UInt32(
                littleEndian: header.base.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
    }

    /// A record as it was read; bytes point into the frame.
    struct LogRecord {
        var kind: Kind
        var keyspace: KeyspaceID
        var key: Bytes
        var content: Content
        var version: Version
    }

    /// The next record of a frame.
    static func readRecord(_ reader: inout ByteReader) throws(DecodeError) -> LogRecord {
        let lead: UInt8 = try reader.integer()
        let number = lead & ~64
        let stamp: UInt64 = try reader.integer()
        let actor: UInt64 = try reader.integer()
        let keyLength = Int(try reader.integer(UInt32.self))
        let valueLength = Int(try reader.integer(UInt32.self))
        let hasValue = number == 1 || number == 3
        guard number >= 1, number <= 8, hasValue || valueLength == 0,
            number != 7 || keyLength == ShardMark.encodedBytes,
            number != 8 || keyLength == StampReserve.encodedBytes
        else {
            throw .invalid("a record of an unknown kind")
        }
        guard keyLength <= Limits.keyBytes, valueLength <= Limits.valueBytes else {
            throw .invalid("a key or value above the limit")
        }
        var keyspace = KeyspaceID.default
        var form = hasValue ? Content.Form.value : .tombstone
        var expiry: UInt64 = 0
        if lead & 64 != 0 {
            keyspace = KeyspaceID(try reader.integer(UInt16.self))
            guard let given = Content.Form(rawValue: try reader.integer(UInt8.self)),
                (given == .tombstone) != hasValue
            else { throw .invalid("a record of an unknown form") }
            form = given
            expiry = try reader.integer()
        }
        var kind = Kind.record
        switch number {
        case 6: kind = .purged
        case 7: kind = .mark
        case 8: kind = .reserve
        default: break
        }
        if number >= 3, number <= 5 {
            let node = NodeID(try reader.integer(UInt16.self))
            let since: UInt64 = try reader.integer()
            kind = number == 5 ? .settled(for: node) : .hint(for: node, since: since)
        }
        let key = try reader.take(keyLength)
        let value = try reader.take(valueLength)
        return LogRecord(
            kind: kind, keyspace: keyspace, key: key,
            content: Content(form, value, expiry: expiry),
            version: Version(stamp: stamp, actor: Actor(raw: actor)))
    }
}
