import Basics
import Foundation
import Platform

/// Asks a running node a question over its client port and waits for the answer.
enum NodeProbe {
    /// What `INFO` says, by field name; nil when the node does not answer before `deadline`.
    static func information(_ address: SocketAddress, deadline: Instant) -> [String: String]? {
        guard let reply = ask("INFO\r\n", address, deadline: deadline) else { return nil }
        var fields: [String: String] = [:]
        for line in reply.split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
        }
        return fields
    }

    /// Sends an inline command and returns the payload of its bulk reply.
    private static func ask(
        _ command: String, _ address: SocketAddress, deadline: Instant
    ) -> String? {
        guard let socket = try? Socket.connect(to: address) else { return nil }
        defer { socket.close() }
        guard wait(socket, for: Int16(POLLOUT), deadline: deadline),
            socket.connectionError(to: address) == nil
        else { return nil }
        let bytes = Array(command.utf8)
        guard case .wrote(bytes.count) = Bytes.lending(bytes, to: { socket.write($0) }) else {
            return nil
        }
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while wait(socket, for: Int16(POLLIN), deadline: deadline) {
            switch chunk.withUnsafeMutableBytes({ socket.read(into: $0) }) {
            case .bytes(let count): received += chunk[..<count]
            case .wouldBlock: continue
            default: return nil
            }
            if let payload = bulk(received) { return payload }
        }
        return nil
    }

    /// The payload of `$<length>\r\n<payload>\r\n` once it is complete.
    private static func bulk(_ bytes: [UInt8]) -> String? {
        guard let end = bytes.firstIndex(of: 13), bytes.first == UInt8(ascii: "$"),
            let length = Int(String(decoding: bytes[1..<end], as: UTF8.self)), length >= 0,
            bytes.count >= end + 2 + length + 2
        else { return nil }
        return String(decoding: bytes[(end + 2)..<(end + 2 + length)], as: UTF8.self)
    }

    static func wait(_ socket: Socket, for events: Int16, deadline: Instant) -> Bool {
        var request = pollfd(fd: socket.descriptor, events: events, revents: 0)
        while true {
            let left = (deadline - Clocks.monotonic()).milliseconds
            guard left > 0 else { return false }
            let count = poll(&request, 1, Int32(min(left.rounded(.up), 10_000)))
            if count > 0 { return true }
            if count < 0, errno != EINTR { return false }
        }
    }
}
