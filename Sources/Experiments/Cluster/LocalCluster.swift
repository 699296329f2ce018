import Basics
import Foundation
import Platform

/// A cluster of real node processes on this machine, all of this program's own image.
///
/// Its folder holds `cluster.json`, a log file a node and, unless it is memory only, a data
/// folder a node. Processes are ended by their recorded number and start time, never by name.
public final class LocalCluster {
    public let folder: String
    public internal(set) var state: ClusterState
    var children: [String: ChildProcess] = [:]
    var relay: ChildProcess?
    /// Held from the choice of ports until nodes listen on them.
    private var lease: PortLease?
    /// Starts of nodes so far, of this object.
    var starts: UInt64 = 0

    /// The cluster that was created in `folder` before; nil when there is none.
    public static func existing(in folder: String) throws(ClusterError) -> LocalCluster? {
        guard let state = try ClusterState.read(folder) else { return nil }
        return LocalCluster(folder: folder, state: state)
    }

    /// Processor time of nodes that were killed.
    private var ended = Instant.Duration.zero

    private init(folder: String, state: ClusterState) {
        self.folder = folder
        self.state = state
    }

    /// Plans a new cluster in `folder`: names n1, n2, … and free ports from `firstPort` on.
    /// Nothing is started yet.
    public init(
        folder: String, nodes: Int, n: Int, r: Int, w: Int, fsync: String,
        options: ClusterOptions = ClusterOptions(), firstPort: UInt16 = 7_001
    ) throws(ClusterError) {
        self.folder = folder
        do {
            try ResultStore.createFolder(folder)
        } catch { throw ClusterError(error.description) }
        lease = try PortLease()
        let ports = try LocalCluster.freePorts(nodes, from: firstPort)
        state = ClusterState(
            n: n, r: r, w: w, fsync: fsync,
            nodes: ports.enumerated().map { index, port in
                ClusterState.Node(
                    name: "n\(index + 1)", clientPort: port, peerPort: port + peerPortOffset,
                    pid: 0,
                    startTicks: 0)
            }, options: options)
        try save()
    }

    /// Client ports that are free now, with their peer ports 10,000 above.
    static func freePorts(
        _ count: Int, from first: UInt16
    ) throws(ClusterError) -> [UInt16] {
        var ports: [UInt16] = []
        var candidate = first
        while ports.count < count, candidate < 50_000 {
            if isFree(candidate), isFree(candidate + peerPortOffset) { ports.append(candidate) }
            candidate += 1
        }
        guard ports.count == count else {
            throw ClusterError("no \(count) free ports from \(first) on")
        }
        return ports
    }

    private static func isFree(_ port: UInt16) -> Bool {
        guard let socket = try? Socket.listen(on: .loopback(port)) else { return false }
        socket.close()
        return true
    }

    func save() throws(ClusterError) {
        do {
            try ResultStore.write(state, to: ClusterState.path(folder))
        } catch { throw ClusterError(error.description) }
    }

    /// Where clients reach the nodes, in order.
    public var addresses: [SocketAddress] {
        state.nodes.filter { !$0.hasLeft }.map { .loopback($0.clientPort) }
    }

    func identity(_ node: ClusterState.Node) -> ProcessIdentity? {
        node.pid > 0 ? ProcessIdentity(pid: node.pid, startTicks: node.startTicks) : nil
    }

    /// Starts the nodes that are down and waits until every node reaches every other.
    ///
    /// - Returns: The names of the nodes that were started.
    /// - Throws: When a node ends or the cluster has not formed in time; the message quotes the
    ///   end of the node's log. Nodes that were started stay for `stop` to end.
    @discardableResult
    public func start(
        timeout: Instant.Duration = .seconds(20), isStopping: () -> Bool = { false }
    ) throws(ClusterError) -> [String] {
        defer { lease = nil }
        var started: [String] = []
        let wantsRelay = state.options?.usesRelay == true || hasNetworks
        if state.relay != nil || wantsRelay { try startRelay() }
        for index in state.nodes.indices
        where identity(state.nodes[index])?.isAlive != true && !state.nodes[index].hasLeft {
            try start(node: index)
            started.append(state.nodes[index].name)
        }
        let deadline = Clocks.monotonic() + timeout
        for node in state.nodes where !node.hasLeft {
            try waitUntilReady(node, deadline, isStopping)
        }
        return started
    }

    func waitUntilReady(
        _ node: ClusterState.Node, _ deadline: Instant, _ isStopping: () -> Bool
    ) throws(ClusterError) {
        var reachable: String?
        while Clocks.monotonic() < deadline {
            if isStopping() { throw ClusterError("interrupted while the cluster formed") }
            // Any of them: one that has ended is why the others do not reach it.
            for other in state.nodes where !other.hasLeft && identity(other)?.isAlive != true {
                throw ClusterError("\(other.name) ended: \(lastLogLines(other.name))")
            }
            let until = min(deadline, Clocks.monotonic() + .seconds(2))
            let fields = NodeProbe.information(.loopback(node.clientPort), deadline: until)
            reachable = fields?["reachable"]
            if reachable == "\(state.nodes.count { !$0.hasLeft })" { return }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(20))
        }
        throw ClusterError(
            "\(node.name) reaches \(reachable ?? "none") of \(state.nodes.count) members; "
                + "the end of its log: \(lastLogLines(node.name))")
    }

    func lastLogLines(_ name: String) -> String {
        let path = "\(folder)/\(name).log"
        guard let data = FileManager.default.contents(atPath: path), !data.isEmpty else {
            return "its log \(path) is empty"
        }
        let lines = String(decoding: data.suffix(2_000), as: UTF8.self).split(separator: "\n")
        return lines.suffix(3).joined(separator: " | ")
    }

    /// Ends every node: asks first, and kills what has not ended after `patience`.
    public func stop(patience: Instant.Duration = .seconds(5)) {
        let running = state.nodes.compactMap(identity)
        // A process that has ended meanwhile is what is wanted; nothing else can fail here.
        for process in running {
            _ = try? process.send(signal: SIGTERM)
            // A paused node hears of it only when it goes on.
            _ = try? process.send(signal: SIGCONT)
        }
        let deadline = Clocks.monotonic() + patience
        while running.contains(where: isAlive), Clocks.monotonic() < deadline {
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(5))
        }
        for process in running where isAlive(process) { _ = try? process.send(signal: SIGKILL) }
        for child in children.values { _ = try? child.wait() }
        for process in running { StartedProcesses.remove(process) }
        children.removeAll()
        stopRelay()
    }

    func isAlive(_ process: ProcessIdentity) -> Bool {
        for child in Array(children.values) + [relay].compactMap({ $0 })
        where child.identity == process {
            return (try? child.poll()) == nil && process.isAlive
        }
        return process.isAlive
    }

    /// Kills a node with SIGKILL; what it had in memory is gone. `start` or `restart` bring it
    /// back.
    public func kill(_ name: String) throws(ClusterError) {
        let process = try running(name)
        ended = ended + (process.processorTime ?? .zero)
        try signal(name, process, SIGKILL)
        awaitEnd(of: name, process)
    }

    /// Waits until a node that was killed, or has ended, is gone.
    func awaitEnd(of name: String, _ process: ProcessIdentity) {
        _ = try? children[name]?.wait()
        children[name] = nil
        let deadline = Clocks.monotonic() + .seconds(5)
        while process.isAlive, Clocks.monotonic() < deadline {
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(2))
        }
        StartedProcesses.remove(process)
    }

    /// Asks a node to end as Ctrl-C does, and waits; kills it after `patience`.
    public func shutDown(
        _ name: String, patience: Instant.Duration = .seconds(5)
    ) throws(ClusterError) {
        let process = try running(name)
        ended = ended + (process.processorTime ?? .zero)
        try signal(name, process, SIGTERM)
        let deadline = Clocks.monotonic() + patience
        while isAlive(process), Clocks.monotonic() < deadline {
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(2))
        }
        if isAlive(process) { return try kill(name) }
        children[name] = nil
        StartedProcesses.remove(process)
    }

    /// Starts a node that is down, without waiting until it is ready.
    public func restart(_ name: String) throws(ClusterError) {
        let index = try index(of: name)
        guard identity(state.nodes[index])?.isAlive != true else {
            throw ClusterError("\(name) is running already")
        }
        try start(node: index)
    }

    /// Stops a node's process (SIGSTOP): nothing happens in it until `resume`.
    public func pause(_ name: String) throws(ClusterError) {
        try signal(name, running(name), SIGSTOP)
    }

    /// Lets a paused node go on (SIGCONT).
    public func resume(_ name: String) throws(ClusterError) {
        try signal(name, running(name), SIGCONT)
    }

    func index(of name: String) throws(ClusterError) -> Int {
        guard let index = state.nodes.firstIndex(where: { $0.name == name }) else {
            let names = state.nodes.map(\.name).joined(separator: ", ")
            throw ClusterError("there is no node '\(name)': expected one of \(names)")
        }
        return index
    }

    func running(_ name: String) throws(ClusterError) -> ProcessIdentity {
        guard let process = identity(state.nodes[try index(of: name)]), process.isAlive else {
            throw ClusterError("\(name) is not running")
        }
        return process
    }

    private func signal(
        _ name: String, _ process: ProcessIdentity, _ number: Int32
    ) throws(ClusterError) {
        do {
            guard try process.send(signal: number) else {
                throw ClusterError("\(name) has ended meanwhile")
            }
        } catch let error as ClusterError {
            throw error
        } catch {
            throw ClusterError("cannot signal \(name): \(error)")
        }
    }

    /// Processor time that all nodes have used so far.
    public func processorTime() -> Instant.Duration {
        state.nodes.compactMap { identity($0)?.processorTime }.reduce(ended, +)
    }
}

/// Distance of a node's peer port from its client port.
private let peerPortOffset: UInt16 = 10_000
