/// Decides one key by the cheapest algorithm that is exact for its operations.
extension KeyWork {
    /// Operations that violate linearizability together, before minimization.
    struct Core {
        var members: [Int32]
        var anomaly: Anomaly
        /// A finished witness of a pair of clusters.
        var certificate: Certificate?
        /// Nothing can be taken away.
        var isFinished = false
    }

    enum Finding {
        case holds
        case violated(Core)
        case inconclusive(String)
    }

    /// Violations that need no order: values from nowhere, from failed writes, from the future.
    func immediateViolation() -> Core? {
        if profile.thinAir >= 0 {
            return Core(members: [profile.thinAir], anomaly: .thinAir, isFinished: true)
        }
        if profile.aborted >= 0 {
            return Core(
                members: withWriters([profile.aborted]), anomaly: .abortedRead, isFinished: true)
        }
        if profile.future >= 0, !profile.hasDuplicates {
            return Core(
                members: withWriters([profile.future]), anomaly: .futureRead, isFinished: true)
        }
        return nil
    }

    /// The operations together with the writes of the values they read.
    func withWriters(_ positions: [Int32]) -> [Int32] {
        var members: [Int32] = []
        for position in positions {
            let place = clusterOf.base[Int(position)]
            if place >= 0 {
                let writer = clusters.base[Int(place)].writer
                if writer >= 0, !members.contains(writer) { members.append(writer) }
            }
            if !members.contains(position) { members.append(position) }
        }
        return members
    }

    /// Linearizability of the gathered key, and by which method.
    func linearizability(_ conflicts: [Conflict], _ budget: Budget) -> (Finding, Method) {
        if profile.appends > 0 { return search(budget) }
        if let core = immediateViolation() { return (.violated(core), .zones) }
        if profile.hasDuplicates { return search(budget) }
        if profile.cas > 0 || profile.refuted > 0 {
            if profile.deletes > 0 { return search(budget) }
            return chainedLinearizability(budget)
        }
        let best = conflicts.prefix(16).compactMap(certificate).min {
            ($0.members.count, $0.span) < ($1.members.count, $1.span)
        }
        if let best {
            let core = Core(members: best.members, anomaly: .staleRead, certificate: best)
            return (.violated(core), .zones)
        }
        if profile.deletes > 0 {
            guard let conflict = deleteConflict() else { return (.holds, .deletes) }
            let anomaly = anomaly(of: conflict)
            return (.violated(Core(members: before(conflict.position), anomaly: anomaly)), .deletes)
        }
        guard clockError > 0 else { return (.holds, .zones) }
        if let core = clockViolation() { return (.violated(core), .peeling) }
        return (.holds, .zones)
    }

    /// Compare-and-set on unique values without deletes: blocks, then what failed comparisons say.
    private func chainedLinearizability(_ budget: Budget) -> (Finding, Method) {
        var chains = Chains(count: clusterCount)
        if let core = blockViolation(&chains) { return (.violated(core), .blocks) }
        guard profile.refuted > 0 else { return (.holds, .blocks) }
        switch refutations(chains) {
        case .fit: return (.holds, .blocks)
        case .violated(let position, let end):
            return (
                .violated(Core(members: before(position, until: end), anomaly: .noOrder)), .blocks
            )
        case .open(let left): return search(budget, refuted: left)
        }
    }

    /// With `refuted`, only these failed comparisons are looked at.
    private func search(_ budget: Budget, refuted: [Int32]? = nil) -> (Finding, Method) {
        switch Search(self, budget: budget, refuted: refuted).run() {
        case .holds: return (.holds, .search)
        case .violated(let position):
            return (.violated(Core(members: before(position), anomaly: .noOrder)), .search)
        case .exhausted(let cap, let verified, let total):
            return (
                .inconclusive(
                    "\(cap) after the first \(verified) of \(total) completed operations had been "
                        + "verified"), .search
            )
        }
    }

    private func anomaly(of conflict: DeleteConflict) -> Anomaly {
        switch conflict {
        case .inside: .resurrectedDelete
        case .unserved: .staleRead
        }
    }

    /// Everything that can bear on an operation: what was invoked before its completion, with the
    /// writes of what was seen.
    func before(_ position: Int32, until latest: Int64 = KeyWork.beginning) -> [Int32] {
        let end = max(latest, operations.base[Int(position)].finish)
        return (0..<Int32(count)).filter {
            let operation = operations.base[Int($0)]
            return operation.outcome != .fail || operation.flags.contains(.refuted)
                || $0 == position
        }.filter { operations.base[Int($0)].start <= end || profile.deletes > 0 }
    }
}
