import Basics
import Consistency
import Foundation
import Load
import Platform
import Replication
import Simulation
import Workloads

/// Tries one claim on real processes: a fresh cluster, or a store that runs already, under load.
struct ProcessTrial {
    let claim: Claim
    let seed: UInt64
    let stop: StopFlag

    init(_ claim: Claim, seed: UInt64, stop: StopFlag) {
        self.claim = claim
        self.seed = seed
        self.stop = stop
    }

    private struct Failure: Error, CustomStringConvertible { let description: String }

    /// Whatever happens, a cluster that was started is gone afterwards.
    func run() -> ClaimResult {
        let start = Clocks.monotonic()
        var result: ClaimResult
        do {
            result = try claim.target.map { judge(try measure(Target($0))) } ?? inCluster()
        } catch {
            result = ClaimResult(claim, .inconclusive, "not tried")
            result.failure = "\(error)"
        }
        result.elapsed = Clocks.monotonic() - start
        return result
    }

    private func inCluster() throws -> ClaimResult {
        let folder = try ScratchFolder.make("quorumeter-claim")
        defer {
            // What cannot be removed from the folder for temporary files stays there.
            try? FileSystem.removeTree(folder)
        }
        let s = claim.scenario
        let faults = try FamilySchedule.schedule(of: s)
            .plan(nodes: s.nodes, length: claim.duration, seed: seed)
        var options = ClusterOptions()
        options.endsWithParent = true
        options.mode = s.mode == .lww ? nil : s.mode.rawValue
        options.usesRelay = FaultInjector.needsRelay(faults)
        options.lossySeed = claim.fsync == "memory" ? nil : seed
        options.quorum = s.quorumKind.rawValue
        options.readRepair = s.readRepair.rawValue
        let cluster = try LocalCluster(
            folder: folder, nodes: s.nodes, n: s.n, r: s.r, w: s.w, fsync: claim.fsync,
            options: options, firstPort: 21_000 + UInt16(getpid() % 700) * 12)
        defer { cluster.stop() }
        try cluster.start(isStopping: { stop.isRaised })
        var injector = try FaultInjector(faults, on: cluster)
        let target = Target(scheme: .quorum, addresses: cluster.addresses)
        var measured = try measure(target, &injector)
        try injector.heal(at: claim.duration)
        if let exit = injector.unexplained.first {
            throw Failure(description: "a node ended without a fault: \(exit)")
        }
        try cluster.start(isStopping: { stop.isRaised })
        let last = Settlement(cluster: cluster, keys: keys)
        _ = last.wait(patience: .seconds(10), isStopping: { stop.isRaised })
        try last.addFinalReads(to: &measured)
        return judge(measured)
    }

    /// The names of all records.
    private var keys: [String] {
        (0..<claim.scenario.keys).map {
            KeyName(
                record: UInt64($0), insertOrder: workload.insertOrder,
                zeroPadding: workload.zeroPadding
            ).text
        }
    }

    /// Loads and measures; what clients saw. Faults strike while it measures.
    private func measure(
        _ target: Target, _ injector: inout FaultInjector
    ) throws -> History {
        var failure: ClusterError?
        let history = try measure(target) { elapsed in
            guard failure == nil else { return }
            do throws(ClusterError) {
                try injector.advance(to: elapsed)
            } catch {
                failure = error
            }
        }
        if let failure { throw Failure(description: "a fault failed: \(failure)") }
        return history
    }

    private func measure(
        _ target: Target, meanwhile: (Instant.Duration) -> Void = { _ in }
    ) throws -> History {
        var loading = LoadPlan(target: target, workload: workload, phase: .load)
        loading.recordsHistory = false
        loading.firstProcess = 1
        loading.seed = seed
        if target.scheme == .quorum, claim.target == nil { loading.writeQuorum = claim.scenario.n }
        let loaded = try LoadRun(loading).run(stop: stop)
        guard loaded.ending == .completed, loaded.errorCount == 0 else {
            throw Failure(
                description: stop.isRaised
                    ? "interrupted"
                    : "the load phase failed: \(loaded.errorCount) of \(loaded.operationCount) "
                        + "inserts did not succeed")
        }
        var plan = LoadPlan(target: target, workload: workload, phase: .transactions)
        plan.duration = claim.duration
        plan.firstProcess = 100_001
        plan.seed = seed
        if target.scheme == .quorum, claim.target == nil {
            plan.readQuorum = claim.scenario.r
            plan.writeQuorum = claim.scenario.w
        }
        // Faults are expected to take their time.
        plan.requestTimeout = .seconds(3)
        plan.absenceLimit = claim.duration + .seconds(60)
        let result = try LoadRun(plan).run(stop: stop, meanwhile: meanwhile)
        guard result.ending == .completed else {
            throw Failure(
                description: stop.isRaised ? "interrupted" : "the run ended early: \(result.ending)"
            )
        }
        return result.history
    }

    private var workload: Workload {
        var workload = Workload()
        workload.recordCount = UInt64(claim.scenario.keys)
        workload.insertCount = workload.recordCount
        workload.readProportion = 0.5
        workload.updateProportion = 0.5
        workload.fieldCount = 1
        workload.threadCount = claim.scenario.clients
        return workload
    }

    private func judge(_ history: History) -> ClaimResult {
        var options = CheckOptions()
        options.budget.now = { Clocks.monotonic().nanoseconds }
        options.budget.deadline = (Clocks.monotonic() + .seconds(60)).nanoseconds
        switch claim.promise {
        case .bound(let bound):
            options.models = [.weakRegular]
            let staleness = Checker.check(history, options: options).staleness
            return ClaimsRun.judge(
                claim, bound, staleReads: staleness.reads(staler: bound.staleness),
                reads: staleness.reads)
        case .model(let model):
            options.models = [model]
            let report = Checker.check(history, options: options)
            return judge(report, model, history)
        }
    }

    private func judge(
        _ report: Consistency.Report, _ model: Model, _ history: History
    ) -> ClaimResult {
        let count = "\(Quantities.grouped(report.summary.operations)) operations"
        switch report.report(model)?.verdict {
        case .holds: return ClaimResult(claim, .holds, "no violation in \(count)")
        case .violated(let counterexample):
            let witness = CheckSummary.witness(
                counterexample, model: model.name, title: "\(claim.settingText): \(claim.name)",
                of: history, replay: nil, isDeterministic: false)
            var result = ClaimResult(
                claim, .violated, "in \(count): \(witness.explanation)")
            result.witness = witness
            return result
        case .inconclusive(let why): return ClaimResult(claim, .inconclusive, "\(count): \(why)")
        case nil: return ClaimResult(claim, .inconclusive, "\(count): the model was not judged")
        }
    }
}
