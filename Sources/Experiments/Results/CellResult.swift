import Foundation

/// All that was measured in one cell of a sweep: one `result.json`.
public struct CellResult: Codable, Sendable, Equatable {
    public static let schemaName = "quorumeter.cell/1"

    public var schema = CellResult.schemaName
    public var configuration: CellConfiguration
    public var environment: ResultEnvironment
    /// Why the cell failed; nil when it was measured.
    public var failure: String?
    public var throughput = Throughput()
    /// One entry per operation and clock.
    public var latencies: [LatencySummary] = []
    /// Failed and unknown outcomes by the name of their cause.
    public var errors: [String: Int] = [:]
    public var availability: Proportion?
    public var verdicts: [ModelVerdict] = []
    public var staleReads: Proportion?
    public var staleness: StalenessSummary?
    public var timeSeries: [TimeSlice] = []
    /// Faults that struck while the cell was measured, in order of their starts.
    public var faults: [FaultWindow]?
    /// Fresh reads by the time since the latest acknowledged write of their key.
    public var freshness: [FreshnessBin]?
    /// What PBS predicts for this cell, where the latencies between nodes are known.
    public var prediction: CellPrediction?
    /// The latencies of a simulated cell.
    public var network: NetworkModel?
    /// Processor time of the whole cluster and of the load, in seconds, while measuring.
    public var processorSeconds: ProcessorTime?
    public var memory: [NodeMemory] = []
    /// Bytes, messages and syncs; nil where the store does not say.
    public var costs: OperationCosts?
    /// Whether replicas agreed in the end; nil where that was not looked at.
    public var convergence: Agreement?
    /// File beside the result with the history of the keys that violate a model.
    public var violatingHistory: String?
    /// The smallest counterexample of this cell, ready to be drawn.
    public var witness: Witness?
    /// The smallest counterexample of each further model that was violated.
    public var otherWitnesses: [Witness]?
    /// The command that repeats the cell.
    public var command: String

    public init(
        configuration: CellConfiguration, environment: ResultEnvironment, command: String
    ) {
        self.configuration = configuration
        self.environment = environment
        self.command = command
    }

    /// The summary of `operation` on `clock`, when the workload had such operations.
    public func latency(_ operation: String, _ clock: LatencyClock) -> LatencySummary? {
        latencies.first { $0.operation == operation && $0.clock == clock }
    }

    public func verdict(_ model: String) -> ModelVerdict? { verdicts.first { $0.model == model } }

    enum CodingKeys: String, CodingKey {
        case schema, configuration, environment, failure, throughput, latencies, errors
        case availability, verdicts, staleness, memory, witness, command
        case costs, convergence
        case otherWitnesses = "other_witnesses"
        case faults, freshness, prediction, network
        case staleReads = "stale_reads"
        case timeSeries = "time_series"
        case processorSeconds = "processor_seconds"
        case violatingHistory = "violating_history"
    }
}

/// Completed work over the measured time.
public struct Throughput: Codable, Sendable, Equatable {
    /// Operations that ended, whatever their outcome.
    public var operations = 0
    /// Those of them that did not end well.
    public var failed = 0
    public var durationNs: Int64 = 0

    public init(operations: Int = 0, failed: Int = 0, durationNs: Int64 = 0) {
        self.operations = operations
        self.failed = failed
        self.durationNs = durationNs
    }

    /// Successful operations a second.
    public var perSecond: Double {
        durationNs > 0 ? Double(operations - failed) / (Double(durationNs) / 1e9) : 0
    }

    enum CodingKeys: String, CodingKey {
        case operations, failed
        case durationNs = "duration_ns"
    }
}

/// From when latency counts.
public enum LatencyClock: String, Codable, Sendable, CaseIterable {
    /// From when the schedule meant the operation to start: what a user waits.
    case intended
    /// From when it was sent: what the store takes.
    case service
}

/// Latency of one kind of operation, in nanoseconds.
public struct LatencySummary: Codable, Sendable, Equatable {
    /// `read`, `update`, `insert`, `read-modify-write`, …; `write` is all that writes.
    public var operation: String
    public var clock: LatencyClock
    public var count: Int
    public var meanNs: Double
    public var minNs: Int64
    public var maxNs: Int64
    /// By percentile as text: `50`, `90`, `95`, `99`, `99.9`, `99.99`.
    public var percentilesNs: [String: Int64]
    /// Points of the percentile curve, ascending, for drawing.
    public var curve: [CurvePoint]

    public init(
        operation: String, clock: LatencyClock, count: Int, meanNs: Double, minNs: Int64,
        maxNs: Int64, percentilesNs: [String: Int64], curve: [CurvePoint]
    ) {
        self.operation = operation
        self.clock = clock
        self.count = count
        self.meanNs = meanNs
        self.minNs = minNs
        self.maxNs = maxNs
        self.percentilesNs = percentilesNs
        self.curve = curve
    }

    /// Percentiles that every summary holds.
    public static let percentiles: [(name: String, fraction: Double)] = [
        ("50", 0.5), ("90", 0.9), ("95", 0.95), ("99", 0.99), ("99.9", 0.999), ("99.99", 0.9999),
    ]

    /// Summarizes a distribution given by its quantile function. Nil of an empty one.
    ///
    /// The curve ends at the highest fraction that `count` samples can tell from the maximum.
    public static func summarize(
        operation: String, clock: LatencyClock, count: Int, meanNs: Double, minNs: Int64,
        maxNs: Int64, quantile: (Double) -> Int64
    ) -> LatencySummary? {
        guard count > 0 else { return nil }
        var named: [String: Int64] = [:]
        for (name, fraction) in percentiles { named[name] = quantile(fraction) }
        let fractions: [Double] = [
            0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97,
            0.98, 0.985, 0.99, 0.9925, 0.995, 0.9965, 0.998, 0.999, 0.9995, 0.9998, 0.9999,
            0.99995, 0.99998, 0.99999, 0.999999,
        ]
        let limit = 1 - 1 / Double(count)
        var curve = fractions.filter { $0 < limit || $0 == 0 }
            .map { CurvePoint(fraction: $0, ns: quantile($0)) }
        if count > 1 { curve.append(CurvePoint(fraction: limit, ns: maxNs)) }
        return LatencySummary(
            operation: operation, clock: clock, count: count, meanNs: meanNs, minNs: minNs,
            maxNs: maxNs, percentilesNs: named, curve: curve)
    }

    enum CodingKeys: String, CodingKey {
        case operation, clock, count, curve
        case meanNs = "mean_ns"
        case minNs = "min_ns"
        case maxNs = "max_ns"
        case percentilesNs = "percentiles_ns"
    }
}

/// One point of a percentile curve: `fraction` of the operations took at most `ns`.
public struct CurvePoint: Codable, Sendable, Equatable {
    public var fraction: Double
    public var ns: Int64

    public init(fraction: Double, ns: Int64) {
        self.fraction = fraction
        self.ns = ns
    }
}

/// Events among trials, with an exact interval for the true fraction.
public struct Proportion: Codable, Sendable, Equatable {
    public var events: Int
    public var trials: Int
    /// Clopper–Pearson; nil when nothing was tried.
    public var interval: Interval?

    public init(events: Int, trials: Int, confidence: Double = 0.95) {
        self.events = events
        self.trials = trials
        interval =
            trials > 0
            ? Statistics.clopperPearson(
                successes: events, trials: trials, confidence: confidence) : nil
    }

    /// Events over trials; nil when nothing was tried.
    public var fraction: Double? { trials > 0 ? Double(events) / Double(trials) : nil }

    /// `12 of 48,213, 0.0249 % (0.0129 % to 0.0435 %)`; of zero events only a bound is stated.
    public var text: String {
        guard let fraction, let interval else { return "nothing measured" }
        let counts = "\(Quantities.grouped(events)) of \(Quantities.grouped(trials))"
        if events == 0 { return "\(counts), below \(Quantities.percent(interval.upper))" }
        return "\(counts), \(Quantities.percent(fraction)) "
            + "(\(Quantities.percent(interval.lower)) to \(Quantities.percent(interval.upper)))"
    }
}

/// What the checker said about one model.
public struct ModelVerdict: Codable, Sendable, Equatable {
    public var model: String
    /// `holds`, `violated` or `inconclusive`.
    public var verdict: String
    public var method: String
    public var violatingKeys: Int
    /// The smallest counterexample in a sentence.
    public var explanation: String?

    public init(
        model: String, verdict: String, method: String, violatingKeys: Int, explanation: String?
    ) {
        self.model = model
        self.verdict = verdict
        self.method = method
        self.violatingKeys = violatingKeys
        self.explanation = explanation
    }

    enum CodingKeys: String, CodingKey {
        case model, verdict, method, explanation
        case violatingKeys = "violating_keys"
    }
}

/// How far behind stale reads were.
public struct StalenessSummary: Codable, Sendable, Equatable {
    /// Most writes by which a read lagged.
    public var kMax: Int
    /// Reads by the number of writes they lagged; index 0 is fresh.
    public var kHistogram: [Int]
    /// Longest time by which a read lagged.
    public var deltaMaxNs: Int64
    /// Lag in time by percentile of the reads.
    public var deltaPercentilesNs: [String: Int64]
    /// The least widening of all operations that makes every key linearizable, which wrong clocks
    /// do not fool; nil when no widening does.
    public var gammaMaxNs: Int64?

    public init(
        kMax: Int, kHistogram: [Int], deltaMaxNs: Int64, deltaPercentilesNs: [String: Int64],
        gammaMaxNs: Int64? = nil
    ) {
        self.kMax = kMax
        self.kHistogram = kHistogram
        self.deltaMaxNs = deltaMaxNs
        self.deltaPercentilesNs = deltaPercentilesNs
        self.gammaMaxNs = gammaMaxNs
    }

    enum CodingKeys: String, CodingKey {
        case kMax = "k_max"
        case kHistogram = "k_histogram"
        case deltaMaxNs = "delta_max_ns"
        case deltaPercentilesNs = "delta_percentiles_ns"
        case gammaMaxNs = "gamma_max_ns"
    }
}

/// Processor time spent while measuring, in seconds.
public struct ProcessorTime: Codable, Sendable, Equatable {
    public var cluster: Double
    public var load: Double

    public init(cluster: Double, load: Double) {
        self.cluster = cluster
        self.load = load
    }
}

/// Memory of one node at the end of the run, in bytes.
public struct NodeMemory: Codable, Sendable, Equatable {
    public var node: String
    public var residentBytes: Int
    /// What the allocator has handed out; nil when the node did not say.
    public var allocatedBytes: Int?
    /// What the allocator holds resident; nil when the node did not say.
    public var allocatorResidentBytes: Int?

    public init(
        node: String, residentBytes: Int, allocatedBytes: Int?,
        allocatorResidentBytes: Int? = nil
    ) {
        self.node = node
        self.residentBytes = residentBytes
        self.allocatedBytes = allocatedBytes
        self.allocatorResidentBytes = allocatorResidentBytes
    }

    enum CodingKeys: String, CodingKey {
        case node
        case residentBytes = "resident_bytes"
        case allocatedBytes = "allocated_bytes"
        case allocatorResidentBytes = "allocator_resident_bytes"
    }
}
