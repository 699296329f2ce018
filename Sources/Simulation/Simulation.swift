import Basics
import Consistency
import Replication

/// Whole runs: a scenario goes in, what happened and what it proves come out.
public enum Simulation {
    /// Runs one scenario to its end and checks its history against `models` (none: everything
    /// that the history supports). `timeline`: lines of the story to keep; 0 for none.
    /// `measuresStaleness`: whether the report says how stale reads were.
    ///
    /// A pure function of its arguments: same scenario, same result, on every machine, in debug
    /// and in release.
    public static func run(
        _ scenario: Scenario, models: [Model] = [], timeline: Int = 0,
        measuresStaleness: Bool = true
    ) throws(ScenarioError) -> SimulationResult {
        var cluster = try SimulatedCluster(
            scenario, timeline: timeline > 0 ? Timeline(limit: timeline) : nil)
        cluster.runToRest()
        return cluster.result(models: models, measuresStaleness: measuresStaleness)
    }

    /// What happens between two moments of a run, at most `limit` lines of it.
    public static func story(
        of scenario: Scenario, from: Instant, until: Instant, limit: Int
    ) throws(ScenarioError) -> Timeline {
        var cluster = try SimulatedCluster(scenario)
        cluster.run(until: from)
        let timeline = Timeline(limit: limit)
        cluster.timeline = timeline
        cluster.run(until: until)
        return cluster.timeline ?? timeline
    }

    /// The digest after every step of a run; see `StepLog`.
    public static func steps(_ scenario: Scenario) throws(ScenarioError) -> StepLog {
        var cluster = try SimulatedCluster(scenario)
        cluster.stepLog = StepLog()
        cluster.runToRest()
        return cluster.stepLog ?? StepLog()
    }

    /// What happens at one step of a run, in words; nil when the run has no such step.
    public static func describe(
        step: UInt64, of scenario: Scenario
    ) throws(ScenarioError) -> String? {
        var cluster = try SimulatedCluster(scenario)
        cluster.watched = step
        cluster.runToRest()
        return cluster.watchedStep
    }
}

extension SimulatedCluster {
    /// Runs every phase, until nothing is left to happen.
    mutating func runToRest() {
        let steps = UInt64(scenario.operations + scenario.keys)
        // Replicas that never become equal compare for ever.
        let mayLast = scenario.antiEntropy || scenario.faults.contains(.churn)
        let limit = mayLast ? steps * 1_000 + 500_000 : steps * 20_000 + 10_000_000
        run(limit: limit)
        if future.count > 0 {
            invariants.report("the run has not come to rest after \(limit) events", at: now)
        } else {
            checkRest()
        }
    }

    /// What happened.
    mutating func result(models: [Model], measuresStaleness: Bool) -> SimulationResult {
        injected.lostMessages = network.lost
        injected.duplicatedMessages = network.duplicated
        probes.hit(.messageLost, times: network.lost)
        probes.hit(.messageDuplicated, times: network.duplicated)
        probes.hit(.requestRefused, times: UInt64(counts.failed))
        probes.hit(.requestUnknown, times: UInt64(counts.unknown))
        for machine in machines {
            if let counters = machine.node?.counters { probes.add(counters) }
        }
        var report: Report?
        if scenario.recordsHistory {
            var options = CheckOptions()
            options.models = models
            options.measuresStaleness = measuresStaleness
            report = Checker.check(history, options: options)
        }
        return SimulationResult(
            scenario: scenario, families: families, conditions: conditions, schedule: schedule,
            digest: digest, virtualDuration: Instant(nanoseconds: now) - .origin,
            operations: counts, faults: injected, traffic: traffic, mostPending: future.highWater,
            history: history, numbers: numbers, turns: turns, report: report,
            invariants: invariants.violations, invariantCount: invariants.count,
            probes: probes, timeline: timeline)
    }
}

/// Everything that is known about a run after it.
public struct SimulationResult: Sendable {
    public var scenario: Scenario
    /// The families of faults that this run drew from those that were asked for.
    public var families: FaultFamilies
    /// The weather, drawn or given.
    public var conditions: Conditions
    /// The faults, drawn or given, whether or not the run lasted long enough for them.
    public var schedule: [ScheduledFault]
    /// Equal for equal runs.
    public var digest: RunDigest
    /// From the first event to the last.
    public var virtualDuration: Instant.Duration
    /// Operations by kind and outcome, final reads included.
    public var operations: OperationCounts
    /// Faults that struck.
    public var faults: FaultCounts
    /// What it cost.
    public var traffic: TrafficCounts
    /// The most events that waited at once.
    public var mostPending: Int
    /// What clients did and saw; empty when it was not recorded.
    public var history: History
    /// By operation of the history: its number in the order of drawing, −1 for final reads.
    public var numbers: [Int32]
    /// By number: when the operation began; as `Scenario.turns` takes it.
    public var turns: [UInt64]
    /// What the history proves; nil when it was not recorded.
    public var report: Report?
    /// Violations of what must hold at every step; the first hundred.
    public var invariants: [InvariantViolation]
    /// All of them.
    public var invariantCount: UInt64
    /// How often each rare situation was reached.
    public var probes: ProbeHits
    /// The story, when it was asked for.
    public var timeline: Timeline?

    public var seed: UInt64 { scenario.seed }
    /// Events taken from the heap.
    public var events: UInt64 { digest.steps }
    /// The digest as sixteen hexadecimal digits.
    public var digestText: String {
        let digits = String(digest.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
