/// The values of single fields of a JSON line.
extension JSONLinesParser {
    mutating func process(_ scanner: inout TextScanner) throws(HistoryError) -> Int64 {
        let start = scanner.position
        let number = try scanner.integer()
        guard number >= 0, number <= Int64(UInt32.max) else {
            throw scanner.failure("\"process\" is a number from 0 to 4294967295", at: start)
        }
        return number
    }

    mutating func kind(_ scanner: inout TextScanner) throws(HistoryError) -> Operation.Kind {
        let start = scanner.position
        let text = try string(&scanner)
        if same(text, "read") { return .read }
        if same(text, "write") { return .write }
        if same(text, "cas") { return .cas }
        if same(text, "delete") { return .delete }
        throw scanner.failure(
            "\"op\" is \"read\", \"write\", \"cas\" or \"delete\"", at: start)
    }

    mutating func outcome(
        _ scanner: inout TextScanner
    ) throws(HistoryError) -> Operation.Outcome {
        let start = scanner.position
        let text = try string(&scanner)
        if same(text, "ok") { return .ok }
        if same(text, "fail") { return .fail }
        if same(text, "unknown") { return .unknown }
        throw scanner.failure("\"outcome\" is \"ok\", \"fail\" or \"unknown\"", at: start)
    }

    mutating func time(_ scanner: inout TextScanner) throws(HistoryError) -> Int64 {
        let start = scanner.position
        let time = try scanner.integer()
        guard time > -Operation.timeBound, time < Operation.timeBound else {
            throw scanner.failure("a time lies within 3 * 2^60 nanoseconds of zero", at: start)
        }
        return time
    }

    mutating func value(_ scanner: inout TextScanner) throws(HistoryError) -> ValueID {
        if scanner.null() { return .absent }
        guard scanner.current == 0x22 else {
            throw scanner.failure("a value is a string or null, found \(scanner.found)")
        }
        return intern(try string(&scanner))
    }

    mutating func base64Value(_ scanner: inout TextScanner) throws(HistoryError) -> ValueID {
        if scanner.null() { return .absent }
        let bytes = try base64(&scanner)
        return bytes.withUnsafeBytes { intern($0) }
    }

    mutating func base64(_ scanner: inout TextScanner) throws(HistoryError) -> [UInt8] {
        let start = scanner.position
        guard let bytes = Base64.decode(try string(&scanner)) else {
            throw scanner.failure("expected base64 with padding (RFC 4648)", at: start)
        }
        return bytes
    }

    /// `"<stamp>:<actor>"`, or a number for a stamp without an actor.
    mutating func version(_ scanner: inout TextScanner) throws(HistoryError) -> StoreVersion {
        scanner.skipBlanks()
        let start = scanner.position
        if scanner.current != 0x22 {
            return StoreVersion(stamp: UInt64(max(0, try scanner.integer())), actor: 0)
        }
        let text = String(decoding: try string(&scanner), as: UTF8.self)
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, let stamp = UInt64(parts[0]),
            let actor = parts.count == 1 ? 0 : UInt64(parts[1])
        else { throw scanner.failure("\"version\" is \"<stamp>:<actor>\"", at: start) }
        return StoreVersion(stamp: stamp, actor: actor)
    }

    /// A node's name; a `*` behind it marks a fallback.
    mutating func ack(_ scanner: inout TextScanner) throws(HistoryError) -> Detail.Ack {
        var text = try string(&scanner)
        let isFallback = text.last == 0x2a
        if isFallback { text = UnsafeRawBufferPointer(rebasing: text.dropLast()) }
        return Detail.Ack(node: internNode(text), isFallback: isFallback)
    }

    mutating func list(
        _ scanner: inout TextScanner,
        element: (inout JSONLinesParser, inout TextScanner) throws(HistoryError) -> Void
    ) throws(HistoryError) {
        try scanner.expect(0x5b)
        scanner.skipBlanks()
        if scanner.current == 0x5d {
            scanner.position += 1
            return
        }
        while true {
            try element(&self, &scanner)
            scanner.skipBlanks()
            if scanner.current == 0x2c {
                scanner.position += 1
                continue
            }
            try scanner.expect(0x5d)
            return
        }
    }

    @inline(__always)
    private func same(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard text.count == word.utf8CodeUnitCount else { return false }
        let expected = word.utf8Start
        for i in 0..<text.count where text[i] != expected[i] { return false }
        return true
    }
}

/// Base64 with padding (RFC 4648, section 4), for keys and values that are not text.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var padding = 0
        for i in 0..<text.count {
            let byte = text[i]
            var digit: UInt32 = 0
            if byte == 0x3d, i >= text.count - 2 {
                padding += 1
            } else {
                guard padding == 0, let found = alphabet.firstIndex(of: byte) else { return nil }
                digit = UInt32(found)
            }
            bits = bits << 6 | digit
            if i % 4 == 3 {
                result.append(UInt8(truncatingIfNeeded: bits >> 16))
                result.append(UInt8(truncatingIfNeeded: bits >> 8))
                result.append(UInt8(truncatingIfNeeded: bits))
                bits = 0
            }
        }
        result.removeLast(padding)
        return result
    }

    static func encode(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var result: [UInt8] = []
        var i = 0
        while i < bytes.count {
            let count = min(3, bytes.count - i)
            var bits: UInt32 = 0
            for j in 0..<3 { bits = bits << 8 | (j < count ? UInt32(bytes[i + j]) : 0) }
            for j in 0..<4 {
                result.append(
                    j <= count ? alphabet[Int(bits >> UInt32(18 - 6 * j) & 63)] : 0x3d)
            }
            i += 3
        }
        return result
    }
}
