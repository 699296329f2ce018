import Consistency
import Simulation

/// What a sweep says at its end beside its tables: one broken case, explained.
public enum SweepEnding {
    /// Finds a violation at R = W = 1 under a partition in simulation, shrinks it, and writes it
    /// to `witness.json` in the folder of the sweep, so that the report shows it.
    ///
    /// Deterministic: the seeds that are tried follow from the sweep's seed.
    public static func addSimulatedWitness(to run: SweepRun) throws {
        let n = run.plan.replicas.max() ?? 1
        guard n > 1 else { return }
        var scenario = Scenario(seed: 0)
        scenario.nodes = run.plan.nodes
        scenario.n = n
        scenario.r = 1
        scenario.w = 1
        scenario.faults = [.partition]
        let search = WitnessSearch(scenario, violating: .linearizable)
        let first = run.plan.seed % 1_000_000
        guard let found = try search.firstViolation(in: first..<(first + 500)),
            let counterexample = found.witness
        else { return }
        let witness = CheckSummary.witness(
            counterexample, model: "linearizable",
            title: "N=\(n) R=1 W=1 under a partition, simulated", of: found.shrunk.history,
            replay: found.command, isDeterministic: true)
        try ResultStore.write(witness, to: "\(run.out)/witness.json")
    }

    /// The first counterexample of the report in plain text, with the command that replays it.
    public static func explain(_ report: Report) -> String {
        guard let witness = report.witnesses.first else { return "" }
        return "A broken case, \(witness.title):\n\(witness.text)\n"
    }
}
