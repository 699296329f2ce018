import Basics
import Glibc
import Platform

/// A server that a test starts on a free port and ends by its process id.
struct TestServer {
    private let process: ChildProcess

    /// Ports that are free when they are asked for; if another process takes one first, the server
    /// ends and the generator cannot connect.
    static func freePorts(_ count: Int) throws -> [UInt16] {
        let probes = try (0..<count).map { _ in try Socket.listen(on: .loopback(0)) }
        defer { for probe in probes { probe.close() } }
        return probes.map { $0.localAddress?.port ?? 0 }
    }

    /// Starts a server and returns when it accepts connections, or fails after ten seconds.
    init(
        _ program: String, _ arguments: [String], port: UInt16,
        output: ChildProcess.Output = .discard
    ) throws {
        process = try ChildProcess(program, arguments, output: .discard, errors: output)
        try awaitAnswers(port)
    }

    /// Whether a program is there to be tested with.
    static func has(_ program: String) -> Bool { access(program, X_OK) == 0 }

    private func awaitAnswers(_ port: UInt16) throws {
        let loop = try EventLoop()
        let limit = Clocks.monotonic() + .seconds(10)
        while Clocks.monotonic() < limit, try process.poll() == nil {
            let socket = try Socket.connect(to: .loopback(port))
            let watch = try loop.watch(socket.descriptor, for: .writable, token: 1)
            while loop.wait(until: limit).isEmpty, Clocks.monotonic() < limit {}
            let failure = socket.connectionError(to: .loopback(port))
            loop.unwatch(watch)
            socket.close()
            if failure == nil { return }
            _ = loop.wait(until: Clocks.monotonic() + .milliseconds(5))
        }
        throw SystemError("connect", "the server on port \(port) does not answer", code: ETIMEDOUT)
    }

    func stop(_ signal: Int32 = SIGTERM) throws {
        _ = try process.send(signal: signal)
        _ = try process.wait()
    }

    /// Runs `body` and ends the server however that ends.
    func serving(_ signal: Int32 = SIGTERM, _ body: () throws -> Void) throws {
        let outcome = Result { try body() }
        try stop(signal)
        try outcome.get()
    }
}

/// A folder that is gone afterwards.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
    let folder = try FileSystem.temporaryFolder("quorumeter-load")
    let outcome = Result { try body(folder) }
    try FileSystem.removeTree(folder)
    try outcome.get()
}

/// A redis-server of our own: memory only.
struct RedisServer {
    static let program = "/usr/bin/redis-server"

    let port: UInt16
    private let server: TestServer

    init(_ arguments: [String] = [], port given: UInt16? = nil) throws {
        port = try given ?? TestServer.freePorts(1)[0]
        server = try TestServer(
            RedisServer.program,
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", "/tmp",
            ] + arguments, port: port)
    }

    /// Starts a server, and ends it however `body` ends.
    static func with(_ arguments: [String] = [], _ body: (RedisServer) throws -> Void) throws {
        let server = try RedisServer(arguments)
        try server.server.serving { try body(server) }
    }
}
