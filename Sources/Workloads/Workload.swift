/// A YCSB core workload: which records there are, which operations go to which of them, how
/// often. Names and defaults are those of YCSB's code (CoreWorkload and Client).
public struct Workload: Sendable, Equatable {
    /// How requests choose among the records.
    public enum RequestDistribution: String, Sendable, CaseIterable {
        case uniform, zipfian, latest, hotspot, exponential, sequential
    }

    /// How lengths of fields or scans are spread between their limits; those of fields also by
    /// a histogram.
    public enum LengthDistribution: String, Sendable, CaseIterable {
        case constant, uniform, zipfian, histogram
    }

    /// Whether key names hide the order of insertion.
    public enum InsertOrder: String, Sendable, CaseIterable { case hashed, ordered }

    /// How operations start: each thread after its last one ended, or by a clock.
    public enum Arrivals: String, Sendable, CaseIterable {
        case closed, constant, poisson
        /// By a clock, at a rate that changes (`RateProfile`).
        case ramp, step, sine, spike, trace

        /// By a clock at one rate, so that a growing backlog means too high a rate.
        public var isSteady: Bool { self == .constant || self == .poisson }
    }

    /// How arrivals of a changing rate are spaced: evenly, or as of a Poisson process.
    public enum ArrivalSpacing: String, Sendable, CaseIterable { case even, poisson }

    /// YCSB's `measurement.interval`: latency from the actual start, the intended one, or both.
    public enum LatencyOrigin: String, Sendable, CaseIterable { case op, intended, both }

    /// `table`: names the table; whole-value targets have none.
    public var table = "usertable"
    /// `recordcount`: records that exist after the load phase.
    public var recordCount: UInt64 = 0
    /// `operationcount`: operations of the transaction phase; 0 means no limit.
    public var operationCount: UInt64 = 0
    /// `insertstart`, `insertcount`: the part of the records that this client loads and uses.
    public var insertStart: UInt64 = 0
    public var insertCount: UInt64 = 0

    /// `fieldcount`, `fieldlength`, `minfieldlength` in bytes, `fieldlengthdistribution`.
    public var fieldCount = 10
    public var fieldLength = 100
    public var minFieldLength = 1
    public var fieldLengthDistribution = LengthDistribution.constant
    /// `fieldlengthhistogram`: what the file of that name holds, if the distribution is one.
    public var fieldLengths: FieldLengths?
    /// `fieldnameprefix`, `readallfields`, `writeallfields`: of targets whose records have fields.
    public var fieldNamePrefix = "field"
    public var readAllFields = true
    public var writeAllFields = false
    /// `dataintegrity`: every byte that is read is compared with what was written.
    public var dataIntegrity = false

    /// `readproportion` and so on: shares of the operations; their sum is 1.
    public var readProportion = 0.95
    public var updateProportion = 0.05
    public var insertProportion = 0.0
    public var scanProportion = 0.0
    public var readModifyWriteProportion = 0.0

    /// `requestdistribution`, and the parameters of its choices.
    public var requestDistribution = RequestDistribution.uniform
    /// `zipfianconstant`: the exponent; any positive number (YCSB has .99 and cannot reach 1).
    public var zipfianConstant = 0.99
    /// `hotspotdatafraction`, `hotspotopnfraction`.
    public var hotspotDataFraction = 0.2
    public var hotspotOperationFraction = 0.8
    /// `exponential.percentile` (percent), `exponential.frac`.
    public var exponentialPercentile = 95.0
    public var exponentialFraction = 0.857_142_857_1

    /// `minscanlength`, `maxscanlength` in records, `scanlengthdistribution`.
    public var minScanLength = 1
    public var maxScanLength = 1_000
    public var scanLengthDistribution = LengthDistribution.uniform

    /// `zeropadding`: digits of a key's number at least; `insertorder`.
    public var zeroPadding = 1
    public var insertOrder = InsertOrder.hashed
    /// `core_workload_insertion_retry_limit`, `core_workload_insertion_retry_interval` (seconds).
    public var insertionRetryLimit = 0
    public var insertionRetryInterval = 3.0

    /// `threadcount`: sessions, each with one operation under way.
    public var threadCount = 1
    /// `target`: operations a second over all sessions; 0 means as many as it can.
    public var target = 0.0
    /// `arrivals`: our own; with a target and nothing said, `constant`.
    public var arrivals = Arrivals.closed
    /// `arrivals.spacing`, of changing rates.
    public var arrivalSpacing = ArrivalSpacing.even
    /// The rate of arrivals if it changes; `target` is its highest.
    public var rateProfile: RateProfile?
    /// `maxexecutiontime` in seconds; 0 means no limit.
    public var maxExecutionTime: UInt64 = 0
    /// `status.interval` in seconds.
    public var statusInterval: UInt64 = 10
    /// `measurement.interval`; absent: latencies count from the intended start.
    public var latencyOrigin: LatencyOrigin?
    /// `hdrhistogram.percentiles` of the printed lines.
    public var percentiles = [50.0, 95, 99]

    public init() {}

    /// Bytes of a record at most: fields are kept in one value (docs/GLOSSARY.md, whole value).
    public var recordBytes: Int { fieldCount * fieldLength }
}
