import Basics
import Workloads

/// Why an operation did not succeed.
public enum Failure: Hashable, Sendable {
    /// The store gave up waiting for its quorum; the outcome is unknown.
    case storeTimeout
    /// The store refused before it touched a replica.
    case unavailable
    /// The connection was lost while the operation was under way; the outcome is unknown.
    case connectionLost
    /// No answer within the client's own limit; the outcome is unknown.
    case requestTimeout
    /// A value's bytes are not what its writer wrote.
    case corruptValue
    /// Fields that are always written together come from different writes.
    case tornRecord
    /// Fewer replicas than asked for had the write in time; it may be lost or come to stay.
    case tooFewReplicas
    /// Another error, by the first word of its message.
    case refused(String)

    /// For tables and files.
    public var name: String {
        switch self {
        case .storeTimeout: "TIMEOUT"
        case .unavailable: "UNAVAILABLE"
        case .connectionLost: "CONNECTION-LOST"
        case .requestTimeout: "NO-ANSWER"
        case .corruptValue: "CORRUPT-VALUE"
        case .tornRecord: "TORN-RECORD"
        case .tooFewReplicas: "TOO-FEW-REPLICAS"
        case .refused(let word): word
        }
    }
}

/// What one kind of operation came to.
public struct OperationMeasurement: Sendable {
    public let kind: OperationKind
    /// Operations by outcome.
    public internal(set) var succeeded: UInt64 = 0
    public internal(set) var failed: UInt64 = 0
    public internal(set) var unknown: UInt64 = 0
    /// Inserts that failed and were tried again; `failedLatency` has them too.
    public internal(set) var retried: UInt64 = 0
    /// Successful operations, from the intended start: free of coordinated omission.
    public internal(set) var latency = Histogram()
    /// Successful operations, from the actual start.
    public internal(set) var serviceTime = Histogram()
    /// Operations that failed or whose outcome is unknown, from the intended start.
    public internal(set) var failedLatency = Histogram()

    /// All operations.
    public var count: UInt64 { succeeded + failed + unknown }

    init(kind: OperationKind) { self.kind = kind }

    mutating func merge(_ other: OperationMeasurement) {
        succeeded += other.succeeded
        failed += other.failed
        unknown += other.unknown
        retried += other.retried
        latency.merge(other.latency)
        serviceTime.merge(other.serviceTime)
        failedLatency.merge(other.failedLatency)
    }
}

/// One interval of the time series; latencies are from the intended start, in nanoseconds.
public struct Interval: Sendable, Equatable {
    /// Since measuring began.
    public let start: Instant.Duration
    /// Operations that ended in the interval, and those of them that did not succeed.
    public let count, errors: UInt64
    public let p50, p99, p999, maximum: UInt64
    /// Latencies by kind of operation, those that occurred.
    public let latencies: [KindLatency]
}

/// The latencies of one kind of operation, of any outcome, from the intended start.
public struct KindLatency: Sendable, Equatable {
    public let kind: OperationKind
    /// Slots that hold something, in order of value.
    public let buckets: [Histogram.Bucket]

    public init(kind: OperationKind, buckets: [Histogram.Bucket]) {
        self.kind = kind
        self.buckets = buckets
    }

    /// The same as a histogram.
    public var histogram: Histogram {
        var histogram = Histogram()
        for bucket in buckets {
            histogram.record(nanoseconds: bucket.highest, times: bucket.count)
        }
        return histogram
    }
}

/// What a generator counts while it runs.
struct Measurements {
    var operations = OperationKind.allCases.map(OperationMeasurement.init(kind:))
    var failures: [Failure: UInt64] = [:]
    /// Of an open loop: from the intended to the actual start.
    var startDelay = Histogram()
    /// Values whose every byte was compared and found right.
    var verified: UInt64 = 0
    /// Closed intervals, and the one under way.
    private(set) var intervals: [OpenInterval] = []
    private var current = OpenInterval()
    private var histograms = OperationKind.allCases.map { _ in Histogram() }
    let intervalLength: UInt64

    /// An interval before the generators' ones are merged.
    struct OpenInterval {
        var index: UInt64 = 0
        var count: UInt64 = 0
        var errors: UInt64 = 0
        var latencies: [KindLatency] = []
    }

    init(interval: Instant.Duration) { intervalLength = UInt64(interval.nanoseconds) }

    /// Counts an operation, or a half of a read-modify-write.
    @inline(__always)
    mutating func count(
        _ kind: OperationKind, _ outcome: Recorder.Outcome, latency: Instant.Duration,
        service: Instant.Duration
    ) {
        let index = Int(kind.rawValue)
        switch outcome {
        case .ok:
            operations[index].succeeded += 1
            operations[index].latency.record(latency)
            operations[index].serviceTime.record(service)
        case .fail:
            operations[index].failed += 1
            operations[index].failedLatency.record(latency)
        case .unknown:
            operations[index].unknown += 1
            operations[index].failedLatency.record(latency)
        }
    }

    /// Counts a failed attempt that is followed by another.
    mutating func countRetried(_ kind: OperationKind, latency: Instant.Duration) {
        operations[Int(kind.rawValue)].retried += 1
        operations[Int(kind.rawValue)].failedLatency.record(latency)
    }

    /// Counts a whole operation that ended `elapsed` after measuring began in the time series.
    @inline(__always)
    mutating func countInterval(
        _ kind: OperationKind, _ outcome: Recorder.Outcome, latency: Instant.Duration,
        elapsed: Instant.Duration
    ) {
        let nanoseconds = UInt64(max(0, elapsed.nanoseconds))
        if nanoseconds &- intervalStart >= intervalLength {
            closeInterval(next: nanoseconds / intervalLength)
        }
        current.count += 1
        if outcome != .ok { current.errors += 1 }
        histograms[Int(kind.rawValue)].record(latency)
    }

    mutating func count(_ failure: Failure) { failures[failure, default: 0] += 1 }

    /// Whole operations that were counted in the time series.
    var completed: UInt64 { closedCount + current.count }
    private var closedCount: UInt64 = 0
    private var intervalStart: UInt64 = 0

    /// Ends the interval under way.
    mutating func closeInterval(next: UInt64) {
        if current.count > 0 {
            for kind in OperationKind.allCases {
                let index = Int(kind.rawValue)
                guard !histograms[index].isEmpty else { continue }
                current.latencies.append(
                    KindLatency(kind: kind, buckets: Array(histograms[index].recorded)))
                histograms[index].removeAll()
            }
            closedCount += current.count
            intervals.append(current)
        }
        current = OpenInterval(index: next)
        intervalStart = next &* intervalLength
    }

    /// Brings the intervals of all generators together, in order of time.
    static func merge(_ all: [Measurements]) -> [Interval] {
        guard let length = all.first?.intervalLength else { return [] }
        let open = all.flatMap(\.intervals).sorted { $0.index < $1.index }
        var merged: [Interval] = []
        var i = 0
        while i < open.count {
            var end = i
            while end < open.count, open[end].index == open[i].index { end += 1 }
            merged.append(Interval(open[i..<end], length: length))
            i = end
        }
        return merged
    }
}

extension Interval {
    /// Adds up what several generators did in the same interval.
    init(_ parts: ArraySlice<Measurements.OpenInterval>, length: UInt64) {
        var whole = Histogram()
        var kinds: [KindLatency] = []
        for kind in OperationKind.allCases {
            var histogram = Histogram()
            for latency in parts.flatMap(\.latencies) where latency.kind == kind {
                histogram.merge(latency.histogram)
            }
            guard !histogram.isEmpty else { continue }
            whole.merge(histogram)
            kinds.append(KindLatency(kind: kind, buckets: Array(histogram.recorded)))
        }
        start = .nanoseconds((parts.first?.index ?? 0) &* length)
        count = parts.reduce(0) { $0 + $1.count }
        errors = parts.reduce(0) { $0 + $1.errors }
        p50 = whole.percentile(50)
        p99 = whole.percentile(99)
        p999 = whole.percentile(99.9)
        maximum = whole.maximum
        latencies = kinds
    }
}
