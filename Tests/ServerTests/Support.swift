import Basics
import Glibc
import Platform
import Server
import Testing

/// Runs a test in a folder of its own, which is gone afterwards.
func inTemporaryFolder(_ body: (String) throws -> Void) throws {
    let folder = try FileSystem.temporaryFolder("quorumeter-test")
    let outcome = Result { try body(folder) }
    try FileSystem.removeTree(folder)
    try outcome.get()
}

/// What was waited for did not come.
struct Missing: Error { let what: String }

/// A node of this process, on a thread of its own.
final class RunningNode {
    private struct Shared {
        var address: SocketAddress?
        var peerAddress: SocketAddress?
        var stop: WakeUp?
        var exit: Int32?
    }

    private let shared = Monitor(Shared())
    private var thread: WorkerThread?
    let address: SocketAddress
    let peerAddress: SocketAddress

    init(_ configuration: ServerConfiguration) throws {
        var quiet = configuration
        quiet.logLevel = .error
        let shared = shared
        thread = try WorkerThread { [quiet] in
            do throws(ServeError) {
                var node = try NodeProcess(quiet)
                shared.update {
                    $0.address = node.clientAddress
                    $0.peerAddress = node.peerAddress
                    $0.stop = node.stopRequest
                }
                let code = node.run()
                shared.update { $0.exit = code }
            } catch {
                shared.update { $0.exit = error.code }
            }
        }
        let started = shared.wait(
            for: { $0.address != nil || $0.exit != nil },
            then: { ($0.address, $0.peerAddress, $0.exit) })
        guard let address = started.0, let peerAddress = started.1 else {
            if let thread = thread.take() { thread.join() }
            throw Missing(what: "the node to start (exit code \(started.2 ?? -1))")
        }
        self.address = address
        self.peerAddress = peerAddress
    }

    deinit { _ = stop() }

    /// Ends it; returns its exit code.
    @discardableResult
    func stop() -> Int32? {
        shared.update { $0.stop?.signal() }
        return join()
    }

    /// Waits until it has ended by itself.
    func join() -> Int32? {
        if let thread = thread.take() { thread.join() }
        return shared.update { $0.exit }
    }
}

/// A client that sends what it is told and waits for answers, at most ten seconds.
final class TestClient {
    private let socket: Socket
    private var received: [UInt8] = []

    init(_ address: SocketAddress) throws {
        socket = try Socket.connect(to: address)
        try wait(for: POLLOUT)
        if let error = socket.connectionError(to: address) { throw error }
    }

    deinit { socket.close() }

    private func wait(for events: Int32) throws {
        var descriptor = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
        guard poll(&descriptor, 1, 10_000) == 1 else { throw Missing(what: "the socket") }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let outcome = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                guard let base = rest.baseAddress else { return Socket.WriteOutcome.wouldBlock }
                return socket.write(Bytes(base: base, count: rest.count))
            }
            switch outcome {
            case .wrote(let count): sent += count
            case .wouldBlock: try wait(for: POLLOUT)
            case .failed(let code): throw SystemError("send", code: code)
            }
        }
    }

    /// Sends as much as the other side takes without reading anything; true if all of it.
    func push(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return true }
            return socket.write(Bytes(base: base, count: buffer.count)) == .wrote(buffer.count)
        }
    }

    func finishSending() { socket.shutdownWrites() }

    /// The next `count` bytes.
    func receive(_ count: Int) throws -> String {
        while received.count < count {
            guard try readMore() else { throw Missing(what: "\(count) bytes, got \(received)") }
        }
        defer { received.removeFirst(count) }
        return String(decoding: received.prefix(count), as: UTF8.self)
    }

    /// Everything up to the end of the connection.
    func receiveAll() throws -> String {
        while try readMore() {}
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    private func readMore() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            switch buffer.withUnsafeMutableBytes({ socket.read(into: $0) }) {
            case .bytes(let count):
                received += buffer[..<count]
                return true
            case .wouldBlock: try wait(for: POLLIN)
            case .closed: return false
            case .failed(let code):
                if code == ECONNRESET { return false }
                throw SystemError("read", code: code)
            }
        }
    }

    /// Sends, and expects exactly this.
    func expect(
        _ request: String, _ reply: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try send(request)
        let answer = try receive(reply.utf8.count)
        #expect(answer == reply, sourceLocation: sourceLocation)
    }

    /// One line of an inline command's bulk reply that begins with `name:`.
    func information(_ name: String) throws -> String {
        try send("INFO\r\n")
        var header = ""
        while !header.hasSuffix("\r\n") { header += try receive(1) }
        let count = Int(header.dropFirst().dropLast(1)) ?? 0
        let text = try receive(count + 2)
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        guard let line else { throw Missing(what: name) }
        return String(line.dropFirst(name.count + 1))
    }
}

/// A command as clients send it.
func command(_ words: String...) -> String {
    "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
}

/// Repeats until `condition` holds, with a limit that no healthy run reaches.
func eventually(_ what: String, _ condition: () throws -> Bool) throws {
    let limit = Clocks.monotonic() + .seconds(20)
    while try !condition() {
        guard Clocks.monotonic() < limit else { throw Missing(what: what) }
        Clocks.sleep(until: Clocks.monotonic() + .milliseconds(2))
    }
}
