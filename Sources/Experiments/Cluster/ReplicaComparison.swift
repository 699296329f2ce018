import Basics
import Consistency
import Platform

/// Reads what every replica of a cluster holds of some keys, and says on which they differ.
struct ReplicaComparison {
    let cluster: LocalCluster
    /// Names of the keys.
    let keys: [String]

    private var deadline: Instant { Clocks.monotonic() + .seconds(10) }

    /// By node: what it holds itself.
    private func heldByNode() throws -> [[String: ReplicaValue]] {
        try cluster.state.nodes.map { node in
            let reader = try ReplicaReader(.loopback(node.clientPort), deadline: deadline)
            defer { reader.close() }
            return try reader.held(by: node.name, keys)
        }
    }

    /// Keys whose replicas differ, or of which fewer than N answer.
    func differing() throws -> [String] {
        let held = try heldByNode()
        return keys.filter { key in
            let values = held.compactMap { $0[key] }
            return values.count < cluster.state.n || values.contains { $0 != values[0] }
        }
    }

    /// Reads keys from all their replicas, which are given the newest version.
    func repair(_ keys: [String]) {
        guard !keys.isEmpty else { return }
        for address in cluster.addresses {
            // A node that does not answer now is asked again at the next look.
            guard let reader = try? ReplicaReader(address, deadline: deadline) else { continue }
            defer { reader.close() }
            if (try? reader.read(keys, r: cluster.state.n)) != nil { return }
        }
    }

    /// Adds to a history that is over: a read of every key from all replicas together and, with
    /// `oneByOne`, one of each replica by itself, all marked as final.
    func addFinalReads(to history: inout History, oneByOne: Bool = true) throws {
        var recorder = FinalReads(history)
        guard let address = cluster.addresses.first else { return }
        let reader = try ReplicaReader(address, deadline: deadline)
        defer { reader.close() }
        let together = try reader.read(keys, r: cluster.state.n)
        for key in keys { recorder.add(key, together[key], node: nil) }
        for (index, held) in (oneByOne ? try heldByNode() : []).enumerated() {
            let name = cluster.state.nodes[index].name
            for key in keys {
                if let value = held[key] { recorder.add(key, value, node: name) }
            }
        }
        history = recorder.history
    }
}
