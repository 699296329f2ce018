import Basics
import Causality

/// Keeping the log bounded: when it has grown by what the store holds, a checkpoint of all records
/// takes the place of everything before it.
///
/// A checkpoint is written in steps: one with every turn that appends, as long as what the turn
/// appended, so that the log cannot outgrow it, and others when the node is idle (`tend`). The
/// files of a store that holds x bytes and is not being overwhelmed stay below 4 x and two
/// times `CheckpointRule.minimumBytes`.
extension LogStore {
    /// What files and background work of a store amount to.
    public struct Housekeeping: Sendable, Equatable {
        /// Bytes of log that recovery would read now.
        public var logBytes = 0
        /// Checkpoints that were finished since the start, and those that found no room.
        public var checkpoints = 0
        public var checkpointsRefused = 0
        /// Whether one is being written.
        public var isCheckpointing = false
        /// The last snapshot that was asked for.
        public var snapshot: SnapshotState?
        /// Whether the disk is full: writes are to be refused.
        public var isFull = false

        public init() {}
    }

    /// Bytes of records, as a checkpoint would hold them.
    private var liveBytes: Int {
        keyBytes + valueBytes + hintBytes + (count + hintCount) * LogFormat.recordHeaderBytes
    }

    /// Whether `tend` has something to do, about every two milliseconds.
    public var needsTending: Bool { checkpoint != nil || isOrdering }

    /// Writes up to 64 KiB of a checkpoint that is being written, unless the disk is behind, and
    /// puts some more keys in order where that was asked for.
    public mutating func tend() {
        advanceCheckpoint(64 << 10)
        if isOrdering { _ = buildOrder(limit: 1_000) }
    }

    /// After every turn: begins, goes on with, or abandons a checkpoint.
    mutating func keepHouse(appended bytes: Int) {
        guard let files else { return }
        let progress = files.disk.progress
        housekeeping.isFull = progress.isFull
        if let state = housekeeping.snapshot, !state.isDone, progress.snapshot == state.name {
            housekeeping.snapshot = SnapshotState(
                name: state.name, isDone: true, failure: progress.snapshotFailure)
        }
        housekeeping.logBytes = Int(clamping: appended.offset - rule.logStart)
        if let installing = rule.installing {
            if progress.installed == installing.number {
                housekeeping.checkpoints += 1
                rule.finish(installing)
                if let name = rule.snapshot.take() { files.disk.schedule(.snapshot(name)) }
            } else if progress.refused == installing.number {
                abandon()
            }
        } else if checkpoint != nil {
            if progress.isFull {
                abandon()
            } else {
                advanceCheckpoint(bytes)
            }
        } else if !progress.isFull, housekeeping.logBytes > rule.limit(liveBytes) {
            rule.isWanted = true
        }
        rule.isDue =
            rule.isWanted && !progress.isFull && checkpoint == nil && rule.installing == nil
        housekeeping.isCheckpointing = rule.isWanted || checkpoint != nil || rule.installing != nil
    }

    /// Writes a checkpoint without waiting for the log to grow, since files of the log are damaged
    /// or are to go.
    public mutating func requestCheckpoint() {
        rule.isWanted = isLogged
    }

    /// Keeps all that the store holds now, under a name, as soon as a checkpoint that begins from
    /// now on is in force. Does nothing without a log.
    public mutating func requestSnapshot(_ name: String) {
        guard isLogged else { return }
        rule.isWanted = true
        rule.snapshotWanted = name
        housekeeping.snapshot = SnapshotState(name: name)
    }

    /// Between two turns, when no frame is open.
    mutating func beginCheckpoint() {
        log?.startSegment()
        guard let files else { return }
        rule.isWanted = false
        rule.number += 1
        rule.snapshot = rule.snapshotWanted
        rule.snapshotWanted = nil
        checkpoint = Checkpoint(number: rule.number, segment: files.segment, first: files.first)
    }

    /// Where the log is written; nil without one.
    private var files: (disk: any Disk, store: UInt64, segment: UInt64, first: UInt64)? {
        switch log {
        case .some(let log): (log.disk, log.store, log.segment, log.first)
        case .none: nil
        }
    }

    private mutating func advanceCheckpoint(_ bytes: Int) {
        guard bytes > 0, let files, files.disk.progress.waiting < CheckpointRule.waitingBytes,
            var next = checkpoint.take()
        else { return }
        next.step(bytes: max(bytes, 4_096), self, to: files.disk, storeID: files.store)
        checkpoint = next
    }

    /// After the turn's frames have gone to the disk: the last step, if all is written.
    mutating func finishCheckpoint() {
        guard let files, let done = checkpoint, done.place == .end else { return }
        checkpoint = nil
        let head = CheckpointHead(
            store: files.store, number: done.number, parts: UInt32(done.parts.count),
            bytes: UInt64(done.bytes), records: done.records, segment: done.segment,
            first: done.first, durable: appended.offset, stamp: largestStamp)
        var obsolete = (rule.firstSegment..<done.segment).map(LogFormat.fileName)
        obsolete += rule.parts
        rule.installing = head
        files.disk.schedule(
            .install(
                Installation(
                    number: done.number, after: appended, parts: done.parts,
                    segment: LogFormat.fileName(done.segment),
                    heads: CheckpointHead.fileNames, bytes: head.encoded(), obsolete: obsolete)))
    }

    private mutating func abandon() {
        // What the refused one left is removed with what the next makes obsolete.
        rule.parts += rule.installing?.partNames ?? []
        if let files, let checkpoint { files.disk.schedule(.remove(checkpoint.parts.map(\.name))) }
        checkpoint = nil
        rule.installing = nil
        if let name = rule.snapshot.take() {
            housekeeping.snapshot = SnapshotState(
                name: name, isDone: true, failure: "the disk is full")
        }
        rule.notBefore = housekeeping.logBytes + CheckpointRule.retryBytes
        housekeeping.checkpointsRefused += 1
    }
}

/// How a snapshot goes.
public struct SnapshotState: Sendable, Equatable {
    public var name: String
    public var isDone = false
    /// Why there is none.
    public var failure: String?
}

/// When a checkpoint is due, and what the last one left.
struct CheckpointRule {
    /// The log may always grow to this before a checkpoint.
    var minimumBytes: Int
    /// Of the last checkpoint that was begun.
    var number: UInt64 = 0
    /// The last step of a checkpoint that was given to the disk.
    var installing: CheckpointHead?
    /// Position of the first byte of log that recovery needs, and its segment.
    var logStart: UInt64 = 0
    var firstSegment: UInt64 = 1
    /// Files of the checkpoint that is in force.
    var parts: [String] = []
    /// One is to be begun: the log is long, or files were found damaged; and it may begin now.
    var isWanted = false
    var isDue = false
    /// The snapshot to be made of the checkpoint that begins next, and of the one begun last.
    var snapshotWanted: String?
    var snapshot: String?
    /// After a checkpoint that found no room, the log grows to this before the next.
    var notBefore = 0

    /// A checkpoint waits while so much of it is not yet written.
    static let waitingBytes = 8 << 20
    static let retryBytes = 16 << 20

    init(minimumBytes: Int) { self.minimumBytes = minimumBytes }

    func limit(_ liveBytes: Int) -> Int { max(minimumBytes, liveBytes, notBefore) }

    mutating func finish(_ head: CheckpointHead) {
        installing = nil
        number = head.number
        logStart = head.first
        firstSegment = head.segment
        parts = head.partNames
        notBefore = 0
    }
}
