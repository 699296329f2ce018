/// Exact tests for k-atomicity beyond bounds.
extension KeyWork.Versions {
    /// 2-atomicity by chunks of overlapping forward zones, each with its inner backward clusters,
    /// tried in the few orders that can work (after FZF of Golab, Hurwitz and Li 2013).
    /// O(n log n).
    func isTwoAtomic() -> Bool {
        let p = starts.indices.map { write in
            reads[write].reduce(finishes[write]) { min($0, $1.finish) }
        }
        let q = starts.indices.map { write in
            reads[write].reduce(starts[write]) { max($0, $1.start) }
        }
        let forward = starts.indices.filter { p[$0] < q[$0] }.sorted { (p[$0], $0) < (p[$1], $1) }
        let backward = starts.indices.filter { p[$0] >= q[$0] }.sorted { q[$0] < q[$1] }
        var next = 0
        var inner = 0
        while next < forward.count {
            let low = p[forward[next]]
            var high = q[forward[next]]
            var chunk = [forward[next]]
            next += 1
            while next < forward.count, p[forward[next]] < high {
                high = max(high, q[forward[next]])
                chunk.append(forward[next])
                next += 1
            }
            while inner < backward.count, q[backward[inner]] <= low { inner += 1 }
            var inside: [Int] = []
            while inner < backward.count, q[backward[inner]] < high {
                if p[backward[inner]] < high { inside.append(backward[inner]) }
                inner += 1
            }
            if !isViable(chunk, inside) { return false }
        }
        return true
    }

    private func isViable(_ chunk: [Int], _ inside: [Int]) -> Bool {
        guard inside.count <= 2 else { return false }
        var bases = [chunk]
        if chunk.count > 1 {
            var swapped = chunk
            swapped.swapAt(0, 1)
            bases.append(swapped)
        }
        for base in bases {
            let orders: [[Int]]
            switch inside.count {
            case 0: orders = [base]
            case 1: orders = [[inside[0]] + base, base + [inside[0]]]
            default:
                orders = [
                    [inside[0]] + base + [inside[1]], [inside[1]] + base + [inside[0]],
                ]
            }
            for order in orders {
                if let k = staleness(of: order, chunk + inside), k <= 2 { return true }
            }
        }
        return false
    }
}

/// k-atomicity by building the order from the front: a state is which writes and reads are placed
/// and the last k writes. Exact, exponential in concurrent writes only; capped.
struct VersionSearch {
    private let k: Int
    private let budget: Budget
    private let operations: [(start: Int64, finish: Int64, write: Int, isRead: Bool)]
    private let byStart: [Int]
    private let startedAt: UInt64
    private var seen = Set<[Int32]>()
    private var bytes = 0
    private var steps = 0

    init(_ versions: KeyWork.Versions, k: Int, budget: Budget) {
        self.k = k
        self.budget = budget
        startedAt = budget.now()
        var all: [(start: Int64, finish: Int64, write: Int, isRead: Bool)] = []
        for write in versions.starts.indices {
            all.append((versions.starts[write], versions.finishes[write], write, false))
            for read in versions.reads[write] { all.append((read.start, read.finish, write, true)) }
        }
        operations = all
        byStart = all.indices.sorted { (all[$0].start, $0) < (all[$1].start, $1) }
    }

    /// Nil when a cap was reached.
    mutating func run() -> Bool? {
        // Depth first with an explicit stack: placed operations beyond a prefix of `byStart`.
        var stack: [(placed: [Bool], window: [Int])] = [
            (Array(repeating: false, count: operations.count), [])
        ]
        while let (last, window) = stack.popLast() {
            var placed = last
            steps += 1
            let now = steps & 63 == 0 ? budget.now() : 0
            if bytes > budget.memory || now > budget.deadline
                || (now > startedAt && now - startedAt > budget.perKey)
            {
                return nil
            }
            absorb(&placed, window)
            let waiting = placed.indices.filter { !placed[$0] }
            if waiting.isEmpty { return true }
            let bound = waiting.map { operations[$0].finish }.min() ?? Operation.never
            for candidate in waiting.reversed()
            where !operations[candidate].isRead && operations[candidate].start <= bound {
                var next = placed
                next[candidate] = true
                var latest = window + [operations[candidate].write]
                if latest.count > k {
                    let dropped = latest.removeFirst()
                    if waiting.contains(where: {
                        operations[$0].isRead && operations[$0].write == dropped
                    }) {
                        continue
                    }
                }
                let signature =
                    latest.map(Int32.init) + [-1]
                    + next.indices.filter { !next[$0] }.map(Int32.init)
                if seen.insert(signature).inserted {
                    bytes += signature.count * 4 + next.count + 64
                    stack.append((next, latest))
                }
            }
        }
        return false
    }

    /// Places every read that fits now: placing one never hurts.
    private func absorb(_ placed: inout [Bool], _ window: [Int]) {
        var changed = true
        while changed {
            changed = false
            var bound = Operation.never
            for i in placed.indices where !placed[i] { bound = min(bound, operations[i].finish) }
            for i in placed.indices
            where !placed[i] && operations[i].isRead && operations[i].start <= bound
                && window.contains(operations[i].write)
            {
                placed[i] = true
                changed = true
            }
        }
    }
}
