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
