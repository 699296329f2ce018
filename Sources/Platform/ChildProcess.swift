import Basics
import Glibc

/// A program that this process started.
public final class ChildProcess {
    public let identity: ProcessIdentity
    /// The reading end of standard output, when `Output.pipe` was asked for; non-blocking.
    public let output: Socket?
    private var ended: Exit?

    public var pid: Int32 { identity.pid }

    /// Where a child's standard output or standard error goes.
    public enum Output: Sendable {
        case inherit
        case discard
        /// Appended to the file.
        case file(String)
        /// To this process (standard output only).
        case pipe
    }

    /// How a program ended.
    public enum Exit: Sendable, Equatable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        public var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    /// Starts `path` (no search) with `arguments` after the program's name. `variables` are added
    /// to this process's environment. With `ownGroup` a Ctrl-C on the terminal does not reach it.
    /// A `channel` is its standard input and output; without one the input is empty.
    public init(
        _ path: String, _ arguments: [String], variables: [(String, String)] = [],
        output: Output = .inherit, errors: Output = .inherit, channel: Socket? = nil,
        ownGroup: Bool = false
    ) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        if case .pipe = output {
            guard pipe(&ends) == 0 else { throw SystemError("pipe", path) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        }
        defer { if ends[1] >= 0 { close(ends[1]) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let channel {
            posix_spawn_file_actions_adddup2(&actions, channel.descriptor, 0)
            posix_spawn_file_actions_adddup2(&actions, channel.descriptor, 1)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            direct(&actions, 1, to: output, pipe: ends[1])
        }
        direct(&actions, 2, to: errors, pipe: -1)
        let result = spawn(path, arguments, variables, &actions, ownGroup: ownGroup)
        guard case .success(let pid) = result, let identity = ProcessIdentity(of: pid) else {
            if ends[0] >= 0 { close(ends[0]) }
            throw SystemError("posix_spawn", path, code: result.failureCode ?? ESRCH)
        }
        self.identity = identity
        self.output = ends[0] >= 0 ? Socket(descriptor: ends[0]) : nil
    }

    deinit { output?.close() }

    /// How it ended; nil while it runs.
    public func poll() throws(SystemError) -> Exit? { try reap(WNOHANG) }

    /// Blocks until it has ended.
    public func wait() throws(SystemError) -> Exit {
        while true { if let exit = try reap(0) { return exit } }
    }

    /// Sends a signal, unless it has ended. False when it has.
    public func send(signal number: Int32) throws(SystemError) -> Bool {
        ended == nil ? try identity.send(signal: number) : false
    }

    private func reap(_ options: Int32) throws(SystemError) -> Exit? {
        if let ended { return ended }
        var status: Int32 = 0
        let result = waitpid(pid, &status, options)
        if result == 0 { return nil }
        if result < 0 {
            if errno == EINTR { return nil }
            throw SystemError("waitpid", "process \(pid)")
        }
        let signal = status & 0x7f
        ended = signal == 0 ? .code((status >> 8) & 0xff) : .signal(signal)
        return ended
    }

    /// The program that a command's first word means: a path if it has a slash, else the first
    /// executable file of that name in the folders of PATH.
    public static func find(_ word: String) throws(SystemError) -> String {
        guard !word.contains("/") else { return word }
        let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        for folder in folders.split(separator: ":") {
            let path = "\(folder)/\(word)"
            if access(path, X_OK) == 0 { return path }
        }
        throw SystemError("find", "no program '\(word)' in PATH", code: ENOENT)
    }

    /// A tool of the system, which may be where only root looks; `origin` is what Debian calls
    /// that which it comes with.
    public static func findTool(_ word: String, of origin: String) throws(SystemError) -> String {
        do { return try find(word) } catch {
            for folder in ["/usr/sbin", "/sbin"] where access("\(folder)/\(word)", X_OK) == 0 {
                return "\(folder)/\(word)"
            }
            throw SystemError("find", "the program '\(word)' (Debian: \(origin))", code: ENOENT)
        }
    }

    /// The path of the running program.
    public static func ownExecutable() throws(SystemError) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return -1 }
            return readlink(
                "/proc/self/exe", base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard count > 0 else { throw SystemError("readlink", "/proc/self/exe") }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}

extension Result where Success == Int32, Failure == SystemError {
    fileprivate var failureCode: Int32? {
        if case .failure(let error) = self { error.code } else { nil }
    }
}

private func direct(
    _ actions: inout posix_spawn_file_actions_t, _ descriptor: Int32,
    to output: ChildProcess.Output, pipe: Int32
) {
    switch output {
    case .inherit: break
    case .discard: posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    case .file(let path):
        posix_spawn_file_actions_addopen(
            &actions, descriptor, path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    case .pipe:
        if pipe >= 0 { posix_spawn_file_actions_adddup2(&actions, pipe, descriptor) }
    }
}

private func spawn(
    _ path: String, _ arguments: [String], _ variables: [(String, String)],
    _ actions: inout posix_spawn_file_actions_t, ownGroup: Bool
) -> Result<Int32, SystemError> {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The child starts with no signal blocked, whatever thread spawns it.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    let group: Int32 = ownGroup ? POSIX_SPAWN_SETPGROUP : 0
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | group))
    posix_spawnattr_setpgroup(&attributes, 0)

    var environment: [String] = []
    var place = environ
    while let entry = place.pointee {
        let text = String(cString: entry)
        if !variables.contains(where: { text.hasPrefix("\($0.0)=") }) { environment.append(text) }
        place += 1
    }
    environment += variables.map { "\($0.0)=\($0.1)" }
    return withCStrings([path] + arguments) { arguments in
        withCStrings(environment) { environment in
            var pid: pid_t = 0
            let result = posix_spawn(&pid, path, &actions, &attributes, arguments, environment)
            return result == 0
                ? .success(pid) : .failure(SystemError("posix_spawn", path, code: result))
        }
    }
}

/// Lends a null-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("never empty") }
        return body(base)
    }
}
