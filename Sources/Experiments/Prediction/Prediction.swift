import Basics

/// What PBS predicts for every R and W of one N: the document of `quorumeter predict --json`.
public struct Prediction: Codable, Sendable, Equatable {
    public var schema = "quorumeter.prediction/1"
    /// Name of the distributions, or the file that holds them.
    public var distributions: String
    public var n: Int
    public var trials: Int
    public var seed: UInt64
    /// By R, then W.
    public var configurations: [Configuration]

    /// The prediction for one R and W.
    public struct Configuration: Codable, Sendable, Equatable {
        public var r: Int
        public var w: Int
        /// Probability that a read which starts at the commit is fresh.
        public var freshAtCommit: Double
        /// The same for times after the commit that were asked for, by time in nanoseconds.
        public var freshAfterNs: [String: Double]
        /// How long after the commit reads are fresh with 50, 90, 99 and 99.9 %.
        public var visibilityNs: [String: Int64]
        public var readLatencyNs: [String: Int64]
        public var writeLatencyNs: [String: Int64]
        /// Probability of one of the k latest versions, for k = 1, 2, 3, 5 and 10, when nothing
        /// spreads writes but the writes themselves.
        public var withinVersions: [String: Double]

        enum CodingKeys: String, CodingKey {
            case r, w
            case freshAtCommit = "fresh_at_commit"
            case freshAfterNs = "fresh_after_ns"
            case visibilityNs = "visibility_ns"
            case readLatencyNs = "read_latency_ns"
            case writeLatencyNs = "write_latency_ns"
            case withinVersions = "within_versions"
        }
    }

    /// Shares for which times are given.
    public static let shares: [(name: String, share: Double)] = [
        ("50", 0.5), ("90", 0.9), ("99", 0.99), ("99.9", 0.999),
    ]
    /// Numbers of versions for which probabilities are given.
    public static let versions = [1, 2, 3, 5, 10]

    /// Reads the results of finished trials.
    public init(
        _ trials: WARSTrials, distributions: String, seed: UInt64, times: [Instant.Duration] = []
    ) {
        self.distributions = distributions
        self.seed = seed
        self.trials = trials.trials
        n = trials.n
        let n = trials.n
        configurations = (1...n).flatMap { r in
            (1...n).map { w in
                var fresh: [String: Double] = [:]
                for time in times {
                    fresh["\(time.nanoseconds)"] = trials.fresh(r: r, w: w, after: time)
                }
                func named(_ time: (Double) -> Instant.Duration) -> [String: Int64] {
                    var values: [String: Int64] = [:]
                    for (name, share) in Prediction.shares {
                        values[name] = time(share).nanoseconds
                    }
                    return values
                }
                var versions: [String: Double] = [:]
                for k in Prediction.versions {
                    versions["\(k)"] = VersionStaleness.within(k: k, n: n, r: r, w: w)
                }
                return Configuration(
                    r: r, w: w, freshAtCommit: trials.fresh(r: r, w: w, after: .zero),
                    freshAfterNs: fresh,
                    visibilityNs: named { trials.visibility(r: r, w: w, probability: $0) },
                    readLatencyNs: named { trials.readLatency(r: r, share: $0) },
                    writeLatencyNs: named { trials.writeLatency(w: w, share: $0) },
                    withinVersions: versions)
            }
        }
    }

    /// A table for a terminal.
    public var text: String {
        var header = ["R", "W", "fresh at commit"]
        let times = configurations.first?.freshAfterNs.keys.compactMap { Int64($0) }.sorted() ?? []
        header += times.map { "fresh \(Quantities.text(nanoseconds: $0)) after" }
        header += Prediction.shares.map { "t(\($0.name) %)" }
        header += ["read p50", "read p99.9", "write p50", "write p99.9", "k=1", "k=2", "k=3"]
        let rows = configurations.map { c -> [String] in
            func time(_ values: [String: Int64], _ name: String) -> String {
                values[name].map { $0 == 0 ? "0" : Quantities.text(nanoseconds: $0) } ?? "–"
            }
            var row = ["\(c.r)", "\(c.w)", Quantities.percent(c.freshAtCommit)]
            row += times.map { Quantities.percent(c.freshAfterNs["\($0)"] ?? 0) }
            row += Prediction.shares.map { time(c.visibilityNs, $0.name) }
            row += [
                time(c.readLatencyNs, "50"), time(c.readLatencyNs, "99.9"),
                time(c.writeLatencyNs, "50"), time(c.writeLatencyNs, "99.9"),
            ]
            row += ["1", "2", "3"].map { Quantities.fixed(c.withinVersions[$0] ?? 0, 3) }
            return row
        }
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        let lines = all.map { row in
            row.indices.map { column in
                String(repeating: " ", count: widths[column] - row[column].count) + row[column]
            }.joined(separator: "  ")
        }
        return "PBS, N = \(n), \(distributions): \(Quantities.grouped(trials)) trials, seed "
            + "\(seed)\n\n" + lines.joined(separator: "\n") + "\n\n"
            + "t(p): how long after its commit a write is seen by a share p of reads. k: share of "
            + "reads among the k latest versions if only writes spread versions.\n"
    }
}
