import Basics
import Consistency
import Load
import Replication
import Simulation
import Workloads

/// `quorumeter run sim:`: a workload on our own store in the simulator, in virtual time.
///
/// The cluster is empty at first. Operations and arrivals are those of the workload, given to the
/// clients in turn; a read-modify-write is a read and then a write of the same client, and counts
/// as both.
public struct SimulatedLoad: Sendable {
    private let plan: LoadPlan
    private let scenario: Scenario
    private let turns: PlannedTurns

    /// - Throws: `LoadError.plan` for what cannot be simulated.
    public init(_ plan: LoadPlan) throws(LoadError) {
        self.plan = plan
        try SimulatedLoad.refuseWhatCannotBeSimulated(plan)
        turns = PlannedTurns(plan)
        scenario = try SimulatedLoad.scenario(plan, turns)
    }

    /// Runs to the end; latencies and intervals are of virtual time.
    public func run() throws(LoadError) -> LoadResult {
        let result: SimulationResult
        do { result = try Simulation.run(scenario) } catch {
            throw .plan("sim: \(error)")
        }
        if let broken = result.invariants.first {
            throw .system("an invariant of the store broke in simulation: \(broken)")
        }
        var history = result.history
        for index in 0..<history.count where result.numbers[index] >= 0 {
            guard let intended = turns.intended(Int(result.numbers[index])) else { continue }
            history.setIntended(intended, of: index)
        }
        return LoadResult(
            measuring: history, interval: plan.interval, warmup: plan.warmup,
            isOpen: turns.arrivals != nil)
    }

    private static func refuseWhatCannotBeSimulated(_ plan: LoadPlan) throws(LoadError) {
        let workload = plan.workload
        guard plan.phase == .transactions else {
            throw .plan(
                "sim: has nothing to load: every run begins with an empty cluster of its own; "
                    + "use 'quorumeter run sim:'")
        }
        guard workload.scanProportion == 0 else {
            throw .plan("sim: does not scan; leave out scanproportion")
        }
        guard workload.operationCount > 0 || workload.arrivals != .closed && plan.duration != nil
        else {
            throw .plan(
                "sim: ends by count, or with a rate by --duration: give operationcount")
        }
        guard plan.duration == nil || workload.arrivals != .closed else {
            throw .plan("sim: ends by count in a closed loop: give operationcount, no duration")
        }
        guard plan.pipeline == 1, plan.workers == 1, plan.generators == 1,
            plan.connections == nil, !plan.checksOnline
        else {
            throw .plan(
                "sim: has one thread and no connections: --pipeline, --connections, --generators, "
                    + "--worker and --check online are for real targets")
        }
    }

    private static func scenario(
        _ plan: LoadPlan, _ turns: PlannedTurns
    ) throws(LoadError) -> Scenario {
        let options = plan.simulation
        let workload = plan.workload
        var scenario = Scenario(seed: plan.seed)
        scenario.nodes = options.nodes
        scenario.n = options.replicas
        scenario.r = plan.readQuorum ?? options.replicas / 2 + 1
        scenario.w = plan.writeQuorum ?? options.replicas / 2 + 1
        scenario.durability =
            switch options.durability {
            case .always: .synced
            case .everysec: .appended
            case .memory: nil
            }
        scenario.keys = turns.keys
        scenario.clients = workload.threadCount
        scenario.operations = turns.operations
        scenario.planned = turns.planned
        scenario.turns = turns.arrivals
        scenario.paddingBytes = workload.recordBytes
        scenario.readsAtEnd = false
        scenario.timeout = .seconds(2)
        if options.faults.isEmpty {
            scenario.schedule = []
        } else {
            do { scenario.faults = try FaultFamilies(parsing: options.faults) } catch {
                throw .plan("sim.faults: \(error)")
            }
        }
        let network: NetworkModel = options.network == .lan ? .lan : .wan
        scenario.conditions = Conditions(network, nodes: options.nodes)
        scenario.conditions?.meanThinkTime = .zero
        do { try scenario.validate() } catch { throw .plan("sim: \(error)") }
        return scenario
    }
}
