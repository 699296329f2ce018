import Basics
import Platform
import Storage

/// The `Disk` of the real world: files in a node's data directory.
///
/// With `always`, appended bytes are gathered and written by the syncer's thread; otherwise they
/// are written at once, which the page cache makes quick, and synced once a second or never. Jobs
/// are done by the housekeeper's thread.
final class FileDisk: Disk {
    private let folder: String
    private let mode: FsyncMode
    private let syncer: Syncer?
    private let housekeeper: Housekeeper
    /// Files of the log with bytes that nobody may have synced; kept without a thread that syncs
    /// before it acknowledges.
    private var unsynced: Set<String> = []
    private var name = ""
    private var file: File?

    /// `wakeUp` is signalled when `progress` has changed.
    init(_ directory: borrowing DataDirectory, mode: FsyncMode, wakeUp: WakeUp) throws(ServeError) {
        folder = directory.path
        self.mode = mode
        do throws(SystemError) {
            switch mode {
            case .always: syncer = try Syncer(folder: folder, interval: .zero, wakeUp: wakeUp)
            case .everysec:
                syncer = try Syncer(folder: folder, interval: .seconds(1), wakeUp: wakeUp)
            case .never: syncer = nil
            }
            housekeeper = try Housekeeper(
                folder: folder, syncer: mode == .always ? syncer : nil, wakeUp: wakeUp)
        } catch {
            throw .environment("the log's thread cannot start: \(error)")
        }
    }

    /// The turn's log records are complete up to `position`.
    func request(_ position: LogPosition) { syncer?.request(position) }

    /// The log is recovered up to here.
    func begin(at position: LogPosition) { syncer?.begin(at: position) }

    /// Times that the log was synced on request.
    var syncs: UInt64 { syncer?.syncs ?? 0 }

    /// How far the log is durable; zero when nothing is known.
    func synced() throws(DiskError) -> LogPosition {
        if let failure = housekeeper.failure { throw failure }
        return try syncer?.progress() ?? .zero
    }

    /// Makes durable what was requested, and takes no more. Jobs that are not done stay undone.
    func stop() throws(DiskError) -> LogPosition {
        defer { housekeeper.stop() }
        return try syncer?.stop() ?? .zero
    }

    var progress: DiskProgress { housekeeper.progress }

    func schedule(_ job: DiskJob) {
        guard case .install = job, !unsynced.isEmpty else { return housekeeper.add(job) }
        housekeeper.add(job, after: unsynced.sorted())
        unsynced = [name]
    }

    func append(_ bytes: Bytes, to name: String) throws(DiskError) {
        if mode == .always {
            syncer?.add(bytes, to: name)
            return
        }
        try asDiskError { () throws(SystemError) in
            if self.name != name || file == nil {
                file = try File("\(folder)/\(name)", .append, permissions: 0o600)
                self.name = name
                unsynced.insert(name)
            }
            try file?.write(bytes)
        }
        syncer?.add(.empty, to: name)
    }

    func files() throws(DiskError) -> [DiskFile] {
        try asDiskError { () throws(SystemError) in
            var files: [DiskFile] = []
            for name in try FileSystem.list(folder) {
                if name == DataDirectory.lockName { continue }
                let path = "\(folder)/\(name)"
                guard try FileSystem.kind(of: path) == .file else { continue }
                if name.hasSuffix(".new") {
                    // What a crash left of an atomic replacement.
                    try FileSystem.remove(path)
                    continue
                }
                files.append(DiskFile(name: name, size: try File(path, .read).size()))
            }
            return files
        }
    }

    /// Moves the files of the store into a folder beside them, durably.
    func putAside(in name: String) throws(DiskError) {
        let files = try files().filter {
            FileCheck.covers($0.name) || StoreIdentity.fileNames.contains($0.name)
        }
        try asDiskError { () throws(SystemError) in
            let target = "\(folder)/\(name)"
            try FileSystem.makeFolder(target, permissions: 0o700)
            for file in files {
                try FileSystem.rename("\(folder)/\(file.name)", to: "\(target)/\(file.name)")
            }
            try FileSystem.syncFolder(target)
            try FileSystem.syncFolder(folder)
        }
    }

    func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        let bytes = try asDiskError { () throws(SystemError) in
            try File("\(folder)/\(name)", .read).read(at: offset, count: count)
        }
        guard bytes.count == count else {
            throw DiskError(
                "\(folder)/\(name): \(count) bytes from \(offset) were asked for, "
                    + "\(bytes.count) are there")
        }
        return bytes
    }

    func create(_ name: String) throws(DiskError) {
        try asDiskError { () throws(SystemError) in
            let file = try File("\(folder)/\(name)", .readWrite, permissions: 0o600)
            try file.truncate(to: 0)
            try file.syncData()
            try FileSystem.syncFolder(folder)
        }
    }

    func truncate(_ name: String, to size: Int) throws(DiskError) {
        try asDiskError { () throws(SystemError) in
            let file = try File("\(folder)/\(name)", .readWrite)
            try file.truncate(to: size)
            try file.syncData()
        }
    }

    func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) throws(DiskError) {
        try asDiskError { () throws(SystemError) in
            let file = try File("\(folder)/\(name)", .readWrite)
            try Bytes.lending(bytes) { (all) throws(SystemError) in try file.write(all, at: offset)
            }
            try file.syncData()
        }
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(DiskError) {
        try asDiskError { () throws(SystemError) in
            try FileSystem.replace("\(folder)/\(name)", with: bytes, permissions: 0o600)
        }
    }

    func remove(_ name: String) throws(DiskError) {
        try asDiskError { () throws(SystemError) in
            try FileSystem.remove("\(folder)/\(name)")
            try FileSystem.syncFolder(folder)
        }
    }
}

private func asDiskError<Result>(
    _ body: () throws(SystemError) -> Result
) throws(DiskError) -> Result {
    do { return try body() } catch {
        throw DiskError("\(error)", isOutOfRoom: error.isOutOfRoom)
    }
}
