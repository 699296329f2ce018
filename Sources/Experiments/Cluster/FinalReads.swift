import Consistency

/// Appends final reads to a history, one after the other, after everything else in it.
struct FinalReads {
    var history: History
    private var time: Int64
    private var process: UInt32
    /// Values that the history knows the writes of.
    private var written: Set<ValueID> = []
    private var earlier: UInt32 = 0

    /// Sessions of final reads have numbers that no load generator gives out.
    private static let firstProcess = UInt32(1 << 23)

    init(_ history: History) {
        self.history = history
        var end: Int64 = 0
        for operation in history.operations {
            let isOver = operation.completed != Operation.never
            end = max(end, isOver ? operation.completed : operation.invoked)
            if operation.kind != .read { written.insert(operation.value) }
        }
        time = end
        process = FinalReads.firstProcess
    }

    mutating func add(_ key: String, _ found: ReplicaValue?, node: String?) {
        let place = history.key(key)
        time += 2
        var operation = Operation(
            process: process, key: place, kind: .read, outcome: found == nil ? .fail : .ok,
            invoked: time, completed: time + 1, flags: .final)
        process += 1
        if let text = found?.value {
            // The name of the write stands before the filler.
            let name = text.prefix { $0 != ";" }
            operation.value = history.value(String(name))
            addWriteBeforeAll(of: operation.value, place)
        }
        guard let node else {
            history.append(operation)
            return
        }
        var detail = Detail()
        detail.node = history.node(node)
        history.append(operation, detail: detail)
    }

    /// A record that was loaded and never touched since has a write before the run.
    private mutating func addWriteBeforeAll(of value: ValueID, _ key: UInt32) {
        guard !value.isAbsent, written.insert(value).inserted else { return }
        earlier += 1
        history.append(
            Operation(
                process: UInt32(1 << 24) + earlier, key: key, kind: .write, outcome: .ok,
                value: value, invoked: -2, completed: -1))
    }
}
