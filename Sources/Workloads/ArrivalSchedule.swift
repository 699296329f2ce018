import Basics

/// When operations are meant to start: an open loop's intended times, after its beginning.
public struct ArrivalSchedule: Sendable {
    private let arrivals: Workload.Arrivals
    /// Mean time between two starts, in nanoseconds.
    private let interval: Double
    private let phase: Double
    private var index = 0.0
    private var random: RandomSource
    private var elapsed = 0.0

    /// `rate` operations a second in all, of which client `share` of `shares` starts its part;
    /// nil for a closed loop, which has no times. Clients of a constant rate interleave evenly.
    public init?(
        _ arrivals: Workload.Arrivals, rate: Double, random: RandomSource, share: Int = 0,
        of shares: Int = 1
    ) {
        guard arrivals != .closed, rate > 0 else { return nil }
        self.arrivals = arrivals
        interval = 1e9 / rate * Double(shares)
        phase = 1e9 / rate * Double(share)
        self.random = random
    }

    /// The next intended start, as time since the schedule's beginning. O(1).
    public mutating func next() -> Instant.Duration {
        switch arrivals {
        case .closed, .constant:
            // From the index, not by adding up, so that errors do not add up either.
            defer { index += 1 }
            return .nanoseconds(Int64(min(index * interval + phase, 9e18)))
        case .poisson:
            elapsed += -Elementary.logarithm(1 - random.unit()) * interval
            return .nanoseconds(Int64(min(elapsed, 9e18)))
        }
    }
}
