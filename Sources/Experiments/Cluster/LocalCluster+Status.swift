import Basics
import Faults
import Platform
import Workloads

/// What can be told about a cluster from outside.
extension LocalCluster {
    /// How one node does.
    public struct NodeStatus: Sendable {
        public let name: String
        public let address: SocketAddress
        public let pid: Int32
        public let isRunning: Bool
        /// Stopped by SIGSTOP: it is there, and nothing happens in it.
        public var isPaused = false
        /// Members that it reaches, itself included; nil when it does not answer.
        public var reachable: Int?
        public var residentBytes: Int?
        /// Bytes that its allocator has handed out.
        public var allocatedBytes: Int?
        /// Bytes that its allocator holds resident.
        public var allocatorResidentBytes: Int?
        /// Members from which a fault cuts it off, in one direction at least.
        public var cutFrom: [String] = []
        /// Members to or from which its messages are late, damaged or lost in part.
        public var impairedWith: [String] = []
        /// Writes that others hold for it and it has not got yet; nil when nobody can tell.
        public var owed: Int?
        /// Keys of which replicas had something newer when they were last compared with it.
        public var missing = 0
        /// How far its wall clock is from the machine's on purpose.
        public var clockOffset = Instant.Duration.zero

        /// In one word, the worst first: `down`, `paused`, `silent`, `cut off`, `behind`, `up`.
        public var word: String {
            if !isRunning { return "down" }
            if isPaused { return "paused" }
            if reachable == nil { return "silent" }
            if !cutFrom.isEmpty { return "cut off" }
            return owed ?? 0 > 0 || missing > 0 ? "behind" : "up"
        }
    }

    /// How every node does, now.
    public func status() -> [NodeStatus] {
        let facts = state.nodes.map(information)
        let settings = linkSettings()
        return state.nodes.enumerated().filter { !$0.element.hasLeft }.map { index, node in
            let process = identity(node)
            let isRunning = process?.isAlive == true
            var status = NodeStatus(
                name: node.name, address: .loopback(node.clientPort), pid: node.pid,
                isRunning: isRunning)
            status.isPaused = isRunning && process?.isStopped == true
            status.reachable = facts[index]?["reachable"].flatMap { Int($0) }
            status.residentBytes = isRunning ? process?.residentBytes : nil
            status.allocatedBytes = facts[index]?["used_memory"].flatMap { Int($0) }
            status.allocatorResidentBytes =
                facts[index]?["resident_memory"].flatMap { Int($0) }
            for (other, peer) in state.nodes.enumerated() where other != index {
                let both = [
                    settings[FaultLink(from: index, to: other)],
                    settings[FaultLink(from: other, to: index)],
                ].compactMap { $0 }
                if both.contains(where: { $0.cut != nil || $0.isHalfOpen }) {
                    status.cutFrom.append(peer.name)
                } else if both.contains(where: { !$0.isClean }) {
                    status.impairedWith.append(peer.name)
                }
            }
            let told = facts.compactMap { $0 }
            if !told.isEmpty {
                status.owed = told.reduce(0) { $0 + LocalCluster.owed(to: node.name, $1) }
            }
            status.missing = told.reduce(0) { max($0, LocalCluster.missing(at: node.name, $1)) }
            if let controls = try? controls(of: node.name) {
                status.clockOffset = controls.offset(at: Clocks.wall())
            }
            return status
        }
    }

    /// What the node says of itself; nil when it is down, paused or silent.
    private func information(_ node: ClusterState.Node) -> [String: String]? {
        guard let process = identity(node), process.isAlive, !process.isStopped else { return nil }
        return NodeProbe.information(
            .loopback(node.clientPort), deadline: Clocks.monotonic() + .seconds(2))
    }

    /// From `owed_n2:hints=12,bytes=3456`.
    private static func owed(to name: String, _ fields: [String: String]) -> Int {
        guard let text = fields["owed_\(name)"],
            let part = text.split(separator: ",").first(where: { $0.hasPrefix("hints=") })
        else { return 0 }
        return Int(part.dropFirst("hints=".count)) ?? 0
    }

    /// From `compared_n2:equal=0,pending=0,differing=12,…`: what was sent to it and not yet seen to
    /// have arrived.
    private static func missing(at name: String, _ fields: [String: String]) -> Int {
        let parts = fields["compared_\(name)"]?.split(separator: ",") ?? []
        guard parts.contains("equal=0") else { return 0 }
        let found = parts.first { $0.hasPrefix("differing=") }?.dropFirst("differing=".count)
        return found.flatMap { Int($0) } ?? 0
    }

    private func linkSettings() -> [FaultLink: LinkSetting] {
        guard relayIdentity?.isAlive == true, hasLinks, let table = try? linkTable() else {
            return [:]
        }
        return Dictionary(uniqueKeysWithValues: table.links.map { ($0, table[$0]) })
    }
}
