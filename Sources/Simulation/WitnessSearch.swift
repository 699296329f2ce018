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

    /// Leaves out the final reads, whole families of faults and of weather, faults in halves down
    /// to single ones, all operations of a client or on a key, operations in halves down to single
    /// ones (delta debugging, Zeller and Hildebrandt 2002), nodes from the last on, and the time
    /// that faults last; keeps what still violates the model. The weather and the times of what
    /// stays are those of the seed.
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
        try shrinkFamilies(&best, &runs)
        try shrinkFaults(&best, &runs)
        try shrinkGroups(&best, &runs)
        try shrinkOperations(&best, &runs)
        try shrinkFaults(&best, &runs)
        try shrinkNodes(&best, &runs)
        try shrinkDurations(&best, &runs)
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

    /// All faults of a family at once, and the weather that belongs to it.
    private func shrinkFamilies(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        for family in FaultFamilies.each {
            var candidate = best.scenario
            candidate.schedule?.removeAll { $0.fault.family == family }
            candidate.conditions?.calm(family)
            guard candidate != best.scenario else { continue }
            try attempt(candidate, &best, &runs)
        }
    }

    private func shrinkFaults(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        var step = max(1, (best.scenario.schedule?.count ?? 0) / 2)
        while true {
            var end = best.scenario.schedule?.count ?? 0
            while end > 0 {
                let start = max(0, end - step)
                var candidate = best.scenario
                candidate.schedule?.removeSubrange(start..<end)
                try attempt(candidate, &best, &runs)
                end = start
            }
            if step == 1 { return }
            step /= 2
        }
    }

    /// All operations of one client, or on one key.
    private func shrinkGroups(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        let total = best.turns.count
        let clients = best.scenario.clients
        for client in 0..<clients {
            try leaveOut((0..<total).filter { $0 % clients == client }, &best, &runs)
        }
        for key in 0..<min(best.scenario.keys, 64) {
            let numbers = best.history.operations.indices
                .filter { Int(best.history.operations[$0].key) == key }
                .map { Int(best.numbers[$0]) }
            try leaveOut(numbers.filter { $0 >= 0 }, &best, &runs)
        }
    }

    private func leaveOut(
        _ numbers: [Int], _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        let omitted = Set(best.scenario.omitted)
        let more = numbers.filter { !omitted.contains($0) }
        guard !more.isEmpty, omitted.count + more.count < best.turns.count else { return }
        var candidate = best.scenario
        candidate.omitted += more
        try attempt(candidate, &best, &runs)
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

    /// The cluster without its last node, as long as N nodes are left and no fault names it. Who
    /// holds which key changes with it, so that this often shows something else, or nothing.
    private func shrinkNodes(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        while best.scenario.nodes > best.scenario.n {
            let before = best.scenario.nodes
            var candidate = best.scenario
            candidate.nodes -= 1
            candidate.conditions?.pairDelays = []
            let last = NodeID(candidate.nodes)
            candidate.schedule?.removeAll { entry in
                if case .partition(let side, _) = entry.fault { return side == [last] }
                return false
            }
            for index in candidate.schedule?.indices ?? 0..<0 {
                guard case .partition(let side, let oneWay)? = candidate.schedule?[index].fault
                else { continue }
                let rest = side.filter { Int($0.index) < candidate.nodes }
                candidate.schedule?[index].fault = .partition(side: rest, oneWay: oneWay)
            }
            do { try candidate.validate() } catch { return }
            try attempt(candidate, &best, &runs)
            if best.scenario.nodes == before { return }
        }
    }

    /// Faults that end as soon as they may: each is halved until it must last.
    private func shrinkDurations(
        _ best: inout SimulationResult, _ runs: inout Int
    ) throws(ScenarioError) {
        for index in best.scenario.schedule?.indices ?? 0..<0 {
            for _ in 0..<6 {
                guard let entry = best.scenario.schedule?[index] else { return }
                let length = entry.end.nanoseconds - entry.start.nanoseconds
                guard length > 1_000_000 else { break }
                var candidate = best.scenario
                candidate.schedule?[index].end = entry.start + .nanoseconds(Int64(length / 2))
                let before = best.scenario
                try attempt(candidate, &best, &runs)
                if best.scenario == before { break }
            }
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
