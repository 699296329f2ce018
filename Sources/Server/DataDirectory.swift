import Basics
import Platform

/// A node's directory, open to its owner only and locked against a second process.
struct DataDirectory: ~Copyable {
    let path: String
    private let lock: File

    static let lockName = "lock"
    /// The folder of the snapshots, one folder each.
    static let snapshots = "snapshots"

    /// Opens or creates it.
    init(_ path: String) throws(ServeError) {
        let lock: File
        let isLocked: Bool
        do throws(SystemError) {
            try FileSystem.makeFolder(path, permissions: 0o700)
            let file = try File(
                "\(path)/\(DataDirectory.lockName)", .readWrite, permissions: 0o600)
            isLocked = try file.tryLock()
            lock = file
        } catch {
            throw .environment("the data directory cannot be used: \(error)")
        }
        guard isLocked else {
            throw .environment("the data directory \(path) is in use by another process")
        }
        self.path = path
        self.lock = lock
    }
}
