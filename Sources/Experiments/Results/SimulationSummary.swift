import Basics
import Consistency
import Simulation

/// One simulated run as the command line shows it: text or an entry of a JSON document.
public struct SimulationSummary: Encodable, Sendable {
    /// `--json` of `quorumeter simulate`.
    public struct Document: Encodable {
        let schema = "quorumeter.simulation/1"
        let runs: [SimulationSummary]

        public init(runs: [SimulationSummary]) { self.runs = runs }
    }

    let seed: UInt64
    let digest: String
    let events: UInt64
    let operations: Int
    let virtualDurationNs: Int64
    let models: [CheckDocument.ModelEntry]
    let invariantViolations: [String]
    let witness: Witness?
    let command: String

    /// Whether a model or an invariant was violated.
    public var isViolated: Bool {
        !invariantViolations.isEmpty || models.contains { $0.verdict == "violated" }
    }

    /// `command` repeats the run as a whole.
    public init(_ result: SimulationResult, command: String) {
        seed = result.seed
        digest = result.digestText
        events = result.events
        operations = result.history.count
        virtualDurationNs = result.virtualDuration.nanoseconds
        models = (result.report?.models ?? []).map {
            CheckDocument.ModelEntry($0, of: result.history)
        }
        invariantViolations = result.invariants.map { "\($0)" }
        self.command = command
        let violated = result.report?.models.first { $0.counterexample != nil }
        witness = violated.flatMap { report in
            report.counterexample.map {
                CheckSummary.witness(
                    $0, model: report.model.name,
                    title: "seed \(result.seed)", of: result.history, replay: command,
                    isDeterministic: true)
            }
        }
    }

    /// One line, and the witness beneath it when there is one.
    public var text: String {
        let verdicts = models.map { "\($0.model) \($0.verdict)" }.joined(separator: ", ")
        var text = "seed \(seed): \(verdicts); digest \(digest), "
        text += "\(Quantities.grouped(Int(clamping: events))) events, "
        text += "\(Quantities.grouped(operations)) operations\n"
        for violation in invariantViolations { text += "  invariant: \(violation)\n" }
        if let witness { text += witness.text }
        return text
    }

    enum CodingKeys: String, CodingKey {
        case seed, digest, events, operations, models, witness, command
        case virtualDurationNs = "virtual_duration_ns"
        case invariantViolations = "invariant_violations"
    }
}
