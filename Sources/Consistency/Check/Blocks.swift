/// Compare-and-set on unique values: a successful cas from u to v directly follows the cluster of
/// u, so that clusters chain into blocks with a forced inner order. Blocks are then compared by
/// their zones like clusters; the proof is the same. O(n + m log m).
extension KeyWork {
    /// How clusters are chained; arrays are by cluster.
    struct Chains {
        /// Clusters that certainly exist: acknowledged, seen, or consumed by one that is.
        var isNeeded: [Bool]
        /// The cluster that a cas consumes; −1 when a blind write or nothing made the cluster.
        var consumed: [Int32]
        /// The cluster that a needed cas makes from this one; −1 for none.
        var successor: [Int32]
        /// The first cluster of every block.
        var heads: [Int32] = []

        init(count: Int) {
            isNeeded = Array(repeating: false, count: count)
            consumed = Array(repeating: -1, count: count)
            successor = Array(repeating: -1, count: count)
        }
    }

    /// A violation of linearizability among reads, writes and cas of unique values, if any; the
    /// chains are whole when there is none.
    func blockViolation(_ chains: inout Chains) -> Core? {
        if let core = chain(&chains) { return core }
        var blockOf = [Int32](repeating: -1, count: clusterCount)
        for place in 0..<clusterCount where chains.isNeeded[place] && chains.consumed[place] < 0 {
            var current = Int32(place)
            while current >= 0 {
                blockOf[Int(current)] = Int32(chains.heads.count)
                current = chains.successor[Int(current)]
            }
            chains.heads.append(Int32(place))
        }
        for place in 0..<clusterCount where chains.isNeeded[place] && blockOf[place] < 0 {
            return cycle(from: Int32(place), chains)
        }
        if let core = innerViolation(chains) { return core }
        return blockConflict(chains.heads, blockOf)
    }

    private func chain(_ chains: inout Chains) -> Core? {
        var waiting: [Int32] = []
        for place in 0..<clusterCount where isAlive(place) { waiting.append(Int32(place)) }
        while let place = waiting.popLast() {
            if chains.isNeeded[Int(place)] { continue }
            chains.isNeeded[Int(place)] = true
            let writer = clusters.base[Int(place)].writer
            guard writer >= 0, operations.base[Int(writer)].kind == .cas else { continue }
            let wanted = expected(writer)
            let found = wanted.isAbsent && initial == .absent ? 0 : find(wanted)
            guard found >= 0 else { return Core(members: everything(), anomaly: .thinAir) }
            if clusters.base[Int(found)].isFailed {
                return Core(members: everything(), anomaly: .abortedRead)
            }
            chains.consumed[Int(place)] = found
            waiting.append(found)
        }
        for place in 0..<clusterCount where chains.consumed[place] >= 0 {
            let from = Int(chains.consumed[place])
            if chains.successor[from] >= 0 {
                let twice = [chains.successor[from], Int32(place)]
                return Core(members: family(twice, chains), anomaly: .doubleCas)
            }
            chains.successor[from] = Int32(place)
        }
        return nil
    }

    private func everything() -> [Int32] { Array(0..<Int32(count)) }

    /// All operations of clusters that descend from the same beginnings as these.
    private func family(_ places: [Int32], _ chains: Chains) -> [Int32] {
        var isMember = [Bool](repeating: false, count: clusterCount)
        var children = [[Int32]](repeating: [], count: clusterCount)
        for place in 0..<clusterCount where chains.consumed[place] >= 0 {
            children[Int(chains.consumed[place])].append(Int32(place))
        }
        var waiting = places.map { root($0, chains) }
        while let place = waiting.popLast() {
            if isMember[Int(place)] { continue }
            isMember[Int(place)] = true
            waiting.append(contentsOf: children[Int(place)])
        }
        return (0..<Int32(count)).filter {
            let place = clusterOf.base[Int($0)]
            return place >= 0 && isMember[Int(place)]
        }
    }

    /// Where a chain of cas begins; some member of it when it is a cycle.
    private func root(_ place: Int32, _ chains: Chains) -> Int32 {
        var current = place
        for _ in 0..<clusterCount where chains.consumed[Int(current)] >= 0 {
            current = chains.consumed[Int(current)]
        }
        return current
    }

    private func cycle(from place: Int32, _ chains: Chains) -> Core {
        Core(members: family([place], chains), anomaly: .casCycle)
    }

    /// Inside a block each step begins no later than every later step ends.
    private func innerViolation(_ chains: Chains) -> Core? {
        for head in chains.heads {
            var latest = KeyWork.beginning
            var current = head
            while current >= 0 {
                let cluster = clusters.base[Int(current)]
                if cluster.writeFinish < latest || cluster.earliestReadFinish < cluster.writeStart {
                    return Core(members: family([current], chains), anomaly: .noOrder)
                }
                latest = max(latest, cluster.writeStart)
                if cluster.earliestReadFinish < latest {
                    return Core(members: family([current], chains), anomaly: .noOrder)
                }
                latest = max(latest, cluster.latestReadStart)
                current = chains.successor[Int(current)]
            }
        }
        return nil
    }

    private func blockConflict(_ heads: [Int32], _ blockOf: [Int32]) -> Core? {
        var earliest = [Int64](repeating: Operation.never, count: heads.count)
        var latest = [Int64](repeating: KeyWork.beginning, count: heads.count)
        for place in 0..<clusterCount where blockOf[place] >= 0 {
            let block = Int(blockOf[place])
            earliest[block] = min(earliest[block], clusters.base[place].earliestFinish)
            latest[block] = max(latest[block], clusters.base[place].latestStart)
        }
        let sorted = heads.indices.sorted { a, b in
            let lows = (min(earliest[a], latest[a]), min(earliest[b], latest[b]))
            if lows.0 != lows.1 { return lows.0 < lows.1 }
            return (earliest[a] < latest[a] ? 1 : 0, a) < (earliest[b] < latest[b] ? 1 : 0, b)
        }
        var highest = KeyWork.beginning
        var holder = -1
        for block in sorted {
            let isForward = earliest[block] < latest[block]
            let low = min(earliest[block], latest[block])
            let high = max(earliest[block], latest[block])
            if isForward ? low < highest : high < highest {
                let members = (0..<Int32(count)).filter {
                    let place = clusterOf.base[Int($0)]
                    guard place >= 0, blockOf[Int(place)] >= 0 else { return false }
                    return blockOf[Int(place)] == block || blockOf[Int(place)] == holder
                }
                return Core(members: members, anomaly: .staleRead)
            }
            if isForward, high > highest {
                highest = high
                holder = block
            }
        }
        return nil
    }
}
