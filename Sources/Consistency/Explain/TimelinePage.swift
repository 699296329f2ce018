/// The violations of a report as one HTML page that opens offline: lanes for processes, bars for
/// operations, the argument's edges drawn, zoomable, and readable on a phone.
public enum TimelinePage {
    /// The whole document.
    public static func html(_ history: History, _ report: Report, title: String) -> String {
        let sections = report.models.compactMap { model in
            model.counterexample.map { section(Timeline(history, $0), model) }
        }
        return html(title: title, report.summary, sections: sections)
    }

    /// The document of these sections.
    public static func html(
        title: String, _ summary: HistorySummary, sections: [String]
    ) -> String {
        var body = "<h1>\(escape(title))</h1>\n"
        body +=
            "<p>\(summary.operations) operations on \(summary.keys) keys by "
            + "\(summary.processes) processes.</p>\n"
        body += sections.joined()
        if sections.isEmpty { body += "<p>No violation was found.</p>\n" }
        return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            + "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
            + "<title>\(escape(title))</title>\n<style>\(style)</style></head>\n<body>\n\(body)"
            + "<script>\(script)</script>\n</body></html>\n"
    }

    /// One violated model, drawn.
    public static func section(_ timeline: Timeline, _ model: ModelReport) -> String {
        let witness = timeline.witness
        var text = "<section><h2>\(escape(model.model.name)): violated</h2>\n"
        text += "<p>\(escape(witness.explanation))</p>\n"
        if let cause = witness.cause {
            text += "<p>Likely cause: <b>\(escape(cause.rawValue))</b>.</p>\n"
        }
        text +=
            "<p class=\"count\">\(model.violatingKeys) of \(model.keysChecked) keys violate. "
            + "\(timeline.operations.count) operations on the key around the violation are drawn; "
            + "those of the counterexample are filled.</p>\n"
        return text + drawing(timeline) + table(timeline) + "</section>\n"
    }

    /// Heights of lanes with operations of the counterexample, whose labels need room, and without.
    private static let lane = 46.0
    private static let plainLane = 24.0

    /// How far into the window a moment lies, in percent.
    private static func x(_ time: Int64, _ timeline: Timeline) -> Double {
        timeline.scale.position(of: time) * 100
    }

    /// Where every process's lane begins, and where the last one ends.
    private static func rows(_ timeline: Timeline) -> (starts: [UInt32: Double], end: Double) {
        let history = timeline.prose.history
        let labelled = Set(timeline.members.map { history.operations[$0].process })
        var rows: [UInt32: Double] = [:]
        var place = 20.0
        for process in timeline.processes {
            let isLabelled = labelled.contains(process)
            rows[process] = place + (isLabelled ? 12 : 0)
            place += isLabelled ? lane : plainLane
        }
        return (rows, place + 8)
    }

    private static func drawing(_ timeline: Timeline) -> String {
        let (rows, height) = rows(timeline)
        var text =
            "<div class=\"tools\"><button data-zoom=\"0.5\" aria-label=\"zoom out\">−</button>"
            + "<button data-zoom=\"2\" aria-label=\"zoom in\">+</button>"
            + "<button data-zoom=\"0\">all</button><span class=\"key read\">read</span>"
            + "<span class=\"key write\">write</span><span class=\"key open\">never answered</span>"
            + "<span class=\"key order\">finished before</span></div>\n"
        text += "<div class=\"frame\"><div class=\"names\" style=\"height:\(number(height))px\">"
        for process in timeline.processes {
            text += "<span style=\"top:\(number((rows[process] ?? 0) + 6))px\">"
            text += "process \(process)</span>"
        }
        text +=
            "</div><div class=\"scroll\">"
            + "<div class=\"plot\" style=\"height:\(number(height))px\">\n"
        for process in timeline.processes {
            text += "<i class=\"lane\" style=\"top:\(number((rows[process] ?? 0) + 15))px\"></i>"
        }
        text += "\n" + ticks(timeline) + edges(timeline, rows, height)
        var labelled: [UInt32: Double] = [:]
        for index in timeline.operations { text += bar(index, timeline, rows, &labelled) }
        return text + "</div></div></div>\n"
    }

    /// Times at the ends of what is drawn to scale, and bands where a wait was cut short.
    private static func ticks(_ timeline: Timeline) -> String {
        let stretches = timeline.scale.stretches
        let prose = timeline.prose
        var text = ""
        func tick(_ time: Int64, _ side: String) {
            text += "<span class=\"tick\(side)\" style=\"left:\(number(x(time, timeline)))%\">"
            text += "\(escape(prose.time(time)))</span>"
        }
        if stretches.count == 1 {
            let (start, end) = (timeline.scale.start, timeline.scale.end)
            for i in 0...4 {
                tick(
                    start + (end - start) / 4 * Int64(i), i == 0 ? " first" : i == 4 ? " last" : "")
            }
            return text + "\n"
        }
        for (i, stretch) in stretches.enumerated() {
            tick(stretch.start, " first")
            guard i + 1 < stretches.count else { continue }
            let next = stretches[i + 1]
            let wait = escape(prose.length(next.start - stretch.end))
            text += "<span class=\"gap\" title=\"\(wait) are left out\" style=\"left:"
            text +=
                "\(number(stretch.to * 100))%;width:\(number((next.from - stretch.to) * 100))%\">"
            text += "<b>\(wait)</b></span>"
        }
        return text + "\n"
    }

    private static func bar(
        _ index: Int, _ timeline: Timeline, _ rows: [UInt32: Double],
        _ labelled: inout [UInt32: Double]
    ) -> String {
        let operation = timeline.prose.history.operations[index]
        let from = x(operation.invoked, timeline)
        let isOpen = operation.completed == Operation.never
        let to = isOpen ? 100 : x(operation.completed, timeline)
        let isMember = timeline.members.contains(index)
        let kind = operation.kind == .read ? "read" : "write"
        let classes = "bar \(kind)\(isMember ? " member" : "")\(isOpen ? " open" : "")"
        let row = rows[operation.process] ?? 0
        let title = escape(capitalised(timeline.prose.operation(index)))
        var text =
            "<div class=\"\(classes)\" title=\"\(title)\" style=\"left:\(number(from))%;"
            + "width:\(number(to - from))%;top:\(number(row + 6))px\"></div>"
        if isMember {
            // Two labels of a lane that begin near each other stand above and below it.
            let isNear = labelled[operation.process].map { from - $0 < 22 } ?? false
            labelled[operation.process] = isNear ? -100 : from
            let side = from > 75 ? "right:\(number(100 - to))%" : "left:\(number(from))%"
            text += "<span class=\"label\" style=\"\(side);"
            text += "top:\(number(isNear ? row + 24 : row - 11))px\">"
            text += "\(escape(timeline.label(index)))</span>"
        }
        return text + "\n"
    }

    private static func edges(
        _ timeline: Timeline, _ rows: [UInt32: Double], _ height: Double
    ) -> String {
        var lines = ""
        var heads = ""
        for edge in timeline.witness.edges {
            let from = timeline.prose.history.operations[edge.from]
            let to = timeline.prose.history.operations[edge.to]
            let ends = (x(from.completed, timeline), x(to.invoked, timeline))
            let levels = ((rows[from.process] ?? 0) + 15, (rows[to.process] ?? 0) + 15)
            lines +=
                "<line class=\"edge\" x1=\"\(number(ends.0))\" y1=\"\(number(levels.0))\" "
                + "x2=\"\(number(ends.1))\" y2=\"\(number(levels.1))\"/>"
            heads +=
                "<i class=\"head\" title=\"\(escape(edge.label))\" style=\"left:"
                + "\(number(ends.1))%;top:\(number(levels.1))px\"></i>"
        }
        return "<svg viewBox=\"0 0 100 \(number(height))\" preserveAspectRatio=\"none\">\(lines)"
            + "</svg>\(heads)\n"
    }

    /// The counterexample as rows, for reading aloud and for copying.
    private static func table(_ timeline: Timeline) -> String {
        var text =
            "<div class=\"scroll\"><table><thead><tr><th>process</th><th>operation</th>"
            + "<th>when</th><th>operation number</th></tr></thead><tbody>\n"
        let history = timeline.prose.history
        for index in timeline.operations where timeline.members.contains(index) {
            let operation = history.operations[index]
            text +=
                "<tr><td>\(operation.process)</td><td>\(escape(timeline.label(index)))</td>"
                + "<td>\(escape(timeline.prose.interval(operation)))</td>"
                + "<td>\(history.position(of: index))</td></tr>\n"
        }
        return text + "</tbody></table></div>\n"
    }

    /// A coordinate with three decimals, which a window of a second needs to show microseconds.
    private static func number(_ value: Double) -> String {
        let thousandths = Int((value * 1_000).rounded())
        let fraction = String(thousandths.magnitude % 1_000 + 1_000).dropFirst()
        return (thousandths < 0 ? "-" : "") + "\(thousandths.magnitude / 1_000).\(fraction)"
    }

    /// Text that is safe between and inside tags.
    static func escape(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
