import Basics
import Consistency

/// What simulated clients say and understand: just enough of RESP2, byte for byte as a real
/// client sends it.
enum ClientCodec {
    /// What a reply says, as far as a history needs it.
    enum Reply: Equatable {
        case ok
        case value(ValueID)
        case integer(Int)
        /// Of a compare-and-set: whether it was done.
        case swapped(Bool)
        /// `-UNAVAILABLE` and other refusals: certainly without effect.
        case refused
        /// `-TIMEOUT`: the outcome is unknown.
        case timeout
        /// Siblings and their context.
        case siblings(Siblings)
        /// A reply that no client should ever see.
        case unexpected
    }

    /// Appends `QUORUM R r W w TIMEOUT ms`, with `REPAIR none` where reads shall mend nothing.
    static func quorum(
        r: Int, w: Int, timeout: Instant.Duration, repairs: Bool = true,
        into out: inout ByteBuffer
    ) {
        out.append(repairs ? "*7" : "*9")
        out.append("\r\n$6\r\nQUORUM\r\n$1\r\nR\r\n")
        number(r, into: &out)
        out.append("$1\r\nW\r\n")
        number(w, into: &out)
        out.append("$7\r\nTIMEOUT\r\n")
        number(Int(timeout.nanoseconds / 1_000_000), into: &out)
        if !repairs { out.append("$6\r\nREPAIR\r\n$4\r\nnone\r\n") }
    }

    /// Appends any command.
    static func command(_ words: [String], into out: inout ByteBuffer) {
        out.append(UInt8(ascii: "*"))
        out.appendDecimal(UInt64(words.count))
        out.append("\r\n")
        for word in words {
            header(word.utf8.count, into: &out)
            out.append(word)
            out.append("\r\n")
        }
    }

    /// Appends `GET k<key>`.
    static func get(_ key: Int, into out: inout ByteBuffer) {
        out.append("*2\r\n$3\r\nGET\r\n")
        self.key(key, into: &out)
    }

    /// Appends `DEL k<key>`.
    static func delete(_ key: Int, into out: inout ByteBuffer) {
        out.append("*2\r\n$3\r\nDEL\r\n")
        self.key(key, into: &out)
    }

    /// Appends `SET k<key> w:<process>:<sequence>;` with so many dots after it.
    static func set(_ key: Int, _ value: ValueID, padding: Int, into out: inout ByteBuffer) {
        out.append("*3\r\n$3\r\nSET\r\n")
        self.key(key, into: &out)
        self.value(value, padding: padding, into: &out)
    }

    /// Appends `QCAS k<key> <expected> <value>`, or `SET k<key> <value> NX` where nothing is
    /// expected.
    static func swap(
        _ key: Int, from expected: ValueID, to value: ValueID, padding: Int,
        into out: inout ByteBuffer
    ) {
        if expected.isAbsent {
            out.append("*4\r\n$3\r\nSET\r\n")
            self.key(key, into: &out)
            self.value(value, padding: padding, into: &out)
            return out.append("$2\r\nNX\r\n")
        }
        out.append("*4\r\n$4\r\nQCAS\r\n")
        self.key(key, into: &out)
        self.value(expected, padding: padding, into: &out)
        self.value(value, padding: padding, into: &out)
    }

    static func value(_ value: ValueID, padding: Int, into out: inout ByteBuffer) {
        let length = 4 + digits(Int(value.process)) + digits(Int(value.sequence)) + padding
        header(length, into: &out)
        out.append("w:")
        out.appendDecimal(UInt64(value.process))
        out.append(UInt8(ascii: ":"))
        out.appendDecimal(value.sequence)
        out.append(UInt8(ascii: ";"))
        if padding > 0 {
            out.reserve(padding).initializeMemory(
                as: UInt8.self, repeating: UInt8(ascii: "."), count: padding)
            out.commit(padding)
        }
        out.append("\r\n")
    }

    static func key(_ key: Int, into out: inout ByteBuffer) {
        header(1 + digits(key), into: &out)
        out.append(UInt8(ascii: "k"))
        out.appendDecimal(UInt64(key))
        out.append("\r\n")
    }

    private static func number(_ value: Int, into out: inout ByteBuffer) {
        header(digits(value), into: &out)
        out.appendDecimal(UInt64(value))
        out.append("\r\n")
    }

    private static func header(_ length: Int, into out: inout ByteBuffer) {
        out.append(UInt8(ascii: "$"))
        out.appendDecimal(UInt64(length))
        out.append("\r\n")
    }

    private static func digits(_ value: Int) -> Int {
        var count = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }

    /// The number of the key whose name this is, nil for a name that no simulated client uses.
    static func keyNumber(_ name: Bytes) -> Int? {
        guard name.count > 1, name.count < 12, name[0] == UInt8(ascii: "k") else { return nil }
        var number = 0
        for i in 1..<name.count {
            guard name[i] &- 48 < 10 else { return nil }
            number = number * 10 + Int(name[i] &- 48)
        }
        return number
    }

    // MARK: Replies

    /// Where the reply that begins at `start` ends; nil when not all of it is there.
    static func end(of input: Bytes, from start: Int) -> Int? {
        guard let lineEnd = endOfLine(input, from: start) else { return nil }
        guard lineEnd - start > 3 else { return nil }
        switch input[start] {
        case UInt8(ascii: "$"):
            let length = integer(input, start + 1, lineEnd - 2)
            guard length >= 0 else { return lineEnd }
            return lineEnd + length + 2 <= input.count ? lineEnd + length + 2 : nil
        case UInt8(ascii: "*"):
            var end = lineEnd
            let count = integer(input, start + 1, lineEnd - 2)
            for _ in 0..<max(0, count) {
                guard let next = self.end(of: input, from: end) else { return nil }
                end = next
            }
            return end
        default: return lineEnd
        }
    }

    /// What the reply between `start` and `end` says.
    static func parse(_ input: Bytes, _ start: Int, _ end: Int) -> Reply {
        switch input[start] {
        case UInt8(ascii: "+"): return .ok
        case UInt8(ascii: ":"): return .integer(integer(input, start + 1, end - 2))
        case UInt8(ascii: "-"):
            if starts(input, start + 1, with: "TIMEOUT") { return .timeout }
            let refusals: [StaticString] = [
                "UNAVAILABLE", "READONLY", "TRYAGAIN", "SIBLINGLIMIT", "GONE",
            ]
            for word in refusals where starts(input, start + 1, with: word) { return .refused }
            return .unexpected
        case UInt8(ascii: "*"):
            // The map of QCAS begins with whether it was done.
            if starts(input, start, with: "*8\r\n$7\r\nswapped\r\n:1") { return .swapped(true) }
            if starts(input, start, with: "*8\r\n$7\r\nswapped\r\n:0") { return .swapped(false) }
            // Maps of QGET, QSET and QDEL.
            if let siblings = siblings(input.slice(start, end)) { return .siblings(siblings) }
            return starts(input, start, with: "*6") || starts(input, start, with: "*8")
                ? .ok : .unexpected
        case UInt8(ascii: "$"):
            guard let lineEnd = endOfLine(input, from: start) else { return .unexpected }
            if input[start + 1] == UInt8(ascii: "-") { return .value(.absent) }
            guard let value = stored(input.slice(lineEnd, end - 2)) else { return .unexpected }
            return .value(value)
        default: return .unexpected
        }
    }

    /// The write that a stored value tells.
    static func stored(_ value: Bytes) -> ValueID? {
        ValueID(prefixOf: UnsafeRawBufferPointer(start: value.base, count: value.count))
    }

    private static func starts(_ input: Bytes, _ at: Int, with text: StaticString) -> Bool {
        guard input.count - at >= text.utf8CodeUnitCount else { return false }
        for i in 0..<text.utf8CodeUnitCount where input[at + i] != (text.utf8Start + i).pointee {
            return false
        }
        return true
    }

    static func endOfLine(_ input: Bytes, from start: Int) -> Int? {
        var i = start
        while i + 1 < input.count {
            if input[i] == 13, input[i + 1] == 10 { return i + 2 }
            i += 1
        }
        return nil
    }

    private static func integer(_ input: Bytes, _ start: Int, _ end: Int) -> Int {
        var value = 0
        var i = start
        let isNegative = i < end && input[i] == UInt8(ascii: "-")
        if isNegative { i += 1 }
        while i < end, input[i] &- 48 < 10, i - start < 18 {
            value = value * 10 + Int(input[i] &- 48)
            i += 1
        }
        return isNegative ? -value : value
    }
}
