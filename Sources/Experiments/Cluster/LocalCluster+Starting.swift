import Basics
import Faults
import Foundation
import Platform
import Workloads

/// How a cluster's processes are started.
extension LocalCluster {
    var linksPath: String { "\(folder)/links" }
    func routesPath(_ name: String) -> String { "\(folder)/\(name).routes" }
    func controlsPath(_ name: String) -> String { "\(folder)/\(name).controls" }
    /// Nodes that can be steered; more have no relay.
    var hasLinks: Bool { state.nodes.count <= LinkTable.memberLimit }

    func start(node index: Int) throws(ClusterError) {
        let node = state.nodes[index]
        // One that has ended by itself is not a child that anybody waits for any more.
        _ = try? children[node.name]?.wait()
        let arguments = try arguments(of: index)
        do {
            let child = try ChildProcess(
                ChildProcess.ownExecutable(), arguments, output: .discard,
                errors: .file("\(folder)/\(node.name).log"), ownGroup: true)
            StartedProcesses.add(child.identity)
            children[node.name] = child
            state.nodes[index].pid = child.identity.pid
            state.nodes[index].startTicks = child.identity.startTicks
        } catch {
            throw ClusterError("cannot start \(node.name): \(error)")
        }
        starts += 1
        try save()
    }

    private func arguments(of index: Int) throws(ClusterError) -> [String] {
        let node = state.nodes[index]
        var arguments = [
            "serve", "--name", node.name, "--listen", "127.0.0.1:\(node.clientPort)",
            "--peer-listen", "\(peerAddress(of: index))", "--r", "\(state.r)", "--w",
            "\(state.w)", "--unsafe-testing", "--controls", controlsPath(node.name), "--routes",
            routesPath(node.name),
        ]
        let options = state.options ?? ClusterOptions()
        if node.hasJoined {
            arguments += joining(node)
        } else {
            // The founders, those that have left included: their names are the cluster's.
            for (place, other) in state.nodes.enumerated() where place != index && !other.hasJoined
            {
                arguments += ["--join", "\(other.name)@\(peerAddress(of: place))"]
            }
            arguments += ["--n", "\(state.n)"]
            if let mode = options.mode { arguments += ["--mode", mode] }
        }
        if state.fsync != "memory" {
            arguments += ["--data", "\(folder)/\(node.name)", "--fsync", state.fsync]
            if let seed = options.lossySeed {
                var mixed = seed &+ UInt64(index) << 32 &+ starts
                arguments += ["--storage", "lossy:\(RandomSource.splitMix(&mixed) >> 11)"]
            }
        }
        if options.endsWithParent { arguments += ["--with-parent", "\(getpid())"] }
        if let quorum = options.quorum { arguments += ["--quorum", quorum] }
        if let repair = options.readRepair { arguments += ["--read-repair", repair] }
        if let timeout = options.timeoutMs { arguments += ["--timeout", "\(timeout)ms"] }
        return arguments + (try isolation(of: index))
    }

    // MARK: The relay

    var relayIdentity: ProcessIdentity? {
        state.relay.map { ProcessIdentity(pid: $0.pid, startTicks: $0.startTicks) }
    }

    /// The settings of all links.
    func linkTable() throws(ClusterError) -> LinkTable {
        do {
            return try LinkTable(linksPath, members: state.nodes.count)
        } catch { throw ClusterError("the links cannot be steered: \(error)") }
    }

    /// Starts the relay unless it runs, and tells every node to dial through it.
    func startRelay() throws(ClusterError) {
        guard hasLinks else {
            throw ClusterError(
                "\(state.nodes.count) nodes: links can be steered among \(LinkTable.memberLimit)")
        }
        if hasNetworks {
            if relayIdentity?.isAlive != true { try spawnNetwork() }
            return
        }
        if relayIdentity?.isAlive != true { try spawnRelay() }
        for (from, node) in state.nodes.enumerated() {
            var text = "# Through the relay.\n"
            for (to, other) in state.nodes.enumerated() where to != from {
                let address = LinkTable.address(
                    of: .init(from: from, to: to), port: other.peerPort)
                text += "\(other.name) \(address)\n"
            }
            do {
                try FileSystem.replace(
                    routesPath(node.name), with: Array(text.utf8), durably: false)
            } catch { throw ClusterError("the routes cannot be written: \(error)") }
        }
    }

    private func spawnRelay() throws(ClusterError) {
        var arguments = ["relay", "--links", linksPath]
        for node in state.nodes { arguments += ["--member", "127.0.0.1:\(node.peerPort)"] }
        try carryLinks(by: arguments)
    }

    /// Starts the process that makes links what the table says, and waits until it does.
    func carryLinks(by words: [String]) throws(ClusterError) {
        let table = try linkTable()
        table.commit()
        var arguments = words
        if state.options?.endsWithParent == true {
            arguments += ["--with-parent", "\(getpid())"]
        }
        do {
            let child = try ChildProcess(
                ChildProcess.ownExecutable(), arguments, output: .discard,
                errors: .file("\(folder)/relay.log"), ownGroup: true)
            StartedProcesses.add(child.identity)
            relay = child
            state.relay = ClusterState.Relay(
                pid: child.identity.pid, startTicks: child.identity.startTicks)
        } catch { throw ClusterError("cannot start what carries the links: \(error)") }
        try save()
        try awaitRelay(table)
    }

    /// Waits until the relay acts on the latest settings.
    func awaitRelay(_ table: LinkTable) throws(ClusterError) {
        let deadline = Clocks.monotonic() + .seconds(10)
        while table.applied != table.generation {
            guard relayIdentity?.isAlive == true else {
                throw ClusterError(
                    "what carries the links has ended: \(lastLogLines("relay"))")
            }
            guard Clocks.monotonic() < deadline else {
                throw ClusterError("what carries the links does not answer")
            }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(1))
        }
    }

    func stopRelay() {
        guard let process = relayIdentity else { return }
        // One that has ended already is what is wanted.
        _ = try? process.send(signal: SIGTERM)
        let deadline = Clocks.monotonic() + .seconds(2)
        while isAlive(process), Clocks.monotonic() < deadline {
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(2))
        }
        if isAlive(process) { _ = try? process.send(signal: SIGKILL) }
        _ = try? relay?.wait()
        relay = nil
        StartedProcesses.remove(process)
    }

    /// Puts a relay into the links of a cluster that runs, unless there is one, and waits until
    /// the nodes that can be reached have found each other again.
    public func steerLinks() throws(ClusterError) {
        guard relayIdentity?.isAlive != true else { return }
        guard !hasNetworks else {
            throw ClusterError("what held the networks has ended: cluster up makes them anew")
        }
        try startRelay()
        for node in state.nodes {
            guard let process = identity(node), process.isAlive else { continue }
            do { _ = try process.send(signal: SIGHUP) } catch {
                throw ClusterError("cannot signal \(node.name): \(error)")
            }
        }
        let deadline = Clocks.monotonic() + .seconds(10)
        let active = state.nodes.filter { node in
            identity(node).map { $0.isAlive && !$0.isStopped } ?? false
        }
        let table = try linkTable()
        let needed = UInt64(active.count * (active.count - 1) / 2)
        while table.count(.open) < needed, Clocks.monotonic() < deadline {
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(5))
        }
        guard table.count(.open) >= needed else {
            throw ClusterError(
                "the nodes have not come back through the relay: \(table.count(.open)) of "
                    + "\(needed) links")
        }
    }

    /// Changes the settings of links, and returns when the relay acts on them.
    public func setLinks(
        _ change: (FaultLink, inout LinkSetting) -> Void
    ) throws(ClusterError) {
        let table = try linkTable()
        for link in table.links {
            var setting = table[link]
            change(link, &setting)
            if setting != table[link] { table[link] = setting }
        }
        table.commit()
        guard let process = relayIdentity else { throw ClusterError("there is no relay") }
        do { _ = try process.send(signal: SIGUSR1) } catch {
            throw ClusterError("cannot signal the relay: \(error)")
        }
        try awaitRelay(table)
    }

    /// The clock and the disk of a node, whether or not it runs.
    public func controls(of name: String) throws(ClusterError) -> LiveControls {
        _ = try index(of: name)
        do {
            return try LiveControls(controlsPath(name))
        } catch { throw ClusterError("\(name) cannot be steered: \(error)") }
    }
}
