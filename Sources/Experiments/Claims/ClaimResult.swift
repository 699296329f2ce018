import Basics
import Simulation

/// What became of a claim.
public struct ClaimResult: Sendable {
    /// What was found, whatever was expected.
    public enum Verdict: String, Sendable { case holds, violated, inconclusive }

    /// Whether it was as expected.
    public enum Standing: String, Sendable {
        case pass, fail, inconclusive
        /// It could not be tried: a node did not start, a target was not reached.
        case error
    }

    public var claim: Claim
    public var verdict: Verdict
    /// Why, in a sentence without a full stop: counts with their denominators.
    public var reason: String
    /// Set when the claim could not be tried at all.
    public var failure: String?
    /// Seeds that were run, of those that were asked for; 0 on processes.
    public var seedsRun = 0
    /// Events among trials: runs that violate a model, or reads that are too stale.
    public var sample: Proportion?
    /// How many trials more would settle what is inconclusive; nil when no number would.
    public var needed: Int?
    /// A step that must never happen did: the store is broken, whatever was expected.
    public var isInvariantBroken = false
    /// The smallest counterexample.
    public var witness: Witness?
    /// The run that shows it, shrunk; nil on processes.
    public var shrunk: SimulationResult?
    /// The command that replays the violation from its seed.
    public var command: String?
    /// Wall time of all its runs.
    public var elapsed = Instant.Duration.zero

    public init(_ claim: Claim, _ verdict: Verdict, _ reason: String) {
        self.claim = claim
        self.verdict = verdict
        self.reason = reason
    }

    public var standing: Standing {
        if failure != nil { return .error }
        if isInvariantBroken { return .fail }
        switch verdict {
        case .inconclusive: return .inconclusive
        case .holds: return claim.expectation == .holds ? .pass : .fail
        case .violated: return claim.expectation == .violated ? .pass : .fail
        }
    }

    /// One line: standing, verdict, name, why.
    public var line: String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        let word = failure == nil ? verdict.rawValue : "not tried"
        return "\(padded(standing.rawValue, 12)) \(padded(word, 12)) \(claim.name): "
            + (failure ?? reason)
    }

    /// The same, and for what fails the counterexample with the command that replays it.
    public var text: String {
        var text = line + "\n"
        if standing == .fail, let witness { text += witness.text }
        return text
    }
}
