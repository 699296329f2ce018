import Basics
import Consistency
import Platform
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

    /// Operations that a thread may have under way on its connection. Beyond 1 latency is no
    /// longer that of a request on its own: it has the waiting for those before it.
    public var pipeline = 1
    /// Connections that sessions share; nil: one for each thread of the workload.
    public var connections: Int?
    /// What `redis.*` properties say.
    public var redis = RedisOptions()
    /// What `postgres.*`, `etcd.*` and `tls.*` properties say.
    public var postgres = PostgresOptions()
    public var etcd = EtcdOptions()
    /// What `quorum.*` properties say.
    public var quorum = QuorumOptions()
    /// Names of the nodes at the target's addresses, where they are known, for histories.
    public var nodeNames: [String] = []
    public var tls = TLSOptions()
    /// What `sim.*` properties say.
    public var simulation = SimulationOptions()

    /// What `QUORUM` sets on each connection of a `quorum://` target; nil leaves the store's own.
    public var readQuorum: Int?
    public var writeQuorum: Int?
    /// The store's own deadline for a request, in milliseconds.
    public var quorumTimeout: Int?

    /// Operations that begin within this time are not counted in results, but are in the history.
    public var warmup = Instant.Duration.zero
    /// The warm-up ends when the run is steady (`SteadyState`); `warmup` is how long it may last.
    public var warmsUpUntilSteady = false
    /// How long operations begin after the warm-up; nil: until the operation count is reached.
    public var duration: Instant.Duration?
    /// Without an answer after this time an operation's outcome is unknown and the session
    /// connects anew.
    public var requestTimeout = Instant.Duration.seconds(10)
    /// How long the first connections may take.
    public var connectTimeout = Instant.Duration.seconds(5)
    /// An open loop that is this far behind its schedule is beyond the target's capacity, if a
    /// growing backlog has not told so before (`BacklogTrend`).
    public var saturationLag = Instant.Duration.seconds(10)
    /// A backlog that grows is no reason to end: the target is expected to fail for a while.
    public var toleratesBacklog = false
    /// How long before an operation is due its generator stops sleeping and polls: the price of
    /// a schedule that is kept to microseconds is a busy core. Zero: never.
    public var spin = Instant.Duration.microseconds(200)
    /// A target without any connection for this long has gone away, which ends the run.
    public var absenceLimit = Instant.Duration.seconds(10)
    /// Length of an interval of the time series.
    public var interval = Instant.Duration.seconds(1)

    /// Which of several load generator processes this is: they share the operations, the rate and
    /// the new records without talking. All get the same plan but for this number and
    /// `firstProcess`.
    public var worker = 0
    public var workers = 1
    /// When to begin, if connected by then; nil: when connected.
    public var beginning: Instant?
    /// The same moment as all of them were told it: it decides the first process number.
    public var agreedStart: WallTime?

    /// Threads of this process that generate load; sessions are split among them.
    public var generators = 1
    /// Whether operations are kept as a history: 48 bytes each.
    public var recordsHistory = true
    /// Whether the history is checked for linearizability while it grows; what was checked is
    /// kept only if `recordsHistory` says so.
    public var checksOnline = false
    /// The number of the first session; nil: chosen by the clock, so that a run does not give out
    /// names that values of an earlier run still carry.
    public var firstProcess: UInt32?

    /// Sessions: each has one operation under way.
    public var sessionCount: Int { workload.threadCount * pipeline }
    /// Connections for writes, and as many for reads where those go elsewhere.
    public var connectionCount: Int { connections ?? workload.threadCount }
    /// Before a failed insert is tried again.
    var retryPause: Instant.Duration {
        .nanoseconds(Int64(workload.insertionRetryInterval * 1e9))
    }
    /// Whether a record behaves as one register, which the history is about: each write replaces
    /// all of it.
    public var isRegister: Bool {
        redis.dataType == .string || workload.writeAllFields || workload.fieldCount == 1
    }

    /// The workload's properties decide the rest.
    public init(target: Target, workload: Workload, phase: Phase) {
        self.target = target
        self.workload = workload
        self.phase = phase
        if workload.maxExecutionTime > 0 { duration = .seconds(workload.maxExecutionTime) }
    }

    /// Takes over what properties say of the target; an unknown one of it is an error.
    public mutating func readTargetProperties(
        _ properties: Properties
    ) throws(PropertyError) {
        redis = try RedisOptions(properties)
        postgres = try PostgresOptions(properties)
        etcd = try EtcdOptions(properties)
        tls = try TLSOptions(properties)
        simulation = try SimulationOptions(properties)
        quorum = try QuorumOptions(properties)
    }

    /// Whether replies are those that name replicas.
    var asksReplicas: Bool { quorum.recordsReplicas && target.scheme == .quorum }

    /// Where reads go if not to the target. The load phase has none.
    var readAddresses: [SocketAddress] {
        guard phase == .transactions else { return [] }
        return target.scheme == .postgres ? postgres.standbys : redis.replicas
    }

    /// What cannot work is refused before anything starts.
    func refuseContradictions() throws(LoadError) {
        guard generators > 0, generators <= connectionCount else {
            throw .plan(
                "\(generators) generator threads cannot share \(connectionCount) connections; "
                    + "give each thread at least one (threadcount)")
        }
        guard (1...1_024).contains(pipeline), sessionCount <= 1 << 20 else {
            throw .plan(
                "a pipeline is 1 to 1024 deep, and threads times depth at most \(1 << 20); this "
                    + "is \(workload.threadCount) times \(pipeline)")
        }
        guard (1...sessionCount).contains(connectionCount) else {
            throw .plan(
                "\(connectionCount) connections for \(sessionCount) sessions; give each "
                    + "connection at least one session")
        }
        guard worker >= 0, worker < workers, workers <= 10_000 else {
            throw .plan("worker \(worker) of \(workers) does not exist; they count from 0")
        }
        try refuseWhatTheTargetLacks()
        if phase == .transactions {
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
        guard interval >= .milliseconds(10), requestTimeout > .zero else {
            throw .plan("intervals last at least 10 ms and the request timeout is above zero")
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
