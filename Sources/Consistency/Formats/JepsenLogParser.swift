/// Reads the lines that Jepsen prints: `INFO  jepsen.util - 0 :invoke :read nil`, as in
/// Porcupine's etcd tests. Other lines, and the nemesis, are passed over.
public enum JepsenLogParser {
    /// Parses a whole file; at least one line must be an operation. With a shard the file is read
    /// twice, and only the operations on its keys are kept.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, file: String, shard: Shard? = nil
    ) throws(HistoryError) -> History {
        try EventHistory.read(file: file, shard: shard) { (events) throws(HistoryError) in
            try walk(bytes, &events)
        }
    }

    private static func walk(
        _ bytes: UnsafeRawBufferPointer, _ events: inout EventHistory
    ) throws(HistoryError) {
        var scanner = TextScanner(bytes, file: events.file)
        var position: UInt32 = 0
        while !scanner.isAtEnd {
            if try line(&scanner, &events, position) { position += 1 }
            while !scanner.isAtEnd, scanner.current != 10 { scanner.position += 1 }
            if !scanner.isAtEnd { scanner.newLine() }
        }
        guard position > 0 else {
            throw HistoryError(
                file: events.file, line: 1, column: 1,
                problem: "expected lines like 'INFO jepsen.util - 0 :invoke :read nil', found none")
        }
    }

    /// Parses a whole file that is in an array.
    public static func parse(_ bytes: [UInt8], file: String) throws(HistoryError) -> History {
        try bytes.withUnsafeBufferPointer { buffer throws(HistoryError) in
            try parse(UnsafeRawBufferPointer(buffer), file: file)
        }
    }

    /// Reads one line; true if it was an event.
    private static func line(
        _ scanner: inout TextScanner, _ events: inout EventHistory, _ position: UInt32
    ) throws(HistoryError) -> Bool {
        scanner.skipBlanks()
        var words: [String] = []
        let start = scanner
        // The marker may stand behind a timestamp and a level.
        while !scanner.isAtEnd, scanner.current != 10, !scanner.sees(" - ") {
            scanner.position += 1
        }
        guard scanner.sees(" - ") else { return false }
        let prefix = String(
            decoding: start.slice(start.position, scanner.position), as: UTF8.self)
        guard prefix.contains("jepsen") else { return false }
        scanner.position += 3
        for _ in 0..<3 { words.append(word(&scanner)) }
        guard words[1].hasPrefix(":"), words[2].hasPrefix(":"),
            let kind = EDNParser.kind(String(words[1].dropFirst()))
        else { return false }
        guard let process = UInt32(words[0]) else { return true }
        guard let function = EventHistory.function(String(words[2].dropFirst())) else {
            throw start.failure(
                "expected :read, :write, :cas or :delete, found \(words[2])", at: start.position)
        }
        let place = scanner.position
        var end = place
        while end < scanner.end, scanner.base[end] != 10 { end += 1 }
        var rest = TextScanner(
            scanner.slice(place, end), file: scanner.file, line: scanner.line)
        rest.lineStart = scanner.lineStart - place
        try rest.skipEDNBlanks()
        let value: EDNValue = rest.isAtEnd ? .null : try rest.ednValue()
        try events.add(
            EventHistory.Event(
                kind: kind, process: process, function: function, key: nil, value: value,
                time: nil, position: position, line: scanner.line,
                column: start.position - start.lineStart + 1))
        return true
    }

    private static func word(_ scanner: inout TextScanner) -> String {
        scanner.skipBlanks()
        let start = scanner.position
        while !scanner.isAtEnd, scanner.current > 32 { scanner.position += 1 }
        return String(decoding: scanner.slice(start, scanner.position), as: UTF8.self)
    }
}
