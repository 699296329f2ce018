/// Two clusters that must each precede the other.
struct Conflict: BitwiseCopyable {
    var first: Int32
    var second: Int32
}

/// Linearizability of unique writes by zones (after Gibbons and Korach 1997): a key is
/// linearizable iff no two clusters A, B have p(A) < q(B) and p(B) < q(A), where p is a cluster's
/// smallest completion and q its largest invocation.
extension KeyWork {
    /// Conflicts kept for witnesses; all are counted.
    static let conflictsKept = 64

    /// The conflicts of this key, at most `conflictsKept`, and marks every cluster that is in one.
    /// O(m log m) for m clusters; nearly linear when they come in time order.
    func zoneConflicts() -> (kept: [Conflict], count: Int) {
        let clusters = clusters.base
        let items = keyed.clear(for: clusterCount)
        var used = 0
        for place in 0..<clusterCount where isAlive(place) {
            // Widened times lie within ± 2^62; the initial value's zone begins before them all.
            let low = max(clusters[place].low, -(1 << 62))
            let forward: UInt64 = clusters[place].isForward ? 1 : 0
            items[used] = Keyed(
                key: UInt64(bitPattern: low &+ 1 << 62) << 1 | forward,
                item: Int32(truncatingIfNeeded: place))
            used &+= 1
        }
        sorter.sort(items, used)
        return sweep(items, used)
    }

    private func sweep(
        _ items: UnsafeMutablePointer<Keyed>, _ used: Int
    ) -> (kept: [Conflict], count: Int) {
        let clusters = clusters.base
        var kept: [Conflict] = []
        var found = 0
        var highest = KeyWork.beginning
        var highestPlace: Int32 = -1
        for i in 0..<used {
            let place = items[i].item
            let cluster = clusters[Int(place)]
            let isForward = items[i].key & 1 == 1
            if isForward ? cluster.low < highest : cluster.high < highest {
                if found == 0 { clearMarks() }
                found &+= 1
                marks.base[Int(place)] = 1
                marks.base[Int(highestPlace)] = 1
                if kept.count < KeyWork.conflictsKept {
                    kept.append(Conflict(first: highestPlace, second: place))
                }
            }
            if isForward, cluster.high > highest {
                highest = cluster.high
                highestPlace = place
            }
        }
        return (kept, found)
    }

    private func clearMarks() {
        let marks = marks.clear(for: clusterCount)
        for i in 0..<clusterCount { marks[i] = 0 }
    }
}
