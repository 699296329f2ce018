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
        html += "\(Markup.escape(witness.explanation))</p>"
        if let cause = witness.cause {
            html += "<p class=\"cause\"><span class=\"badge open\">\(Markup.escape(cause))</span> "
            html += "Likely cause: \(Markup.escape(Witness.sentence(of: cause)))</p>"
        } else if let doubt = witness.doubt {
            html += "<p class=\"cause quiet\">\(Markup.escape(doubt))</p>"
        }
        html += "<div class=\"wide\">\(svg(witness))</div>\(story(witness))"
        if let replay = witness.replay {
            let how = witness.isDeterministic ? "Replay it exactly" : "Run the same setting again"
            html += "<p class=\"quiet\">\(how):</p><pre><code>\(Markup.escape(replay))</code></pre>"
        }
        return html + "</article>"
    }

    /// Where everything stands: lanes for processes above, for nodes beneath.
    private struct Layout {
        let processes: [Int]
        let nodes: [String]
        /// Every moment at which something is drawn, ascending.
        let times: [Int64]
        let left: Double
        let top = 10.0
        let lane = 62.0
        let nodeLane = 24.0
        let step: Double

        init(_ operations: [WitnessOperation], _ events: [WitnessEvent]) {
            processes = Array(Set(operations.map(\.process))).sorted()
            let longest = processes.map { "process \($0)".count }.max() ?? 0
            left = max(92, Double(longest) * 7.6 + 22)
            nodes = Array(Set(events.map(\.node))).sorted()
            let moments =
                operations.flatMap { [$0.invokedNs] + ($0.completedNs.map { [$0] } ?? []) }
                + events.map(\.atNs)
            times = Array(Set(moments)).sorted()
            let least = events.isEmpty ? 54.0 : 30
            // Wide enough for the names of three replicas, as long as there are few moments.
            step = max(least, min(180, 980 / Double(max(times.count, 1))))
        }

        var right: Double { left + Double(times.count) * step }
        /// Where the lanes of processes end and those of nodes begin.
        var middle: Double { top + Double(processes.count) * lane }
        var bottom: Double {
            middle + (nodes.isEmpty ? 0 : Double(nodes.count) * nodeLane + 8)
        }

        func x(_ ns: Int64) -> Double {
            left + (Double(times.firstIndex(of: ns) ?? times.count) + 0.35) * step
        }
    }

    /// Most events of nodes that are drawn; the list beneath has all of them.
    static let eventLimit = 36

    static func svg(_ witness: Witness) -> String {
        let operations = Array(witness.operations.prefix(limit))
        guard !operations.isEmpty else { return "" }
        let events = Array((witness.events ?? []).filter(isDrawn).prefix(eventLimit))
        let layout = Layout(operations, events)
        var picture = Picture(width: layout.right + 24, height: layout.bottom + 40)
        for (row, process) in layout.processes.enumerated() {
            let middle = layout.top + (Double(row) + 0.5) * layout.lane
            picture.line(
                x1: layout.left, y1: middle, x2: layout.right + 12, y2: middle, style: "grid-line")
            picture.text(
                "process \(process)", x: layout.left - 12, y: middle + 4, anchor: .end,
                style: "t strong")
        }
        axis(&picture, layout, operations)
        for operation in operations {
            let row = layout.processes.firstIndex(of: operation.process) ?? 0
            bar(
                &picture, operation, start: layout.x(operation.invokedNs),
                end: operation.completedNs.map(layout.x) ?? layout.right + 12,
                y: layout.top + Double(row) * layout.lane)
        }
        replicas(&picture, layout, events)
        return picture.svg(label: "Timeline of the counterexample", style: "chart timeline")
    }

    /// Dashed lines at the ends of operations, with their times beneath.
    private static func axis(
        _ picture: inout Picture, _ layout: Layout, _ operations: [WitnessOperation]
    ) {
        let ends = Set(operations.flatMap { [$0.invokedNs] + ($0.completedNs.map { [$0] } ?? []) })
        let origin = layout.times.first ?? 0
        var lastX = -200.0
        var isLow = false
        for time in ends.sorted() {
            let x = layout.x(time)
            picture.line(x1: x, y1: layout.top, x2: x, y2: layout.bottom, style: "event-line")
            isLow = x - lastX < 70 ? !isLow : false
            lastX = x
            picture.text(
                time == origin ? "0" : "+" + Quantities.text(nanoseconds: time - origin), x: x,
                y: layout.bottom + (isLow ? 30 : 16), anchor: .middle, style: "t small")
        }
    }

    /// A lane for each node that did something, a mark for each thing it did.
    private static func replicas(
        _ picture: inout Picture, _ layout: Layout, _ events: [WitnessEvent]
    ) {
        for (row, node) in layout.nodes.enumerated() {
            let y = layout.middle + 8 + Double(row) * layout.nodeLane
            picture.rectangle(
                x: layout.left, y: y + 2, width: layout.right + 12 - layout.left,
                height: layout.nodeLane - 4, radius: 4, style: "node-lane")
            picture.text(
                node == "all" ? "cluster" : node, x: layout.left - 12, y: y + 16, anchor: .end)
            for event in events where event.node == node {
                let isSent = event.what.hasPrefix("->")
                picture.circle(
                    x: layout.x(event.atNs), y: y + layout.nodeLane / 2, radius: 4,
                    style: isSent ? "event" : "event moves", title: "\(node) \(event.what)")
            }
        }
    }

    /// Fetches and acknowledgements are many and say little by themselves; what arrives is drawn,
    /// and what was lost on the way.
    private static func isDrawn(_ event: WitnessEvent) -> Bool {
        !event.what.hasPrefix("-> ") || event.node == "all"
    }

    /// What the nodes did, as a list to be unfolded.
    private static func story(_ witness: Witness) -> String {
        guard let events = witness.events, !events.isEmpty else { return "" }
        let origin = witness.operations.map(\.invokedNs).min() ?? 0
        var html = "<details class=\"story\"><summary>What the nodes did meanwhile with the key "
        html += "(\(events.count) events)</summary><ol>"
        for event in events {
            let time = Quantities.text(nanoseconds: max(0, event.atNs - origin))
            html += "<li>+\(time) <b>\(Markup.escape(event.node))</b> "
            html += "\(Markup.escape(event.what))</li>"
        }
        return html + "</ol></details>"
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
            let room = max(4, Int((width - 10) / 5.6))
            picture.text(
                note.count <= room ? note : "\(note.prefix(room - 1))…", x: start + 6, y: y + 40,
                style: "t small on-bar")
        }
    }

    private static func shortened(_ text: String) -> String {
        text.count <= 34 ? text : "\(text.prefix(20))…\(text.suffix(12))"
    }
}
