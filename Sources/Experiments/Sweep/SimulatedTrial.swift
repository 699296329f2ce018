import Basics
import Consistency
import Replication
import Simulation
import Workloads

/// Runs one cell in the simulator: a pure function of the trial and the prediction.
///
/// Clients run in a closed loop with pauses; they draw keys uniformly, with the workload's share
/// of writes. Nothing of the machine enters the result.
struct SimulatedTrial: Sendable {
    let trial: Trial
    let network: NetworkModel
    let command: String
    /// Finished trials for this N and network.
    let prediction: WARSTrials

    /// Trials of a cell's prediction.
    static let predictionTrials = 200_000
    /// Draws that stand for the distribution of messages.
    static let draws = 16_384
    /// Parts of the time series.
    static let slices = 40

    /// Why a cell could not be simulated.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Families of random faults joined by `+`; nil when one is unknown.
    static func families(_ fault: String) -> FaultFamilies? {
        if ["none", "kill-one", "pause-one"].contains(fault) { return [] }
        let list = fault.split(separator: "+", omittingEmptySubsequences: false)
        guard !list.contains(where: { $0.isEmpty || $0 == "none" || $0 == "all" }) else {
            return nil
        }
        return try? FaultFamilies(parsing: list.joined(separator: ","))
    }

    /// What every simulated result says about its machine: that it does not matter.
    static var environment: ResultEnvironment {
        ResultEnvironment(
            version: version, commit: nil, cores: 0, memoryBytes: 0, kernel: "none",
            processor: "virtual time, the same on every machine", started: "virtual time")
    }

    /// Simulates, checks, and compares with the prediction.
    func run() throws -> CellResult {
        let scenario = try scenario()
        let result = try Simulation.run(scenario, models: [.linearizable])
        if let broken = result.invariants.first {
            throw Failure(description: "an invariant of the store broke: \(broken)")
        }
        var cell = CellResult(
            configuration: trial.configuration, environment: SimulatedTrial.environment,
            command: command)
        cell.network = network
        measure(result, into: &cell)
        if let report = result.report {
            CheckSummary.fill(&cell, from: report, of: result.history)
        }
        let bins = FreshnessCurve.bins(of: result.history)
        cell.freshness = bins
        let c = trial.configuration
        cell.prediction = CellPrediction(prediction, r: c.r, w: c.w, measured: bins)
        return cell
    }

    // MARK: What is simulated

    private func scenario() throws -> Scenario {
        let c = trial.configuration
        var scenario = Scenario(seed: c.seed)
        scenario.nodes = c.nodes
        scenario.n = c.n
        scenario.r = c.r
        scenario.w = c.w
        switch c.fsync {
        case "memory": scenario.durability = nil
        case "always": scenario.durability = .synced
        default: scenario.durability = .appended
        }
        scenario.keys = c.records
        scenario.clients = c.clients
        scenario.operations = trial.operations
        scenario.writesPerThousand = SimulatedTrial.writesPerThousand(trial.workload)
        scenario.readsAtEnd = false
        scenario.timeout = .seconds(2)
        let conditions = conditions()
        scenario.conditions = conditions
        scenario.faults = SimulatedTrial.families(c.fault) ?? []
        scenario.faultSchedule = trial.schedule
        switch c.fault {
        case "none": scenario.schedule = []
        case "kill-one":
            let window = try middle(of: scenario)
            scenario.schedule = [
                ScheduledFault(.crash(NodeID(0)), from: window.0, until: window.1)
            ]
        case "pause-one":
            let window = try middle(of: scenario)
            scenario.schedule = [
                ScheduledFault(.pause(NodeID(0)), from: window.0, until: window.1)
            ]
        default: break
        }
        try scenario.validate()
        return scenario
    }

    /// The fifth of the run in its middle. How long a run lasts depends on which answers it waits
    /// for, so that it is run once without the fault to learn it.
    private func middle(of scenario: Scenario) throws -> (Instant, Instant) {
        var calm = scenario
        calm.schedule = []
        let end = SimulatedTrial.end(of: try Simulation.run(calm).history)
        return (
            Instant(nanoseconds: UInt64(end) * 4 / 10), Instant(nanoseconds: UInt64(end) * 6 / 10)
        )
    }

    /// When the last operation that ended did so, in nanoseconds of the run.
    private static func end(of history: History) -> Int64 {
        history.operations.reduce(Int64(1)) { end, operation in
            operation.completed == Operation.never ? end : max(end, operation.completed)
        }
    }

    /// Writes among a thousand operations; a read-modify-write is a read and a write.
    static func writesPerThousand(_ workload: Workload) -> UInt64 {
        let both = workload.readModifyWriteProportion
        let writes = workload.updateProportion + workload.insertProportion + both
        let all =
            workload.readProportion + workload.updateProportion + workload.insertProportion
            + workload.scanProportion + 2 * both
        guard all > 0 else { return 0 }
        return UInt64((min(1, writes / all) * 1_000).rounded())
    }

    private func conditions() -> Conditions {
        let c = trial.configuration
        var conditions = Conditions()
        conditions.delayDraws = network.draws(SimulatedTrial.draws)
        let total = conditions.delayDraws.reduce(0) { $0 + Int64($1) }
        conditions.minimumDelay = .zero
        conditions.meanDelay = .nanoseconds(total / Int64(conditions.delayDraws.count))
        let delays = network.delays(nodes: c.nodes)
        conditions.pairDelays = delays.map { Int64($0 * 1e6) }
        let mean = conditions.pairDelays.reduce(0, +) / Int64(max(1, delays.count))
        conditions.meanPairDelay = .nanoseconds(mean)
        conditions.maximumClientDelay = .nanoseconds(Int64(network.clientMs * 1e6))
        if c.fsync == "memory" || c.fsync == "never" {
            conditions.minimumSync = .zero
            conditions.meanSync = .zero
        }
        if c.targetPerSecond > 0 {
            conditions.meanThinkTime = .nanoseconds(
                Int64(Double(c.clients) / c.targetPerSecond * 1e9))
        }
        let families = SimulatedTrial.families(c.fault) ?? []
        if families.contains(.loss) { conditions.lossPerThousand = 10 }
        if families.contains(.duplicate) {
            conditions.duplicatePerThousand = 10
            conditions.meanDuplicateDelay = .milliseconds(5)
        }
        if families.contains(.clockSkew) {
            conditions.clockOffsets = (0..<c.nodes).map { Int64($0 % 3 - 1) * 5_000 }
            conditions.clockDrifts = (0..<c.nodes).map { Int64($0 % 2 * 2 - 1) * 100 }
        }
        return conditions
    }

    // MARK: What is measured

    private func measure(_ result: SimulationResult, into cell: inout CellResult) {
        let operations = result.history.operations
        let end = SimulatedTrial.end(of: result.history)
        let failed = operations.count { $0.outcome != .ok }
        cell.throughput = Throughput(
            operations: operations.count, failed: failed, durationNs: end)
        cell.availability = Proportion(
            events: operations.count - failed, trials: operations.count)
        let unknown = operations.count { $0.outcome == .unknown }
        if unknown > 0 { cell.errors["timeout"] = unknown }
        if failed > unknown { cell.errors["refused"] = failed - unknown }
        for (name, isRead) in [("read", true), ("write", false)] {
            var histogram = Histogram()
            for operation in operations
            where (operation.kind == .read) == isRead && operation.outcome == .ok {
                histogram.record(
                    nanoseconds: UInt64(operation.completed - operation.invoked))
            }
            for clock in LatencyClock.allCases {
                let summary = LatencySummary.summarize(
                    operation: name, clock: clock, of: histogram)
                if let summary { cell.latencies.append(summary) }
            }
        }
        cell.timeSeries = SimulatedTrial.series(operations, end: end)
        cell.faults = result.schedule
            .filter { $0.start.nanoseconds < UInt64(end) }
            .map { fault in
                FaultWindow(
                    name: fault.fault.description, startNs: Int64(fault.start.nanoseconds),
                    endNs: min(end, Int64(clamping: fault.end.nanoseconds)))
            }
    }

    /// Operations by when they ended; those that never did count where they began.
    private static func series(
        _ operations: ContiguousArray<Operation>, end: Int64
    ) -> [TimeSlice] {
        let length = max(1, (end + Int64(slices) - 1) / Int64(slices))
        var latencies = [[Int64]](repeating: [], count: slices)
        var failed = [Int](repeating: 0, count: slices)
        for operation in operations {
            let time = operation.outcome == .ok ? operation.completed : operation.invoked
            let slice = min(slices - 1, Int(time / length))
            if operation.outcome == .ok {
                latencies[slice].append(operation.completed - operation.invoked)
            } else {
                failed[slice] += 1
            }
        }
        return (0..<slices).map { slice in
            let sorted = latencies[slice].sorted()
            func at(_ share: Double) -> Int64 {
                sorted.isEmpty
                    ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
            }
            return TimeSlice(
                startNs: Int64(slice) * length, lengthNs: length,
                operations: sorted.count + failed[slice], failed: failed[slice], p50Ns: at(0.5),
                p99Ns: at(0.99), maxNs: sorted.last ?? 0)
        }
    }
}
