/// Compare-and-set that failed and returned nothing: the value was not u at some moment of the
/// operation. Exact tiers, cheapest first, for unique values whose blocks are free of conflicts.
///
/// 1. What fits into every order is dropped: it ended before u can have been written, or began
///    after u had certainly been overwritten.
/// 2. What fits into none is a violation: u was certainly there all the time.
/// 3. Orders of the blocks are tried, for each of which the answer is exact, and blocks are moved
///    to where they help. If everything fits into one of them, the key is linearizable.
///
/// What is left open then is for a search. O(n log n).
extension KeyWork {
    enum Refuted {
        case fit
        /// The position of an operation that fits into no order, which operations show that were
        /// invoked by this time.
        case violated(Int32, until: Int64)
        /// Those that a search has to look at.
        case open([Int32])
    }

    /// A failed comparison with the value of a cluster.
    struct Refutation {
        var position: Int32
        var start: Int64
        var finish: Int64
        var cluster: Int32
    }

    /// Bounds of every needed cluster's time as the value; arrays are by cluster.
    struct Tenures {
        /// The write took effect no earlier than this.
        var earliestBegin: [Int64]
        /// The write had taken effect by this time.
        var latestBegin: [Int64]
        /// It was still the value at this time.
        var earliestEnd: [Int64]
        /// The largest invocation of the block up to this cluster.
        var reach: [Int64]

        init(_ work: KeyWork, _ chains: Chains) {
            let clusters = work.clusters.base
            earliestBegin = Array(repeating: KeyWork.beginning, count: work.clusterCount)
            latestBegin = Array(repeating: KeyWork.beginning, count: work.clusterCount)
            earliestEnd = Array(repeating: KeyWork.beginning, count: work.clusterCount)
            reach = earliestEnd
            var chain: [Int] = []
            for head in chains.heads {
                chain.removeAll(keepingCapacity: true)
                var latest = KeyWork.beginning
                var current = Int(head)
                while current >= 0 {
                    chain.append(current)
                    earliestBegin[current] = max(latest, clusters[current].writeStart)
                    latest = max(latest, clusters[current].latestStart)
                    reach[current] = latest
                    current = Int(chains.successor[current])
                }
                var least = Operation.never
                for (i, place) in chain.enumerated().reversed() {
                    least = min(least, clusters[place].earliestFinish)
                    latestBegin[place] = least
                    let next = i + 1 < chain.count ? earliestBegin[chain[i + 1]] : reach[place]
                    earliestEnd[place] = max(reach[place], next)
                }
            }
        }
    }

    /// Judges the failed comparisons of a key whose chains are known.
    func refutations(_ chains: Chains) -> Refuted {
        let tenures = Tenures(self, chains)
        let horizon = Horizon(self, chains, tenures)
        var left: [Refutation] = []
        // Unknown writes that nobody saw, but somebody says he would not have seen.
        var denied = Set<Int32>()
        var deniers: [Int32] = []
        for refutation in gatherRefutations(chains) {
            let place = Int(refutation.cluster)
            guard chains.isNeeded[place] || place == 0 else {
                denied.insert(refutation.cluster)
                deniers.append(refutation.position)
                continue
            }
            if refutation.finish < tenures.earliestBegin[place] { continue }
            if horizon.ended(refutation.cluster, chains, tenures) < refutation.start { continue }
            if tenures.latestBegin[place] < refutation.start {
                if refutation.finish < tenures.earliestEnd[place]
                    || !horizon.mayEnd(refutation, chains, tenures)
                {
                    return .violated(
                        refutation.position,
                        until: max(refutation.finish, tenures.earliestEnd[place]))
                }
            }
            left.append(refutation)
        }
        if left.isEmpty { return .fit }
        left.sort { ($0.start, $0.position) < ($1.start, $1.position) }
        var orders = BlockOrders(self, chains, tenures, left, denied)
        return orders.serve() ? .fit : .open(left.map(\.position) + deniers)
    }

    /// The failed comparisons with values that were written, or there at first; others always fit.
    private func gatherRefutations(_ chains: Chains) -> [Refutation] {
        var found: [Refutation] = []
        for i in 0..<count
        where operations.base[i].outcome == .fail && operations.base[i].flags.contains(.refuted) {
            let operation = operations.base[i]
            let wanted = expected(Int32(i))
            let place = wanted.isAbsent && initial == .absent ? 0 : find(wanted)
            guard place >= 0, !clusters.base[Int(place)].isFailed else { continue }
            // An unknown initial value need not be this one.
            if place == 0, initial == .unknown, !chains.isNeeded[0] { continue }
            found.append(
                Refutation(
                    position: Int32(i), start: operation.start, finish: operation.finish,
                    cluster: place))
        }
        return found
    }
}

/// When values can have ended, by what the other blocks say.
private struct Horizon {
    private let blockOf: [Int32]
    /// Blocks by their largest invocation; from each one on the two smallest completions, and
    /// whose the smallest is.
    private var byStart: [(start: Int64, least: Int64, holder: Int32, second: Int64)] = []
    /// Blocks by the invocation of their first write; up to each one the two largest completions,
    /// and whose the largest is.
    private var byWrite: [(start: Int64, most: Int64, holder: Int32, second: Int64)] = []
    /// The first invocation of an unknown change that nobody saw.
    private var unseen = Operation.never

    init(_ work: KeyWork, _ chains: KeyWork.Chains, _ tenures: KeyWork.Tenures) {
        var blockOf = [Int32](repeating: -1, count: work.clusterCount)
        var reach = [Int64](repeating: KeyWork.beginning, count: chains.heads.count)
        for (block, head) in chains.heads.enumerated() {
            var current = head
            while current >= 0 {
                blockOf[Int(current)] = Int32(block)
                reach[block] = tenures.reach[Int(current)]
                current = chains.successor[Int(current)]
            }
        }
        self.blockOf = blockOf
        let finish = chains.heads.map { tenures.latestBegin[Int($0)] }
        var smallest = (value: Operation.never, holder: Int32(-1), second: Operation.never)
        for block in reach.indices.sorted(by: { reach[$0] > reach[$1] }) {
            if finish[block] < smallest.value {
                smallest = (finish[block], Int32(block), smallest.value)
            } else {
                smallest.second = min(smallest.second, finish[block])
            }
            byStart.append((reach[block], smallest.value, smallest.holder, smallest.second))
        }
        byStart.reverse()
        let writes = chains.heads.map { work.clusters.base[Int($0)].writeStart }
        var largest = (
            value: KeyWork.beginning, holder: Int32(-1), second: KeyWork.beginning
        )
        for block in writes.indices.sorted(by: { writes[$0] < writes[$1] }) {
            if finish[block] > largest.value || largest.holder < 0 {
                largest = (finish[block], Int32(block), largest.value)
            } else {
                largest.second = max(largest.second, finish[block])
            }
            byWrite.append((writes[block], largest.value, largest.holder, largest.second))
        }
        for place in 1..<max(1, work.clusterCount) where !chains.isNeeded[place] {
            let cluster = work.clusters.base[place]
            if !cluster.isFailed { unseen = min(unseen, cluster.writeStart) }
        }
    }

    /// By when a value had certainly been overwritten.
    func ended(
        _ cluster: Int32, _ chains: KeyWork.Chains, _ tenures: KeyWork.Tenures
    ) -> Int64 {
        let block = blockOf[Int(cluster)]
        guard block >= 0 else {
            // An initial value that nobody saw ends with the first write.
            return byStart.first.map(\.least) ?? Operation.never
        }
        let next = chains.successor[Int(cluster)]
        let own = next >= 0 ? tenures.latestBegin[Int(next)] : Operation.never
        let finish = tenures.latestBegin[Int(chains.heads[Int(block)])]
        let first = Horizon.first(byStart.count) { byStart[$0].start > finish }
        guard first < byStart.count else { return own }
        let entry = byStart[first]
        return min(own, entry.holder == block ? entry.second : entry.least)
    }

    /// Whether a value that was there when the operation began can have ended during it.
    func mayEnd(
        _ refutation: KeyWork.Refutation, _ chains: KeyWork.Chains, _ tenures: KeyWork.Tenures
    ) -> Bool {
        if unseen <= refutation.finish { return true }
        let next = chains.successor[Int(refutation.cluster)]
        if next >= 0 { return tenures.earliestBegin[Int(next)] <= refutation.finish }
        let last = tenures.reach[Int(refutation.cluster)]
        guard last <= refutation.finish else { return false }
        let block = blockOf[Int(refutation.cluster)]
        let end = Horizon.first(byWrite.count) { byWrite[$0].start > refutation.finish }
        guard end > 0 else { return false }
        let entry = byWrite[end - 1]
        return (entry.holder == block ? entry.second : entry.most) >= last
    }

    private static func first(_ count: Int, where passes: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if passes(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
