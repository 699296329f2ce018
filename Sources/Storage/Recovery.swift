import Basics
import Causality

/// Reads a log from its first segment to its end, and makes the end fit to be continued.
///
/// An invalid frame is the torn end of a crash, unless a valid frame after it says that the log
/// had been synced beyond it: then it is damage to durable data, and the store must not start as
/// if those records had never been (protocol-aware recovery, Alagappan et al. 2018). Damage to the
/// very last synced frames cannot be told from a torn end; the other replicas still hold them.
///
/// With a checkpoint, its records come first, and the log begins at the segment that it names. All
/// of a checkpoint was durable before it counted, as was the log up to the position that it names:
/// whatever is invalid there is damage.
///
/// What is not known to have been synced is written over itself and synced: the page cache may hold
/// bytes that a failed sync dropped from the disk, and reading them proves nothing.
struct Recovery {
    /// Where the log continues.
    struct Tail {
        var segment: UInt64
        var first: UInt64
        var size: Int
    }

    private struct Segment {
        var number: UInt64
        var size: Int
        /// Log position of its first byte, once read.
        var first: UInt64 = 0
        var file: String { LogFormat.fileName(number) }
    }

    private let disk: any Disk
    private let store: UInt64
    private let files: [DiskFile]
    /// Of the checkpoint in force, if there is one.
    let head: CheckpointHead?
    /// The first segment that is needed.
    private let firstSegment: UInt64
    private var segments: [Segment]
    /// Segments before it, which a crash has left.
    private var obsolete: [String]
    /// The largest position that a valid frame calls synced.
    private var durable: UInt64 = 0
    private(set) var report = RecoveryReport()

    init(disk: any Disk, store: UInt64) throws(StorageError) {
        self.disk = disk
        self.store = store
        files = try asStorageError { () throws(DiskError) in try disk.files() }
        head = try CheckpointHead.newest(on: disk, files, store: store)
        firstSegment = head?.segment ?? 1
        durable = head?.durable ?? 0
        segments = []
        obsolete = []
        for file in files {
            guard let number = LogFormat.segment(ofFile: file.name) else { continue }
            if number < firstSegment {
                obsolete.append(file.name)
            } else {
                segments.append(Segment(number: number, size: file.size))
            }
        }
        segments.sort { $0.number < $1.number }
        for (index, segment) in segments.enumerated()
        where segment.number != firstSegment + UInt64(index) {
            throw .missing(
                file: LogFormat.fileName(firstSegment + UInt64(index)),
                what: "\(segment.file) follows it")
        }
    }

    /// Hands every record to `visit`, oldest first, with the log position of its end.
    mutating func run(
        visit: (LogFormat.LogRecord, LogPosition) throws(StorageError) -> Void
    ) throws(StorageError) -> Tail {
        if segments.isEmpty {
            throw .missing(
                file: LogFormat.fileName(firstSegment),
                what: head == nil
                    ? "it was created before the node's identity" : "the checkpoint needs it")
        }
        if let head { try load(head, visit: visit) }
        var tail = Tail(segment: firstSegment, first: head?.first ?? 0, size: 0)
        let used = 1 + (segments.lastIndex { $0.size > 0 } ?? 0)
        for index in 0..<used {
            segments[index].first = tail.first + UInt64(tail.size)
            let segment = segments[index]
            let bytes = try read(segment)
            let valid = try Bytes.lending(bytes) { bytes throws(StorageError) in
                let valid = try replay(bytes, of: segment, visit: visit)
                if valid < segment.size || valid == 0 {
                    try proveTorn(bytes, at: valid, in: index)
                }
                return valid
            }
            tail = Tail(segment: segment.number, first: segment.first, size: valid)
            report.segments += 1
            report.bytes += valid
            if valid < segment.size || valid == 0 {
                discard(from: index, at: valid)
                break
            }
        }
        try settle(tail)
        if tail.size == 0 {
            try writeHeader(of: tail)
            tail.size = LogFormat.segmentHeaderBytes
        }
        return tail
    }

    /// Makes a header durable before its segment is used, so that the first segment's never tears:
    /// whatever else stands there is damage, or not a log.
    private func writeHeader(of tail: Tail) throws(StorageError) {
        var header = ByteBuffer()
        LogFormat.appendSegmentHeader(
            to: &header, store: store, segment: tail.segment, first: tail.first)
        let bytes = header.bytes.copied()
        let disk = disk
        try asStorageError { () throws(DiskError) in
            try disk.replace(LogFormat.fileName(tail.segment), with: bytes)
        }
    }

    private func read(_ segment: Segment) throws(StorageError) -> [UInt8] {
        let disk = disk
        return try asStorageError { () throws(DiskError) in
            try disk.read(segment.file, at: 0, count: segment.size)
        }
    }

    /// Visits the records of a segment and returns how many of its bytes are valid.
    private mutating func replay(
        _ bytes: Bytes, of segment: Segment,
        visit: (LogFormat.LogRecord, LogPosition) throws(StorageError) -> Void
    ) throws(StorageError) -> Int {
        guard try checkHeader(bytes, of: segment) else { return 0 }
        var offset = LogFormat.segmentHeaderBytes
        while offset < bytes.count {
            guard
                let frame = LogFormat.readFrame(
                    bytes, at: offset, store: store, segment: segment.number)
            else { return offset }
            guard frame.first == segment.first + UInt64(offset) else {
                throw .damaged(
                    file: segment.file, offset: offset,
                    what: "the frame is of position \(frame.first), expected "
                        + "\(segment.first + UInt64(offset))")
            }
            try replay(frame, at: offset, in: segment.file, visit: visit)
            durable = max(durable, frame.durable)
            report.frames += 1
            report.records += frame.count
            offset += frame.length
        }
        return offset
    }

    private func replay(
        _ frame: LogFormat.Frame, at offset: Int, in file: String,
        visit: (LogFormat.LogRecord, LogPosition) throws(StorageError) -> Void
    ) throws(StorageError) {
        var reader = ByteReader(frame.records)
        let start = frame.first + UInt64(LogFormat.frameHeaderBytes)
        for _ in 0..<frame.count {
            let record: LogFormat.LogRecord
            do { record = try LogFormat.readRecord(&reader) } catch {
                throw .damaged(
                    file: file, offset: offset + LogFormat.frameHeaderBytes + reader.offset,
                    what: "the frame's checksum holds, but \(error)")
            }
            let end = LogPosition(start + UInt64(reader.offset))
            try visit(record, end)
        }
        guard reader.remaining == 0 else {
            throw .damaged(
                file: file, offset: offset,
                what: "the frame holds more than its \(frame.count) records")
        }
    }

    /// Whether the segment's header is there; throws if it is another one's.
    private func checkHeader(_ bytes: Bytes, of segment: Segment) throws(StorageError) -> Bool {
        switch LogFormat.readSegmentHeader(bytes) {
        case .unwritten:
            return false
        case .noMagic:
            if segment.number > firstSegment { return false }
            throw .unrecognised(
                file: segment.file, what: "it does not begin with a log segment's header")
        case .newer(let format):
            throw .newerFormat(
                file: segment.file, found: format, supported: LogFormat.version)
        case .badChecksum:
            if segment.number > firstSegment { return false }
            throw .damaged(
                file: segment.file, offset: 0, what: "the header does not match its checksum")
        case .valid(let header):
            guard header.store == store else {
                throw .foreign(
                    file: segment.file, found: "store \(hexadecimal(header.store))",
                    expected: "store \(hexadecimal(store))")
            }
            guard header.segment == segment.number else {
                throw .foreign(
                    file: segment.file, found: "segment \(header.segment)",
                    expected: "segment \(segment.number)")
            }
            // The end of the segment before was lost: a crash may do that to what was not synced.
            if header.first > segment.first { return false }
            guard header.first == segment.first else {
                throw .damaged(
                    file: segment.file, offset: 0,
                    what: "it begins at position \(header.first), but the segment before it ends "
                        + "at \(segment.first)")
            }
            return true
        }
    }

    /// Throws if a valid frame after the first invalid byte says that the byte had been synced.
    private func proveTorn(
        _ bytes: Bytes, at offset: Int, in index: Int
    ) throws(StorageError) {
        let damaged = segments[index]
        let position = damaged.first + UInt64(offset)
        var claim = largestClaim(in: bytes, after: offset, of: damaged, beyond: position)
        claim = max(claim, head?.durable ?? 0)
        for later in segments[(index + 1)...] where later.size > 0 && claim <= position {
            let bytes = try read(later)
            claim = Bytes.lending(bytes) {
                largestClaim(in: $0, after: 0, of: later, beyond: position)
            }
        }
        guard claim > position else { return }
        throw .damaged(
            file: damaged.file, offset: offset,
            what: "no valid frame at log position \(position), although the log had been synced up"
                + " to \(claim)")
    }

    /// The largest synced position that a valid frame anywhere in these bytes claims.
    private func largestClaim(
        in bytes: Bytes, after start: Int, of segment: Segment, beyond position: UInt64
    ) -> UInt64 {
        var claim: UInt64 = 0
        var offset = start
        while offset + LogFormat.frameHeaderBytes <= bytes.count {
            // Cheap tests first: nearly no place that is not a frame passes them.
            let peeked = LogFormat.peekPositions(bytes, at: offset)
            guard peeked.durable > position, peeked.durable <= peeked.first,
                let frame = LogFormat.readFrame(
                    bytes, at: offset, store: store, segment: segment.number)
            else {
                offset += 1
                continue
            }
            claim = max(claim, frame.durable)
            offset += frame.length
        }
        return claim
    }

    private mutating func discard(from index: Int, at offset: Int) {
        let lost = segments[index...].reduce(0) { $0 + $1.size } - offset
        guard lost > 0 else { return }
        report.discarded = RecoveryReport.Discarded(
            file: segments[index].file, offset: offset, bytes: lost)
    }

    /// Removes what lies after the tail, then writes what may not be durable anew. A crash between
    /// these steps leaves a log that recovers to the same state.
    private func settle(_ tail: Tail) throws(StorageError) {
        let disk = disk
        try removeLeftovers()
        for segment in segments.reversed() where segment.number > tail.segment {
            try asStorageError { () throws(DiskError) in try disk.remove(segment.file) }
        }
        for segment in segments where segment.number <= tail.segment {
            let size = segment.number == tail.segment ? tail.size : segment.size
            let known = Int(clamping: durable - min(durable, segment.first))
            try asStorageError { () throws(DiskError) in
                if size < segment.size { try disk.truncate(segment.file, to: size) }
                guard size > known else { return }
                let bytes = try disk.read(segment.file, at: known, count: size - known)
                try disk.overwrite(segment.file, at: known, with: bytes)
            }
        }
    }
}

extension Recovery {
    /// Visits the records of a checkpoint, all of which must be there.
    private mutating func load(
        _ head: CheckpointHead,
        visit: (LogFormat.LogRecord, LogPosition) throws(StorageError) -> Void
    ) throws(StorageError) {
        var records: UInt64 = 0
        var size: UInt64 = 0
        for (number, name) in head.partNames.enumerated() {
            guard let file = files.first(where: { $0.name == name }) else {
                throw .missing(file: name, what: "the checkpoint consists of \(head.parts) parts")
            }
            let disk = disk
            let bytes = try asStorageError { () throws(DiskError) in
                try disk.read(name, at: 0, count: file.size)
            }
            let segment = CheckpointHead.segment(head.number, number)
            records += try Bytes.lending(bytes) { bytes throws(StorageError) in
                try PartReader.visit(bytes, of: name, store: store, segment: segment) {
                    record throws(StorageError) in
                    try visit(record, LogPosition(head.first))
                }
            }
            size += UInt64(file.size)
        }
        guard records == head.records, size == head.bytes else {
            throw .damaged(
                file: CheckpointHead.fileNames[0], offset: 0,
                what: "the parts have \(records) records in \(size) bytes, expected "
                    + "\(head.records) in \(head.bytes)")
        }
        report.checkpointRecords = Int(records)
        report.checkpointBytes = Int(size)
    }

    /// Removes what a crash has left of checkpoints and of what they made obsolete, and makes the
    /// copies of the head equal.
    private func removeLeftovers() throws(StorageError) {
        let disk = disk
        let parts = Set(head?.partNames ?? [])
        let leftovers = files.map(\.name).filter {
            CheckpointHead.isPart($0) && !parts.contains($0)
        }
        let head = head
        try asStorageError { () throws(DiskError) in
            if let head {
                for name in CheckpointHead.fileNames {
                    try disk.replace(name, with: head.encoded())
                }
            }
            for name in leftovers + obsolete { try disk.remove(name) }
        }
    }
}

/// What recovery found.
public struct RecoveryReport: Sendable, Equatable {
    /// Of the checkpoint; zero without one.
    public var checkpointRecords = 0
    public var checkpointBytes = 0
    /// Of the log since.
    public var segments = 0
    public var frames = 0
    public var records = 0
    /// Bytes of valid log.
    public var bytes = 0
    /// The torn end, if there was one.
    public var discarded: Discarded?

    /// Bytes at the log's end that were never completely written, and are gone.
    public struct Discarded: Sendable, Equatable {
        /// The file that was cut.
        public var file: String
        /// Where it was cut.
        public var offset: Int
        /// How many bytes were dropped, those of later files included.
        public var bytes: Int
    }
}

extension RecoveryReport: CustomStringConvertible {
    public var description: String {
        var found = "\(records) records in \(frames) frames, \(bytes) bytes, \(segments) segments"
        if checkpointBytes > 0 {
            found =
                "a checkpoint of \(checkpointRecords) records, \(checkpointBytes) bytes, and "
                + found
        }
        guard let discarded else { return found }
        return found + "; discarded a torn end of \(discarded.bytes) bytes at byte "
            + "\(discarded.offset) of \(discarded.file)"
    }
}

/// Sixteen digits.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
