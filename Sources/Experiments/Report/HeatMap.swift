import Foundation

/// A W×R matrix of coloured cells: rows W, columns R.
struct HeatMap {
    enum Ramp: String {
        case latency, throughput, staleness
    }

    let title: String
    let ramp: Ramp
    /// What one cell shows.
    struct Cell {
        /// Decides the colour; nil leaves the cell without one.
        var value: Double?
        var text: String
        var detail: String
        var style = ""
    }

    static let steps = 9

    /// The matrix as one SVG picture.
    func svg(_ panel: Panel, cell: (ConfigurationSummary) -> Cell) -> String {
        let reads = panel.readQuorums
        let writes = panel.writeQuorums
        let size = (width: 86.0, height: 50.0, gap: 3.0, left: 40.0, top: 4.0)
        var picture = Picture(
            width: size.left + Double(reads.count) * (size.width + size.gap),
            height: size.top + Double(writes.count) * (size.height + size.gap) + 18)
        let cells = panel.configurations.map { ($0, cell($0)) }
        let scale = levels(cells.compactMap(\.1.value))
        for (row, w) in writes.enumerated() {
            let y = size.top + Double(row) * (size.height + size.gap)
            picture.text(
                "W=\(w)", x: size.left - 7, y: y + size.height / 2 + 4, anchor: .end)
            for (column, r) in reads.enumerated() {
                let x = size.left + Double(column) * (size.width + size.gap)
                guard let (configuration, cell) = cells.first(where: { $0.0.r == r && $0.0.w == w })
                else { continue }
                let level = cell.value.map { "h h\(scale($0))" } ?? "h none"
                picture.add("<g class=\"\(level) \(cell.style)\">")
                picture.rectangle(
                    x: x, y: y, width: size.width, height: size.height, radius: 5, style: "b",
                    title: "\(configuration.name): \(cell.detail)")
                picture.text(
                    cell.text, x: x + size.width / 2, y: y + size.height / 2 + 4.5,
                    anchor: .middle, style: "v")
                picture.add("</g>")
            }
        }
        for (column, r) in reads.enumerated() {
            picture.text(
                "R=\(r)", x: size.left + Double(column) * (size.width + size.gap) + size.width / 2,
                y: picture.height - 4, anchor: .middle)
        }
        return "<figure class=\"card heat ramp-\(ramp.rawValue)\"><figcaption>"
            + "\(Markup.escape(title))</figcaption>"
            + "\(picture.svg(label: "\(title), W by R"))</figure>"
    }

    /// Levels 0…8 on a logarithmic scale that spans at least a factor of two, so that noise does
    /// not look like a difference.
    private func levels(_ values: [Double]) -> (Double) -> Int {
        let positive = values.filter { $0 > 0 }
        guard let low = positive.min(), let high = positive.max() else { return { _ in 0 } }
        let span = max(log(high / low), log(2.0))
        let top = Double(HeatMap.steps - 1)
        return { value in
            value <= 0 ? 0 : Int((log(value / low) / span * top).rounded().clamped(0, top))
        }
    }

    /// All matrices of a panel, or the same as bars where it is a list of stores.
    static func all(_ panel: Panel, _ index: Int) -> String {
        func draw(
            _ title: String, _ ramp: Ramp, _ cell: (ConfigurationSummary) -> Cell
        ) -> String {
            let map = HeatMap(title: title, ramp: ramp)
            return panel.isMatrix ? map.svg(panel, cell: cell) : map.bars(panel, cell: cell)
        }
        var html = "<div class=\"grid \(panel.isMatrix ? "heats" : "two")\">"
        html += draw("Throughput, operations a second", .throughput) { c in
            guard let value = c.throughput else { return .failed }
            return Cell(
                value: value, text: Quantities.significant(value),
                detail: "\(Quantities.significant(value)) operations a second")
        }
        html += draw("Stale reads", .staleness) { c in
            guard let stale = c.staleReads, let fraction = stale.fraction,
                let interval = stale.interval
            else { return .failed }
            return Cell(
                value: stale.events == 0 ? nil : fraction,
                text: stale.events == 0
                    ? "< \(Quantities.bound(interval.upper))" : Quantities.percent(fraction),
                detail: stale.text, style: stale.events == 0 ? "unseen" : "")
        }
        html += draw("Verdicts", .staleness, verdictCell)
        for operation in ["read", "write"] {
            for percentile in ["50", "99", "99.9"] {
                html += draw("\(operation.capitalized) latency p\(percentile)", .latency) { c in
                    guard let value = c.latency(operation, percentile) else { return .failed }
                    let text = Quantities.text(nanoseconds: Int64(value))
                    return Cell(
                        value: value, text: text, detail: "\(operation) p\(percentile) \(text)")
                }
            }
        }
        return html + underFaults(panel, draw) + "</div>"
    }

    /// What matters once something went wrong: availability, lost writes, replicas that differ.
    private static func underFaults(
        _ panel: Panel,
        _ draw: (String, Ramp, (ConfigurationSummary) -> Cell) -> String
    ) -> String {
        var html = ""
        if panel.configurations.contains(where: { ($0.availability ?? 1) < 1 }) {
            html += draw("Operations that failed", .staleness) { c in
                guard let available = c.availability else { return .failed }
                let share = 1 - available
                return Cell(
                    value: share > 0 ? share : nil,
                    text: share > 0 ? Quantities.percent(share) : "none",
                    detail: c.errors.map { "\($0.count) \($0.name)" }.joined(separator: ", "),
                    style: share > 0 ? "" : "unseen")
            }
        }
        let isFaulty = panel.shared.fault != "none"
        if isFaulty
            || panel.configurations.contains(where: { ($0.violatingKeys("durable") ?? 0) > 0 })
        {
            html += draw("Keys with lost writes", .staleness) { c in
                guard let lost = c.violatingKeys("durable") else { return .failed }
                return Cell(
                    value: lost > 0 ? Double(lost) : nil,
                    text: lost > 0 ? Quantities.grouped(lost) : "none seen",
                    detail: "keys whose last acknowledged write no node had in the end",
                    style: lost > 0 ? "" : "unseen")
            }
        }
        if isFaulty || panel.configurations.contains(where: { $0.convergence?.converged == false })
        {
            html += draw("Agreement after the load", .staleness) { c in
                guard let convergence = c.convergence, let text = c.convergenceText else {
                    return .failed
                }
                let share = Double(convergence.divergingKeys) / Double(max(1, convergence.keys))
                return Cell(
                    value: convergence.converged ? nil : share,
                    text: convergence.converged ? text : Quantities.percent(share) + " differ",
                    detail: text, style: convergence.converged ? "unseen" : "")
            }
        }
        return html
    }

    /// Linearizability, and by name what else was violated.
    private static func verdictCell(_ c: ConfigurationSummary) -> Cell {
        let verdicts = c.verdicts
        guard !verdicts.isEmpty else { return .failed }
        let violated = c.violatedModels
        let detail = verdicts.map { "\($0.model): \($0.verdict)" }.joined(separator: ", ")
        if let first = violated.first {
            let more = violated.count > 1 ? " +\(violated.count - 1)" : ""
            return Cell(text: "✗ \(shortened(first))\(more)", detail: detail, style: "bad small-v")
        }
        switch c.verdict("linearizable")?.verdict {
        case "holds": return Cell(text: "✓ held", detail: detail, style: "good")
        default: return Cell(text: "? open", detail: detail, style: "open")
        }
    }

    /// Names of models as they fit a cell.
    private static func shortened(_ model: String) -> String {
        switch model {
        case "linearizable": "linear."
        case "read-your-writes": "own writes"
        case "monotonic-reads": "mono. reads"
        case "monotonic-writes": "mono. writes"
        case "writes-follow-reads": "wr. follow rd."
        default: model
        }
    }

    /// The same as bars, for configurations that no matrix holds.
    func bars(_ panel: Panel, cell: (ConfigurationSummary) -> Cell) -> String {
        let height = 26.0
        let left = 8.5 * Double(panel.configurations.map(\.name.count).max() ?? 8) * 0.75 + 10
        let right = 470.0
        let rows = panel.configurations.map { ($0, cell($0)) }
        var picture = Picture(width: 600, height: Double(rows.count) * height + 4)
        let most = rows.compactMap(\.1.value).max() ?? 1
        let scale = levels(rows.compactMap(\.1.value))
        for (row, (configuration, cell)) in rows.enumerated() {
            let y = Double(row) * height + 2
            picture.text(
                configuration.name, x: left - 8, y: y + height / 2 + 4, anchor: .end,
                style: configuration.isOwn ? "t strong" : "t")
            let level = cell.value.map { "h h\(scale($0))" } ?? "h none"
            let share = cell.value.map { most > 0 ? $0 / most : 0 } ?? 0
            let width = max(3, (right - left) * share)
            picture.add("<g class=\"\(level) \(cell.style)\">")
            picture.rectangle(
                x: left, y: y + 4, width: width, height: height - 8, radius: 3, style: "b",
                title: "\(configuration.name): \(cell.detail)")
            picture.add("</g>")
            picture.text(
                cell.text, x: left + width + 8, y: y + height / 2 + 4, style: "t strong")
        }
        return "<figure class=\"card heat ramp-\(ramp.rawValue)\"><figcaption>"
            + "\(Markup.escape(title))</figcaption><div class=\"wide\">"
            + "\(picture.svg(label: title, style: "chart"))</div></figure>"
    }
}

extension HeatMap.Cell {
    static let failed = HeatMap.Cell(text: "–", detail: "not measured")
}

extension Double {
    fileprivate func clamped(_ low: Double, _ high: Double) -> Double { min(max(self, low), high) }
}
