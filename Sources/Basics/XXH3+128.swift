/// 128 bits of a keyed hash.
public struct Hash128: Hashable, Sendable {
    public var low: UInt64
    public var high: UInt64

    @inlinable
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    public static let zero = Hash128(low: 0, high: 0)

    @inlinable
    public static func ^ (a: Hash128, b: Hash128) -> Hash128 {
        Hash128(low: a.low ^ b.low, high: a.high ^ b.high)
    }
}

extension XXH3 {
    /// XXH3-128 with a seed, of the 32 bytes that four little-endian words make.
    @inlinable
    public static func hash128(_ words: SIMD4<UInt64>, seed: UInt64) -> Hash128 {
        var low = 32 &* prime1
        low &+= foldedProduct(
            words[0] ^ (0xbe4b_a423_396c_feb8 &+ seed), words[1] ^ (0x1cad_21f7_2c81_017c &- seed))
        low ^= words[2] &+ words[3]
        var high = foldedProduct(
            words[2] ^ (0xdb97_9083_e96d_d4de &+ seed), words[3] ^ (0x1f67_b3b7_a4a4_4072 &- seed))
        high ^= words[0] &+ words[1]
        let mixed =
            low &* prime1 &+ high &* 0x85eb_ca77_c2b2_ae63
            &+ (32 &- seed) &* 0xc2b2_ae3d_27d4_eb4f
        return Hash128(low: avalanche(low &+ high), high: 0 &- avalanche(mixed))
    }
}
