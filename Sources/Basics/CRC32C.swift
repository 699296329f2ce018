/// CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4): detects damage in log and frames.
///
/// Slicing by eight (Kounavis and Berry 2005): eight table look-ups for eight bytes, with no
/// processor instruction that some machine might lack.
public enum CRC32C {
    /// The checksum of `bytes`; `seed` is the checksum of what came before them, so that parts can
    /// be checked one after the other. O(n).
    public static func checksum(_ bytes: Bytes, seed: UInt32 = 0) -> UInt32 {
        let tables = tables
        var crc = ~seed
        var next = bytes.base
        var rest = bytes.count
        while rest >= 8 {
            let word = UInt64(littleEndian: next.loadUnaligned(as: UInt64.self)) ^ UInt64(crc)
            crc = sliced(word, tables)
            next += 8
            rest &-= 8
        }
        while rest > 0 {
            let index = UInt8(truncatingIfNeeded: crc) ^ next.load(as: UInt8.self)
            crc = tables[Int(index)] ^ crc &>> 8
            next += 1
            rest &-= 1
        }
        return ~crc
    }

    /// The checksum that continues `seed` with the eight little-endian bytes of `value`.
    public static func checksum(_ value: UInt64, seed: UInt32) -> UInt32 {
        ~sliced(value ^ UInt64(~seed), tables)
    }

    @inline(__always)
    private static func sliced(_ word: UInt64, _ tables: UnsafePointer<UInt32>) -> UInt32 {
        let low =
            tables[1792 &+ Int(word & 0xff)] ^ tables[1536 &+ Int(word &>> 8 & 0xff)]
            ^ tables[1280 &+ Int(word &>> 16 & 0xff)] ^ tables[1024 &+ Int(word &>> 24 & 0xff)]
        let high =
            tables[768 &+ Int(word &>> 32 & 0xff)] ^ tables[512 &+ Int(word &>> 40 & 0xff)]
            ^ tables[256 &+ Int(word &>> 48 & 0xff)] ^ tables[Int(word &>> 56)]
        return low ^ high
    }

    /// Table k holds the effect of a byte that is followed by k zero bytes; never freed.
    nonisolated(unsafe) private static let tables: UnsafePointer<UInt32> = {
        // Read-only once made, so that every thread may share it.
        let storage = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
            storage[byte] = crc
        }
        for table in 1..<8 {
            for byte in 0..<256 {
                let shorter = storage[(table - 1) * 256 + byte]
                storage[table * 256 + byte] = storage[Int(shorter & 0xff)] ^ shorter >> 8
            }
        }
        return UnsafePointer(storage)
    }()
}
