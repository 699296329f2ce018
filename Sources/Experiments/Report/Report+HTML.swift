import Foundation

extension Report {
    /// The whole report as one page that needs nothing else.
    func html() -> String {
        var page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        page += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        page += "<meta name=\"color-scheme\" content=\"light dark\">"
        page += "<title>\(Markup.escape(title))</title><style>\(ReportStyle.css)\n"
        for (index, panel) in panels.enumerated() { page += Series.rules(index, panel) + "\n" }
        page += "</style></head><body><main><header><h1>\(Markup.escape(title))</h1>"
        page += "<p class=\"sub\">\(Markup.escape(subtitle))</p></header>\n"
        for (index, panel) in panels.enumerated() { page += answer(panel, index) }
        for (index, panel) in panels.enumerated() { page += body(panel, index) }
        page += witnessSection()
        page += tableSection()
        page += environmentSection()
        page += "</main><script>\(ReportScript.source)</script></body></html>\n"
        return page
    }

    private var subtitle: String {
        let count = cells.count
        let failed = cells.filter { $0.failure != nil }.count
        var text = "\(count) cell\(count == 1 ? "" : "s")"
        if failed > 0 { text += ", \(failed) failed" }
        if let first = cells.map(\.environment.started).min(), first != "virtual time" {
            text += " · started \(first)"
        }
        if let environment = cells.first?.environment {
            let cores = environment.cores > 0 ? "\(environment.cores) cores, " : ""
            text += " · \(cores)\(environment.processor)"
            text += " · quorumeter \(environment.version)"
        }
        return text
    }

    private func heading(_ text: String, _ panel: Panel) -> String {
        let suffix =
            panels.count > 1 ? " <span class=\"quiet\">\(Markup.escape(panel.title))</span>" : ""
        return "<h2>\(text)\(suffix)</h2>"
    }

    private func answer(_ panel: Panel, _ index: Int) -> String {
        let findings = Findings(panel)
        let chosen = objectives.isEmpty ? nil : Recommendation(panel, objectives: objectives)
        let headline = chosen?.headline ?? findings.headline
        var html = "<section>\(heading("Answer", panel))<div class=\"grid answer\">"
        html += "<div class=\"card\">"
        if let chosen {
            html += "<p class=\"quiet\">For "
            html +=
                chosen.objectives.map { "<code>\(Markup.escape($0))</code>" }
                .joined(separator: ", ") + "</p>"
        }
        html += "<p class=\"headline\">\(Markup.escape(headline))</p>"
        html += "<ul class=\"remarks\">"
        for remark in chosen?.sureness ?? findings.remarks {
            html += "<li>\(Markup.escape(remark))</li>"
        }
        html += "</ul>"
        let neighbours =
            chosen.map { chosen in
                chosen.candidates.compactMap { candidate in
                    candidate.reason.map { "\(candidate.configuration) \($0)." }
                }
            } ?? findings.neighbours
        if !neighbours.isEmpty {
            html += "<details><summary>Why not the others</summary><ul>"
            for sentence in neighbours { html += "<li>\(Markup.escape(sentence))</li>" }
            html += "</ul></details>"
        }
        html += "</div>"
        let chart = ParetoChart.svg(
            panel, findings, index: index, choice: chosen.map { $0.choice ?? "" })
        if !chart.isEmpty {
            html += "<figure class=\"card\"><figcaption>p99 latency against stale reads "
            html += "<span class=\"quiet\">(dashed: the frontier)</span></figcaption>"
            html += "\(chart)</figure>"
        }
        return html + "</div></section>\n"
    }

    private func body(_ panel: Panel, _ index: Int) -> String {
        var html = "<section>\(heading("W by R", panel))\(HeatMap.all(panel))</section>\n"
        html += "<section>\(heading("Latency", panel))\(latency(panel, index))</section>\n"
        html += "<section>\(heading("Freshness", panel))<div class=\"grid two\">"
        html += "<figure class=\"card\"><figcaption>Stale reads with 95 % intervals</figcaption>"
        html += "<div class=\"wide\">\(FreshnessChart.staleReads(panel))</div></figure>"
        let lag = FreshnessChart.lag(panel)
        if !lag.isEmpty {
            html += "<figure class=\"card\"><figcaption>How far stale reads lagged</figcaption>"
            html += "<div class=\"scroll\">\(lag)</div></figure>"
        }
        html += "</div>" + CalibrationChart.html(panel) + VersionChart.html(panel)
        html += "</section>\n<section>\(heading("Over time", panel))<div class=\"card\">"
        html +=
            "<p class=\"quiet\">Latency"
            + "<span class=\"key\" style=\"background:var(--c1)\"></span>p50"
        html += "<span class=\"key\" style=\"background:var(--c0)\"></span>p99"
        html += "<span class=\"key\" style=\"background:var(--soft)\"></span>max; beneath, "
        html += "operations a second, red where some failed. Shaded: a fault.</p>"
        return html + TimeSeriesChart.html(panel) + "</div></section>\n"
    }

    private func latency(_ panel: Panel, _ index: Int) -> String {
        var html = "<div class=\"card\"><div class=\"switch\" role=\"radiogroup\" "
        html += "aria-label=\"Latency counts from\">"
        for (clock, label) in [
            (LatencyClock.intended, "from intended start"), (.service, "service time"),
        ] {
            let checked = clock == .intended ? " checked" : ""
            html += "<label><input type=\"radio\" name=\"clock\(index)\" "
            html += "class=\"on-\(clock.rawValue)\"\(checked)>\(label)</label>"
        }
        html += "</div>\(Series.legend(index, panel))<div class=\"grid two\">"
        for operation in ["read", "write"] {
            html +=
                "<figure><figcaption>\(operation.capitalized) latency by percentile</figcaption>"
            for clock in LatencyClock.allCases {
                html += "<div class=\"wide clock-\(clock.rawValue)\">"
                html += PercentileChart.svg(panel, index: index, operation: operation, clock: clock)
                html += "</div>"
            }
            html += "</figure>"
        }
        return html + "</div></div>"
    }

    private func witnessSection() -> String {
        guard !witnesses.isEmpty else { return "" }
        return "<section><h2>Witnesses</h2><p class=\"quiet\">The smallest counterexample of each "
            + "kind. Events stand in their order, not to scale.</p>"
            + witnesses.map(WitnessTimeline.html).joined() + "</section>\n"
    }

    private func tableSection() -> String {
        var html = "<section><h2>All results</h2>"
        for panel in panels {
            html += "<div class=\"card\">"
            if panels.count > 1 { html += "<h3>\(Markup.escape(panel.title))</h3>" }
            html += ResultTable.html(panel) + "</div>"
        }
        return html
            + "<p class=\"quiet\" style=\"margin-top:12px\">\(method)</p></section>\n"
    }

    private func environmentSection() -> String {
        guard let environment = cells.first?.environment, let shared = panels.first?.shared else {
            return ""
        }
        let rate =
            shared.targetPerSecond > 0
            ? "\(Quantities.significant(shared.targetPerSecond)) operations a second, "
                + "\(shared.arrivals)" : "closed loop"
        let facts: [(String, String)] = [
            (
                "Program",
                "quorumeter \(environment.version)\(environment.commit.map { ", \($0)" } ?? "")"
            ),
            (
                "Machine",
                (environment.cores > 0 ? "\(environment.cores) cores, " : "")
                    + environment.processor
            ),
            (
                "Memory",
                environment.memoryBytes > 0
                    ? Quantities.text(bytes: environment.memoryBytes) : "does not matter"
            ),
            ("Kernel", environment.kernel),
            ("Load", "\(rate), \(shared.clients) clients"),
            ("Records", Quantities.grouped(shared.records)),
            (
                "Measured",
                shared.durationNs > 0
                    ? Quantities.text(nanoseconds: shared.durationNs) + " a cell"
                    : Quantities.grouped(cells.first?.throughput.operations ?? 0)
                        + " operations a cell"
            ),
            ("Durability", shared.fsync == "memory" ? "memory only" : "fsync \(shared.fsync)"),
        ]
        var html =
            "<section><h2>Environment and commands</h2><div class=\"card\"><dl class=\"facts\">"
        for (name, value) in facts {
            html += "<div><dt>\(name)</dt><dd>\(Markup.escape(value))</dd></div>"
        }
        html += "</dl><details><summary>Command and seed of every cell</summary>"
        html += "<div class=\"scroll\"><table class=\"plain\"><thead><tr><th>cell</th><th>seed</th>"
        html += "<th>command</th></tr></thead><tbody>"
        for cell in cells {
            let c = cell.configuration
            html += "<tr><th scope=\"row\">N=\(c.n) R=\(c.r) W=\(c.w) \(Markup.escape(c.workload))"
            html += " #\(c.repetition + 1)</th><td>\(c.seed)</td>"
            html += "<td style=\"text-align:left\"><code>\(Markup.escape(cell.command))</code>"
            if let failure = cell.failure { html += "<br>failed: \(Markup.escape(failure))" }
            html += "</td></tr>"
        }
        return html + "</tbody></table></div></details></div></section>\n"
    }
}
