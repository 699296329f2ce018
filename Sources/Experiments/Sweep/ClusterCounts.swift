import Basics
import Platform

/// What the nodes of a cluster count from now on, those included that are killed meanwhile.
///
/// A node counts from its process's start. Before one is killed it is asked once more; what it
/// counts between that and its end is lost.
final class ClusterCounts {
    private let addresses: [SocketAddress]
    /// By node, then by name: what its process had counted when it was last asked; empty when it
    /// did not answer.
    private var bases: [[String: String]]
    /// By node: whether it has been ended since the beginning.
    private var wasEnded: [Bool]
    /// What processes had counted that have been ended since, by name.
    private var ended: [String: Int] = [:]
    /// Processes whose counts are known to be missing.
    private var unknownLives = 0
    /// Processes that were asked before they were ended, by node and number.
    private var knownEnds: Set<String> = []

    /// A node that is about to be killed has this long to answer; a paused one does not.
    private static let patience = Instant.Duration.milliseconds(250)

    /// Asks every node now.
    init(_ addresses: [SocketAddress]) {
        self.addresses = addresses
        bases = addresses.map {
            NodeProbe.information($0, deadline: Clocks.monotonic() + .seconds(2)) ?? [:]
        }
        wasEnded = addresses.map { _ in false }
    }

    /// Bytes, messages and syncs.
    private static let costs = [
        "total_net_input_bytes", "total_net_output_bytes", "peer_output_bytes", "messages_sent",
        "log_syncs",
    ]
    /// Counts that results keep beside those.
    private static let kept = [
        "read_repairs", "write_backs", "hints_kept", "hints_delivered", "hints_expired",
        "hints_refused", "retransmissions", "refused", "unknown", "clock_rejections",
    ]

    /// Node `index` is about to be ended: takes what it has counted.
    func willEnd(_ index: Int) {
        let deadline = Clocks.monotonic() + ClusterCounts.patience
        let now = NodeProbe.information(addresses[index], deadline: deadline)
        let number = (now ?? bases[index])["process_id"] ?? "unknown"
        // Who does not end when asked to is killed: the same process once more.
        let isFirst = knownEnds.insert("\(index)/\(number)").inserted
        if now == nil, isFirst { unknownLives += 1 }
        add(now, since: bases[index], to: &ended)
        bases[index] = now ?? [:]
        wasEnded[index] = true
    }

    private func add(
        _ now: [String: String]?, since base: [String: String], to sums: inout [String: Int]
    ) {
        guard let now else { return }
        let isSame = now["process_id"] == base["process_id"]
        for name in ClusterCounts.costs + ClusterCounts.kept {
            guard let count = now[name].flatMap({ Int($0) }) else { continue }
            sums[name, default: 0] += count - (isSame ? base[name].flatMap { Int($0) } ?? 0 : 0)
        }
    }

    /// What all have counted for so many operations. `restarts`: how many processes were started
    /// in place of others.
    func costs(operations: Int, restarts: Int) -> OperationCosts {
        var sums = ended
        // A process that ended by itself was not asked before.
        var unknown = unknownLives + max(0, restarts - knownEnds.count)
        for index in addresses.indices {
            let now = NodeProbe.information(
                addresses[index], deadline: Clocks.monotonic() + .seconds(2))
            // One that is just being started again has counted nothing yet.
            if now == nil, !wasEnded[index] { unknown += 1 }
            add(now, since: bases[index], to: &sums)
        }
        func sum(_ name: String) -> Int { sums[name] ?? 0 }
        var counts: [String: Int] = [:]
        for name in ClusterCounts.kept where sum(name) > 0 { counts[name] = sum(name) }
        var costs = OperationCosts(
            operations: operations,
            clientBytes: sum("total_net_input_bytes") + sum("total_net_output_bytes"),
            peerBytes: sum("peer_output_bytes"), messages: sum("messages_sent"),
            syncs: sum("log_syncs"), counts: counts)
        costs.unknownLives = unknown > 0 ? unknown : nil
        return costs
    }
}
