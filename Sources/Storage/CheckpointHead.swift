import Basics
import Causality

/// What a checkpoint consists of, and which part of the log it makes obsolete.
///
/// Two files hold the same bytes, so that one damaged file does no harm:
///
/// ```
/// head = magic:8 format:u32 crc:u32 store:u64 number:u64 parts:u32 bytes:u64 records:u64
///        segment:u64 first:u64 durable:u64 stamp:u64
/// part = header frame*                          ; as of the log, with a magic of its own
/// ```
///
/// Integers are little-endian; the crc covers all other bytes. The parts hold every record as it
/// was at some moment between the log positions of the checkpoint's begin and `durable`; with all
/// that the log has from `segment` on put over them, the state is that of the log's end. In a
/// part's header and frames the segment is number · 65536 + part, from 0, and `first` is the place
/// in the part.
struct CheckpointHead: Equatable {
    var store: UInt64
    /// Counts the checkpoints, from 1.
    var number: UInt64
    var parts: UInt32
    /// Of all parts.
    var bytes: UInt64
    var records: UInt64
    /// The first segment of the log that is still needed, and the log position of its first byte.
    var segment: UInt64
    var first: UInt64
    /// The log was synced up to here when the checkpoint was installed.
    var durable: UInt64
    /// Largest stamp among all records ever stored.
    var stamp: UInt64

    /// The two copies, in the order in which they are written.
    static let fileNames = ["checkpoint.meta", "checkpoint.meta.copy"]

    /// "QMCHK", carriage return, line feed, end of file.
    private static let magic: UInt64 = 0x1a0a_0d4b_4843_4d51
    /// "QMPRT", carriage return, line feed, end of file.
    static let partMagic: UInt64 = 0x1a0a_0d54_5250_4d51
    private static let format: UInt32 = 1
    private static let byteCount = 84

    static func partName(_ number: UInt64, _ part: Int) -> String {
        "checkpoint-\(padded(number, 10))-\(padded(UInt64(part), 5)).part"
    }

    private static func padded(_ number: UInt64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    /// Whether a file is a part of any checkpoint.
    static func isPart(_ name: String) -> Bool {
        name.hasPrefix("checkpoint-") && name.hasSuffix(".part")
    }

    /// What stands for the segment in a part's header and frames.
    static func segment(_ number: UInt64, _ part: Int) -> UInt64 { number << 16 | UInt64(part) }

    /// The names of the parts.
    var partNames: [String] { (0..<Int(parts)).map { CheckpointHead.partName(number, $0) } }

    func encoded() -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.appendInteger(CheckpointHead.magic)
        buffer.appendInteger(CheckpointHead.format)
        buffer.appendInteger(UInt32(0))
        buffer.appendInteger(store)
        buffer.appendInteger(number)
        buffer.appendInteger(parts)
        for field in [bytes, records, segment, first, durable, stamp] {
            buffer.appendInteger(field)
        }
        buffer.overwrite(CheckpointHead.checksum(buffer.bytes), at: 12)
        return buffer.bytes.copied()
    }

    private static func checksum(_ bytes: Bytes) -> UInt32 {
        CRC32C.checksum(bytes.slice(16, bytes.count), seed: CRC32C.checksum(bytes.slice(0, 12)))
    }

    /// The valid copy of the highest number; nil if there are no copies at all.
    static func newest(
        on disk: any Disk, _ files: [DiskFile], store: UInt64
    ) throws(StorageError) -> CheckpointHead? {
        var newest: CheckpointHead?
        var reason: StorageError?
        for file in files where fileNames.contains(file.name) {
            do {
                let head = try read(file, on: disk, store: store)
                if head.number > newest?.number ?? 0 { newest = head }
            } catch {
                if case .newerFormat = error { throw error }
                reason = reason ?? error
            }
        }
        if newest == nil, let reason { throw reason }
        return newest
    }

    /// The parts that a copy names; none if it cannot be used.
    static func parts(_ bytes: [UInt8], store: UInt64?) -> [String] {
        guard damage(in: DiskFile(name: fileNames[0], size: bytes.count), bytes: bytes) == nil
        else { return [] }
        do {
            return try Bytes.lending(bytes) { bytes throws(StorageError) in
                let head = try decode(bytes, of: fileNames[0])
                return store == nil || head.store == store ? head.partNames : []
            }
        } catch { return [] }
    }

    /// Why a copy's bytes cannot be used; nil if they can.
    static func damage(in file: DiskFile, bytes: [UInt8]) -> StorageError? {
        do {
            _ = try Bytes.lending(bytes) { bytes throws(StorageError) in
                guard bytes.count == byteCount else {
                    throw .damaged(
                        file: file.name, offset: 0,
                        what: "\(bytes.count) bytes long, expected \(byteCount)")
                }
                return try decode(bytes, of: file.name)
            }
            return nil
        } catch { return error }
    }

    private static func read(
        _ file: DiskFile, on disk: any Disk, store: UInt64
    ) throws(StorageError) -> CheckpointHead {
        guard file.size == byteCount else {
            throw .damaged(
                file: file.name, offset: 0, what: "\(file.size) bytes long, expected \(byteCount)")
        }
        let bytes = try asStorageError { () throws(DiskError) in
            try disk.read(file.name, at: 0, count: file.size)
        }
        let head = try Bytes.lending(bytes) { bytes throws(StorageError) in
            try decode(bytes, of: file.name)
        }
        guard head.store == store else {
            throw .foreign(
                file: file.name, found: "store \(hexadecimal(head.store))",
                expected: "store \(hexadecimal(store))")
        }
        return head
    }

    /// A copy's bytes.
    static func decode(_ bytes: [UInt8], of file: DiskFile) throws(StorageError) -> CheckpointHead {
        if let damage = damage(in: file, bytes: bytes) { throw damage }
        return try Bytes.lending(bytes) { bytes throws(StorageError) in
            try decode(bytes, of: file.name)
        }
    }

    private static func decode(
        _ bytes: Bytes, of file: String
    ) throws(StorageError) -> CheckpointHead {
        var reader = ByteReader(bytes)
        do {
            guard try reader.integer(UInt64.self) == magic else {
                throw StorageError.unrecognised(
                    file: file, what: "it does not begin with a checkpoint's header")
            }
            let found: UInt32 = try reader.integer()
            guard found <= format else {
                throw StorageError.newerFormat(file: file, found: found, supported: format)
            }
            guard try reader.integer(UInt32.self) == checksum(bytes) else {
                throw StorageError.damaged(
                    file: file, offset: 0, what: "it does not match its checksum")
            }
            return CheckpointHead(
                store: try reader.integer(), number: try reader.integer(),
                parts: try reader.integer(), bytes: try reader.integer(),
                records: try reader.integer(), segment: try reader.integer(),
                first: try reader.integer(), durable: try reader.integer(),
                stamp: try reader.integer())
        } catch let error as StorageError {
            throw error
        } catch {
            throw .damaged(file: file, offset: 0, what: "\(error)")
        }
    }
}
