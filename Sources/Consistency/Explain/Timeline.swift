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
    /// The first and last moment shown.
    public let start: Int64
    public let end: Int64
    let prose: Prose
    let members: Set<Int>

    /// The window around `witness`: its operations, and those of the same key (of all its keys)
    /// that overlap them in time, as far as `limit` allows.
    public init(_ history: History, _ witness: Witness) {
        self.witness = witness
        prose = Prose(history)
        members = Set(witness.operations)
        let own = witness.operations.map { history.operations[$0] }
        let first = own.map(\.invoked).min() ?? 0
        let known = own.map { $0.completed == Operation.never ? $0.invoked : $0.completed }
        let last = max(known.max() ?? 0, own.map(\.invoked).max() ?? 0)
        let margin = max((last - first) / 20, 1)
        start = first - margin
        end = last + margin
        let keys = Set(own.map(\.key))
        var shown = witness.operations
        for (index, operation) in history.operations.enumerated() {
            if shown.count >= max(Timeline.limit, members.count) { break }
            guard keys.contains(operation.key), operation.invoked <= last,
                operation.completed >= first, operation.outcome != .fail || operation.kind == .cas,
                !members.contains(index),
                operation.completed != Operation.never
                    || operation.invoked >= first
            else { continue }
            shown.append(index)
        }
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
        let left = prose.time(start)
        let right = prose.time(end)
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
        let span = max(1, end - start)
        let offset = min(max(0, time - start), span)
        return Int(Double(offset) / Double(span) * Double(columns - 1))
    }
}
