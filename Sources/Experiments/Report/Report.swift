/// Renders results; a pure function of them, so that a report can be made again at any time.
public struct Report: Sendable {
    public let panels: [Panel]
    /// What the answers choose from: the panels, those under the same conditions as one.
    let choices: [Panel]
    /// Counterexamples, those of simulations first, then the smallest per configuration.
    public let witnesses: [Witness]
    let cells: [CellResult]
    /// What a recommendation must meet; without any the report ranks by latency.
    let objectives: [ServiceObjective]

    /// Results in any order; the report orders them itself.
    public init(_ collection: ResultStore.Collection, objectives: [ServiceObjective] = []) {
        self.objectives = objectives
        panels = Panel.panels(of: collection.cells)
        choices = Panel.choices(of: panels)
        cells = panels.flatMap { $0.configurations.flatMap { $0.measured + $0.failed } }
        var seen: Set<String> = []
        // The smallest of each kind; one whose nodes were watched, or with a known cause, says
        // more than one without.
        let own = cells.compactMap(\.witness)
        let others = cells.flatMap { $0.otherWitnesses ?? [] }
        let measured = (own + others)
            .sorted {
                let gaps = [$0, $1].map { ($0.events == nil ? 1 : 0, $0.cause == nil ? 1 : 0) }
                return ($0.operations.count, gaps[0].0, gaps[0].1, $0.title)
                    < ($1.operations.count, gaps[1].0, gaps[1].1, $1.title)
            }
            .filter { seen.insert($0.model).inserted }
        witnesses = collection.witnesses + measured.prefix(Report.witnessLimit)
    }

    /// Most measured counterexamples that a report draws.
    static let witnessLimit = 12

    public enum Format: String, Sendable, CaseIterable {
        case html, markdown, csv, json, jsonl, junit
    }

    /// The report as text.
    public func render(_ format: Format) throws(ResultError) -> String {
        switch format {
        case .html: return html()
        case .markdown: return markdown()
        case .csv: return csv()
        case .json: return try json()
        case .jsonl: return try jsonLines()
        case .junit: return junit()
        }
    }

    /// A line for the top: `5 nodes, N = 3, workloada`.
    var title: String {
        guard let shared = panels.first?.shared else { return "Quorum sweep" }
        if panels.allSatisfy({ $0.kind == .stores }) {
            return "Stores side by side: " + shared.workload
        }
        func all(_ values: [String]) -> String {
            var seen: [String] = []
            for value in values where !seen.contains(value) { seen.append(value) }
            return seen.joined(separator: ", ")
        }
        let n = all(panels.map { "\($0.shared.n)" })
        let nodes = all(panels.map { "\($0.shared.nodes)" })
        let workloads = all(panels.map(\.shared.workload))
        let place = shared.where == "simulation" ? "simulated " : ""
        return "Quorum sweep: \(nodes) \(place)nodes, N = \(n), \(workloads)"
    }

    /// What a reader must know of how the numbers came about.
    var method: String {
        var text = Report.commonMethod
        if cells.contains(where: { $0.configuration.where == "processes" }) {
            text += """
                 Operations of the warm-up are not in latency, throughput and errors; they are in \
                the checked history, since what they wrote is read later, and so in the counts of \
                reads; processor time covers them too. Faults begin and end to about a second.
                """
        }
        if cells.contains(where: { $0.configuration.where == "simulation" }) {
            text += """
                 Simulated cells run the store's own code in virtual time on modelled latencies; \
                clients run in a closed loop with pauses and draw keys uniformly, with the \
                workload's share of writes. Service time and latency are the same there, and \
                there is no warm-up. Predictions are PBS with the same latencies: they know no \
                faults, no disk, no repair and one write at a time, so measured data can be \
                fresher than predicted.
                """
        }
        return text
    }

    private static let commonMethod = """
        Latency counts from the intended start of each operation, so waiting behind a slow one is \
        included; “service” counts from when it was sent. Stale reads are counted by the checker \
        over the very operations that were timed; the intervals (Clopper–Pearson, 95 %) take reads \
        as independent, which within one key they are not quite. Rankings use the p99 of reads and \
        writes, weighted by their numbers.
        """

    private func markdown() -> String { markdown(figures: nil) }

    /// The answer for one choice in Markdown: its heading, what was chosen, and why.
    private func answer(_ panel: Panel) -> String {
        let findings = Findings(panel)
        let chosen =
            objectives.isEmpty
            ? nil : Recommendation(panel, objectives: objectives)
        var text = "## \(panel.title)\n\n**\(chosen?.headline ?? findings.headline)**\n\n"
        for remark in chosen?.sureness ?? findings.remarks { text += "- \(remark)\n" }
        if let chosen {
            text += "\n"
            for sentence in chosen.reasons { text += "- \(sentence)\n" }
        }
        return text + "\n"
    }

    /// Markdown that shows the pictures of `figures()` from the folder `figures`.
    public func markdown(figures folder: String?) -> String {
        var text = "# \(title)\n\n"
        let pictures = folder == nil ? [] : figures().map(\.name)
        for (index, choice) in choices.enumerated() where choice.kind == .variants {
            text += answer(choice)
            let name = "choice\(index + 1)-pareto.svg"
            if let folder, pictures.contains(name) {
                text += "![\(name.dropLast(4))](\(folder)/\(name))\n\n"
            }
        }
        for (index, panel) in panels.enumerated() {
            let hasAnswer = choices.contains { $0.kind != .variants && $0.title == panel.title }
            text += hasAnswer ? answer(panel) : "## \(panel.title)\n\n"
            text += "\(ResultTable.markdown(panel))\n"
            if let folder {
                for name in pictures where name.hasPrefix("panel\(index + 1)-") {
                    text += "![\(name.dropLast(4))](\(folder)/\(name))\n"
                }
                text += "\n"
            }
        }
        if !witnesses.isEmpty { text += "## Witnesses\n\n" }
        for witness in witnesses {
            text +=
                "### \(witness.title)\n\n\(witness.model) is violated for key `\(witness.key)`: "
            text += "\(witness.explanation)\n\n"
            if let cause = witness.cause {
                text += "Likely cause: \(Witness.sentence(of: cause))\n\n"
            } else if let doubt = witness.doubt {
                text += "\(doubt)\n\n"
            }
            if let replay = witness.replay { text += "```\n\(replay)\n```\n\n" }
        }
        return text + method + "\n"
    }

    private func csv() -> String {
        let counts = ["stale_reads", "reads", "stale_lower", "stale_upper", "verdict"]
        // The columns of models and verdict are texts; the others are numbers.
        let columns = ResultTable.columns.filter {
            !["configuration", "models_violated", "linearizable"].contains($0.field)
        }
        var text =
            (PanelTrait.all.map(\.field) + columns.map(\.field) + counts
            + ["models_violated", "configuration"])
            .joined(separator: ",")
        text += "\n"
        for panel in panels {
            for c in panel.configurations {
                var row = PanelTrait.all.map { $0.text(panel) }
                row += columns.map { column in column.value(c).map { Report.plain($0) } ?? "" }
                let stale = c.staleReads
                row += [
                    stale.map { "\($0.events)" } ?? "", stale.map { "\($0.trials)" } ?? "",
                    stale?.interval.map { Report.plain($0.lower) } ?? "",
                    stale?.interval.map { Report.plain($0.upper) } ?? "",
                    c.verdict("linearizable")?.verdict ?? "",
                    c.violatedModels.joined(separator: " "), c.name,
                ]
                text += row.map(Report.quoted).joined(separator: ",") + "\n"
            }
        }
        return text
    }

    private static func plain(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? "\(Int(value))" : "\(value)"
    }

    /// RFC 4180: quoted when it holds a comma, a quote or a line break.
    private static func quoted(_ field: String) -> String {
        guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else {
            return field
        }
        return "\""
            + field.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
    }

    private struct Document: Encodable {
        let schema = "quorumeter.report/1"
        let cells: [CellResult]
        let witnesses: [Witness]
    }

    private func json() throws(ResultError) -> String {
        String(
            decoding: try ResultStore.encode(Document(cells: cells, witnesses: witnesses)),
            as: UTF8.self)
    }

    /// A cell a line, then a counterexample a line; `schema` tells them apart.
    private func jsonLines() throws(ResultError) -> String {
        var text = ""
        for cell in cells { text += try ResultStore.line(cell) }
        for witness in witnesses { text += try ResultStore.line(witness) }
        return text
    }

    /// The table of every panel, for a terminal.
    public func plainTables() -> String {
        panels.map { "\($0.title)\n\n\(ResultTable.plain($0))" }.joined(separator: "\n")
    }
}
