import Basics
import Glibc
import Platform
import Storage

/// Does a disk's jobs on a thread of its own, one after the other, so that neither the loop nor the
/// sync of the log waits for them.
final class Housekeeper {
    struct Shared: ~Copyable {
        var jobs: [(job: DiskJob, unsynced: [String])] = []
        var progress = DiskProgress()
        var isStopping = false
        var failure: DiskError?
    }

    private let shared: Monitor<Shared>
    private var thread: WorkerThread?

    /// `syncer`: whose sync an installation waits for; nil if the log is written without one.
    /// `wakeUp` is signalled when there is something to see in `progress` or `failure`.
    init(folder: String, syncer: Syncer?, wakeUp: WakeUp) throws(SystemError) {
        let shared = Monitor(Shared())
        self.shared = shared
        let log = syncer?.shared
        thread = try WorkerThread {
            var worker = HouseWorker(folder: folder, log: log, shared: shared, wakeUp: wakeUp)
            worker.run()
        }
    }

    /// Takes a job. `unsynced`: files that an installation must sync first.
    func add(_ job: DiskJob, after unsynced: [String] = []) {
        shared.update { shared in
            shared.jobs.append((job, unsynced))
            if case .write(_, let bytes) = job { shared.progress.waiting += bytes.count }
        }
    }

    var progress: DiskProgress { shared.update { $0.progress } }

    /// What the disk said when it refused for another reason than that it is full.
    var failure: DiskError? { shared.update { $0.failure } }

    /// Ends the thread after the job that it is at.
    func stop() {
        guard let thread = thread.take() else { return }
        shared.update { $0.isStopping = true }
        thread.join()
    }

    deinit { shared.update { $0.isStopping = true } }
}

/// The housekeeper's thread.
private struct HouseWorker: ~Copyable {
    let folder: String
    let log: Monitor<Syncer.Shared>?
    let shared: Monitor<Housekeeper.Shared>
    let wakeUp: WakeUp
    /// The file that is being written, and how much of it since its last sync.
    private var file: File?
    private var unsyncedBytes = 0
    /// Segments that are complete, as soon as the log's thread has written their last bytes.
    private var untrimmed: [(name: String, size: Int)] = []
    /// Files for which there was no room, with what was asked for.
    private var refused: [String: Int] = [:]
    /// So little room is left that nothing more may be begun, although nothing was refused yet.
    private var isShort = false
    private var nextLook = Instant.origin

    /// Written files are synced after so many bytes, so that no sync has much to do.
    private static let syncedBytes = 8 << 20
    /// How often free room is looked at.
    private static let look = Instant.Duration.milliseconds(500)
    /// With less the disk counts as full. It has room again with a tenth of it free, or so much.
    private static let leastFree = 4 << 20
    private static let enoughFree = 1 << 30

    init(
        folder: String, log: Monitor<Syncer.Shared>?, shared: Monitor<Housekeeper.Shared>,
        wakeUp: WakeUp
    ) {
        self.folder = folder
        self.log = log
        self.shared = shared
        self.wakeUp = wakeUp
    }

    mutating func run() {
        while true {
            let next = shared.wait(
                until: nextLook, for: { !$0.jobs.isEmpty || $0.isStopping },
                then: { shared in
                    (shared.jobs.isEmpty ? nil : shared.jobs.removeFirst(), shared.isStopping)
                })
            if next.1 { return }
            do throws(SystemError) {
                if let (job, unsynced) = next.0 { try carryOut(job, unsynced) }
                if Clocks.monotonic() >= nextLook {
                    try lookForRoom()
                    nextLook = Clocks.monotonic() + HouseWorker.look
                }
            } catch {
                let failure = DiskError("the data directory cannot be kept: \(error)")
                shared.update { $0.failure = failure }
                wakeUp.signal()
                return
            }
        }
    }

    private func path(_ name: String) -> String { "\(folder)/\(name)" }

    private mutating func carryOut(_ job: DiskJob, _ unsynced: [String]) throws(SystemError) {
        switch job {
        case .reserve(let name, let bytes): try reserve(name, bytes)
        case .trim(let name, let size):
            refused[name] = nil
            untrimmed.append((name, size))
            try trim()
        case .write(let name, let bytes): try write(bytes, to: name)
        case .install(let installation): try install(installation, unsynced)
        case .remove(let names):
            file = nil
            for name in names { try FileSystem.remove(path(name)) }
            try FileSystem.syncFolder(folder)
        case .snapshot(let name):
            var failure: String?
            do throws(SystemError) { try keep(name) } catch { failure = "\(error)" }
            let outcome = failure
            shared.update { shared in
                shared.progress.snapshot = name
                shared.progress.snapshotFailure = outcome
            }
            wakeUp.signal()
        }
    }

    /// Gives the files of the checkpoint in force a second name each, in a folder that appears when
    /// it is complete.
    private func keep(_ name: String) throws(SystemError) {
        let target = path("\(DataDirectory.snapshots)/\(name)")
        guard try FileSystem.kind(of: target) == nil else {
            throw SystemError("mkdir", target, code: EEXIST)
        }
        let half = target + ".new"
        try FileSystem.removeTree(half)
        try FileSystem.makeFolder(half, permissions: 0o700)
        let files = try FileSystem.list(folder)
        let head = try FileSystem.read(path(FileCheck.headName))
        for file in files where FileCheck.isOf(head: head, file) {
            try FileSystem.link(path(file), as: "\(half)/\(file)")
        }
        try FileSystem.syncFolder(half)
        try FileSystem.rename(half, to: target)
        try FileSystem.syncFolder(FileSystem.parent(of: target))
        try FileSystem.syncFolder(folder)
    }

    /// Gives back the room behind segments that have all their bytes by now.
    private mutating func trim() throws(SystemError) {
        var left: [(name: String, size: Int)] = []
        for segment in untrimmed {
            guard try FileSystem.kind(of: path(segment.name)) == .file else { continue }
            let file = try File(path(segment.name), .readWrite)
            if try file.size() < segment.size {
                left.append(segment)
            } else if try file.size() == segment.size {
                try file.truncate(to: segment.size)
            }
        }
        untrimmed = left
    }

    private mutating func reserve(_ name: String, _ bytes: Int) throws(SystemError) {
        do throws(SystemError) {
            let file = try File(path(name), .readWrite, permissions: 0o600)
            try file.reserve(bytes)
            try FileSystem.syncFolder(folder)
            refused[name] = nil
            try trim()
        } catch {
            guard error.isOutOfRoom else { throw error }
            refused[name] = bytes
        }
        report()
    }

    private func report() {
        let isFull = isShort || !refused.isEmpty
        let isNews = shared.update { shared in
            defer { shared.progress.isFull = isFull }
            return shared.progress.isFull != isFull
        }
        if isNews { wakeUp.signal() }
    }

    private mutating func lookForRoom() throws(SystemError) {
        let room = try FileSystem.room(folder)
        guard isShort || !refused.isEmpty else {
            isShort = room.free < HouseWorker.leastFree
            return report()
        }
        guard room.free >= min(room.total / 10, HouseWorker.enoughFree) else { return }
        isShort = false
        for (name, bytes) in refused { try reserve(name, bytes) }
        report()
    }

    private mutating func write(_ bytes: [UInt8], to name: String) throws(SystemError) {
        defer { shared.update { $0.progress.waiting -= bytes.count } }
        do throws(SystemError) {
            if file?.path != path(name) {
                file = try File(path(name), .append, permissions: 0o600)
                unsyncedBytes = 0
            }
            try Bytes.lending(bytes) { (all) throws(SystemError) in try file?.write(all) }
            unsyncedBytes += bytes.count
            if unsyncedBytes >= HouseWorker.syncedBytes {
                try file?.syncData()
                unsyncedBytes = 0
            }
        } catch {
            // The installation will find that something is missing.
            guard error.isOutOfRoom else { throw error }
        }
    }

    private mutating func install(
        _ installation: Installation, _ unsynced: [String]
    ) throws(SystemError) {
        file = nil
        guard try isDurable(installation, unsynced) else { return }
        guard try isComplete(installation) else {
            for part in installation.parts { try FileSystem.remove(path(part.name)) }
            shared.update { $0.progress.refused = installation.number }
            return wakeUp.signal()
        }
        do throws(SystemError) {
            _ = try File(path(installation.segment), .readWrite, permissions: 0o600)
            try FileSystem.syncFolder(folder)
            for name in installation.heads {
                try FileSystem.replace(
                    path(name), with: installation.bytes, permissions: 0o600)
            }
        } catch {
            guard error.isOutOfRoom else { throw error }
            // What there is stays in force, or the first head is: both are whole.
            shared.update { $0.progress.refused = installation.number }
            return wakeUp.signal()
        }
        for name in installation.obsolete { try FileSystem.remove(path(name)) }
        try FileSystem.syncFolder(folder)
        shared.update { $0.progress.installed = installation.number }
        wakeUp.signal()
    }

    /// Waits until the log is durable as far as the checkpoint needs it; false if it never will be,
    /// since the node stops.
    private func isDurable(
        _ installation: Installation, _ unsynced: [String]
    ) throws(SystemError) -> Bool {
        for name in unsynced {
            if try FileSystem.kind(of: path(name)) == .file {
                try File(path(name), .readWrite).syncData()
            }
        }
        guard let log else { return true }
        return log.wait(
            for: { $0.synced >= installation.after || $0.isStopping || $0.failure != nil },
            then: { $0.synced >= installation.after })
    }

    private func isComplete(_ installation: Installation) throws(SystemError) -> Bool {
        for part in installation.parts {
            guard try FileSystem.kind(of: path(part.name)) == .file else { return false }
            let file = try File(path(part.name), .readWrite)
            guard try file.size() == part.size else { return false }
            try file.syncData()
        }
        try FileSystem.syncFolder(folder)
        return true
    }
}

extension SystemError {
    /// The disk or the user's share of it is full.
    var isOutOfRoom: Bool { code == ENOSPC || code == EDQUOT }
}
