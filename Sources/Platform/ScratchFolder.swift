import Basics
import Glibc

/// Temporary folders that say who made them, so that those of programs that were killed can be
/// told from those in use: `PREFIX.PID.START.XXXXXX` under TMPDIR or /tmp.
public enum ScratchFolder {
    private static let marks = ["quorumeter-claim", "quorumeter-peer"]

    /// Makes one, and removes what programs that are gone have left.
    public static func make(_ prefix: String) throws(SystemError) -> String {
        precondition(marks.contains(prefix), "a prefix that is not looked for later")
        removeAbandoned()
        let own = ProcessIdentity.own
        return try FileSystem.temporaryFolder(
            "\(prefix).\(own?.pid ?? 0).\(own?.startTicks ?? 0)")
    }

    /// Removes those whose makers are gone.
    public static func removeAbandoned() {
        // What cannot be listed or removed is another user's, or being removed by somebody else.
        guard let names = try? FileSystem.list(FileSystem.temporaryBase) else { return }
        for name in names {
            let parts = name.split(separator: ".")
            guard parts.count == 4, marks.contains(String(parts[0])), let pid = Int32(parts[1]),
                let start = UInt64(parts[2]),
                !ProcessIdentity(pid: pid, startTicks: start).isAlive
            else { continue }
            try? FileSystem.removeTree("\(FileSystem.temporaryBase)/\(name)")
        }
    }
}
