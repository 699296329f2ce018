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

    /// What events are read for.
    enum Purpose {
        case everything
        /// To learn how all of them are to be read; none is kept.
        case survey
        /// Only the operations on the keys of a shard are kept, once a survey was made.
        case shard(Shard, Survey)
    }

    /// What the events of a file have in common.
    struct Survey {
        /// Every event has a time.
        private(set) var isTimed = true
        private var sawTuple = false
        private var sawOther = false

        /// Values are `[key value]`: a read or write carries a pair, a cas a nested one.
        var isIndependent: Bool { sawTuple && !sawOther }

        mutating func note(_ event: Event) {
            if event.time == nil { isTimed = false }
            guard event.key == nil else { return }
            guard case .vector(let items) = event.value, items.count == 2 else {
                if event.kind == .invoke, event.function != .read || event.value != .null {
                    sawOther = true
                }
                return
            }
            if event.function == .cas {
                guard case .vector(let pair) = items[1], pair.count == 2 else {
                    sawOther = true
                    return
                }
            }
            sawTuple = true
        }
    }

    /// An operation under way.
    private struct Open {
        /// Its place among the kept ones; -1 when it is not kept.
        var place: Int
        var function: Operation.Kind
        var invoked: Int64
    }

    let file: String
    private let purpose: Purpose
    private(set) var survey = Survey()
    /// Invocations that are kept, and what completed them.
    private var starts: [Event] = []
    private var ends: [Event?] = []
    private var open: [UInt32: Open] = [:]
    private var excluded = Excluded()

    private init(file: String, for purpose: Purpose) {
        self.file = file
        self.purpose = purpose
    }

    /// The history of a file whose events `walk` adds one after the other.
    static func read(
        file: String, shard: Shard?,
        _ walk: (inout EventHistory) throws(HistoryError) -> Void
    ) throws(HistoryError) -> History {
        var events = EventHistory(file: file, for: shard == nil ? .everything : .survey)
        try walk(&events)
        if let shard {
            events = EventHistory(file: file, for: .shard(shard, events.survey))
            try walk(&events)
        }
        return try events.history()
    }

    /// Takes the next event of the file.
    mutating func add(_ event: Event) throws(HistoryError) {
        survey.note(event)
        guard event.kind != .invoke else {
            guard open[event.process] == nil else {
                throw failure(
                    event, "process \(event.process) invokes before its last operation completed")
            }
            open[event.process] = Open(
                place: keep(event), function: event.function, invoked: moment(event))
            return
        }
        guard let start = open.removeValue(forKey: event.process) else {
            throw failure(
                event, "process \(event.process) completes an operation it never invoked")
        }
        guard start.function == event.function else {
            throw failure(event, "process \(event.process) completes another kind of operation")
        }
        if start.place >= 0 {
            ends[start.place] = event
        } else {
            let isKnown = event.kind == .ok || event.kind == .fail
            excluded.note(
                process: event.process, invoked: start.invoked,
                completed: isKnown ? moment(event) : Operation.never)
        }
    }

    /// Keeps an invocation, if it is asked for; its place.
    private mutating func keep(_ event: Event) -> Int {
        switch purpose {
        case .everything: break
        case .survey: return -1
        case .shard(let shard, let survey):
            var name = event.keyText(isIndependent: survey.isIndependent) ?? "nil"
            if !name.withUTF8({ shard.holds(UnsafeRawBufferPointer($0)) }) { return -1 }
        }
        starts.append(event)
        ends.append(nil)
        return starts.count - 1
    }

    /// An event's time, or its position where not all of them have times.
    private func moment(_ event: Event) -> Int64 {
        let isTimed =
            if case .shard(_, let survey) = purpose { survey.isTimed } else { survey.isTimed }
        return isTimed ? event.time ?? 0 : Int64(event.position)
    }

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

    /// All operations that were kept, by invocation.
    func history() throws(HistoryError) -> History {
        var history = History()
        var whole = survey
        if case .shard(_, let survey) = purpose { whole = survey }
        for (start, end) in zip(starts, ends) {
            try add(start, end, whole.isIndependent, &history)
        }
        history.excluded = excluded
        for (process, operation) in open where operation.place < 0 {
            history.excluded.note(
                process: process, invoked: operation.invoked, completed: Operation.never)
        }
        return history
    }

    private func add(
        _ start: Event, _ end: Event?, _ isIndependent: Bool, _ history: inout History
    ) throws(HistoryError) {
        guard let key = start.keyText(isIndependent: isIndependent) else {
            throw failure(start, "expected a value [key value], as in the other operations")
        }
        var asked = start.value
        var answered = end?.kind == .ok ? end?.value ?? .null : .null
        if isIndependent {
            if case .vector(let pair) = asked, pair.count == 2 { asked = pair[1] }
            if case .vector(let pair) = answered, pair.count == 2 { answered = pair[1] }
        }
        let invoked = moment(start)
        let outcome: Operation.Outcome =
            switch end?.kind {
            case .ok: .ok
            case .fail: .fail
            default: .unknown
            }
        let completed = end.map(moment)
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

extension EventHistory.Event {
    /// The name of the key that an invocation is about; nil when its value should be a pair
    /// `[key value]` and is none.
    fileprivate func keyText(isIndependent: Bool) -> String? {
        guard isIndependent else { return key?.text ?? "register" }
        guard case .vector(let pair) = value, pair.count == 2 else { return nil }
        return pair[0].text ?? "nil"
    }
}
