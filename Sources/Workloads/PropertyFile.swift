/// What was wrong with a property, and where it was given.
public struct PropertyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `file:line`, or the flag that gave the property.
    public let origin: String
    /// A sentence without its full stop: what was wrong and what was expected.
    public let problem: String

    public init(origin: String, problem: String) {
        self.origin = origin
        self.problem = problem
    }

    public var description: String { origin.isEmpty ? problem : "\(origin): \(problem)" }
}

/// Properties in the order in which they were first given; later values replace earlier ones.
public struct Properties: Sendable {
    /// One property and where its value came from.
    public struct Entry: Sendable, Equatable {
        public let name: String
        public var value: String
        /// `file:line`, or the flag that gave it.
        public var origin: String
    }

    public private(set) var entries: [Entry] = []

    public init() {}

    /// The entry named `name`. O(entries).
    public subscript(name: String) -> Entry? { entries.first { $0.name == name } }

    /// Sets a property; a later value wins, as in YCSB.
    public mutating func set(_ name: String, to value: String, origin: String) {
        if let index = entries.firstIndex(where: { $0.name == name }) {
            entries[index].value = value
            entries[index].origin = origin
        } else {
            entries.append(Entry(name: name, value: value, origin: origin))
        }
    }

    /// Takes over everything in `others`, which win.
    public mutating func merge(_ others: Properties) {
        for entry in others.entries { set(entry.name, to: entry.value, origin: entry.origin) }
    }

    /// Reads `name=value`, as `-p` gives it.
    public mutating func set(assignment: String, origin: String) throws(PropertyError) {
        guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
            throw PropertyError(
                origin: origin, problem: "'\(assignment)' is not of the form name=value")
        }
        set(
            String(assignment[..<equals]),
            to: String(assignment[assignment.index(after: equals)...]),
            origin: origin)
    }
}

extension Properties {
    /// Reads the text of a property file, the format of YCSB's workload files (that of Java's
    /// properties): `#` and `!` begin comments; `=`, `:` or blanks part name and value; a
    /// backslash at the end of a line goes on with the next one and escapes characters elsewhere.
    /// A name given twice in one file is an error, for one of the two would be ignored.
    public init(parsing text: String, file: String) throws(PropertyError) {
        var lines = PropertyLines(text: text)
        while let (number, line) = lines.next() {
            let origin = "\(file):\(number)"
            let (name, value) = try Properties.part(line, origin: origin)
            if let earlier = self[name] {
                throw PropertyError(
                    origin: origin, problem: "'\(name)' was already given at \(earlier.origin)")
            }
            set(name, to: value, origin: origin)
        }
    }

    /// Parts one logical line into name and value.
    private static func part(
        _ line: [UInt8], origin: String
    ) throws(PropertyError) -> (name: String, value: String) {
        var end = 0
        while end < line.count, !isSeparator(line[end]) { end += line[end] == backslash ? 2 : 1 }
        end = min(end, line.count)
        var start = end
        while start < line.count, isBlank(line[start]) { start += 1 }
        let parted = start < line.count && (line[start] == 61 || line[start] == 58)
        if parted { start += 1 }
        while start < line.count, isBlank(line[start]) { start += 1 }
        let name = try unescape(line[..<end], origin: origin)
        guard !name.isEmpty else {
            throw PropertyError(origin: origin, problem: "a value without a name before it")
        }
        var value = try unescape(line[start...], origin: origin)
        // Numbers and words are compared without the blanks that editors leave behind.
        while value.last == " " || value.last == "\t" { value.removeLast() }
        guard parted || !value.isEmpty else {
            throw PropertyError(
                origin: origin, problem: "'\(name)' has no value; expected name=value")
        }
        return (name, value)
    }

    /// Resolves `\t`, `\n`, `\r`, `\f`, `\uXXXX`; any other escaped character stands for itself.
    private static func unescape(
        _ bytes: ArraySlice<UInt8>, origin: String
    ) throws(PropertyError) -> String {
        guard bytes.contains(backslash) else { return String(decoding: bytes, as: UTF8.self) }
        var plain: [UInt8] = []
        var i = bytes.startIndex
        while i < bytes.endIndex {
            guard bytes[i] == backslash, i + 1 < bytes.endIndex else {
                plain.append(bytes[i])
                i += 1
                continue
            }
            switch bytes[i + 1] {
            case 116: plain.append(9)
            case 110: plain.append(10)
            case 114: plain.append(13)
            case 102: plain.append(12)
            case 117:
                let digits = String(decoding: bytes[(i + 2)...].prefix(4), as: UTF8.self)
                guard digits.utf8.count == 4, let code = UInt32(digits, radix: 16),
                    let scalar = Unicode.Scalar(code)
                else {
                    throw PropertyError(
                        origin: origin, problem: "'\\u\(digits)' is not a character's code")
                }
                plain.append(contentsOf: Array(String(Character(scalar)).utf8))
                i += 4
            default: plain.append(bytes[i + 1])
            }
            i += 2
        }
        return String(decoding: plain, as: UTF8.self)
    }

    private static let backslash: UInt8 = 92

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 12 }
    private static func isSeparator(_ byte: UInt8) -> Bool {
        isBlank(byte) || byte == 61 || byte == 58
    }
}

/// The logical lines of a property file: without comments and empty lines, with continuations
/// joined.
struct PropertyLines {
    private let bytes: [UInt8]
    private var position = 0
    private var number = 0

    init(text: String) { bytes = Array(text.utf8) }

    /// The next logical line and the number of its first natural line.
    mutating func next() -> (number: Int, line: [UInt8])? {
        while let natural = natural() {
            let start = number
            var line = natural
            guard let first = line.first, first != 35, first != 33 else { continue }
            while PropertyLines.goesOn(line) {
                line.removeLast()
                guard let more = self.natural() else { break }
                line += more
            }
            return (start, line)
        }
        return nil
    }

    /// The next natural line without the blanks at its start.
    private mutating func natural() -> [UInt8]? {
        guard position < bytes.count else { return nil }
        number += 1
        var end = position
        while end < bytes.count, bytes[end] != 10, bytes[end] != 13 { end += 1 }
        let line = bytes[position..<end].drop { $0 == 32 || $0 == 9 || $0 == 12 }
        position = end + 1
        if end < bytes.count - 1, bytes[end] == 13, bytes[end + 1] == 10 { position = end + 2 }
        return Array(line)
    }

    /// An odd number of backslashes at the end.
    private static func goesOn(_ line: [UInt8]) -> Bool {
        line.reversed().prefix { $0 == 92 }.count % 2 == 1
    }
}
