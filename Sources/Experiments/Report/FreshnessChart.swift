/// Stale reads by configuration with their intervals, and how many writes stale reads lagged.
enum FreshnessChart {
    static func staleReads(_ panel: Panel) -> String {
        let rows = panel.configurations.compactMap { c in c.staleReads.map { (c, $0) } }
            .filter { $0.1.trials > 0 }
        guard !rows.isEmpty else { return "<p class=\"quiet\">Freshness was not checked.</p>" }
        let height = 27.0
        let longest = Double(rows.map(\.0.name.count).max() ?? 8)
        let frame = (left: max(76, longest * 6.4 + 14), right: 420.0, top: 6.0)
        var picture = Picture(width: 620, height: frame.top + Double(rows.count) * height + 24)
        let bottom = frame.top + Double(rows.count) * height
        let axis = LinearAxis(
            upTo: rows.compactMap { $0.1.interval?.upper }.max() ?? 1, start: frame.left,
            end: frame.right)
        for tick in axis.ticks {
            let x = axis.position(tick)
            picture.line(x1: x, y1: frame.top, x2: x, y2: bottom, style: "grid-line")
            picture.text(
                tick == 0 ? "0" : Quantities.percent(tick), x: x, y: bottom + 16, anchor: .middle)
        }
        for (row, (c, stale)) in rows.enumerated() {
            let y = frame.top + Double(row) * height
            let middle = y + height / 2
            picture.text(c.name, x: frame.left - 8, y: middle + 4, anchor: .end, style: "t strong")
            guard let fraction = stale.fraction, let interval = stale.interval else { continue }
            let end = axis.position(fraction)
            if stale.events > 0 {
                picture.rectangle(
                    x: frame.left, y: y + 5, width: max(1.5, end - frame.left), height: height - 10,
                    radius: 3, style: "bar-stale", title: "\(c.name): \(stale.text)")
            }
            let low = axis.position(interval.lower)
            let high = axis.position(interval.upper)
            let style = stale.events > 0 ? "whisker" : "whisker bound"
            picture.line(
                x1: low, y1: middle, x2: high, y2: middle, style: style,
                title: "\(c.name): \(stale.text)")
            picture.line(x1: high, y1: middle - 4, x2: high, y2: middle + 4, style: style)
            let text =
                stale.events == 0
                ? "0 of \(Quantities.grouped(stale.trials)), "
                    + "< \(Quantities.percent(interval.upper))"
                : "\(Quantities.grouped(stale.events)) of \(Quantities.grouped(stale.trials)), "
                    + Quantities.percent(fraction)
            picture.text(text, x: frame.right + 12, y: middle + 4, style: "t")
        }
        return picture.svg(label: "Stale reads with 95 % intervals", style: "chart")
    }

    /// How far stale reads lagged: a table of k, since most cells are empty.
    static func lag(_ panel: Panel) -> String {
        let rows = panel.configurations.compactMap { c -> (ConfigurationSummary, [Int], Int64)? in
            let all = c.measured.compactMap(\.staleness)
            guard let longest = all.map(\.kHistogram.count).max(), longest > 1 else { return nil }
            let sums = (0..<longest).map { k in
                all.map { k < $0.kHistogram.count ? $0.kHistogram[k] : 0 }.reduce(0, +)
            }
            guard sums.dropFirst().contains(where: { $0 > 0 }) else { return nil }
            return (c, sums, all.map(\.deltaMaxNs).max() ?? 0)
        }
        guard !rows.isEmpty else { return "" }
        var html = "<table class=\"plain\"><thead><tr><th>configuration</th><th>1 write behind</th>"
        html += "<th>2</th><th>3</th><th>more</th><th>longest lag</th></tr></thead><tbody>"
        for (c, sums, longest) in rows {
            func count(_ k: Int) -> Int { k < sums.count ? sums[k] : 0 }
            let more = sums.dropFirst(4).reduce(0, +)
            html += "<tr><th scope=\"row\">\(c.name)</th>"
            for value in [count(1), count(2), count(3), more] {
                html += "<td>\(Quantities.grouped(value))</td>"
            }
            html += "<td>\(Quantities.text(nanoseconds: longest))</td></tr>"
        }
        return html + "</tbody></table>"
    }
}
