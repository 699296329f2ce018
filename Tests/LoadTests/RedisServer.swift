import Basics
import Glibc
import Platform

/// A redis-server of our own: memory only, ended by its process id.
struct RedisServer {
    static let program = "/usr/bin/redis-server"

    let port: UInt16
    private let process: ChildProcess

    init(_ arguments: [String] = []) throws {
        // The port is free when it is asked for; if another process takes it first, the server
        // ends and the generator cannot connect.
        let probe = try Socket.listen(on: .loopback(0))
        port = probe.localAddress?.port ?? 0
        probe.close()
        process = try ChildProcess(
            RedisServer.program,
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", "/tmp",
            ] + arguments, output: .discard, errors: .discard)
        try awaitAnswers()
    }

    /// Starts a server, and ends it however `body` ends.
    static func with(_ arguments: [String] = [], _ body: (RedisServer) throws -> Void) throws {
        let server = try RedisServer(arguments)
        var problem: (any Error)?
        do { try body(server) } catch { problem = error }
        try server.stop()
        if let problem { throw problem }
    }

    /// Returns when the server accepts connections, or after five seconds.
    private func awaitAnswers() throws {
        let loop = try EventLoop()
        let limit = Clocks.monotonic() + .seconds(5)
        while Clocks.monotonic() < limit {
            let socket = try Socket.connect(to: .loopback(port))
            let watch = try loop.watch(socket.descriptor, for: .writable, token: 1)
            while loop.wait(until: limit).isEmpty, Clocks.monotonic() < limit {}
            let failure = socket.connectionError(to: .loopback(port))
            loop.unwatch(watch)
            socket.close()
            if failure == nil { return }
            _ = loop.wait(until: Clocks.monotonic() + .milliseconds(5))
        }
    }

    func stop() throws {
        _ = try process.send(signal: SIGTERM)
        _ = try process.wait()
    }
}
