/// A counterexample as a timeline: one lane a process, one bar an operation.
///
/// Events are spaced by their order, not their distance: the order is what contradicts, and real
/// distances would hide short operations beside long ones. Times stand beneath.
enum WitnessTimeline {
    /// Most operations that are drawn; more would not be read.
    static let limit = 40

    static func html(_ witness: Witness) -> String {
        var html = "<article class=\"card witness\"><h3>\(Markup.escape(witness.title))</h3>"
        html += "<p class=\"cause\"><b>\(Markup.escape(witness.model)) is violated</b> for key "
        html += "<code>\(Markup.escape(witness.key))</code>. "
        html += "\(Markup.escape(witness.explanation))</p><div class=\"wide\">\(svg(witness))</div>"
        if let replay = witness.replay {
            let how = witness.isDeterministic ? "Replay it exactly" : "Run the same setting again"
            html += "<p class=\"quiet\">\(how):</p><pre><code>\(Markup.escape(replay))</code></pre>"
        }
        return html + "</article>"
    }

    static func svg(_ witness: Witness) -> String {
        let operations = Array(witness.operations.prefix(limit))
        guard !operations.isEmpty else { return "" }
        let processes = Array(Set(operations.map(\.process))).sorted()
        var times = operations.flatMap { [$0.invokedNs] + ($0.completedNs.map { [$0] } ?? []) }
        times = Array(Set(times)).sorted()
        let left = 92.0
        let step = max(54, min(118, 980 / Double(max(times.count, 1))))
        let lane = 62.0
        let top = 10.0
        let right = left + Double(times.count) * step
        var picture = Picture(
            width: right + 24, height: top + Double(processes.count) * lane + 40)
        let bottom = top + Double(processes.count) * lane
        func x(_ ns: Int64) -> Double {
            left + (Double(times.firstIndex(of: ns) ?? times.count) + 0.35) * step
        }
        for (row, process) in processes.enumerated() {
            let middle = top + (Double(row) + 0.5) * lane
            picture.line(x1: left, y1: middle, x2: right + 12, y2: middle, style: "grid-line")
            picture.text(
                "process \(process)", x: left - 12, y: middle + 4, anchor: .end, style: "t strong")
        }
        let origin = times.first ?? 0
        for (index, time) in times.enumerated() {
            picture.line(x1: x(time), y1: top, x2: x(time), y2: bottom, style: "event-line")
            picture.text(
                index == 0 ? "0" : "+" + Quantities.text(nanoseconds: time - origin), x: x(time),
                y: bottom + (index % 2 == 0 || step > 70 ? 16 : 30), anchor: .middle,
                style: "t small")
        }
        for operation in operations {
            let row = processes.firstIndex(of: operation.process) ?? 0
            bar(
                &picture, operation, start: x(operation.invokedNs),
                end: operation.completedNs.map(x) ?? right + 12, y: top + Double(row) * lane)
        }
        return picture.svg(label: "Timeline of the counterexample", style: "chart timeline")
    }

    private static func bar(
        _ picture: inout Picture, _ operation: WitnessOperation, start: Double, end: Double,
        y: Double
    ) {
        let width = max(10, end - start)
        let isRead = operation.op == "read"
        let value = operation.value ?? "absent"
        let verb = isRead ? "read → " : operation.op == "delete" ? "delete" : "\(operation.op) "
        let label = operation.op == "delete" ? verb : verb + value
        var title = "operation \(operation.index), \(operation.outcome): \(label)"
        if let completed = operation.completedNs {
            title += ", \(Quantities.text(nanoseconds: completed - operation.invokedNs))"
        }
        if let note = operation.note { title += "; \(note)" }
        let style =
            "op \(isRead ? "op-read" : "op-write")\(operation.isAtFault ? " at-fault" : "")"
            + (operation.completedNs == nil ? " open" : "")
        picture.rectangle(
            x: start, y: y + 24, width: width, height: 24, radius: 5, style: style, title: title)
        picture.text(shortened(label), x: start + 1, y: y + 18, style: "t op-label")
        if let note = operation.note {
            picture.text(shortened(note), x: start + 6, y: y + 40, style: "t small on-bar")
        }
    }

    private static func shortened(_ text: String) -> String {
        text.count <= 34 ? text : "\(text.prefix(20))…\(text.suffix(12))"
    }
}
