import Consistency

/// The JSON document of `quorumeter check`, schema `quorumeter.check/1`.
public struct CheckDocument: Codable, Sendable {
    public static let schemaName = "quorumeter.check/1"

    struct HistoryEntry: Codable {
        var operations: Int
        var keys: Int
        var processes: Int
        var unknown: Int
        var failed: Int
        var durationNs: Int64

        enum CodingKeys: String, CodingKey {
            case operations, keys, processes, unknown, failed
            case durationNs = "duration_ns"
        }
    }

    struct ModelEntry: Codable {
        var model: String
        var verdict: String
        var method: String
        /// Keys that were judged.
        var keys: Int
        var violatingKeys: Int
        var inconclusiveKeys: Int
        var counterexample: Counterexample?
        var reason: String?

        struct Counterexample: Codable {
            var key: String
            var anomaly: String
            var operations: [Int]
            var explanation: String
            var cause: String?
        }

        init(_ report: ModelReport, of history: History) {
            model = report.model.name
            verdict = report.verdict.word
            method = report.method.rawValue
            keys = report.keysChecked
            violatingKeys = report.violatingKeys
            inconclusiveKeys = report.inconclusiveKeys
            reason = report.verdict.word == "inconclusive" ? report.reason : nil
            counterexample = report.counterexample.map {
                Counterexample(
                    key: history.keyText($0.key), anomaly: $0.anomaly.rawValue,
                    operations: $0.operations.map { history.position(of: $0) },
                    explanation: $0.explanation, cause: $0.cause?.rawValue)
            }
        }

        enum CodingKeys: String, CodingKey {
            case model, verdict, method, keys, counterexample, reason
            case violatingKeys = "violating_keys"
            case inconclusiveKeys = "inconclusive_keys"
        }
    }

    struct StalenessEntry: Codable {
        var reads: Int
        var staleReads: Int
        var interval: Interval?
        var kMax: Int
        var kHistogram: [Int]
        /// Null when no shift of the reads into the past makes every key atomic.
        var deltaMaxNs: Int64?
        var deltaPercentilesNs: [String: Int64]
        var gammaMaxNs: Int64?
        /// Ages of the stale reads to three digits, each with how many there are; ascending.
        var ages: [[Int64]]

        enum CodingKeys: String, CodingKey {
            case reads, interval, ages = "ages_ns"
            case staleReads = "stale_reads"
            case kMax = "k_max"
            case kHistogram = "k_histogram"
            case deltaMaxNs = "delta_max_ns"
            case deltaPercentilesNs = "delta_percentiles_ns"
            case gammaMaxNs = "gamma_max_ns"
        }
    }

    /// Which part of a history the document speaks of.
    struct ShardEntry: Codable, Equatable {
        var index: Int
        var count: Int
    }

    var schema = CheckDocument.schemaName
    var history: HistoryEntry
    var models: [ModelEntry]
    var staleness: StalenessEntry
    var shard: ShardEntry?
    /// The first counterexample, for a drawing or a text; not in the document.
    public internal(set) var witness: Witness?

    enum CodingKeys: String, CodingKey {
        case schema, history, models, staleness, shard
    }

    public init(_ report: Consistency.Report, of history: History, shard: Shard? = nil) {
        let summary = report.summary
        self.history = HistoryEntry(
            operations: summary.operations, keys: summary.keys, processes: summary.processes,
            unknown: summary.unknown, failed: summary.failed, durationNs: summary.duration)
        models = report.models.map { ModelEntry($0, of: history) }
        staleness = StalenessEntry(report.staleness)
        self.shard = shard.map { ShardEntry(index: $0.index, count: $0.count) }
        let violated = report.models.first { $0.counterexample != nil }
        witness = violated.flatMap { model in
            model.counterexample.map {
                CheckSummary.witness(
                    $0, model: model.model.name, title: "The smallest counterexample",
                    of: history, replay: nil, isDeterministic: true)
            }
        }
    }

    /// `violated`, `inconclusive` or `holds`, over all models.
    public var verdict: String {
        for word in ["violated", "inconclusive"]
        where models.contains(where: { $0.verdict == word }) {
            return word
        }
        return "holds"
    }

    /// For people: the history, a line a model, the stale reads, the counterexample.
    public var text: String {
        var text = "\(Quantities.grouped(history.operations)) operations on "
        text += "\(Quantities.grouped(history.keys)) keys by "
        text += "\(Quantities.grouped(history.processes)) processes; "
        text += "\(history.unknown) unknown, \(history.failed) failed\n"
        if let shard { text += "only shard \(shard.index) of \(shard.count)\n" }
        for model in models {
            text += "\(model.model): \(model.verdict)"
            if model.violatingKeys > 0 { text += " on \(model.violatingKeys) keys" }
            if let reason = model.reason { text += ": \(reason)" }
            text += " (\(model.method))\n"
        }
        let stale = Proportion(events: staleness.staleReads, trials: staleness.reads)
        text += "stale reads: \(stale.text)"
        if staleness.staleReads > 0 { text += "; at most \(staleness.kMax) writes behind" }
        text += "\n"
        if let witness {
            text += witness.text
        } else if let counterexample = models.lazy.compactMap(\.counterexample).first {
            text += "  \(counterexample.explanation)\n"
            let places = counterexample.operations.map { String($0) }.joined(separator: ", ")
            text += "  Operations \(places) of the history.\n"
        }
        return text
    }
}

extension CheckDocument.StalenessEntry {
    init(_ staleness: Staleness) {
        func known(_ value: Int64) -> Int64? { value == .max ? nil : value }
        reads = staleness.reads
        staleReads = staleness.staleReads
        interval = Proportion(events: staleness.staleReads, trials: staleness.reads).interval
        kMax = staleness.kMax
        kHistogram = staleness.kHistogram
        deltaMaxNs = known(staleness.deltaMax)
        deltaPercentilesNs = [
            "50": staleness.agePercentile(50, 100), "99": staleness.agePercentile(99, 100),
            "99.9": staleness.agePercentile(999, 1_000),
        ]
        gammaMaxNs = known(staleness.gammaMax)
        ages = []
        for age in staleness.ages {
            // Ten significant bits: three digits.
            let cut = max(0, Int64.bitWidth - age.leadingZeroBitCount - 10)
            let rounded = (age >> Int64(cut)) << Int64(cut)
            if let last = ages.last, last[0] == rounded {
                ages[ages.count - 1][1] += 1
            } else {
                ages.append([rounded, 1])
            }
        }
    }
}
