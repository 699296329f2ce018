import Basics

/// Base64 with padding (RFC 4648, section 4): of logs, and as etcd's gateway wraps keys and values.
public enum Base64 {
    public static func encode(_ bytes: [UInt8]) -> String {
        var output = ByteBuffer(capacity: (bytes.count + 2) / 3 * 4)
        Bytes.lending(bytes) { encode($0, to: &output) }
        return output.bytes.text
    }

    /// The bytes; nil when the text is anything else.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var output = ByteBuffer(capacity: text.utf8.count)
        let isWhole = Bytes.lending(Array(text.utf8)) { decode($0, to: &output) }
        return isWhole ? output.bytes.copied() : nil
    }

    private static let letters: InlineArray<64, UInt8> = {
        var letters = InlineArray<64, UInt8>(repeating: 0)
        for i in 0..<26 {
            letters[i] = 65 + UInt8(i)
            letters[i + 26] = 97 + UInt8(i)
        }
        for i in 0..<10 { letters[i + 52] = 48 + UInt8(i) }
        letters[62] = 43
        letters[63] = 47
        return letters
    }()

    /// Appends the encoding of `bytes`.
    static func encode(_ bytes: Bytes, to output: inout ByteBuffer) {
        var i = 0
        while i < bytes.count {
            let left = bytes.count &- i
            let a = UInt32(bytes[i])
            let b = left > 1 ? UInt32(bytes[i &+ 1]) : 0
            let c = left > 2 ? UInt32(bytes[i &+ 2]) : 0
            let group = a << 16 | b << 8 | c
            output.append(letters[Int(group >> 18)])
            output.append(letters[Int(group >> 12 & 63)])
            output.append(left > 1 ? letters[Int(group >> 6 & 63)] : 61)
            output.append(left > 2 ? letters[Int(group & 63)] : 61)
            i &+= 3
        }
    }

    /// Appends what `text` stands for; false when it is not base64.
    static func decode(_ text: Bytes, to output: inout ByteBuffer) -> Bool {
        guard text.count % 4 == 0 else { return false }
        var i = 0
        while i < text.count {
            var group: UInt32 = 0
            var count = 3
            for j in 0..<4 {
                let byte = text[i &+ j]
                if byte == 61, i &+ 4 == text.count, j > 1 {
                    count = min(count, j &- 1)
                    group <<= 6
                    continue
                }
                guard count == 3, let value = value(of: byte) else { return false }
                group = group << 6 | value
            }
            for j in 0..<count { output.append(UInt8(truncatingIfNeeded: group >> (16 - 8 * j))) }
            i &+= 4
        }
        return true
    }

    private static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case 65...90: UInt32(byte) - 65
        case 97...122: UInt32(byte) - 71
        case 48...57: UInt32(byte) + 4
        case 43: 62
        case 47: 63
        default: nil
        }
    }
}
