/// k-atomicity of unique values: an order exists in which every read returns one of the k latest
/// values (Golab, Hurwitz and Li 2013).
extension KeyWork {
    /// A key as writes with their reads, normalized: a write ends before the first of its reads
    /// does, which is so in every legal order.
    struct Versions {
        var starts: [Int64] = []
        var finishes: [Int64] = []
        /// By write; reads as (start, finish).
        var reads: [[(start: Int64, finish: Int64)]] = []

        var count: Int { starts.count }
    }

    func versions() -> Versions {
        var result = Versions()
        var placeOf = [Int32](repeating: -1, count: clusterCount)
        for place in 0..<clusterCount where isAlive(place) {
            placeOf[place] = Int32(result.count)
            let cluster = clusters.base[place]
            result.starts.append(cluster.writeStart)
            result.finishes.append(min(cluster.writeFinish, cluster.earliestReadFinish))
            result.reads.append([])
        }
        for i in 0..<count where operations.base[i].kind == .read && clusterOf.base[i] >= 0 {
            let place = Int(placeOf[Int(clusterOf.base[i])])
            guard place >= 0 else { continue }
            result.reads[place].append((operations.base[i].start, operations.base[i].finish))
        }
        // The virtual write of the initial value precedes everything.
        if clusters.base[0].reads > 0 { result.finishes[0] = KeyWork.beginning }
        return result
    }

    enum Staleness2 { case atMost, more, unknown(low: Int, high: Int) }

    /// Whether the gathered key is k-atomic: bounds first, for k = 2 exactly, otherwise by a
    /// search within the budget.
    func isAtomic(within k: Int, _ budget: Budget) -> (Staleness2, Method) {
        if profile.thinAir >= 0 || profile.aborted >= 0 || profile.future >= 0 {
            return (.more, .bounds)
        }
        let versions = versions()
        guard versions.count > 0 else { return (.atMost, .bounds) }
        let low = versions.lowerBound()
        if k < low { return (.more, .bounds) }
        let high = versions.upperBound()
        if k >= high { return (.atMost, .bounds) }
        if k == 2 { return (versions.isTwoAtomic() ? .atMost : .more, .bounds) }
        var search = VersionSearch(versions, k: k, budget: budget)
        switch search.run() {
        case true?: return (.atMost, .search)
        case false?: return (.more, .search)
        case nil: return (.unknown(low: low, high: high), .search)
        }
    }
}

extension KeyWork.Versions {
    /// One more than the most newer writes that certainly lie between a write and its read.
    func lowerBound() -> Int {
        let byStart = starts.indices.sorted { starts[$0] < starts[$1] }
        let sortedStarts = byStart.map { starts[$0] }
        var queries: [(read: Int64, write: Int)] = []
        for write in starts.indices {
            for read in reads[write] { queries.append((read.start, write)) }
        }
        queries.sort { $0.read < $1.read }
        let byFinish = byStart.indices.sorted {
            finishes[byStart[$0]] < finishes[byStart[$1]]
        }
        var tree = [Int](repeating: 0, count: count + 1)
        var inserted = 0
        var most = 0
        for query in queries {
            while inserted < count, finishes[byStart[byFinish[inserted]]] < query.read {
                var node = byFinish[inserted] + 1
                while node <= count {
                    tree[node] += 1
                    node += node & -node
                }
                inserted += 1
            }
            var low = 0
            var high = count
            while low < high {
                let middle = (low + high) / 2
                if sortedStarts[middle] > finishes[query.write] {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            var before = 0
            while low > 0 {
                before += tree[low]
                low -= low & -low
            }
            most = max(most, inserted - before)
        }
        return most + 1
    }

    /// The least k of five natural orders; `Int.max` if none respects real time.
    func upperBound() -> Int {
        let firstRead = reads.map { $0.map(\.finish).min() ?? Operation.never }
        let lastRead = reads.map { $0.map(\.start).max() ?? KeyWork.beginning }
        let p = starts.indices.map { min(finishes[$0], firstRead[$0]) }
        let q = starts.indices.map { max(starts[$0], lastRead[$0]) }
        let zone = starts.indices.map { (min(p[$0], q[$0]), p[$0] < q[$0] ? 1 : 0, $0) }
        let orders = [
            zone.sorted { $0 < $1 }.map(\.2), sorted(finishes), sorted(starts), sorted(p),
            sorted(q),
        ]
        return orders.map { staleness(of: $0, starts.indices.map { $0 }) ?? Int.max }.min()
            ?? Int.max
    }

    private func sorted(_ times: [Int64]) -> [Int] {
        times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
    }

    /// The k of one order of these writes and their reads, each read placed as early as possible;
    /// nil if the order contradicts real time. O(n log n).
    func staleness(of order: [Int], _ members: [Int]) -> Int? {
        var earliest = Operation.never
        for write in order.reversed() {
            // Everything behind must not have finished before this one began.
            if earliest < starts[write] { return nil }
            earliest = min(earliest, finishes[write])
        }
        var place = [Int: Int](minimumCapacity: order.count)
        for (i, write) in order.enumerated() { place[write] = i }
        var queries: [(start: Int64, finish: Int64, write: Int)] = []
        for write in members {
            for read in reads[write] { queries.append((read.start, read.finish, write)) }
        }
        queries.sort { $0.start < $1.start }
        return walk(order, place, queries)
    }

    private func walk(
        _ order: [Int], _ place: [Int: Int],
        _ queries: [(start: Int64, finish: Int64, write: Int)]
    ) -> Int? {
        let byFinish = order.sorted { finishes[$0] < finishes[$1] }
        // Largest invocation of the writes up to each place: none may begin after a read there.
        var latest: [Int64] = []
        for write in order { latest.append(max(latest.last ?? KeyWork.beginning, starts[write])) }
        var done = queries.indices.sorted { queries[$0].finish < queries[$1].finish }[...]
        var position = [Int](repeating: 0, count: queries.count)
        var floor = 0
        var writesDone = 0
        var k = 1
        for (i, query) in queries.enumerated() {
            while writesDone < byFinish.count, finishes[byFinish[writesDone]] < query.start {
                floor = max(floor, place[byFinish[writesDone]] ?? 0)
                writesDone += 1
            }
            while let first = done.first, queries[first].finish < query.start {
                floor = max(floor, position[first])
                done = done.dropFirst()
            }
            let own = place[query.write] ?? 0
            position[i] = max(own, floor)
            if latest[position[i]] > query.finish { return nil }
            k = max(k, position[i] - own + 1)
        }
        return k
    }
}
