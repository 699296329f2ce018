import Basics
import Consistency
import Platform

/// Waits until all replicas of every key hold the same, and reads everything for the last time.
///
/// The store repairs what is read: keys on which replicas differ are read from all of them while
/// it waits. How many needed that is counted.
struct Settlement {
    private let replicas: ReplicaComparison

    init(cluster: LocalCluster, keys: [String]) {
        replicas = ReplicaComparison(cluster: cluster, keys: keys)
    }

    /// What was found.
    struct Outcome {
        var isReached = false
        /// From the beginning until all agreed, or until patience ended.
        var time = Instant.Duration.zero
        /// Keys on which replicas differed at the first look, and at the last.
        var differingAtFirst = 0
        var differing: [String] = []
        var failure: String?
    }

    /// Looks again and again for at most `patience`.
    func wait(
        patience: Instant.Duration, isStopping: () -> Bool
    ) -> Outcome {
        var outcome = Outcome()
        let beginning = Clocks.monotonic()
        var isFirst = true
        while !isStopping() {
            do {
                let differing = try replicas.differing()
                outcome.failure = nil
                if isFirst { outcome.differingAtFirst = differing.count }
                isFirst = false
                outcome.differing = differing
                outcome.isReached = differing.isEmpty
            } catch {
                outcome.failure = "\(error)"
            }
            outcome.time = Clocks.monotonic() - beginning
            if outcome.isReached || outcome.time >= patience { break }
            replicas.repair(outcome.differing)
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(50))
        }
        return outcome
    }

    /// Adds a read of every key from all replicas together, and one of each replica by itself.
    func addFinalReads(to history: inout History) throws {
        try replicas.addFinalReads(to: &history)
    }
}
