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
}

/// What a generator counts while it runs.
struct Measurements {
    var operations = OperationKind.allCases.map(OperationMeasurement.init(kind:))
    var failures: [Failure: UInt64] = [:]
    /// Closed intervals, and the one under way.
    private(set) var intervals: [OpenInterval] = []
    private var current = OpenInterval()
    private var histogram = Histogram()
    let intervalLength: UInt64

    /// An interval before the generators' ones are merged.
    struct OpenInterval {
        var index: UInt64 = 0
        var count: UInt64 = 0
        var errors: UInt64 = 0
        var buckets: [Histogram.Bucket] = []
    }

    init(interval: Instant.Duration) { intervalLength = UInt64(interval.nanoseconds) }

    /// Counts an operation that ended `elapsed` after measuring began. `isWhole` is false for
    /// the halves of a read-modify-write, which the time series does not count.
    mutating func count(
        _ kind: OperationKind, _ outcome: Recorder.Outcome, latency: Instant.Duration,
        service: Instant.Duration, elapsed: Instant.Duration, isWhole: Bool
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
        guard isWhole else { return }
        let interval = UInt64(max(0, elapsed.nanoseconds)) / intervalLength
        if interval != current.index { closeInterval(next: interval) }
        current.count += 1
        if outcome != .ok { current.errors += 1 }
        histogram.record(latency)
    }

    mutating func count(_ failure: Failure) { failures[failure, default: 0] += 1 }

    /// Ends the interval under way.
    mutating func closeInterval(next: UInt64) {
        if current.count > 0 {
            current.buckets = Array(histogram.recorded)
            intervals.append(current)
        }
        histogram.removeAll()
        current = OpenInterval(index: next)
    }

    /// Brings the intervals of all generators together, in order of time.
    static func merge(_ all: [Measurements]) -> [Interval] {
        guard let length = all.first?.intervalLength else { return [] }
        let open = all.flatMap(\.intervals).sorted { $0.index < $1.index }
        var merged: [Interval] = []
        var histogram = Histogram()
        var i = 0
        while i < open.count {
            let index = open[i].index
            var count: UInt64 = 0
            var errors: UInt64 = 0
            histogram.removeAll()
            while i < open.count, open[i].index == index {
                count += open[i].count
                errors += open[i].errors
                for bucket in open[i].buckets {
                    histogram.record(nanoseconds: bucket.highest, times: bucket.count)
                }
                i += 1
            }
            merged.append(
                Interval(
                    start: .nanoseconds(index &* length), count: count, errors: errors,
                    p50: histogram.percentile(50), p99: histogram.percentile(99),
                    p999: histogram.percentile(99.9), maximum: histogram.maximum))
        }
        return merged
    }
}
