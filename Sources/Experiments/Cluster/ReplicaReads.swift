import Basics
import Consistency
import Foundation
import Platform

/// Reads keys through one node and asks no other: R = 1, and no repair, so that looking changes
/// nothing. A node that is no replica of a key asks one of its replicas.
struct ReplicaReads {
    let address: SocketAddress
    let keys: [String]

    /// Commands that are sent before their answers are read.
    private static let window = 256

    /// The value of every key, in order; nil when the node does not answer all of it before
    /// `deadline`.
    func values(deadline: Instant) -> [Answer]? {
        guard let socket = try? Socket.connect(to: address) else { return nil }
        defer { socket.close() }
        guard NodeProbe.wait(socket, for: Int16(POLLOUT), deadline: deadline),
            socket.connectionError(to: address) == nil
        else { return nil }
        var conversation = Conversation(socket: socket, deadline: deadline)
        guard conversation.send("QUORUM R 1 REPAIR none KIND strict\r\n"),
            conversation.reply() != nil
        else { return nil }
        var answers: [Answer] = []
        answers.reserveCapacity(keys.count)
        var start = 0
        while start < keys.count {
            let part = keys[start..<min(start + ReplicaReads.window, keys.count)]
            start += part.count
            guard conversation.send(part.map { "GET \($0)\r\n" }.joined()) else { return nil }
            for _ in part {
                guard let answer = conversation.reply() else { return nil }
                answers.append(answer)
            }
        }
        return answers
    }

    /// What a node says about a key.
    enum Answer: Equatable {
        case value(ValueID)
        /// A value that no load generator wrote, by its hash.
        case other(UInt64)
        case refused
    }

    /// Commands out, replies in.
    private struct Conversation: ~Copyable {
        let socket: Socket
        let deadline: Instant
        var received = ByteBuffer()
        var chunk = [UInt8](repeating: 0, count: 64 << 10)

        mutating func send(_ commands: String) -> Bool {
            var rest = Array(commands.utf8)[...]
            while !rest.isEmpty {
                switch Bytes.lending(Array(rest), to: { socket.write($0) }) {
                case .wrote(let count): rest = rest.dropFirst(count)
                case .wouldBlock:
                    guard NodeProbe.wait(socket, for: Int16(POLLOUT), deadline: deadline) else {
                        return false
                    }
                case .failed: return false
                }
            }
            return true
        }

        /// The next whole reply; nil when none comes.
        mutating func reply() -> Answer? {
            while true {
                if let (answer, length) = ReplicaReads.parse(received.bytes) {
                    received.consume(length)
                    return answer
                }
                guard NodeProbe.wait(socket, for: Int16(POLLIN), deadline: deadline) else {
                    return nil
                }
                switch chunk.withUnsafeMutableBytes({ socket.read(into: $0) }) {
                case .bytes(let count):
                    Bytes.lending(Array(chunk[..<count])) { received.append($0) }
                case .wouldBlock: continue
                case .closed, .failed: return nil
                }
            }
        }
    }

    /// A reply of RESP2 at the head of `input`, and its length; nil when it is not all there. Of
    /// an array only the end is looked for.
    static func parse(_ input: Bytes) -> (Answer, Int)? {
        guard let line = line(input, from: 0) else { return nil }
        switch input[0] {
        case UInt8(ascii: "$"):
            guard line.number >= 0 else { return (.value(.absent), line.end) }
            guard line.end + line.number + 2 <= input.count else { return nil }
            return (
                answer(input.slice(line.end, line.end + line.number)), line.end + line.number + 2
            )
        case UInt8(ascii: "*"):
            var end = line.end
            for _ in 0..<max(0, line.number) {
                guard end < input.count,
                    let (_, length) = parse(input.slice(end, input.count))
                else { return nil }
                end += length
            }
            return (.value(.absent), end)
        default: return (.refused, line.end)
        }
    }

    private static func answer(_ value: Bytes) -> Answer {
        let text = Array(value.slice(0, min(value.count, 24)).text.utf8)
        return text.withUnsafeBytes { ValueID(prefixOf: $0) }.map { .value($0) }
            ?? .other(XXH3.hash64(value, seed: 0))
    }

    /// The number in the line that begins at `start`, and where the next one begins.
    private static func line(_ input: Bytes, from start: Int) -> (number: Int, end: Int)? {
        var i = start + 1
        var number = 0
        var isNegative = false
        while i + 1 < input.count {
            if input[i] == 13, input[i + 1] == 10 {
                return (isNegative ? -number : number, i + 2)
            }
            if input[i] == UInt8(ascii: "-") { isNegative = true }
            if input[i] &- 48 < 10, number < 1 << 40 { number = number * 10 + Int(input[i] &- 48) }
            i += 1
        }
        return nil
    }
}
