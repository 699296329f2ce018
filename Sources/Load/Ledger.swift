import Basics
import Platform
import Workloads

/// What one generator thread writes down: the history of its operations, their latencies, and how
/// it is going.
struct Ledger {
    let recorder: Recorder
    var measurements: Measurements
    private let conductor: Conductor
    private let share: Int
    private let duration: Instant.Duration?

    private(set) var beginning = Instant.origin
    /// The end of the warm-up.
    private(set) var measuringFrom = Instant.origin
    /// When the last measured operation ended.
    private(set) var lastCompletion = Instant.origin

    private var progress = LoadProgress()
    /// Latencies since the last report, by kind.
    private var recent = OperationKind.allCases.map { _ in Histogram() }
    private var reportedOperations: UInt64 = 0
    private var lastReport = Instant.origin
    private(set) var nextReport = Instant.origin

    init(_ plan: LoadPlan, share: Int, expected: UInt64, conductor: Conductor) {
        recorder = Recorder(
            isOn: plan.recordsHistory || plan.checksOnline, keeps: plan.recordsHistory,
            expected: min(expected, 4 << 20))
        measurements = Measurements(interval: plan.interval)
        self.conductor = conductor
        self.share = share
        duration = plan.duration
    }

    mutating func begin(at instant: Instant, warmup: Instant.Duration) {
        beginning = instant
        measuringFrom = instant + warmup
        lastCompletion = measuringFrom
        lastReport = instant
        nextReport = instant + .seconds(1)
    }

    /// The warm-up ends at `instant`, and not when it was said to.
    mutating func measure(from instant: Instant) {
        measuringFrom = instant
        lastCompletion = instant
    }

    /// Whole operations that were measured.
    var completed: UInt64 { measurements.completed }

    /// Counts how late an operation of an open loop started.
    @inline(__always)
    mutating func started(intended: Instant, now: Instant) {
        guard intended >= measuringFrom else { return }
        measurements.startDelay.record(now - intended)
    }

    /// Counts one half of a read-modify-write.
    mutating func endedHalf(
        _ kind: OperationKind, _ outcome: Recorder.Outcome, spent: Instant.Duration
    ) {
        measurements.count(kind, outcome, latency: spent, service: spent)
    }

    /// Counts a whole operation. `isMeasured` is false in the warm-up.
    @inline(__always)
    mutating func ended(
        _ kind: OperationKind, _ outcome: Recorder.Outcome, intended: Instant, started: Instant,
        now: Instant, isMeasured: Bool
    ) {
        let latency = now - intended
        if isMeasured {
            measurements.count(kind, outcome, latency: latency, service: now - started)
            measurements.countInterval(
                kind, outcome, latency: latency, elapsed: now - measuringFrom)
            lastCompletion = now
        }
        recent[Int(kind.rawValue)].record(latency)
        progress.operations &+= 1
        if outcome != .ok { progress.errors &+= 1 }
    }

    /// Tells the conductor how it is going. `done` is the part done by count.
    mutating func report(
        _ now: Instant, connected: Int, lag: Instant.Duration, done: Double?
    ) {
        let seconds = max((now - lastReport).seconds, 1e-9)
        progress.rate = Double(progress.operations - reportedOperations) / seconds
        reportedOperations = progress.operations
        lastReport = now
        nextReport = max(nextReport + .seconds(1), now)
        progress.elapsed = now - beginning
        progress.isWarmingUp = now < measuringFrom
        progress.connected = connected
        progress.lag = lag
        progress.share = part(at: now, done: done)
        conductor.report(progress, recent, of: share)
        for index in recent.indices { recent[index].removeAll() }
    }

    /// How much of what is to be done is done, by count or by time.
    private func part(at now: Instant, done: Double?) -> Double? {
        guard let duration else { return done }
        let timed = min(1, (now - measuringFrom).seconds / max(duration.seconds, 1e-9))
        return max(0, max(timed, done ?? 0))
    }
}
