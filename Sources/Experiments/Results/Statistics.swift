import Foundation

/// An interval that covers the true fraction with a stated confidence.
public struct Interval: Codable, Sendable, Equatable {
    public var lower: Double
    public var upper: Double
    /// Between 0 and 1, for example 0.95.
    public var confidence: Double

    public init(lower: Double, upper: Double, confidence: Double) {
        self.lower = lower
        self.upper = upper
        self.confidence = confidence
    }
}

/// Interval estimates for a fraction of independent trials, and the special function they need.
public enum Statistics {
    /// Wilson's score interval (Wilson 1927). Short, and close to its nominal coverage even for
    /// small counts. Needs at least one trial.
    public static func wilson(
        successes: Int, trials: Int, confidence: Double = 0.95
    ) -> Interval {
        check(successes, trials, confidence)
        let n = Double(trials)
        let p = Double(successes) / n
        let z = normalQuantile(1 - (1 - confidence) / 2)
        let denominator = 1 + z * z / n
        let centre = (p + z * z / (2 * n)) / denominator
        let half = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot() / denominator
        return Interval(
            lower: successes == 0 ? 0 : max(0, centre - half),
            upper: successes == trials ? 1 : min(1, centre + half), confidence: confidence)
    }

    /// The exact interval of Clopper and Pearson (1934): never covers less than it says.
    ///
    /// At 0 (or all) of n the whole error goes to the one open side, so that the bound is the
    /// "rule of three": about 3/n at 95 %. Needs at least one trial.
    public static func clopperPearson(
        successes: Int, trials: Int, confidence: Double = 0.95
    ) -> Interval {
        check(successes, trials, confidence)
        let x = Double(successes)
        let n = Double(trials)
        let error = 1 - confidence
        if successes == 0 {
            return Interval(
                lower: 0, upper: -expm1(log(error) / n), confidence: confidence)
        }
        if successes == trials {
            return Interval(lower: exp(log(error) / n), upper: 1, confidence: confidence)
        }
        return Interval(
            lower: betaQuantile(error / 2, x, n - x + 1),
            upper: betaQuantile(1 - error / 2, x + 1, n - x), confidence: confidence)
    }

    private static func check(_ successes: Int, _ trials: Int, _ confidence: Double) {
        precondition(trials > 0, "an interval needs at least one trial")
        precondition((0...trials).contains(successes), "more successes than trials")
        precondition(confidence > 0 && confidence < 1, "confidence lies between 0 and 1")
    }

    /// I_x(a, b), the regularized incomplete beta function, by the continued fraction of
    /// Abramowitz and Stegun 26.5.8, evaluated with Lentz's method. Relative error near 1e-13.
    public static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        precondition(a > 0 && b > 0, "the parameters of a beta distribution are positive")
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        let logFront =
            logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log1p(-x)
        if x < (a + 1) / (a + b + 2) { return exp(logFront) * betaFraction(x, a, b) / a }
        return 1 - exp(logFront) * betaFraction(1 - x, b, a) / b
    }

    private static func betaFraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        func nonzero(_ value: Double) -> Double { value.magnitude < tiny ? tiny : value }
        var c = 1.0
        var d = 1 / nonzero(1 - (a + b) * x / (a + 1))
        var result = d
        for m in 1...10_000 {
            let i = Double(m)
            let even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i))
            d = 1 / nonzero(1 + even * d)
            c = nonzero(1 + even / c)
            result *= d * c
            let odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1))
            d = 1 / nonzero(1 + odd * d)
            c = nonzero(1 + odd / c)
            let factor = d * c
            result *= factor
            if (factor - 1).magnitude < 1e-15 { break }
        }
        return result
    }

    /// ln Γ(x) for x > 0: Stirling's series, after shifting small arguments up.
    static func logGamma(_ x: Double) -> Double {
        precondition(x > 0, "ln Γ is taken of positive numbers only")
        var shift = 0.0
        var y = x
        while y < 15 {
            shift += log(y)
            y += 1
        }
        let inverse = 1 / y
        let square = inverse * inverse
        let series =
            inverse
            * (1.0 / 12 - square
                * (1.0 / 360 - square
                    * (1.0 / 1_260 - square * (1.0 / 1_680 - square / 1_188))))
        return (y - 0.5) * log(y) - y + 0.918_938_533_204_672_8 + series - shift
    }

    /// The x at which I_x(a, b) = p, by bisection to the resolution of `Double`.
    public static func betaQuantile(_ p: Double, _ a: Double, _ b: Double) -> Double {
        var low = 0.0
        var high = 1.0
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if middle <= low || middle >= high { break }
            if incompleteBeta(middle, a, b) < p { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The z below which a standard normal variable falls with probability p, by bisection on
    /// the complementary error function.
    public static func normalQuantile(_ p: Double) -> Double {
        precondition(p > 0 && p < 1, "a quantile lies between 0 and 1")
        var low = -40.0
        var high = 40.0
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if middle <= low || middle >= high { break }
            if 0.5 * erfc(-middle / 2.0.squareRoot()) < p { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The middle value, or the mean of the two middle ones; nil of nothing.
    public static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
