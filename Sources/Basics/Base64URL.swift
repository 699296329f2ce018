/// Base64 with the alphabet that is safe in URLs and file names, without padding (RFC 4648 §5).
public enum Base64URL {
    private static let alphabet: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    /// Appends the text of `bytes`. O(bytes).
    public static func encode(_ bytes: Bytes, into out: inout ByteBuffer) {
        var i = 0
        while i < bytes.count {
            let count = min(3, bytes.count - i)
            var group: UInt32 = 0
            for j in 0..<3 { group = group << 8 | (j < count ? UInt32(bytes[i + j]) : 0) }
            for j in 0...count {
                let place = Int(group >> UInt32(18 - 6 * j) & 63)
                out.append((alphabet.utf8Start + place).pointee)
            }
            i += 3
        }
    }

    /// Appends the bytes that `text` stands for; false, and nothing of use appended, if it is not
    /// the one text of any bytes.
    public static func decode(_ text: Bytes, into out: inout ByteBuffer) -> Bool {
        var i = 0
        while i < text.count {
            let count = min(4, text.count - i)
            guard count > 1 else { return false }
            var group: UInt32 = 0
            for j in 0..<4 {
                guard j < count else {
                    group <<= 6
                    continue
                }
                guard let value = value(text[i + j]) else { return false }
                group = group << 6 | value
            }
            // Bits beyond the last byte are zero, so that no two texts stand for the same bytes.
            guard group & (1 << UInt32(8 * (4 - count)) - 1) == 0 else { return false }
            for j in 0..<count - 1 {
                out.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * j)))
            }
            i += 4
        }
        return true
    }

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 65...90: UInt32(byte - 65)
        case 97...122: UInt32(byte - 71)
        case 48...57: UInt32(byte + 4)
        case 45: 62
        case 95: 63
        default: nil
        }
    }
}
