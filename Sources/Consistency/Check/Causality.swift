/// Causal consistency and convergence by bad patterns (Bouajjani, Enea, Guerraoui and Hamza 2017),
/// with vector clocks over session order and reads-from. O(n × sessions).
///
/// A write with an unknown outcome keeps its incoming session order but has no outgoing one: it
/// may take effect after the session's later operations. It is known only through its readers.
struct Causality {
    enum Answer {
        case holds
        case violated(Witness)
        case inconclusive(String)
    }

    private let history: History
    private let sessions: SessionOrder
    private let prose: Prose
    private let budget: Budget
    /// By operation: the session predecessor that orders it, −1 for none.
    private var previous: [Int32]
    /// Topological order of session order and reads-from.
    private var sorted: [Int32] = []
    /// Offset of the clock of each operation, in units of the number of sessions.
    private var clocks: [UInt32] = []
    /// By session and key: the acknowledged writes by place.
    private var writes: [UInt64: [Int32]] = [:]
    private var writingSessions: [UInt32: [UInt32]] = [:]
    /// First readers of unknown writes, at most one a session.
    private var readers: [Int32: [Int32]] = [:]
    /// By key: unknown writes that someone read.
    private var seenUnknown: [UInt32: [Int32]] = [:]
    private(set) var weak: Answer = .holds
    private(set) var convergent: Answer = .holds

    init(_ checker: Checker, _ sessions: SessionOrder) {
        history = checker.history
        prose = checker.prose
        budget = checker.options.budget
        self.sessions = sessions
        previous = Array(repeating: -1, count: history.count)
        let width = sessions.operations.count
        guard history.count * width * 4 <= budget.memory else {
            let text = "the clocks of \(width) processes exceed the memory limit"
            weak = .inconclusive(text)
            convergent = .inconclusive(text)
            return
        }
        if let read = sessions.impossibleRead {
            let text =
                capitalised(prose.operation(Int(read)))
                + " returned a value that no write can have given."
            settle(.violated(witness([Int(read)], .thinAir, text)))
            return
        }
        link()
        guard sort() else { return }
        index()
        judge()
    }

    private mutating func settle(_ answer: Answer) {
        weak = answer
        convergent = answer
    }

    private func isUnknown(_ index: Int32) -> Bool {
        history.operations[Int(index)].outcome == .unknown
    }

    private mutating func link() {
        for operations in sessions.operations {
            var last: Int32 = -1
            for index in operations {
                previous[Int(index)] = last
                if !isUnknown(Int32(index)) { last = Int32(index) }
            }
        }
    }

    private func source(_ index: Int32) -> Int32 {
        history.operations[Int(index)].kind == .read ? sessions.writer[Int(index)] : -1
    }

    /// Orders all operations; on a cycle reports it and returns false.
    private mutating func sort() -> Bool {
        let (order, rest) = topological([])
        sorted = order
        guard let cycle = rest else { return true }
        let list = cycle.map { prose.operation($0) }.joined(separator: "; then ")
        settle(
            .violated(witness(cycle, .cyclicCausality, "Causality runs in a circle: \(list).")))
        return false
    }

    /// The topological order of session order, reads-from and `extra` edges; or a cycle.
    private func topological(_ extra: [(Int32, Int32)]) -> ([Int32], [Int]?) {
        var degree = [Int32](repeating: 0, count: history.count)
        var heads = [Int32](repeating: -1, count: history.count)
        var edges: [(to: Int32, next: Int32)] = []
        func add(_ from: Int32, _ to: Int32) {
            edges.append((to, heads[Int(from)]))
            heads[Int(from)] = Int32(edges.count - 1)
            degree[Int(to)] += 1
        }
        let all = sessions.operations.joined().map { Int32($0) }
        for index in all {
            if previous[Int(index)] >= 0 { add(previous[Int(index)], index) }
            if source(index) >= 0 { add(source(index), index) }
        }
        for (from, to) in extra { add(from, to) }
        var order = all.filter { degree[Int($0)] == 0 }
        var next = 0
        while next < order.count {
            var edge = heads[Int(order[next])]
            next += 1
            while edge >= 0 {
                let to = edges[Int(edge)].to
                degree[Int(to)] -= 1
                if degree[Int(to)] == 0 { order.append(to) }
                edge = edges[Int(edge)].next
            }
        }
        guard order.count < all.count else { return (order, nil) }
        return (order, cycle(degree, extra, all))
    }

    /// Walks back along edges between operations that are left until one repeats.
    private func cycle(
        _ degree: [Int32], _ extra: [(Int32, Int32)], _ all: [Int32]
    ) -> [Int] {
        var more: [Int32: Int32] = [:]
        for (from, to) in extra where degree[Int(from)] > 0 && degree[Int(to)] > 0 {
            more[to] = from
        }
        guard var current = all.first(where: { degree[Int($0)] > 0 }) else { return [] }
        var path: [Int32] = []
        var seen: [Int32: Int] = [:]
        while seen[current] == nil {
            seen[current] = path.count
            path.append(current)
            let back = [previous[Int(current)], source(current), more[current] ?? -1]
            guard let next = back.first(where: { $0 >= 0 && degree[Int($0)] > 0 }) else { break }
            current = next
        }
        return path[(seen[current] ?? 0)...].reversed().map { Int($0) }
    }

    private mutating func index() {
        for (session, operations) in sessions.operations.enumerated() {
            for index in operations {
                let operation = history.operations[Int(index)]
                if operation.kind == .read {
                    let writer = sessions.writer[Int(index)]
                    if writer >= 0, isUnknown(writer) { note(Int32(index), of: writer) }
                } else if operation.outcome == .ok {
                    let place = UInt64(session) << 32 | UInt64(operation.key)
                    if writes[place] == nil {
                        writingSessions[operation.key, default: []].append(UInt32(session))
                    }
                    writes[place, default: []].append(Int32(index))
                }
            }
        }
    }

    private mutating func note(_ reader: Int32, of writer: Int32) {
        if readers[writer] == nil {
            seenUnknown[history.operations[Int(writer)].key, default: []].append(writer)
        }
        let session = sessions.session[Int(reader)]
        if let last = readers[writer]?.last, sessions.session[Int(last)] == session { return }
        readers[writer, default: []].append(reader)
    }

    /// Computes clocks in causal order and judges every read by its own.
    private mutating func judge() {
        let width = sessions.operations.count
        clocks = Array(repeating: 0, count: history.count * width)
        var conflicts: [(Int32, Int32)] = []
        for index in sorted {
            let base = Int(index) * width
            for before in [previous[Int(index)], source(index)] where before >= 0 {
                let other = Int(before) * width
                for s in 0..<width { clocks[base + s] = max(clocks[base + s], clocks[other + s]) }
                if !isUnknown(before) {
                    let session = Int(sessions.session[Int(before)])
                    clocks[base + session] = max(
                        clocks[base + session], sessions.place[Int(before)] + 1)
                }
            }
            guard history.operations[Int(index)].kind == .read else { continue }
            if let answer = judge(index, &conflicts) {
                settle(.violated(answer))
                return
            }
        }
        let (_, cycle) = topological(conflicts)
        if let cycle {
            let list = cycle.map { prose.operation($0) }.joined(separator: "; then ")
            convergent = .violated(
                witness(
                    cycle, .conflictCycle,
                    "Processes disagree about the order of concurrent writes: \(list)."))
        }
        if sessions.hasAmbiguity {
            let text = "some values repeat, so that reads do not tell their write"
            weak = .inconclusive(text)
            if case .holds = convergent { convergent = .inconclusive(text) }
        }
    }

    /// Whether an operation lies in the causal past of another.
    private func isBefore(_ a: Int32, _ b: Int32) -> Bool {
        if isUnknown(a) {
            return (readers[a] ?? []).contains { $0 == b || isBefore($0, b) }
        }
        let width = sessions.operations.count
        return clocks[Int(b) * width + Int(sessions.session[Int(a)])] > sessions.place[Int(a)]
    }

    private func judge(_ read: Int32, _ conflicts: inout [(Int32, Int32)]) -> Witness? {
        let operation = history.operations[Int(read)]
        let own = sessions.writer[Int(read)]
        guard own != SessionOrder.ambiguous else { return nil }
        let width = sessions.operations.count
        for session in writingSessions[operation.key] ?? [] {
            let limit = clocks[Int(read) * width + Int(session)]
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
        where unknown != own && isBefore(unknown, read) {
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
                path(newer, read), .writeReadInitial,
                capitalised(prose.operation(Int(read)))
                    + " returned the initial value although "
                    + "\(prose.operation(Int(newer))) is in its causal past.")
        }
        if isBefore(own, newer) {
            let members = Array(Set(path(own, newer) + path(newer, read))).sorted {
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

    /// A shortest causal path, both ends included.
    private func path(_ from: Int32, _ to: Int32) -> [Int] {
        var back: [Int32: Int32] = [to: to]
        var queue = [to]
        var next = 0
        while next < queue.count, back[from] == nil {
            let current = queue[next]
            next += 1
            for before in [source(current), previous[Int(current)]]
            where before >= 0 && back[before] == nil {
                back[before] = current
                queue.append(before)
            }
        }
        guard back[from] != nil else { return [Int(from), Int(to)] }
        var result = [Int(from)]
        var current = from
        while current != to, let following = back[current] {
            result.append(Int(following))
            current = following
        }
        return result
    }

    private func witness(_ operations: [Int], _ anomaly: Anomaly, _ text: String) -> Witness {
        let key = operations.last.map { history.operations[$0].key } ?? 0
        return Witness(key: key, anomaly: anomaly, operations: operations, explanation: text)
    }
}
