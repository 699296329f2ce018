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
    /// When clients of keys with siblings begin, in nanoseconds of the run.
    private static let secretTime: UInt64 = 2_000_000_000
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
    func run() throws -> MeasuredCell {
        let scenario = try scenario()
        // The final reads are judged here; what clients did before them, below.
        let result = try Simulation.run(
            scenario, models: SimulatedTrial.finalModels(trial.configuration),
            measuresStaleness: false)
        if let broken = result.invariants.first {
            throw Failure(description: "an invariant of the store broke: \(broken)")
        }
        var measured = MeasuredCell(
            CellResult(
                configuration: trial.configuration, environment: SimulatedTrial.environment,
                command: command))
        measured.cell.network = network
        let history = result.history.withoutFinalReads()
        try measure(result, history, into: &measured)
        try measured.check(history)
        if let report = result.report, trial.configuration.mode != "siblings" {
            CheckSummary.addVerdicts(to: &measured.cell, from: report, of: result.history)
            measured.cell.convergence = convergence(report, scenario)
        }
        try tell(scenario, of: history, in: &measured.cell)
        let c = trial.configuration
        // PBS is about reads and writes of R and W replicas, one value a key.
        if c.mode == "lww" {
            measured.cell.prediction = CellPrediction(
                prediction, r: c.r, w: c.w, measured: measured.cell.freshness ?? [])
        }
        return measured
    }

    /// What the final reads are held against. The replicas of a register are not read one by one;
    /// siblings are judged by all reads before, since one replica may lack some of them.
    private static func finalModels(_ c: CellConfiguration) -> [Model] {
        switch c.mode {
        case "siblings": [.multiValue]
        case "abd", "cp": [.durable]
        default: [.durable, .convergent]
        }
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
        scenario.mode = ConflictMode(rawValue: c.mode) ?? .lww
        // A register is never what one replica holds.
        scenario.readsEveryNode = !c.isRegister
        scenario.recordsDetails = true
        scenario.quorumKind = QuorumKind(rawValue: c.quorum) ?? .strict
        scenario.readRepair = c.readRepair.flatMap(ReadRepair.init) ?? .asynchronous
        scenario.timeout = .seconds(2)
        if scenario.mode == .siblings {
            // Until the members have decided on a secret for contexts, requests are refused.
            let numbers = (scenario.operations + c.clients - 1) / c.clients * c.clients
            scenario.turns = Array(repeating: SimulatedTrial.secretTime, count: numbers)
        }
        let conditions = conditions()
        scenario.conditions = conditions
        scenario.faults = SimulatedTrial.families(c.fault) ?? []
        scenario.faultSchedule = trial.fault.schedule
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
        calm.readsAtEnd = false
        let end = SimulatedTrial.end(of: try Simulation.run(calm).history)
        return (
            Instant(nanoseconds: UInt64(end) * 4 / 10), Instant(nanoseconds: UInt64(end) * 6 / 10)
        )
    }

    /// When the last operation that ended did so, in nanoseconds of the run.
    static func end(of history: History) -> Int64 {
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
        var conditions = Conditions(network, nodes: c.nodes)
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
}

extension Conditions {
    /// The weather of a network model: its delays between so many nodes, and to clients.
    init(_ network: NetworkModel, nodes: Int) {
        self.init()
        delayDraws = network.draws(SimulatedTrial.draws)
        let total = delayDraws.reduce(0) { $0 + Int64($1) }
        minimumDelay = .zero
        meanDelay = .nanoseconds(total / Int64(delayDraws.count))
        let delays = network.delays(nodes: nodes)
        pairDelays = delays.map { Int64($0 * 1e6) }
        let mean = pairDelays.reduce(0, +) / Int64(max(1, delays.count))
        meanPairDelay = .nanoseconds(mean)
        maximumClientDelay = .nanoseconds(Int64(network.clientMs * 1e6))
    }
}
