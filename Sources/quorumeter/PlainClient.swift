import Basics
import Glibc
import Platform

/// Sends commands to a node and waits for their replies, ten seconds each at most.
final class PlainClient {
    private let socket: Socket
    private let address: SocketAddress
    private var received: [UInt8] = []
    private var start = 0

    private static let patience: Int32 = 10_000

    init(_ address: SocketAddress) throws {
        self.address = address
        do throws(SystemError) {
            socket = try Socket.connect(to: address)
        } catch {
            throw CommandFailure(.environment, "\(address) cannot be reached: \(error)")
        }
        try wait(for: POLLOUT)
        if let error = socket.connectionError(to: address) {
            throw CommandFailure(.environment, "\(address) cannot be reached: \(error)")
        }
    }

    deinit { socket.close() }

    /// The first line of one command's reply.
    func ask(_ words: [String]) throws -> String {
        try ask([words.map { Array($0.utf8) }])[0]
    }

    /// The first lines of the replies, none of which may have a second one.
    func ask(_ commands: [[[UInt8]]]) throws -> [String] {
        var output: [UInt8] = []
        for words in commands {
            output += Array("*\(words.count)\r\n".utf8)
            for word in words { output += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
        }
        try send(output)
        return try commands.map { _ in try line() }
    }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            switch Bytes.lending(bytes, to: { socket.write($0.slice(sent, bytes.count)) }) {
            case .wrote(let count): sent += count
            case .wouldBlock: try wait(for: POLLOUT)
            case .failed(let code): throw lost(SystemError("send", code: code).reason)
            }
        }
    }

    private func line() throws -> String {
        var seen = start
        while true {
            if let end = received[seen...].firstIndex(of: 10) {
                let line = String(decoding: received[start..<max(start, end - 1)], as: UTF8.self)
                start = end + 1
                if start == received.count {
                    received.removeAll(keepingCapacity: true)
                    start = 0
                }
                return line
            }
            seen = received.count
            var chunk = [UInt8](repeating: 0, count: 16 << 10)
            switch chunk.withUnsafeMutableBytes({ socket.read(into: $0) }) {
            case .bytes(let count): received += chunk[..<count]
            case .wouldBlock: try wait(for: POLLIN)
            case .closed: throw lost("the connection ended")
            case .failed(let code): throw lost(SystemError("read", code: code).reason)
            }
        }
    }

    private func wait(for events: Int32) throws {
        var request = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
        guard poll(&request, 1, PlainClient.patience) == 1 else { throw lost("no answer") }
    }

    private func lost(_ why: String) -> CommandFailure {
        CommandFailure(.environment, "\(address): \(why)")
    }
}
