import Basics

/// The one seam under the store: files of bytes, real or simulated.
///
/// Class-bound, so that holding one is a pointer and a witness table. Reading happens only in
/// recovery, since every live record is in memory. `append` hands bytes over in order and may
/// return before they are written; they are durable when the runtime, asked by
/// `Effects.sync`, reports `Event.synced`. A store that runs asks for everything else by jobs, so
/// that it never waits.
public protocol Disk: AnyObject {
    // MARK: Recovery only: durable before they return

    /// Every file with its size in bytes, sorted by name.
    func files() throws(DiskError) -> [DiskFile]
    /// Exactly `count` bytes from `offset`.
    func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8]
    /// A new empty file.
    func create(_ name: String) throws(DiskError)
    /// Cuts a file to `size` bytes.
    func truncate(_ name: String, to size: Int) throws(DiskError)
    /// Writes bytes over those from `offset` on, which may be the same.
    func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) throws(DiskError)
    /// Replaces or creates a whole small file atomically.
    func replace(_ name: String, with bytes: [UInt8]) throws(DiskError)
    /// Removes a file.
    func remove(_ name: String) throws(DiskError)

    // MARK: While the store runs

    /// Adds to the end of a file of the log, and creates it first if it is not there.
    func append(_ bytes: Bytes, to name: String) throws(DiskError)
    /// Takes a job that is done in the background, in the order in which jobs were given.
    func schedule(_ job: DiskJob)
    /// How the jobs go.
    var progress: DiskProgress { get }
}

/// What a disk does in the background.
public enum DiskJob: Sendable {
    /// Makes room for the first so many bytes of a file of the log, and makes the file if it is
    /// not there, so that a full disk is met before the write that needs the room.
    case reserve(String, bytes: Int)
    /// Gives back the room behind the end of a file, which gets no further bytes.
    case trim(String, size: Int)
    /// Adds to the end of a file of a checkpoint, and makes it if it is not there.
    case write(String, [UInt8])
    /// Puts a checkpoint in place of what it makes obsolete.
    case install(Installation)
    /// Removes files that nothing needs, as far as they are there.
    case remove([String])
    /// Keeps the checkpoint in force, under a name.
    case snapshot(String)
}

/// The last step of a checkpoint. Everything that was appended to the log before it was scheduled
/// is durable before anything of it happens; then its own steps follow one after the other, each
/// durable before the next. If a part is not there in full, since the disk was full, nothing
/// happens but that the parts are removed.
public struct Installation: Sendable {
    /// Of the checkpoint; they rise.
    public var number: UInt64
    /// The log up to here must be durable first.
    public var after: LogPosition
    /// The files that the checkpoint consists of, with their sizes; to be made durable.
    public var parts: [DiskFile]
    /// The first file of the log that is still needed; to be made if it is not there.
    public var segment: String
    /// Files to be replaced by `bytes`, one after the other.
    public var heads: [String]
    public var bytes: [UInt8]
    /// Files to be removed.
    public var obsolete: [String]
}

/// How a disk's jobs go.
public struct DiskProgress: Sendable, Equatable {
    /// Bytes of `DiskJob.write` that are not yet written.
    public var waiting = 0
    /// Room was refused and has not been found since.
    public var isFull = false
    /// The last checkpoint that was installed, and the last that found no room.
    public var installed: UInt64 = 0
    public var refused: UInt64 = 0
    /// The last snapshot that was made or failed, and why it failed.
    public var snapshot = ""
    public var snapshotFailure: String?

    public init() {}
}

/// A file of a disk.
public struct DiskFile: Sendable, Equatable {
    public var name: String
    public var size: Int

    public init(name: String, size: Int) {
        self.name = name
        self.size = size
    }
}

/// The disk refused. The node stops: it must not go on as if.
public struct DiskError: Error, Sendable, CustomStringConvertible {
    /// What was attempted, on which file, and what the system said.
    public var description: String
    /// Nothing is wrong but that there is no room: what was there before still is, whole.
    public var isOutOfRoom: Bool

    public init(_ description: String, isOutOfRoom: Bool = false) {
        self.description = description
        self.isOutOfRoom = isOutOfRoom
    }
}
