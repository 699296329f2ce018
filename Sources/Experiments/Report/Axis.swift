import Foundation

/// A logarithmic scale from values to coordinates, with round ticks at 1, 2 and 5.
struct LogarithmicAxis {
    let low: Double
    let high: Double
    let start: Double
    let end: Double

    /// Covers `values` (the positive ones), at least a factor of `span`, mapped to `start`…`end`.
    init(covering values: [Double], span: Double = 10, start: Double, end: Double) {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        var low = LogarithmicAxis.roundDown(positive.min() ?? 1)
        var high = LogarithmicAxis.roundUp(positive.max() ?? 10)
        while high / low < span * 0.999 {
            high = LogarithmicAxis.roundUp(high * 1.01)
            if high / low < span * 0.999 { low = LogarithmicAxis.roundDown(low * 0.99) }
        }
        self.low = low
        self.high = high
        self.start = start
        self.end = end
    }

    func position(_ value: Double) -> Double {
        let clamped = min(max(value, low), high)
        return start + (end - start) * log(clamped / low) / log(high / low)
    }

    /// Round values within the scale, ascending: 1, 2, 5 of each decade, or decades only when
    /// there are many.
    var ticks: [Double] {
        let decades = log10(high / low)
        let steps: [Double] = decades > 4.2 ? [1] : [1, 2, 5]
        var ticks: [Double] = []
        for exponent in Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up)) {
            for step in steps {
                let value = step * pow(10, Double(exponent))
                if value >= low * 0.999, value <= high * 1.001 { ticks.append(value) }
            }
        }
        return ticks
    }

    private static func roundDown(_ value: Double) -> Double {
        let decade = pow(10, log10(value).rounded(.down))
        let factor = value / decade
        return decade * (factor >= 4.999 ? 5 : factor >= 1.999 ? 2 : 1)
    }

    private static func roundUp(_ value: Double) -> Double {
        let decade = pow(10, log10(value).rounded(.down))
        let factor = value / decade
        return decade * (factor <= 1.001 ? 1 : factor <= 2.001 ? 2 : factor <= 5.001 ? 5 : 10)
    }
}

/// A linear scale from zero, with three to six round ticks.
struct LinearAxis {
    let high: Double
    let start: Double
    let end: Double
    let step: Double

    init(upTo value: Double, start: Double, end: Double) {
        let value = value > 0 && value.isFinite ? value : 1
        let rough = value / 4
        let decade = pow(10, log10(rough).rounded(.down))
        let step = [1, 2, 2.5, 5, 10].map { $0 * decade }.first { $0 >= rough * 0.999 } ?? rough
        self.step = step
        high = (value / step).rounded(.up) * step
        self.start = start
        self.end = end
    }

    func position(_ value: Double) -> Double {
        start + (end - start) * min(max(value / high, 0), 1)
    }

    var ticks: [Double] { (0...Int((high / step).rounded())).map { Double($0) * step } }
}

/// Percentiles spaced by nines: 90, 99 and 99.9 lie at equal distances.
struct NinesAxis {
    let highest: Double
    let start: Double
    let end: Double

    /// `highest` is the largest fraction below 1 to show.
    init(highest: Double, start: Double, end: Double) {
        self.highest = max(NinesAxis.nines(highest), 2)
        self.start = start
        self.end = end
    }

    static func nines(_ fraction: Double) -> Double { -log10(max(1 - fraction, 1e-9)) }

    func position(_ fraction: Double) -> Double {
        start + (end - start) * min(NinesAxis.nines(fraction) / highest, 1)
    }

    var ticks: [(fraction: Double, label: String)] {
        [
            (0, "p0"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"),
            (0.9999, "p99.99"), (0.99999, "p99.999"),
        ].filter { NinesAxis.nines($0.0) <= highest + 0.01 }
    }
}
