import Basics
import CLinux
import Glibc

/// An open file, closed with the value.
public struct File: ~Copyable {
    public let descriptor: Int32
    public let path: String
    /// What goes wrong with it on purpose; nil outside of tests.
    private let faults: FileFaults?
    private let isAppended: Bool

    /// How a file is opened.
    public enum Mode: Sendable {
        case read
        /// For appending; created when it is not there.
        case append
        /// For reading and writing; created when it is not there.
        case readWrite
        /// For writing; must not be there yet.
        case createNew
        /// For writing; emptied when it is there.
        case truncate

        fileprivate var flags: Int32 {
            switch self {
            case .read: O_RDONLY
            case .append: O_WRONLY | O_CREAT | O_APPEND
            case .readWrite: O_RDWR | O_CREAT
            case .createNew: O_WRONLY | O_CREAT | O_EXCL
            case .truncate: O_WRONLY | O_CREAT | O_TRUNC
            }
        }
    }

    /// `permissions` count only for a file that is created.
    public init(
        _ path: String, _ mode: Mode, permissions: mode_t = 0o644
    ) throws(SystemError) {
        descriptor = open(path, mode.flags | O_CLOEXEC, permissions)
        self.path = path
        faults = FileFaults.of(path)
        isAppended = mode.flags & O_APPEND != 0
        guard descriptor >= 0 else { throw SystemError("open", path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Writes all of it at the file's position.
    public func write(_ bytes: Bytes) throws(SystemError) {
        if let faults {
            let start = try isAppended ? size() : position()
            try faults.checkRoom(path, descriptor: descriptor, upTo: start + bytes.count)
            if isAppended, try faults.keeps(bytes, appendedTo: path, descriptor: descriptor) {
                return
            }
        }
        try writeAll(bytes, to: descriptor, about: path)
    }

    /// Writes all of it at `offset`.
    public func write(_ bytes: Bytes, at offset: Int) throws(SystemError) {
        if let faults {
            try faults.checkRoom(path, descriptor: descriptor, upTo: offset + bytes.count)
            try faults.flush(path, descriptor: descriptor)
        }
        try writeAll(bytes, to: descriptor, at: offset, about: path)
    }

    /// Up to `count` bytes from `offset`; fewer at the end of the file.
    public func read(at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
            filled = 0
            while filled < count, let base = buffer.baseAddress {
                let got = pread(descriptor, base + filled, count - filled, offset + filled)
                if got == 0 { break }
                if got > 0 {
                    filled += got
                } else if errno != EINTR {
                    failure = SystemError("pread", path)
                    break
                }
            }
            if let faults, failure == nil {
                filled = faults.overlay(
                    path, from: offset, onto: UnsafeMutableRawBufferPointer(buffer), known: filled)
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Bytes in the file.
    public func size() throws(SystemError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat", path) }
        return Int(status.st_size) + (faults?.keptBytes(path) ?? 0)
    }

    /// Where the next write goes that names no place.
    private func position() throws(SystemError) -> Int {
        let place = lseek(descriptor, 0, SEEK_CUR)
        guard place >= 0 else { throw SystemError("lseek", path) }
        return place
    }

    public func truncate(to size: Int) throws(SystemError) {
        try faults?.flush(path, descriptor: descriptor)
        guard ftruncate(descriptor, size) == 0 else { throw SystemError("ftruncate", path) }
    }

    /// Makes the contents durable, with as much of the metadata as reading them needs.
    public func syncData() throws(SystemError) {
        try faults?.prepareSync(path, descriptor: descriptor)
        guard fdatasync(descriptor) == 0 else { throw SystemError("fdatasync", path) }
        faults?.synced(path)
    }

    /// Asks the system to drop what it caches of the file and has on the disk.
    public func forgetCached() { posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }

    /// Makes room on the disk for the first so many bytes, without changing what is read; where
    /// the file system knows no such thing, nothing happens. ENOSPC or EDQUOT: there is none.
    public func reserve(_ bytes: Int) throws(SystemError) {
        try faults?.checkRoom(path, descriptor: descriptor, upTo: bytes)
        while linux_fallocate(descriptor, 1, 0, bytes) != 0 {
            if errno == EOPNOTSUPP || errno == ENOSYS { return }
            if errno != EINTR { throw SystemError("fallocate", path) }
        }
    }

    /// Takes an exclusive lock that lives as long as this value; false when another process has
    /// it.
    public func tryLock() throws(SystemError) -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        if errno == EWOULDBLOCK { return false }
        throw SystemError("flock", path)
    }
}

/// Writes all bytes at a place of a file.
func writeAll(
    _ bytes: Bytes, to descriptor: Int32, at offset: Int, about subject: String
) throws(SystemError) {
    var done = 0
    while done < bytes.count {
        let count = pwrite(descriptor, bytes.base + done, bytes.count - done, offset + done)
        if count >= 0 {
            done += count
        } else if errno != EINTR {
            throw SystemError("pwrite", subject)
        }
    }
}

/// Writes all bytes to a blocking descriptor.
func writeAll(_ bytes: Bytes, to descriptor: Int32, about subject: String) throws(SystemError) {
    var done = 0
    while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.base + done, bytes.count - done)
        if count >= 0 {
            done += count
        } else if errno != EINTR {
            throw SystemError("write", subject)
        }
    }
}
