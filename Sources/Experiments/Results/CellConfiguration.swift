/// What one cell of a sweep measures: everything that decides its outcome but the machine.
public struct CellConfiguration: Codable, Sendable, Equatable {
    /// Replicas of each key.
    public var n: Int
    /// Replicas that must answer a read.
    public var r: Int
    /// Replicas that must acknowledge a write.
    public var w: Int
    /// `strict` or `sloppy`.
    public var quorum: String
    /// How concurrent writes are settled: `lww`, `siblings`, `abd` or `cp`.
    public var mode: String
    /// What reads do about replicas that are behind: `none`, `async` or `blocking`; nil for stores
    /// that know no such thing.
    public var readRepair: String?
    /// Another store than ours with its setting, such as `redis WAIT 1`; nil for ours.
    public var store: String?
    /// Nodes of the cluster.
    public var nodes: Int
    /// Name of the workload, for example `workloada`.
    public var workload: String
    /// Name of the fault schedule, `none` for an undisturbed run.
    public var fault: String
    /// `memory`, `always`, `everysec` or `never`.
    public var fsync: String
    /// `processes` or `simulation`.
    public var `where`: String
    /// Name of the modelled latencies of a simulated cell; nil for real processes.
    public var network: String?
    /// `closed`, `constant`, `poisson`, …
    public var arrivals: String
    /// Operations a second that the load aims at; 0 means as fast as the clients go.
    public var targetPerSecond: Double
    public var clients: Int
    /// Records that the load phase writes.
    public var records: Int
    public var warmupNs: Int64
    public var durationNs: Int64
    /// Seed of this trial.
    public var seed: UInt64
    /// Zero-based number of the repeat.
    public var repetition: Int

    public init(
        n: Int, r: Int, w: Int, quorum: String, mode: String, nodes: Int, workload: String,
        fault: String, fsync: String, where place: String, arrivals: String,
        targetPerSecond: Double, clients: Int, records: Int, warmupNs: Int64, durationNs: Int64,
        seed: UInt64, repetition: Int
    ) {
        self.n = n
        self.r = r
        self.w = w
        self.quorum = quorum
        self.mode = mode
        self.nodes = nodes
        self.workload = workload
        self.fault = fault
        self.fsync = fsync
        self.where = place
        self.arrivals = arrivals
        self.targetPerSecond = targetPerSecond
        self.clients = clients
        self.records = records
        self.warmupNs = warmupNs
        self.durationNs = durationNs
        self.seed = seed
        self.repetition = repetition
    }

    /// What tells this configuration from others, for titles.
    var title: String {
        let place = network.map { "simulated \($0)" } ?? "measured on real processes"
        if let store { return "\(store), \(workload), \(place)" }
        var parts = [mode == "cp" ? "N=\(n) cp" : "N=\(n) R=\(r) W=\(w)", workload]
        if !["lww", "cp"].contains(mode) { parts.append("mode \(mode)") }
        if quorum != "strict" { parts.append("\(quorum) quorum") }
        if let readRepair, readRepair != "async" { parts.append("read repair \(readRepair)") }
        if fault != "none" { parts.append(fault) }
        return (parts + [place]).joined(separator: ", ")
    }

    enum CodingKeys: String, CodingKey {
        case n, r, w, quorum, mode, nodes, workload, fault, fsync, `where`, arrivals, clients
        case records, seed, repetition, network
        case store
        case readRepair = "read_repair"
        case targetPerSecond = "target_per_second"
        case warmupNs = "warmup_ns"
        case durationNs = "duration_ns"
    }
}

/// Where a result comes from: program, machine, and when.
public struct ResultEnvironment: Codable, Sendable, Equatable {
    /// Version of quorumeter.
    public var version: String
    /// Commit of its source, when the build knows it.
    public var commit: String?
    public var cores: Int
    public var memoryBytes: Int
    public var kernel: String
    public var processor: String
    /// Start of the run, ISO 8601 in UTC.
    public var started: String

    public init(
        version: String, commit: String?, cores: Int, memoryBytes: Int, kernel: String,
        processor: String, started: String
    ) {
        self.version = version
        self.commit = commit
        self.cores = cores
        self.memoryBytes = memoryBytes
        self.kernel = kernel
        self.processor = processor
        self.started = started
    }

    enum CodingKeys: String, CodingKey {
        case version, commit, cores, kernel, processor, started
        case memoryBytes = "memory_bytes"
    }
}
