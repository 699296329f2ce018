import Basics
import Consistency
import Platform

/// Waits until the replicas of a cluster agree by themselves: it only looks, and repairs nothing.
struct AgreementWatch {
    let cluster: LocalCluster
    /// Names of the keys.
    let keys: [String]
    /// How long to wait for agreement.
    let limit: Instant.Duration
    let isStopping: () -> Bool

    private(set) var result: Agreement
    private let reads: Settlement

    /// Most keys that are looked at: the first of the workload.
    static let keyLimit = 10_000
    private static let pause = Instant.Duration.milliseconds(20)

    init(
        _ cluster: LocalCluster, keys: [String], limit: Instant.Duration,
        isStopping: @escaping () -> Bool
    ) {
        self.cluster = cluster
        self.keys = keys
        self.limit = limit
        self.isStopping = isStopping
        reads = Settlement(cluster: cluster, keys: keys)
        result = Agreement(
            converged: false, afterNs: nil, limitNs: limit.nanoseconds, keys: keys.count,
            divergingKeys: keys.count, hintsOwed: 0)
    }

    /// Looks until all agree or the time is over; at least once. `since`: when the load and the
    /// last fault had ended.
    ///
    /// - Throws: When a node cannot be read at the last look.
    mutating func run(since: Instant) throws {
        let deadline = since + limit
        while true {
            // What holds for all is judged by when the looking began.
            let moment = Clocks.monotonic()
            do { try look() } catch { if moment >= deadline { throw error } }
            if result.converged { result.afterNs = max(0, (moment - since).nanoseconds) }
            if result.converged || moment >= deadline || isStopping() { return }
            Clocks.sleep(until: min(Clocks.monotonic() + AgreementWatch.pause, deadline))
        }
    }

    private mutating func look() throws {
        let owed = cluster.addresses.map { address in
            NodeProbe.information(address, deadline: Clocks.monotonic() + .seconds(5))?[
                "hints_owed"
            ].flatMap { Int($0) }
        }
        let held = try reads.heldByNode()
        result.hintsOwed = owed.compactMap { $0 }.reduce(0, +)
        result.divergingKeys = keys.count { key in
            let values = held.compactMap { $0[key] }
            return values.count < cluster.state.n || values.contains { $0 != values[0] }
        }
        result.converged =
            !owed.contains(nil) && result.hintsOwed == 0 && result.divergingKeys == 0
    }

    /// Adds last reads of every key, from all replicas together and from each by itself.
    func addFinalReads(to history: inout History) throws { try reads.addFinalReads(to: &history) }
}
