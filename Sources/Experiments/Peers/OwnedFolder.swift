import Foundation
import Platform

/// A folder for temporary files that says whose it is, so that what a process left that was killed
/// is removed when the next one makes such a folder.
struct OwnedFolder {
    let path: String

    /// Names the process whose folder it is.
    private static let ownerFile = "owner"

    /// A new folder whose name begins with `prefix`; those of processes that have ended go.
    init(_ prefix: String) throws(SystemError) {
        path = try FileSystem.temporaryFolder(prefix)
        OwnedFolder.removeStale(besides: path, prefix)
        guard let owner = Owner.own else { return }
        try FileSystem.replace(
            "\(path)/\(OwnedFolder.ownerFile)", with: Array(owner.text.utf8), durably: false)
    }

    /// Removes it with all that is in it; what cannot be removed stays among temporary files.
    func remove() { try? FileSystem.removeTree(path) }

    private static func removeStale(besides path: String, _ prefix: String) {
        let base = FileSystem.parent(of: path)
        // A folder that cannot be read or removed is not ours, or somebody else removes it now.
        for name in (try? FileSystem.list(base)) ?? [] where name.hasPrefix(prefix + ".") {
            let other = "\(base)/\(name)"
            guard other != path, let text = try? FileSystem.text("\(other)/\(ownerFile)"),
                let owner = Owner(text), owner.hasEnded
            else { continue }
            try? FileSystem.removeTree(other)
        }
    }

    /// A process in a way that another boot, or another container, does not mistake.
    struct Owner: Equatable {
        var boot: String
        /// The space in which process numbers mean something.
        var space: String
        var process: ProcessIdentity

        init(boot: String, space: String, process: ProcessIdentity) {
            self.boot = boot
            self.space = space
            self.process = process
        }

        /// Reads `text`; nil for anything else.
        init?(_ text: String) {
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count == 4, let pid = Int32(words[2]), let ticks = UInt64(words[3]) else {
                return nil
            }
            self.init(
                boot: String(words[0]), space: String(words[1]),
                process: ProcessIdentity(pid: pid, startTicks: ticks))
        }

        /// This process; nil where /proc does not say.
        static var own: Owner? {
            guard let process = ProcessIdentity.own,
                let boot = try? FileSystem.text("/proc/sys/kernel/random/boot_id"),
                let space = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/self/ns/pid")
            else { return nil }
            return Owner(
                boot: boot.filter { !$0.isWhitespace }, space: space, process: process)
        }

        var text: String { "\(boot) \(space) \(process.pid) \(process.startTicks)\n" }

        /// Whether the process is certainly gone.
        var hasEnded: Bool {
            guard let own = Owner.own else { return false }
            if boot != own.boot { return true }
            return space == own.space && !process.isAlive
        }
    }
}
