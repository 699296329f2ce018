import Basics
import Consistency
import Faults
import Foundation
import Load
import Platform
import Replication
import Workloads

/// A local cluster under load while faults strike it; at the end everything heals, replicas must
/// come to agree, and what clients saw is checked.
public struct SoakRun {
    public let plan: SoakPlan
    /// Where the plan, the history and, if anything failed, the nodes' logs are left.
    public let folder: String
    private let stop: StopFlag

    public init(_ plan: SoakPlan, folder: String, stop: StopFlag) {
        self.plan = plan
        self.folder = folder
        self.stop = stop
    }

    /// Why a soak could not be carried out.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Told while it runs: a fault that has struck, or how the load goes.
    public enum Event {
        case fault(PlannedFault)
        case progress(LoadProgress)
        case phase(String)
    }

    /// Runs it. Whatever happens, the cluster is gone afterwards.
    public func run(observe: (Event) -> Void) throws -> SoakReport {
        let faults: FaultPlan
        do { faults = try plan.faults() } catch { throw Failure(description: error.description) }
        try ResultStore.createFolder(folder)
        let planPath = "\(folder)/plan.yaml"
        try ResultStore.write(
            ResultStore.bytes(faults.text(named: "\(plan.schedule.name), seed \(plan.seed)")),
            to: planPath)
        // What a soak that was killed has left would be data of this one.
        try FileSystem.removeTree("\(folder)/cluster")
        let cluster = try makeCluster()
        try cluster.check(faults)
        defer {
            cluster.stop()
            // Of a soak that was broken off nobody wants to read the logs.
            if stop.isRaised { try? FileSystem.removeTree(cluster.folder) }
        }
        try cluster.linkTable().seed = plan.seed
        try cluster.start(isStopping: { stop.isRaised })
        let target = Target(scheme: .quorum, addresses: cluster.addresses)
        try load(target)
        var injector = try FaultInjector(faults, on: cluster)
        let measured = try measure(target, &injector, observe)
        observe(.phase("everything heals"))
        try injector.heal(at: plan.duration)
        try cluster.start(isStopping: { stop.isRaised })
        observe(.phase("waiting until the replicas agree"))
        let convergence = Settlement(cluster: cluster, keys: keys)
        let outcome = convergence.wait(patience: plan.patience, isStopping: { stop.isRaised })
        var history = measured.history
        try convergence.addFinalReads(to: &history)
        let links = try cluster.linkTable()
        cluster.stop()
        observe(.phase("checking \(Quantities.grouped(history.count)) operations"))
        try HistoryFile.writeBinary(history, to: "\(folder)/history.qh")
        let report = SoakReport(
            plan, faults: faults, injector: injector, measured: measured, convergence: outcome,
            links: links, check: try check(history), history: history, planPath: planPath)
        if report.isHeld { try FileSystem.removeTree(cluster.folder) }
        return report
    }

    private func makeCluster() throws(ClusterError) -> LocalCluster {
        var options = ClusterOptions()
        options.usesRelay = !plan.hasNetworks
        options.network = plan.hasNetworks ? ClusterOptions.namespaces : nil
        options.endsWithParent = true
        let disks = plan.fsync == "memory" ? .plain : plan.disks
        options.lossySeed = disks == .lossy ? plan.seed : nil
        options.disks = disks == .images ? ClusterOptions.images : nil
        options.quorum = plan.quorum.rawValue
        options.readRepair = plan.readRepair.rawValue
        return try LocalCluster(
            folder: "\(folder)/cluster", nodes: plan.nodes, n: plan.n, r: plan.r, w: plan.w,
            fsync: plan.fsync, options: options,
            firstPort: 12_000 + UInt16(getpid() % 700) * 12)
    }

    private var workload: Workload {
        var workload = Workload()
        workload.recordCount = UInt64(plan.keys)
        workload.insertCount = workload.recordCount
        workload.readProportion = 0.5
        workload.updateProportion = 0.5
        workload.fieldCount = 1
        workload.threadCount = plan.clients
        return workload
    }

    /// The names of all records.
    private var keys: [String] {
        (0..<plan.keys).map {
            KeyName(
                record: UInt64($0), insertOrder: workload.insertOrder,
                zeroPadding: workload.zeroPadding
            ).text
        }
    }

    /// Writes all records to all replicas, so that nothing is stale when it begins.
    private func load(_ target: Target) throws {
        var loading = LoadPlan(target: target, workload: workload, phase: .load)
        loading.recordsHistory = false
        loading.firstProcess = 1
        loading.seed = plan.seed
        loading.writeQuorum = plan.n
        let loaded = try LoadRun(loading).run(stop: stop)
        guard loaded.ending == .completed, loaded.errorCount == 0 else {
            throw Failure(
                description: stop.isRaised
                    ? "interrupted"
                    : "the load phase failed: \(loaded.errorCount) of \(loaded.operationCount) "
                        + "inserts did not succeed")
        }
    }

    private func measure(
        _ target: Target, _ injector: inout FaultInjector, _ observe: (Event) -> Void
    ) throws -> LoadResult {
        var workload = workload
        workload.target = plan.target
        workload.arrivals = plan.target > 0 ? .poisson : .closed
        var load = LoadPlan(target: target, workload: workload, phase: .transactions)
        load.duration = plan.duration
        load.firstProcess = 100_001
        load.seed = plan.seed
        load.readQuorum = plan.r
        load.writeQuorum = plan.w
        // Clients of a node that is paused turn to another one soon.
        load.requestTimeout = .seconds(3)
        load.absenceLimit = plan.duration + .seconds(60)
        load.saturationLag = plan.duration + .seconds(60)
        load.toleratesBacklog = true
        // Nobody measures latencies here: the processor is for the cluster.
        load.spin = .zero
        load.checksOnline = true
        var failure: ClusterError?
        var told = 0
        let result = try LoadRun(load).run(stop: stop) {
            observe(.progress($0))
        } meanwhile: {
            guard failure == nil else { return }
            do throws(ClusterError) {
                try injector.advance(to: $0)
            } catch {
                failure = error
                stop.raise()
            }
            for fault in injector.struck[told...] { observe(.fault(fault)) }
            told = injector.struck.count
        }
        if let failure { throw Failure(description: "a fault failed: \(failure)") }
        if stop.isRaised { throw Failure(description: "interrupted") }
        guard result.ending == .completed else {
            throw Failure(description: "the load ended early: \(result.ending)")
        }
        return result
    }

    /// What is promised is judged first and at length; searches for an order across keys, which
    /// nothing depends on, have ten seconds.
    private func check(_ history: History) throws -> Consistency.Report {
        let across: [Model] = [.sequential, .causal, .causalConvergent]
        var report = try check(
            history, Model.plain.filter { !across.contains($0) && $0 != .multiValue },
            within: .seconds(120))
        report.models += try check(history, across, within: .seconds(10)).models
        return report
    }

    private func check(
        _ history: History, _ models: [Model], within limit: Instant.Duration
    ) throws -> Consistency.Report {
        var options = CheckOptions()
        options.models = models
        options.budget.now = { Clocks.monotonic().nanoseconds }
        options.budget.deadline = (Clocks.monotonic() + limit).nanoseconds
        return try ParallelCheck.run(Checker(history, options: options), jobs: Machine.cores)
    }
}
