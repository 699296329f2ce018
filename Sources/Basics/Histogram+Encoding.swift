/// HdrHistogram's V2 encoding: a header of 40 bytes, big-endian, then the counts of all slots up
/// to the largest value as zigzag LEB128 numbers of at most 9 bytes; a negative number is a run
/// of that many empty slots. The format is HdrHistogram's own (Tene), so that its tools read it.
extension Histogram {
    /// `0x1c849303` with the word size of V2.
    static let encodingCookie: UInt32 = 0x1c84_9313
    /// Digits of the layout.
    static let significantDigits: UInt32 = 3
    /// Bytes of the header.
    static let headerBytes = 40
    /// The longest encoding of a histogram of this layout.
    public static let longestEncoding = headerBytes + slots * 9

    /// The V2 encoding, not compressed. O(slots).
    public var encoded: [UInt8] {
        var counts: [UInt8] = []
        let end = count == 0 ? 0 : Histogram.slot(of: maximum) + 1
        var slot = 0
        while slot < end {
            var empty = 0
            while slot + empty < end, self.counts[slot + empty] == 0 { empty += 1 }
            if empty > 0 {
                Histogram.append(Int64(-empty), to: &counts)
                slot += empty
            } else {
                Histogram.append(Int64(clamping: self.counts[slot]), to: &counts)
                slot += 1
            }
        }
        var bytes: [UInt8] = []
        Histogram.append(Histogram.encodingCookie, to: &bytes)
        Histogram.append(UInt32(counts.count), to: &bytes)
        Histogram.append(UInt32(0), to: &bytes)
        Histogram.append(Histogram.significantDigits, to: &bytes)
        Histogram.append(UInt64(1), to: &bytes)
        Histogram.append(Histogram.highest, to: &bytes)
        Histogram.append((1.0).bitPattern, to: &bytes)
        return bytes + counts
    }

    /// Reads a V2 encoding. Values are those of their slots' tops: what was rounded stays so.
    /// O(bytes + slots). Throws when the bytes are something else or of another layout.
    public init(encoded bytes: [UInt8]) throws(HistogramEncodingError) {
        self.init()
        guard bytes.count >= Histogram.headerBytes,
            Histogram.number(UInt32.self, bytes, 0) == Histogram.encodingCookie
        else { throw .notAnEncoding }
        guard Histogram.number(UInt32.self, bytes, 8) == 0,
            Histogram.number(UInt32.self, bytes, 12) == Histogram.significantDigits,
            Histogram.number(UInt64.self, bytes, 16) == 1,
            Histogram.number(UInt64.self, bytes, 24) <= Histogram.highest
        else { throw .otherLayout }
        let length = Int(Histogram.number(UInt32.self, bytes, 4))
        guard length <= bytes.count - Histogram.headerBytes else { throw .cutOff }
        var position = Histogram.headerBytes
        let end = position + length
        var slot = 0
        while position < end {
            guard let number = Histogram.zigzag(bytes, &position, end) else { throw .cutOff }
            if number < 0 {
                guard number > -Int64(Histogram.slots) else { throw .tooLong }
                slot += Int(-number)
            } else {
                guard slot < Histogram.slots else { throw .tooLong }
                record(nanoseconds: Histogram.top(of: slot), times: UInt64(number))
                slot += 1
            }
            guard slot <= Histogram.slots else { throw .tooLong }
        }
    }

    private static func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
        for i in (0..<MemoryLayout<T>.size).reversed() {
            bytes.append(UInt8(truncatingIfNeeded: value >> T(i * 8)))
        }
    }

    private static func number<T: FixedWidthInteger>(
        _ type: T.Type, _ bytes: [UInt8], _ start: Int
    ) -> T {
        bytes[start..<(start + MemoryLayout<T>.size)].reduce(0) { $0 << 8 | T($1) }
    }

    /// Seven bits a byte, the lowest first; the ninth byte holds eight.
    private static func append(_ value: Int64, to bytes: inout [UInt8]) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        for _ in 0..<8 {
            guard rest >= 0x80 else { break }
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func zigzag(_ bytes: [UInt8], _ position: inout Int, _ end: Int) -> Int64? {
        var value: UInt64 = 0
        for i in 0..<9 {
            guard position < end else { return nil }
            let byte = bytes[position]
            position += 1
            value |= UInt64(i == 8 ? byte : byte & 0x7f) << UInt64(7 * i)
            if i == 8 || byte < 0x80 { break }
        }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}

/// Bytes that are not a histogram of our layout.
public enum HistogramEncodingError: Error, Equatable, Sendable, CustomStringConvertible {
    case notAnEncoding, otherLayout, cutOff, tooLong

    public var description: String {
        switch self {
        case .notAnEncoding: "these bytes are not HdrHistogram's V2 encoding"
        case .otherLayout:
            "the histogram has another layout than 1 ns to at most 1 h at 3 significant digits"
        case .cutOff: "the histogram's counts are cut off"
        case .tooLong: "the histogram has more counts than its layout"
        }
    }
}
