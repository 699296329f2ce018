/// The JSON values that history lines consist of (RFC 8259), read in place.
///
/// A string without escapes is lent as a slice of the input; one with escapes is decoded into
/// `scratch`. Nothing is allocated per value.
extension TextScanner {
    /// Most brackets inside one another in a field that is skipped.
    static let maximumDepth = 64

    /// Reads a string and lends its bytes; they are valid until the next string is read.
    @inline(__always)
    mutating func string(
        _ scratch: inout ContiguousArray<UInt8>
    ) throws(HistoryError) -> UnsafeRawBufferPointer {
        skipBlanks()
        guard current == 0x22, position < end else {
            throw failure("expected a string, found \(found)")
        }
        position &+= 1
        let start = position
        while position < end {
            let byte = base[position]
            if byte == 0x22 {
                position &+= 1
                return slice(start, position &- 1)
            }
            if byte == 0x5c || byte < 32 { break }
            position &+= 1
        }
        return try escapedString(start, &scratch)
    }

    private mutating func escapedString(
        _ start: Int, _ scratch: inout ContiguousArray<UInt8>
    ) throws(HistoryError) -> UnsafeRawBufferPointer {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: slice(start, position))
        while position < end {
            let byte = base[position]
            if byte == 0x22 {
                position += 1
                let count = scratch.count
                // The scratch is not touched before the next string is read.
                return scratch.withUnsafeBytes {
                    UnsafeRawBufferPointer(start: $0.baseAddress, count: count)
                }
            }
            if byte < 32 {
                throw failure("a string ends with '\"' before the line does, found \(found)")
            }
            if byte == 0x5c {
                try escape(&scratch)
            } else {
                scratch.append(byte)
                position += 1
            }
        }
        throw failure("a string ends with '\"', found the end of the input")
    }

    private mutating func escape(_ scratch: inout ContiguousArray<UInt8>) throws(HistoryError) {
        position += 1
        let kind = current
        position += 1
        switch kind {
        case 0x22, 0x5c, 0x2f: scratch.append(kind)
        case 0x62: scratch.append(8)
        case 0x66: scratch.append(12)
        case 0x6e: scratch.append(10)
        case 0x72: scratch.append(13)
        case 0x74: scratch.append(9)
        case 0x75:
            var code = try hexadecimal()
            if code >= 0xd800, code < 0xdc00, sees("\\u") {
                position += 2
                let low = try hexadecimal()
                guard low >= 0xdc00, low < 0xe000 else {
                    throw failure("expected the second half of a surrogate pair")
                }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw failure("a lone surrogate is not a character")
            }
            scratch.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default:
            position -= 1
            throw failure("expected one of \" \\ / b f n r t u after a backslash, found \(found)")
        }
    }

    private mutating func hexadecimal() throws(HistoryError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt32
            switch current {
            case 48...57: digit = UInt32(current) - 48
            case 65...70: digit = UInt32(current) - 55
            case 97...102: digit = UInt32(current) - 87
            default: throw failure("expected four hexadecimal digits after \\u, found \(found)")
            }
            code = code << 4 | digit
            position += 1
        }
        return code
    }

    /// Reads a whole number that fits 64 bits.
    @inline(__always)
    mutating func integer() throws(HistoryError) -> Int64 {
        skipBlanks()
        let start = position
        let isNegative = current == 0x2d
        if isNegative { position &+= 1 }
        let digits = position
        var magnitude: UInt64 = 0
        while position < end, base[position] &- 48 < 10, position &- digits < 19 {
            magnitude = magnitude &* 10 &+ UInt64(base[position] &- 48)
            position &+= 1
        }
        guard position > digits, base[digits] != 48 || position == digits &+ 1,
            magnitude <= UInt64(Int64.max)
        else { throw failure("expected a whole number, found \(found)", at: start) }
        let next = current
        if next &- 48 < 10 || next == 0x2e || next == 0x65 || next == 0x45 {
            throw failure("expected a whole number of at most 18 digits", at: start)
        }
        return isNegative ? -Int64(magnitude) : Int64(magnitude)
    }

    /// Consumes `null` if it is next.
    @inline(__always)
    mutating func null() -> Bool {
        skipBlanks()
        guard current == 0x6e, sees("null") else { return false }
        position &+= 4
        return true
    }

    mutating func boolean() throws(HistoryError) -> Bool {
        skipBlanks()
        if sees("true") {
            position += 4
            return true
        }
        if sees("false") {
            position += 5
            return false
        }
        throw failure("expected true or false, found \(found)")
    }

    /// Skips one value of any kind, for fields that this program does not know.
    mutating func skipValue(
        _ scratch: inout ContiguousArray<UInt8>, depth: Int = 0
    ) throws(HistoryError) {
        skipBlanks()
        guard depth < TextScanner.maximumDepth else {
            throw failure("expected at most \(TextScanner.maximumDepth) nested brackets")
        }
        switch current {
        case 0x22: _ = try string(&scratch)
        case 0x7b, 0x5b: try skipContainer(&scratch, depth: depth)
        case 0x74, 0x66: _ = try boolean()
        case 0x6e where null(): break
        case 0x2d, 48...57:
            while position < end, isNumberByte(base[position]) { position += 1 }
        default: throw failure("expected a JSON value, found \(found)")
        }
    }

    private func isNumberByte(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || byte == 0x2d || byte == 0x2b || byte == 0x2e || byte | 32 == 0x65
    }

    private mutating func skipContainer(
        _ scratch: inout ContiguousArray<UInt8>, depth: Int
    ) throws(HistoryError) {
        let isObject = current == 0x7b
        let close: UInt8 = isObject ? 0x7d : 0x5d
        position += 1
        skipBlanks()
        if current == close {
            position += 1
            return
        }
        while true {
            if isObject {
                _ = try string(&scratch)
                try expect(0x3a)
            }
            try skipValue(&scratch, depth: depth + 1)
            skipBlanks()
            if current == 0x2c {
                position += 1
                continue
            }
            try expect(close)
            return
        }
    }
}
