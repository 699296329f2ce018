import Basics
import Platform

/// What the nodes of a cluster have counted so far, each since its process started.
struct ClusterCounts {
    /// By node, then by name; nil for a node that does not answer.
    private var nodes: [[String: String]?]

    /// Asks every node now.
    init(_ addresses: [SocketAddress]) {
        nodes = addresses.map {
            NodeProbe.information($0, deadline: Clocks.monotonic() + .seconds(2))
        }
    }

    /// Counts that results keep beside bytes and syncs.
    private static let kept = [
        "read_repairs", "write_backs", "hints_kept", "hints_delivered", "hints_expired",
        "hints_refused", "retransmissions", "refused", "unknown", "clock_rejections",
    ]

    /// What was counted since `earlier` for so many operations. A node whose process has changed
    /// meanwhile began from zero: what its earlier process had counted is not known.
    func since(_ earlier: ClusterCounts, operations: Int) -> OperationCosts {
        func sum(_ name: String) -> Int {
            var total = 0
            for (now, before) in zip(nodes, earlier.nodes) {
                guard let now, let count = now[name].flatMap({ Int($0) }) else { continue }
                let isSame = now["process_id"] == before?["process_id"]
                total += count - (isSame ? before?[name].flatMap { Int($0) } ?? 0 : 0)
            }
            return total
        }
        var counts: [String: Int] = [:]
        for name in ClusterCounts.kept {
            let count = sum(name)
            if count > 0 { counts[name] = count }
        }
        return OperationCosts(
            operations: operations,
            clientBytes: sum("total_net_input_bytes") + sum("total_net_output_bytes"),
            peerBytes: sum("peer_output_bytes"), messages: sum("messages_sent"),
            syncs: sum("log_syncs"), counts: counts)
    }
}
