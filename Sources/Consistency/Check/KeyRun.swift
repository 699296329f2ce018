/// One thread's pass over some keys.
struct KeyRun {
    let checker: Checker
    var report: Report
    let work: KeyWork
    /// A second workspace, for judging subsets while witnesses are made small.
    let probe: KeyWork
    let prose: Prose
    private var conflicts: [Conflict] = []
    private var order: KeyWork.WriteOrder?
    private var linearizability: (finding: KeyWork.Finding, method: Method)?

    /// How many violating keys of a part had their witnesses minimized, by model.
    private var minimizedKeys: [Int]

    /// Violating keys of a part and model whose witnesses are minimized; further ones keep what
    /// was found.
    static let mostMinimizedKeys = 16

    init(checker: Checker, source: UnsafePointer<Operation>, report: Report) {
        self.checker = checker
        self.report = report
        minimizedKeys = Array(repeating: 0, count: report.models.count)
        work = KeyWork(source: source, checker: checker)
        probe = KeyWork(source: source, checker: checker)
        prose = checker.prose
    }

    /// The keys that follow belong to the next part.
    mutating func beginPart() {
        for i in minimizedKeys.indices { minimizedKeys[i] = 0 }
    }

    mutating func check(_ key: UInt32, _ operations: UnsafeBufferPointer<KeyOperation>) {
        guard !operations.isEmpty else { return }
        work.gather(operations)
        let isUnique =
            !work.profile.hasDuplicates && work.profile.cas == 0 && work.profile.appends == 0
        let zones = isUnique ? work.zoneConflicts() : ([], 0)
        conflicts = zones.0
        order = nil
        linearizability = nil
        for i in report.models.indices where report.models[i].model.isPerKey {
            let isThorough = minimizedKeys[i] < KeyRun.mostMinimizedKeys
            let model = report.models[i].model
            let answer =
                model == .multiValue ? multiValue(key, operations) : judge(model, key, isThorough)
            guard let (verdict, method) = answer else { continue }
            if verdict.isViolated { minimizedKeys[i] += 1 }
            report.models[i].add(
                verdict, key: key, method: method, keep: checker.options.keepsVerdicts)
        }
        if checker.options.measuresStaleness, work.profile.appends == 0 {
            measure(isUnique, zones.1 > 0)
        }
    }

    private mutating func writeOrder() -> KeyWork.WriteOrder {
        if let order { return order }
        let made = work.writeOrder()
        order = made
        return made
    }

    private mutating func linearizable() -> (finding: KeyWork.Finding, method: Method) {
        if let linearizability { return linearizability }
        let made = work.linearizability(conflicts, checker.options.budget)
        linearizability = (made.0, made.1)
        return (made.0, made.1)
    }

    private mutating func measure(_ isUnique: Bool, _ hasConflicts: Bool) {
        work.addStaleness(
            writeOrder(), to: &report.staleness, keepsReads: checker.options.keepsStaleReads)
        guard isUnique, work.profile.deletes == 0 else { return }
        let grades = work.grades(hasConflicts: hasConflicts)
        report.staleness.deltaMax = max(report.staleness.deltaMax, grades.delta)
        report.staleness.gammaMax = max(report.staleness.gammaMax, grades.gamma)
    }

    /// Nil when the model has nothing to say about this key.
    private mutating func judge(
        _ model: Model, _ key: UInt32, _ isThorough: Bool
    ) -> (Verdict, Method)? {
        if work.profile.appends > 0, model != .linearizable {
            return (.inconclusive("the key has appends"), .search)
        }
        switch model {
        case .linearizable:
            let (finding, method) = linearizable()
            return (verdict(finding, model, key, isThorough), method)
        case .regular: return regular(key, isThorough)
        case .weakRegular:
            guard let core = work.weakViolation(writeOrder()) else { return (.holds, .reads) }
            return (.violated(witness(core, model, key, isThorough)), .reads)
        case .kAtomic(let k): return kAtomic(k, key, isThorough)
        case .deltaAtomic(let delta): return deltaAtomic(delta, key, isThorough)
        case .durable:
            guard !work.finalReads().isEmpty else { return nil }
            guard let core = work.lostWrite(writeOrder()) else { return (.holds, .reads) }
            return (.violated(witness(core, model, key, isThorough)), .reads)
        case .convergent: return convergent(key)
        default: return nil
        }
    }

    private mutating func regular(_ key: UInt32, _ isThorough: Bool) -> (Verdict, Method) {
        let (finding, _) = linearizable()
        if case .holds = finding { return (.holds, .peeling) }
        if let core = work.weakViolation(writeOrder()) {
            return (.violated(witness(core, .regular, key, isThorough)), .reads)
        }
        let isGraded =
            !work.profile.hasDuplicates && work.profile.appends == 0 && work.profile.deletes == 0
        guard isGraded else {
            return (.inconclusive("repeated values or deletes, and not linearizable"), .peeling)
        }
        guard let cycle = work.writeOrderCycle() else { return (.holds, .peeling) }
        let core = KeyWork.Core(members: work.members(of: cycle), anomaly: .noOrder)
        return (.violated(witness(core, .regular, key, isThorough)), .peeling)
    }

    /// Why a key cannot be graded by unique values, if so.
    private func ungraded() -> String? {
        if work.profile.hasDuplicates { return "values repeat" }
        if work.profile.appends > 0 { return "the key has appends" }
        if work.profile.cas > 0 { return "the key has compare-and-set" }
        if work.profile.deletes > 0 { return "deletes look alike" }
        return nil
    }

    private mutating func kAtomic(
        _ k: Int, _ key: UInt32, _ isThorough: Bool
    ) -> (Verdict, Method) {
        let (finding, method) = linearizable()
        if case .holds = finding { return (.holds, method) }
        if k == 1 { return (verdict(finding, .kAtomic(1), key, isThorough), method) }
        if let why = ungraded() { return (.inconclusive(why), .bounds) }
        let (answer, used) = work.isAtomic(within: k, checker.options.budget)
        switch answer {
        case .atMost: return (.holds, used)
        case .unknown(let low, let high):
            let most = high == Int.max ? "" : " and at most \(high)"
            return (.inconclusive("k is at least \(low)\(most)"), used)
        case .more:
            let all = (0..<Int32(work.count)).filter {
                work.operations.base[Int($0)].outcome != .fail
            }
            let core =
                work.immediateViolation() ?? KeyWork.Core(members: all, anomaly: .tooStale)
            return (.violated(witness(core, .kAtomic(k), key, isThorough)), used)
        }
    }

    private mutating func deltaAtomic(
        _ delta: Int64, _ key: UInt32, _ isThorough: Bool
    ) -> (Verdict, Method) {
        let (finding, method) = linearizable()
        if case .holds = finding { return (.holds, method) }
        if let why = ungraded() { return (.inconclusive(why), method) }
        if work.grades(hasConflicts: !conflicts.isEmpty).delta <= delta { return (.holds, .zones) }
        let all = (0..<Int32(work.count)).filter {
            work.operations.base[Int($0)].outcome != .fail
        }
        let core = work.immediateViolation() ?? KeyWork.Core(members: all, anomaly: .tooStale)
        return (.violated(witness(core, .deltaAtomic(delta), key, isThorough)), .zones)
    }

    private func convergent(_ key: UInt32) -> (Verdict, Method)? {
        let history = checker.history
        switch work.convergence(node: { history.detail(of: $0)?.node }) {
        case .agreed: return (.holds, .reads)
        case .unknown(let why):
            return work.finalReads().isEmpty ? nil : (.inconclusive(why), .reads)
        case .diverged(let a, let b):
            let pair = [work.index(a), work.index(b)]
            let text =
                "\(prose.key(key)) did not converge: of the last reads, "
                + "\(prose.operation(pair[0])) and \(prose.operation(pair[1])) differ."
            return (
                .violated(
                    Witness(
                        key: key, anomaly: .diverged, operations: pair, explanation: text)), .reads
            )
        }
    }

    private func multiValue(
        _ key: UInt32, _ operations: UnsafeBufferPointer<KeyOperation>
    ) -> (Verdict, Method)? {
        guard var siblings = Siblings(checker.history, operations) else { return nil }
        switch siblings.judge() {
        case .holds: return (.holds, .reads)
        case .inconclusive(let why): return (.inconclusive(why), .reads)
        case .violated(let anomaly, let operations, let what):
            let read = operations.last { checker.history.operations[$0].kind == .read }
            let text =
                "\(prose.key(key)) is not a multi-value register: "
                + "\(prose.operation(read ?? operations[0])) \(what): "
                + operations.filter { $0 != read }.map(prose.operation).joined(separator: "; ")
                + "."
            var made = Witness(
                key: key, anomaly: anomaly, operations: operations, explanation: text)
            made.cause = Attribution(checker.history).cause(of: made)
            return (.violated(made), .reads)
        }
    }

    // MARK: Witnesses

    private func verdict(
        _ finding: KeyWork.Finding, _ model: Model, _ key: UInt32, _ isThorough: Bool
    ) -> Verdict {
        switch finding {
        case .holds: .holds
        case .inconclusive(let why): .inconclusive(why)
        case .violated(let core): .violated(witness(core, model, key, isThorough))
        }
    }

    /// A locally minimal witness from a set of operations that violates.
    private func witness(
        _ core: KeyWork.Core, _ model: Model, _ key: UInt32, _ isThorough: Bool
    ) -> Witness {
        var made: Witness
        if let certificate = core.certificate {
            made = work.witness(certificate, key: key, prose: prose)
        } else {
            let isDone = core.isFinished || !isThorough
            let operations =
                isDone ? work.byInvocation(core.members) : minimized(core, model)
            made = Witness(
                key: key, anomaly: core.anomaly, operations: operations,
                explanation: explanation(core.anomaly, operations, model, key),
                edges: precedences(operations))
        }
        made.cause = Attribution(checker.history).cause(of: made)
        return made
    }

    /// Which of these operations ended before which others began, without what follows from the
    /// rest; none of many.
    private func precedences(_ operations: [Int]) -> [Witness.Edge] {
        guard operations.count <= KeyRun.mostConnected else { return [] }
        let history = checker.history
        let error = 2 * checker.options.clockError
        func isBefore(_ a: Int, _ b: Int) -> Bool {
            let (first, second) = (history.operations[a], history.operations[b])
            let margin = first.clock != 0 && first.clock == second.clock ? 0 : error
            return first.outcome != .unknown && first.completed < second.invoked - margin
        }
        return operations.flatMap { to in
            operations.filter { from in
                isBefore(from, to)
                    && !operations.contains { isBefore(from, $0) && isBefore($0, to) }
            }.map { Witness.Edge(from: $0, to: to, label: "finished before") }
        }
    }

    /// Most operations of a witness between which edges are drawn.
    private static let mostConnected = 24

    private func minimized(_ core: KeyWork.Core, _ model: Model) -> [Int] {
        var budget = checker.options.budget
        budget.memory = min(budget.memory, 8 << 20)
        // All trials together take no longer than the search of one key may.
        let (end, overflow) = budget.now().addingReportingOverflow(budget.perKey)
        if !overflow { budget.deadline = min(budget.deadline, end) }
        var minimizer = Minimizer(
            core.members.map(work.index), source: work.source, initial: work.initial,
            trials: core.anomaly == .noOrder ? 400 : 2_000
        ) { [probe] subset in
            subset.map { UInt32($0) }.withUnsafeBufferPointer { probe.gather($0) }
            return probe.violates(model, budget)
        }
        return minimizer.minimize()
    }

    private func explanation(
        _ anomaly: Anomaly, _ operations: [Int], _ model: Model, _ key: UInt32
    ) -> String {
        let history = checker.history
        let head = "\(prose.key(key)) is not \(model.name). "
        let read = operations.last { history.operations[$0].kind == .read } ?? operations[0]
        let subject = capitalised(prose.operation(read))
        switch anomaly {
        case .thinAir where operations.count == 1:
            return head + subject + " returned a value that nobody wrote."
        case .abortedRead where operations.count == 2:
            return head + subject + " returned the value of a write that is known to have failed."
        case .futureRead:
            return head + subject + " had finished before any write of its value began."
        case .staleRead where model != .linearizable, .lostWrite:
            return head + stale(read, operations)
        default:
            let list = operations.map(prose.operation).joined(separator: "; ")
            return head + "No order of these \(operations.count) operations fits their times and "
                + "values, though it would without any one of them: \(list)."
        }
    }

    private func stale(_ read: Int, _ operations: [Int]) -> String {
        let history = checker.history
        let value = history.operations[read].value
        let newer = operations.last {
            history.operations[$0].kind != .read && history.operations[$0].value != value
        }
        guard let newer else { return capitalised(prose.operation(read)) + " is stale." }
        let gap = history.operations[read].invoked - history.operations[newer].completed
        return capitalised(prose.operation(read)) + " missed \(prose.operation(newer)), which was "
            + "acknowledged \(prose.length(gap)) before the read began and began after "
            + "\(prose.value(value)) had been written."
    }
}

extension KeyWork {
    /// Whether the gathered operations certainly violate a per-key model.
    func violates(_ model: Model, _ budget: Budget) -> Bool {
        switch model {
        case .linearizable, .kAtomic(1):
            let isUnique = !profile.hasDuplicates && profile.cas == 0 && profile.appends == 0
            let conflicts = isUnique ? zoneConflicts().kept : []
            if case .violated = linearizability(conflicts, budget).0 { return true }
            return false
        case .regular:
            return immediateViolation() != nil || writeOrderCycle() != nil
        case .weakRegular: return weakViolation(writeOrder()) != nil
        case .kAtomic(let k):
            if case .more = isAtomic(within: k, budget).0 { return true }
            return false
        case .deltaAtomic(let delta):
            let conflicts = zoneConflicts()
            return grades(hasConflicts: conflicts.count > 0).delta > delta
        default: return false
        }
    }
}
