/// A histogram of durations in HdrHistogram's layout: 1 ns to 1 h at three significant digits.
///
/// Values below 2,048 have a slot each; above, every doubling is split into 1,024 slots of equal
/// width, so that a slot is never wider than a thousandth of its values. Two histograms merge
/// slot by slot, without loss. The layout is that of HdrHistogram (Tene) for lowest 1, highest
/// 3,600,000,000,000 and 3 digits, so that its tools read what is written from here.
///
/// `record` is O(1) and allocates nothing; the counts take 264 KiB.
public struct Histogram: Sendable, Equatable {
    /// The longest duration that is told apart, in nanoseconds: one hour. Longer ones count there.
    public static let highest: UInt64 = 3_600_000_000_000
    /// Slots in the first bucket, twice those of each further one.
    public static let subBuckets = 2_048
    /// Doublings needed to reach `highest`.
    public static let buckets = 32
    @usableFromInline static let halfSlots = subBuckets / 2
    @usableFromInline static let slots = (buckets + 1) * halfSlots

    @usableFromInline var counts: [UInt64]
    /// Recorded values.
    public private(set) var count: UInt64 = 0
    /// The smallest and the largest recorded value as given, not rounded to a slot.
    @usableFromInline var smallest: UInt64 = .max
    @usableFromInline var largest: UInt64 = 0
    /// Exact sum of what was recorded, modulo 2^64 (584 years of latency).
    @usableFromInline var sum: UInt64 = 0

    public init() { counts = [UInt64](repeating: 0, count: Histogram.slots) }

    /// Counts one duration; beyond an hour it counts as an hour, below zero as zero. O(1).
    public mutating func record(_ duration: Instant.Duration) {
        record(nanoseconds: UInt64(max(0, duration.nanoseconds)))
    }

    /// Counts a value of `nanoseconds`, clamped to `highest`, `times` times. O(1).
    public mutating func record(nanoseconds: UInt64, times: UInt64 = 1) {
        guard times > 0 else { return }
        let value = min(nanoseconds, Histogram.highest)
        counts[Histogram.slot(of: value)] &+= times
        count &+= times
        sum &+= value &* times
        if value < smallest { smallest = value }
        if value > largest { largest = value }
    }

    /// Adds everything that `other` counted. O(slots).
    public mutating func merge(_ other: Histogram) {
        guard other.count > 0 else { return }
        for slot in 0..<Histogram.slots { counts[slot] &+= other.counts[slot] }
        count &+= other.count
        sum &+= other.sum
        smallest = min(smallest, other.smallest)
        largest = max(largest, other.largest)
    }

    /// Forgets everything and keeps the storage. O(slots in use).
    public mutating func removeAll() {
        guard count > 0 else { return }
        for slot in Histogram.slot(of: smallest)...Histogram.slot(of: largest) { counts[slot] = 0 }
        count = 0
        sum = 0
        smallest = .max
        largest = 0
    }

    /// Nothing was recorded.
    public var isEmpty: Bool { count == 0 }
    /// The smallest recorded value in nanoseconds; 0 when empty.
    public var minimum: UInt64 { count == 0 ? 0 : smallest }
    /// The largest recorded value in nanoseconds; 0 when empty.
    public var maximum: UInt64 { largest }

    /// The mean of the recorded values in nanoseconds, not rounded to slots; 0 when empty.
    public var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

    /// The standard deviation in nanoseconds, from the middle of each slot; 0 when empty.
    public var standardDeviation: Double {
        guard count > 0 else { return 0 }
        var squares = 0.0
        for bucket in recorded {
            squares += (bucket.middle - mean) * (bucket.middle - mean) * Double(bucket.count)
        }
        return Elementary.squareRoot(squares / Double(count))
    }

    /// The smallest value (the top of its slot, in nanoseconds) that at least `percentile` percent
    /// of the recorded ones do not exceed; 0 when empty. O(slots).
    public func percentile(_ percentile: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let share = min(max(percentile, 0), 100) / 100 * Double(count)
        var wanted = UInt64(share)
        if Double(wanted) < share { wanted += 1 }
        wanted = max(1, min(count, wanted))
        var seen: UInt64 = 0
        for slot in Histogram.slot(of: smallest)..<Histogram.slots {
            seen &+= counts[slot]
            if seen >= wanted { return min(Histogram.top(of: slot), largest) }
        }
        return largest
    }

    /// Values not above `nanoseconds`, to the width of its slot. O(slots).
    public func count(upTo nanoseconds: UInt64) -> UInt64 {
        var seen: UInt64 = 0
        for slot in 0...Histogram.slot(of: min(nanoseconds, Histogram.highest)) {
            seen &+= counts[slot]
        }
        return seen
    }

    /// A slot that holds something.
    public struct Bucket: Sendable, Equatable {
        /// The values that count here, in nanoseconds, both ends included.
        public let lowest, highest: UInt64
        public let count: UInt64
        /// What stands for the slot in means and deviations, in nanoseconds.
        public var middle: Double { Double(lowest &+ ((highest &- lowest &+ 1) >> 1)) }
    }

    /// The slots that hold something, from the smallest value up.
    public var recorded: Recorded { Recorded(histogram: self) }

    /// The non-empty slots of a histogram in order of value.
    public struct Recorded: Sequence, IteratorProtocol {
        let histogram: Histogram
        private var slot: Int

        init(histogram: Histogram) {
            self.histogram = histogram
            slot = histogram.count == 0 ? Histogram.slots : Histogram.slot(of: histogram.smallest)
        }

        public mutating func next() -> Bucket? {
            while slot < Histogram.slots {
                defer { slot += 1 }
                let count = histogram.counts[slot]
                guard count > 0 else { continue }
                return Bucket(
                    lowest: Histogram.bottom(of: slot), highest: Histogram.top(of: slot),
                    count: count)
            }
            return nil
        }
    }

    /// Where a value counts. O(1).
    @usableFromInline
    static func slot(of value: UInt64) -> Int {
        let bucket = 53 &- (value | 2_047).leadingZeroBitCount
        let within = Int(truncatingIfNeeded: value >> UInt64(truncatingIfNeeded: bucket))
        return bucket &* halfSlots &+ within
    }

    /// The smallest value of a slot.
    static func bottom(of slot: Int) -> UInt64 {
        let bucket = max(0, slot / halfSlots - 1)
        return UInt64(slot - bucket * halfSlots) << UInt64(bucket)
    }

    /// The largest value of a slot.
    static func top(of slot: Int) -> UInt64 {
        let bucket = max(0, slot / halfSlots - 1)
        return bottom(of: slot) + (1 << UInt64(bucket)) - 1
    }
}
