import Simulation

/// The story of a run as a page: a column a client and a node, time downwards.
public struct LaneChart: Sendable {
    private let result: SimulationResult

    /// `result` must have been run with a timeline; without one the page says so.
    public init(_ result: SimulationResult) { self.result = result }

    private static let css = """
        body{margin:0;font:13px/1.4 system-ui,sans-serif;background:#fff;color:#1b1f27}
        header{padding:16px 20px}h1{font-size:20px;margin:0 0 6px}pre{margin:0;font-size:12px}
        table{border-collapse:collapse;width:100%;font-size:12px}
        th{position:sticky;top:0;background:#f4f5f7;text-align:left;padding:6px 8px}
        td{padding:2px 8px;border-left:1px solid #e3e6eb;vertical-align:top;min-width:90px}
        td:first-child{border:0;white-space:nowrap;color:#5d6675;font-family:monospace}
        .c{background:#e4eefc}.n{background:#dff3ea}.f{background:#fdf0d3;font-weight:600}
        @media(prefers-color-scheme:dark){body{background:#0f1218;color:#e8ebf1}
        th{background:#181d26}td{border-color:#2a313d}.c{background:#1b2740}.n{background:#15302a}
        .f{background:#3d3013}}
        """

    /// The page; it needs nothing but itself.
    public var html: String {
        let entries = result.timeline?.entries ?? []
        let lanes = lanes(entries)
        var page = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        page += "<title>Seed \(result.seed)</title><style>\(LaneChart.css)</style></head><body>\n"
        page += "<header><h1>Seed \(result.seed)</h1><pre>"
        page += ClaimsReport.escaped(heading) + "</pre></header>\n"
        page += "<table><thead><tr><th>time</th>"
        for lane in lanes { page += "<th>\(ClaimsReport.escaped(lane))</th>" }
        page += "</tr></thead><tbody>\n"
        for entry in entries { page += row(entry, lanes) }
        return page + "</tbody></table></body></html>\n"
    }

    private var heading: String {
        var text = SimulationSummary(result, command: result.scenario.command).text
        if let omitted = result.timeline?.omitted, omitted > 0 {
            text += "\(omitted) later entries are left out\n"
        }
        if result.timeline == nil { text += "no story was kept\n" }
        return text
    }

    /// Clients that do something, then every node.
    private func lanes(_ entries: [Timeline.Entry]) -> [String] {
        var clients: [String] = []
        for entry in entries where entry.who.hasPrefix("c") && !clients.contains(entry.who) {
            clients.append(entry.who)
        }
        clients.sort { ($0.count, $0) < ($1.count, $1) }
        return clients + (0..<result.scenario.nodes).map { "n\($0 + 1)" }
    }

    private func row(_ entry: Timeline.Entry, _ lanes: [String]) -> String {
        var row = "<tr><td>\(Timeline.time(entry.time))</td>"
        let what = ClaimsReport.escaped(entry.what)
        guard let lane = lanes.firstIndex(of: entry.who) else {
            return row + "<td class=\"f\" colspan=\"\(lanes.count)\">\(what)</td></tr>\n"
        }
        for index in lanes.indices {
            guard index == lane else {
                row += "<td></td>"
                continue
            }
            row += "<td class=\"\(entry.who.hasPrefix("c") ? "c" : "n")\">\(what)</td>"
        }
        return row + "</tr>\n"
    }
}
