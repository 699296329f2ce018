/// Names the likely cause of an anomaly from what the store said about its operations.
///
/// Uses versions, answering replicas, fallbacks and nodes; without them there is no cause to name.
struct Attribution {
    private let history: History

    init(_ history: History) { self.history = history }

    /// The first cause that the operations bear out, most specific first.
    func cause(of witness: Witness) -> Cause? {
        guard !history.details.isEmpty else { return nil }
        let operations = witness.operations
        let writes = operations.filter {
            history.operations[$0].kind != .read && history.operations[$0].outcome == .ok
        }
        let reads = operations.filter { history.operations[$0].kind == .read }
        if hasSkew(writes) { return .clockSkew }
        if witness.anomaly == .resurrectedDelete { return .tombstone }
        if witness.anomaly == .lostSibling { return .siblingDrop }
        guard let read = reads.last, let seen = history.detail(of: read), !seen.acks.isEmpty,
            let newer = writes.last(where: {
                history.operations[$0].value != history.operations[read].value
                    && history.operations[$0].completed < history.operations[read].invoked
            }), let stored = history.detail(of: newer), !stored.acks.isEmpty
        else { return nil }
        let held = Set(stored.acks.filter { !$0.isFallback }.map(\.node))
        let asked = Set(seen.acks.map(\.node))
        if stored.acks.contains(where: \.isFallback), held.isDisjoint(with: asked) {
            return seen.acks.contains(where: \.isFallback) ? .pendingHint : .fallbackAck
        }
        return Set(stored.acks.map(\.node)).isDisjoint(with: asked) ? .partialQuorum : nil
    }

    /// A write that began after another was acknowledged got the older version.
    private func hasSkew(_ writes: [Int]) -> Bool {
        for first in writes {
            for second in writes
            where history.operations[first].completed < history.operations[second].invoked {
                guard let old = history.detail(of: first)?.version,
                    let new = history.detail(of: second)?.version
                else { continue }
                if new < old { return true }
            }
        }
        return false
    }
}
