/// Recognises that a run has come to its steady state: the end of a warm-up that nobody timed.
///
/// Looks at a sample a second. A run is steady when the rate of the last four seconds differs by
/// less than a twentieth from that of the four before, their median latency by less than a tenth,
/// and no second of the eight by more than a quarter from their mean: caches are filled,
/// connections open, and what still varies is noise. At the earliest after eight seconds.
public struct SteadyState: Sendable {
    private var rates: [Double] = []
    private var medians: [Double] = []
    private static let half = 4

    public init() {}

    /// Takes the operations and the median latency of one more second; whether it is steady now.
    public mutating func isReached(rate: Double, median: Double) -> Bool {
        rates.append(rate)
        medians.append(median)
        let window = SteadyState.half * 2
        guard rates.count >= window else { return false }
        rates.removeFirst(rates.count - window)
        medians.removeFirst(medians.count - window)
        let mean = SteadyState.mean(rates[...])
        guard mean > 0, rates.allSatisfy({ abs($0 - mean) <= mean / 4 }) else { return false }
        return SteadyState.differ(rates, by: 0.05) == false
            && SteadyState.differ(medians, by: 0.1) == false
    }

    /// Whether the later half is further than `part` from the earlier one.
    private static func differ(_ samples: [Double], by part: Double) -> Bool {
        let earlier = mean(samples[..<half])
        let later = mean(samples[half...])
        return abs(later - earlier) > part * max(earlier, later)
    }

    private static func mean(_ samples: ArraySlice<Double>) -> Double {
        samples.reduce(0, +) / Double(max(1, samples.count))
    }
}
