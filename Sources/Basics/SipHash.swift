/// SipHash-2-4 (Aumasson and Bernstein 2012): a keyed hash that nobody without the key can forge.
public enum SipHash {
    /// A secret of 128 bits.
    public struct Key: Sendable, Hashable {
        public var low: UInt64
        public var high: UInt64

        public init(low: UInt64, high: UInt64) {
            self.low = low
            self.high = high
        }

        /// No secret at all.
        public static let none = Key(low: 0, high: 0)
    }

    /// The 64-bit tag of `bytes`. O(bytes).
    public static func tag(_ bytes: Bytes, key: Key) -> UInt64 {
        var state = State(key)
        let whole = bytes.count & ~7
        var i = 0
        while i < whole {
            state.take(word(bytes, from: i, count: 8))
            i += 8
        }
        let last = word(bytes, from: whole, count: bytes.count - whole)
        state.take(last | UInt64(truncatingIfNeeded: bytes.count) << 56)
        return state.finish()
    }

    private static func word(_ bytes: Bytes, from start: Int, count: Int) -> UInt64 {
        var word: UInt64 = 0
        for i in 0..<count { word |= UInt64(bytes[start + i]) << UInt64(8 * i) }
        return word
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        init(_ key: Key) {
            v0 = key.low ^ 0x736f_6d65_7073_6575
            v1 = key.high ^ 0x646f_7261_6e64_6f6d
            v2 = key.low ^ 0x6c79_6765_6e65_7261
            v3 = key.high ^ 0x7465_6462_7974_6573
        }

        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish() -> UInt64 {
            v2 ^= 0xff
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func round() {
            v0 &+= v1
            v1 = rotated(v1, 13) ^ v0
            v0 = rotated(v0, 32)
            v2 &+= v3
            v3 = rotated(v3, 16) ^ v2
            v0 &+= v3
            v3 = rotated(v3, 21) ^ v0
            v2 &+= v1
            v1 = rotated(v1, 17) ^ v2
            v2 = rotated(v2, 32)
        }

        private func rotated(_ x: UInt64, _ bits: UInt64) -> UInt64 {
            x << bits | x >> (64 - bits)
        }
    }
}
