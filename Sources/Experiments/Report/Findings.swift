/// What a panel's numbers say, in sentences that say no more than they do.
public struct Findings: Sendable {
    /// The answer in one sentence.
    public let headline: String
    /// What the headline rests on, and what limits it.
    public let remarks: [String]
    /// Why each other configuration was not chosen.
    public let neighbours: [String]
    /// The configuration of the headline.
    public let choice: ConfigurationSummary?
    /// Those that no other beats in both latency and stale reads, fastest first.
    public let frontier: [ConfigurationSummary]

    public init(_ panel: Panel) {
        let ranked = panel.configurations
            .filter { $0.combinedP99 != nil }
            .sorted { ($0.combinedP99 ?? 0, $0.r, $0.w) < ($1.combinedP99 ?? 0, $1.r, $1.w) }
        let checked = ranked.filter { $0.staleReads?.trials ?? 0 > 0 }
        let fresh = checked.filter { $0.staleReads?.events == 0 }
        choice = fresh.first ?? ranked.first
        frontier = Findings.frontier(checked)
        headline = Findings.headline(
            panel, ranked: ranked, checked: checked, fresh: fresh, choice: choice)
        remarks = Findings.remarks(panel, choice: choice, fresh: fresh)
        neighbours =
            choice.map { choice in
                ranked.filter { $0.name != choice.name }.map {
                    Findings.sentence($0, against: choice)
                }
            } ?? []
    }

    private static func headline(
        _ panel: Panel, ranked: [ConfigurationSummary], checked: [ConfigurationSummary],
        fresh: [ConfigurationSummary], choice: ConfigurationSummary?
    ) -> String {
        guard let choice else { return "No configuration could be measured." }
        let figures = self.figures(choice)
        if checked.isEmpty {
            return "\(choice.name) was the fastest of \(ranked.count) configurations\(figures); "
                + "freshness was not checked."
        }
        if fresh.isEmpty, checked.count == 1 {
            return "Stale reads were seen in \(choice.name)\(figures)."
        }
        if fresh.isEmpty {
            return "Stale reads were seen in all \(checked.count) configurations; \(choice.name) "
                + "was the fastest\(figures)."
        }
        if checked.count == 1 { return "No stale read was seen in \(choice.name)\(figures)." }
        let among =
            fresh.count == checked.count
            ? "No stale read was seen in any of the \(checked.count) configurations"
            : "No stale read was seen in \(fresh.count) of \(checked.count) configurations"
        return "\(among); of these, \(choice.name) was the fastest\(figures)."
    }

    private static func figures(_ choice: ConfigurationSummary) -> String {
        let parts = ["read", "write"].compactMap { operation in
            choice.latency(operation, "99").map {
                "\(operation) p99 \(Quantities.text(nanoseconds: Int64($0)))"
            }
        }
        let rate = choice.throughput.map {
            " at \(Quantities.significant($0)) operations a second"
        }
        return parts.isEmpty ? "" : ": " + parts.joined(separator: ", ") + (rate ?? "")
    }

    private static func remarks(
        _ panel: Panel, choice: ConfigurationSummary?, fresh: [ConfigurationSummary]
    ) -> [String] {
        var remarks: [String] = []
        if let choice, let stale = choice.staleReads {
            if stale.events == 0, let upper = stale.interval?.upper {
                remarks.append(
                    "\(choice.name): 0 stale in \(Quantities.grouped(stale.trials)) reads, so "
                        + "their true rate is below \(Quantities.percent(upper)) with 95 % "
                        + "confidence. Not seen is not the same as impossible.")
            } else {
                remarks.append("\(choice.name): stale reads \(stale.text).")
            }
            if choice.isOwn, choice.r + choice.w <= choice.n {
                let overlapping = fresh.first { $0.isOwn && $0.r + $0.w > $0.n }
                remarks.append(
                    "R + W ≤ N here: nothing makes a read meet the latest write."
                        + (overlapping.map {
                            " The fastest one with R + W > N and no stale read seen is \($0.name)"
                                + "\(figures($0))."
                        } ?? ""))
            }
        }
        let violated = panel.configurations.filter {
            $0.verdict("linearizable")?.verdict == "violated"
        }
        if !violated.isEmpty {
            remarks.append(
                "Linearizability was violated in \(violated.count) of "
                    + "\(panel.configurations.count): "
                    + violated.map(\.name).joined(separator: ", ") + ".")
        }
        remarks += Findings.outages(panel)
        remarks += Findings.losses(panel)
        let failed = panel.configurations.filter { !$0.failed.isEmpty }
        if !failed.isEmpty {
            remarks.append(
                "Not measured in full: " + failed.map(\.name).joined(separator: ", ") + ".")
        }
        if panel.shared.fault == "none" {
            remarks.append(
                "No fault was injected: these numbers say nothing about how it behaves while "
                    + "nodes or links fail.")
        }
        if panel.shared.where != "simulation",
            panel.configurations.contains(where: { $0.measured.count == 1 })
        {
            remarks.append(
                "Each cell ran once, so differences may be noise of the machine; repeats "
                    + "(repeat: 3 in the sweep file) tell.")
        }
        return remarks
    }

    /// How much failed while a fault lasted, and where most did.
    private static func outages(_ panel: Panel) -> [String] {
        let known = panel.configurations.compactMap { c in c.availability.map { (c.name, $0) } }
        guard panel.shared.fault != "none", let best = known.map(\.1).max(),
            let worst = known.min(by: { $0.1 < $1.1 })
        else { return [] }
        if worst.1 == 1 { return ["No operation failed in any of them."] }
        guard worst.1 < best else {
            return ["\(Quantities.percent(best)) of operations succeeded in each of them."]
        }
        return [
            "Of all operations \(Quantities.percent(worst.1)) succeeded in \(worst.0), the fewest; "
                + "at best \(Quantities.percent(best))."
        ]
    }

    /// Acknowledged writes that were gone in the end, replicas that still differed, and sessions
    /// that went back.
    private static func losses(_ panel: Panel) -> [String] {
        var remarks: [String] = []
        let lost = panel.configurations.filter { ($0.violatingKeys("durable") ?? 0) > 0 }
        if !lost.isEmpty {
            remarks.append(
                "Acknowledged writes were lost in \(lost.count) of \(panel.configurations.count): "
                    + lost.map { c in
                        let keys = c.violatingKeys("durable") ?? 0
                        return "\(c.name) (\(Quantities.grouped(keys)) key\(keys == 1 ? "" : "s"))"
                    }.joined(separator: ", ") + ".")
        }
        let apart = panel.configurations.filter { $0.convergence?.converged == false }
        if let worst = apart.max(by: {
            ($0.convergence?.divergingKeys ?? 0) < ($1.convergence?.divergingKeys ?? 0)
        }), let convergence = worst.convergence {
            remarks.append(
                "In \(apart.count) of \(panel.configurations.count) the nodes had not agreed "
                    + "\(Quantities.text(nanoseconds: convergence.limitNs)) after the load and the "
                    + "last fault had ended; most in \(worst.name): "
                    + "\(worst.convergenceText ?? "").")
        }
        let sessions = [
            "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads",
        ]
        let broken = panel.configurations.filter { c in
            sessions.contains { (c.violatingKeys($0) ?? 0) > 0 }
        }
        if !broken.isEmpty {
            remarks.append(
                "Session guarantees were violated in \(broken.count) of "
                    + "\(panel.configurations.count): "
                    + broken.map(\.name).joined(separator: ", ") + ".")
        }
        return remarks
    }

    /// Ordered by latency; a configuration stays when its stale-read rate is below that of all
    /// faster ones. O(n).
    private static func frontier(_ ranked: [ConfigurationSummary]) -> [ConfigurationSummary] {
        var best = 2.0
        return ranked.filter { candidate in
            guard let rate = candidate.staleReads?.fraction, rate < best else { return false }
            best = rate
            return true
        }
    }

    private static func sentence(
        _ other: ConfigurationSummary, against choice: ConfigurationSummary
    ) -> String {
        guard let mine = choice.combinedP99, let theirs = other.combinedP99, mine > 0 else {
            return "\(other.name) has no latency to compare."
        }
        let ratio = Quantities.percent((theirs / mine - 1).magnitude)
        let speed =
            theirs >= mine ? "its p99 is \(ratio) higher" : "its p99 is \(ratio) lower"
        guard let stale = other.staleReads else { return "\(other.name): \(speed); not checked." }
        if stale.events > 0 {
            return "\(other.name): \(speed), and stale reads were seen: \(stale.text)."
        }
        return "\(other.name): \(speed); no stale read was seen either "
            + "(0 of \(Quantities.grouped(stale.trials)))."
    }
}
