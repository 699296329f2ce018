import Basics
import Glibc
import Synchronization

/// What goes wrong with the files below one folder, of this process: a disk that is full, slow,
/// or fails to sync as `LiveControls` say, and one that forgets what was not synced.
///
/// `File` asks for it when it is opened. A process has one such folder, or none.
public final class FileFaults: Sendable {
    private static let isInstalled = Atomic<Bool>(false)
    private static let installed = Mutex<FileFaults?>(nil)

    private let prefix: String
    private let controls: LiveControls?
    private let journal: UnsyncedJournal?

    private init(_ folder: String, _ controls: LiveControls?, _ journal: UnsyncedJournal?) {
        prefix = folder.hasSuffix("/") ? folder : folder + "/"
        self.controls = controls
        self.journal = journal
    }

    /// From now on files below `folder` suffer. With `lossySeed` appended bytes stay in a journal
    /// beside the folder until they are synced, and what a process left there when it was killed
    /// is lost now: all of it, or all but a beginning, which may be torn, as the seed decides.
    public static func install(
        below folder: String, controls: LiveControls?, lossySeed: UInt64? = nil
    ) throws(SystemError) {
        var journal: UnsyncedJournal?
        if let lossySeed {
            let made = try UnsyncedJournal(journalPath(of: folder), below: folder)
            try made.settle(seed: lossySeed)
            journal = made
        }
        let faults = FileFaults(folder, controls, journal)
        installed.withLock { $0 = faults }
        isInstalled.store(true, ordering: .releasing)
    }

    /// Where the unsynced bytes of the files below `folder` are kept. While it exists the files
    /// must not be used without it.
    public static func journalPath(of folder: String) -> String {
        (folder.hasSuffix("/") ? String(folder.dropLast()) : folder) + ".unsynced"
    }

    /// The process ends in an orderly way: what was written stays, synced or not.
    public static func uninstall() throws(SystemError) {
        guard let faults = installed.withLock({ $0 }) else { return }
        if let journal = faults.journal {
            try journal.flushAll()
            try FileSystem.remove(journal.path)
        }
        isInstalled.store(false, ordering: .releasing)
        installed.withLock { $0 = nil }
    }

    /// Those that a file at `path` suffers; nil for most files of the world.
    static func of(_ path: String) -> FileFaults? {
        guard isInstalled.load(ordering: .acquiring) else { return nil }
        return installed.withLock { faults in
            guard let faults, path.hasPrefix(faults.prefix) else { return nil }
            return faults
        }
    }

    /// Whether the disk has no room left.
    var isFull: Bool { controls?.isDiskFull == true }

    /// Refuses what needs new room, when the disk is full: bytes up to `end` of a file to which
    /// less is allocated.
    func checkRoom(_ path: String, descriptor: Int32, upTo end: Int) throws(SystemError) {
        guard let controls, controls.isDiskFull else { return }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat", path) }
        // The unit of this count is 512 bytes, whatever the file system's blocks are.
        if end <= Int(status.st_blocks) * 512 { return }
        controls.noteRefusedWrite()
        throw SystemError("write", path, code: ENOSPC)
    }

    /// Keeps appended bytes back until they are synced. False when they are to be written as
    /// usual.
    func keeps(
        _ bytes: Bytes, appendedTo path: String, descriptor: Int32
    ) throws(SystemError) -> Bool {
        guard let journal else { return false }
        return try journal.append(bytes, to: path, descriptor: descriptor)
    }

    /// What comes before a sync: the delay, the failure, and the bytes that were kept back.
    func prepareSync(_ path: String, descriptor: Int32) throws(SystemError) {
        if let controls {
            let delay = controls.syncDelay
            if delay > .zero {
                controls.noteDelayedSync()
                Clocks.sleep(until: Clocks.monotonic() + delay)
            }
            if controls.takesSyncFailure() {
                // As Linux does: the pages count as clean, and what they held is gone.
                journal?.forget(path)
                throw SystemError("fdatasync", path, code: EIO)
            }
        }
        try journal?.writeThrough(path, descriptor: descriptor)
    }

    /// What was written through before the sync is durable.
    func synced(_ path: String) { journal?.settled(path) }

    /// Adds the bytes that are kept back to what was read; returns how many are known then.
    func overlay(
        _ path: String, from offset: Int, onto buffer: UnsafeMutableRawBufferPointer, known: Int
    ) -> Int {
        journal?.overlay(path, from: offset, onto: buffer, known: known) ?? known
    }

    /// Bytes of the file that are kept back.
    func keptBytes(_ path: String) -> Int { journal?.pendingBytes(path) ?? 0 }

    /// Everything kept back becomes part of the file, not durable yet: before what changes it
    /// otherwise.
    func flush(_ path: String, descriptor: Int32) throws(SystemError) {
        try journal?.writeThrough(path, descriptor: descriptor)
        journal?.settled(path)
    }

    /// The file is gone.
    static func removed(_ path: String) { of(path)?.journal?.forget(path) }
}
