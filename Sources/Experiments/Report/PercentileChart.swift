/// Latency against percentile, spaced by nines, all configurations over one another.
enum PercentileChart {
    static func svg(
        _ panel: Panel, index: Int, operation: String, clock: LatencyClock
    ) -> String {
        let frame = (left: 58.0, right: 586.0, top: 12.0, bottom: 300.0)
        var picture = Picture(width: 600, height: 328)
        let curves = panel.configurations.compactMap { c -> (ConfigurationSummary, [CurvePoint])? in
            guard let curve = c.measured.first?.latency(operation, clock)?.curve, curve.count > 1
            else { return nil }
            return (c, curve)
        }
        // One scale for both clocks of an operation, so that switching shows the difference.
        let all = panel.configurations.flatMap { c in
            LatencyClock.allCases.flatMap { c.measured.first?.latency(operation, $0)?.curve ?? [] }
        }
        guard !curves.isEmpty else { return "<p class=\"quiet\">No \(operation)s.</p>" }
        let y = LogarithmicAxis(
            covering: all.map { Double($0.ns) }, start: frame.bottom, end: frame.top)
        let x = NinesAxis(
            highest: all.map(\.fraction).max() ?? 0.99, start: frame.left, end: frame.right)
        for tick in y.ticks {
            let position = y.position(tick)
            picture.line(
                x1: frame.left, y1: position, x2: frame.right, y2: position, style: "grid-line")
            picture.text(
                tickText(tick), x: frame.left - 7, y: position + 3.5, anchor: .end)
        }
        for (fraction, label) in x.ticks {
            let position = x.position(fraction)
            picture.line(
                x1: position, y1: frame.top, x2: position, y2: frame.bottom, style: "grid-line")
            picture.text(label, x: position, y: frame.bottom + 17, anchor: .middle)
        }
        for (c, curve) in curves {
            let points = curve.map { (x: x.position($0.fraction), y: y.position(Double($0.ns))) }
            let data = curve.map { "\(fractionText($0.fraction)):\($0.ns)" }.joined(separator: " ")
            let p99 = c.latency(operation, "99", clock).map {
                "\(c.name): p99 \(Quantities.text(nanoseconds: Int64($0)))"
            }
            picture.polyline(
                points, style: Series.style(index, c),
                attributes: " data-name=\"\(c.name)\" data-curve=\"\(data)\"", title: p99 ?? c.name)
        }
        return picture.svg(
            label: "\(operation) latency by percentile, \(clock.rawValue) start",
            style: "chart curves")
    }

    static func tickText(_ nanoseconds: Double) -> String {
        switch nanoseconds {
        case ..<999: return "\(Int(nanoseconds.rounded())) ns"
        case ..<999_999: return "\(Int((nanoseconds / 1e3).rounded())) µs"
        case ..<999_999_999: return "\(Int((nanoseconds / 1e6).rounded())) ms"
        default: return "\(Int((nanoseconds / 1e9).rounded())) s"
        }
    }

    private static func fractionText(_ fraction: Double) -> String {
        let text = Quantities.fixed(fraction, 6)
        return text.hasPrefix("1.") ? "0.999999" : text
    }
}
