/// Reads histories of one JSON object a line (docs: product history files, `.jsonl`).
///
/// Fed with chunks, so that a file never has to be in memory as text: each call consumes whole
/// lines and says how many bytes that were. A parser for this one shape; about a line per 200 ns.
public struct JSONLinesParser {
    /// Longest line, in bytes.
    public static let maximumLine = 64 << 20

    /// What has been read so far.
    public private(set) var history = History()
    private let file: String
    private var nextLine = 1
    private var scratch = ContiguousArray<UInt8>()
    private let shard: Shard?
    /// With a shard: which of the operations that were read belong to it.
    private var kept: ContiguousArray<UInt32> = []

    /// `file` names the input in errors. With a shard only the operations on its keys are kept.
    public init(file: String, shard: Shard? = nil) {
        self.file = file
        self.shard = shard
    }

    /// Parses a whole file.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, file: String, shard: Shard? = nil
    ) throws(HistoryError) -> History {
        var parser = JSONLinesParser(file: file, shard: shard)
        _ = try parser.consume(bytes, isLast: true)
        return parser.history
    }

    /// Parses a whole file that is in an array.
    public static func parse(_ bytes: [UInt8], file: String) throws(HistoryError) -> History {
        try bytes.withUnsafeBufferPointer { buffer throws(HistoryError) in
            try parse(UnsafeRawBufferPointer(buffer), file: file)
        }
    }

    /// Parses the whole lines at the beginning of `chunk` (with `isLast`, all of it) and returns
    /// how many bytes they have; the rest belongs at the beginning of the next chunk.
    public mutating func consume(
        _ chunk: UnsafeRawBufferPointer, isLast: Bool
    ) throws(HistoryError) -> Int {
        var limit = chunk.count
        if !isLast {
            while limit > 0, chunk[limit - 1] != 10 { limit -= 1 }
            if limit == 0, chunk.count > JSONLinesParser.maximumLine {
                throw HistoryError(
                    file: file, line: nextLine, column: 1,
                    problem: "expected a line of at most \(JSONLinesParser.maximumLine) bytes")
            }
        }
        var scanner = TextScanner(
            UnsafeRawBufferPointer(rebasing: chunk[0..<limit]), file: file, line: nextLine)
        while !scanner.isAtEnd {
            scanner.skipBlanks()
            if scanner.isAtEnd { break }
            if scanner.current == 10 {
                scanner.newLine()
                continue
            }
            try line(&scanner)
            scanner.skipBlanks()
            if scanner.isAtEnd { break }
            guard scanner.current == 10 else {
                throw scanner.failure("expected the end of the line, found \(scanner.found)")
            }
            scanner.newLine()
        }
        nextLine = scanner.line
        if isLast { history.settle(kept) }
        return limit
    }

    /// Forgets the operations read so far, for a reader that has dealt with them; keys and values
    /// keep their numbers.
    public mutating func dropOperations() { history.removeOperations() }

    /// Reads a string into this parser's scratch.
    @inline(__always)
    mutating func string(
        _ scanner: inout TextScanner
    ) throws(HistoryError) -> UnsafeRawBufferPointer {
        try scanner.string(&scratch)
    }

    @inline(__always)
    mutating func intern(_ text: UnsafeRawBufferPointer) -> ValueID { history.value(text) }

    mutating func internNode(_ text: UnsafeRawBufferPointer) -> UInt32 {
        history.nodes.intern(text)
    }

    /// The fields of a line as they are met.
    private struct Fields {
        var process: Int64 = -1
        var kind: Operation.Kind?
        var key: UInt32?
        var value = ValueID.absent
        var hasValue = false
        var expected = ValueID.absent
        var hasExpected = false
        var invoked: Int64?
        var completed: Int64 = Operation.never
        var intended: Int64?
        var outcome: Operation.Outcome?
        var flags: Operation.Flags = []
        var detail = Detail()
        var hasDetail = false
        var hasSiblings = false
        /// The key belongs to another shard.
        var isForeign = false
    }

    private mutating func line(_ scanner: inout TextScanner) throws(HistoryError) {
        var fields = Fields()
        let start = scanner.position
        try scanner.expect(0x7b)
        scanner.skipBlanks()
        if scanner.current == 0x7d {
            scanner.position &+= 1
        } else {
            while true {
                try field(&scanner, &fields)
                scanner.skipBlanks()
                if scanner.current == 0x2c {
                    scanner.position &+= 1
                    continue
                }
                guard scanner.current == 0x7d, !scanner.isAtEnd else {
                    throw scanner.failure("expected ',' or '}', found \(scanner.found)")
                }
                scanner.position &+= 1
                break
            }
        }
        try add(fields, scanner, start)
    }

    private mutating func field(
        _ scanner: inout TextScanner, _ fields: inout Fields
    ) throws(HistoryError) {
        scanner.skipBlanks()
        guard scanner.current == 0x22 else {
            throw scanner.failure("expected the name of a field in '\"', found \(scanner.found)")
        }
        if scanner.sees("\"process\":") {
            scanner.position &+= 10
            fields.process = try process(&scanner)
        } else if scanner.sees("\"op\":") {
            scanner.position &+= 5
            fields.kind = try kind(&scanner)
        } else if scanner.sees("\"key\":") {
            scanner.position &+= 6
            keep(try scanner.string(&scratch), &fields)
        } else if scanner.sees("\"value\":") {
            scanner.position &+= 8
            fields.value = try value(&scanner)
            fields.hasValue = true
        } else if scanner.sees("\"invoked_ns\":") {
            scanner.position &+= 13
            fields.invoked = try time(&scanner)
        } else if scanner.sees("\"completed_ns\":") {
            scanner.position &+= 15
            fields.completed = scanner.null() ? Operation.never : try time(&scanner)
        } else if scanner.sees("\"outcome\":") {
            scanner.position &+= 10
            fields.outcome = try outcome(&scanner)
        } else {
            try rareField(&scanner, &fields)
        }
    }

    /// Enters the key, unless it belongs to another shard.
    @inline(__always)
    private mutating func keep(_ name: UnsafeRawBufferPointer, _ fields: inout Fields) {
        if let shard, !shard.holds(name) {
            fields.isForeign = true
            fields.key = 0
        } else {
            fields.key = history.key(name)
        }
    }

    private mutating func rareField(
        _ scanner: inout TextScanner, _ fields: inout Fields
    ) throws(HistoryError) {
        let name = String(decoding: try scanner.string(&scratch), as: UTF8.self)
        try scanner.expect(0x3a)
        switch name {
        case "process": fields.process = try process(&scanner)
        case "op": fields.kind = try kind(&scanner)
        case "key": keep(try scanner.string(&scratch), &fields)
        case "key_base64":
            let bytes = try base64(&scanner)
            bytes.withUnsafeBytes { keep($0, &fields) }
        case "value":
            fields.value = try value(&scanner)
            fields.hasValue = true
        case "value_base64":
            fields.value = try base64Value(&scanner)
            fields.hasValue = true
        case "expected":
            fields.expected = try value(&scanner)
            fields.hasExpected = true
        case "expected_base64":
            fields.expected = try base64Value(&scanner)
            fields.hasExpected = true
        case "invoked_ns": fields.invoked = try time(&scanner)
        case "completed_ns":
            fields.completed = scanner.null() ? Operation.never : try time(&scanner)
        case "outcome": fields.outcome = try outcome(&scanner)
        default: try optionalField(name, &scanner, &fields)
        }
    }

    private mutating func optionalField(
        _ name: String, _ scanner: inout TextScanner, _ fields: inout Fields
    ) throws(HistoryError) {
        if scanner.null() { return }
        switch name {
        case "intended_ns": fields.intended = try time(&scanner)
        case "final": if try scanner.boolean() { fields.flags.insert(.final) }
        case "refuted": if try scanner.boolean() { fields.flags.insert(.refuted) }
        case "assumed": if try scanner.boolean() { fields.flags.insert(.assumed) }
        case "clock":
            let start = scanner.position
            let number = try scanner.integer()
            guard number >= 0, number <= Int64(UInt8.max) else {
                throw scanner.failure("\"clock\" is a number from 0 to 255", at: start)
            }
            fields.flags.clock = UInt8(number)
        case "values":
            fields.detail.siblings = []
            try list(&scanner) { (parser, scanner) throws(HistoryError) in
                fields.detail.siblings.append(try parser.value(&scanner))
            }
            fields.hasDetail = true
            fields.hasSiblings = true
        case "version":
            fields.detail.version = try version(&scanner)
            fields.hasDetail = true
        case "node":
            fields.detail.node = history.nodes.intern(try scanner.string(&scratch))
            fields.hasDetail = true
        case "acks":
            fields.detail.acks = []
            try list(&scanner) { (parser, scanner) throws(HistoryError) in
                fields.detail.acks.append(try parser.ack(&scanner))
            }
            fields.hasDetail = true
        case "context":
            let position = try scanner.integer()
            guard position >= 0, position < Int64(History.maximumCount) else {
                throw scanner.failure("\"context\" is the zero-based position of a read")
            }
            fields.detail.context = UInt32(position)
            fields.hasDetail = true
        default: try scanner.skipValue(&scratch)
        }
    }

    private mutating func add(
        _ fields: Fields, _ scanner: TextScanner, _ start: Int
    ) throws(HistoryError) {
        func missing(_ what: String) -> HistoryError { scanner.failure(what, at: start) }
        guard fields.process >= 0 else { throw missing("the field \"process\" is missing") }
        guard let kind = fields.kind else { throw missing("the field \"op\" is missing") }
        guard let key = fields.key else { throw missing("the field \"key\" is missing") }
        guard let invoked = fields.invoked else {
            throw missing("the field \"invoked_ns\" is missing")
        }
        guard let outcome = fields.outcome else {
            throw missing("the field \"outcome\" is missing")
        }
        if kind == .write || kind == .cas, fields.value.isAbsent {
            throw missing("a write and a cas need a string in \"value\"; use delete for absent")
        }
        if kind == .delete, !fields.value.isAbsent {
            throw missing("a delete has no \"value\"")
        }
        if kind == .cas, !fields.hasExpected {
            throw missing("a cas needs \"expected\", a string or null for absent")
        }
        var value = fields.value
        if kind == .read, outcome == .ok, !fields.hasValue {
            guard fields.hasSiblings else {
                throw missing("a read that is ok needs \"value\", a string or null for absent")
            }
            value = fields.detail.siblings.first ?? .absent
        }
        if outcome == .ok, fields.completed == Operation.never {
            throw missing("an operation that is ok needs a number in \"completed_ns\"")
        }
        if fields.completed < invoked {
            throw missing("\"completed_ns\" lies before \"invoked_ns\"")
        }
        guard history.count + history.excluded.count < History.maximumCount else {
            throw missing("a history holds at most \(History.maximumCount) operations")
        }
        if shard != nil {
            if fields.isForeign {
                history.excluded.note(
                    process: UInt32(fields.process), invoked: invoked, completed: fields.completed)
                return
            }
            kept.append(UInt32(history.count + history.excluded.count))
        }
        let operation = Operation(
            process: UInt32(fields.process), key: key, kind: kind, outcome: outcome, value: value,
            expected: fields.expected, invoked: invoked, completed: fields.completed,
            intended: fields.intended, flags: fields.flags)
        if fields.hasDetail {
            history.append(operation, detail: fields.detail)
        } else {
            history.append(operation)
        }
    }
}
