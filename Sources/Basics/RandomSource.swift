/// A seeded generator (xoshiro256**, Blackman and Vigna 2018, seeded by SplitMix64).
///
/// The only source of randomness in pure modules: its algorithm is fixed here, so that a seed
/// means the same run on every machine and in every release. Decisions use integers and ratios,
/// never floating point, because libm may differ between machines.
public struct RandomSource: Sendable {
    @usableFromInline var s0: UInt64
    @usableFromInline var s1: UInt64
    @usableFromInline var s2: UInt64
    @usableFromInline var s3: UInt64

    public init(seed: UInt64) {
        var state = seed
        s0 = RandomSource.splitMix(&state)
        s1 = RandomSource.splitMix(&state)
        s2 = RandomSource.splitMix(&state)
        s3 = RandomSource.splitMix(&state)
    }

    /// A stream of its own, named by `label`, so that a draw added to one stream leaves every
    /// other one unchanged. Does not advance this generator.
    public func fork(_ label: StaticString, _ number: UInt64 = 0) -> RandomSource {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        label.withUTF8Buffer { bytes in
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        var state = hash ^ s0 ^ s3.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15).low
        state = RandomSource.splitMix(&state) ^ number
        return RandomSource(seed: RandomSource.splitMix(&state))
    }

    /// One step of SplitMix64 (Steele, Lea and Flood 2014): advances `state`, returns a mix of it.
    @inlinable
    public static func splitMix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// 64 uniform bits.
    @inlinable
    public mutating func next() -> UInt64 {
        let product = s1 &* 5
        let result = ((product << 7) | (product >> 57)) &* 9
        let t = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = (s3 << 45) | (s3 >> 19)
        return result
    }

    /// Uniform in `0 ..< bound`, without bias (Lemire 2019). `bound` must be positive.
    @inlinable
    public mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0, "a random number below zero does not exist")
        var wide = next().multipliedFullWidth(by: bound)
        if wide.low < bound {
            let threshold = (0 &- bound) % bound
            while wide.low < threshold { wide = next().multipliedFullWidth(by: bound) }
        }
        return wide.high
    }

    /// Uniform in `0 ..< bound`.
    @inlinable
    public mutating func below(_ bound: Int) -> Int { Int(below(UInt64(bound))) }

    /// Uniform in the closed range.
    @inlinable
    public mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 {
        let width = range.upperBound - range.lowerBound
        return width == .max ? next() : range.lowerBound + below(width + 1)
    }

    /// True `numerator` times out of `denominator`.
    @inlinable
    public mutating func chance(_ numerator: UInt64, in denominator: UInt64) -> Bool {
        below(denominator) < numerator
    }

    /// Uniform in `0 ..< 1` with 53 bits; for load generation and statistics, not for decisions
    /// of a protocol.
    @inlinable
    public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Exponentially distributed with the given mean, from a table of 1,024 quantiles, so that
    /// no libm result reaches a decision. The largest result is about 7.6 times the mean.
    @inlinable
    public mutating func exponential(mean: Instant.Duration) -> Instant.Duration {
        let quantile = UInt64(RandomSource.exponentialQuantiles[Int(next() >> 54)])
        let wide = UInt64(max(0, mean.nanoseconds)).multipliedFullWidth(by: quantile)
        return .nanoseconds(wide.high << 48 | wide.low >> 16)
    }

    /// Shuffles in place (Fisher and Yates). O(n).
    @inlinable
    public mutating func shuffle<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for i in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(i, below(i + 1))
        }
    }

    /// −ln(1 − (i + ½)/1024) in units of 2⁻¹⁶, computed with integers only.
    @usableFromInline
    static let exponentialQuantiles: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 1_024)
        for i in 0..<1_024 { table[i] = negatedLogarithm(numerator: UInt64(2_047 - 2 * i)) }
        return table
    }()

    /// −ln(numerator / 2048) in units of 2⁻¹⁶, by repeated squaring of the mantissa (the classic
    /// bit-by-bit binary logarithm), then scaled by ln 2.
    private static func negatedLogarithm(numerator: UInt64) -> UInt32 {
        precondition(numerator > 0 && numerator < 2_048, "outside the table's domain")
        let leading = 63 - numerator.leadingZeroBitCount
        var mantissa = numerator << UInt64(62 - leading)  // in [2^62, 2^63)
        var fraction: UInt64 = 0
        for _ in 0..<32 {
            let square = mantissa.multipliedFullWidth(by: mantissa)
            mantissa = (square.high << 2) | (square.low >> 62)  // back to 62 fractional bits
            fraction <<= 1
            if mantissa >= 1 << 63 {
                fraction |= 1
                mantissa >>= 1
            }
        }
        // log2(numerator) = leading + fraction / 2^32; log2(2048) = 11.
        let log2 = (11 << 32) - ((UInt64(leading) << 32) | fraction)
        let ln2: UInt64 = 2_977_044_472  // ln 2 × 2^32
        let product = log2.multipliedFullWidth(by: ln2)
        return UInt32(truncatingIfNeeded: (product.high << 16) | (product.low >> 48))
    }
}
