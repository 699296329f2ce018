import Basics

/// Tells a backlog that grows without bound from one that comes and goes.
///
/// An open loop beyond a store's capacity falls behind further and further although the store
/// keeps answering. A pause of the store makes a backlog too, but then nothing is answered, and
/// afterwards it shrinks. So the lag is looked at over the last two seconds, and coarser over the
/// last sixteen: growth is when each quarter of the time lags more than the one before, each had
/// operations that ended, the last is wholly above the first, and the lag grew by a twentieth
/// of the time (of the long look: a sixtieth).
public struct BacklogTrend: Sendable {
    private var short: Look
    private var long: Look

    /// `tick` is the time between two calls of `grows`.
    public init(tick: Instant.Duration) {
        precondition(tick > .zero, "a trend needs time")
        let window = Int64(2_000_000_000)
        let samples = max(8, Int(window / tick.nanoseconds))
        short = Look(samples: samples, growth: Int64(samples) * tick.nanoseconds / 20)
        long = Look(
            samples: samples * 8, growth: Int64(samples) * 8 * tick.nanoseconds / 60)
    }

    /// Takes the present lag and the number of operations that ever ended; whether the backlog
    /// has been growing. O(samples of the window).
    public mutating func grows(lag: Instant.Duration, completed: UInt64) -> Bool {
        let soon = short.grows(lag.nanoseconds, completed)
        let late = long.grows(lag.nanoseconds, completed)
        return soon || late
    }

    private struct Look: Sendable {
        private let samples: Int
        private let growth: Int64
        private var lags: [Int64] = []
        private var counts: [UInt64] = []

        init(samples: Int, growth: Int64) {
            self.samples = samples / 4 * 4
            self.growth = growth
        }

        mutating func grows(_ lag: Int64, _ completed: UInt64) -> Bool {
            guard lag > 0 else {
                lags.removeAll(keepingCapacity: true)
                counts.removeAll(keepingCapacity: true)
                return false
            }
            lags.append(lag)
            counts.append(completed)
            guard lags.count >= samples else { return false }
            if lags.count > samples {
                lags.removeFirst()
                counts.removeFirst()
            }
            return isGrowing
        }

        private var isGrowing: Bool {
            let quarter = samples / 4
            var before = Int64.min
            for start in stride(from: 0, to: samples, by: quarter) {
                let part = lags[start..<(start + quarter)]
                let mean = part.reduce(0, +) / Int64(quarter)
                guard mean > before, counts[start + quarter - 1] > counts[start] else {
                    return false
                }
                before = mean
            }
            let highest = lags[..<quarter].max() ?? 0
            let lowest = lags[(samples - quarter)...].min() ?? 0
            return lowest > highest && lags[samples - 1] - lags[0] > growth
        }
    }
}
