import Glibc

/// Pearson's test of counts against probabilities.
enum Goodness {
    /// Whether the counts lie within six standard deviations of what the probabilities let
    /// expect; bins that expect fewer than ten are added up. Wrong laws miss it by far: the
    /// statistic grows with the number of draws.
    static func fits(_ counts: [UInt64], _ probabilities: [Double]) -> Bool {
        let draws = Double(counts.reduce(0, +))
        var statistic = 0.0
        var bins = 0.0
        var rest = (count: 0.0, expected: 0.0)
        for (count, probability) in zip(counts, probabilities) {
            let expected = draws * probability
            if expected < 10 {
                rest = (rest.count + Double(count), rest.expected + expected)
                continue
            }
            statistic += pow(Double(count) - expected, 2) / expected
            bins += 1
        }
        if rest.expected > 0 {
            statistic += pow(rest.count - rest.expected, 2) / max(rest.expected, 1)
            bins += 1
        } else if rest.count > 0 {
            return false
        }
        return statistic < bins - 1 + 6 * sqrt(2 * bins)
    }
}
