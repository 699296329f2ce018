import Basics
import Consistency
import Workloads

/// Everything that decides what a load generator does.
public struct LoadPlan: Sendable {
    /// YCSB's two phases.
    public enum Phase: Sendable, Equatable {
        /// Inserts every record once.
        case load
        /// Draws operations from the workload.
        case transactions
    }

    public var target: Target
    public var workload: Workload
    public var phase: Phase
    /// Decides keys, kinds and arrival times.
    public var seed: UInt64 = 0

    /// What `QUORUM` sets on each connection of a `quorum://` target; nil leaves the store's own.
    public var readQuorum: Int?
    public var writeQuorum: Int?
    /// The store's own deadline for a request, in milliseconds.
    public var quorumTimeout: Int?

    /// Operations that begin within this time are not counted in results, but are in the history.
    public var warmup = Instant.Duration.zero
    /// How long operations begin after the warm-up; nil: until the operation count is reached.
    public var duration: Instant.Duration?
    /// Without an answer after this time an operation's outcome is unknown and the session
    /// connects anew.
    public var requestTimeout = Instant.Duration.seconds(10)
    /// How long the first connections may take.
    public var connectTimeout = Instant.Duration.seconds(5)
    /// An open loop that is this far behind its schedule is beyond the target's capacity.
    public var saturationLag = Instant.Duration.seconds(5)
    /// A target without any connection for this long has gone away, which ends the run.
    public var absenceLimit = Instant.Duration.seconds(10)
    /// Length of an interval of the time series.
    public var interval = Instant.Duration.seconds(1)

    /// Threads of this process that generate load; sessions are split among them.
    public var generators = 1
    /// Whether operations are kept as a history: 48 bytes each.
    public var recordsHistory = true
    /// The number of the first session; nil: chosen by the clock, so that a run does not give out
    /// names that values of an earlier run still carry.
    public var firstProcess: UInt32?

    /// The workload's properties decide the rest: sessions are its `threadCount`.
    public init(target: Target, workload: Workload, phase: Phase) {
        self.target = target
        self.workload = workload
        self.phase = phase
        if workload.maxExecutionTime > 0 { duration = .seconds(workload.maxExecutionTime) }
    }

    /// What cannot work is refused before anything starts.
    func refuseContradictions() throws(LoadError) {
        guard generators > 0, generators <= workload.threadCount else {
            throw .plan(
                "\(generators) generator threads cannot share \(workload.threadCount) sessions; "
                    + "give each thread at least one (threadcount)")
        }
        if phase == .transactions {
            guard workload.scanProportion == 0 else {
                throw .plan(
                    "the workload scans (scanproportion=\(workload.scanProportion)), but "
                        + "\(target.scheme.rawValue):// targets hold single values without an "
                        + "order; use a workload without scans")
            }
            guard duration != nil || workload.operationCount > 0 else {
                throw .plan("nothing ends the run; give operationcount or a duration")
            }
            guard workload.insertCount > 0 || workload.insertProportion > 0 else {
                throw .plan("there are no records to use; give recordcount")
            }
        } else {
            guard workload.insertCount > 0 else {
                throw .plan("there are no records to load; give recordcount")
            }
        }
        let operations = phase == .load ? workload.insertCount : workload.operationCount
        guard !recordsHistory || operations <= UInt64(History.maximumCount / 2) else {
            throw .plan(
                "\(operations) operations do not fit into a history, which holds at most "
                    + "\(History.maximumCount / 2); run without one")
        }
        guard workload.insertionRetryLimit == 0 else {
            throw .plan(
                "core_workload_insertion_retry_limit=\(workload.insertionRetryLimit): inserts are "
                    + "not tried again, a failed one is counted as failed; set it to 0")
        }
        guard interval >= .milliseconds(10), requestTimeout > .zero else {
            throw .plan("intervals last at least 10 ms and the request timeout is above zero")
        }
        if target.scheme != .quorum, readQuorum ?? writeQuorum ?? quorumTimeout != nil {
            throw .plan("R, W and their timeout can be set on quorum:// targets only")
        }
    }
}

/// Why a load generator could not do its work.
public enum LoadError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The plan contradicts itself or the target (exit code 2).
    case plan(String)
    /// No session could connect (exit code 4).
    case unreachable(String)
    /// The target refused what every session begins with (exit code 4).
    case refused(String)
    /// The system refused a resource (exit code 4).
    case system(String)

    public var description: String {
        switch self {
        case .plan(let text), .unreachable(let text), .refused(let text), .system(let text): text
        }
    }
}
