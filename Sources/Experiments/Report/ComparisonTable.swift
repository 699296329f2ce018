extension Comparison {
    /// A table for people, and a sentence that sums it up.
    public func table(asMarkdown: Bool) -> String {
        let header = [
            "configuration", "metric", "base", "new", "ratio", "interval", "p", "detectable",
            "verdict",
        ]
        let rows = metrics.map { m -> [String] in
            func value(_ value: Double) -> String {
                m.metric == "throughput"
                    ? Quantities.significant(value) + "/s"
                    : Quantities.text(nanoseconds: Int64(value))
            }
            let isOpen = m.interval.upper > 1e300
            return [
                m.configuration, m.metric, value(m.base), value(m.new),
                Quantities.fixed(m.ratio, 3),
                isOpen
                    ? "unknown"
                    : "\(Quantities.fixed(m.interval.lower, 3)) to "
                        + Quantities.fixed(m.interval.upper, 3),
                Quantities.fixed(m.pValue, 4),
                m.minimumDetectable.map(Quantities.percent) ?? "none", m.verdict.rawValue,
            ]
        }
        var text = ""
        if asMarkdown {
            text += "| " + header.joined(separator: " | ") + " |\n"
            text += "|" + String(repeating: "---|", count: header.count) + "\n"
            for row in rows { text += "| " + row.joined(separator: " | ") + " |\n" }
        } else {
            let all = [header] + rows
            let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
            for row in all {
                let cells = row.indices.map { column in
                    row[column]
                        + String(repeating: " ", count: widths[column] - row[column].count)
                }
                text += cells.joined(separator: "  ") + "\n"
            }
        }
        return text + "\n" + summary + "\n"
    }

    /// What the comparison says, in sentences.
    public var summary: String {
        func count(_ verdict: Verdict) -> Int { metrics.count { $0.verdict == verdict } }
        var text =
            "\(metrics.count) metrics: \(count(.better)) better, \(count(.worse)) worse, "
            + "\(count(.same)) the same, \(count(.unclear)) unclear."
        let needed = metrics.filter { $0.verdict == .unclear }.map(\.repeatsNeeded)
        if let most = needed.compactMap({ $0 }).max() {
            text += " With \(most) repeats of each set the unclear ones would be told."
        } else if !needed.isEmpty {
            text += " There are too few repeats to tell: measure each set at least twice."
        }
        for (name, list) in [("base", onlyInBase), ("new", onlyInNew)] where !list.isEmpty {
            text += " Only in the \(name) set: \(list.joined(separator: "; "))."
        }
        return text
    }
}
