import Basics

/// One thing that a service promises, such as `read_p99<5ms` or `stale<1e-3@50ms`.
public struct ServiceObjective: Sendable, Equatable, CustomStringConvertible {
    /// What is asked for.
    public enum Kind: Sendable, Equatable {
        /// A percentile of `read` or `write` below a time in nanoseconds.
        case latency(operation: String, percentile: String, below: Double)
        /// Successful operations a second above a number.
        case throughput(above: Double)
        /// The share of successful operations above a number.
        case availability(above: Double)
        /// The share of stale reads below a number, of those that start this many nanoseconds or
        /// more after the latest acknowledged write.
        case stale(below: Double, after: Int64)
        /// Reads and writes go on with this many replicas of a key down.
        case survives(Int)
        /// No violation of linearizability was found.
        case linearizable
    }

    public let kind: Kind
    /// As it was written.
    public let description: String

    /// Reads one objective.
    ///
    /// - Throws: `ResultError` with what was expected.
    public init(_ text: String) throws(ResultError) {
        description = text
        guard let kind = ServiceObjective.parse(text.filter { $0 != " " }) else {
            throw ResultError(
                "'\(text)' is not an objective: expected read_p99<5ms or write_p99.9<10ms (p50, "
                    + "p90, p95, p99, p99.9 or p99.99), stale<1e-3@50ms, stale<0.01, survives=1, "
                    + "throughput>1000, availability>0.999 or linearizable")
        }
        self.kind = kind
    }

    private static func parse(_ text: String) -> Kind? {
        if text == "linearizable" { return .linearizable }
        if text.hasPrefix("survives=") {
            return Int(text.dropFirst(9)).flatMap { (0...14).contains($0) ? .survives($0) : nil }
        }
        if text.hasPrefix("stale<") {
            let parts = text.dropFirst(6).split(separator: "@", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), let share = Double(parts[0]), share > 0,
                share <= 1
            else { return nil }
            if parts.count == 1 { return .stale(below: share, after: 0) }
            return Quantities.duration(String(parts[1])).map {
                .stale(below: share, after: $0.nanoseconds)
            }
        }
        if text.hasPrefix("throughput>") {
            return Double(text.dropFirst(11)).flatMap { $0 >= 0 ? .throughput(above: $0) : nil }
        }
        if text.hasPrefix("availability>") {
            return Double(text.dropFirst(13)).flatMap {
                $0 >= 0 && $0 < 1 ? .availability(above: $0) : nil
            }
        }
        let sides = text.split(separator: "<", omittingEmptySubsequences: false)
        guard sides.count == 2, let time = Quantities.duration(String(sides[1])) else { return nil }
        let words = sides[0].split(separator: "_", omittingEmptySubsequences: false)
        guard words.count == 2, ["read", "write"].contains(words[0]), words[1].hasPrefix("p"),
            LatencySummary.percentiles.contains(where: { $0.name == words[1].dropFirst() })
        else { return nil }
        return .latency(
            operation: String(words[0]), percentile: String(words[1].dropFirst()),
            below: Double(time.nanoseconds))
    }
}

/// Whether a configuration meets an objective, and what says so.
public struct Assessment: Codable, Sendable, Equatable {
    public enum Answer: String, Codable, Sendable {
        case met
        case missed
        /// The measurements allow either.
        case unclear
    }

    public var objective: String
    public var answer: Answer
    /// The figure it rests on, as a clause: `read p99 is 6.12 ms`.
    public var evidence: String
}

extension ServiceObjective {
    /// Judges a configuration by what was measured. N as in its panel.
    func assess(_ c: ConfigurationSummary, n: Int, isStrict: Bool) -> Assessment {
        let (answer, evidence) = judge(c, n: n, isStrict: isStrict)
        return Assessment(objective: description, answer: answer, evidence: evidence)
    }

    private func judge(
        _ c: ConfigurationSummary, n: Int, isStrict: Bool
    ) -> (Assessment.Answer, String) {
        switch kind {
        case .latency(let operation, let percentile, let below):
            let values = c.measured.compactMap {
                $0.latency(operation, .intended)?.percentilesNs[percentile].map(Double.init)
            }
            guard let middle = Statistics.median(values) else {
                return (.unclear, "no \(operation) was measured")
            }
            let text =
                "\(operation) p\(percentile) is \(Quantities.text(nanoseconds: Int64(middle)))"
            if values.allSatisfy({ $0 < below }) { return (.met, text) }
            if values.allSatisfy({ $0 >= below }) { return (.missed, text) }
            return (.unclear, text + ", above the bound in some repeats only")
        case .throughput(let above):
            guard let rate = c.throughput else { return (.unclear, "nothing was measured") }
            return (
                rate > above ? .met : .missed,
                "it did \(Quantities.significant(rate)) operations a second"
            )
        case .availability(let above):
            let all = c.measured.compactMap(\.availability)
            let share = Proportion(
                events: all.map(\.events).reduce(0, +), trials: all.map(\.trials).reduce(0, +))
            guard let interval = share.interval, let fraction = share.fraction else {
                return (.unclear, "nothing was measured")
            }
            let text = "\(Quantities.percent(fraction)) of operations succeeded"
            if interval.lower > above { return (.met, text) }
            return (interval.upper <= above ? .missed : .unclear, text)
        case .stale(let below, let after):
            return stale(
                c, below: below, after: after, overlaps: isStrict && c.isOwn && c.r + c.w > c.n)
        case .survives(let count):
            guard c.isOwn else {
                return (.unclear, "what it survives was not measured")
            }
            let most = n - max(c.r, c.w)
            return (
                most >= count ? .met : .missed,
                "with \(n) replicas it goes on with \(most) of them down"
            )
        case .linearizable:
            switch c.verdict("linearizable")?.verdict {
            case "holds": return (.met, "no violation of linearizability was found")
            case "violated": return (.missed, "linearizability was violated")
            default: return (.unclear, "linearizability was not decided")
            }
        }
    }

    private func stale(
        _ c: ConfigurationSummary, below: Double, after: Int64, overlaps: Bool
    ) -> (Assessment.Answer, String) {
        var share = c.staleReads
        var when = ""
        if after > 0 {
            let bins = c.measured.flatMap { $0.freshness ?? [] }.filter { $0.startNs >= after }
            let reads = bins.map(\.reads).reduce(0, +)
            share = Proportion(
                events: reads - bins.map(\.fresh).reduce(0, +), trials: reads)
            when = " from \(Quantities.text(nanoseconds: after)) after a write on"
        }
        guard let share, let interval = share.interval else {
            return (.unclear, "no read\(when) was measured")
        }
        let text = "stale reads\(when) are \(share.text)"
        if interval.upper < below { return (.met, text) }
        if interval.lower >= below { return (.missed, text) }
        if overlaps, share.events == 0 {
            return (.met, text + "; R + W > N makes every read meet the latest write")
        }
        return (.unclear, text)
    }
}
