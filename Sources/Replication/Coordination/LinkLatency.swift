import Basics

/// How long a node's answers to reads took lately: four buckets for each doubling from a
/// microsecond on, in which older answers fade.
struct LinkLatency {
    private var counts = [UInt32](repeating: 0, count: buckets)
    private var total: UInt32 = 0
    private var sinceUpdate = 0
    /// What so many of its answers took at most, as of a while ago.
    private(set) var delay = LinkLatency.assumed

    private static let buckets = 96
    /// Before enough answers have come.
    static let assumed = Instant.Duration.milliseconds(10)
    /// Answers after which the delay is computed anew, and those after which older ones count half.
    private static let updateAfter = 32
    private static let fadeAfter: UInt32 = 4_096

    init() {}

    /// Takes note of an answer. `share`: in thousandths.
    mutating func note(_ spent: Instant.Duration, share: UInt16) {
        let microseconds = UInt64(max(1, spent.nanoseconds / 1_000))
        counts[LinkLatency.bucket(of: microseconds)] &+= 1
        total &+= 1
        sinceUpdate += 1
        guard sinceUpdate >= LinkLatency.updateAfter else { return }
        sinceUpdate = 0
        update(share)
        if total >= LinkLatency.fadeAfter { fade() }
    }

    private mutating func update(_ share: UInt16) {
        let wanted = UInt64(total) * UInt64(share)
        var sum: UInt64 = 0
        for (bucket, count) in counts.enumerated() {
            sum += UInt64(count) * 1_000
            if sum >= wanted {
                delay = .microseconds(LinkLatency.end(of: bucket))
                return
            }
        }
    }

    private mutating func fade() {
        total = 0
        for bucket in counts.indices {
            counts[bucket] /= 2
            total += counts[bucket]
        }
    }

    private static func bucket(of microseconds: UInt64) -> Int {
        let power = 63 - microseconds.leadingZeroBitCount
        let quarter = power < 2 ? 0 : Int(microseconds >> UInt64(power - 2)) & 3
        return min(buckets - 1, 4 * power + quarter)
    }

    /// The first number of microseconds beyond a bucket.
    private static func end(of bucket: Int) -> UInt64 {
        let power = UInt64(bucket / 4)
        return power < 2 ? 2 << power : UInt64(5 + bucket % 4) << (power - 2)
    }
}
