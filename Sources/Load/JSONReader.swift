import Basics

/// Reads JSON (RFC 8259) in place, as far as answers of etcd and of adapters need it.
///
/// A string without escapes is a slice of the text; one with escapes is decoded into `scratch` and
/// valid until the next one. Whatever is malformed ends the reading: `isValid` tells.
struct JSONReader: ~Copyable {
    private var text = Bytes.empty
    private(set) var position = 0
    private(set) var isValid = true
    private var scratch = ByteBuffer(capacity: 64)

    /// Deeper nesting is malformed.
    private static let depth = 32

    init() {}

    /// Starts over at the beginning of `text`.
    mutating func begin(_ text: Bytes) {
        self.text = text
        position = 0
        isValid = true
    }

    private var current: UInt8 { position < text.count ? text[position] : 0 }

    private mutating func skipBlanks() {
        while position < text.count {
            switch text[position] {
            case 32, 9, 10, 13: position &+= 1
            default: return
            }
        }
    }

    /// Takes `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard current == byte, position < text.count else { return false }
        position &+= 1
        return true
    }

    private mutating func fail() -> Bytes? {
        isValid = false
        position = text.count
        return nil
    }

    /// The name of an object's next member, up to its colon; nil at the end of the object.
    /// `isFirst` is true before the first one.
    mutating func member(_ isFirst: inout Bool) -> Bytes? {
        if take(0x7d) { return nil }
        if !isFirst, !take(0x2c) { return fail() }
        isFirst = false
        skipBlanks()
        guard current == 0x22, let name = string() else { return fail() }
        return take(0x3a) ? name : fail()
    }

    /// Whether an array has another element.
    mutating func element(_ isFirst: inout Bool) -> Bool {
        if take(0x5d) { return false }
        if !isFirst, !take(0x2c) {
            _ = fail()
            return false
        }
        isFirst = false
        return isValid
    }

    /// A string; nil for null, and for what is neither, which is malformed.
    mutating func string() -> Bytes? {
        skipBlanks()
        if word("null") { return nil }
        guard take(0x22) else { return fail() }
        let start = position
        while position < text.count {
            let byte = text[position]
            if byte == 0x22 {
                position &+= 1
                return text.slice(start, position &- 1)
            }
            if byte == 0x5c { return escaped(from: start) }
            if byte < 32 { break }
            position &+= 1
        }
        return fail()
    }

    private mutating func escaped(from start: Int) -> Bytes? {
        scratch.removeAll()
        scratch.append(text.slice(start, position))
        while position < text.count {
            let byte = text[position]
            position &+= 1
            if byte == 0x22 { return scratch.bytes }
            if byte < 32 { break }
            if byte != 0x5c {
                scratch.append(byte)
            } else if !unescape() {
                break
            }
        }
        return fail()
    }

    private mutating func unescape() -> Bool {
        let kind = current
        position &+= 1
        switch kind {
        case 0x22, 0x5c, 0x2f: scratch.append(kind)
        case 0x62: scratch.append(8)
        case 0x66: scratch.append(12)
        case 0x6e: scratch.append(10)
        case 0x72: scratch.append(13)
        case 0x74: scratch.append(9)
        case 0x75:
            guard var code = hexadecimal() else { return false }
            if code >> 10 == 0x36, current == 0x5c {
                position &+= 1
                guard current == 0x75 else { return false }
                position &+= 1
                guard let low = hexadecimal(), low >> 10 == 0x37 else { return false }
                code = 0x10000 + (code & 0x3ff) << 10 + (low & 0x3ff)
            }
            guard let scalar = Unicode.Scalar(code) else { return false }
            for byte in Character(scalar).utf8 { scratch.append(byte) }
        default: return false
        }
        return true
    }

    private mutating func hexadecimal() -> UInt32? {
        guard position &+ 4 <= text.count else { return nil }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = text[position]
            let digit: UInt8 =
                switch byte {
                case 48...57: byte - 48
                case 65...70: byte - 55
                case 97...102: byte - 87
                default: 255
                }
            guard digit < 16 else { return nil }
            code = code << 4 | UInt32(digit)
            position &+= 1
        }
        return code
    }

    /// A whole number, plain or as a string; nil for anything else, which is skipped.
    mutating func integer() -> Int? {
        skipBlanks()
        if current == 0x22 { return string()?.decimal }
        let start = position
        skipValue()
        return text.slice(start, position).decimal
    }

    /// True or false; nil for anything else, which is skipped.
    mutating func boolean() -> Bool? {
        skipBlanks()
        if word("true") { return true }
        if word("false") { return false }
        skipValue()
        return nil
    }

    private mutating func word(_ word: StaticString) -> Bool {
        let end = position &+ word.utf8CodeUnitCount
        guard end <= text.count else { return false }
        for i in 0..<word.utf8CodeUnitCount
        where text[position &+ i] != (word.utf8Start + i).pointee {
            return false
        }
        position = end
        return true
    }

    /// Goes past a value of any kind.
    mutating func skipValue() { skipValue(depth: 0) }

    private mutating func skipValue(depth: Int) {
        skipBlanks()
        guard depth < JSONReader.depth else {
            _ = fail()
            return
        }
        var isFirst = true
        switch current {
        case 0x22: _ = string()
        case 0x7b:
            position &+= 1
            while member(&isFirst) != nil { skipValue(depth: depth + 1) }
        case 0x5b:
            position &+= 1
            while element(&isFirst) { skipValue(depth: depth + 1) }
        default:
            if word("true") || word("false") || word("null") { return }
            let start = position
            while position < text.count, isNumberByte(text[position]) { position &+= 1 }
            if position == start { _ = fail() }
        }
    }

    private func isNumberByte(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || byte == 0x2d || byte == 0x2b || byte == 0x2e || byte | 32 == 0x65
    }
}

extension JSONReader {
    /// Appends a string with its quotes.
    static func write(_ text: String, to output: inout ByteBuffer) {
        let digits = Array("0123456789abcdef".utf8)
        output.append(0x22)
        for byte in text.utf8 {
            if byte < 32 {
                output.append("\\u00")
                output.append(digits[Int(byte >> 4)])
                output.append(digits[Int(byte & 15)])
            } else {
                if byte == 0x22 || byte == 0x5c { output.append(0x5c) }
                output.append(byte)
            }
        }
        output.append(0x22)
    }
}
