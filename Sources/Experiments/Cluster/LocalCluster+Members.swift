import Basics
import Foundation
import Platform

/// Nodes that come to a local cluster while it runs, and go.
extension LocalCluster {
    /// What a node that joins is told: a member that can let it.
    func joining(_ node: ClusterState.Node) -> [String] {
        let others = state.nodes.filter { $0.name != node.name && !$0.hasLeft }
        let seed = others.first { identity($0)?.isAlive == true } ?? others[0]
        return ["--into", "127.0.0.1:\(seed.clientPort)"]
            + (node.replaced.map { ["--replace", $0] } ?? [])
    }

    /// Starts one more node, which joins, or takes the place of a dead one, and waits until it
    /// holds its shards. Returns its name.
    @discardableResult
    public func add(
        replacing dead: String? = nil, timeout: Instant.Duration = .seconds(600)
    ) throws(ClusterError) -> String {
        if let dead {
            let node = state.nodes[try index(of: dead)]
            guard identity(node)?.isAlive != true, !node.hasLeft else {
                throw ClusterError("\(dead) is running or has left: only a dead node is replaced")
            }
        }
        if hasNetworks {
            throw ClusterError("nodes with networks of their own: their number stays as it is")
        }
        let isSteered = relayIdentity?.isAlive == true
        let number = state.nodes.count + 1
        let last = state.nodes.map(\.clientPort).max() ?? 7_000
        let port = try LocalCluster.freePorts(1, from: last + 1)[0]
        state.nodes.append(
            ClusterState.Node(
                name: "n\(number)", clientPort: port, peerPort: port + 10_000, pid: 0,
                startTicks: 0, joined: true, replaced: dead))
        try forgetLinks()
        try start(node: number - 1)
        let deadline = Clocks.monotonic() + timeout
        try awaitJoiner(number - 1, deadline)
        if let dead {
            let place = try index(of: dead)
            state.nodes[place].left = true
            try save()
        }
        if isSteered { try steerLinks() }
        return "n\(number)"
    }

    /// Has a node give its shards away and leave; a dead one is left out without being asked.
    public func remove(
        _ name: String, timeout: Instant.Duration = .seconds(600)
    ) throws(ClusterError) {
        let place = try index(of: name)
        let isAlive = identity(state.nodes[place])?.isAlive == true
        guard
            let other = state.nodes.first(where: {
                $0.name != name && !$0.hasLeft && identity($0)?.isAlive == true
            })
        else { throw ClusterError("no other node is running") }
        let deadline = Clocks.monotonic() + timeout
        let words = "RING REMOVE \(name)" + (isAlive ? "" : " FORCE")
        let address = SocketAddress.loopback(other.clientPort)
        switch NodeProbe.line(words, address, deadline: Clocks.monotonic() + .seconds(10)) {
        case .ok: break
        case .error(let reason): throw ClusterError("\(other.name): \(reason)")
        case nil: throw ClusterError("\(other.name) does not answer")
        }
        try awaitChange(at: address, deadline)
        if let process = identity(state.nodes[place]) {
            while self.isAlive(process), Clocks.monotonic() < deadline {
                Clocks.sleep(until: Clocks.monotonic() + .milliseconds(10))
            }
            StartedProcesses.remove(process)
        }
        children[name] = nil
        state.nodes[place].left = true
        try save()
    }

    /// Waits until the node reaches all and nothing moves.
    private func awaitJoiner(_ index: Int, _ deadline: Instant) throws(ClusterError) {
        let node = state.nodes[index]
        while NodeProbe.information(.loopback(node.clientPort), deadline: deadline) == nil {
            guard identity(node)?.isAlive == true, Clocks.monotonic() < deadline else {
                throw ClusterError("\(node.name) ended: \(lastLogLines(node.name))")
            }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(20))
        }
        try awaitChange(at: .loopback(node.clientPort), deadline)
    }

    private func awaitChange(
        at address: SocketAddress, _ deadline: Instant
    ) throws(ClusterError) {
        var change: String?
        while Clocks.monotonic() < deadline {
            let until = min(deadline, Clocks.monotonic() + .seconds(2))
            change = NodeProbe.information(address, deadline: until)?["ring_change"]
            if change == "none" { return }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(20))
        }
        throw ClusterError("the change of members is not over: \(change ?? "no answer")")
    }

    /// The settings of links are for as many members as there were.
    private func forgetLinks() throws(ClusterError) {
        stopRelay()
        state.relay = nil
        _ = try? FileManager.default.removeItem(atPath: linksPath)
        try save()
    }
}
