/// The run over time as small multiples in the shape of the matrix: latency above, rate below,
/// stale reads at the bottom.
enum TimeSeriesChart {
    static func html(_ panel: Panel) -> String {
        let slices = panel.configurations.flatMap { $0.measured.first?.timeSeries ?? [] }
        guard !slices.isEmpty else { return "<p class=\"quiet\">No time series was recorded.</p>" }
        // As the matrix stands, or three in a row.
        let columns = panel.isMatrix ? panel.readQuorums.count : 3
        var html = "<div class=\"multiples\" style=\"--columns:\(columns)\">"
        let latencies = slices.flatMap { [Double($0.p50Ns), Double($0.maxNs)] }
        let highestRate = slices.map(rate).max() ?? 1
        let places: [ConfigurationSummary?] =
            panel.isMatrix
            ? panel.writeQuorums.flatMap { w in
                panel.readQuorums.map { r in panel.configuration(r: r, w: w) }
            } : panel.configurations
        for place in places {
            guard let c = place, let cell = c.measured.first, !cell.timeSeries.isEmpty else {
                html += "<div></div>"
                continue
            }
            html += multiple(
                c, cell.timeSeries, faults: cell.faults ?? [], latencies: latencies,
                highestRate: highestRate)
        }
        return html + "</div>"
    }

    private static func rate(_ slice: TimeSlice) -> Double {
        slice.lengthNs > 0 ? Double(slice.operations) / (Double(slice.lengthNs) / 1e9) : 0
    }

    private static func multiple(
        _ c: ConfigurationSummary, _ slices: [TimeSlice], faults: [FaultWindow],
        latencies: [Double], highestRate: Double
    ) -> String {
        var picture = Picture(width: 380, height: 190)
        let left = 46.0
        let right = 372.0
        let end = Double(slices.map { $0.startNs + $0.lengthNs }.max() ?? 1)
        func x(_ ns: Int64) -> Double { left + (right - left) * Double(ns) / end }
        for fault in faults {
            let start = x(min(fault.startNs, Int64(end)))
            picture.rectangle(
                x: start, y: 6, width: max(2, x(min(fault.endNs, Int64(end))) - start),
                height: 166, style: "fault-band", title: fault.name)
        }
        let y = LogarithmicAxis(covering: latencies, start: 104, end: 8)
        for tick in LogarithmicAxis(covering: latencies, start: 104, end: 8).ticks
        where isDecade(tick) {
            picture.line(
                x1: left, y1: y.position(tick), x2: right, y2: y.position(tick), style: "grid-line")
            picture.text(
                PercentileChart.tickText(tick), x: left - 5, y: y.position(tick) + 3.5, anchor: .end
            )
        }
        let kinds: [(String, KeyPath<TimeSlice, Int64>)] = [
            ("max", \.maxNs), ("p99", \.p99Ns), ("p50", \.p50Ns),
        ]
        for (name, value) in kinds {
            picture.polyline(
                slices.filter { $0.operations > 0 }.map {
                    (x($0.startNs + $0.lengthNs / 2), y.position(Double($0[keyPath: value])))
                }, style: "over-time \(name)", title: "\(c.name) \(name)")
        }
        let rates = LinearAxis(upTo: highestRate, start: 160, end: 118)
        picture.line(x1: left, y1: 160, x2: right, y2: 160, style: "grid-line")
        picture.text(
            Quantities.significant(rates.high), x: left - 5, y: 124, anchor: .end)
        for slice in slices {
            let top = rates.position(rate(slice))
            let start = x(slice.startNs)
            let failed = slice.failed > 0 ? ", \(slice.failed) failed" : ""
            picture.rectangle(
                x: start + 0.5, y: top, width: x(slice.startNs + slice.lengthNs) - start - 1,
                height: 160 - top, style: slice.failed > 0 ? "rate failed" : "rate",
                title: "\(Quantities.significant(rate(slice))) operations a second\(failed)")
        }
        stale(&picture, slices, x: x)
        if let first = faults.first {
            let more = faults.count > 1 ? " and \(faults.count - 1) more" : ""
            picture.text(
                first.name + more, x: (left + right) / 2, y: 186, anchor: .middle, style: "t small")
        }
        let seconds = end / 1e9
        picture.text("0 s", x: left, y: 186)
        picture.text("\(Quantities.significant(seconds)) s", x: right, y: 186, anchor: .end)
        return "<figure><figcaption>\(Markup.escape(c.name))</figcaption>"
            + picture.svg(label: "\(c.name) over time", style: "chart") + "</figure>"
    }

    /// A strip of marks: an interval with stale reads has one, the higher the more there were.
    private static func stale(
        _ picture: inout Picture, _ slices: [TimeSlice], x: (Int64) -> Double
    ) {
        guard let most = slices.compactMap(\.staleReads).max() else { return }
        picture.text("stale", x: 41, y: 174, anchor: .end, style: "t small")
        picture.line(x1: x(0), y1: 174, x2: 372, y2: 174, style: "grid-line")
        for slice in slices {
            guard let count = slice.staleReads, count > 0 else { continue }
            let height = 3 + 7 * Double(count) / Double(most)
            let start = x(slice.startNs)
            picture.rectangle(
                x: start + 0.5, y: 174 - height,
                width: max(1.5, x(slice.startNs + slice.lengthNs) - start - 1), height: height,
                style: "stale-mark",
                title: "\(Quantities.grouped(count)) stale read\(count == 1 ? "" : "s")")
        }
    }

    private static func isDecade(_ tick: Double) -> Bool {
        var value = tick
        while value >= 9.99 { value /= 10 }
        return value < 1.01
    }
}
