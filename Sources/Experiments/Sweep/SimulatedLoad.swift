import Basics
import Consistency
import Load
import Replication
import Simulation
import Workloads

/// `quorumeter run sim:`: a workload on our own store in the simulator, in virtual time.
///
/// The cluster is empty at first; clients run in a closed loop. Keys are drawn uniformly, and a
/// read-modify-write counts as a read and a write of their own.
public struct SimulatedLoad: Sendable {
    private let plan: LoadPlan
    private let scenario: Scenario

    /// - Throws: `LoadError.plan` for what cannot be simulated.
    public init(_ plan: LoadPlan) throws(LoadError) {
        self.plan = plan
        try SimulatedLoad.refuseWhatCannotBeSimulated(plan)
        scenario = try SimulatedLoad.scenario(plan)
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
        return LoadResult(
            measuring: result.history, interval: plan.interval, warmup: plan.warmup)
    }

    private static func refuseWhatCannotBeSimulated(_ plan: LoadPlan) throws(LoadError) {
        let workload = plan.workload
        guard plan.phase == .transactions else {
            throw .plan(
                "sim: has nothing to load: every run begins with an empty cluster of its own; "
                    + "use 'quorumeter run sim:'")
        }
        guard workload.scanProportion == 0, workload.insertProportion == 0 else {
            throw .plan(
                "sim: neither scans nor inserts; leave out scanproportion and insertproportion")
        }
        guard workload.requestDistribution == .uniform else {
            throw .plan(
                "sim: draws keys uniformly; requestdistribution=\(workload.requestDistribution) "
                    + "is for real targets (-p requestdistribution=uniform)")
        }
        guard workload.arrivals == .closed else {
            throw .plan("sim: runs in a closed loop; leave out -target and --arrivals")
        }
        guard plan.duration == nil, workload.operationCount > 0 else {
            throw .plan("sim: ends by count: give operationcount, and no duration")
        }
        guard plan.pipeline == 1, plan.workers == 1, plan.generators == 1,
            plan.connections == nil, !plan.checksOnline
        else {
            throw .plan(
                "sim: has one thread and no connections: --pipeline, --connections, --generators, "
                    + "--worker and --check online are for real targets")
        }
    }

    private static func scenario(_ plan: LoadPlan) throws(LoadError) -> Scenario {
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
        scenario.keys = Int(clamping: workload.recordCount)
        scenario.clients = workload.threadCount
        scenario.operations = Int(clamping: workload.operationCount)
        scenario.writesPerThousand = SimulatedTrial.writesPerThousand(workload)
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
