/// The violations of a report as one HTML page that opens offline: lanes for processes, bars for
/// operations, the argument's edges drawn, zoomable with the wheel and movable with the mouse.
public enum TimelinePage {
    /// The whole document.
    public static func html(_ history: History, _ report: Report, title: String) -> String {
        var body = "<h1>\(escape(title))</h1>\n"
        body +=
            "<p>\(report.summary.operations) operations on \(report.summary.keys) keys by "
            + "\(report.summary.processes) processes.</p>\n"
        var violations = 0
        for model in report.models {
            guard let witness = model.counterexample else { continue }
            violations += 1
            body += section(history, model, witness)
        }
        if violations == 0 { body += "<p>No violation was found.</p>\n" }
        return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            + "<title>\(escape(title))</title>\n<style>\(style)</style></head>\n<body>\n\(body)"
            + "<script>\(script)</script>\n</body></html>\n"
    }

    private static func section(
        _ history: History, _ model: ModelReport, _ witness: Witness
    ) -> String {
        let timeline = Timeline(history, witness)
        var text = "<section><h2>\(escape(model.model.name)): violated</h2>\n"
        text += "<p>\(escape(witness.explanation))</p>\n"
        if let cause = witness.cause {
            text += "<p>Likely cause: <b>\(escape(cause.rawValue))</b>.</p>\n"
        }
        text +=
            "<p class=\"count\">\(model.violatingKeys) of \(model.keysChecked) keys violate. "
            + "Filled bars are the counterexample.</p>\n"
        return text + drawing(timeline) + "</section>\n"
    }

    private static let lane = 34.0
    private static let left = 110.0
    private static let width = 1_000.0

    private static func x(_ time: Int64, _ timeline: Timeline) -> Double {
        let span = max(1, timeline.end - timeline.start)
        let offset = min(max(0, time - timeline.start), span)
        return Double(offset) / Double(span) * width
    }

    private static func drawing(_ timeline: Timeline) -> String {
        let height = lane * Double(timeline.processes.count) + 40
        var lanes: [UInt32: Double] = [:]
        var text = "<svg viewBox=\"0 0 \(number(left + width + 10)) \(number(height))\">\n"
        for (i, process) in timeline.processes.enumerated() {
            let y = Double(i) * lane + 24
            lanes[process] = y
            text += "<text class=\"lane\" x=\"0\" y=\"\(number(y + 5))\">process \(process)</text>"
            text +=
                "<line class=\"lane\" x1=\"\(number(left))\" x2=\"\(number(left + width))\" "
                + "y1=\"\(number(y))\" y2=\"\(number(y))\"/>\n"
        }
        text +=
            "<svg class=\"plot\" x=\"\(number(left))\" y=\"0\" width=\"\(number(width))\" "
            + "height=\"\(number(height))\" viewBox=\"0 0 \(number(width)) \(number(height))\" "
            + "preserveAspectRatio=\"none\">\n"
        for index in timeline.operations {
            let operation = timeline.prose.history.operations[index]
            text += bar(index, timeline, lanes[operation.process] ?? 0)
        }
        for edge in timeline.witness.edges { text += arrow(edge, timeline, lanes) }
        text += "</svg>\n"
        let scale = "\(timeline.prose.time(timeline.start)) to \(timeline.prose.time(timeline.end))"
        text +=
            "<text class=\"lane\" x=\"\(number(left))\" y=\"\(number(height - 4))\">"
            + "\(escape(scale)) after the history began</text>"
        return text + "</svg>\n"
    }

    private static func bar(_ index: Int, _ timeline: Timeline, _ y: Double) -> String {
        let operation = timeline.prose.history.operations[index]
        let from = x(operation.invoked, timeline)
        let isOpen = operation.completed == Operation.never
        let to = isOpen ? width : x(operation.completed, timeline)
        let isMember = timeline.members.contains(index)
        let kind = operation.kind == .read ? "read" : "write"
        let classes = "\(kind)\(isMember ? " member" : "")\(isOpen ? " open" : "")"
        var text = "<g><title>\(escape(capitalised(timeline.prose.operation(index))))</title>"
        text +=
            "<rect class=\"\(classes)\" x=\"\(number(from))\" y=\"\(number(y - 9))\" "
            + "width=\"\(number(max(2, to - from)))\" height=\"18\" rx=\"2\"/>"
        if isMember {
            text +=
                "<text x=\"\(number(from + 3))\" y=\"\(number(y + 4))\">"
                + "\(escape(timeline.label(index)))</text>"
        }
        return text + "</g>\n"
    }

    private static func arrow(
        _ edge: Witness.Edge, _ timeline: Timeline, _ lanes: [UInt32: Double]
    ) -> String {
        let from = timeline.prose.history.operations[edge.from]
        let to = timeline.prose.history.operations[edge.to]
        let ends = (x(from.completed, timeline), x(to.invoked, timeline))
        let rows = (lanes[from.process] ?? 0, lanes[to.process] ?? 0)
        return "<g><title>\(escape(edge.label))</title><line class=\"edge\" "
            + "x1=\"\(number(ends.0))\" y1=\"\(number(rows.0))\" x2=\"\(number(ends.1))\" "
            + "y2=\"\(number(rows.1))\"/><circle class=\"edge\" cx=\"\(number(ends.1))\" "
            + "cy=\"\(number(rows.1))\" r=\"3\"/></g>\n"
    }

    /// A coordinate with one decimal.
    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
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

    private static let style = """
        body{font:15px/1.5 system-ui,sans-serif;max-width:1150px;margin:2em auto;padding:0 1em;\
        color:#1b1f24;background:#fff}
        h2{margin-top:2em;font-size:1.2em}.count{color:#59636e}
        svg{width:100%;height:auto;overflow:hidden}
        svg text{font-size:11px;fill:#1b1f24;pointer-events:none}
        text.lane{fill:#59636e}line.lane{stroke:#d8dee4}
        rect{stroke-width:1;vector-effect:non-scaling-stroke;fill:#fff}
        rect.read{stroke:#0a6ebd}rect.write{stroke:#b35900}
        rect.read.member{fill:#bfe0f7}rect.write.member{fill:#ffd9ae}
        rect.open{stroke-dasharray:4 3}
        line.edge{stroke:#c4233b;stroke-width:1.5;vector-effect:non-scaling-stroke}
        circle.edge{fill:#c4233b}.plot{cursor:grab}
        @media(prefers-color-scheme:dark){body{background:#14181d;color:#e6e9ec}\
        svg text{fill:#e6e9ec}text.lane,.count{fill:#9aa4ae;color:#9aa4ae}line.lane{stroke:#333b44}\
        rect{fill:#14181d}rect.read.member{fill:#124a73}rect.write.member{fill:#6b3a08}}
        """

    private static let script = """
        document.querySelectorAll('svg.plot').forEach(plot=>{
          const box=()=>plot.viewBox.baseVal,full=box().width;let drag=null;
          plot.addEventListener('wheel',e=>{e.preventDefault();const r=plot.getBoundingClientRect(),
            b=box(),at=b.x+(e.clientX-r.left)/r.width*b.width,
            w=Math.min(full,Math.max(full/1e4,b.width*(e.deltaY<0?0.8:1.25)));
            b.x=Math.max(0,Math.min(full-w,at-(at-b.x)*w/b.width));b.width=w;},{passive:false});
          plot.addEventListener('pointerdown',e=>{drag=e.clientX;plot.setPointerCapture(e.pointerId);});
          plot.addEventListener('pointermove',e=>{if(drag===null)return;const b=box(),
            r=plot.getBoundingClientRect();
            b.x=Math.max(0,Math.min(full-b.width,b.x-(e.clientX-drag)/r.width*b.width));
            drag=e.clientX;});
          plot.addEventListener('pointerup',()=>{drag=null;});
          plot.addEventListener('dblclick',()=>{const b=box();b.x=0;b.width=full;});
        });
        """
}
