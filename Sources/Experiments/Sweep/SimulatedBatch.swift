import Platform
import Synchronization

/// Simulated trials side by side, one thread each.
enum SimulatedBatch {
    private final class Results: Sendable {
        let cells: Mutex<[MeasuredCell?]>
        init(_ count: Int) { cells = Mutex(Array(repeating: nil, count: count)) }
    }

    /// The results in the order of the trials; a trial that cannot be run gives a failed cell.
    static func run(_ trials: [SimulatedTrial]) -> [MeasuredCell] {
        let results = Results(trials.count)
        func finish(_ index: Int) {
            let cell = outcome(of: trials[index])
            results.cells.withLock { $0[index] = cell }
        }
        if trials.count > 1 { inParallel(trials, results) }
        // What no thread could be started for runs here.
        for index in trials.indices where results.cells.withLock({ $0[index] == nil }) {
            finish(index)
        }
        return results.cells.withLock { cells in cells.compactMap { $0 } }
    }

    private static func inParallel(_ trials: [SimulatedTrial], _ results: Results) {
        guard let last = trials.indices.last else { return }
        let trial = trials[last]
        let thread = try? WorkerThread {
            let cell = outcome(of: trial)
            results.cells.withLock { $0[last] = cell }
        }
        guard let thread else { return }
        // The others start, and are waited for, while this one runs.
        inParallel(Array(trials.dropLast()), results)
        thread.join()
    }

    private static func outcome(of trial: SimulatedTrial) -> MeasuredCell {
        do {
            return try trial.run()
        } catch {
            var cell = CellResult(
                configuration: trial.trial.configuration,
                environment: SimulatedTrial.environment, command: trial.command)
            cell.failure = "\(error)"
            return MeasuredCell(cell)
        }
    }
}
