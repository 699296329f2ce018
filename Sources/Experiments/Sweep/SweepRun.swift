import Basics
import Foundation
import Load
import Platform

/// Runs the cells of a sweep that have not been measured yet, one after the other.
public struct SweepRun {
    public let plan: SweepPlan
    public let trials: [Trial]
    /// Folder of the results.
    public let out: String
    let stop: StopFlag
    /// Simulated cells that run at the same time; cells of real processes never share a machine.
    public let jobs: Int
    let commandPrefix: String
    /// The program and the machine, as they were when the sweep began.
    private let environment: ResultEnvironment

    /// What happens while a sweep runs, for whoever shows it.
    public enum Event: Sendable {
        /// The cell was measured by an earlier run.
        case skipped(Trial)
        case started(Trial, number: Int)
        /// How the cell under way does; `left` is the time that the sweep still takes.
        case progressed(Trial, number: Int, LoadProgress, left: Instant.Duration)
        case measured(Trial, CellResult, number: Int, left: Instant.Duration)
        case failed(Trial, String, number: Int)
    }

    /// How a sweep ended.
    public struct Outcome: Sendable {
        public var measured = 0
        public var skipped = 0
        public var failed = 0
        public var isInterrupted = false
    }

    public init(plan: SweepPlan, trials: [Trial], out: String, stop: StopFlag, jobs: Int = 1) {
        self.plan = plan
        self.trials = trials
        self.out = out
        self.stop = stop
        self.jobs = plan.where == "simulation" ? max(1, jobs) : 1
        commandPrefix =
            "quorumeter sweep \(plan.file) --seed \(plan.seed)"
            + (plan.where == "simulation" ? " --where simulation" : "")
        environment = Machine.environment()
    }

    /// What a cell takes beside warm-up and measuring: start, load phase, check, stop.
    static let overhead = Instant.Duration.milliseconds(1_800)

    /// Time for one cell. A simulated one takes about 40 µs an operation, spread over the jobs.
    public var timePerCell: Instant.Duration {
        guard plan.where == "simulation" else {
            return plan.warmup + plan.duration + SweepRun.overhead
        }
        return .nanoseconds(Int64(plan.operations) * 40_000 / Int64(jobs))
    }

    /// The cells that a run would measure.
    public func pending() -> [Trial] { trials.filter { finished($0) == nil } }

    private func folder(_ trial: Trial) -> String { "\(out)/cells/\(trial.name)" }

    /// The result of an earlier run of the same cell; a failed one does not count.
    private func finished(_ trial: Trial) -> CellResult? {
        let path = "\(folder(trial))/result.json"
        guard FileManager.default.fileExists(atPath: path),
            let cell = try? ResultStore.readCell(path), cell.failure == nil,
            cell.configuration == trial.configuration
        else { return nil }
        return cell
    }

    /// Runs what is pending. A cell that fails is recorded and does not end the sweep.
    ///
    /// - Throws: `ResultError` when results cannot be written.
    public func run(observe: (Event) -> Void) throws(ResultError) -> Outcome {
        var outcome = Outcome()
        try ResultStore.createFolder(out)
        if plan.where == "simulation" { return try runSimulated(observe) }
        endLeftovers()
        let pending = Set(pending().map(\.name))
        var left = pending.count
        for (index, trial) in trials.enumerated() {
            if stop.isRaised {
                outcome.isInterrupted = true
                break
            }
            guard pending.contains(trial.name) else {
                outcome.skipped += 1
                observe(.skipped(trial))
                continue
            }
            observe(.started(trial, number: index + 1))
            let cell = try measure(trial, number: index + 1, left: left, observe)
            left -= 1
            if stop.isRaised, cell.cell.failure != nil {
                outcome.isInterrupted = true
                break
            }
            try keep(cell, of: trial, number: index + 1, left: left, in: &outcome, observe)
        }
        return outcome
    }

    /// Writes a result and tells of it.
    private func keep(
        _ measured: MeasuredCell, of trial: Trial, number: Int, left: Int,
        in outcome: inout Outcome, _ observe: (Event) -> Void
    ) throws(ResultError) {
        var measured = measured
        try measured.write(to: folder(trial))
        let cell = measured.cell
        if let failure = cell.failure {
            outcome.failed += 1
            observe(.failed(trial, failure, number: number))
        } else {
            outcome.measured += 1
            observe(.measured(trial, cell, number: number, left: timePerCell * Int64(left)))
        }
    }

    /// Simulated cells, `jobs` at a time. Results are those of one at a time, to the byte.
    private func runSimulated(_ observe: (Event) -> Void) throws(ResultError) -> Outcome {
        var outcome = Outcome()
        var predictions: [String: WARSTrials] = [:]
        var waiting: [(number: Int, trial: Trial)] = []
        for (index, trial) in trials.enumerated() {
            if finished(trial) == nil {
                waiting.append((index + 1, trial))
            } else {
                outcome.skipped += 1
                observe(.skipped(trial))
            }
        }
        var next = 0
        while next < waiting.count {
            if stop.isRaised {
                outcome.isInterrupted = true
                break
            }
            let batch = Array(waiting[next..<min(next + jobs, waiting.count)])
            next += batch.count
            var runs: [SimulatedTrial] = []
            for (number, trial) in batch {
                guard let network = trial.network else { continue }
                observe(.started(trial, number: number))
                let c = trial.configuration
                let key = "\(network.name)/\(c.n)"
                let prediction = predictions[key] ?? predict(network, c)
                predictions[key] = prediction
                runs.append(
                    SimulatedTrial(
                        trial: trial, network: network,
                        command: "\(commandPrefix) --only \(trial.name)", prediction: prediction))
            }
            let cells = SimulatedBatch.run(runs)
            for ((number, trial), cell) in zip(batch, cells) {
                try ResultStore.createFolder(folder(trial))
                try keep(
                    cell, of: trial, number: number, left: waiting.count - next, in: &outcome,
                    observe)
            }
        }
        return outcome
    }

    private func predict(_ network: NetworkModel, _ c: CellConfiguration) -> WARSTrials {
        var trials = WARSTrials(
            network.latencyModel(nodes: c.nodes), n: c.n, seed: plan.seed)
        trials.run(SimulatedTrial.predictionTrials)
        return trials
    }

    private func measure(
        _ trial: Trial, number: Int, left: Int, _ observe: (Event) -> Void
    ) throws(ResultError) -> MeasuredCell {
        var environment = environment
        environment.started = Machine.environment().started
        let command = "\(commandPrefix) --only \(trial.name)"
        try ResultStore.createFolder(folder(trial))
        let runner = CellRunner(
            trial: trial, folder: folder(trial), environment: environment, command: command,
            stop: stop)
        let beginning = Clocks.monotonic()
        do {
            return try runner.run { progress in
                let elapsed = Clocks.monotonic() - beginning
                let rest = timePerCell * Int64(left) + (elapsed * -1)
                observe(
                    .progressed(trial, number: number, progress, left: max(rest, .zero)))
            }
        } catch {
            var cell = CellResult(
                configuration: trial.configuration, environment: environment, command: command)
            cell.failure = "\(error)"
            return MeasuredCell(cell)
        }
    }

    /// Ends clusters of an earlier run of this sweep that was killed before it could do so.
    private func endLeftovers() {
        for trial in trials {
            let folder = "\(folder(trial))/cluster"
            guard let cluster = try? LocalCluster.existing(in: folder) else { continue }
            cluster.stop()
            // What cannot be removed is written over.
            try? FileSystem.removeTree(folder)
        }
    }
}
