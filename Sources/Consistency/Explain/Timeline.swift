/// The operations around a violation, laid out for people: lanes for processes, bars for
/// operations. Histories of any length: only a window around the witness is shown.
public struct Timeline: Sendable {
    /// Most operations that are shown.
    public static let limit = 300

    public let witness: Witness
    /// Indices into the history's operations, by invocation.
    public let operations: [Int]
    /// Processes in order of their number; the lanes.
    public let processes: [UInt32]
    /// Where moments lie.
    let scale: TimeScale
    let prose: Prose
    let members: Set<Int>

    /// The window around `witness`: its operations, and of those of the same key (of all its keys)
    /// that overlap what is drawn to scale the nearest ones, as far as `limit` allows.
    public init(_ history: History, _ witness: Witness) {
        self.witness = witness
        prose = Prose(history)
        let members = Set(witness.operations)
        self.members = members
        let own = witness.operations.map { history.operations[$0] }
        let known = own.filter { $0.completed != Operation.never }
        let scale = TimeScale(
            around: own.map(\.invoked) + known.map(\.completed) + (own.isEmpty ? [0] : []),
            unit: known.map { $0.completed - $0.invoked }.max() ?? 1)
        self.scale = scale
        let keys = Set(own.map(\.key))
        let moments = own.map(\.invoked) + known.map(\.completed)
        var others: [(distance: Int64, index: Int)] = []
        for (index, operation) in history.operations.enumerated() where keys.contains(operation.key)
        {
            guard !members.contains(index), operation.outcome != .fail || operation.kind == .cas,
                operation.completed != Operation.never || operation.invoked >= scale.start,
                scale.distance(from: operation.invoked, to: operation.completed) == 0
            else { continue }
            let distance = moments.map { moment in
                max(operation.invoked - moment, moment - operation.completed, 0)
            }.min()
            others.append((distance ?? 0, index))
        }
        others.sort { ($0.distance, $0.index) < ($1.distance, $1.index) }
        let shown =
            witness.operations + others.prefix(max(0, Timeline.limit - members.count)).map(\.index)
        operations = shown.sorted {
            (history.operations[$0].invoked, $0) < (history.operations[$1].invoked, $1)
        }
        processes = Set(operations.map { history.operations[$0].process }).sorted()
    }

    /// A short name for an operation's bar.
    func label(_ index: Int) -> String {
        let operation = prose.history.operations[index]
        let value = prose.value(operation.value)
        switch operation.kind {
        case .read: return "r \(value)"
        case .write: return "w \(value)"
        case .delete: return "delete"
        case .cas: return "cas \(prose.value(operation.expected)) → \(value)"
        }
    }

    /// The timeline as lines of text, `width` columns wide (at least 40): one line an operation of
    /// the witness and its bar, then the explanation.
    public func text(width: Int = 100) -> String {
        let history = prose.history
        let rows = operations.filter { members.contains($0) }
        let names = rows.map { "process \(history.operations[$0].process)  \(label($0))" }
        let margin = min(max(0, names.map(\.count).max() ?? 0), 60) + 2
        let columns = max(20, max(40, width) - margin - 1)
        var lines: [String] = []
        for (row, name) in zip(rows, names) {
            let operation = history.operations[row]
            let from = column(operation.invoked, columns)
            let isOpen = operation.completed == Operation.never
            let to = isOpen ? columns - 1 : max(from, column(operation.completed, columns))
            var bar = String(repeating: " ", count: from) + "├"
            bar += String(repeating: "─", count: max(0, to - from - 1))
            if isOpen { bar += "…" } else if to > from { bar += "┤" }
            let cut = String(name.prefix(margin - 2))
            lines.append(cut + String(repeating: " ", count: margin - cut.count) + bar)
        }
        let left = prose.time(scale.start)
        let right = prose.time(scale.end)
        let gap = max(1, columns - left.count - right.count)
        lines.append(
            String(repeating: " ", count: margin) + left + String(repeating: " ", count: gap)
                + right)
        lines.append("")
        lines.append(witness.explanation)
        for edge in witness.edges {
            lines.append("  \(label(edge.from)) \(edge.label) \(label(edge.to))")
        }
        if let cause = witness.cause { lines.append("Likely cause: \(cause.rawValue).") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func column(_ time: Int64, _ columns: Int) -> Int {
        Int(scale.position(of: time) * Double(columns - 1))
    }
}
