import Basics
import Causality

/// A snapshot of one node: the head and the parts of a checkpoint, in a folder of their own.
public struct SnapshotReader {
    private let head: CheckpointHead
    private let files: [DiskFile]

    /// Names of files with their sizes, and how so many bytes of one are read from an offset.
    public typealias Read = (
        _ name: String, _ offset: Int, _ count: Int
    ) throws(DiskError) -> [UInt8]

    /// Records in it, writes held for other nodes included.
    public var records: UInt64 { head.records }
    public var bytes: UInt64 { head.bytes }

    /// Finds the head. Throws what is wrong with it, and which part is missing.
    public init(_ files: [DiskFile], read: Read) throws(StorageError) {
        self.files = files
        var reason = StorageError.missing(
            file: CheckpointHead.fileNames[0], what: "a snapshot has a head")
        var found: CheckpointHead?
        for file in files where CheckpointHead.fileNames.contains(file.name) {
            let bytes = try asStorageError { () throws(DiskError) in
                try read(file.name, 0, file.size)
            }
            do throws(StorageError) {
                let head = try CheckpointHead.decode(bytes, of: file)
                if head.number > found?.number ?? 0 { found = head }
            } catch {
                reason = error
            }
        }
        guard let found else { throw reason }
        head = found
        for name in found.partNames where !files.contains(where: { $0.name == name }) {
            throw .missing(file: name, what: "the snapshot consists of \(found.parts) parts")
        }
    }

    /// One record. Bytes are valid during the visit.
    public struct Item {
        public let keyspace: KeyspaceID
        public let key: Bytes
        public let content: Content
        public let version: Version
    }

    /// Visits every record, deletions included; of writes held for other nodes too, which are
    /// those nodes' records. Stops at the first damage.
    public func visit(
        read: Read, _ visit: (Item) throws(StorageError) -> Void
    ) throws(StorageError) {
        var records: UInt64 = 0
        for (number, name) in head.partNames.enumerated() {
            guard let file = files.first(where: { $0.name == name }) else { continue }
            let bytes = try asStorageError { () throws(DiskError) in try read(name, 0, file.size) }
            let segment = CheckpointHead.segment(head.number, number)
            records += try Bytes.lending(bytes) { bytes throws(StorageError) in
                try PartReader.visit(
                    bytes, of: name, store: head.store, segment: segment
                ) { record throws(StorageError) in
                    try visit(
                        Item(
                            keyspace: record.keyspace, key: record.key, content: record.content,
                            version: record.version))
                }
            }
        }
        guard records == head.records else {
            throw .damaged(
                file: CheckpointHead.fileNames[0], offset: 0,
                what: "the parts have \(records) records, expected \(head.records)")
        }
    }
}

/// A part of a checkpoint, all of which must be valid.
enum PartReader {
    /// Visits its records and returns how many there are.
    static func visit(
        _ bytes: Bytes, of file: String, store: UInt64, segment: UInt64,
        _ visit: (LogFormat.LogRecord) throws(StorageError) -> Void
    ) throws(StorageError) -> UInt64 {
        guard
            case .valid(let header) = LogFormat.readSegmentHeader(
                bytes, magic: CheckpointHead.partMagic),
            header.store == store, header.segment == segment
        else {
            throw .damaged(file: file, offset: 0, what: "the header is not that of this part")
        }
        var offset = LogFormat.segmentHeaderBytes
        var records: UInt64 = 0
        while offset < bytes.count {
            guard
                let frame = LogFormat.readFrame(
                    bytes, at: offset, store: store, segment: segment)
            else { throw .damaged(file: file, offset: offset, what: "no valid frame") }
            var reader = ByteReader(frame.records)
            for _ in 0..<frame.count {
                let record: LogFormat.LogRecord
                do { record = try LogFormat.readRecord(&reader) } catch {
                    throw .damaged(
                        file: file, offset: offset,
                        what: "the frame's checksum holds, but \(error)")
                }
                records += 1
                try visit(record)
            }
            offset += frame.length
        }
        return records
    }
}
