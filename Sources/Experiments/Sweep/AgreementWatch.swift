import Basics
import Platform

/// Waits until the replicas of a cluster agree by themselves: it only looks, and repairs nothing.
struct AgreementWatch {
    private let replicas: ReplicaComparison
    private var result: Agreement

    /// Most keys that are looked at: the first of the workload.
    static let keyLimit = 10_000
    private static let pause = Instant.Duration.milliseconds(20)

    private init(_ replicas: ReplicaComparison, limit: Instant.Duration) {
        self.replicas = replicas
        let count = replicas.keys.count
        result = Agreement(
            converged: false, afterNs: nil, limitNs: limit.nanoseconds, keys: count,
            divergingKeys: count, hintsOwed: 0)
    }

    /// Looks until all agree or `limit` has passed; at least once. `since`: when the load and the
    /// last fault had ended.
    ///
    /// - Throws: When a node cannot be read at the last look.
    static func run(
        _ replicas: ReplicaComparison, limit: Instant.Duration, since: Instant,
        isStopping: () -> Bool
    ) throws -> Agreement {
        var watch = AgreementWatch(replicas, limit: limit)
        let deadline = since + limit
        while true {
            // What holds for all is judged by when the looking began.
            let moment = Clocks.monotonic()
            do { try watch.look() } catch { if moment >= deadline { throw error } }
            if watch.result.converged {
                watch.result.afterNs = max(0, (moment - since).nanoseconds)
            }
            if watch.result.converged || moment >= deadline || isStopping() {
                return watch.result
            }
            Clocks.sleep(until: min(Clocks.monotonic() + AgreementWatch.pause, deadline))
        }
    }

    private mutating func look() throws {
        let owed = replicas.cluster.addresses.map { address in
            NodeProbe.information(address, deadline: Clocks.monotonic() + .seconds(5))?[
                "hints_owed"
            ].flatMap { Int($0) }
        }
        result.hintsOwed = owed.compactMap { $0 }.reduce(0, +)
        result.divergingKeys = try replicas.differing().count
        result.converged =
            !owed.contains(nil) && result.hintsOwed == 0 && result.divergingKeys == 0
    }
}
