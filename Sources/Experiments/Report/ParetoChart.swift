/// Latency against stale reads: what a configuration costs against what it gives.
enum ParetoChart {
    static func svg(
        _ panel: Panel, _ findings: Findings, index: Int, choice: String? = nil
    ) -> String {
        let points = panel.configurations.filter {
            $0.combinedP99 != nil && $0.staleReads?.fraction != nil
        }
        guard points.count > 1 else { return "" }
        let frame = (left: 76.0, right: 486.0, top: 10.0, bottom: 262.0, unseen: 158.0)
        var picture = Picture(width: 500, height: 304)
        let y = LogarithmicAxis(
            covering: points.compactMap(\.combinedP99), span: 2.5, start: frame.bottom - 8,
            end: frame.top + 8)
        let x = LogarithmicAxis(
            covering: points.compactMap(\.staleReads?.fraction).filter { $0 > 0 },
            start: frame.unseen + 34, end: frame.right - 34)
        picture.rectangle(
            x: frame.left, y: frame.top, width: frame.unseen - frame.left,
            height: frame.bottom - frame.top, radius: 4, style: "unseen-zone")
        for tick in y.ticks {
            let position = y.position(tick)
            picture.line(
                x1: frame.left, y1: position, x2: frame.right, y2: position, style: "grid-line")
            picture.text(
                PercentileChart.tickText(tick), x: frame.left - 7, y: position + 3.5, anchor: .end)
        }
        picture.text(
            "none seen", x: (frame.left + frame.unseen) / 2, y: frame.bottom + 16, anchor: .middle)
        if points.contains(where: { $0.staleReads?.events ?? 0 > 0 }) {
            for tick in x.ticks where x.ticks.count < 6 || isDecade(tick) {
                let position = x.position(tick)
                picture.line(
                    x1: position, y1: frame.top, x2: position, y2: frame.bottom, style: "grid-line")
                picture.text(
                    Quantities.percent(tick), x: position, y: frame.bottom + 16, anchor: .middle)
            }
        }
        picture.text(
            "stale reads", x: (frame.left + frame.right) / 2, y: frame.bottom + 36,
            anchor: .middle, style: "t axis")
        func place(_ c: ConfigurationSummary) -> (x: Double, y: Double) {
            let rate = c.staleReads?.fraction ?? 0
            return (
                rate > 0 ? x.position(rate) : (frame.left + frame.unseen) / 2 - 24,
                y.position(c.combinedP99 ?? 0)
            )
        }
        picture.polyline(
            findings.frontier.map(place).sorted { $0.x < $1.x }, style: "frontier",
            title: "Pareto frontier")
        label(
            &picture, points, findings.frontier.map(\.name), choice ?? findings.choice?.name, place)
        return picture.svg(label: "p99 latency against stale-read rate", style: "chart")
    }

    /// With more points than this only those are named that the answer is about.
    private static let namedPoints = 12

    /// Whether some points have no name in the picture.
    static func leavesNamesOut(_ panel: Panel) -> Bool {
        panel.configurations.count > namedPoints
    }

    /// Points and their names.
    private static func label(
        _ picture: inout Picture, _ points: [ConfigurationSummary], _ frontier: [String],
        _ choice: String?, _ place: (ConfigurationSummary) -> (x: Double, y: Double)
    ) {
        for c in points {
            let (x, y) = place(c)
            let isChoice = choice == c.name
            picture.circle(
                x: x, y: y, radius: isChoice ? 6.5 : 4.5,
                style: "dot c\(c.hue)\(isChoice ? " choice" : "")",
                title: "\(c.name): p99 \(Quantities.text(nanoseconds: Int64(c.combinedP99 ?? 0))), "
                    + "stale reads \(c.staleReads?.text ?? "not checked")")
        }
        let named = points.filter {
            points.count <= namedPoints || $0.name == choice || frontier.contains($0.name)
                || $0.staleReads?.events ?? 0 > 0
        }
        var labels = Labels(dots: points.map(place), width: picture.width)
        for c in named.sorted(by: { place($0).y < place($1).y }) {
            let isChoice = choice == c.name
            let (x, y) = place(c)
            let spot = labels.spot(for: c.name, x: x, y: y, isStrong: isChoice)
            if (spot.y - y - 4).magnitude > 4 {
                picture.line(x1: x, y1: y, x2: spot.x, y2: spot.y - 4, style: "leader")
            }
            picture.text(
                c.name, x: spot.x, y: spot.y, anchor: spot.isLeft ? .end : .start,
                style: isChoice ? "t strong small" : "t small")
        }
    }

    /// Finds room for names beside their dots.
    private struct Labels {
        let dots: [(x: Double, y: Double)]
        let width: Double
        private var taken: [(left: Double, right: Double, y: Double)] = []

        init(dots: [(x: Double, y: Double)], width: Double) {
            self.dots = dots
            self.width = width
        }

        /// To the right of its dot, or to the left where the picture ends; below what is there
        /// already and below dots that it would hide.
        mutating func spot(
            for name: String, x: Double, y: Double, isStrong: Bool
        ) -> (x: Double, y: Double, isLeft: Bool) {
            let length = Double(name.count) * (isStrong ? 6.4 : 5.7)
            let isLeft = x + 11 + length > width
            let start = isLeft ? x - 11 - length : x + 11
            var line = y + 4
            while taken.contains(where: {
                $0.left < start + length && start < $0.right && ($0.y - line).magnitude < 12
            })
                || dots.contains(where: {
                    $0.x > start - 4 && $0.x < start + length && ($0.y - line + 4).magnitude < 9
                })
            {
                line += 1
            }
            taken.append((start, start + length, line))
            return (isLeft ? x - 11 : x + 11, line, isLeft)
        }
    }

    private static func isDecade(_ value: Double) -> Bool {
        var value = value
        while value < 0.999 { value *= 10 }
        return value < 1.01
    }
}
