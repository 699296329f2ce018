import Basics
import Consistency
import Workloads

/// Everything that a run measured.
public struct LoadResult: Sendable {
    /// How a run came to its end.
    public enum Ending: Sendable, Equatable {
        /// The operation count or the duration was reached.
        case completed
        /// It was asked to stop; what it had measured is here.
        case interrupted
        /// The offered load exceeds the target's capacity: the open loop fell behind its schedule
        /// by `lag` and more (exit code 3). Latencies say nothing about a steady state.
        case overloaded(lag: Instant.Duration)
        /// No session had a connection for too long; says why connecting failed last.
        case targetLost(String)
        /// So many outcomes were unknown, two million at least, that no process number was left.
        case processesExhausted
    }

    public internal(set) var ending = Ending.completed
    /// Per kind of operation, those that occurred. The halves of read-modify-writes count as
    /// reads and updates too, as in YCSB.
    public internal(set) var operations: [OperationMeasurement] = []
    /// Per interval, in order of time.
    public internal(set) var intervals: [Interval] = []
    /// Failures by kind, the most frequent first.
    public internal(set) var failures: [(failure: Failure, count: UInt64)] = []
    /// When measuring began, and the length of an interval.
    public internal(set) var began = WallTime(microseconds: 0)
    public internal(set) var interval = Instant.Duration.seconds(1)
    /// How long the warm-up lasted; with one until the run was steady, whether it became so.
    public internal(set) var warmup = Instant.Duration.zero
    public internal(set) var becameSteady: Bool?
    /// From the end of the warm-up to the end of the last measured operation.
    public internal(set) var runTime = Instant.Duration.zero
    /// Measured operations, whole ones, whatever their outcome.
    public internal(set) var operationCount: UInt64 = 0
    /// Of these, the ones that failed or whose outcome is unknown.
    public internal(set) var errorCount: UInt64 = 0
    /// Of an open loop: from the intended to the actual start of an operation.
    public internal(set) var startDelay = Histogram()
    /// With `dataintegrity`: values whose every byte was found right.
    public internal(set) var verified: UInt64 = 0
    /// All operations with the warm-up's, as a history; times count from the beginning. Values
    /// that were there before are writes that completed before it began. Empty if not recorded.
    public internal(set) var history = History()
    /// Operations in the history that were added for values written before the run.
    public internal(set) var earlierWrites = 0

    /// When measuring began, in the time of the history.
    public internal(set) var measuredFrom = Instant.Duration.zero

    /// With `dataintegrity` and a history: reads that were stale, of all whose value is known.
    public internal(set) var staleReads: (events: Int, trials: Int)?
    /// What `--check online` found; nil without.
    public internal(set) var online: OnlineFindings?

    init() {}

    /// Operations a second over the run time.
    public var throughput: Double {
        runTime > .zero ? Double(operationCount) / runTime.seconds : 0
    }

    /// The measurement of one kind, if there were such operations.
    public subscript(kind: OperationKind) -> OperationMeasurement? {
        operations.first { $0.kind == kind }
    }
}
