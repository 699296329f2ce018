import Consistency

/// From the checker's report to what results keep of it.
enum CheckSummary {
    /// Enters verdicts, stale reads, staleness and the smallest counterexample into `cell`.
    static func fill(_ cell: inout CellResult, from report: Consistency.Report, of history: History)
    {
        let staleness = report.staleness
        cell.staleReads = Proportion(events: staleness.staleReads, trials: staleness.reads)
        cell.staleness = StalenessSummary(
            kMax: staleness.kMax, kHistogram: staleness.kHistogram,
            deltaMaxNs: staleness.deltaMax,
            deltaPercentilesNs: [
                "50": staleness.agePercentile(50, 100), "99": staleness.agePercentile(99, 100),
                "99.9": staleness.agePercentile(999, 1_000),
            ],
            gammaMaxNs: staleness.gammaMax == .max ? nil : staleness.gammaMax)
        addVerdicts(to: &cell, from: report, of: history)
    }

    /// Enters verdicts and the smallest counterexample of each model.
    static func addVerdicts(
        to cell: inout CellResult, from report: Consistency.Report, of history: History
    ) {
        for model in report.models {
            cell.verdicts.append(
                ModelVerdict(
                    model: model.model.name, verdict: model.verdict.word,
                    method: model.method.rawValue, violatingKeys: model.violatingKeys,
                    explanation: model.counterexample?.explanation ?? model.reason))
            guard let counterexample = model.counterexample else { continue }
            let made = witness(
                counterexample, model: model.model.name, title: cell.configuration.title,
                of: history, replay: cell.command,
                isDeterministic: cell.configuration.network != nil)
            if cell.witness == nil {
                cell.witness = made
            } else {
                cell.otherWitnesses = (cell.otherWitnesses ?? []) + [made]
            }
        }
    }

    /// A counterexample as the report draws it, its own operations marked.
    static func witness(
        _ counterexample: Consistency.Witness, model: String, title: String, of history: History,
        replay: String?, isDeterministic: Bool
    ) -> Witness {
        let operations = counterexample.operations.sorted {
            (history.operations[$0].invoked, $0) < (history.operations[$1].invoked, $1)
        }.map { operation($0, of: history) }
        var made = Witness(
            model: model, title: title, key: history.keyText(counterexample.key),
            explanation: counterexample.explanation, operations: operations, replay: replay,
            isDeterministic: isDeterministic)
        made.cause = counterexample.cause?.rawValue
        return made
    }

    private static func operation(_ index: Int, of history: History) -> WitnessOperation {
        let operation = history.operations[index]
        var notes: [String] = []
        if let detail = history.detail(of: index) {
            if let node = detail.node { notes.append("by \(history.nodes.text(Int(node)))") }
            if !detail.acks.isEmpty {
                let names = detail.acks.map {
                    history.nodes.text(Int($0.node)) + ($0.isFallback ? " for another" : "")
                }
                notes.append("replicas \(names.joined(separator: " "))")
            }
        }
        return WitnessOperation(
            index: history.position(of: index), process: Int(operation.process),
            op: "\(operation.kind)",
            value: operation.value.isAbsent ? nil : history.text(operation.value),
            invokedNs: operation.invoked,
            completedNs: operation.completed == Operation.never ? nil : operation.completed,
            outcome: "\(operation.outcome)", isAtFault: operation.kind == .read,
            note: notes.isEmpty ? nil : notes.joined(separator: ", "))
    }
}
