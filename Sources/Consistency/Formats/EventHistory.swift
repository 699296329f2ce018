/// Turns invocations and completions, as Jepsen records them, into operations.
///
/// A completion closes the invocation of its process. `info` closes nothing: the operation may
/// still take effect, and what never completes is unknown. Times are the events' own if all have
/// them, else their positions, which order events just as well.
struct EventHistory {
    enum Kind { case invoke, ok, fail, info }

    /// One event of a client.
    struct Event {
        var kind: Kind
        var process: UInt32
        var function: Operation.Kind
        var isAppend = false
        var key: EDNValue?
        var value: EDNValue
        var time: Int64?
        /// Among all events of the file, other processes' included.
        var position: UInt32
        var line: Int
        /// One-based byte column of where the event begins.
        var column: Int
    }

    let file: String
    private(set) var events: [Event] = []

    init(file: String) { self.file = file }

    mutating func add(_ event: Event) { events.append(event) }

    /// The function that a keyword names.
    static func function(_ name: String) -> Operation.Kind? {
        switch name {
        case "read", "get": .read
        case "write", "put", "append": .write
        case "cas": .cas
        case "delete", "del": .delete
        default: nil
        }
    }

    private func failure(_ event: Event, _ problem: String) -> HistoryError {
        HistoryError(file: file, line: event.line, column: event.column, problem: problem)
    }

    /// All operations, by invocation.
    func history() throws(HistoryError) -> History {
        var history = History()
        let isTimed = events.allSatisfy { $0.time != nil }
        let isIndependent = hasTuples()
        var open: [UInt32: Int] = [:]
        var closing = [Int](repeating: -1, count: events.count)
        for (i, event) in events.enumerated() {
            if event.kind == .invoke {
                guard open[event.process] == nil else {
                    throw failure(
                        event,
                        "process \(event.process) invokes before its last operation completed")
                }
                open[event.process] = i
            } else {
                guard let start = open.removeValue(forKey: event.process) else {
                    throw failure(
                        event, "process \(event.process) completes an operation it never invoked")
                }
                guard events[start].function == event.function else {
                    throw failure(
                        event, "process \(event.process) completes another kind of operation")
                }
                closing[start] = i
            }
        }
        for (i, event) in events.enumerated() where event.kind == .invoke {
            let end = closing[i] >= 0 ? events[closing[i]] : nil
            try add(event, end, isTimed, isIndependent, &history)
        }
        return history
    }

    /// Values are `[key value]` when a read or write carries a pair, or a cas a nested one.
    private func hasTuples() -> Bool {
        var sawAny = false
        for event in events where event.key == nil {
            guard case .vector(let items) = event.value, items.count == 2 else {
                if event.kind == .invoke, event.function != .read || event.value != .null {
                    return false
                }
                continue
            }
            if event.function == .cas {
                guard case .vector(let pair) = items[1], pair.count == 2 else { return false }
            }
            sawAny = true
        }
        return sawAny
    }

    private func add(
        _ start: Event, _ end: Event?, _ isTimed: Bool, _ isIndependent: Bool,
        _ history: inout History
    ) throws(HistoryError) {
        var key = start.key?.text ?? "register"
        var asked = start.value
        var answered = end?.kind == .ok ? end?.value ?? .null : .null
        if isIndependent {
            guard case .vector(let pair) = asked, pair.count == 2 else {
                throw failure(start, "expected a value [key value], as in the other operations")
            }
            key = pair[0].text ?? "nil"
            asked = pair[1]
            if case .vector(let pair) = answered, pair.count == 2 { answered = pair[1] }
        }
        let invoked = isTimed ? start.time ?? 0 : Int64(start.position)
        let outcome: Operation.Outcome =
            switch end?.kind {
            case .ok: .ok
            case .fail: .fail
            default: .unknown
            }
        let completed = end.map { isTimed ? $0.time ?? 0 : Int64($0.position) }
        guard invoked < Operation.timeBound, invoked > -Operation.timeBound,
            completed.map({ $0 >= invoked && $0 < Operation.timeBound }) ?? true
        else { throw failure(end ?? start, "an operation completes no earlier than it is invoked") }
        var operation = Operation(
            process: start.process, key: history.key(key), kind: start.function, outcome: outcome,
            invoked: invoked, completed: completed ?? Operation.never)
        switch start.function {
        case .read:
            // Key-value logs show the empty string for a key that was never written.
            let isEmpty = start.key != nil && answered == .string("")
            operation.value = isEmpty ? .absent : value(answered, &history)
        case .write:
            operation.value = value(asked, &history)
            if start.isAppend {
                guard !operation.value.isAbsent else {
                    throw failure(start, "expected a string to append")
                }
                operation.flags.insert(.append)
            } else if operation.value.isAbsent {
                operation.kind = .delete
            }
        case .delete: break
        case .cas:
            guard case .vector(let pair) = asked, pair.count == 2, pair[1] != .null else {
                throw failure(
                    start, "expected a cas of [expected new], found \(asked.text ?? "nil")")
            }
            operation.expected = value(pair[0], &history)
            operation.value = value(pair[1], &history)
        }
        history.append(operation)
        history.positions.append(start.position)
    }

    private func value(_ value: EDNValue, _ history: inout History) -> ValueID {
        guard let text = value.text else { return .absent }
        return history.value(text)
    }
}
