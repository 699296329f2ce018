import Basics
import Faults
import Glibc
import Platform
import Testing
import Wire
import Workloads

/// A relay between two members that the test plays itself.
final class Bench {
    let table: LinkTable
    let there = FaultLink(from: 0, to: 1)
    let back = FaultLink(from: 1, to: 0)
    private let folder: String
    private let relay: Relay
    private let listeners: [Socket]
    private let thread: Joining

    private final class Joining {
        private var thread: WorkerThread?
        init(_ thread: consuming WorkerThread) { self.thread = consume thread }
        func join() { if let thread = thread.take() { thread.join() } }
    }

    private struct Running: @unchecked Sendable {
        // Sendable without checking: the relay belongs to its thread until that was joined.
        let relay: Relay
    }

    init(seed: UInt64 = 7) throws {
        folder = try FileSystem.temporaryFolder("quorumeter-relay")
        listeners = try (0..<2).map { _ in try Socket.listen(on: .loopback(0)) }
        table = try LinkTable("\(folder)/links", members: 2)
        table.seed = seed
        let relay = try Relay(table, targets: listeners.compactMap(\.localAddress))
        self.relay = relay
        let running = Running(relay: relay)
        thread = Joining(try WorkerThread { running.relay.run() })
    }

    deinit {
        relay.stopRequest.signal()
        thread.join()
        for listener in listeners { listener.close() }
        // Left in the folder for temporary files at the worst.
        try? FileSystem.removeTree(folder)
    }

    /// Changes a link and returns when the relay acts on it.
    func set(_ link: FaultLink, _ change: (inout LinkSetting) -> Void) throws {
        var setting = table[link]
        change(&setting)
        table[link] = setting
        table.commit()
        relay.poke.signal()
        try eventually("the relay to act") { self.table.applied == self.table.generation }
    }

    /// Member 0 dials member 1: both ends.
    func connect() throws -> (dialler: Peer, dialled: Peer) {
        let dialler = try dial()
        let dialled = try #require(try accept(), "nobody has connected")
        return (dialler, dialled)
    }

    func dial() throws -> Peer {
        let port = try #require(listeners[1].localAddress?.port)
        return Peer(try Socket.connect(to: LinkTable.address(of: there, port: port)))
    }

    /// The connection that reaches member 1, nil when none does in this time.
    func accept(within limit: Instant.Duration = .seconds(10)) throws -> Peer? {
        let deadline = Clocks.monotonic() + limit
        while Clocks.monotonic() < deadline {
            if let socket = try listeners[1].accept() { return Peer(socket) }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(1))
        }
        return nil
    }

    func count(_ counter: LinkCounter, _ link: FaultLink? = nil) -> UInt64 {
        table.count(counter, of: link ?? there)
    }
}

/// One end of a connection, used without a loop.
final class Peer: @unchecked Sendable {
    // Sendable without checking: a test that writes on another thread reads only on its own.
    private let socket: Socket
    private var input: [UInt8] = []
    private(set) var end: End?

    enum End: Equatable {
        case closed
        case reset
    }

    init(_ socket: Socket) { self.socket = socket }

    deinit { socket.close() }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            try wait(for: Int16(POLLOUT))
            switch Bytes.lending(Array(rest.prefix(1 << 16)), to: { socket.write($0) }) {
            case .wrote(let count): rest = rest.dropFirst(count)
            case .wouldBlock: continue
            case .failed(let code): throw SystemError("send", code: code)
            }
        }
    }

    func shutdownWrites() { socket.shutdownWrites() }

    func reset() { socket.reset() }

    /// Everything that arrives until there are `count` bytes, the end, or no more time.
    func receive(_ count: Int, within limit: Instant.Duration = .seconds(20)) throws -> [UInt8] {
        let deadline = Clocks.monotonic() + limit
        while input.count < count, end == nil, Clocks.monotonic() < deadline { try hear() }
        let taken = Array(input.prefix(count))
        input.removeFirst(taken.count)
        return taken
    }

    /// Waits for the end of the connection; what arrives before counts for nothing.
    func awaitEnd(within limit: Instant.Duration = .seconds(20)) throws -> End? {
        let deadline = Clocks.monotonic() + limit
        while end == nil, Clocks.monotonic() < deadline { try hear() }
        return end
    }

    private func hear() throws {
        try wait(for: Int16(POLLIN), milliseconds: 20)
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        switch chunk.withUnsafeMutableBytes({ socket.read(into: $0) }) {
        case .bytes(let count): input += chunk[..<count]
        case .wouldBlock: break
        case .closed: end = .closed
        case .failed: end = .reset
        }
    }

    private func wait(for events: Int16, milliseconds: Int32 = 1_000) throws {
        var request = pollfd(fd: socket.descriptor, events: events, revents: 0)
        guard poll(&request, 1, milliseconds) >= 0 || errno == EINTR else {
            throw SystemError("poll")
        }
    }
}

/// Bytes of the peer protocol: a handshake's length of anything, and frames.
enum Talk {
    static let handshake = [UInt8](repeating: 0x48, count: Handshake.bytes)

    /// A frame that carries its number; the relay does not look at checksums.
    static func frame(_ number: Int, bytes: Int = 100) -> [UInt8] {
        var frame = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes)
        for place in 0..<4 {
            frame[place] = UInt8(truncatingIfNeeded: (bytes - Frame.headerBytes) >> (8 * place))
        }
        frame[8] = UInt8(truncatingIfNeeded: number)
        frame[9] = UInt8(truncatingIfNeeded: number >> 8)
        return frame
    }

    /// The numbers of the frames that arrived.
    static func numbers(_ bytes: [UInt8], bytes size: Int = 100) -> [Int] {
        stride(from: 0, to: bytes.count / size * size, by: size).map {
            Int(bytes[$0 + 8]) | Int(bytes[$0 + 9]) << 8
        }
    }
}

/// What was waited for did not come.
struct Missing: Error, CustomStringConvertible {
    let description: String
    init(_ what: String) { description = what }
}

func eventually(
    _ what: String, within limit: Instant.Duration = .seconds(20), _ condition: () throws -> Bool
) throws {
    let deadline = Clocks.monotonic() + limit
    while try !condition() {
        guard Clocks.monotonic() < deadline else { throw Missing(what) }
        Clocks.sleep(until: Clocks.monotonic() + .milliseconds(1))
    }
}
