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

    static let columns: [Column] = {
        var columns = [
            Column(name: "R", field: "r", text: { "\($0.r)" }, value: { Double($0.r) }),
            Column(name: "W", field: "w", text: { "\($0.w)" }, value: { Double($0.w) }),
            Column(
                name: "ops/s", field: "throughput_per_second",
                text: { $0.throughput.map(Quantities.significant) ?? "failed" },
                value: { $0.throughput }),
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
        columns += [
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
            Column(
                name: "CPU µs/op", field: "cpu_us_per_operation",
                text: { $0.processorPerOperation.map { Quantities.significant($0) } ?? "–" },
                value: { $0.processorPerOperation }),
            Column(
                name: "MiB/node", field: "resident_mib_per_node",
                text: { $0.residentMiB.map { Quantities.significant($0) } ?? "–" },
                value: { $0.residentMiB }),
        ]
        return columns + [
            Column(
                name: "stale reads (95 %)", field: "stale_fraction",
                text: { $0.staleReads?.text ?? "not checked" }, value: { $0.staleReads?.fraction }),
            Column(
                name: "linearizable", field: "linearizable", text: verdict,
                value: { $0.verdict("linearizable").map { Double($0.violatingKeys) } }),
        ]
    }()

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

    /// A sortable HTML table.
    static func html(_ panel: Panel) -> String {
        var html = "<div class=\"scroll\"><table class=\"sortable\"><thead><tr>"
        for column in columns { html += "<th scope=\"col\">\(Markup.escape(column.name))</th>" }
        html += "</tr></thead><tbody>"
        for c in panel.configurations {
            html += "<tr>"
            for column in columns {
                let value = column.value(c).map { Quantities.fixed($0, 9) } ?? ""
                html += "<td data-v=\"\(value)\">"
                let text = Markup.escape(column.text(c))
                switch column.field {
                case "linearizable":
                    let style =
                        text.hasPrefix("✓") ? "good" : text.hasPrefix("✗") ? "bad" : "open"
                    html += "<span class=\"badge \(style)\">\(text)</span></td>"
                default: html += "\(text)</td>"
                }
            }
            html += "</tr>"
        }
        return html + "</tbody></table></div>"
    }

    /// A Markdown table.
    static func markdown(_ panel: Panel) -> String {
        var text = "| " + columns.map(\.name).joined(separator: " | ") + " |\n"
        text += "|" + String(repeating: "---:|", count: columns.count) + "\n"
        for c in panel.configurations {
            text += "| " + columns.map { $0.text(c) }.joined(separator: " | ") + " |\n"
        }
        return text
    }

    /// A table in aligned columns for a terminal.
    static func plain(_ panel: Panel) -> String {
        let rows =
            [columns.map(\.name)] + panel.configurations.map { c in columns.map { $0.text(c) } }
        let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for (index, row) in rows.enumerated() {
            let cells = row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                // The last two columns are sentences and read from the left.
                return column >= row.count - 2 ? row[column] + space : space + row[column]
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
