/// Freshness as PBS predicts it and as it was measured, against the time since the write.
enum CalibrationChart {
    /// One small chart for every configuration that showed or may show stale reads.
    static func html(_ panel: Panel) -> String {
        let shown = panel.configurations.filter { c in
            guard let cell = c.measured.first, let prediction = cell.prediction,
                cell.freshness?.isEmpty == false
            else { return false }
            return (c.staleReads?.events ?? 0) > 0
                || prediction.curve.contains { $0.fresh < 0.999_95 }
        }
        guard !shown.isEmpty else { return "" }
        var html = "<figure class=\"card\"><figcaption>Fresh reads against the time since the write"
        html +=
            " <span class=\"quiet\">(line: predicted; points: measured, 95 %)</span></figcaption>"
        html += "<div class=\"multiples\" style=\"--columns:\(min(3, shown.count))\">"
        for c in shown {
            let error = Statistics.median(
                c.measured.compactMap { $0.prediction?.calibrationError })
            let text = error.map { "; calibration error \(Quantities.percent($0))" } ?? ""
            html += "<figure><figcaption>\(Markup.escape(c.name))"
            html += "<span class=\"quiet\">\(text)</span></figcaption>"
            html += svg(c) + "</figure>"
        }
        return html + "</div></figure>"
    }

    static func svg(_ c: ConfigurationSummary) -> String {
        guard let prediction = c.measured.first?.prediction else { return "" }
        let bins = merged(c)
        var picture = Picture(width: 380, height: 200)
        let frame = (left: 46.0, right: 370.0, top: 8.0, bottom: 168.0)
        let times = bins.map { Double(max($0.meanNs, 10_000)) }
        let x = LogarithmicAxis(
            covering: times + [10_000], span: 100, start: frame.left, end: frame.right)
        let curve = prediction.curve.filter {
            Double($0.afterNs) >= x.low && Double($0.afterNs) <= x.high
        }
        let lowest =
            (bins.filter { $0.reads >= 20 }.map { Double($0.fresh) / Double($0.reads) }
            + curve.map(\.fresh)).min() ?? 0
        let low = lowest > 0.9 ? 0.9 : lowest > 0.5 ? 0.5 : 0
        func y(_ share: Double) -> Double {
            frame.bottom
                + (frame.top - frame.bottom) * (min(max(share, low), 1) - low) / (1 - low)
        }
        for step in 0...4 {
            let share = low + (1 - low) * Double(step) / 4
            picture.line(
                x1: frame.left, y1: y(share), x2: frame.right, y2: y(share), style: "grid-line")
            picture.text(
                Quantities.significant(share * 100) + " %", x: frame.left - 5, y: y(share) + 3.5,
                anchor: .end)
        }
        for tick in x.ticks where isDecade(tick) {
            picture.text(
                PercentileChart.tickText(tick), x: x.position(tick), y: frame.bottom + 16,
                anchor: .middle)
        }
        picture.polyline(
            curve.map { (x.position(Double($0.afterNs)), y($0.fresh)) },
            style: "over-time p99", title: "\(c.name), predicted")
        for bin in bins where bin.reads >= 5 {
            let interval = Statistics.wilson(successes: bin.fresh, trials: bin.reads)
            let at = x.position(Double(max(bin.meanNs, 10_000)))
            let title =
                "\(Quantities.text(nanoseconds: bin.meanNs)) after: "
                + "\(Quantities.grouped(bin.fresh)) of \(Quantities.grouped(bin.reads)) fresh"
            picture.line(
                x1: at, y1: y(interval.lower), x2: at, y2: y(interval.upper), style: "whisker",
                title: title)
            picture.circle(
                x: at, y: y(Double(bin.fresh) / Double(bin.reads)), radius: 3.2, style: "dot c1",
                title: title)
        }
        return picture.svg(
            label: "\(c.name): predicted and measured freshness", style: "chart freshness")
    }

    /// The bins of all repeats together.
    private static func merged(_ c: ConfigurationSummary) -> [FreshnessBin] {
        var merged: [Int64: FreshnessBin] = [:]
        for bin in c.measured.flatMap({ $0.freshness ?? [] }) {
            guard var sum = merged[bin.startNs] else {
                merged[bin.startNs] = bin
                continue
            }
            let reads = sum.reads + bin.reads
            sum.meanNs =
                sum.meanNs / Int64(reads) * Int64(sum.reads) + bin.meanNs / Int64(reads)
                * Int64(bin.reads)
            sum.reads = reads
            sum.fresh += bin.fresh
            merged[bin.startNs] = sum
        }
        return merged.keys.sorted().compactMap { merged[$0] }
    }

    private static func isDecade(_ tick: Double) -> Bool {
        var value = tick
        while value >= 9.99 { value /= 10 }
        return value < 1.01
    }
}

/// How many versions reads lag: measured shares as bars, and the closed form of PBS, which knows
/// no time and so is a lower bound, as a mark.
enum VersionChart {
    static func html(_ panel: Panel) -> String {
        guard panel.isMatrix else { return "" }
        let n = panel.shared.n
        let shown = panel.configurations.filter { c in
            c.r + c.w <= n && c.measured.contains { ($0.staleness?.kHistogram.count ?? 0) > 0 }
                && (c.staleReads?.trials ?? 0) > 0
        }
        guard !shown.isEmpty else { return "" }
        var html = "<figure class=\"card\"><figcaption>Reads among the k latest versions "
        html += "<span class=\"quiet\">(bars: measured; mark: the least that N, R and W alone "
        html += "promise)</span></figcaption>"
        html += "<div class=\"multiples\" style=\"--columns:\(min(3, shown.count))\">"
        for c in shown {
            html += "<figure><figcaption>\(c.name)</figcaption>\(svg(c, n: n))</figure>"
        }
        return html + "</div></figure>"
    }

    static func svg(_ c: ConfigurationSummary, n: Int) -> String {
        let histograms = c.measured.compactMap(\.staleness?.kHistogram)
        let reads = histograms.flatMap { $0 }.reduce(0, +)
        guard reads > 0 else { return "" }
        var picture = Picture(width: 380, height: 150)
        let frame = (left: 46.0, right: 370.0, top: 8.0, bottom: 122.0)
        for step in 0...2 {
            let y = frame.bottom + (frame.top - frame.bottom) * Double(step) / 2
            picture.line(x1: frame.left, y1: y, x2: frame.right, y2: y, style: "grid-line")
            picture.text("\(step * 50) %", x: frame.left - 5, y: y + 3.5, anchor: .end)
        }
        let width = (frame.right - frame.left) / 5
        for k in 1...5 {
            let within = histograms.map { $0.prefix(k).reduce(0, +) }.reduce(0, +)
            let share = Double(within) / Double(reads)
            let promised = VersionStaleness.within(k: k, n: n, r: c.r, w: c.w)
            let x = frame.left + (Double(k) - 1) * width
            func y(_ share: Double) -> Double {
                frame.bottom + (frame.top - frame.bottom) * share
            }
            picture.rectangle(
                x: x + 10, y: y(share), width: width - 20, height: frame.bottom - y(share),
                radius: 3, style: "rate",
                title: "k = \(k): measured \(Quantities.percent(share)), at least "
                    + Quantities.percent(promised))
            picture.line(
                x1: x + 5, y1: y(promised), x2: x + width - 5, y2: y(promised), style: "whisker")
            picture.text("k = \(k)", x: x + width / 2, y: frame.bottom + 16, anchor: .middle)
        }
        return picture.svg(label: "\(c.name): reads among the k latest versions", style: "chart")
    }
}
