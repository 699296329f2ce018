import Basics
import Partitioning
import Replication
import Storage

/// Comparisons of replicas, and whether they have made them equal.
extension SimulatedCluster {
    /// While faults strike, nodes compare now and then.
    mutating func scheduleComparisons() {
        var random = RandomSource(seed: scenario.seed).fork("comparisons")
        for index in machines.indices {
            for _ in 0..<random.below(4) {
                let most = random.within(1_000_000...500_000_000)
                future.push(.compare, at: random.below(most) + 1, target: index)
            }
        }
    }

    /// While faults strike, some node has all forget deletions, several times.
    mutating func scheduleCollections() {
        var random = RandomSource(seed: scenario.seed).fork("collections")
        let length = Swarm.length(scenario, conditions)
        for _ in 0..<random.within(2...8) {
            future.push(
                .collect, at: random.below(length * 2) + 1,
                target: random.below(machines.count))
        }
    }

    /// After everything has healed, and nodes know it, all forget what they may.
    mutating func collectEverything() {
        future.push(.collect, at: now + 60_000_000, target: 0)
    }

    /// After everything has healed, and nodes know it, all compare until they are equal.
    mutating func compareEverything() {
        for index in machines.indices {
            future.push(.compare, at: now + 50_000_000, target: index)
        }
    }

    /// Replicas of a shard hold the same versions of the same keys.
    mutating func checkConvergence() {
        // As whoever knows the newest definition has it.
        let newest = machines.max {
            $0.node?.definition.version ?? 0 < $1.node?.definition.version ?? 0
        }
        let placement = newest?.node?.placement ?? self.placement
        for shard in 0..<placement.shardCount {
            for keyspace in machines[0].node?.comparedKeyspaces ?? [] {
                var first: Summary?
                for position in 0..<placement.n {
                    let index = Int(placement.replica(position, of: shard).index)
                    guard let summary = machines[index].node?.summary(of: keyspace, shard: shard)
                    else { continue }
                    if let first, first != summary {
                        invariants.report(
                            "replicas of shard \(shard) differ at rest: \(first.count) and "
                                + "\(summary.count) keys", at: now)
                        break
                    }
                    first = summary
                }
            }
        }
        for (index, machine) in machines.enumerated() where machine.node?.isComparing == true {
            invariants.report("\(NodeID(index)) still compares at rest", at: now)
        }
    }
}
