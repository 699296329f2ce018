/// Causal consistency and convergence by bad patterns (Bouajjani, Enea, Guerraoui and Hamza 2017).
/// O(n × sessions).
struct Causality {
    enum Answer {
        case holds
        case violated(Witness)
        case inconclusive(String)
    }

    private let history: History
    private let sessions: SessionOrder
    private let order: CausalOrder
    private let prose: Prose
    /// By session and key: the acknowledged writes by place.
    private var writes: [UInt64: [Int32]] = [:]
    private var writingSessions: [UInt32: [UInt32]] = [:]
    /// By key: unknown writes that someone read.
    private var seenUnknown: [UInt32: [Int32]] = [:]
    private(set) var weak: Answer = .holds
    private(set) var convergent: Answer = .holds

    init(_ checker: Checker, _ sessions: SessionOrder, _ order: CausalOrder) {
        history = checker.history
        prose = checker.prose
        self.sessions = sessions
        self.order = order
        if let read = sessions.impossibleRead {
            let isAborted = sessions.impossibleWriter != nil
            let text =
                capitalised(prose.operation(Int(read)))
                + (isAborted
                    ? " returned the value of a write that is known to have failed."
                    : " returned a value that no write can have given.")
            let members = (sessions.impossibleWriter.map { [Int($0)] } ?? []) + [Int(read)]
            settle(.violated(witness(members, isAborted ? .abortedRead : .thinAir, text)))
            return
        }
        if let cycle = order.cycle {
            let list = cycle.map { prose.operation($0) }.joined(separator: "; then ")
            settle(
                .violated(witness(cycle, .cyclicCausality, "Causality runs in a circle: \(list).")))
            return
        }
        if let lack = order.lack {
            settle(.inconclusive(lack))
            return
        }
        index()
        judge()
    }

    private mutating func settle(_ answer: Answer) {
        weak = answer
        convergent = answer
    }

    private mutating func index() {
        var noted = Set<Int32>()
        for (session, operations) in sessions.operations.enumerated() {
            for index in operations {
                let operation = history.operations[Int(index)]
                let writer = order.source(Int32(index))
                if writer >= 0, order.isUnknown(writer), noted.insert(writer).inserted {
                    seenUnknown[operation.key, default: []].append(writer)
                }
                if operation.kind != .read, operation.outcome == .ok {
                    let place = UInt64(session) << 32 | UInt64(operation.key)
                    if writes[place] == nil {
                        writingSessions[operation.key, default: []].append(UInt32(session))
                    }
                    writes[place, default: []].append(Int32(index))
                }
            }
        }
    }

    /// Judges every read by its clock, in causal order.
    private mutating func judge() {
        var conflicts: [(Int32, Int32)] = []
        for index in order.sorted where sessions.observes(Int(index)) {
            if let answer = judge(index, &conflicts) {
                settle(.violated(answer))
                return
            }
        }
        let (_, cycle) = order.topological(conflicts)
        if let cycle {
            let list = cycle.map { prose.operation($0) }.joined(separator: "; then ")
            convergent = .violated(
                witness(
                    cycle, .conflictCycle,
                    "Processes disagree about the order of concurrent writes: \(list)."))
        }
        if sessions.hasAmbiguity {
            let text = SessionOrder.ambiguity
            weak = .inconclusive(text)
            if case .holds = convergent { convergent = .inconclusive(text) }
        }
    }

    private func judge(_ read: Int32, _ conflicts: inout [(Int32, Int32)]) -> Witness? {
        let operation = history.operations[Int(read)]
        let own = sessions.writer[Int(read)]
        guard own != SessionOrder.ambiguous else { return nil }
        let width = order.width
        for session in writingSessions[operation.key] ?? [] {
            let limit = order.clocks[Int(read) * width + Int(session)]
            let list = writes[UInt64(session) << 32 | UInt64(operation.key)] ?? []
            var low = 0
            var high = list.count
            while low < high {
                let middle = (low + high) / 2
                if sessions.place[Int(list[middle])] < limit {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            guard low > 0, list[low - 1] != own else { continue }
            if let found = compare(read, own, list[low - 1], &conflicts) { return found }
        }
        for unknown in seenUnknown[operation.key] ?? []
        where unknown != own && order.isBefore(unknown, read) {
            if let found = compare(read, own, unknown, &conflicts) { return found }
        }
        return nil
    }

    /// What follows from a write of the key in the causal past of a read that returned another.
    private func compare(
        _ read: Int32, _ own: Int32, _ newer: Int32, _ conflicts: inout [(Int32, Int32)]
    ) -> Witness? {
        if own == SessionOrder.initial {
            return witness(
                order.path(newer, read), .writeReadInitial,
                capitalised(prose.operation(Int(read)))
                    + " returned the initial value although "
                    + "\(prose.operation(Int(newer))) is in its causal past.")
        }
        if order.isBefore(own, newer) {
            let members = Array(Set(order.path(own, newer) + order.path(newer, read))).sorted {
                (history.operations[$0].invoked, $0) < (history.operations[$1].invoked, $1)
            }
            return witness(
                members, .writeRead,
                capitalised(prose.operation(Int(read))) + " returned a value that "
                    + "\(prose.operation(Int(newer))), which is in its causal past, had "
                    + "overwritten.")
        }
        conflicts.append((newer, own))
        return nil
    }

    private func witness(_ operations: [Int], _ anomaly: Anomaly, _ text: String) -> Witness {
        let key = operations.last.map { history.operations[$0].key } ?? 0
        let members = Set(operations)
        var edges: [Witness.Edge] = []
        for to in operations {
            for from in [order.previous[to], order.source(Int32(to))]
            where from >= 0 && members.contains(Int(from)) {
                edges.append(order.edge(from: Int(from), to: to))
            }
        }
        return Witness(
            key: key, anomaly: anomaly, operations: operations, explanation: text, edges: edges)
    }
}
