import Basics
import Foundation
import Platform

/// What one replica holds of a key.
struct ReplicaValue: Equatable {
    /// Nil when it holds nothing, or a tombstone.
    var value: String?
    /// As the store writes it; nil when it holds nothing.
    var version: String?
}

/// Reads keys over one connection, a few hundred at a time; blocks.
struct ReplicaReader {
    private let socket: Socket
    private let deadline: Instant

    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Keys that are asked for at once.
    private static let batch = 256

    init(_ address: SocketAddress, deadline: Instant) throws {
        socket = try Socket.connect(to: address)
        self.deadline = deadline
        guard ReplicaReader.wait(socket, for: Int16(POLLOUT), deadline),
            socket.connectionError(to: address) == nil
        else {
            socket.close()
            throw Failure(description: "\(address) does not answer")
        }
    }

    func close() { socket.close() }

    /// What the node called `name` itself holds, for those of `keys` that it is a replica of.
    func held(by name: String, _ keys: [String]) throws -> [String: ReplicaValue] {
        var held: [String: ReplicaValue] = [:]
        try ask(keys, "R 1 REPAIR none") { key, answer in
            if answer.replicas == [name] { held[key] = answer.value }
        }
        return held
    }

    /// What `r` replicas together say of each key; a key is missing when they did not answer.
    func read(_ keys: [String], r: Int) throws -> [String: ReplicaValue] {
        var values: [String: ReplicaValue] = [:]
        try ask(keys, "R \(r)") { values[$0] = $1.value }
        return values
    }

    private struct Answer {
        var value = ReplicaValue()
        var replicas: [String] = []
    }

    private func ask(
        _ keys: [String], _ options: String, _ body: (String, Answer) -> Void
    ) throws {
        var parser = RESPParser()
        var start = 0
        while start < keys.count {
            let part = keys[start..<min(start + ReplicaReader.batch, keys.count)]
            try send(part.map { "QGET \($0) \(options)\r\n" }.joined())
            for key in part {
                // An error says that this key cannot be read now; the next may.
                if let answer = ReplicaReader.answer(try reply(&parser)) { body(key, answer) }
            }
            start += ReplicaReader.batch
        }
    }

    private static func answer(_ reply: RESPParser.Value) -> Answer? {
        guard case .array(let items) = reply else { return nil }
        var answer = Answer()
        for place in stride(from: 0, to: items.count - 1, by: 2) {
            switch (items[place], items[place + 1]) {
            case (.text("values"), .array(let values)):
                if case .text(let text)? = values.first { answer.value.value = text }
            case (.text("version"), .text(let text)): answer.value.version = text
            case (.text("replicas"), .array(let names)):
                answer.replicas = names.compactMap {
                    if case .text(let name) = $0 { name } else { nil }
                }
            default: break
            }
        }
        return answer
    }

    private func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            guard ReplicaReader.wait(socket, for: Int16(POLLOUT), deadline) else {
                throw Failure(description: "a node takes no requests")
            }
            switch Bytes.lending(Array(bytes[done...]), to: { socket.write($0) }) {
            case .wrote(let count): done += count
            case .wouldBlock: continue
            case .failed(let code): throw SystemError("send", code: code)
            }
        }
    }

    private func reply(_ parser: inout RESPParser) throws -> RESPParser.Value {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let value = try parser.next() { return value }
            guard ReplicaReader.wait(socket, for: Int16(POLLIN), deadline) else {
                throw Failure(description: "a node does not answer in time")
            }
            switch chunk.withUnsafeMutableBytes({ socket.read(into: $0) }) {
            case .bytes(let count): parser.add(chunk[..<count])
            case .wouldBlock: continue
            case .closed: throw Failure(description: "a node has closed the connection")
            case .failed(let code): throw SystemError("read", code: code)
            }
        }
    }

    private static func wait(_ socket: Socket, for events: Int16, _ deadline: Instant) -> Bool {
        NodeProbe.wait(socket, for: events, deadline: deadline)
    }
}

/// Replies of Redis's protocol (RESP2) out of bytes as they come.
struct RESPParser {
    indirect enum Value: Equatable {
        case text(String)
        case error(String)
        case null
        case array([Value])
    }

    struct Malformed: Error, CustomStringConvertible {
        var description: String { "a node has answered with something that is no reply" }
    }

    private var bytes: [UInt8] = []
    private var start = 0

    mutating func add(_ more: ArraySlice<UInt8>) {
        if start > 1 << 16 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
    }

    /// The next whole reply; nil until it is complete.
    mutating func next() throws(Malformed) -> Value? {
        var place = start
        guard let value = try value(&place) else { return nil }
        start = place
        return value
    }

    private func value(_ place: inout Int) throws(Malformed) -> Value? {
        guard let end = bytes[place...].firstIndex(of: 13), end + 1 < bytes.count else {
            return nil
        }
        let line = String(decoding: bytes[(place + 1)..<end], as: UTF8.self)
        let kind = bytes[place]
        place = end + 2
        switch kind {
        case UInt8(ascii: "+"), UInt8(ascii: ":"): return .text(line)
        case UInt8(ascii: "-"): return .error(line)
        case UInt8(ascii: "$"):
            guard let length = Int(line) else { throw Malformed() }
            if length < 0 { return .null }
            guard place + length + 2 <= bytes.count else { return nil }
            defer { place += length + 2 }
            return .text(String(decoding: bytes[place..<(place + length)], as: UTF8.self))
        case UInt8(ascii: "*"):
            guard let count = Int(line) else { throw Malformed() }
            var items: [Value] = []
            for _ in 0..<max(0, count) {
                guard let item = try value(&place) else { return nil }
                items.append(item)
            }
            return .array(items)
        default: throw Malformed()
        }
    }
}
