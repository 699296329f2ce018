import Basics

/// Zipf's distribution on the ranks 1 … n: rank k is drawn in proportion to k^−s.
///
/// Rejection-inversion (Hörmann and Derflinger 1996): exact for any n and any exponent s > 0,
/// with set-up and draws in O(1). YCSB's formula (Gray et al. 1994) needs the sum over all n
/// first, is exact for the two first ranks only, and has no value at s = 1.
///
/// A cell [k − ½, k + ½) of the integral of x^−s is a little larger than k^−s; the surplus, at
/// the cell's left end, is rejected. Where the surplus ends is known exactly, but costs two
/// logarithms to compute, so that points right of a bound for all k of a tier are taken at once.
public struct Zipf: Sendable, Equatable {
    /// The largest rank.
    public private(set) var ranks: UInt64
    /// s, above 0.
    public let exponent: Double
    /// The integral just below rank 1, and at the end of the last cell.
    @usableFromInline let first: Double
    @usableFromInline var last: Double
    /// How far left of k a point of its cell may lie for any k from 2, 16, 256 and be taken.
    @usableFromInline let near, middle, far: Double

    /// `ranks` must be at least 1, `exponent` above 0.
    public init(ranks: UInt64, exponent: Double) {
        precondition(ranks > 0 && exponent > 0, "Zipf needs ranks and a positive exponent")
        self.ranks = ranks
        self.exponent = exponent
        first = Zipf.integral(1.5, exponent) - 1
        last = Zipf.integral(Double(ranks) + 0.5, exponent)
        near = Zipf.reach(2, exponent)
        middle = Zipf.reach(16, exponent)
        far = Zipf.reach(256, exponent)
    }

    /// Changes the number of ranks. O(1).
    public mutating func resize(ranks: UInt64) {
        guard ranks != self.ranks else { return }
        precondition(ranks > 0, "Zipf needs ranks")
        self.ranks = ranks
        last = Zipf.integral(Double(ranks) + 0.5, exponent)
    }

    /// A rank from 1 to `ranks`. O(1); draws again with a probability below one in four.
    public func draw(_ random: inout RandomSource) -> UInt64 {
        while true {
            let u = last + random.unit() * (first - last)
            let x = Zipf.inverse(u, exponent)
            let rounded = x + 0.5
            let rank = rounded >= Double(ranks) ? ranks : max(1, UInt64(max(rounded, 1)))
            let k = Double(rank)
            let reach = rank < 16 ? near : rank < 256 ? middle : far
            if k - x <= reach { return rank }
            let edge = Zipf.integral(k + 0.5, exponent) - Zipf.density(k, exponent)
            if u >= edge { return rank }
        }
    }

    /// How far left of `k` the accepted part of its cell begins. It grows with k towards ½.
    private static func reach(_ k: Double, _ s: Double) -> Double {
        k - inverse(integral(k + 0.5, s) - density(k, s), s)
    }

    @usableFromInline
    static func density(_ x: Double, _ s: Double) -> Double { Elementary.power(x, -s) }

    /// An integral of x^−s: (x^(1−s) − 1)/(1 − s), or ln x where s is 1.
    @usableFromInline
    static func integral(_ x: Double, _ s: Double) -> Double {
        let logarithm = Elementary.logarithm(x)
        return logarithm * exponentialQuotient((1 - s) * logarithm)
    }

    /// The inverse of `integral`.
    @usableFromInline
    static func inverse(_ u: Double, _ s: Double) -> Double {
        // For s > 1 rounding can reach below the infinite end of the integral.
        let t = max(u * (1 - s), -1 + 1e-15)
        return Elementary.exponential(logarithmQuotient(t) * u)
    }

    /// (e^t − 1)/t, also near 0.
    @usableFromInline
    static func exponentialQuotient(_ t: Double) -> Double {
        if t.magnitude > 0.004 { return (Elementary.exponential(t) - 1) / t }
        return 1 + t / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5)))
    }

    /// ln(1 + t)/t, also near 0.
    @usableFromInline
    static func logarithmQuotient(_ t: Double) -> Double {
        if t.magnitude > 0.001 { return Elementary.logarithm(1 + t) / t }
        return 1 - t * (1.0 / 2 - t * (1.0 / 3 - t * (1.0 / 4 - t * (1.0 / 5))))
    }
}
