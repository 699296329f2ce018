import Basics

/// A rate of arrivals that changes with time: straight pieces, which may repeat.
///
/// The number of arrivals up to a time is the integral of the rate, so that the k-th arrival
/// comes where the integral reaches k; of straight pieces both have closed forms.
public struct RateProfile: Sendable, Equatable {
    /// A stretch in which the rate goes straight from one value to another.
    public struct Piece: Sendable, Equatable {
        /// In seconds, above 0.
        public var length: Double
        /// Operations a second at its two ends, from 0.
        public var first, last: Double

        public init(length: Double, first: Double, last: Double) {
            self.length = length
            self.first = first
            self.last = last
        }

        /// Arrivals in the whole piece.
        var arrivals: Double { (first + last) / 2 * length }

        /// Seconds after its start when `count` arrivals have come.
        func time(of count: Double) -> Double {
            let slope = (last - first) / length
            let root = Elementary.squareRoot(max(0, first * first + 2 * slope * count))
            let sum = first + root
            return sum > 0 ? min(length, 2 * count / sum) : 0
        }
    }

    public let pieces: [Piece]
    /// Whether the pieces begin anew at their end; otherwise the last rate goes on.
    public let repeats: Bool

    /// `pieces` must hold at least one, of positive length.
    public init(pieces: [Piece], repeats: Bool) {
        precondition(
            !pieces.isEmpty && pieces.allSatisfy { $0.length > 0 && $0.first >= 0 && $0.last >= 0 },
            "a rate profile needs pieces of positive length and rates from zero")
        self.pieces = pieces
        self.repeats = repeats
    }

    /// From `low` to `high` in `seconds`; the high rate goes on.
    public static func ramp(from low: Double, to high: Double, over seconds: Double) -> RateProfile
    {
        RateProfile(
            pieces: [Piece(length: seconds, first: low, last: high)], repeats: false)
    }

    /// From `low` to `high` in `steps` equal stairs; the high rate goes on.
    public static func steps(
        from low: Double, to high: Double, over seconds: Double, steps: Int
    ) -> RateProfile {
        let pieces = (0..<steps).map { step in
            let share = steps == 1 ? 1 : Double(step) / Double(steps - 1)
            let rate = low + (high - low) * share
            return Piece(length: seconds / Double(steps), first: rate, last: rate)
        }
        return RateProfile(pieces: pieces, repeats: false)
    }

    /// A wave between `low` and `high` that begins at its low. Sixty-four straight pieces a
    /// period stay within a thousandth of its height.
    public static func sine(from low: Double, to high: Double, period: Double) -> RateProfile {
        let count = 64
        // The sine's table by its addition theorem: no function of libm decides anything here.
        let angle = 2 * Double.pi / Double(count)
        let square = angle * angle
        let sine = angle * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)))
        let cosine = 1 - square / 2 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56)))
        var waves = [1.0]
        var (c, s) = (1.0, 0.0)
        for _ in 1..<count {
            (c, s) = (c * cosine - s * sine, s * cosine + c * sine)
            waves.append(c)
        }
        waves.append(1)
        let rates = waves.map { low + (high - low) * max(0, min(1, (1 - $0) / 2)) }
        let pieces = (0..<count).map {
            Piece(length: period / Double(count), first: rates[$0], last: rates[$0 + 1])
        }
        return RateProfile(pieces: pieces, repeats: true)
    }

    /// `low`, and once in a `period`, at its end, `high` for `width` seconds.
    public static func spikes(
        from low: Double, to high: Double, period: Double, width: Double
    ) -> RateProfile {
        RateProfile(
            pieces: [
                Piece(length: period - width, first: low, last: low),
                Piece(length: width, first: high, last: high),
            ], repeats: true)
    }
}

extension RateProfile {
    /// Reads a trace: lines of `SECONDS RATE`, each the rate from that time on, times ascending
    /// from 0; `#` begins a comment. A last rate of 0 ends the arrivals.
    public init(trace text: String, file: String) throws(PropertyError) {
        var points: [(time: Double, rate: Double)] = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard !words.isEmpty else { continue }
            let earlier = points.last?.time ?? -1
            guard words.count == 2, let time = Double(words[0]), let rate = Double(words[1]),
                time > earlier, (0...1e9).contains(rate), time < 1e9,
                !points.isEmpty || time == 0
            else {
                throw PropertyError(
                    origin: "\(file):\(number + 1)",
                    problem: "'\(line)' is not a time and a rate (SECONDS RATE), the times "
                        + "ascending from 0")
            }
            points.append((time, rate))
        }
        guard points.contains(where: { $0.rate > 0 }) else {
            throw PropertyError(origin: file, problem: "the trace has no rate above 0")
        }
        let pieces = points.indices.map { index in
            let next = index + 1 < points.count ? points[index + 1].time : points[index].time + 1
            return Piece(
                length: next - points[index].time, first: points[index].rate,
                last: points[index].rate)
        }
        self.init(pieces: pieces, repeats: false)
    }
}

/// Walks along a profile from arrival to arrival.
struct ProfileCursor: Sendable {
    private let profile: RateProfile
    private var index = 0
    /// Seconds and arrivals before the current piece.
    private var time = 0.0
    private var count = 0.0

    init(_ profile: RateProfile) { self.profile = profile }

    /// Seconds until arrival `wanted` (from 0, never less than before); nil when it never comes.
    mutating func time(of wanted: Double) -> Double? {
        var barren = 0
        while true {
            let piece = profile.pieces[index]
            let isLast = index == profile.pieces.count - 1
            if isLast, !profile.repeats {
                let rest = wanted - count - piece.arrivals
                if rest < 0 { return time + piece.time(of: wanted - count) }
                return piece.last > 0 ? time + piece.length + rest / piece.last : nil
            }
            if wanted - count < piece.arrivals {
                return time + piece.time(of: wanted - count)
            }
            barren = piece.arrivals > 0 ? 0 : barren + 1
            guard barren <= profile.pieces.count else { return nil }
            count += piece.arrivals
            time += piece.length
            index = isLast ? 0 : index + 1
        }
    }
}
