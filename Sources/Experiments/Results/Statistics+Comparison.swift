import Basics
import Foundation

extension Statistics {
    /// The two-sided p-value of the Mann–Whitney test: exact (by counting arrangements) for up to
    /// 30 values a side without ties, else the normal approximation with corrections for ties and
    /// continuity. 1 when a side is empty. O(m n (m + n)) at most.
    public static func mannWhitney(_ a: [Double], _ b: [Double]) -> Double {
        guard !a.isEmpty, !b.isEmpty else { return 1 }
        let all = (a.map { ($0, true) } + b.map { ($0, false) }).sorted { $0.0 < $1.0 }
        var rankSum = 0.0
        var ties = 0.0
        var start = 0
        while start < all.count {
            var end = start
            while end < all.count, all[end].0 == all[start].0 { end += 1 }
            let rank = Double(start + 1 + end) / 2
            let size = Double(end - start)
            ties += size * size * size - size
            for i in start..<end where all[i].1 { rankSum += rank }
            start = end
        }
        let m = Double(a.count)
        let n = Double(b.count)
        let u = rankSum - m * (m + 1) / 2
        let lower = min(u, m * n - u)
        if ties == 0, a.count <= 30, b.count <= 30 {
            return min(1, 2 * exactTail(Int(lower), a.count, b.count))
        }
        let total = m + n
        let variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)))
        guard variance > 0 else { return 1 }
        let z = max(0, (m * n / 2 - lower - 0.5) / variance.squareRoot())
        return min(1, erfc(z / 2.0.squareRoot()))
    }

    /// P(U ≤ u) when all arrangements are equally likely.
    private static func exactTail(_ u: Int, _ m: Int, _ n: Int) -> Double {
        // ways[k][s]: choices of k ranks whose excess over the smallest possible sum is s.
        var ways = [[Double]](repeating: [Double](repeating: 0, count: m * n + 1), count: m + 1)
        ways[0][0] = 1
        for rank in 1...(m + n) {
            for k in stride(from: min(m, rank), through: 1, by: -1) {
                let shift = rank - k
                guard shift <= m * n else { continue }
                for s in stride(from: m * n, through: shift, by: -1) {
                    ways[k][s] += ways[k - 1][s - shift]
                }
            }
        }
        return ways[m][0...u].reduce(0, +) / ways[m].reduce(0, +)
    }

    /// A percentile-bootstrap interval for the ratio of medians, from 2,000 resamples with a
    /// fixed seed. Without two values a side it spans everything.
    public static func bootstrapRatio(
        _ base: [Double], _ new: [Double], confidence: Double
    ) -> Interval {
        guard base.count > 1, new.count > 1 else {
            return Interval(
                lower: 0, upper: .greatestFiniteMagnitude, confidence: confidence)
        }
        var random = RandomSource(seed: 0xb007).fork("bootstrap")
        func resample(_ values: [Double]) -> Double {
            median(values.map { _ in values[random.below(values.count)] }) ?? 1
        }
        let ratios = (0..<2_000).map { _ -> Double in
            let below = resample(base)
            return resample(new) / below
        }.sorted()
        let tail = (1 - confidence) / 2
        return Interval(
            lower: ratios[Int(tail * 2_000)],
            upper: ratios[min(1_999, Int((1 - tail) * 2_000))], confidence: confidence)
    }

    /// The pooled standard deviation of the logarithms, which is the relative spread between
    /// repeats; nil without two values a side. Values must be positive.
    public static func relativeSpread(_ a: [Double], _ b: [Double]) -> Double? {
        guard a.count > 1, b.count > 1 else { return nil }
        func squares(_ values: [Double]) -> Double {
            let logs = values.map { log($0) }
            let mean = logs.reduce(0, +) / Double(logs.count)
            return logs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        }
        return ((squares(a) + squares(b)) / Double(a.count + b.count - 2)).squareRoot()
    }

    /// The smallest relative change that a Mann–Whitney test with so many repeats a side finds in
    /// four of five cases, when `metrics` are tested at once; nil when no change at all could be
    /// significant. Normal theory with the test's efficiency of 3/π.
    public static func detectable(
        spread: Double?, repeats: Int, confidence: Double, metrics: Int
    ) -> Double? {
        guard let spread, repeats > 1 else { return nil }
        let error = (1 - confidence) / Double(max(1, metrics))
        // The smallest possible p-value is 2 / C(2 repeats, repeats).
        var arrangements = 1.0
        for i in 1...repeats { arrangements *= Double(repeats + i) / Double(i) }
        guard 2 / arrangements <= error else { return nil }
        let z = normalQuantile(1 - error / 2) + normalQuantile(0.8)
        let effective = Double(repeats) * 3 / Double.pi
        return exp(z * spread * (2 / effective).squareRoot()) - 1
    }
}
