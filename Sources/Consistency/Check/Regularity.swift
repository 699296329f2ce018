/// Regular registers with several writers (Shao, Welch, Pierce and Lee 2011).
extension KeyWork {
    /// Which writes may have produced a value that was written more than once.
    struct Candidates {
        private var starts: [ValueID: [Int64]] = [:]
        private var finishes: [ValueID: [Int64]] = [:]

        init(_ work: KeyWork) {
            let operations = work.operations.base
            let writes = (0..<work.count).filter { operations[$0].isEffectiveWrite }
                .sorted { operations[$0].start < operations[$1].start }
            for position in writes {
                let value = operations[position].value
                let latest = finishes[value]?.last ?? KeyWork.beginning
                starts[value, default: []].append(operations[position].start)
                finishes[value, default: []].append(max(latest, operations[position].finish))
            }
        }

        /// The latest moment at which a value can have been written that a read saw which
        /// completed at `finish`; nil when nothing wrote it by then.
        func written(_ value: ValueID, before finish: Int64) -> Int64? {
            guard let starts = starts[value], let finishes = finishes[value] else { return nil }
            var low = 0
            var high = starts.count
            while low < high {
                let middle = (low + high) / 2
                if starts[middle] > finish { high = middle } else { low = middle + 1 }
            }
            return low > 0 ? finishes[low - 1] : nil
        }
    }

    private var initialValue: ValueID? {
        switch initial {
        case .absent: .absent
        case .value(let value): value
        case .unknown: clusters.base[0].reads > 0 ? clusters.base[0].value : .absent
        }
    }

    /// The first read that returned neither a concurrent write nor the latest before it, with the
    /// writes that prove it. O(n log n).
    func weakViolation(_ order: WriteOrder) -> Core? {
        if profile.thinAir >= 0 || profile.aborted >= 0 { return immediateViolation() }
        let isUnique = !profile.hasDuplicates && profile.deletes == 0
        if isUnique, profile.future >= 0 { return immediateViolation() }
        let candidates = isUnique ? nil : Candidates(self)
        for i in 0..<count where operations.base[i].kind == .read {
            let read = operations.base[i]
            var written: Int64
            if let candidates {
                let isInitial = read.value == initialValue
                guard
                    let finish = candidates.written(read.value, before: read.finish)
                        ?? (isInitial ? KeyWork.beginning : nil)
                else {
                    return Core(
                        members: writers(of: read.value) + [Int32(i)], anomaly: .futureRead)
                }
                written = finish
            } else {
                written = clusters.base[Int(clusterOf.base[i])].writeFinish
            }
            if written != Operation.never, read.start > order.obsolete(after: written) {
                return staleCore(Int32(i), written, order)
            }
        }
        return nil
    }

    private func staleCore(_ read: Int32, _ written: Int64, _ order: WriteOrder) -> Core {
        let operation = operations.base[Int(read)]
        var members = writers(of: operation.value).filter {
            operations.base[Int($0)].start <= operation.finish
        }
        let newer = order.positions[order.first(startingAfter: written)...].first {
            operations.base[Int($0)].finish < operation.start
        }
        if let newer { members.append(newer) }
        return Core(members: members + [read], anomaly: .staleRead, isFinished: true)
    }

    func writers(of value: ValueID) -> [Int32] {
        (0..<Int32(count)).filter {
            operations.base[Int($0)].isEffectiveWrite && operations.base[Int($0)].value == value
        }
    }

    /// Whether one order of all writes serves every read, for unique values: the clusters that
    /// stay in a cycle, or nil. A must precede B if something of A finished before B's write began
    /// or A's write finished before something of B began. O(m log m).
    func writeOrderCycle() -> [Int32]? {
        let alive = (0..<clusterCount).filter(isAlive)
        var peeling = Peeling(count: alive.count)
        peeling.relate(
            finish: alive.map { clusters.base[$0].earliestFinish },
            start: alive.map { clusters.base[$0].writeStart })
        peeling.relate(
            finish: alive.map { clusters.base[$0].writeFinish },
            start: alive.map { clusters.base[$0].latestStart })
        let rest = peeling.peel()
        return rest.isEmpty ? nil : rest.map { Int32(alive[$0]) }
    }

    /// The operations of some clusters.
    func members(of places: [Int32]) -> [Int32] {
        var isMember = [Bool](repeating: false, count: clusterCount)
        for place in places { isMember[Int(place)] = true }
        return (0..<Int32(count)).filter {
            clusterOf.base[Int($0)] >= 0 && isMember[Int(clusterOf.base[Int($0)])]
        }
    }
}

/// Tests whether threshold relations together are acyclic: A precedes B in relation i iff
/// `finish_i(A) < start_i(B)`. Removes what nothing left must precede, until all or none is left.
/// O(r m log m) for r relations.
struct Peeling {
    private struct Relation {
        var finish: [Int64]
        var start: [Int64]
        var byFinish: [Int]
        var byStart: [Int]
        /// Positions in `byFinish` of the two smallest finishes that are left.
        var first = 0
        var second = 1
        var released = 0
        var isFree: [Bool]
    }

    private let count: Int
    private var relations: [Relation] = []
    private var isAlive: [Bool]

    init(count: Int) {
        self.count = count
        isAlive = Array(repeating: true, count: count)
    }

    mutating func relate(finish: [Int64], start: [Int64]) {
        relations.append(
            Relation(
                finish: finish, start: start,
                byFinish: finish.indices.sorted { (finish[$0], $0) < (finish[$1], $1) },
                byStart: start.indices.sorted { (start[$0], $0) < (start[$1], $1) },
                isFree: Array(repeating: false, count: count)))
    }

    /// The elements that are left: empty iff the relations are acyclic.
    mutating func peel() -> [Int] {
        var queue: [Int] = []
        var isQueued = [Bool](repeating: false, count: count)
        refresh(&queue, &isQueued)
        var next = 0
        while next < queue.count {
            isAlive[queue[next]] = false
            next += 1
            refresh(&queue, &isQueued)
        }
        return (0..<count).filter { isAlive[$0] }
    }

    private mutating func refresh(_ queue: inout [Int], _ isQueued: inout [Bool]) {
        var touched: [Int] = []
        for i in relations.indices { advance(i, &touched) }
        for element in touched where isAlive[element] && !isQueued[element] {
            if relations.allSatisfy({ $0.isFree[element] }) {
                isQueued[element] = true
                queue.append(element)
            }
        }
    }

    private mutating func advance(_ i: Int, _ touched: inout [Int]) {
        var relation = relations[i]
        relations[i].byFinish = []
        relations[i].byStart = []
        relations[i].isFree = []
        relations[i].finish = []
        relations[i].start = []
        while relation.first < count, !isAlive[relation.byFinish[relation.first]] {
            relation.first += 1
        }
        relation.second = max(relation.second, relation.first + 1)
        while relation.second < count, !isAlive[relation.byFinish[relation.second]] {
            relation.second += 1
        }
        if relation.first < count {
            let least = relation.byFinish[relation.first]
            let bound = relation.finish[least]
            while relation.released < count,
                relation.start[relation.byStart[relation.released]] <= bound
            {
                relation.isFree[relation.byStart[relation.released]] = true
                touched.append(relation.byStart[relation.released])
                relation.released += 1
            }
            let other =
                relation.second < count
                ? relation.finish[relation.byFinish[relation.second]] : Operation.never
            if !relation.isFree[least], relation.start[least] <= other {
                relation.isFree[least] = true
                touched.append(least)
            }
        }
        relations[i] = relation
    }
}
