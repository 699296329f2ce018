import Basics
import Foundation

/// Two result sets side by side: what changed, and how sure that is.
///
/// A metric of a configuration is judged by its repeats. The ratio is that of the medians; its
/// interval is a percentile bootstrap over repeats (Efron 1979). Significance is the exact
/// Mann–Whitney test over repeats, corrected for the number of metrics by Holm's method (1979),
/// so that a whole comparison of equals calls none different at least `confidence` of the time.
/// Samples within one run are not independent of each other, so intervals of the time series
/// never enter the verdict; their test is reported beside it.
public struct Comparison: Codable, Sendable, Equatable {
    public var schema = "quorumeter.comparison/1"
    public var confidence: Double
    public var metrics: [Metric]
    /// Configurations that only one of the two sets has.
    public var onlyInBase: [String]
    public var onlyInNew: [String]

    /// What is said about a metric.
    public enum Verdict: String, Codable, Sendable {
        case better, worse, same
        /// A change as large as is asked for could have been missed.
        case unclear
    }

    /// One metric of one configuration.
    public struct Metric: Codable, Sendable, Equatable {
        public var configuration: String
        public var metric: String
        public var base: Double
        public var new: Double
        /// Median of the new repeats over that of the base ones.
        public var ratio: Double
        public var interval: Interval
        /// Two-sided p-value of the exact Mann–Whitney test over repeats.
        public var pValue: Double
        /// The same over the intervals of the time series, as a hint only; nil without series.
        public var pValueOfIntervals: Double?
        /// The smallest relative change that these repeats would show in four of five cases; nil
        /// when there are too few for any.
        public var minimumDetectable: Double?
        /// Repeats of each set that would show the change that was asked for.
        public var repeatsNeeded: Int?
        public var repeats: [Int]
        public var verdict: Verdict

        enum CodingKeys: String, CodingKey {
            case configuration, metric, base, new, ratio, interval, repeats, verdict
            case pValue = "p_value"
            case pValueOfIntervals = "p_value_of_intervals"
            case minimumDetectable = "minimum_detectable"
            case repeatsNeeded = "repeats_needed"
        }
    }

    enum CodingKeys: String, CodingKey {
        case schema, confidence, metrics
        case onlyInBase = "only_in_base"
        case onlyInNew = "only_in_new"
    }

    /// A metric got worse beyond doubt.
    public var hasRegression: Bool { metrics.contains { $0.verdict == .worse } }
    /// Nothing got worse, but a change of the asked size could have been missed.
    public var isUnclear: Bool { metrics.contains { $0.verdict == .unclear } }

    /// Compares the configurations that both sets have. `effect`: the relative change that
    /// matters, such as 0.1.
    public init(
        base: [CellResult], new: [CellResult], confidence: Double = 0.95, effect: Double = 0.1
    ) {
        self.confidence = confidence
        let names = Comparison.names(base + new)
        let old = Comparison.grouped(base, names)
        let fresh = Comparison.grouped(new, names)
        onlyInBase = old.keys.filter { fresh[$0] == nil }.sorted()
        onlyInNew = fresh.keys.filter { old[$0] == nil }.sorted()
        var pairs: [(name: String, kind: MetricKind, before: [CellResult], after: [CellResult])] =
            []
        for name in old.keys.sorted() {
            guard let before = old[name], let after = fresh[name] else { continue }
            for kind in MetricKind.all
            where before.contains(where: { kind.value($0) != nil })
                && after.contains(where: { kind.value($0) != nil })
            {
                pairs.append((name, kind, before, after))
            }
        }
        let metrics = pairs.map { pair in
            var metric = Metric(
                pair.kind, pair.name, pair.before.compactMap(pair.kind.value),
                pair.after.compactMap(pair.kind.value), confidence: confidence, effect: effect,
                metrics: pairs.count)
            metric.pValueOfIntervals = pair.kind.series.map { series in
                Statistics.mannWhitney(
                    pair.before.flatMap { $0.timeSeries.map(series) },
                    pair.after.flatMap { $0.timeSeries.map(series) })
            }
            return metric
        }
        self.metrics = Comparison.judged(metrics, confidence: confidence, effect: effect)
    }

    /// Measured cells by what they measured, under names that people read.
    private static func grouped(
        _ cells: [CellResult], _ names: [String: String]
    ) -> [String: [CellResult]] {
        var groups: [String: [CellResult]] = [:]
        for cell in cells where cell.failure == nil {
            let key = longName(cell.configuration)
            groups[names[key] ?? key, default: []].append(cell)
        }
        return groups
    }

    /// By long name: the short one where it means one configuration only.
    private static func names(_ cells: [CellResult]) -> [String: String] {
        var longs: [String: Set<String>] = [:]
        for cell in cells where cell.failure == nil {
            longs[shortName(cell.configuration), default: []].insert(longName(cell.configuration))
        }
        var names: [String: String] = [:]
        for (short, longs) in longs where longs.count == 1 {
            for long in longs { names[long] = short }
        }
        return names
    }

    private static func shortName(_ c: CellConfiguration) -> String {
        let place = c.network ?? c.where
        if let store = c.store { return "\(store), \(c.workload) \(c.fault) \(c.fsync) \(place)" }
        let repair = c.readRepair.map { $0 == "async" ? "" : " repair=\($0)" } ?? ""
        let quorum = c.mode == "cp" ? "" : " R=\(c.r) W=\(c.w)"
        return "N=\(c.n)\(quorum) \(c.workload) \(c.quorum) \(c.mode)\(repair) \(c.fault) "
            + "\(c.fsync) \(place)"
    }

    /// All that decides what is measured but how long, which seed and which repeat.
    private static func longName(_ c: CellConfiguration) -> String {
        let rate =
            c.targetPerSecond > 0
            ? "\(Quantities.significant(c.targetPerSecond))/s \(c.arrivals)" : c.arrivals
        return shortName(c) + ", \(c.nodes) nodes, \(c.clients) clients, \(rate), "
            + "\(Quantities.grouped(c.records)) records"
    }

    /// Holm: the smallest p-value must pass the strictest threshold, the next one the next.
    private static func judged(
        _ metrics: [Metric], confidence: Double, effect: Double
    ) -> [Metric] {
        var judged = metrics
        let order = metrics.indices.sorted { (metrics[$0].pValue, $0) < (metrics[$1].pValue, $1) }
        var isOpen = true
        for (rank, index) in order.enumerated() {
            let threshold = (1 - confidence) / Double(metrics.count - rank)
            if metrics[index].pValue > threshold { isOpen = false }
            let isWorse = MetricKind.isWorse(metrics[index].metric, ratio: metrics[index].ratio)
            if isOpen, metrics[index].ratio != 1 {
                judged[index].verdict = isWorse ? .worse : .better
            } else if let detectable = metrics[index].minimumDetectable, detectable <= effect {
                judged[index].verdict = .same
            } else {
                judged[index].verdict = .unclear
            }
        }
        return judged
    }
}

/// A quantity that is compared, and which way is worse.
struct MetricKind: Sendable {
    let name: String
    let value: @Sendable (CellResult) -> Double?
    let series: (@Sendable (TimeSlice) -> Double)?

    static func isWorse(_ name: String, ratio: Double) -> Bool {
        name == "throughput" ? ratio < 1 : ratio > 1
    }

    static let all: [MetricKind] = {
        var kinds = [
            MetricKind(
                name: "throughput",
                value: { $0.throughput.perSecond > 0 ? $0.throughput.perSecond : nil },
                series: { Double($0.operations - $0.failed) })
        ]
        for operation in ["read", "write"] {
            for percentile in ["50", "99"] {
                kinds.append(
                    MetricKind(
                        name: "\(operation) p\(percentile)",
                        value: { cell in
                            cell.latency(operation, .intended)?.percentilesNs[percentile]
                                .flatMap { $0 > 0 ? Double($0) : nil }
                        }, series: nil))
            }
        }
        return kinds
    }()
}

extension Comparison.Metric {
    init(
        _ kind: MetricKind, _ configuration: String, _ base: [Double], _ new: [Double],
        confidence: Double, effect: Double, metrics: Int
    ) {
        self.configuration = configuration
        metric = kind.name
        self.base = Statistics.median(base) ?? 0
        self.new = Statistics.median(new) ?? 0
        ratio = self.new / self.base
        interval = Statistics.bootstrapRatio(base, new, confidence: confidence)
        pValue = Statistics.mannWhitney(base, new)
        repeats = [base.count, new.count]
        let spread = Statistics.relativeSpread(base, new)
        minimumDetectable = Statistics.detectable(
            spread: spread, repeats: min(base.count, new.count), confidence: confidence,
            metrics: metrics)
        repeatsNeeded = spread.flatMap { spread in
            (2...1_000).first { repeats in
                // With room for a spread that is estimated two standard errors too large then.
                let room = 1 + 2 / Double(4 * repeats - 4).squareRoot()
                return Statistics.detectable(
                    spread: spread * room, repeats: repeats, confidence: confidence,
                    metrics: metrics
                ).map { $0 <= effect } ?? false
            }
        }
        verdict = .unclear
    }
}
