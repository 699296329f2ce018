/// How a history is checked.
public struct CheckOptions: Sendable {
    /// The models to check; empty for every one that the history supports.
    public var models: [Model] = []
    public var initial = InitialValue.absent
    /// Each clock's distance from true time in ns, at most 2^60: every interval is widened by it
    /// at both ends, so that clock error alone never makes a violation. Linearizability of unique
    /// writes also uses the exact order of operations that one known clock timed.
    public var clockError: Int64 = 0
    /// Keep a verdict for every key, not only counts.
    public var keepsVerdicts = false
    /// Keep which reads were stale, not only how many.
    public var keepsStaleReads = false
    /// Count stale reads, Delta and Gamma.
    public var measuresStaleness = true
    public var budget = Budget()
    /// Check only the keys of one shard.
    public var shard: Shard?

    public init() {}
}

/// Caps for searches; what is not decided within them is inconclusive.
public struct Budget: Sendable {
    /// Bytes that one search may hold.
    public var memory = 1 << 30
    /// The moment, in ns of `now`, at which searches stop.
    public var deadline = UInt64.max
    /// Reads a monotonic clock in ns; polled inside searches. The checker itself has no clock.
    public var now: @Sendable () -> UInt64 = { 0 }
    /// Longest search of one key, in ns of `now`.
    public var perKey = UInt64.max

    public init() {}
}

/// Part `index` of `count`: a key belongs to the part that its hash names, on every machine alike.
public struct Shard: Sendable, Equatable {
    public var index: Int
    public var count: Int

    /// `index` counts from 0 and lies below `count`.
    public init(index: Int, count: Int) {
        precondition(count > 0 && index >= 0 && index < count, "a shard is one of its count")
        self.index = index
        self.count = count
    }
}
