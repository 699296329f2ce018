import Basics
import Consistency
import Load
import Platform
import Simulation
import Synchronization

/// Many seeds of one scenario on several threads, told of in the order of the seeds.
public struct SeedBatches: Sendable {
    public var scenario: Scenario
    /// Empty: every model that a history supports.
    public var models: [Model] = []
    public var jobs = 1
    /// Whether a violating run is shrunk.
    public var shrinks = false
    /// Lines of the story to keep of each run.
    public var timeline = 0
    let stop: StopFlag

    public init(_ scenario: Scenario, stop: StopFlag) {
        self.scenario = scenario
        self.stop = stop
    }

    /// One run, and what was left of it when it was shrunk.
    public struct Outcome: Sendable {
        public var original: SimulationResult
        public var shrunk: SimulationResult?
        /// What to show and to record.
        public var result: SimulationResult { shrunk ?? original }
    }

    /// Runs all seeds; `body` is called on this thread, in the order of the seeds, until it
    /// returns false.
    ///
    /// - Returns: False when it was interrupted.
    /// - Throws: `ScenarioError`, or `SystemError` when a thread cannot be started.
    public func run(
        _ seeds: ClosedRange<UInt64>, _ body: (Outcome) throws -> Void
    ) throws -> Bool {
        let width = UInt64(jobs) * 8
        var first = seeds.lowerBound
        while first <= seeds.upperBound {
            let count = Int(min(width, seeds.upperBound - first + 1))
            for outcome in try batch(first, count) {
                guard let outcome else { return false }
                try body(try outcome.get())
            }
            first += UInt64(count)
        }
        return true
    }

    private typealias Slot = Result<Outcome, ScenarioError>

    /// Nil where a run was not begun because of an interruption.
    private func batch(_ first: UInt64, _ count: Int) throws(SystemError) -> [Slot?] {
        let slots = Mutex([Slot?](repeating: nil, count: count))
        let next = Atomic(0)
        try Parallel.run(jobs: min(jobs, count)) { [self] in
            while !stop.isRaised {
                let offset = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard offset < count else { return }
                let slot: Slot
                do throws(ScenarioError) {
                    slot = .success(try one(first + UInt64(offset)))
                } catch {
                    slot = .failure(error)
                }
                slots.withLock { $0[offset] = slot }
            }
        }
        return slots.withLock { $0 }
    }

    private func one(_ seed: UInt64) throws(ScenarioError) -> Outcome {
        var scenario = scenario
        scenario.seed = seed
        let result = try Simulation.run(scenario, models: models, timeline: timeline)
        guard shrinks,
            let violated = result.report?.models.first(where: { $0.verdict.isViolated })
        else { return Outcome(original: result) }
        var spent = 0
        let shrunk = try WitnessSearch(scenario, violating: violated.model)
            .shrink(result, runs: &spent)
        return Outcome(original: result, shrunk: shrunk)
    }
}
