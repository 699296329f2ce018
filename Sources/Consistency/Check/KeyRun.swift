/// One thread's pass over some keys.
struct KeyRun {
    let checker: Checker
    var report: Report
    let work: KeyWork
    /// A second workspace, for judging subsets while witnesses are made small.
    let probe: KeyWork
    let prose: Prose

    init(checker: Checker, source: UnsafePointer<Operation>, report: Report) {
        self.checker = checker
        self.report = report
        let options = checker.options
        work = KeyWork(source: source, initial: options.initial, clockError: options.clockError)
        probe = KeyWork(source: source, initial: options.initial, clockError: options.clockError)
        prose = Prose(checker.history)
    }

    mutating func check(_ key: UInt32, _ indices: UnsafeBufferPointer<UInt32>) {
        guard !indices.isEmpty else { return }
        work.gather(indices)
        let isUnique = !work.profile.hasDuplicates && work.profile.cas == 0
        let conflicts = isUnique ? work.zoneConflicts() : ([], 0)
        let options = checker.options
        for i in report.models.indices where report.models[i].model.isPerKey {
            let (verdict, method) = judge(report.models[i].model, key, conflicts.0)
            report.models[i].add(
                verdict, key: key, method: method, keep: options.keepsVerdicts)
        }
        if options.measuresStaleness { measure(isUnique, conflicts.1 > 0) }
    }

    private mutating func measure(_ isUnique: Bool, _ hasConflicts: Bool) {
        let order = work.writeOrder()
        work.addStaleness(order, to: &report.staleness)
        guard isUnique else { return }
        let grades = work.grades(hasConflicts: hasConflicts)
        report.staleness.deltaMax = max(report.staleness.deltaMax, grades.delta)
        report.staleness.gammaMax = max(report.staleness.gammaMax, grades.gamma)
    }

    private func judge(
        _ model: Model, _ key: UInt32, _ conflicts: [Conflict]
    ) -> (Verdict, Method) {
        switch model {
        case .linearizable: linearizable(key, conflicts)
        default: (.inconclusive("the model is not checked"), .search)
        }
    }

    private func linearizable(_ key: UInt32, _ conflicts: [Conflict]) -> (Verdict, Method) {
        let (finding, method) = work.linearizability(conflicts, checker.options.budget)
        switch finding {
        case .holds: return (.holds, method)
        case .inconclusive(let why): return (.inconclusive(why), method)
        case .violated(let core): return (.violated(witness(core, key)), method)
        }
    }

    /// A locally minimal witness from a set of operations that violates.
    private func witness(_ core: KeyWork.Core, _ key: UInt32) -> Witness {
        if let certificate = core.certificate {
            return work.witness(certificate, key: key, prose: prose)
        }
        let operations: [Int]
        switch core.anomaly {
        case _ where core.isFinished:
            operations = work.byInvocation(core.members)
        default: operations = minimized(core)
        }
        return Witness(
            key: key, anomaly: core.anomaly, operations: operations,
            explanation: explanation(core.anomaly, operations, key))
    }

    private func minimized(_ core: KeyWork.Core) -> [Int] {
        var budget = checker.options.budget
        budget.memory = min(budget.memory, 64 << 20)
        var minimizer = Minimizer(
            core.members.map(work.index), source: work.source, initial: work.initial,
            trials: 2_000
        ) { [probe] subset in
            subset.map { UInt32($0) }.withUnsafeBufferPointer { probe.gather($0) }
            let isUnique = !probe.profile.hasDuplicates && probe.profile.cas == 0
            let conflicts = isUnique ? probe.zoneConflicts().kept : []
            let (finding, _) = probe.linearizability(conflicts, budget)
            if case .violated = finding { return true }
            return false
        }
        return minimizer.minimize()
    }

    private func explanation(_ anomaly: Anomaly, _ operations: [Int], _ key: UInt32) -> String {
        let history = checker.history
        let head = "\(prose.key(key)) is not linearizable. "
        let read = operations.last { history.operations[$0].kind == .read } ?? operations[0]
        let subject = capitalised(prose.operation(read))
        switch anomaly {
        case .thinAir: return head + subject + " returned a value that nobody wrote."
        case .abortedRead:
            return head + subject + " returned the value of a write that is known to have failed."
        case .futureRead:
            return head + subject + " had finished before the write of its value began."
        default:
            let list = operations.map(prose.operation).joined(separator: "; ")
            return head + "No order of these \(operations.count) operations fits their times and "
                + "values, though it would without any one of them: \(list)."
        }
    }
}
