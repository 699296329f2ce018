import Basics
import Consistency
import Load
import Platform

/// Waits until the nodes of a cluster agree, and keeps what each of them said last.
struct ConvergenceWatch {
    let cluster: LocalCluster
    /// Names of the keys.
    let keys: [String]
    /// How long to wait for agreement.
    let limit: Instant.Duration
    let isStopping: () -> Bool

    /// The last answers, by node and key; nil for a node that did not answer.
    private(set) var answers: [[ReplicaReads.Answer]?] = []
    private(set) var result: Convergence

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
        result = Convergence(
            converged: false, afterNs: nil, limitNs: limit.nanoseconds, keys: keys.count,
            divergingKeys: keys.count, hintsOwed: 0)
    }

    /// Looks until all agree or the time is over; at least once. `since`: when the load and the
    /// last fault had ended.
    mutating func run(since: Instant) {
        let deadline = since + limit
        while true {
            // What holds for all is judged by when the looking began.
            let moment = Clocks.monotonic()
            look(deadline: max(deadline, moment + .seconds(10)))
            if result.converged { result.afterNs = max(0, (moment - since).nanoseconds) }
            if result.converged || Clocks.monotonic() >= deadline || isStopping() { return }
            Clocks.sleep(until: min(Clocks.monotonic() + ConvergenceWatch.pause, deadline))
        }
    }

    private mutating func look(deadline: Instant) {
        let addresses = cluster.addresses
        let owed = addresses.map { address in
            NodeProbe.information(address, deadline: deadline)?["hints_owed"].flatMap { Int($0) }
        }
        answers = addresses.map { ReplicaReads(address: $0, keys: keys).values(deadline: deadline) }
        result.hintsOwed = owed.compactMap { $0 }.reduce(0, +)
        let said = answers.compactMap { $0 }
        result.divergingKeys = keys.indices.count { key in
            said.contains { $0[key] != said[0][key] }
        }
        result.converged =
            said.count == answers.count && !owed.contains(nil) && result.hintsOwed == 0
            && result.divergingKeys == 0
    }

    /// `history` with the last answers as final reads, after everything else.
    func finalHistory(after history: History) -> History {
        var all = history
        let written = Set(history.operations.lazy.filter { $0.kind == .write }.map(\.value))
        var time = history.operations.reduce(Int64(0)) { end, operation in
            max(
                end,
                operation.completed == Operation.never ? operation.invoked : operation.completed)
        }
        var earlier = Set<ValueID>()
        for (node, said) in answers.enumerated() {
            guard let said else { continue }
            var detail = Detail()
            detail.node = all.node("n\(node + 1)")
            for (name, answer) in zip(keys, said) {
                guard case .value(let value) = answer else { continue }
                let key = all.key(name)
                if !value.isAbsent, !written.contains(value), earlier.insert(value).inserted {
                    // Written by the load phase.
                    all.append(
                        Operation(
                            process: value.process, key: key, kind: .write, outcome: .ok,
                            value: value, invoked: -2, completed: -1))
                }
                time += 2
                all.append(
                    Operation(
                        process: ConvergenceWatch.firstProcess + UInt32(node), key: key,
                        kind: .read, outcome: .ok, value: value, invoked: time,
                        completed: time + 1, flags: .final), detail: detail)
            }
        }
        return all
    }

    /// Above the numbers that load generators give out.
    private static let firstProcess: UInt32 = 1 << 30
}
