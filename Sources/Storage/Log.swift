import Basics
import Causality

/// Where a log is written: the open frame, the segment it goes to, and what is known to be synced.
struct Log: ~Copyable {
    let disk: any Disk
    private let store: UInt64
    /// A segment that has reached this size gets no further frame.
    private let segmentBytes: Int
    private var segment: UInt64
    /// The segment's file, made once and not for every frame.
    private var fileName: String
    /// Log position of the segment's first byte.
    private var first: UInt64
    /// Bytes of the segment handed to the disk.
    private var size: Int
    private var isNextPrepared = false

    /// The open frame, after the segment's header if it is the segment's first.
    private var buffer = ByteBuffer(capacity: 64 << 10)
    private var frameStart = 0
    private var frameRecords: UInt32 = 0
    /// Whether frames went to the disk since the last `seal`.
    private var hasUnsealed = false
    /// What the disk said when it refused; it is not asked again.
    private var failure: DiskError?

    /// Synced up to here, as far as is known.
    private(set) var durable: LogPosition

    /// Buffers beyond this are given back after a turn.
    private static let keptBufferBytes = 4 << 20

    /// Continues after `tail`, all of which is durable.
    init(disk: any Disk, store: UInt64, segmentBytes: Int, tail: Recovery.Tail) {
        self.disk = disk
        self.store = store
        self.segmentBytes = segmentBytes
        segment = tail.segment
        fileName = LogFormat.fileName(tail.segment)
        first = tail.first
        size = tail.size
        durable = LogPosition(tail.first + UInt64(tail.size))
    }

    /// End of all records, those of the open frame included.
    var appended: LogPosition { LogPosition(first + UInt64(size) + UInt64(buffer.count)) }

    /// Adds a record to the open frame and returns the position of its end.
    mutating func append(
        _ kind: LogFormat.Kind, _ key: HashedKey, _ content: Content, _ version: Version
    ) throws(DiskError) -> LogPosition {
        if buffer.isEmpty { try openFrame() }
        LogFormat.appendRecord(to: &buffer, kind, key, content, version)
        frameRecords += 1
        let end = appended
        if buffer.count >= LogFormat.fullFrameBytes { try closeFrame() }
        return end
    }

    /// Hands the open frame to the disk. The position up to which the log must be synced to make
    /// everything durable that was appended since the last call; nil if nothing was.
    mutating func seal() throws(DiskError) -> LogPosition? {
        if !buffer.isEmpty { try closeFrame() }
        buffer.shrink(to: Log.keptBufferBytes)
        guard hasUnsealed else { return nil }
        hasUnsealed = false
        return appended
    }

    /// The disk has synced what was handed to it up to `position`.
    mutating func synced(_ position: LogPosition) {
        precondition(
            position.offset <= first + UInt64(size), "synced beyond what the disk was handed")
        durable = max(durable, position)
    }

    private mutating func openFrame() throws(DiskError) {
        if let failure { throw failure }
        if size >= segmentBytes { try roll() }
        if size == 0 {
            LogFormat.appendSegmentHeader(
                to: &buffer, store: store, segment: segment, first: first)
        }
        frameStart = buffer.count
        frameRecords = 0
        for _ in 0..<LogFormat.frameHeaderBytes { buffer.append(0 as UInt8) }
    }

    private mutating func closeFrame() throws(DiskError) {
        if let failure { throw failure }
        let offset = size + frameStart
        buffer.overwrite(UInt32(buffer.count - frameStart), at: frameStart + 4)
        buffer.overwrite(first + UInt64(offset), at: frameStart + 8)
        buffer.overwrite(durable.offset, at: frameStart + 16)
        buffer.overwrite(frameRecords, at: frameStart + 24)
        let covered = buffer.bytes.slice(frameStart + 4, buffer.count)
        let seed = LogFormat.seed(store: store, segment: segment, offset: offset)
        buffer.overwrite(CRC32C.checksum(covered, seed: seed), at: frameStart)
        do {
            try disk.append(buffer.bytes, to: fileName)
        } catch {
            failure = error
            throw error
        }
        size += buffer.count
        buffer.removeAll()
        hasUnsealed = true
        if size >= segmentBytes / 2 { try prepareNext() }
    }

    /// Creates the next segment while this one still has room, so that a full disk is met before
    /// the write that would need it.
    private mutating func prepareNext() throws(DiskError) {
        if isNextPrepared { return }
        do {
            try disk.create(LogFormat.fileName(segment + 1))
        } catch {
            failure = error
            throw error
        }
        isNextPrepared = true
    }

    private mutating func roll() throws(DiskError) {
        try prepareNext()
        segment += 1
        fileName = LogFormat.fileName(segment)
        first += UInt64(size)
        size = 0
        isNextPrepared = false
    }
}
