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
