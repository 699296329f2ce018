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
        page += "<p class=\"sub\">\(Markup.escape(subtitle))</p>\(navigation)</header>\n"
        page += answers()
        page += section("matrix", "W by R", HeatMap.all)
        page += section("latency", "Latency", latency)
        page += section("freshness", "Freshness") { panel, _ in Report.freshness(panel) }
        page += section("time", "Over time") { panel, _ in Report.overTime(panel) }
        page += witnessSection()
        page += tableSection()
        page += environmentSection()
        page += "</main><script>\(ReportScript.source)</script></body></html>\n"
        return page
    }

    private var navigation: String {
        var links = [
            ("answer", "Answer"), ("matrix", "W by R"), ("latency", "Latency"),
            ("freshness", "Freshness"), ("time", "Over time"),
        ]
        if !witnesses.isEmpty { links.append(("witnesses", "Witnesses")) }
        links += [("results", "All results"), ("environment", "Environment")]
        return "<nav aria-label=\"Sections\">"
            + links.map { "<a href=\"#\($0)\">\($1)</a>" }.joined() + "</nav>"
    }

    /// With more panels than this the later ones are folded.
    private static let unfoldedPanels = 4

    /// One section with a part for every panel. A single panel needs no name; of many, the first
    /// are open and the others one click away, also without a script.
    private func section(
        _ id: String, _ heading: String, of panels: [Panel]? = nil,
        _ part: (Panel, Int) -> String
    ) -> String {
        let panels = panels ?? self.panels
        var html = "<section id=\"\(id)\"><h2>\(heading)</h2>"
        for (index, panel) in panels.enumerated() {
            guard panels.count > 1 else {
                html += part(panel, index)
                break
            }
            let isOpen = index < Report.unfoldedPanels ? " open" : ""
            let name = Markup.escape(PanelTrait.shortTitle(panel, among: panels))
            html += "<details class=\"panel\"\(isOpen)><summary>\(name)</summary>"
            html += part(panel, index) + "</details>"
        }
        return html + "</section>\n"
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

    private func answers() -> String {
        var html = section("answer", "Answer", of: choices, answer)
        guard choices.count > 1 else { return html }
        let end = html.range(of: "</h2>")?.upperBound ?? html.startIndex
        html.insert(contentsOf: overview(), at: end)
        return html
    }

    /// One line a choice: what was chosen, and what it rests on.
    private func overview() -> String {
        let traits = PanelTrait.telling(choices)
        var html = "<div class=\"card scroll\"><table class=\"sortable\"><thead><tr>"
        for name in traits.map(\.name) + [
            "choice", "read p99", "write p99", "stale reads", "available", "linearizable in",
        ] { html += "<th scope=\"col\">\(name)</th>" }
        html += "</tr></thead><tbody>"
        for panel in choices {
            let chosen =
                objectives.isEmpty
                ? Findings(panel).choice
                : Recommendation(panel, objectives: objectives).choice.flatMap { name in
                    panel.configurations.first { $0.name == name }
                }
            html += "<tr>"
            for trait in traits { html += "<td>\(Markup.escape(trait.text(panel)))</td>" }
            html += "<td><b>\(Markup.escape(chosen?.name ?? "none"))</b></td>"
            for operation in ["read", "write"] {
                let p99 = chosen?.latency(operation, "99")
                html += "<td data-v=\"\(p99.map { Quantities.fixed($0, 0) } ?? "")\">"
                html += (p99.map { Quantities.text(nanoseconds: Int64($0)) } ?? "–") + "</td>"
            }
            let stale = chosen?.staleReads
            html += "<td data-v=\"\(stale?.fraction.map { Quantities.fixed($0, 9) } ?? "")\">"
            html += "\(Markup.escape(stale?.text ?? "not checked"))</td>"
            let available = chosen?.availability
            html += "<td data-v=\"\(available.map { Quantities.fixed($0, 9) } ?? "")\">"
            html += (available.map { Quantities.percent($0) } ?? "–") + "</td>"
            let held = panel.configurations.count { $0.verdict("linearizable")?.verdict == "holds" }
            html += "<td data-v=\"\(held)\">\(held) of \(panel.configurations.count)</td></tr>"
        }
        return html + "</tbody></table></div>"
    }

    private func answer(_ panel: Panel, _ index: Int) -> String {
        let findings = Findings(panel)
        let chosen = objectives.isEmpty ? nil : Recommendation(panel, objectives: objectives)
        let headline = chosen?.headline ?? findings.headline
        var html = "<div class=\"grid answer\"><div class=\"card\">"
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
        let neighbours = chosen?.reasons ?? findings.neighbours
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
            let hint = ParetoChart.leavesNamesOut(panel) ? "; point at a dot for its name" : ""
            html += "<span class=\"quiet\">(dashed: the frontier\(hint))</span></figcaption>"
            html += "\(chart)</figure>"
        }
        return html + "</div>"
    }

    private static func freshness(_ panel: Panel) -> String {
        var html = "<div class=\"grid two\">"
        html += "<figure class=\"card\"><figcaption>Stale reads with 95 % intervals</figcaption>"
        html += "<div class=\"wide\">\(FreshnessChart.staleReads(panel))</div></figure>"
        let lag = FreshnessChart.lag(panel)
        if !lag.isEmpty {
            html += "<figure class=\"card\"><figcaption>How far stale reads lagged</figcaption>"
            html += "<div class=\"scroll\">\(lag)</div></figure>"
        }
        return html + "</div>" + CalibrationChart.html(panel) + VersionChart.html(panel)
    }

    private static func overTime(_ panel: Panel) -> String {
        var html = "<div class=\"card\"><p class=\"quiet\">Latency"
        html += "<span class=\"key\" style=\"background:var(--c1)\"></span>p50"
        html += "<span class=\"key\" style=\"background:var(--c0)\"></span>p99"
        html += "<span class=\"key\" style=\"background:var(--soft)\"></span>max; beneath, "
        html += "operations a second, red where some failed; in the strip below, "
        html += "<span class=\"key stale-key\"></span>stale reads. Shaded: a fault.</p>"
        return html + TimeSeriesChart.html(panel) + "</div>"
    }

    private func latency(_ panel: Panel, _ index: Int) -> String {
        var html = "<div class=\"card latency\"><div class=\"switch\" role=\"radiogroup\" "
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
        return "<section id=\"witnesses\"><h2>Witnesses</h2><p class=\"quiet\">The smallest "
            + "counterexample of each kind. Events stand in their order, not to scale; beneath, "
            + "what the nodes did, where they were watched.</p>"
            + witnesses.map(WitnessTimeline.html).joined() + "</section>\n"
    }

    private func tableSection() -> String {
        "<section id=\"results\"><h2>All results</h2><div class=\"card\">"
            + ResultTable.html(panels)
            + "</div><p class=\"quiet\" style=\"margin-top:12px\">\(method)</p></section>\n"
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
        var html = "<section id=\"environment\"><h2>Environment and commands</h2>"
        html += "<div class=\"card\"><dl class=\"facts\">"
        for (name, value) in facts {
            html += "<div><dt>\(name)</dt><dd>\(Markup.escape(value))</dd></div>"
        }
        html += "</dl><details><summary>Command and seed of every cell</summary>"
        html += "<div class=\"scroll\"><table class=\"plain\"><thead><tr><th>cell</th><th>seed</th>"
        html += "<th>command</th></tr></thead><tbody>"
        for cell in cells {
            let c = cell.configuration
            html += "<tr><th scope=\"row\">\(Markup.escape(c.title))"
            html += " #\(c.repetition + 1)</th><td>\(c.seed)</td>"
            html += "<td style=\"text-align:left\"><code>\(Markup.escape(cell.command))</code>"
            if let failure = cell.failure { html += "<br>failed: \(Markup.escape(failure))" }
            html += "</td></tr>"
        }
        return html + "</tbody></table></div></details></div></section>\n"
    }
}
