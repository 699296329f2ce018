import Basics

extension Workload {
    /// Reads the core properties; absent ones have YCSB's defaults.
    ///
    /// Properties of YCSB that mean nothing here (`workload`, `db`, `measurementtype` …) and those
    /// of database bindings (any name with a dot) are left alone; another unknown name is an error
    /// that names the nearest known one.
    /// `files` reads the text of a file that a property names: the histogram of field lengths
    /// (`fieldlengthhistogram`), the trace of arrivals (`arrivals.trace`).
    public init(
        _ properties: Properties,
        files: (_ path: String, _ origin: String) throws(PropertyError) -> String = {
            (path, origin) throws(PropertyError) in
            throw PropertyError(origin: origin, problem: "'\(path)' cannot be read here")
        }
    ) throws(PropertyError) {
        self.init()
        try Workload.refuseUnknown(in: properties)
        let reader = PropertyReader(properties: properties)
        try readRecords(reader)
        try readOperations(reader)
        try readClient(reader)
        try readArrivals(reader, files)
        try readFieldLengths(reader, files)
        try refuseContradictions(reader)
    }

    private mutating func readRecords(_ reader: PropertyReader) throws(PropertyError) {
        table = reader.text("table") ?? table
        let records: UInt64 = 1_000_000_000_000
        try reader.integer("recordcount", into: &recordCount, 0...records)
        try reader.integer("operationcount", into: &operationCount, 0...UInt64(Int64.max))
        try reader.integer("insertstart", into: &insertStart, 0...records)
        insertCount = recordCount - min(insertStart, recordCount)
        try reader.integer("insertcount", into: &insertCount, 0...records)
        try reader.integer("fieldcount", into: &fieldCount, 1...1_000_000)
        try reader.integer("fieldlength", into: &fieldLength, 0...Limits.valueBytes)
        try reader.integer("minfieldlength", into: &minFieldLength, 0...Limits.valueBytes)
        try reader.word("fieldlengthdistribution", into: &fieldLengthDistribution)
        fieldNamePrefix = reader.text("fieldnameprefix") ?? fieldNamePrefix
        try reader.boolean("readallfields", into: &readAllFields)
        try reader.boolean("writeallfields", into: &writeAllFields)
        try reader.boolean("dataintegrity", into: &dataIntegrity)
        try reader.integer("zeropadding", into: &zeroPadding, 0...1_000)
        try reader.word("insertorder", into: &insertOrder)
        try reader.integer(
            "core_workload_insertion_retry_limit", into: &insertionRetryLimit, 0...1_000_000)
        try reader.number(
            "core_workload_insertion_retry_interval", into: &insertionRetryInterval, 0...86_400)
    }

    private mutating func readOperations(_ reader: PropertyReader) throws(PropertyError) {
        try reader.number("readproportion", into: &readProportion, 0...1)
        try reader.number("updateproportion", into: &updateProportion, 0...1)
        try reader.number("insertproportion", into: &insertProportion, 0...1)
        try reader.number("scanproportion", into: &scanProportion, 0...1)
        try reader.number("readmodifywriteproportion", into: &readModifyWriteProportion, 0...1)
        try reader.word("requestdistribution", into: &requestDistribution)
        try reader.number("zipfianconstant", into: &zipfianConstant, 0.001...100)
        try reader.number("hotspotdatafraction", into: &hotspotDataFraction, 0...1)
        try reader.number("hotspotopnfraction", into: &hotspotOperationFraction, 0...1)
        try reader.number(
            "exponential.percentile", into: &exponentialPercentile, 0.001...99.999_999)
        try reader.number("exponential.frac", into: &exponentialFraction, 0.000_001...1_000)
        try reader.integer("minscanlength", into: &minScanLength, 1...1_000_000)
        try reader.integer("maxscanlength", into: &maxScanLength, 1...1_000_000)
        try reader.word("scanlengthdistribution", into: &scanLengthDistribution)
    }

    private mutating func readClient(_ reader: PropertyReader) throws(PropertyError) {
        try reader.integer("threadcount", into: &threadCount, 1...65_536)
        try reader.number("target", into: &target, 0...1e9)
        try reader.integer("maxexecutiontime", into: &maxExecutionTime, 0...31_536_000)
        try reader.integer("status.interval", into: &statusInterval, 1...86_400)
        if reader.text("measurement.interval") != nil {
            var origin = LatencyOrigin.op
            try reader.word("measurement.interval", into: &origin)
            latencyOrigin = origin
        }
        guard let text = reader.text("hdrhistogram.percentiles") else { return }
        percentiles = []
        for part in text.split(separator: ",") {
            guard let percentile = Double(part), (0...100).contains(percentile) else {
                throw reader.error(
                    "hdrhistogram.percentiles",
                    "hdrhistogram.percentiles=\(text) is not a list of numbers from 0 to 100")
            }
            percentiles.append(percentile)
        }
    }

    private mutating func readArrivals(
        _ reader: PropertyReader, _ files: (String, String) throws(PropertyError) -> String
    ) throws(PropertyError) {
        if target > 0 { arrivals = .constant }
        try reader.word("arrivals", into: &arrivals)
        try reader.word("arrivals.spacing", into: &arrivalSpacing)
        var low = target / 10
        var (over, period, width, steps) = (60.0, 60.0, 5.0, 10)
        try reader.number("arrivals.from", into: &low, 0...1e9)
        try reader.number("arrivals.over", into: &over, 0.001...1e9)
        try reader.number("arrivals.period", into: &period, 0.001...1e9)
        try reader.number("arrivals.width", into: &width, 0.000_001...1e9)
        try reader.integer("arrivals.steps", into: &steps, 1...10_000)
        switch arrivals {
        case .closed, .constant, .poisson: return
        case .ramp: rateProfile = .ramp(from: low, to: target, over: over)
        case .step: rateProfile = .steps(from: low, to: target, over: over, steps: steps)
        case .sine: rateProfile = .sine(from: low, to: target, period: period)
        case .spike:
            guard width < period else {
                throw reader.error(
                    "arrivals.width",
                    "arrivals.width \(width) is not below arrivals.period \(period)")
            }
            rateProfile = .spikes(from: low, to: target, period: period, width: width)
        case .trace:
            guard let path = reader.text("arrivals.trace") else {
                throw reader.error("arrivals", "arrivals=trace needs arrivals.trace=FILE")
            }
            let text = try files(path, reader.error("arrivals.trace", "").origin)
            rateProfile = try RateProfile(trace: text, file: path)
            target = rateProfile?.pieces.map { max($0.first, $0.last) }.max() ?? 0
        }
    }

    private mutating func readFieldLengths(
        _ reader: PropertyReader, _ files: (String, String) throws(PropertyError) -> String
    ) throws(PropertyError) {
        guard scanLengthDistribution != .histogram else {
            throw reader.error(
                "scanlengthdistribution",
                "scanlengthdistribution=histogram: scans are constant, uniform or zipfian")
        }
        guard fieldLengthDistribution == .histogram else { return }
        let path = reader.text("fieldlengthhistogram") ?? "hist.txt"
        let text = try files(path, reader.error("fieldlengthhistogram", "").origin)
        let lengths = try FieldLengths(parsing: text, file: path)
        fieldLengths = lengths
        fieldLength = lengths.longest
    }

    /// What single properties cannot tell.
    private func refuseContradictions(_ reader: PropertyReader) throws(PropertyError) {
        let sum =
            readProportion + updateProportion + insertProportion + scanProportion
            + readModifyWriteProportion
        guard abs(sum - 1) < 1e-4 else {
            throw reader.error(
                "readproportion",
                "the proportions must add up to 1 but read \(readProportion) + update "
                    + "\(updateProportion) + insert \(insertProportion) + scan \(scanProportion) + "
                    + "readmodifywrite \(readModifyWriteProportion) = \(sum.fixed(4)) (absent ones "
                    + "have YCSB's defaults: read 0.95, update 0.05, others 0)")
        }
        guard minScanLength <= maxScanLength else {
            throw reader.error(
                "minscanlength",
                "minscanlength \(minScanLength) is above maxscanlength \(maxScanLength)")
        }
        guard
            [.constant, .histogram].contains(fieldLengthDistribution)
                || minFieldLength <= fieldLength
        else {
            throw reader.error(
                "minfieldlength",
                "minfieldlength \(minFieldLength) is above fieldlength \(fieldLength)")
        }
        guard recordBytes <= Limits.valueBytes else {
            throw reader.error(
                "fieldlength",
                "fieldcount \(fieldCount) × fieldlength \(fieldLength) is more than the longest "
                    + "value, \(Limits.valueBytes) bytes")
        }
        guard insertStart + insertCount <= max(recordCount, insertCount) else {
            throw reader.error(
                "insertcount",
                "insertstart \(insertStart) + insertcount \(insertCount) is more than recordcount "
                    + "\(recordCount)")
        }
        guard arrivals == .closed || target > 0 else {
            throw reader.error(
                "arrivals", "arrivals=\(arrivals.rawValue) needs a target rate (target=OPS)")
        }
    }

    /// Every core property that is honoured.
    public static let propertyNames = [
        "recordcount", "operationcount", "insertstart", "insertcount", "table", "fieldcount",
        "fieldlength", "minfieldlength", "fieldlengthdistribution", "fieldnameprefix",
        "readallfields", "writeallfields", "dataintegrity", "readproportion", "updateproportion",
        "insertproportion", "scanproportion", "readmodifywriteproportion", "requestdistribution",
        "zipfianconstant", "hotspotdatafraction", "hotspotopnfraction", "exponential.percentile",
        "exponential.frac", "minscanlength", "maxscanlength", "scanlengthdistribution",
        "zeropadding", "insertorder", "core_workload_insertion_retry_limit",
        "core_workload_insertion_retry_interval", "threadcount", "target", "arrivals",
        "maxexecutiontime", "status.interval", "fieldlengthhistogram", "arrivals.spacing",
        "arrivals.from", "arrivals.over", "arrivals.period", "arrivals.width", "arrivals.steps",
        "arrivals.trace", "measurement.interval", "hdrhistogram.percentiles",
    ]

    /// YCSB's properties that choose its own parts; they are accepted and mean nothing here.
    static let foreignNames = [
        "workload", "db", "exporter", "exportfile", "measurementtype", "dotransactions",
        "readallfieldsbyname", "reportlatencyforeacherror",
        "latencytrackederrors", "label", "threads", "jdbc", "mbeans",
    ]

    private static func refuseUnknown(in properties: Properties) throws(PropertyError) {
        for entry in properties.entries {
            let name = entry.name
            if propertyNames.contains(name) || foreignNames.contains(name) { continue }
            if name.contains("."), !name.hasPrefix("arrivals.") { continue }
            var problem = "unknown property '\(name)'"
            if let meant = Spelling.nearest(to: name, among: propertyNames) {
                problem += "; did you mean '\(meant)'?"
            } else {
                problem += "; the known ones are " + propertyNames.joined(separator: ", ")
            }
            throw PropertyError(origin: entry.origin, problem: problem)
        }
    }
}
