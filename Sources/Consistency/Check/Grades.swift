/// How far a key is from atomic: Delta (Golab, Li and Shah 2011) and Gamma (Golab, Rahman,
/// AuYoung, Keeton and Gupta 2014).
extension KeyWork {
    /// A cluster in conflict, ready for the two searches.
    private struct Graded {
        var finish: Int64
        var start: Int64
        var readStart: Int64
        var writeStart: Int64

        /// The latest start once all reads may begin `delta` earlier.
        func shifted(_ delta: Int64) -> Int64 {
            max(writeStart, Graded.minus(readStart, delta))
        }

        /// The latest start once every operation is widened by `gamma` in all.
        func widened(_ gamma: Int64) -> Int64 { Graded.minus(start, gamma) }

        private static func minus(_ time: Int64, _ distance: Int64) -> Int64 {
            let (difference, overflow) = time.subtractingReportingOverflow(distance)
            return overflow ? .min : difference
        }
    }

    /// Delta and Gamma of this key from the clusters that `zoneConflicts` marked, when it found
    /// any. About sixty sweeps over those clusters each.
    func grades(hasConflicts: Bool) -> (delta: Int64, gamma: Int64) {
        if profile.thinAir >= 0 || profile.aborted >= 0 {
            return (Operation.never, Operation.never)
        }
        var delta: Int64 = 0
        var gamma = profile.futureGap
        if profile.future >= 0 { delta = Operation.never }
        guard hasConflicts else { return (delta, gamma) }
        var items: [Graded] = []
        for place in 0..<clusterCount where marks.base[place] == 1 && isAlive(place) {
            let cluster = clusters.base[place]
            items.append(
                Graded(
                    finish: cluster.earliestFinish, start: cluster.latestStart,
                    readStart: cluster.latestReadStart, writeStart: cluster.writeStart))
        }
        items.sort { $0.finish < $1.finish }
        if delta == 0 { delta = KeyWork.least { KeyWork.isFree(items, $0) { $0.shifted($1) } } }
        gamma = max(gamma, KeyWork.least { KeyWork.isFree(items, $0) { $0.widened($1) } })
        return (delta, gamma)
    }

    /// The least distance at which a monotone test passes: doubling, then bisection.
    private static func least(_ passes: (Int64) -> Bool) -> Int64 {
        var high: Int64 = 1
        while !passes(high) {
            if high > Operation.timeBound { return Operation.never }
            high *= 2
        }
        var low = high / 2
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if passes(middle) { high = middle } else { low = middle }
        }
        return high
    }

    /// Whether no pair of clusters conflicts once the latest starts are moved; `items` ascend by
    /// their earliest finish. O(m log m).
    private static func isFree(
        _ items: [Graded], _ distance: Int64, _ moved: (Graded, Int64) -> Int64
    ) -> Bool {
        var latest = [Int64](repeating: .min, count: items.count)
        var running = Int64.min
        for (j, item) in items.enumerated() {
            let start = moved(item, distance)
            var limit = j
            if item.finish >= start {
                var low = 0
                var high = j
                while low < high {
                    let middle = (low + high) / 2
                    if items[middle].finish < start { low = middle + 1 } else { high = middle }
                }
                limit = low
            }
            if limit > 0, latest[limit - 1] > item.finish { return false }
            running = max(running, start)
            latest[j] = running
        }
        return true
    }
}
