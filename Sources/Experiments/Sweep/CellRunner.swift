import Basics
import Consistency
import Foundation
import Load
import Platform
import Workloads

/// Runs one cell against a fresh cluster of real processes.
struct CellRunner {
    let trial: Trial
    /// The cell's own folder.
    let folder: String
    let environment: ResultEnvironment
    /// The command that runs this cell again.
    let command: String
    let stop: StopFlag

    /// Length of one interval of the time series.
    static let interval = Instant.Duration.milliseconds(500)
    /// Bytes of history that are kept for keys that violate a model.
    static let historyLimit = 32 << 20

    /// Why a cell could not be measured.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Measures the cell, checks its history, and writes everything but `result.json`.
    /// Whatever happens, the cluster is gone afterwards.
    func run(progress: (LoadProgress) -> Void) throws -> CellResult {
        let c = trial.configuration
        let faults = try CellFaults.plan(of: trial)
        var options = ClusterOptions()
        options.endsWithParent = true
        options.usesRelay = FaultInjector.needsRelay(faults)
        let cluster = try LocalCluster(
            folder: "\(folder)/cluster", nodes: c.nodes, n: c.n, r: c.r, w: c.w, fsync: c.fsync,
            options: options, firstPort: CellRunner.firstPort())
        defer { cluster.stop() }
        try cluster.start(isStopping: { stop.isRaised })
        let target = Target(scheme: .quorum, addresses: cluster.addresses)
        try load(target)
        let before = (cluster: cluster.processorTime(), own: ownTime())
        var striking = CellFaults(faults, on: cluster, warmup: .nanoseconds(c.warmupNs))
        let measured = try measure(target, progress) { striking.advance(to: $0) }
        if let why = striking.finish(at: .nanoseconds(c.durationNs)) {
            throw Failure(description: why)
        }
        var cell = CellResult(configuration: c, environment: environment, command: command)
        cell.faults = striking.windows(in: c.durationNs)
        cell.processorSeconds = ProcessorTime(
            cluster: (cluster.processorTime().seconds - before.cluster.seconds),
            load: (ownTime().seconds - before.own.seconds))
        cell.memory = cluster.status().compactMap { node in
            node.residentBytes.map {
                NodeMemory(node: node.name, residentBytes: $0, allocatedBytes: node.allocatedBytes)
            }
        }
        cluster.stop()
        try record(measured, in: &cell)
        try check(measured.history, in: &cell)
        try FileSystem.removeTree(cluster.folder)
        return cell
    }

    /// Away from the ports that people use, different for every process.
    private static func firstPort() -> UInt16 { 12_000 + UInt16(getpid() % 700) * 12 }

    private func ownTime() -> Instant.Duration { ProcessIdentity.own?.processorTime ?? .zero }

    /// Writes all records to all replicas, so that a cell begins with nothing stale.
    private func load(_ target: Target) throws {
        var workload = trial.workload
        workload.threadCount = trial.configuration.clients
        workload.target = 0
        workload.arrivals = .closed
        var plan = LoadPlan(target: target, workload: workload, phase: .load)
        plan.seed = trial.configuration.seed
        plan.writeQuorum = trial.configuration.n
        plan.recordsHistory = false
        plan.firstProcess = 1
        let result = try LoadRun(plan).run(stop: stop)
        if stop.isRaised { throw Failure(description: "interrupted") }
        guard result.ending == .completed, result.errorCount == 0 else {
            throw Failure(
                description: "the load phase failed: \(result.errorCount) of "
                    + "\(result.operationCount) inserts did not succeed")
        }
    }

    private func measure(
        _ target: Target, _ progress: (LoadProgress) -> Void,
        _ meanwhile: (Instant.Duration) -> Void
    ) throws -> LoadResult {
        let c = trial.configuration
        var workload = trial.workload
        workload.threadCount = c.clients
        workload.operationCount = 0
        workload.target = c.targetPerSecond
        workload.arrivals = Workload.Arrivals(rawValue: c.arrivals) ?? .closed
        var plan = LoadPlan(target: target, workload: workload, phase: .transactions)
        plan.seed = c.seed
        plan.readQuorum = c.r
        plan.writeQuorum = c.w
        plan.warmup = .nanoseconds(c.warmupNs)
        plan.duration = .nanoseconds(c.durationNs)
        plan.interval = CellRunner.interval
        plan.firstProcess = 100_001
        let result = try LoadRun(plan).run(
            stop: stop, progress: progress, meanwhile: meanwhile)
        switch result.ending {
        case .completed: return result
        case .interrupted: throw Failure(description: "interrupted")
        case .overloaded(let lag):
            throw Failure(
                description: "the offered load of \(c.targetPerSecond) operations a second exceeds "
                    + "capacity: the schedule fell \(lag) behind")
        case .processesExhausted:
            throw Failure(
                description: "so many operations have unknown outcomes that the numbers of client "
                    + "processes ran out")
        case .targetLost(let why): throw Failure(description: "the cluster was lost: \(why)")
        }
    }

    private func record(_ result: LoadResult, in cell: inout CellResult) throws {
        cell.throughput = Throughput(
            operations: Int(result.operationCount), failed: Int(result.errorCount),
            durationNs: result.runTime.nanoseconds)
        cell.availability = Proportion(
            events: Int(result.operationCount - result.errorCount),
            trials: Int(result.operationCount))
        for (failure, count) in result.failures { cell.errors[failure.name] = Int(count) }
        var text = ""
        for (name, kinds) in CellRunner.kinds {
            let parts = kinds.compactMap { result[$0] }
            for clock in LatencyClock.allCases {
                var histogram = Histogram()
                for part in parts {
                    histogram.merge(clock == .intended ? part.latency : part.serviceTime)
                }
                guard
                    let summary = LatencySummary.summarize(
                        operation: name, clock: clock, of: histogram)
                else { continue }
                cell.latencies.append(summary)
                text += "# \(name), \(clock.rawValue), microseconds\n"
                text += histogram.percentileText(scale: 1_000) + "\n"
            }
        }
        cell.timeSeries = result.intervals.map { interval in
            TimeSlice(
                startNs: interval.start.nanoseconds, lengthNs: CellRunner.interval.nanoseconds,
                operations: Int(interval.count), failed: Int(interval.errors),
                p50Ns: Int64(interval.p50), p99Ns: Int64(interval.p99),
                maxNs: Int64(interval.maximum))
        }
        // Operations that end after the last whole interval would show as a drop.
        let end = trial.configuration.durationNs
        cell.timeSeries.removeAll { $0.startNs + $0.lengthNs > end }
        try ResultStore.write(ResultStore.bytes(text), to: "\(folder)/latency.hgrm")
        try ResultStore.write(
            ResultStore.bytes(CellRunner.seriesText(cell.timeSeries)),
            to: "\(folder)/timeseries.csv")
    }

    /// What reports call read and write, of YCSB's kinds.
    private static let kinds: [(String, [OperationKind])] = [
        ("read", [.read]), ("write", [.update, .insert]),
        ("read-modify-write", [.readModifyWrite]),
    ]

    private static func seriesText(_ slices: [TimeSlice]) -> String {
        var text = "start_ns,length_ns,operations,failed,p50_ns,p99_ns,max_ns\n"
        for s in slices {
            text += "\(s.startNs),\(s.lengthNs),\(s.operations),\(s.failed),"
            text += "\(s.p50Ns),\(s.p99Ns),\(s.maxNs)\n"
        }
        return text
    }

    private func check(_ history: History, in cell: inout CellResult) throws {
        var options = CheckOptions()
        options.models = [.linearizable]
        options.keepsVerdicts = true
        options.budget.now = { Clocks.monotonic().nanoseconds }
        options.budget.deadline = (Clocks.monotonic() + .seconds(60)).nanoseconds
        let report = Checker.check(history, options: options)
        CheckSummary.fill(&cell, from: report, of: history)
        cell.freshness = FreshnessCurve.bins(of: history)
        var violating: Set<UInt32> = []
        for model in report.models {
            for verdict in model.verdicts where verdict.verdict.isViolated {
                violating.insert(verdict.key)
            }
        }
        guard !violating.isEmpty else { return }
        try HistoryFile.write(
            history, keys: violating, limit: CellRunner.historyLimit,
            to: "\(folder)/violations.jsonl")
        cell.violatingHistory = "violations.jsonl"
    }
}
