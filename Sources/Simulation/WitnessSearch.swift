import Basics
import Consistency

/// The search for a run that violates a model, and for the least that still does.
public struct WitnessSearch: Sendable {
    /// What every run has in common; the seed is replaced.
    public var scenario: Scenario
    /// The model to be violated.
    public var model: Model
    /// Most runs that shrinking may spend.
    public var shrinkingRuns = 300

    public init(_ scenario: Scenario, violating model: Model) {
        self.scenario = scenario
        self.model = model
    }

    /// A violation, as found and as shrunk.
    public struct Found: Sendable {
        /// The run of the seed, whole: `original.scenario.command` replays it.
        public var original: SimulationResult
        /// The smallest run that still violates the model.
        public var shrunk: SimulationResult
        /// Seeds that were tried, this one included.
        public var seedsTried: UInt64
        /// Runs that shrinking took.
        public var shrinkingRuns: Int

        /// The certificate in the shrunk run.
        public var witness: Witness? { shrunk.counterexample }
        /// The command that replays the violation from its seed.
        public var command: String { original.scenario.command }
    }

    /// The first seed of the range whose run violates the model, shrunk; nil when none does.
    public func firstViolation(in seeds: Range<UInt64>) throws(ScenarioError) -> Found? {
        for seed in seeds {
            var scenario = scenario
            scenario.seed = seed
            let result = try Simulation.run(scenario, models: [model])
            guard result.violates(model) else { continue }
            var runs = 0
            let shrunk = try shrink(result, runs: &runs)
            return Found(
                original: result, shrunk: shrunk, seedsTried: seed - seeds.lowerBound + 1,
                shrinkingRuns: runs)
        }
        return nil
    }

    /// Leaves out the final reads, faults, then operations in halves, quarters and so on down to
    /// single ones (delta debugging, Zeller and Hildebrandt 2002), and keeps what still violates
    /// the model. The weather and the times of what stays are those of the seed.
    public func shrink(
        _ found: SimulationResult, runs: inout Int
    ) throws(ScenarioError) -> SimulationResult {
        var best = found
        best.scenario.conditions = found.conditions
        best.scenario.schedule = found.schedule
        best.scenario.turns = found.turns
        var candidate = best.scenario
        candidate.readsAtEnd = false
        try attempt(candidate, &best, &runs)
        try keepOnlyWitness(&best, &runs)
        try shrinkFaults(&best, &runs)
        try shrinkOperations(&best, &runs)
        try shrinkFaults(&best, &runs)
        return best
    }

    /// First a leap: nothing but the operations of the certificate.
    private func keepOnlyWitness(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        guard let witness = best.report?.report(model)?.counterexample else { return }
        let needed = Set(witness.operations.map { Int(best.numbers[$0]) })
        var candidate = best.scenario
        candidate.omitted = (0..<best.turns.count).filter { !needed.contains($0) }
        try attempt(candidate, &best, &runs)
    }

    private func shrinkFaults(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        var index = (best.scenario.schedule?.count ?? 0) - 1
        while index >= 0 {
            var candidate = best.scenario
            candidate.schedule?.remove(at: index)
            try attempt(candidate, &best, &runs)
            index -= 1
        }
    }

    private func shrinkOperations(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        let total = best.turns.count
        var step = max(1, (total - best.scenario.omitted.count) / 2)
        while true {
            let omitted = Set(best.scenario.omitted)
            let remaining = (0..<total).filter { !omitted.contains($0) }
            var start = 0
            while start < remaining.count {
                var candidate = best.scenario
                let chunk = remaining[start..<min(start + step, remaining.count)]
                candidate.omitted += chunk
                try attempt(candidate, &best, &runs)
                start += step
            }
            if step == 1 { return }
            step = max(1, step / 2)
        }
    }

    private func attempt(
        _ candidate: Scenario, _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        guard runs < shrinkingRuns else { return }
        runs += 1
        let result = try Simulation.run(candidate, models: [model])
        if result.violates(model) { best = result }
    }
}

extension SimulationResult {
    /// Whether the run violates a model that it was checked against.
    public func violates(_ model: Model) -> Bool {
        report?.report(model)?.verdict.isViolated ?? false
    }

    /// The first certificate of a violation, if any model is violated.
    public var counterexample: Witness? {
        report?.models.lazy.compactMap(\.counterexample).first
    }
}
