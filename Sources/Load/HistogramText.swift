import Basics
import Platform

/// Histograms as the text that HdrHistogram's logs hold: V2, compressed, in Base64
/// (`HISTFAAAA…`).
public enum HistogramText {
    private static let cookie: [UInt8] = [0x1c, 0x84, 0x93, 0x14]

    /// Encodes a histogram.
    public static func encode(_ histogram: Histogram) throws(ZlibError) -> String {
        let packed = try Zlib.compress(histogram.encoded)
        let length = UInt32(packed.count)
        var bytes = cookie
        for shift in [24, 16, 8, 0] as [UInt32] {
            bytes.append(UInt8(truncatingIfNeeded: length >> shift))
        }
        return Base64.encode(bytes + packed)
    }

    /// Reads a histogram. Values are those of their slots' tops.
    public static func decode(_ text: some StringProtocol) throws(HistogramTextError) -> Histogram {
        guard let bytes = Base64.decode(text) else {
            throw HistogramTextError(description: "the histogram is not Base64")
        }
        guard bytes.count > 8, Array(bytes[..<4]) == cookie else {
            throw HistogramTextError(
                description: "the histogram is not of HdrHistogram's compressed V2 encoding "
                    + "(HISTFAAAA…)")
        }
        let length = bytes[4..<8].reduce(0) { $0 << 8 | Int($1) }
        guard length <= bytes.count - 8 else {
            throw HistogramTextError(description: "the histogram is cut off")
        }
        do {
            let plain = try Zlib.expand(
                Array(bytes[8..<(8 + length)]), limit: Histogram.longestEncoding)
            return try Histogram(encoded: plain)
        } catch { throw HistogramTextError(description: "\(error)") }
    }
}

/// Text that is not a histogram.
public struct HistogramTextError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
}

/// Base64 with padding (RFC 4648, section 4).
public enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits =
                part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for i in 0..<4 {
                let digit = Int(bits >> UInt32(18 - 6 * i) & 63)
                text.append(i <= part.count ? alphabet[digit] : 61)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes; nil when the text is anything else.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        for start in stride(from: 0, to: digits.count, by: 4) {
            var bits: UInt32 = 0
            var padding = 0
            for digit in digits[start..<(start + 4)] {
                if digit == 61 {
                    padding += 1
                    bits <<= 6
                    continue
                }
                guard padding == 0, let value = value(of: digit) else { return nil }
                bits = bits << 6 | value
            }
            guard padding == 0 || start + 4 == digits.count && padding < 3 else { return nil }
            for i in 0..<(3 - padding) {
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * i)))
            }
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case 65...90: UInt32(digit - 65)
        case 97...122: UInt32(digit - 71)
        case 48...57: UInt32(digit + 4)
        case 43: 62
        case 47: 63
        default: nil
        }
    }
}
