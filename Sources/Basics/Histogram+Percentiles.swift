extension Histogram {
    /// One line of the percentile distribution.
    public struct PercentileStep: Sendable, Equatable {
        /// The top of the slot reached, in nanoseconds.
        public let value: UInt64
        /// In percent, 0 to 100.
        public let percentile: Double
        /// Values not above `value`.
        public let countUpTo: UInt64
    }

    /// The percentile curve with `ticks` steps for each halving of the distance to 100 %, as
    /// HdrHistogram iterates it; the last step is at 100 %. O(slots).
    public func percentileSteps(ticks: Int = 5) -> [PercentileStep] {
        precondition(ticks > 0, "a percentile curve needs steps")
        var steps: [PercentileStep] = []
        guard count > 0 else { return steps }
        var level = 0.0
        var seen: UInt64 = 0
        for bucket in recorded {
            seen &+= bucket.count
            let reached = 100 * Double(seen) / Double(count)
            while reached >= level && seen < count {
                steps.append(
                    PercentileStep(value: bucket.highest, percentile: level, countUpTo: seen))
                level += 100 / Double(ticks << halvings(to: level))
            }
            guard seen == count else { continue }
            // The last slot gives one step at the level in turn, then the end.
            steps.append(
                PercentileStep(value: bucket.highest, percentile: level, countUpTo: seen))
            steps.append(PercentileStep(value: bucket.highest, percentile: 100, countUpTo: seen))
        }
        return steps
    }

    /// One more than how often the distance from `level` to 100 % has been halved.
    private func halvings(to level: Double) -> Int {
        var distance = 100 - level
        var halved = 1
        while distance * 2 <= 100 && halved < 40 {
            distance *= 2
            halved += 1
        }
        return halved
    }

    /// HdrHistogram's percentile distribution (`.hgrm`), values divided by `scale`: 1,000 writes
    /// microseconds, 1,000,000 milliseconds.
    public func percentileText(scale: Double = 1_000) -> String {
        var text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
        for step in percentileSteps() {
            let value = (Double(step.value) / scale).fixed(3).leftPadded(to: 12)
            let share = (step.percentile / 100).fixed(12)
            let total = String(step.countUpTo).leftPadded(to: 10)
            text += "\(value) \(share) \(total)"
            if step.percentile < 100 {
                text += " " + (100 / (100 - step.percentile)).fixed(2).leftPadded(to: 14)
            }
            text += "\n"
        }
        // HdrHistogram's own tools take the mean from the middles of the slots.
        let weighted = recorded.reduce(0.0) { $0 + $1.middle * Double($1.count) }
        let slotMean = count == 0 ? 0 : weighted / Double(count)
        let mean = (slotMean / scale).fixed(3).leftPadded(to: 12)
        let deviation = (standardDeviation / scale).fixed(3).leftPadded(to: 12)
        let top = count == 0 ? 0 : Histogram.top(of: Histogram.slot(of: maximum))
        let longest = (Double(top) / scale).fixed(3).leftPadded(to: 12)
        text += "#[Mean    = \(mean), StdDeviation   = \(deviation)]\n"
        text += "#[Max     = \(longest), Total count    = \(String(count).leftPadded(to: 12))]\n"
        text += "#[Buckets = \(String(Histogram.buckets).leftPadded(to: 12)), "
        text += "SubBuckets     = \(String(Histogram.subBuckets).leftPadded(to: 12))]\n"
        return text
    }
}
