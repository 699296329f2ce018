/// Models that span keys, together: what one shows, another may use.
extension Checker {
    /// Checks what spans keys: sessions, causality, sequential consistency.
    public func checkAcrossKeys() -> Report {
        var report = emptyReport()
        report.staleness = Staleness()
        let asked = report.models.indices.filter { !report.models[$0].model.isPerKey }
        guard !asked.isEmpty, history.count > 0 else { return report }
        let sessions = SessionOrder(self)
        let needsGuarantees = asked.contains {
            SessionGuarantees.models.contains(report.models[$0].model)
        }
        let needsCausality = asked.contains {
            [.causal, .causalConvergent, .sequential].contains(report.models[$0].model)
        }
        let isClean =
            needsCausality && sessions.suspects.isEmpty && !sessions.hasTies && isLinearizable()
        let isInDoubt = needsCausality && !isClean || needsGuarantees && !sessions.suspects.isEmpty
        let order = isInDoubt ? CausalOrder(self, sessions) : nil
        let guarantees = needsGuarantees ? SessionGuarantees(self, sessions, order) : nil
        let causality =
            needsCausality && !isClean ? order.map { Causality(self, sessions, $0) } : nil
        for i in asked {
            let model = report.models[i].model
            if SessionGuarantees.models.contains(model) {
                let keys = guarantees?.violatingKeys[model]?.count ?? 0
                report.models[i].settle(
                    guarantees?.verdict(model) ?? .holds, keys: keyCount, violating: keys, .clocks)
            } else if isClean {
                report.models[i].settle(.holds, keys: keyCount, violating: 0, .zones)
            } else if let causality {
                settle(&report.models[i], model, causality, sessions)
            }
        }
        return report
    }

    private func settle(
        _ report: inout ModelReport, _ model: Model, _ causality: Causality,
        _ sessions: SessionOrder
    ) {
        switch model {
        case .causal: settle(&report, causality.weak)
        case .causalConvergent: settle(&report, causality.convergent)
        default:
            // Sequential consistency implies both causal models.
            if case .violated = causality.weak {
                settle(&report, causality.weak)
            } else if case .violated = causality.convergent {
                settle(&report, causality.convergent)
            } else {
                var search = SequentialSearch(self, sessions)
                report.settle(search.run(), keys: keyCount, violating: 1, .search)
            }
        }
    }

    private func settle(_ report: inout ModelReport, _ answer: Causality.Answer) {
        switch answer {
        case .holds: report.settle(.holds, keys: keyCount, violating: 0, .clocks)
        case .violated(let witness):
            report.settle(.violated(witness), keys: keyCount, violating: 1, .clocks)
        case .inconclusive(let why):
            report.settle(.inconclusive(why), keys: keyCount, violating: 0, .clocks)
        }
    }

    /// Whether every key is linearizable, which implies every model that spans keys.
    private func isLinearizable() -> Bool {
        // Wrong clocks say nothing about the order of a process.
        guard options.clockError == 0 else { return false }
        return history.operations.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return true }
            let work = KeyWork(source: base, checker: self, endsEarly: true)
            return byKey.withUnsafeBufferPointer { byKey in
                (0..<keyCount).allSatisfy { key in
                    work.gather(
                        UnsafeBufferPointer(rebasing: byKey[starts[key]..<starts[key + 1]]))
                    let isUnique =
                        !work.profile.hasDuplicates && work.profile.cas == 0
                        && work.profile.appends == 0
                    let conflicts = isUnique ? work.zoneConflicts() : ([], 0)
                    if conflicts.1 > 0 { return false }
                    if case .holds = work.linearizability([], options.budget).0 { return true }
                    return false
                }
            }
        }
    }
}

extension ModelReport {
    /// Sets the answer of a model that is judged on the history as a whole.
    mutating func settle(_ verdict: Verdict, keys: Int, violating: Int, _ method: Method) {
        keysChecked = keys
        self.method = method
        switch verdict {
        case .holds: break
        case .violated(let witness):
            counterexample = witness
            violatingKeys = violating
        case .inconclusive(let why):
            inconclusiveKeys = keys
            reason = why
            reasonKey = 0
        }
    }
}
