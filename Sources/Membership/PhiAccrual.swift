import Basics

/// Whether a link has been silent for so long that its other end had better not be waited for: the
/// phi accrual failure detector (Hayashibara et al. 2004), with exponential intervals as Cassandra
/// has it.
///
/// For routing only. Phi is the negative decimal logarithm of the probability that a message is
/// still to come: 0.4343 · silence / mean interval. Silence beyond phi 8, and half a second for
/// pauses, convicts; two seconds below phi 1 acquit.
public struct PhiAccrual: Sendable {
    /// The last intervals between arrivals, in microseconds.
    private var intervals: [UInt32] = []
    private var next = 0
    private var sum: UInt64 = 0
    private var last: Instant
    private var trustedSince: Instant?
    /// Whether the other end is not to be waited for.
    public private(set) var isConvicted = false

    private static let window = 200
    private static let grace = Instant.Duration.milliseconds(500)
    private static let probation = Instant.Duration.seconds(2)
    /// Microseconds; a mean below this would convict for a hiccup.
    private let leastMean: UInt64

    /// A link that has just come up; heartbeats come about every `expected`. Traffic makes the
    /// mean interval no smaller than `leastMean`.
    public init(
        at now: Instant, expected: Instant.Duration,
        leastMean: Instant.Duration = .milliseconds(50)
    ) {
        last = now
        self.leastMean = UInt64(max(1, leastMean.nanoseconds / 1_000))
        let first = UInt32(clamping: expected.nanoseconds / 1_000)
        intervals.append(first)
        sum = UInt64(first)
    }

    private var mean: UInt64 { max(leastMean, sum / UInt64(intervals.count)) }

    /// Something has arrived.
    public mutating func heard(at now: Instant) {
        let interval = UInt64(max(0, (now - last).nanoseconds)) / 1_000
        last = now
        // An outage says nothing about how often messages come when all is well.
        guard interval <= 10 * mean else { return }
        let sample = UInt32(clamping: interval)
        if intervals.count < PhiAccrual.window {
            intervals.append(sample)
        } else {
            sum -= UInt64(intervals[next])
            intervals[next] = sample
            next = (next + 1) % PhiAccrual.window
        }
        sum += UInt64(sample)
    }

    /// When silence becomes a conviction, if nothing is heard: phi 8 is 18.42 mean intervals.
    public var convictsAt: Instant {
        last + .microseconds(mean * 18_421 / 1_000) + PhiAccrual.grace
    }

    /// Looks at the silence. Returns whether `isConvicted` has changed.
    public mutating func judge(at now: Instant) -> Bool {
        let silence = UInt64(max(0, (now - last).nanoseconds)) / 1_000
        if !isConvicted {
            isConvicted = now >= convictsAt
            trustedSince = nil
            return isConvicted
        }
        // Phi 1 is 2.303 mean intervals.
        guard silence * 1_000 < mean * 2_303 else {
            trustedSince = nil
            return false
        }
        let since = trustedSince ?? now
        trustedSince = since
        guard now >= since + PhiAccrual.probation else { return false }
        isConvicted = false
        return true
    }
}
