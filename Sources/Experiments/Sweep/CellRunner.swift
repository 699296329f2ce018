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

    /// Why a cell could not be measured.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Measures the cell, checks its history, and returns it with its files.
    /// Whatever happens, the cluster is gone afterwards.
    func run(progress: (LoadProgress) -> Void) throws -> MeasuredCell {
        if let peer = trial.peer { return try run(peer, progress: progress) }
        let c = trial.configuration
        let faults = try trial.fault.plan(
            nodes: c.nodes, length: .nanoseconds(c.durationNs), seed: c.seed)
        let cluster = try makeCluster(faults)
        defer { cluster.stop() }
        try cluster.start(isStopping: { stop.isRaised })
        let target = Target(scheme: .quorum, addresses: cluster.addresses)
        try load(target)
        let before = (cluster: cluster.processorTime(), own: ownTime())
        let counts = ClusterCounts(cluster.addresses)
        var injector = try FaultInjector(faults, on: cluster)
        var failure: ClusterError?
        let result = try measure(target, Properties(), progress) { elapsed in
            guard failure == nil, elapsed.nanoseconds >= c.warmupNs else { return }
            do throws(ClusterError) {
                try injector.advance(to: elapsed + .nanoseconds(-c.warmupNs))
            } catch {
                failure = error
            }
        }
        if let failure { throw Failure(description: "the fault \(c.fault) failed: \(failure)") }
        let windows = injector.struck.map(\.window)
        try injector.heal(at: .nanoseconds(c.durationNs))
        let since = Clocks.monotonic()
        guard faults.isEmpty || !windows.isEmpty else {
            throw Failure(description: "the run was too short for the fault \(c.fault)")
        }
        var measured = MeasuredCell(
            CellResult(configuration: c, environment: environment, command: command))
        measured.cell.faults = zip(windows, injector.struck.map(\.window)).map {
            // What heals at the end lasted until the end.
            FaultWindow(name: $0.name, startNs: $0.startNs, endNs: max($0.endNs, $1.endNs))
        }
        measured.cell.processorSeconds = ProcessorTime(
            cluster: (cluster.processorTime().seconds - before.cluster.seconds),
            load: (ownTime().seconds - before.own.seconds))
        measured.cell.memory = CellRunner.memory(cluster)
        measured.cell.costs = ClusterCounts(cluster.addresses).since(
            counts, operations: result.history.count - result.earlierWrites)
        let watch = try settle(cluster, since: since)
        var last = result.history
        try watch.addFinalReads(to: &last)
        cluster.stop()
        measured.cell.convergence = watch.result
        try record(result, in: &measured)
        try measured.check(result.history, origin: c.warmupNs, isTimed: true)
        judge(last, in: &measured)
        try FileSystem.removeTree(cluster.folder)
        return measured
    }

    private func makeCluster(_ faults: FaultPlan) throws(ClusterError) -> LocalCluster {
        let c = trial.configuration
        var options = ClusterOptions()
        options.usesRelay = FaultInjector.needsRelay(faults)
        options.endsWithParent = true
        options.quorum = c.quorum
        options.readRepair = c.readRepair
        do {
            // What a sweep that was killed has left would be data of this cell.
            try FileSystem.removeTree("\(folder)/cluster")
        } catch { throw ClusterError("the cell's folder cannot be emptied: \(error)") }
        return try LocalCluster(
            folder: "\(folder)/cluster", nodes: c.nodes, n: c.n, r: c.r, w: c.w, fsync: c.fsync,
            options: options, firstPort: CellRunner.firstPort())
    }

    private static func memory(_ cluster: LocalCluster) -> [NodeMemory] {
        cluster.status().compactMap { node in
            node.residentBytes.map {
                NodeMemory(
                    node: node.name, residentBytes: $0, allocatedBytes: node.allocatedBytes,
                    allocatorResidentBytes: node.allocatorResidentBytes)
            }
        }
    }

    /// Measures another store in the same way, as far as it lets itself be looked into.
    private func run(
        _ peer: PeerSetting, progress: (LoadProgress) -> Void
    ) throws -> MeasuredCell {
        let servers = try PeerServers(peer)
        defer { servers.stop() }
        try servers.start(isStopping: { stop.isRaised })
        try load(servers.target, peer.properties(servers.addresses, isLoading: true))
        let before = (servers: servers.processorTime(), own: ownTime())
        let result = try measure(
            servers.target, peer.properties(servers.addresses, isLoading: false), progress)
        var measured = MeasuredCell(
            CellResult(
                configuration: trial.configuration, environment: environment, command: command))
        measured.cell.processorSeconds = ProcessorTime(
            cluster: (servers.processorTime().seconds - before.servers.seconds),
            load: (ownTime().seconds - before.own.seconds))
        measured.cell.memory = servers.memory()
        servers.stop()
        try record(result, in: &measured)
        try measured.check(
            result.history, origin: trial.configuration.warmupNs, isTimed: true)
        return measured
    }

    /// Lets nodes that were struck come back, and waits until all of them agree.
    private func settle(_ cluster: LocalCluster, since: Instant) throws -> AgreementWatch {
        try cluster.start(isStopping: { stop.isRaised })
        let workload = trial.workload
        let count = min(workload.recordCount, UInt64(AgreementWatch.keyLimit))
        let keys = (workload.insertStart..<workload.insertStart + count).map {
            KeyName(
                record: $0, insertOrder: workload.insertOrder, zeroPadding: workload.zeroPadding
            ).text
        }
        var watch = AgreementWatch(
            cluster, keys: keys, limit: trial.settle, isStopping: { stop.isRaised })
        try watch.run(since: since)
        return watch
    }

    /// Whether acknowledged writes were lost, and whether nodes differ, by the last reads.
    private func judge(_ history: History, in measured: inout MeasuredCell) {
        var options = CheckOptions()
        options.models = [.durable, .convergent]
        options.measuresStaleness = false
        let report = Checker.check(history, options: options)
        CheckSummary.addVerdicts(to: &measured.cell, from: report, of: history)
    }

    /// Away from the ports that people use, different for every process.
    private static func firstPort() -> UInt16 { 12_000 + UInt16(getpid() % 700) * 12 }

    private func ownTime() -> Instant.Duration { ProcessIdentity.own?.processorTime ?? .zero }

    /// Writes all records to all replicas, so that a cell begins with nothing stale.
    private func load(_ target: Target, _ properties: Properties = Properties()) throws {
        var workload = trial.workload
        workload.threadCount = trial.configuration.clients
        workload.target = 0
        workload.arrivals = .closed
        var plan = LoadPlan(target: target, workload: workload, phase: .load)
        plan.seed = trial.configuration.seed
        try plan.readTargetProperties(properties)
        if target.scheme == .quorum { plan.writeQuorum = trial.configuration.n }
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
        _ target: Target, _ properties: Properties, _ progress: (LoadProgress) -> Void,
        meanwhile: (Instant.Duration) -> Void = { _ in }
    ) throws -> LoadResult {
        let c = trial.configuration
        var workload = trial.workload
        workload.threadCount = c.clients
        workload.operationCount = 0
        workload.target = c.targetPerSecond
        workload.arrivals = Workload.Arrivals(rawValue: c.arrivals) ?? .closed
        var plan = LoadPlan(target: target, workload: workload, phase: .transactions)
        plan.seed = c.seed
        try plan.readTargetProperties(properties)
        if target.scheme == .quorum {
            plan.readQuorum = c.r
            plan.writeQuorum = c.w
        }
        plan.warmup = .nanoseconds(c.warmupNs)
        plan.duration = .nanoseconds(c.durationNs)
        plan.interval = CellRunner.interval
        plan.firstProcess = 100_001
        if c.fault != "none" {
            // Falling behind is what a fault may do; it is measured, not refused.
            plan.toleratesBacklog = true
            plan.saturationLag = plan.saturationLag + .nanoseconds(c.durationNs)
            plan.absenceLimit = plan.absenceLimit + .nanoseconds(c.durationNs)
            // Clients of a node that says nothing turn to another one soon.
            plan.requestTimeout = .seconds(3)
        }
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

    private func record(_ result: LoadResult, in measured: inout MeasuredCell) throws {
        measured.cell.throughput = Throughput(
            operations: Int(result.operationCount), failed: Int(result.errorCount),
            durationNs: result.runTime.nanoseconds)
        measured.cell.availability = Proportion(
            events: Int(result.operationCount - result.errorCount),
            trials: Int(result.operationCount))
        for (failure, count) in result.failures {
            measured.cell.errors[failure.name] = Int(count)
        }
        for (name, kinds) in CellRunner.kinds {
            let parts = kinds.compactMap { result[$0] }
            for clock in LatencyClock.allCases {
                var histogram = Histogram()
                for part in parts {
                    histogram.merge(clock == .intended ? part.latency : part.serviceTime)
                }
                measured.add(histogram, of: name, on: clock)
            }
        }
        measured.cell.timeSeries = result.intervals.map { interval in
            TimeSlice(
                startNs: interval.start.nanoseconds, lengthNs: CellRunner.interval.nanoseconds,
                operations: Int(interval.count), failed: Int(interval.errors),
                p50Ns: Int64(interval.p50), p99Ns: Int64(interval.p99),
                maxNs: Int64(interval.maximum), p999Ns: Int64(interval.p999))
        }
        // Operations that end after the last whole interval would show as a drop.
        let end = trial.configuration.durationNs
        measured.cell.timeSeries.removeAll { $0.startNs + $0.lengthNs > end }
        measured.files.append(("latency.hlog", try IntervalLog(result).text()))
    }

    /// What reports call read and write, of YCSB's kinds.
    private static let kinds: [(String, [OperationKind])] = [
        ("read", [.read]), ("write", [.update, .insert]),
        ("read-modify-write", [.readModifyWrite]),
    ]
}
