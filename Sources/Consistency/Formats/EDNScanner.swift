/// A value of Clojure's extensible data notation, as far as histories need it.
indirect enum EDNValue: Equatable {
    case null
    case keyword(String)
    /// Numbers and symbols, as written.
    case atom(String)
    case string(String)
    case vector([EDNValue])
    case map([(EDNValue, EDNValue)])

    static func == (a: EDNValue, b: EDNValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.keyword(let x), .keyword(let y)): x == y
        case (.atom(let x), .atom(let y)): x == y
        case (.string(let x), .string(let y)): x == y
        case (.vector(let x), .vector(let y)): x == y
        default: false
        }
    }

    subscript(key: String) -> EDNValue? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.first { $0.0 == .keyword(key) }?.1
    }

    /// The text that names this value in a history's tables; nil for `nil`.
    var text: String? {
        switch self {
        case .null: nil
        case .keyword(let name): ":" + name
        case .atom(let text), .string(let text): text
        case .vector(let items):
            "[" + items.map { $0.text ?? "nil" }.joined(separator: " ") + "]"
        case .map(let pairs):
            "{"
                + pairs.map { ($0.0.text ?? "nil") + " " + ($0.1.text ?? "nil") }
                .joined(separator: ", ") + "}"
        }
    }
}

extension TextScanner {
    /// Skips blanks, commas, line ends, comments and discarded forms.
    mutating func skipEDNBlanks(depth: Int = 0) throws(HistoryError) {
        while position < end {
            switch current {
            case 10: newLine()
            case 9, 13, 32, 0x2c: position += 1
            case 0x3b: while position < end, current != 10 { position += 1 }
            case 0x23 where sees("#_"):
                position += 2
                _ = try ednValue(depth: depth + 1)
            default: return
            }
        }
    }

    /// Reads one value; a tag before it is dropped.
    mutating func ednValue(depth: Int = 0) throws(HistoryError) -> EDNValue {
        guard depth < TextScanner.maximumDepth else {
            throw failure("expected at most \(TextScanner.maximumDepth) nested brackets")
        }
        try skipEDNBlanks(depth: depth)
        guard !isAtEnd else { throw failure("expected a value, found the end of the input") }
        switch current {
        case 0x7b: return try ednMap(depth)
        case 0x5b: return .vector(try ednItems(0x5d, depth))
        case 0x28: return .vector(try ednItems(0x29, depth))
        case 0x22: return .string(try ednString())
        case 0x3a:
            position += 1
            return .keyword(try ednToken())
        case 0x5c:
            let start = position
            position += 2
            while position < end, !isEDNDelimiter(current) { position += 1 }
            position = min(position, end)
            return .string(String(decoding: slice(start + 1, position), as: UTF8.self))
        case 0x23:
            position += 1
            if current == 0x7b { return .vector(try ednItems(0x7d, depth)) }
            _ = try ednToken()
            return try ednValue(depth: depth + 1)
        default:
            let token = try ednToken()
            return token == "nil" ? .null : .atom(token)
        }
    }

    private func isEDNDelimiter(_ byte: UInt8) -> Bool {
        switch byte {
        case 9, 10, 13, 32, 0x22, 0x28, 0x29, 0x2c, 0x3b, 0x5b, 0x5d, 0x7b, 0x7d: true
        default: false
        }
    }

    private mutating func ednToken() throws(HistoryError) -> String {
        let start = position
        while position < end, !isEDNDelimiter(current) { position += 1 }
        guard position > start else { throw failure("expected a value, found \(found)") }
        return String(decoding: slice(start, position), as: UTF8.self)
    }

    private mutating func ednItems(
        _ close: UInt8, _ depth: Int
    ) throws(HistoryError) -> [EDNValue] {
        position += 1
        var items: [EDNValue] = []
        while true {
            try skipEDNBlanks(depth: depth)
            if isAtEnd {
                throw failure(
                    "expected '\(Character(UnicodeScalar(close)))', found the end of the input")
            }
            if current == close {
                position += 1
                return items
            }
            items.append(try ednValue(depth: depth + 1))
        }
    }

    private mutating func ednMap(_ depth: Int) throws(HistoryError) -> EDNValue {
        let start = position
        let items = try ednItems(0x7d, depth)
        guard items.count % 2 == 0 else {
            throw failure("expected a value for every key of a map", at: max(start, lineStart))
        }
        return .map(stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) })
    }

    private mutating func ednString() throws(HistoryError) -> String {
        position += 1
        var bytes: [UInt8] = []
        while position < end {
            let byte = current
            position += 1
            if byte == 0x22 { return String(decoding: bytes, as: UTF8.self) }
            if byte == 10 {
                line += 1
                lineStart = position
            }
            guard byte == 0x5c else {
                bytes.append(byte)
                continue
            }
            let kind = current
            position += 1
            switch kind {
            case 0x6e: bytes.append(10)
            case 0x74: bytes.append(9)
            case 0x72: bytes.append(13)
            default: bytes.append(kind)
            }
        }
        position = min(position, end)
        throw failure("a string ends with '\"', found the end of the input")
    }
}
