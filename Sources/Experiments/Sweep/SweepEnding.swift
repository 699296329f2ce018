import Basics
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
        guard n > 1, run.plan.modes.contains("lww") else { return }
        var scenario = Scenario(seed: 0)
        scenario.nodes = run.plan.nodes.max() ?? n
        scenario.n = n
        scenario.r = 1
        scenario.w = 1
        scenario.faults = [.partition]
        scenario.recordsDetails = true
        guard let found = try find(scenario, from: run.plan.seed % 1_000_000),
            let counterexample = found.witness
        else { return }
        let strikes = found.shrunk.scenario.schedule?.isEmpty == false
        var witness = CheckSummary.witness(
            counterexample, model: "linearizable",
            title: "N=\(n) R=1 W=1 \(strikes ? "under a partition" : "without a fault"), simulated",
            of: found.shrunk.history, replay: found.command + " --shrink", isDeterministic: true)
        try SimulatedTrial.tell(found.shrunk.scenario, in: &witness)
        try ResultStore.write(witness, to: "\(run.out)/witness.json")
    }

    /// The first violation that goes away without its partition; failing that, the first of all.
    private static func find(
        _ scenario: Scenario, from first: UInt64
    ) throws(ScenarioError) -> WitnessSearch.Found? {
        let search = WitnessSearch(scenario, violating: .linearizable)
        var fallback: WitnessSearch.Found?
        var next = first
        let end = first + seedsTried
        while next < end, let found = try search.firstViolation(in: next..<end) {
            if found.shrunk.scenario.schedule?.isEmpty == false { return found }
            fallback = fallback ?? found
            next = found.original.seed + 1
        }
        return fallback
    }

    private static let seedsTried: UInt64 = 200

    /// The first counterexample of the report in plain text, with the command that replays it.
    public static func explain(_ report: Report) -> String {
        guard let witness = report.witnesses.first else { return "" }
        return "A broken case, \(witness.title):\n\(witness.text)\n"
    }
}
