import Basics
import Glibc
import Platform

/// One node in a process of its own, on ports that the system chose.
final class ServedNode {
    private(set) var program: Program
    private(set) var address: SocketAddress
    private let arguments: [String]
    private let folder: String

    /// Starts `quorumeter serve` and waits until it listens.
    init(_ arguments: [String] = [], listen: String = "127.0.0.1:0", in folder: String) throws {
        self.arguments = arguments
        self.folder = folder
        program = try Program(
            Quorumeter.path, ["serve", "--listen", listen] + arguments, name: "node", in: folder)
        address = try ServedNode.waitUntilReady(program)
    }

    private static func waitUntilReady(_ program: Program) throws -> SocketAddress {
        var address: SocketAddress?
        try eventually("a node to listen") {
            let words = program.errors.split(whereSeparator: \.isWhitespace)
            if words.contains("event=ready"),
                let word = words.first(where: { $0.hasPrefix("clients=") })
            {
                address = try SocketAddress(String(word.dropFirst("clients=".count)))
                return true
            }
            guard try program.isRunning else {
                throw Missing("a node to listen; it said: \(program.errors)")
            }
            return false
        }
        guard let address else { throw Missing("a node's address") }
        return address
    }

    func client() throws -> Client { try Client(address) }

    /// Starts it again, on the same ports, after it has ended.
    func restart() throws {
        program = try Program(
            Quorumeter.path, ["serve", "--listen", "\(address)"] + arguments, name: "node",
            in: folder)
        address = try ServedNode.waitUntilReady(program)
    }

    /// Asks it to end as Ctrl-C does.
    func stop() throws -> Program.Ended {
        try program.send(signal: SIGINT)
        return try program.end()
    }
}

/// Nodes n1, n2, … that know each other.
final class ServedCluster {
    let nodes: [ServedNode]

    /// Starts `count` nodes and waits until each reaches all. `isDurable`: with a log each in
    /// `folder`, synced before anything is acknowledged.
    /// `more` are further options of every node.
    init(
        _ count: Int = 3, n: Int = 3, r: Int = 2, w: Int = 2, mode: String = "lww",
        more: [String] = [],
        isDurable: Bool, in folder: String
    ) throws {
        // Ports that were free a moment ago may be taken by the time a node binds them: then the
        // node ends, and others are tried.
        var attempt = 0
        while true {
            attempt += 1
            do {
                nodes = try ServedCluster.start(
                    count, n, r, w, mode, more, isDurable, "\(folder)/\(attempt)")
                break
            } catch let error as Missing {
                guard attempt < 3, error.description.contains("in use") else { throw error }
            }
        }
        try waitUntilWhole()
    }

    private static func start(
        _ count: Int, _ n: Int, _ r: Int, _ w: Int, _ mode: String, _ more: [String],
        _ isDurable: Bool, _ folder: String
    ) throws -> [ServedNode] {
        try FileSystem.makeFolder(folder)
        let sockets = try (0..<(2 * count)).map { _ in try Socket.listen(on: .loopback(0)) }
        let ports = sockets.compactMap { $0.localAddress?.port }
        for socket in sockets { socket.close() }
        let members = (0..<count).map { "n\($0 + 1)@127.0.0.1:\(ports[count + $0])" }
        return try (0..<count).map { index in
            var arguments = [
                "--name", "n\(index + 1)", "--peer-listen", "127.0.0.1:\(ports[count + index])",
                "--n", "\(n)", "--r", "\(r)", "--w", "\(w)", "--mode", mode,
            ]
            arguments += more
            for member in members { arguments += ["--join", member] }
            if isDurable {
                arguments += ["--data", "\(folder)/n\(index + 1)", "--fsync", "always"]
            }
            return try ServedNode(arguments, listen: "127.0.0.1:\(ports[index])", in: folder)
        }
    }

    /// Waits until every node reaches every other.
    func waitUntilWhole() throws {
        for node in nodes {
            let client = try node.client()
            try eventually("every node to reach every other") {
                try client.information("reachable") == "\(nodes.count)"
            }
        }
    }
}
