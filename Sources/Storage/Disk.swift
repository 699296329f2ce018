import Basics

/// The one seam under the store: files of bytes, real or simulated.
///
/// Class-bound, so that holding one is a pointer and a witness table. Reading happens only in
/// recovery, since every live record is in memory. `append` hands bytes over in order and may
/// return before they are written; they are durable when the runtime, asked by
/// `Effects.sync`, reports `Event.synced`.
public protocol Disk: AnyObject {
    /// Every file with its size in bytes, sorted by name.
    func files() throws(DiskError) -> [DiskFile]
    /// Exactly `count` bytes from `offset`.
    func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8]
    /// A new empty file, its directory entry durable before this returns.
    func create(_ name: String) throws(DiskError)
    /// Adds to the end of a file.
    func append(_ bytes: Bytes, to name: String) throws(DiskError)
    /// Cuts a file to `size` bytes, durable before this returns. Recovery only.
    func truncate(_ name: String, to size: Int) throws(DiskError)
    /// Replaces or creates a whole small file atomically and durably.
    func replace(_ name: String, with bytes: [UInt8]) throws(DiskError)
    /// Removes a file, durable before this returns.
    func remove(_ name: String) throws(DiskError)
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

    public init(_ description: String) { self.description = description }
}
