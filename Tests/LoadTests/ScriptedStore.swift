import Basics
import Platform
import Synchronization

/// A small store that speaks as much of Redis's protocol as the generator does, on a free port,
/// and misbehaves on demand.
final class ScriptedStore: Sendable {
    /// What becomes of a command.
    enum Answer {
        /// As a real store would.
        case proper
        /// This text, and nothing done.
        case text(String)
        /// Done, and then this text.
        case afterwards(String)
        /// Done, the reply sent byte by byte.
        case dribble
        case silence
        case close
        /// Closes everything and listens no more.
        case vanish
    }

    typealias Script = @Sendable (_ number: Int, _ words: [String]) -> Answer

    let address: SocketAddress
    private let stopping = Atomic<Bool>(false)
    private let commands = Mutex<[[String]]>([])
    /// Only the test that made the store touches it, in `init` and `stop`.
    nonisolated(unsafe) private var thread: WorkerThread?

    init(_ script: @escaping Script = { _, _ in .proper }) throws {
        let listener = try Socket.listen(on: .loopback(0))
        guard let address = listener.localAddress else { throw SystemError("getsockname") }
        self.address = address
        thread = nil
        thread = try WorkerThread { [self] in
            do {
                try Conversation(listener, script, self).run()
            } catch {
                listener.close()
            }
        }
    }

    /// Ends the store's thread.
    func stop() {
        stopping.store(true, ordering: .relaxed)
        if let worker = thread.take() { worker.join() }
    }

    /// Every command received so far.
    var received: [[String]] { commands.withLock { $0 } }

    fileprivate var isStopping: Bool { stopping.load(ordering: .relaxed) }
    fileprivate func note(_ words: [String]) -> Int {
        commands.withLock {
            $0.append(words)
            return $0.count
        }
    }
}

/// The store's thread: plain, slow, and simple enough to be trusted.
private final class Conversation {
    private struct Client {
        let socket: Socket
        let watch: Watch
        var input: [UInt8] = []
    }

    private let loop: EventLoop
    private var listener: (socket: Socket, watch: Watch)?
    private let script: ScriptedStore.Script
    private unowned let store: ScriptedStore
    private var clients: [UInt64: Client] = [:]
    private var values: [String: String] = [:]
    private var nextToken: UInt64 = 1

    init(_ socket: Socket, _ script: @escaping ScriptedStore.Script, _ store: ScriptedStore) throws
    {
        loop = try EventLoop()
        listener = (socket, try loop.watch(socket.descriptor, for: .readable, token: 0))
        self.script = script
        self.store = store
    }

    func run() throws {
        while !store.isStopping {
            let ready = loop.wait(until: Clocks.monotonic() + .milliseconds(5)).map(\.token)
            for token in ready {
                if token == 0 { try accept() } else { receive(token) }
            }
        }
        vanish()
    }

    private func accept() throws {
        while let socket = try listener?.socket.accept() {
            let watch = try loop.watch(socket.descriptor, for: .readable, token: nextToken)
            clients[nextToken] = Client(socket: socket, watch: watch)
            nextToken += 1
        }
    }

    private func receive(_ token: UInt64) {
        guard let client = clients[token] else { return }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let outcome = bytes.withUnsafeMutableBytes { client.socket.read(into: $0) }
        guard case .bytes(let count) = outcome else {
            if outcome != .wouldBlock { drop(token) }
            return
        }
        clients[token]?.input += bytes[..<count]
        while let words = takeCommand(token) { answer(words, token) }
    }

    /// Takes one whole command off a client's input.
    private func takeCommand(_ token: UInt64) -> [String]? {
        guard let input = clients[token]?.input else { return nil }
        var position = 0
        func line() -> String? {
            guard let end = input[position...].firstIndex(of: 13), end + 1 < input.count else {
                return nil
            }
            defer { position = end + 2 }
            return String(decoding: input[position..<end], as: UTF8.self)
        }
        guard let head = line(), let count = Int(head.dropFirst()) else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard let size = line(), let length = Int(size.dropFirst()),
                position + length + 2 <= input.count
            else { return nil }
            words.append(String(decoding: input[position..<(position + length)], as: UTF8.self))
            position += length + 2
        }
        clients[token]?.input.removeFirst(position)
        return words
    }

    private func answer(_ words: [String], _ token: UInt64) {
        let number = store.note(words)
        switch script(number, words) {
        case .proper: send(execute(words), token)
        case .text(let text): send(text, token)
        case .afterwards(let text):
            _ = execute(words)
            send(text, token)
        case .dribble:
            for byte in execute(words).utf8 { send(String(UnicodeScalar(byte)), token) }
        case .silence: break
        case .close: drop(token)
        case .vanish: vanish()
        }
    }

    private func execute(_ words: [String]) -> String {
        switch words[0] {
        case "SET":
            values[words[1]] = words[2]
            return "+OK\r\n"
        case "GET":
            guard let value = values[words[1]] else { return "$-1\r\n" }
            return "$\(value.utf8.count)\r\n\(value)\r\n"
        case "QUORUM": return "*4\r\n$1\r\nR\r\n:2\r\n$1\r\nW\r\n:2\r\n"
        default: return "-ERR unknown command\r\n"
        }
    }

    private func send(_ text: String, _ token: UInt64) {
        guard let client = clients[token] else { return }
        var rest = Array(text.utf8)
        while !rest.isEmpty {
            switch Bytes.lending(rest, to: { client.socket.write($0) }) {
            case .wrote(let count): rest.removeFirst(count)
            case .wouldBlock: continue
            case .failed: return
            }
        }
    }

    private func drop(_ token: UInt64) {
        guard let client = clients.removeValue(forKey: token) else { return }
        loop.unwatch(client.watch)
        client.socket.close()
    }

    private func vanish() {
        for token in clients.keys.sorted() { drop(token) }
        if let (socket, watch) = listener {
            loop.unwatch(watch)
            socket.close()
        }
        listener = nil
    }
}
