/// A fault and when it lasted, since the start of the measured run.
public struct FaultWindow: Codable, Sendable, Equatable {
    /// Such as `kill n1` or `partition n1 <x> rest`.
    public var name: String
    public var startNs: Int64
    public var endNs: Int64

    public init(name: String, startNs: Int64, endNs: Int64) {
        self.name = name
        self.startNs = startNs
        self.endNs = endNs
    }

    enum CodingKeys: String, CodingKey {
        case name
        case startNs = "start_ns"
        case endNs = "end_ns"
    }
}

/// Reads that began within one span of time after the latest acknowledged write of their key.
public struct FreshnessBin: Codable, Sendable, Equatable {
    /// The span: from `startNs`, up to but without `endNs`.
    public var startNs: Int64
    public var endNs: Int64
    /// Mean time since the write.
    public var meanNs: Int64
    public var reads: Int
    /// Those of them that were not stale.
    public var fresh: Int

    public init(startNs: Int64, endNs: Int64, meanNs: Int64, reads: Int, fresh: Int) {
        self.startNs = startNs
        self.endNs = endNs
        self.meanNs = meanNs
        self.reads = reads
        self.fresh = fresh
    }

    enum CodingKeys: String, CodingKey {
        case reads, fresh
        case startNs = "start_ns"
        case endNs = "end_ns"
        case meanNs = "mean_ns"
    }
}

/// The prediction for one cell.
public struct CellPrediction: Codable, Sendable, Equatable {
    /// Probability of a fresh read against the time since the commit.
    public var curve: [Point]
    /// How long after the commit reads are fresh with 50, 90, 99 and 99.9 %.
    public var visibilityNs: [String: Int64]
    public var readP99Ns: Int64
    public var writeP99Ns: Int64
    public var trials: Int
    /// Mean distance between predicted and measured probability over the bins, each weighted by
    /// its reads; nil when nothing was measured.
    public var calibrationError: Double?

    /// One point of the curve.
    public struct Point: Codable, Sendable, Equatable {
        public var afterNs: Int64
        public var fresh: Double

        public init(afterNs: Int64, fresh: Double) {
            self.afterNs = afterNs
            self.fresh = fresh
        }

        enum CodingKeys: String, CodingKey {
            case fresh
            case afterNs = "after_ns"
        }
    }

    public init(
        curve: [Point], visibilityNs: [String: Int64], readP99Ns: Int64, writeP99Ns: Int64,
        trials: Int, calibrationError: Double?
    ) {
        self.curve = curve
        self.visibilityNs = visibilityNs
        self.readP99Ns = readP99Ns
        self.writeP99Ns = writeP99Ns
        self.trials = trials
        self.calibrationError = calibrationError
    }

    enum CodingKeys: String, CodingKey {
        case curve, trials
        case visibilityNs = "visibility_ns"
        case readP99Ns = "read_p99_ns"
        case writeP99Ns = "write_p99_ns"
        case calibrationError = "calibration_error"
    }
}
