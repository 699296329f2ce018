import Basics

/// The configuration of those measured under the same conditions that meets some objectives at the
/// least latency, and why each other one was not chosen.
public struct Recommendation: Codable, Sendable, Equatable {
    public var schema = "quorumeter.recommendation/1"
    /// What there was to choose from: `N = 3, 5 nodes, workloada, …`.
    public var panel: String
    public var objectives: [String]
    /// `R=2 W=2`; nil when none meets the objectives beyond doubt.
    public var choice: String?
    /// The answer in one sentence.
    public var headline: String
    /// How sure it is.
    public var sureness: [String]
    /// Configurations that none beats in latency, stale reads and replicas that may fail at once.
    public var frontier: [String]
    /// Every configuration, the best first.
    public var candidates: [Candidate]

    /// One configuration.
    public struct Candidate: Codable, Sendable, Equatable {
        public var configuration: String
        public var assessments: [Assessment]
        /// p99 of reads and writes, weighted by their numbers, in nanoseconds.
        public var p99Ns: Double?
        /// Why it was not chosen; nil for the choice.
        public var reason: String?

        enum CodingKeys: String, CodingKey {
            case configuration, assessments, reason
            case p99Ns = "p99_ns"
        }

        /// The worst of its assessments.
        var answer: Assessment.Answer {
            if assessments.contains(where: { $0.answer == .missed }) { return .missed }
            return assessments.contains { $0.answer == .unclear } ? .unclear : .met
        }
    }

    public init(_ panel: Panel, objectives: [ServiceObjective]) {
        self.panel = panel.title
        self.objectives = objectives.map(\.description)
        let ranked = panel.configurations.filter { $0.combinedP99 != nil }
            .sorted { ($0.combinedP99 ?? 0, $0.r, $0.w) < ($1.combinedP99 ?? 0, $1.r, $1.w) }
        let order: [Assessment.Answer] = [.met, .unclear, .missed]
        let assessed = ranked.map { c in
            (
                c,
                Candidate(
                    configuration: c.name,
                    assessments: objectives.map { $0.assess(c) },
                    p99Ns: c.combinedP99, reason: nil)
            )
        }
        let sorted = order.flatMap { answer in assessed.filter { $0.1.answer == answer } }
        let best = sorted.first.flatMap { $0.1.answer == .met ? $0 : nil }
        choice = best?.0.name
        candidates = sorted.map { c, candidate in
            var candidate = candidate
            candidate.reason =
                c.name == best?.0.name
                ? nil : Recommendation.reason(candidate, c, against: best?.0)
            return candidate
        }
        frontier = Recommendation.frontier(ranked).map(\.name)
        headline = Recommendation.headline(best?.1, candidates: sorted.map(\.1))
        sureness = Recommendation.sureness(best?.0, sorted.map { ($0.0, $0.1) }, panel)
    }

    private static func headline(_ best: Candidate?, candidates: [Candidate]) -> String {
        guard let best else {
            guard let first = candidates.first else {
                return "No configuration could be measured."
            }
            let open = candidates.filter { $0.answer == .unclear }.map(\.configuration)
            if open.isEmpty, candidates.count == 1 {
                return
                    "\(first.configuration) was measured alone, and does not meet the objectives."
            }
            if open.isEmpty {
                return "None of the \(candidates.count) configurations meets the objectives."
            }
            let doubt = first.assessments.first { $0.answer == .unclear }
            return "No configuration meets the objectives beyond doubt; "
                + "\(open.joined(separator: ", ")) may: of \(first.configuration), "
                + "\(doubt?.evidence ?? "too little was measured")."
        }
        let evidence = best.assessments.map(\.evidence).joined(separator: "; ")
        let count = candidates.count { $0.answer == .met }
        let among =
            count == 1
            ? "the only one of \(candidates.count) that meets the objectives"
            : "the fastest of \(count) that meet the objectives"
        return "Take \(best.configuration), \(among)" + (evidence.isEmpty ? "." : ": \(evidence).")
    }

    private static func reason(
        _ candidate: Candidate, _ c: ConfigurationSummary, against best: ConfigurationSummary?
    ) -> String {
        let missed = candidate.assessments.filter { $0.answer == .missed }
        if !missed.isEmpty {
            return "misses "
                + missed.map { "\($0.objective): \($0.evidence)" }
                .joined(separator: "; and ")
        }
        let open = candidate.assessments.filter { $0.answer == .unclear }
        if !open.isEmpty {
            return "may miss "
                + open.map { "\($0.objective): \($0.evidence)" }
                .joined(separator: "; and ")
        }
        guard let best, let mine = best.combinedP99, let theirs = c.combinedP99, mine > 0 else {
            return "is not faster"
        }
        let ratio = theirs / mine
        return ratio < 1.005
            ? "meets them too, with the same p99 within half a percent"
            : "meets them too, but its p99 is \(Quantities.percent(ratio - 1)) higher"
    }

    /// Not dominated in latency, stale reads and tolerated failures together. O(n²).
    private static func frontier(_ ranked: [ConfigurationSummary]) -> [ConfigurationSummary] {
        func vector(_ c: ConfigurationSummary) -> (Double, Double, Int) {
            (c.combinedP99 ?? .infinity, c.staleReads?.fraction ?? 1, -c.toleratedFailures)
        }
        return ranked.filter { c in
            let mine = vector(c)
            return !ranked.contains { other in
                let theirs = vector(other)
                let isNoWorse = theirs.0 <= mine.0 && theirs.1 <= mine.1 && theirs.2 <= mine.2
                return isNoWorse && theirs != mine
            }
        }
    }

    private static func sureness(
        _ best: ConfigurationSummary?, _ candidates: [(ConfigurationSummary, Candidate)],
        _ panel: Panel
    ) -> [String] {
        guard let best else { return [] }
        var remarks: [String] = []
        let rival = candidates.first { $0.0.name != best.name && $0.1.answer == .met }?.0
        if best.measured.count == 1 {
            remarks.append(
                panel.shared.where == "simulation"
                    ? "One seed was simulated; more repeats draw more."
                    : "Measured once: whether a neighbour is really slower, repeats would tell.")
        } else if let rival {
            let ratio = Statistics.bootstrapRatio(
                best.repeatedP99, rival.repeatedP99, confidence: 0.95)
            remarks.append(
                ratio.lower > 1
                    ? "\(rival.name) is slower in every resample of the "
                        + "\(best.measured.count) repeats (95 %)."
                    : "The order of \(best.name) and \(rival.name) may be noise: the ratio of "
                        + "their p99 lies between \(Quantities.fixed(ratio.lower, 2)) and "
                        + "\(Quantities.fixed(ratio.upper, 2)) (95 %).")
        }
        if best.isOwn, !best.configuration.isRegister, best.r + best.w > best.n,
            best.verdict("linearizable")?.verdict == "holds"
        {
            remarks.append(
                "No violation seen is not a proof: overlapping quorums without write-back promise "
                    + "regular reads, not linearizable ones.")
        }
        if !best.isOwn, best.verdict("linearizable")?.verdict == "holds" {
            remarks.append(
                "What \(best.name) promises is for its own documents to say; this run saw no "
                    + "violation of linearizability.")
        }
        if panel.shared.fault == "none" {
            remarks.append("No fault was injected; measure the same matrix under faults too.")
        }
        return remarks
    }

    /// No configuration can meet the objectives.
    public var isImpossible: Bool { candidates.allSatisfy { $0.answer == .missed } }

    /// For a terminal.
    public var text: String {
        var text = "\(panel)\n\n\(headline)\n"
        for remark in sureness { text += "  \(remark)\n" }
        if !frontier.isEmpty {
            text += "\nPareto frontier (p99, stale reads, replicas that may fail): "
            text += Recommendation.list(frontier) + "\n"
        }
        let reasons = reasons
        if !reasons.isEmpty { text += "\nWhy not the others:\n" }
        for sentence in reasons { text += "  \(sentence)\n" }
        return text
    }

    /// Why each other one was not chosen, in sentences; those with the same reason share one.
    var reasons: [String] {
        var groups: [(reason: String, names: [String])] = []
        for candidate in candidates {
            guard let reason = candidate.reason else { continue }
            if let place = groups.firstIndex(where: { $0.reason == reason }) {
                groups[place].names.append(candidate.configuration)
            } else {
                groups.append((reason, [candidate.configuration]))
            }
        }
        return groups.map { group in
            group.names.count == 1
                ? "\(group.names[0]) \(group.reason)."
                : "\(Recommendation.list(group.names)): each \(group.reason)."
        }
    }

    /// Names in a row, some of which have commas of their own.
    private static func list(_ names: [String]) -> String {
        names.joined(separator: names.contains { $0.contains(",") } ? "; " : ", ")
    }
}

extension ConfigurationSummary {
    /// The ranking figure of every repeat.
    var repeatedP99: [Double] {
        measured.compactMap { repeated($0).combinedP99 }
    }
}
