/// Words for operations, values and times in explanations.
struct Prose {
    let history: History
    /// Times are shown since this moment.
    let origin: Int64
    /// Short histories are told in nanoseconds, others in milliseconds.
    let inNanoseconds: Bool

    init(_ history: History) {
        let end = history.operations.lazy.map { operation in
            operation.completed == Operation.never ? operation.invoked : operation.completed
        }.max()
        self.init(
            history, start: min(history.start, history.excluded.start),
            end: max(end ?? 0, history.excluded.end))
    }

    /// `start` and `end` are the first and the last known time of the history.
    init(_ history: History, start: Int64, end: Int64) {
        self.history = history
        origin = history.count == 0 ? 0 : start
        inNanoseconds = end - origin < 100_000
    }

    /// A length of time: `12 ns` or `2.000 ms`.
    func length(_ nanoseconds: Int64) -> String {
        inNanoseconds ? "\(nanoseconds) ns" : Prose.milliseconds(nanoseconds) + " ms"
    }

    /// A moment since the origin.
    func time(_ moment: Int64) -> String {
        moment == Operation.never ? "never" : length(moment - origin)
    }

    /// Milliseconds with three decimals.
    static func milliseconds(_ nanoseconds: Int64) -> String {
        let micros = nanoseconds.magnitude / 1_000
        let fraction = String(micros % 1_000 + 1_000).dropFirst()
        return (nanoseconds < 0 ? "-" : "") + "\(micros / 1_000).\(fraction)"
    }

    func interval(_ operation: Operation) -> String {
        if operation.completed == Operation.never {
            return "from \(time(operation.invoked)), never answered"
        }
        let start = operation.invoked - origin
        let end = operation.completed - origin
        return inNanoseconds
            ? "\(start)–\(end) ns"
            : "\(Prose.milliseconds(start))–\(Prose.milliseconds(end)) ms"
    }

    /// `the write of w:1:2 by process 1 (0.100–0.200 ms)`.
    func operation(_ index: Int) -> String {
        let operation = history.operations[index]
        let who = "by process \(operation.process) (\(interval(operation)))"
        switch operation.kind {
        case .read: return "the read of \(history.text(operation.value)) \(who)"
        case .write: return "the write of \(history.text(operation.value)) \(who)"
        case .delete: return "the delete \(who)"
        case .cas:
            let change =
                "\(history.text(operation.expected)) to \(history.text(operation.value))"
            return "the compare-and-set from \(change) \(who)"
        }
    }

    func value(_ value: ValueID) -> String { history.text(value) }

    func key(_ key: UInt32) -> String { "Key \(history.keyText(key))" }
}
