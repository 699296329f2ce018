/// One interval of the time series.
public struct TimeSlice: Codable, Sendable, Equatable {
    /// Since the start of the measured run.
    public var startNs: Int64
    public var lengthNs: Int64
    public var operations: Int
    public var failed: Int
    public var p50Ns: Int64
    public var p99Ns: Int64
    public var maxNs: Int64
    /// Nil in results of earlier versions.
    public var p999Ns: Int64?
    /// Stale reads that began in the interval; nil when freshness was not checked.
    public var staleReads: Int?

    public init(
        startNs: Int64, lengthNs: Int64, operations: Int, failed: Int, p50Ns: Int64,
        p99Ns: Int64, maxNs: Int64, p999Ns: Int64? = nil, staleReads: Int? = nil
    ) {
        self.startNs = startNs
        self.lengthNs = lengthNs
        self.operations = operations
        self.failed = failed
        self.p50Ns = p50Ns
        self.p99Ns = p99Ns
        self.maxNs = maxNs
        self.p999Ns = p999Ns
        self.staleReads = staleReads
    }

    enum CodingKeys: String, CodingKey {
        case operations, failed
        case p999Ns = "p999_ns"
        case staleReads = "stale_reads"
        case startNs = "start_ns"
        case lengthNs = "length_ns"
        case p50Ns = "p50_ns"
        case p99Ns = "p99_ns"
        case maxNs = "max_ns"
    }

    /// The file `timeseries.csv`: a line an interval, empty where something is not known.
    public static func csv(_ slices: [TimeSlice]) -> String {
        var text =
            "start_ns,length_ns,operations,failed,p50_ns,p99_ns,p99.9_ns,max_ns,stale_reads\n"
        for s in slices {
            text += "\(s.startNs),\(s.lengthNs),\(s.operations),\(s.failed),\(s.p50Ns),\(s.p99Ns),"
            text += "\(s.p999Ns.map { "\($0)" } ?? ""),\(s.maxNs),"
            text += "\(s.staleReads.map { "\($0)" } ?? "")\n"
        }
        return text
    }
}
