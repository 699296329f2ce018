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

    /// All matrices of a panel.
    static func all(_ panel: Panel) -> String {
        var html = "<div class=\"grid heats\">"
        html += HeatMap(title: "Throughput, operations a second", ramp: .throughput).svg(panel) {
            c in
            guard let value = c.throughput else { return .failed }
            return Cell(
                value: value, text: Quantities.significant(value),
                detail: "\(Quantities.significant(value)) operations a second")
        }
        html += HeatMap(title: "Stale reads", ramp: .staleness).svg(panel) { c in
            guard let stale = c.staleReads, let fraction = stale.fraction,
                let interval = stale.interval
            else { return .failed }
            return Cell(
                value: stale.events == 0 ? nil : fraction,
                text: stale.events == 0
                    ? "< \(Quantities.bound(interval.upper))" : Quantities.percent(fraction),
                detail: stale.text, style: stale.events == 0 ? "unseen" : "")
        }
        html += HeatMap(title: "Linearizable", ramp: .staleness).svg(panel) { verdictCell($0) }
        for operation in ["read", "write"] {
            for percentile in ["50", "99", "99.9"] {
                let title = "\(operation.capitalized) latency p\(percentile)"
                html += HeatMap(title: title, ramp: .latency).svg(panel) { c in
                    guard let value = c.latency(operation, percentile) else { return .failed }
                    let text = Quantities.text(nanoseconds: Int64(value))
                    return Cell(
                        value: value, text: text, detail: "\(operation) p\(percentile) \(text)")
                }
            }
        }
        return html + "</div>"
    }

    private static func verdictCell(_ c: ConfigurationSummary) -> Cell {
        guard let verdict = c.verdict("linearizable") else { return .failed }
        switch verdict.verdict {
        case "holds": return Cell(text: "✓ held", detail: "no violation seen", style: "good")
        case "violated":
            return Cell(
                text: "✗ \(verdict.violatingKeys) key\(verdict.violatingKeys == 1 ? "" : "s")",
                detail: verdict.explanation ?? "violated", style: "bad")
        default: return Cell(text: "? open", detail: "inconclusive", style: "open")
        }
    }
}

extension HeatMap.Cell {
    static let failed = HeatMap.Cell(text: "–", detail: "not measured")
}

extension Double {
    fileprivate func clamped(_ low: Double, _ high: Double) -> Double { min(max(self, low), high) }
}
