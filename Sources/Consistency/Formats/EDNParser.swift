/// Reads Jepsen histories: operation maps as a vector, a list or a bare sequence, with comments,
/// tagged literals and nemesis operations; also Porcupine's key-value logs, which are such maps
/// with a `:key`. A register, a cas register, or independent keys `[k v]`.
public enum EDNParser {
    /// Parses a whole file. `nil` is "absent"; with `dropsNilReads` a read that returned `nil`
    /// counts as one without a result, which is how Knossos treats it. With a shard the file is
    /// read twice, and only the operations on its keys are kept.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, file: String, dropsNilReads: Bool = false,
        shard: Shard? = nil
    ) throws(HistoryError) -> History {
        try EventHistory.read(file: file, shard: shard) { (events) throws(HistoryError) in
            try walk(bytes, dropsNilReads, &events)
        }
    }

    private static func walk(
        _ bytes: UnsafeRawBufferPointer, _ dropsNilReads: Bool, _ events: inout EventHistory
    ) throws(HistoryError) {
        var scanner = TextScanner(bytes, file: events.file)
        var position: UInt32 = 0
        try scanner.skipEDNBlanks()
        var close: UInt8 = 0
        if scanner.current == 0x5b { close = 0x5d }
        if scanner.current == 0x28 { close = 0x29 }
        if close != 0 { scanner.position += 1 }
        while true {
            try scanner.skipEDNBlanks()
            if scanner.isAtEnd {
                guard close == 0 else {
                    throw scanner.failure(
                        "expected '\(Character(UnicodeScalar(close)))', found the end of the input")
                }
                break
            }
            if scanner.current == close {
                scanner.position += 1
                try scanner.skipEDNBlanks()
                guard scanner.isAtEnd else {
                    throw scanner.failure("expected the end of the input, found \(scanner.found)")
                }
                break
            }
            let start = scanner
            let value = try scanner.ednValue()
            guard case .map = value else {
                throw start.failure("expected an operation, a map in braces")
            }
            if let event = try event(value, position, start, dropsNilReads) {
                try events.add(event)
            }
            position += 1
        }
    }

    /// Parses a whole file that is in an array.
    public static func parse(
        _ bytes: [UInt8], file: String, dropsNilReads: Bool = false
    ) throws(HistoryError) -> History {
        try bytes.withUnsafeBufferPointer { buffer throws(HistoryError) in
            try parse(UnsafeRawBufferPointer(buffer), file: file, dropsNilReads: dropsNilReads)
        }
    }

    /// The event that a map stands for; nil for the nemesis and other processes without a number.
    private static func event(
        _ map: EDNValue, _ position: UInt32, _ start: TextScanner, _ dropsNilReads: Bool
    ) throws(HistoryError) -> EventHistory.Event? {
        func failure(_ problem: String) -> HistoryError { start.failure(problem) }
        guard let processValue = map["process"] else {
            throw failure("expected :process in an operation")
        }
        guard case .atom(let text) = processValue, let process = UInt32(text) else { return nil }
        guard case .keyword(let type)? = map["type"], let kind = kind(type) else {
            throw failure("expected :type :invoke, :ok, :fail or :info")
        }
        guard case .keyword(let name)? = map["f"], let function = EventHistory.function(name)
        else { throw failure("expected :f :read, :write, :cas, :delete or :append") }
        var time: Int64?
        if case .atom(let text)? = map["time"] {
            guard let number = Int64(text) else {
                throw failure("expected whole nanoseconds in :time, found \(text)")
            }
            time = number
        }
        let value = map["value"] ?? .null
        let isNil =
            value == .null
            || { if case .vector(let v) = value { v.last == .null } else { false } }()
        return EventHistory.Event(
            kind: kind == .ok && function == .read && isNil && dropsNilReads ? .info : kind,
            process: process, function: function, isAppend: name == "append", key: map["key"],
            value: value, time: time,
            position: position, line: start.line,
            column: start.position - start.lineStart + 1)
    }

    static func kind(_ name: String) -> EventHistory.Kind? {
        switch name {
        case "invoke": .invoke
        case "ok": .ok
        case "fail": .fail
        case "info": .info
        default: nil
        }
    }
}
