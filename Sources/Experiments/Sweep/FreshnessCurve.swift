import Basics
import Consistency

/// Measured freshness against the time since the latest acknowledged write: the curve that PBS
/// predicts.
struct FreshnessCurve {
    /// Reads by the time since the write; bins without reads are left out.
    let bins: [FreshnessBin]
    /// When stale reads began, in the order of the history.
    let stale: [Int64]

    /// Lower ends of the bins in nanoseconds: 0, then four a decade from 10 µs to 100 s.
    static let edges: [Int64] = {
        var edges: [Int64] = [0]
        var decade: Int64 = 10_000
        while decade <= 10_000_000_000 {
            for tenths in [10, 18, 32, 56] as [Int64] { edges.append(decade / 10 * tenths) }
            decade *= 10
        }
        return edges
    }()

    private struct Write {
        var start: Int64
        var finish: Int64
    }

    /// Every answered read that follows an acknowledged write of its key: fresh unless a write
    /// that began after the returned one had finished was acknowledged before the read began.
    /// O(n log n).
    init(of history: History) {
        var byKey: [UInt32: [Write]] = [:]
        var finishes: [ValueID: Int64] = [:]
        for operation in history.operations where operation.kind == .write {
            finishes[operation.value] =
                operation.outcome == .ok ? operation.completed : Operation.never
            if operation.outcome == .ok {
                byKey[operation.key, default: []].append(
                    Write(start: operation.invoked, finish: operation.completed))
            }
        }
        // By key: acknowledged writes by completion, with the latest start among those so far.
        var latestStarts: [UInt32: [Int64]] = [:]
        for key in byKey.keys.sorted() {
            let writes = (byKey[key] ?? []).sorted { $0.finish < $1.finish }
            var latest = Int64.min
            latestStarts[key] = writes.map { write in
                latest = max(latest, write.start)
                return latest
            }
            byKey[key] = writes
        }
        var counts = [(reads: Int, fresh: Int, sum: Int64)](
            repeating: (0, 0, 0), count: FreshnessCurve.edges.count)
        var stale: [Int64] = []
        for read in history.operations
        where read.kind == .read && read.outcome == .ok && !read.flags.contains(.final) {
            guard let writes = byKey[read.key], let starts = latestStarts[read.key] else {
                continue
            }
            let before = FreshnessCurve.firstIndex(of: writes) { $0.finish >= read.invoked }
            guard before > 0 else { continue }
            let since = read.invoked - writes[before - 1].finish
            let written = read.value.isAbsent ? Int64.min : finishes[read.value] ?? .min
            let isFresh = starts[before - 1] <= written
            if !isFresh { stale.append(read.invoked) }
            let bin = FreshnessCurve.firstIndex(of: FreshnessCurve.edges) { $0 > since } - 1
            counts[bin].reads += 1
            counts[bin].fresh += isFresh ? 1 : 0
            counts[bin].sum += since
        }
        self.stale = stale
        let edges = FreshnessCurve.edges
        bins = edges.indices.compactMap { index in
            let count = counts[index]
            guard count.reads > 0 else { return nil }
            return FreshnessBin(
                startNs: edges[index], endNs: index + 1 < edges.count ? edges[index + 1] : .max,
                meanNs: count.sum / Int64(count.reads), reads: count.reads, fresh: count.fresh)
        }
    }

    /// The first position whose element fulfils a condition that all later ones fulfil too.
    private static func firstIndex<Element>(
        of elements: [Element], where holds: (Element) -> Bool
    ) -> Int {
        var low = 0
        var high = elements.count
        while low < high {
            let middle = (low + high) / 2
            if holds(elements[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension CellPrediction {
    /// What finished trials say about one R and W, beside what was measured.
    init(_ trials: WARSTrials, r: Int, w: Int, measured bins: [FreshnessBin]) {
        var visibility: [String: Int64] = [:]
        for (name, share) in Prediction.shares {
            visibility[name] = trials.visibility(r: r, w: w, probability: share).nanoseconds
        }
        let points = FreshnessCurve.edges.map { edge in
            Point(afterNs: edge, fresh: trials.fresh(r: r, w: w, after: .nanoseconds(edge)))
        }
        var weighted = 0.0
        var reads = 0
        for bin in bins {
            let predicted = trials.fresh(r: r, w: w, after: .nanoseconds(bin.meanNs))
            weighted += (predicted * Double(bin.reads) - Double(bin.fresh)).magnitude
            reads += bin.reads
        }
        self.init(
            curve: points, visibilityNs: visibility,
            readP99Ns: trials.readLatency(r: r, share: 0.99).nanoseconds,
            writeP99Ns: trials.writeLatency(w: w, share: 0.99).nanoseconds,
            trials: trials.trials,
            calibrationError: reads > 0 ? weighted / Double(reads) : nil)
    }
}
