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
    /// Judges a configuration by what was measured, and by what its quorums need.
    func assess(_ c: ConfigurationSummary) -> Assessment {
        let (answer, evidence) = judge(c)
        return Assessment(objective: description, answer: answer, evidence: evidence)
    }

    private func judge(_ c: ConfigurationSummary) -> (Assessment.Answer, String) {
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
            return stale(c, below: below, after: after)
        case .survives(let count):
            return (c.toleratedFailures >= count ? .met : .missed, c.toleranceText)
        case .linearizable: return linearizable(c)
        }
    }

    /// A violation settles it. That none was found does so only where the mode promises it:
    /// in lww with R + W > N other runs than this one have violations.
    private func linearizable(_ c: ConfigurationSummary) -> (Assessment.Answer, String) {
        switch c.verdict("linearizable")?.verdict {
        case "violated": return (.missed, "linearizability was violated")
        case "holds" where c.isOwn && !c.configuration.isRegister:
            return (
                .unclear,
                "no violation of linearizability was found, but mode \(c.configuration.mode) does "
                    + "not promise it, whatever R and W are; modes abd and cp do"
            )
        case "holds": return (.met, "no violation of linearizability was found")
        default:
            return c.configuration.mode == "siblings" && c.isOwn
                ? (.missed, "a key with siblings is no register")
                : (.unclear, "linearizability was not decided")
        }
    }

    private func stale(
        _ c: ConfigurationSummary, below: Double, after: Int64
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
            if c.isOwn, c.configuration.mode == "siblings" {
                return (.unclear, "of siblings none is stale until it is replaced")
            }
            return (.unclear, "no read\(when) was measured")
        }
        let text = "stale reads\(when) are \(share.text)"
        if interval.upper < below { return (.met, text) }
        if interval.lower >= below { return (.missed, text) }
        if share.events == 0, let reason = c.freshnessReason { return (.met, text + reason) }
        return (.unclear, text)
    }
}

extension ConfigurationSummary {
    /// Why reads meet the latest write whatever was measured; nil where nothing makes them.
    fileprivate var freshnessReason: String? {
        guard isOwn else { return nil }
        if configuration.isRegister {
            return "; in mode \(configuration.mode) every read meets the latest write"
        }
        guard configuration.quorum == "strict", r + w > n else { return nil }
        return "; R + W > N makes every read meet the latest write"
    }

    /// How many servers with a copy of a key may fail at once while reads and writes go on.
    ///
    /// Of other stores as a sweep sets them up: etcd goes on with a majority, and nothing takes
    /// over from a primary of Redis or PostgreSQL.
    var toleratedFailures: Int {
        let majority = n - (n / 2 + 1)
        if let store = configuration.store { return store.hasPrefix("etcd") ? majority : 0 }
        if configuration.mode == "cp" { return majority }
        let needed = max(r, w)
        guard configuration.quorum == "sloppy" else { return n - needed }
        // The first 2 N members may be asked in place of replicas.
        return max(0, min(n, min(2 * n, configuration.nodes) - needed))
    }

    /// The same in words.
    fileprivate var toleranceText: String {
        let most = toleratedFailures
        if let store = configuration.store, !store.hasPrefix("etcd") {
            return "as it is set up here nothing takes over when its primary fails"
        }
        let standIns = isOwn && configuration.quorum == "sloppy" ? ", stand-ins in their place" : ""
        return "with \(n) replicas it goes on with \(most) of them down\(standIns)"
    }
}
