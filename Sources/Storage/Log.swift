import Basics
import Causality

/// Where a log is written: the open frame, the segment it goes to, and what is known to be synced.
struct Log: ~Copyable {
    let disk: any Disk
    let store: UInt64
    /// A segment that has reached this size gets no further frame.
    private let segmentBytes: Int
    private(set) var segment: UInt64
    /// The segment's file, made once and not for every frame.
    private var fileName: String
    /// Log position of the segment's first byte.
    private(set) var first: UInt64
    /// Bytes of the segment handed to the disk.
    private var size: Int
    /// Room was asked for up to here.
    private var reserved = 0
    private var isNextReserved = false

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
    /// Room is asked for when less than half of this is left.
    private static let roomBytes = 16 << 20

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
        keepRoom()
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
        if size >= segmentBytes { roll() }
        if size == 0 {
            LogFormat.appendSegmentHeader(
                to: &buffer, store: store, segment: segment, first: first)
        }
        frameStart = buffer.count
        frameRecords = 0
        LogFormat.openFrame(in: &buffer)
    }

    private mutating func closeFrame() throws(DiskError) {
        if let failure { throw failure }
        let offset = size + frameStart
        LogFormat.closeFrame(
            in: &buffer, from: frameStart, first: first + UInt64(offset), durable: durable.offset,
            records: frameRecords,
            seed: LogFormat.seed(store: store, segment: segment, offset: offset))
        do {
            try disk.append(buffer.bytes, to: fileName)
        } catch {
            failure = error
            throw error
        }
        size += buffer.count
        buffer.removeAll()
        hasUnsealed = true
        keepRoom()
    }

    /// Asks for room ahead, for the next segment too while this one still has some, so that a full
    /// disk is met before the write that would need it.
    private mutating func keepRoom() {
        if size + Log.roomBytes / 2 > reserved {
            reserved = size + Log.roomBytes
            disk.schedule(.reserve(fileName, bytes: reserved))
        }
        if !isNextReserved, size >= segmentBytes / 2 {
            isNextReserved = true
            disk.schedule(.reserve(LogFormat.fileName(segment + 1), bytes: Log.roomBytes))
        }
    }

    /// Goes on in a new segment, so that a checkpoint that begins now needs nothing of this one.
    /// No frame is open.
    mutating func startSegment() {
        precondition(buffer.isEmpty, "a frame is open")
        if size <= LogFormat.segmentHeaderBytes { return }
        roll()
        keepRoom()
    }

    private mutating func roll() {
        disk.schedule(.trim(fileName, size: size))
        segment += 1
        fileName = LogFormat.fileName(segment)
        first += UInt64(size)
        size = 0
        reserved = isNextReserved ? Log.roomBytes : 0
        isNextReserved = false
    }
}
