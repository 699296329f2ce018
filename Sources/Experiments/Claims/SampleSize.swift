import Foundation

/// Verdicts about a small probability from counts, and how many trials a verdict takes.
public enum SampleSize {
    /// What a count says about a bound on a probability.
    public enum Verdict: Sendable, Equatable {
        /// The probability lies within the bound, with the confidence that was asked for.
        case within
        case beyond
        /// Neither is sure; so many trials more would tell if the rate stays as it was seen. Nil:
        /// it lies on the bound itself.
        case open(more: Int?)
    }

    /// Judges `events` in `trials` against “the probability is at most `limit`”, by the exact
    /// interval of Clopper and Pearson.
    public static func judge(
        events: Int, trials: Int, limit: Double, confidence: Double
    ) -> Verdict {
        if trials > 0 {
            let interval = Statistics.clopperPearson(
                successes: events, trials: trials, confidence: confidence)
            if interval.upper <= limit { return .within }
            if interval.lower > limit { return .beyond }
        }
        let total = enough(events: events, of: max(trials, 1), limit: limit, confidence: confidence)
        return .open(more: total.map { max(1, $0 - trials) })
    }

    /// The least number of trials at which the observed rate would settle the question; nil when
    /// a billion would not.
    private static func enough(
        events: Int, of seen: Int, limit: Double, confidence: Double
    ) -> Int? {
        let rate = Double(events) / Double(seen)
        func settles(_ n: Int) -> Bool {
            let events = min(n, Int((rate * Double(n)).rounded()))
            let interval = Statistics.clopperPearson(
                successes: events, trials: n, confidence: confidence)
            return interval.upper <= limit || interval.lower > limit
        }
        var high = 1
        while !settles(high) {
            guard high < 1_000_000_000 else { return nil }
            high *= 2
        }
        var low = high / 2
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if settles(middle) { high = middle } else { low = middle }
        }
        return high
    }
}
