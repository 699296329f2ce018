/// Elementary functions from additions, multiplications and divisions only.
///
/// Those four operations are exactly specified by IEEE 754, the functions of libm are not: they
/// differ in the last bit between versions of the C library. With these, a seed draws the same
/// keys and arrival times on every machine. The results are within a few units in the last
/// place, which is plenty for drawing random numbers and for reports.
public enum Elementary {
    @usableFromInline static let ln2 = 0.693_147_180_559_945_309_4

    /// The natural logarithm of `x`; `x` must be positive and finite. O(1).
    ///
    /// With x = m·2^e and m in [√½, √2): ln x = e·ln 2 + 2·artanh((m − 1)/(m + 1)).
    @inlinable
    public static func logarithm(_ x: Double) -> Double {
        precondition(x > 0 && x < .infinity, "the logarithm needs a positive number")
        var bits = x.bitPattern
        var exponent = 0
        if bits < 0x0010_0000_0000_0000 {  // subnormal: bring it into the normal range
            bits = (x * 0x1p54).bitPattern
            exponent = -54
        }
        exponent += Int(bits >> 52) - 1_023
        var mantissa = Double(
            bitPattern: bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000)
        if mantissa > 1.414_213_562_373_095 {
            mantissa /= 2
            exponent += 1
        }
        // Written so that a mantissa near 1 loses nothing to cancellation.
        return Double(exponent) * ln2 + logarithmOfOnePlusSmall(mantissa - 1)
    }

    /// ln(1 + y) for y in [√½ − 1, √2 − 1], by the series of artanh.
    @inlinable
    static func logarithmOfOnePlusSmall(_ y: Double) -> Double {
        let s = y / (2 + y)  // |s| <= 0.1716
        let q = s * s
        var sum = 1.0 / 21
        sum = sum * q + 1.0 / 19
        sum = sum * q + 1.0 / 17
        sum = sum * q + 1.0 / 15
        sum = sum * q + 1.0 / 13
        sum = sum * q + 1.0 / 11
        sum = sum * q + 1.0 / 9
        sum = sum * q + 1.0 / 7
        sum = sum * q + 1.0 / 5
        sum = sum * q + 1.0 / 3
        return 2 * s * (1 + q * sum)
    }

    /// e to the power of `x`; 0 below −745, infinity above 709.7. O(1).
    ///
    /// With x = k·ln 2 + r and |r| <= ½ ln 2: e^x = 2^k·e^r, e^r by its power series.
    @inlinable
    public static func exponential(_ x: Double) -> Double {
        if x < -745 { return 0 }
        if x > 709.78 { return .infinity }
        let k = Int(x / ln2 + (x < 0 ? -0.5 : 0.5))
        // ln 2 in two parts, so that k·ln 2 is subtracted without loss.
        let high = 0.693_147_180_369_123_816_5
        let low = 1.908_214_929_270_587_7e-10
        let r = (x - Double(k) * high) - Double(k) * low
        var sum = 1.0 / 6_227_020_800
        sum = sum * r + 1.0 / 479_001_600
        sum = sum * r + 1.0 / 39_916_800
        sum = sum * r + 1.0 / 3_628_800
        sum = sum * r + 1.0 / 362_880
        sum = sum * r + 1.0 / 40_320
        sum = sum * r + 1.0 / 5_040
        sum = sum * r + 1.0 / 720
        sum = sum * r + 1.0 / 120
        sum = sum * r + 1.0 / 24
        sum = sum * r + 1.0 / 6
        sum = sum * r + 0.5
        let fraction = 1 + r + r * r * sum
        if k < -1_000 {
            return fraction * powerOfTwo(k + 200) * powerOfTwo(-200)
        }
        if k > 1_000 { return fraction * powerOfTwo(k - 200) * powerOfTwo(200) }
        return fraction * powerOfTwo(k)
    }

    @inlinable
    static func powerOfTwo(_ k: Int) -> Double {
        Double(bitPattern: UInt64(1_023 + k) << 52)
    }

    /// `base` to the power of `exponent`, for a positive `base`. O(1).
    @inlinable
    public static func power(_ base: Double, _ exponent: Double) -> Double {
        exponential(exponent * logarithm(base))
    }

    /// The square root of `x`, which must not be negative, by Newton's iteration. O(1).
    public static func squareRoot(_ x: Double) -> Double {
        precondition(x >= 0 && x < .infinity, "the square root needs a number from zero up")
        if x == 0 { return 0 }
        var root = exponential(logarithm(x) / 2)
        for _ in 0..<2 { root = (root + x / root) / 2 }
        return root
    }
}
