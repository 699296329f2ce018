import Basics
import Glibc
import Platform
import Testing

/// A client that sends what it is told and waits for answers, at most twenty seconds each.
final class Client {
    private let socket: Socket
    private var received: [UInt8] = []
    private var start = 0

    init(_ address: SocketAddress) throws {
        socket = try Socket.connect(to: address)
        try wait(for: POLLOUT)
        if let error = socket.connectionError(to: address) { throw error }
    }

    deinit { socket.close() }

    private func wait(for events: Int32) throws {
        var descriptor = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
        guard poll(&descriptor, 1, 20_000) == 1 else { throw Missing("the socket to be ready") }
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let outcome = Bytes.lending(bytes) { socket.write($0.slice(sent, bytes.count)) }
            switch outcome {
            case .wrote(let count): sent += count
            case .wouldBlock: try wait(for: POLLOUT)
            case .failed(let code): throw SystemError("send", code: code)
            }
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// Sends as much as the other side takes without anything being read; returns how much.
    func push(_ bytes: [UInt8]) -> Int {
        let outcome = Bytes.lending(bytes) { socket.write($0) }
        if case .wrote(let count) = outcome { return count }
        return 0
    }

    func finishSending() { socket.shutdownWrites() }

    /// The next line, without its end; nil when the connection has ended.
    func line() throws -> String? {
        // From `start` on, which moves when what was taken is dropped.
        var seen = 0
        while true {
            if let end = received[(start + seen)...].firstIndex(of: 10) {
                let line = received[start..<max(start, end - 1)]
                start = end + 1
                return String(decoding: line, as: UTF8.self)
            }
            seen = received.count - start
            guard try readMore() else { return nil }
        }
    }

    /// The next line of a text whose lines end with a line feed alone; nil when the connection has
    /// ended.
    func rawLine() throws -> String? {
        while true {
            if let end = received[start...].firstIndex(of: 10) {
                let line = received[start..<end]
                start = end + 1
                return String(decoding: line, as: UTF8.self)
            }
            guard try readMore() else { return nil }
        }
    }

    /// The next `count` bytes and the line end behind them.
    private func bulk(_ count: Int) throws -> String {
        while received.count - start < count + 2 {
            guard try readMore() else { throw Missing("\(count) bytes of a value") }
        }
        defer { start += count + 2 }
        return String(decoding: received[start..<(start + count)], as: UTF8.self)
    }

    private func readMore() throws -> Bool {
        if start > 1 << 20 {
            received.removeFirst(start)
            start = 0
        }
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

    /// One reply: a status, number or error as its line, a bulk as its text, null as nil; the
    /// elements of an array one a line. Throws `Missing` at the end of the connection.
    func reply() throws -> String? {
        guard let line = try line() else { throw Missing("a reply") }
        let rest = line.dropFirst()
        switch line.first {
        case "$":
            guard let count = Int(rest), count >= 0 else { return nil }
            return try bulk(count)
        case "*":
            guard let count = Int(rest), count >= 0 else { return nil }
            return try (0..<count).map { _ in try reply() ?? "(null)" }.joined(separator: "\n")
        case "+", ":", "-": return line
        default: throw Missing("a reply, instead of \(line)")
        }
    }

    func ask(_ words: String...) throws -> String? {
        try send(command(words))
        return try reply()
    }

    /// One line of INFO.
    func information(_ name: String) throws -> String {
        let text = try ask("INFO") ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        guard let line else { throw Missing("\(name) in INFO, which is \(text.prefix(300))") }
        return String(line.dropFirst(name.count + 1))
    }
}

/// A command as clients send it.
func command(_ words: [String]) -> String {
    "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
}

func command(_ words: String...) -> String { command(words) }
