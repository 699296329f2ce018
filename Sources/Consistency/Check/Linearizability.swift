/// Decides one key by the cheapest algorithm that is exact for its operations.
extension KeyWork {
    /// Operations that violate linearizability together, before minimization.
    struct Core {
        var members: [Int32]
        var anomaly: Anomaly
        /// A finished witness of a pair of clusters.
        var certificate: Certificate?
    }

    enum Finding {
        case holds
        case violated(Core)
        case inconclusive(String)
    }

    /// Violations that need no order: values from nowhere, from failed writes, from the future.
    func immediateViolation() -> Core? {
        if profile.thinAir >= 0 { return Core(members: [profile.thinAir], anomaly: .thinAir) }
        if profile.aborted >= 0 {
            return Core(
                members: withWriters([profile.aborted]), anomaly: .abortedRead)
        }
        if profile.future >= 0, !profile.hasDuplicates {
            return Core(members: withWriters([profile.future]), anomaly: .futureRead)
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
    func linearizability(_ conflicts: [Conflict]) -> (Finding, Method) {
        if let core = immediateViolation() { return (.violated(core), .zones) }
        if profile.hasDuplicates || profile.cas > 0 || profile.refuted > 0 {
            return (.inconclusive("needs a search"), .search)
        }
        let best = conflicts.prefix(16).compactMap(certificate).min {
            ($0.members.count, $0.span) < ($1.members.count, $1.span)
        }
        if let best {
            return (
                .violated(
                    Core(members: best.members, anomaly: .staleRead, certificate: best)), .zones
            )
        }
        if profile.deletes > 0 {
            guard let conflict = deleteConflict() else { return (.holds, .deletes) }
            let anomaly = anomaly(of: conflict)
            return (.violated(Core(members: before(conflict.position), anomaly: anomaly)), .deletes)
        }
        return (.holds, .zones)
    }

    private func anomaly(of conflict: DeleteConflict) -> Anomaly {
        switch conflict {
        case .inside: .resurrectedDelete
        case .unserved: .staleRead
        }
    }

    /// Everything that can bear on an operation: all that was invoked before its completion or
    /// that shares a value with such an operation.
    func before(_ position: Int32) -> [Int32] {
        (0..<Int32(count)).filter { operations.base[Int($0)].outcome != .fail || $0 == position }
    }
}
