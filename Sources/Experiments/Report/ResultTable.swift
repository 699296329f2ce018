/// All configurations in rows, for every format of the report.
struct ResultTable {
    /// One column: its name, and per configuration a text and a number to sort by.
    struct Column: Sendable {
        let name: String
        /// Machine name for CSV, with its unit.
        let field: String
        let text: @Sendable (ConfigurationSummary) -> String
        let value: @Sendable (ConfigurationSummary) -> Double?
    }

    /// Every column of one configuration, in order.
    static let columns: [Column] = quorum + speed + cost + safety

    private static let quorum = [
        Column(
            name: "configuration", field: "configuration", text: { $0.name }, value: { _ in nil }),
        Column(name: "R", field: "r", text: { "\($0.r)" }, value: { Double($0.r) }),
        Column(name: "W", field: "w", text: { "\($0.w)" }, value: { Double($0.w) }),
    ]

    private static let speed: [Column] = {
        var columns = [
            Column(
                name: "ops/s", field: "throughput_per_second",
                text: { $0.throughput.map(Quantities.significant) ?? "failed" },
                value: { $0.throughput })
        ]
        for operation in ["read", "write"] {
            for percentile in ["50", "99", "99.9"] {
                columns.append(
                    Column(
                        name: "\(operation) p\(percentile)",
                        field: "\(operation)_p\(percentile)_ns",
                        text: { c in
                            c.latency(operation, percentile).map {
                                Quantities.text(nanoseconds: Int64($0))
                            } ?? "–"
                        }, value: { $0.latency(operation, percentile) }))
            }
        }
        return columns + [
            Column(
                name: "available", field: "availability",
                text: { $0.availability.map { Quantities.percent($0) } ?? "–" },
                value: { $0.availability }),
            Column(
                name: "errors", field: "errors",
                text: { c in
                    let errors = c.errors
                    return errors.isEmpty
                        ? "0"
                        : errors.map { "\(Quantities.grouped($0.count)) \($0.name)" }
                            .joined(separator: ", ")
                }, value: { Double($0.errors.reduce(0) { $0 + $1.count }) }),
        ]
    }()

    private static let cost: [Column] = [
        number("CPU µs/op", "cpu_us_per_operation") { $0.processorPerOperation },
        counted("client B/op", "client_bytes_per_operation") { $0.clientBytes },
        counted("peer B/op", "peer_bytes_per_operation") { $0.peerBytes },
        counted("messages/op", "messages_per_operation") { $0.messages },
        counted("fsyncs/op", "fsyncs_per_operation") { $0.syncs },
        number("MiB/node", "resident_mib_per_node") { $0.residentMiB },
        number("heap MiB/node", "allocated_mib_per_node") { $0.allocatedMiB },
    ]

    private static let safety: [Column] = [
        Column(
            name: "converged", field: "convergence_ns",
            text: { $0.convergenceText ?? "–" },
            value: { c in
                guard let convergence = c.convergence, convergence.converged else { return nil }
                return convergence.afterNs.map { Double($0) }
            }),
        count("diverging keys", "diverging_keys") { $0.convergence?.divergingKeys },
        count("keys with lost writes", "keys_with_lost_writes") { $0.violatingKeys("durable") },
        count("k max", "k_max") { c in c.measured.compactMap(\.staleness?.kMax).max() },
        time("Δ max", "delta_max_ns") { $0.deltaMaxNs },
        time("Γ max", "gamma_max_ns") { $0.gammaMaxNs },
        Column(
            name: "stale reads (95 %)", field: "stale_fraction",
            text: { $0.staleReads?.text ?? "not checked" }, value: { $0.staleReads?.fraction }),
        Column(
            name: "models violated", field: "models_violated",
            text: { c in
                c.violatedModels.isEmpty ? "none" : c.violatedModels.joined(separator: " ")
            }, value: { Double($0.violatedModels.count) }),
        Column(
            name: "linearizable", field: "linearizable", text: verdict,
            value: { $0.verdict("linearizable").map { Double($0.violatingKeys) } }),
    ]

    private static func number(
        _ name: String, _ field: String,
        _ value: @escaping @Sendable (ConfigurationSummary) -> Double?
    ) -> Column {
        Column(
            name: name, field: field,
            text: { value($0).map { Quantities.significant($0) } ?? "–" }, value: value)
    }

    /// What the nodes counted; a lower bound where the counts of one are missing.
    private static func counted(
        _ name: String, _ field: String, _ part: @escaping @Sendable (OperationCosts) -> Int
    ) -> Column {
        Column(
            name: name, field: field,
            text: { c in
                c.cost(part).map { (c.hasUnknownCosts ? "≥ " : "") + Quantities.significant($0) }
                    ?? "–"
            }, value: { $0.cost(part) })
    }

    private static func count(
        _ name: String, _ field: String, _ value: @escaping @Sendable (ConfigurationSummary) -> Int?
    ) -> Column {
        Column(
            name: name, field: field, text: { value($0).map(Quantities.grouped) ?? "–" },
            value: { value($0).map(Double.init) })
    }

    private static func time(
        _ name: String, _ field: String,
        _ value: @escaping @Sendable (ConfigurationSummary) -> Int64?
    ) -> Column {
        Column(
            name: name, field: field,
            text: { value($0).map { Quantities.text(nanoseconds: $0) } ?? "–" },
            value: { value($0).map(Double.init) })
    }

    /// The columns that say something about these configurations: those in which all would show a
    /// dash are left out, R and W in a list of stores, and the name in a matrix.
    static func shown(_ panels: [Panel]) -> [Column] {
        let all = panels.flatMap(\.configurations)
        let isMatrix = panels.allSatisfy(\.isMatrix)
        return columns.filter { column in
            switch column.field {
            case "configuration": !isMatrix
            case "r", "w": isMatrix
            default: all.contains { column.text($0) != "–" }
            }
        }
    }

    @Sendable private static func verdict(_ c: ConfigurationSummary) -> String {
        guard let verdict = c.verdict("linearizable") else { return "not checked" }
        switch verdict.verdict {
        case "holds": return "✓ held"
        case "violated":
            let keys = verdict.violatingKeys
            return "✗ \(Quantities.grouped(keys)) key\(keys == 1 ? "" : "s")"
        default: return "? inconclusive"
        }
    }

    /// One sortable HTML table of all panels; what tells them apart comes first.
    static func html(_ panels: [Panel]) -> String {
        let columns = shown(panels)
        let traits = PanelTrait.telling(panels)
        var html = "<div class=\"scroll\"><table class=\"sortable\"><thead><tr>"
        for name in traits.map(\.name) + columns.map(\.name) {
            html += "<th scope=\"col\">\(Markup.escape(name))</th>"
        }
        html += "</tr></thead><tbody>"
        for panel in panels {
            let place = traits.map { "<td>\(Markup.escape($0.text(panel)))</td>" }.joined()
            for c in panel.configurations {
                html += "<tr>\(place)"
                for column in columns { html += cell(column, c) }
                html += "</tr>"
            }
        }
        return html + "</tbody></table></div>"
    }

    private static func cell(_ column: Column, _ c: ConfigurationSummary) -> String {
        // Texts sort as texts, numbers as numbers, and what is missing last.
        let isText = ["configuration", "models_violated"].contains(column.field)
        let value = column.value(c).map { Quantities.fixed($0, 9) } ?? ""
        let text = Markup.escape(column.text(c))
        let inner: String
        if column.field == "linearizable" {
            let style = text.hasPrefix("✓") ? "good" : text.hasPrefix("✗") ? "bad" : "open"
            inner = "<span class=\"badge \(style)\">\(text)</span>"
        } else {
            inner = text
        }
        return isText ? "<td>\(inner)</td>" : "<td data-v=\"\(value)\">\(inner)</td>"
    }

    /// A Markdown table.
    static func markdown(_ panel: Panel) -> String {
        let columns = shown([panel])
        var text = "| " + columns.map(\.name).joined(separator: " | ") + " |\n"
        text += "|" + String(repeating: "---:|", count: columns.count) + "\n"
        for c in panel.configurations {
            text += "| " + columns.map { $0.text(c) }.joined(separator: " | ") + " |\n"
        }
        return text
    }

    /// What the table on a terminal leaves to the report, which has room for it.
    private static let wide = [
        "read_p50_ns", "write_p50_ns", "cpu_us_per_operation", "client_bytes_per_operation",
        "peer_bytes_per_operation", "messages_per_operation", "fsyncs_per_operation",
        "resident_mib_per_node", "allocated_mib_per_node", "k_max", "delta_max_ns",
        "gamma_max_ns", "models_violated", "diverging_keys",
    ]

    /// A table in aligned columns for a terminal.
    static func plain(_ panel: Panel) -> String {
        let columns = shown([panel]).filter { !wide.contains($0.field) }
        let rows =
            [columns.map(\.name)] + panel.configurations.map { c in columns.map { $0.text(c) } }
        let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for (index, row) in rows.enumerated() {
            let cells = row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                // Names, and the last two columns, which are sentences, read from the left.
                let isLeft = column >= row.count - 2 || columns[column].field == "configuration"
                return isLeft ? row[column] + space : space + row[column]
            }
            let line = cells.joined(separator: "  ")
            text += trimmed(line) + "\n"
            if index == 0 { text += String(repeating: "─", count: widths.reduce(20, +)) + "\n" }
        }
        return text
    }

    private static func trimmed(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }
}
