import Basics

/// When operations are meant to start: an open loop's intended times, after its beginning.
public struct ArrivalSchedule: Sendable {
    private let isRandom: Bool
    /// Mean time between two starts of this client and its offset, in nanoseconds, where the rate
    /// does not change.
    private let interval: Double
    private let phase: Double
    private var cursor: ProfileCursor?
    private let share, shares: Double
    private var index = 0.0
    private var random: RandomSource
    private var elapsed = 0.0

    /// The arrivals of a workload, of which client `share` of `shares` starts its part; nil for a
    /// closed loop, which has no times. Clients of even spacing interleave evenly.
    public init?(
        _ workload: Workload, random: RandomSource, share: Int = 0, of shares: Int = 1
    ) {
        guard workload.arrivals != .closed, workload.target > 0 || workload.arrivals == .trace
        else { return nil }
        isRandom = workload.arrivals == .poisson || workload.arrivalSpacing == .poisson
        cursor = workload.rateProfile.map(ProfileCursor.init)
        interval = 1e9 / workload.target * Double(shares)
        phase = 1e9 / workload.target * Double(share)
        self.share = Double(share)
        self.shares = Double(shares)
        self.random = random
    }

    /// The next intended start, as time since the schedule's beginning; nil when there is none.
    /// O(1), of a shaped rate O(pieces passed).
    public mutating func next() -> Instant.Duration? {
        guard cursor == nil else { return nextOfProfile() }
        if isRandom {
            elapsed += -Elementary.logarithm(1 - random.unit()) * interval
            return .nanoseconds(Int64(min(elapsed, 9e18)))
        }
        // From the index, not by adding up, so that errors do not add up either.
        defer { index += 1 }
        return .nanoseconds(Int64(min(index * interval + phase, 9e18)))
    }

    private mutating func nextOfProfile() -> Instant.Duration? {
        let wanted: Double
        if isRandom {
            elapsed += -Elementary.logarithm(1 - random.unit()) * shares
            wanted = elapsed
        } else {
            wanted = index * shares + share
            index += 1
        }
        guard let seconds = cursor?.time(of: wanted) else { return nil }
        return .nanoseconds(Int64(min(seconds * 1e9, 9e18)))
    }
}
