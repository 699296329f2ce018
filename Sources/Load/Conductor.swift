import Basics
import Platform
import Synchronization
import Workloads

/// Asks a run to stop; what was measured so far is kept. May be raised from any thread, and from
/// a signal's effect.
public final class StopFlag: Sendable {
    private let raised = Atomic<Bool>(false)

    public init() {}

    public func raise() { raised.store(true, ordering: .relaxed) }
    public var isRaised: Bool { raised.load(ordering: .relaxed) }
}

/// How a run is going, told about once a second.
public struct LoadProgress: Sendable {
    /// Since the generators began, the warm-up included.
    public var elapsed = Instant.Duration.zero
    /// The warm-up is not over yet.
    public var isWarmingUp = false
    /// Operations that ended since the beginning, and those of them that did not succeed.
    public var operations: UInt64 = 0
    public var errors: UInt64 = 0
    /// Operations a second since the last report.
    public var rate = 0.0
    /// Latency from the intended start since the last report, in nanoseconds.
    public var p50: UInt64 = 0
    public var p99: UInt64 = 0
    /// The same by kind of operation, those that occurred.
    public var latencies: [KindLatency] = []
    /// Connections that stand.
    public var connected = 0
    /// How far an open loop is behind its schedule.
    public var lag = Instant.Duration.zero
    /// With `--check online`: keys that were found to be not linearizable, and operations that
    /// were judged; nil without.
    public var anomalies: Int?
    public var judged = 0
    /// Of what is to be done, if that is known: 0 to 1.
    public var share: Double?

    public init() {}
}

/// What generators and the thread that waits for them tell one another.
final class Conductor: Sendable {
    struct State {
        /// Generators whose sessions are connected as far as they can be.
        var prepared = 0
        var ended = 0
        var failure: LoadError?
        /// When to begin; nil until all are prepared.
        var beginning: Instant?
        /// When a warm-up that lasts until the run is steady ends; nil until that is known.
        var measuringFrom: Instant?
        var reports: [LoadProgress]
        /// What was recorded and not judged yet, and by generator up to where that is all.
        var fresh: [Recorder.Segment] = []
        var marks: [Instant]
        /// Latencies since they were last asked for, by kind.
        var recent = OperationKind.allCases.map { _ in Histogram() }
    }

    private let state: Mutex<State>
    let stop: StopFlag

    init(generators: Int, stop: StopFlag) {
        state = Mutex(
            State(
                reports: Array(repeating: LoadProgress(), count: generators),
                marks: Array(repeating: .origin, count: generators)))
        self.stop = stop
    }

    func prepared() { state.withLock { $0.prepared += 1 } }
    func ended() { state.withLock { $0.ended += 1 } }
    func fail(_ error: LoadError) { state.withLock { $0.failure = $0.failure ?? error } }
    func begin(at instant: Instant) { state.withLock { $0.beginning = instant } }
    /// Takes a generator's report; `recent` is by kind and since its last one.
    func report(_ progress: LoadProgress, _ recent: [Histogram], of generator: Int) {
        state.withLock { state in
            state.reports[generator] = progress
            for index in recent.indices { state.recent[index].merge(recent[index]) }
        }
    }

    /// Takes what a generator recorded; all that it will add was invoked at `mark` or later.
    func publish(_ segments: [Recorder.Segment], upTo mark: Instant, of generator: Int) {
        state.withLock { state in
            state.fresh.append(contentsOf: segments)
            state.marks[generator] = mark
        }
    }

    /// What was published since the last time, and the mark of all generators together.
    func takePublished() -> (segments: [Recorder.Segment], mark: Instant) {
        state.withLock { state in
            defer { state.fresh.removeAll(keepingCapacity: true) }
            return (state.fresh, state.marks.min() ?? .distantFuture)
        }
    }

    func measure(from instant: Instant) { state.withLock { $0.measuringFrom = instant } }
    var measuringFrom: Instant? { state.withLock { $0.measuringFrom } }
    var beginning: Instant? { state.withLock { $0.beginning } }
    var preparedCount: Int { state.withLock { $0.prepared } }
    var endedCount: Int { state.withLock { $0.ended } }
    var failure: LoadError? { state.withLock { $0.failure } }

    /// The generators' reports added up, and their latencies since the last time.
    func takeProgress() -> LoadProgress {
        let (reports, recent) = state.withLock { state in
            let recent = state.recent
            for index in recent.indices { state.recent[index] = Histogram() }
            return (state.reports, recent)
        }
        var sum = LoadProgress()
        var whole = Histogram()
        for kind in OperationKind.allCases where !recent[Int(kind.rawValue)].isEmpty {
            let histogram = recent[Int(kind.rawValue)]
            whole.merge(histogram)
            sum.latencies.append(
                KindLatency(kind: kind, buckets: Array(histogram.recorded)))
        }
        sum.p50 = whole.percentile(50)
        sum.p99 = whole.percentile(99)
        var shares = 0.0
        for report in reports {
            sum.elapsed = max(sum.elapsed, report.elapsed)
            sum.isWarmingUp = sum.isWarmingUp || report.isWarmingUp
            sum.operations += report.operations
            sum.errors += report.errors
            sum.rate += report.rate
            sum.connected += report.connected
            sum.lag = max(sum.lag, report.lag)
            if let share = report.share { shares += share / Double(reports.count) }
        }
        sum.share = reports.contains { $0.share == nil } ? nil : shares
        return sum
    }
}
