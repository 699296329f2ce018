/// Causal order: session order and reads-from, transitively, with a vector clock for every
/// operation. O(n × sessions) time and memory; without clocks, where they find no room or the order
/// has a cycle, by walking back.
///
/// A write with an unknown outcome keeps its incoming session order but has no outgoing one: it
/// may take effect after the session's later operations. It is known only through its readers.
final class CausalOrder {
    private let history: History
    private let sessions: SessionOrder
    private let budget: Budget
    /// By operation: the session predecessor that orders it, −1 for none.
    private(set) var previous: [Int32]
    /// Topological order of session order and reads-from; empty when there is a cycle.
    private(set) var sorted: [Int32] = []
    /// The cycle that forbids an order, if there is one.
    private(set) var cycle: [Int]?
    /// Why there are no clocks, if there are none for want of memory.
    private(set) var lack: String?
    /// By operation, one number a session: how many of its operations come before.
    private(set) var clocks: [UInt32] = []
    /// First readers of unknown writes, at most one a session.
    private var readers: [Int32: [Int32]] = [:]
    /// Steps that walks may still take.
    private var steps = 200_000_000
    /// A walk was given up: what it was asked is not known.
    private(set) var isExhausted = false

    var width: Int { sessions.operations.count }

    init(_ checker: Checker, _ sessions: SessionOrder) {
        history = checker.history
        budget = checker.options.budget
        self.sessions = sessions
        previous = Array(repeating: -1, count: history.count)
        link()
        let (order, rest) = topological([])
        guard rest == nil else {
            cycle = rest
            return
        }
        sorted = order
        guard history.count * width * 4 <= budget.memory else {
            lack = "the clocks of \(width) processes exceed the memory limit"
            return
        }
        tick()
    }

    func isUnknown(_ index: Int32) -> Bool { history.operations[Int(index)].outcome == .unknown }

    /// The write whose value a read returned; −1 for none that is known.
    func source(_ index: Int32) -> Int32 {
        sessions.observes(Int(index)) ? max(-1, sessions.writer[Int(index)]) : -1
    }

    private func link() {
        for operations in sessions.operations {
            var last: Int32 = -1
            for index in operations {
                previous[Int(index)] = last
                if !isUnknown(Int32(index)) { last = Int32(index) }
                let writer = source(Int32(index))
                if writer >= 0, isUnknown(writer) { note(Int32(index), of: writer) }
            }
        }
    }

    private func note(_ reader: Int32, of writer: Int32) {
        let session = sessions.session[Int(reader)]
        if let last = readers[writer]?.last, sessions.session[Int(last)] == session { return }
        readers[writer, default: []].append(reader)
    }

    /// The topological order of session order, reads-from and `extra` edges; or a cycle.
    func topological(_ extra: [(Int32, Int32)]) -> ([Int32], [Int]?) {
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
        return (order, walkInCircle(degree, extra, all))
    }

    /// Walks back along edges between operations that are left until one repeats.
    private func walkInCircle(
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

    private func tick() {
        let width = width
        clocks = Array(repeating: 0, count: history.count * width)
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
        }
    }

    /// Whether an operation lies in the causal past of another.
    func isBefore(_ a: Int32, _ b: Int32) -> Bool {
        if clocks.isEmpty { return reaches(a, b) }
        if isUnknown(a) {
            return (readers[a] ?? []).contains { $0 == b || isBefore($0, b) }
        }
        return clocks[Int(b) * width + Int(sessions.session[Int(a)])] > sessions.place[Int(a)]
    }

    /// The same by walking back from `b`; nothing that was over before `a` began can lead to it.
    private func reaches(_ a: Int32, _ b: Int32) -> Bool {
        let isPruned = cycle == nil && !sessions.hasTimeTravel
        let start = isPruned ? history.operations[Int(a)].invoked : .min
        var seen = Set<Int32>()
        var stack = [b]
        while let current = stack.popLast() {
            steps -= 1
            if steps < 0 || (steps & 4_095 == 0 && budget.now() > budget.deadline) {
                isExhausted = true
                return false
            }
            for before in [source(current), previous[Int(current)]] where before >= 0 {
                if before == a { return true }
                guard history.operations[Int(before)].completed >= start,
                    seen.insert(before).inserted
                else { continue }
                stack.append(before)
            }
        }
        return false
    }

    /// A shortest causal path, both ends included.
    func path(_ from: Int32, _ to: Int32) -> [Int] {
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

    /// One step of causality as an edge of a witness.
    func edge(from: Int, to: Int) -> Witness.Edge {
        let isRead = Int(source(Int32(to))) == from
        return Witness.Edge(
            from: from, to: to, label: isRead ? "was read by" : "came in its process before")
    }
}
