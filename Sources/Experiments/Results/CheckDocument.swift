import Consistency

/// The JSON document of `quorumeter check`, schema `quorumeter.check/1`.
public struct CheckDocument: Encodable, Sendable {
    struct HistoryEntry: Encodable {
        let operations: Int
        let keys: Int
        let processes: Int
        let unknown: Int
        let failed: Int
        let durationNs: Int64

        enum CodingKeys: String, CodingKey {
            case operations, keys, processes, unknown, failed
            case durationNs = "duration_ns"
        }
    }

    struct ModelEntry: Encodable {
        let model: String
        let verdict: String
        let method: String
        let violatingKeys: Int
        let counterexample: Counterexample?
        let reason: String?

        struct Counterexample: Encodable {
            let key: String
            let anomaly: String
            let operations: [Int]
            let explanation: String
        }

        init(_ report: ModelReport, of history: History) {
            model = report.model.name
            verdict = report.verdict.word
            method = report.method.rawValue
            violatingKeys = report.violatingKeys
            reason = report.verdict.word == "inconclusive" ? report.reason : nil
            counterexample = report.counterexample.map {
                Counterexample(
                    key: history.keyText($0.key), anomaly: $0.anomaly.rawValue,
                    operations: $0.operations.map { history.position(of: $0) },
                    explanation: $0.explanation)
            }
        }

        enum CodingKeys: String, CodingKey {
            case model, verdict, method, counterexample, reason
            case violatingKeys = "violating_keys"
        }
    }

    struct StalenessEntry: Encodable {
        let reads: Int
        let staleReads: Int
        let interval: Interval?
        let kMax: Int
        let kHistogram: [Int]
        /// Null when no shift of the reads into the past makes every key atomic.
        let deltaMaxNs: Int64?
        let deltaPercentilesNs: [String: Int64]
        let gammaMaxNs: Int64?

        enum CodingKeys: String, CodingKey {
            case reads, interval
            case staleReads = "stale_reads"
            case kMax = "k_max"
            case kHistogram = "k_histogram"
            case deltaMaxNs = "delta_max_ns"
            case deltaPercentilesNs = "delta_percentiles_ns"
            case gammaMaxNs = "gamma_max_ns"
        }
    }

    let schema = "quorumeter.check/1"
    let history: HistoryEntry
    let models: [ModelEntry]
    let staleness: StalenessEntry
    /// The first counterexample, for a drawing or a text; not in the document.
    public let witness: Witness?

    enum CodingKeys: String, CodingKey {
        case schema, history, models, staleness
    }

    public init(_ report: Consistency.Report, of history: History) {
        let summary = report.summary
        self.history = HistoryEntry(
            operations: summary.operations, keys: summary.keys, processes: summary.processes,
            unknown: summary.unknown, failed: summary.failed, durationNs: summary.duration)
        models = report.models.map { ModelEntry($0, of: history) }
        let staleness = report.staleness
        let stale = Proportion(events: staleness.staleReads, trials: staleness.reads)
        func known(_ value: Int64) -> Int64? { value == .max ? nil : value }
        self.staleness = StalenessEntry(
            reads: staleness.reads, staleReads: staleness.staleReads, interval: stale.interval,
            kMax: staleness.kMax, kHistogram: staleness.kHistogram,
            deltaMaxNs: known(staleness.deltaMax),
            deltaPercentilesNs: [
                "50": staleness.agePercentile(50, 100), "99": staleness.agePercentile(99, 100),
                "99.9": staleness.agePercentile(999, 1_000),
            ], gammaMaxNs: known(staleness.gammaMax))
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
        if let witness { text += witness.text }
        return text
    }
}
