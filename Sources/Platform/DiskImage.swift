import Basics
import CLinux
import Glibc

/// A file that holds an ext4 file system: a disk whose power can be cut. Needs root.
public enum DiskImage {
    /// Room on a new one. The file takes only as much as is in use.
    public static let bytes = 1 << 30

    /// Makes an empty one.
    public static func make(_ path: String) throws(SystemError) {
        do {
            let file = try File(path, .createNew, permissions: 0o600)
            try file.truncate(to: bytes)
        }
        // Nothing is written that can be written later: an image is made in a few milliseconds.
        try run(
            "mkfs.ext4", of: "e2fsprogs",
            [
                "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-J", "size=8", path,
            ])
    }

    /// Mounts one on a folder, for this process and what it starts alone: when the last of them
    /// has ended it is unmounted. The process must not have a second thread yet.
    public static func mount(_ path: String, on folder: String) throws(SystemError) {
        try Namespace.makeMountsPrivate()
        try FileSystem.makeFolder(folder, permissions: 0o700)
        try run("mount", of: "mount", ["-t", "ext4", "-o", "loop", path, folder])
    }

    /// Whether it is mounted somewhere, or is about to be unmounted.
    public static func isInUse(_ path: String) throws(SystemError) -> Bool {
        guard let whole = realpath(path, nil) else { throw SystemError("realpath", path) }
        defer { free(whole) }
        let name = String(cString: whole)
        for device in try FileSystem.list("/sys/block") where device.hasPrefix("loop") {
            let file = "/sys/block/\(device)/loop/backing_file"
            // A device that is let go of meanwhile has no such file any more.
            guard let text = try? FileSystem.text(file) else { continue }
            if text.split(separator: "\n").first.map(String.init) == name { return true }
        }
        return false
    }

    /// Stops the file system that a folder of a process is on, as a power cut would: what was not
    /// synced is lost, and nothing more is written. Only unmounting it helps then. `process` is one
    /// that sees it.
    public static func cutPower(_ folder: String, of process: Int32) throws(SystemError) {
        let descriptor = open("/proc/\(process)/root\(folder)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open", folder) }
        defer { close(descriptor) }
        var flags = UInt32(linux_ext4_no_log_flush)
        guard linux_ioctl(descriptor, linux_ext4_shutdown, &flags) == 0 else {
            throw SystemError("ioctl", "EXT4_IOC_SHUTDOWN of \(folder)")
        }
    }

    /// Whether this process may do all this. Whether the kernel can shows when it is done.
    public static var isAllowed: Bool { geteuid() == 0 }

    private static func run(
        _ word: String, of origin: String, _ arguments: [String]
    ) throws(SystemError) {
        let child = try ChildProcess(
            ChildProcess.findTool(word, of: origin), arguments, output: .discard)
        let exit = try child.wait()
        guard exit == .code(0) else {
            let line = arguments.joined(separator: " ")
            throw SystemError(word, "\(word) \(line) ended with \(exit)", code: EIO)
        }
    }
}
