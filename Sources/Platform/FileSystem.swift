import Basics
import Glibc

/// Files and folders by their paths.
public enum FileSystem {
    /// What a path leads to.
    public enum Kind: Sendable { case file, folder, other }

    /// What is at `path`, links followed; nil when nothing is.
    public static func kind(of path: String) throws(SystemError) -> Kind? {
        var status = stat()
        if stat(path, &status) == 0 { return kind(status.st_mode) }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw SystemError("stat", path)
    }

    private static func kind(_ mode: mode_t) -> Kind {
        switch mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .folder
        default: .other
        }
    }

    /// A whole file. `limit` in bytes: a larger file is refused with EFBIG.
    public static func read(
        _ path: String, limit: Int = 1 << 40
    ) throws(SystemError) -> [UInt8] {
        let file = try File(path, .read)
        let size = try file.size()
        guard size <= limit else { throw SystemError("read", path, code: EFBIG) }
        if size > 0 { return try file.read(at: 0, count: size) }
        // Files of /proc and pipes have no size: read until the end.
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(file.descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count > 0 {
                bytes.append(contentsOf: chunk[..<count])
                guard bytes.count <= limit else { throw SystemError("read", path, code: EFBIG) }
            } else if errno != EINTR {
                throw SystemError("read", path)
            }
        }
    }

    /// A whole file as text, invalid UTF-8 repaired.
    public static func text(_ path: String) throws(SystemError) -> String {
        String(decoding: try read(path), as: UTF8.self)
    }

    /// Replaces or creates a file atomically: whoever reads it finds the old or the new contents
    /// whole. Durable before this returns when `durably`.
    public static func replace(
        _ path: String, with bytes: [UInt8], permissions: mode_t = 0o644, durably: Bool = true
    ) throws(SystemError) {
        let temporary = "\(path).\(getpid()).new"
        do {
            let file = try File(temporary, .truncate, permissions: permissions)
            try Bytes.lending(bytes) { (all) throws(SystemError) in try file.write(all) }
            if durably { try file.syncData() }
            try rename(temporary, to: path)
        } catch {
            unlink(temporary)
            throw error
        }
        if durably { try syncFolder(parent(of: path)) }
    }

    public static func rename(_ path: String, to target: String) throws(SystemError) {
        guard Glibc.rename(path, target) == 0 else {
            throw SystemError("rename", "\(path) to \(target)")
        }
    }

    /// Gives a file a second name.
    public static func link(_ path: String, as second: String) throws(SystemError) {
        guard Glibc.link(path, second) == 0 else {
            throw SystemError("link", "\(path) as \(second)")
        }
    }

    /// Removes a file; it is no error when there is none.
    public static func remove(_ path: String) throws(SystemError) {
        if unlink(path) != 0, errno != ENOENT { throw SystemError("unlink", path) }
        FileFaults.removed(path)
    }

    /// Makes the entries of a folder durable.
    public static func syncFolder(_ path: String) throws(SystemError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemError("fsync", path) }
    }

    /// Bytes of the disk that a folder is on, and how many of them this process may still fill.
    public static func room(_ folder: String) throws(SystemError) -> (free: Int, total: Int) {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { throw SystemError("statvfs", folder) }
        let isFull = FileFaults.of("\(folder)/")?.isFull == true
        let block = Int(status.f_frsize)
        return (isFull ? 0 : Int(status.f_bavail) * block, Int(status.f_blocks) * block)
    }

    /// Creates a folder and those above it, as far as they are missing.
    public static func makeFolder(
        _ path: String, permissions: mode_t = 0o755
    ) throws(SystemError) {
        if mkdir(path, permissions) == 0 { return }
        let code = errno
        if code == ENOENT, parent(of: path) != path {
            try makeFolder(parent(of: path), permissions: permissions)
            if mkdir(path, permissions) == 0 { return }
        }
        if try kind(of: path) == .folder { return }
        throw SystemError("mkdir", path, code: code)
    }

    /// The names in a folder, sorted, without `.` and `..`.
    public static func list(_ path: String) throws(SystemError) -> [String] {
        guard let folder = opendir(path) else { throw SystemError("opendir", path) }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw SystemError("readdir", path) }
        return names.sorted()
    }

    /// Removes a folder with all that is in it; links are removed, not followed. It is no error
    /// when there is none.
    public static func removeTree(_ path: String) throws(SystemError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw SystemError("lstat", path)
        }
        guard kind(status.st_mode) == .folder else { return try remove(path) }
        for name in try list(path) { try removeTree("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw SystemError("rmdir", path) }
    }

    /// Where temporary folders are made.
    static var temporaryBase: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    /// A new empty folder for this process alone, under TMPDIR or /tmp.
    public static func temporaryFolder(_ prefix: String) throws(SystemError) -> String {
        let base = temporaryBase
        var template = Array("\(base)/\(prefix).XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", base) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The folder that holds `path`.
    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
