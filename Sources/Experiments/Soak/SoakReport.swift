import Basics
import Consistency
import Faults
import Load
import Replication
import Workloads

/// What a soak has shown; the JSON document of `quorumeter soak`, schema `quorumeter.soak/1`.
public struct SoakReport: Encodable {
    struct Operations: Encodable {
        let total: Int
        let ok: Int
        let failed: Int
        let unknown: Int
    }

    struct Fault: Encodable {
        let fault: String
        let startNs: Int64
        let endNs: Int64

        enum CodingKeys: String, CodingKey {
            case fault
            case startNs = "start_ns"
            case endNs = "end_ns"
        }
    }

    struct Configuration: Encodable {
        let nodes, n, r, w: Int
        let fsync, quorum, readRepair: String
        /// `lossy`, `plain` or `images`; `memory` without data.
        let storage: String
        let isLossy: Bool
        /// `relay` or `namespaces`.
        let network: String
        let durationNs: Int64
        let clients, keys: Int
        let seed: UInt64
        let schedule: String

        enum CodingKeys: String, CodingKey {
            case nodes, n, r, w, fsync, quorum, clients, keys, seed, schedule
            case readRepair = "read_repair"
            case storage, network
            case isLossy = "lossy_storage"
            case durationNs = "duration_ns"
        }
    }

    let schema = "quorumeter.soak/1"
    let configuration: Configuration
    let faultsInjected: Int
    /// By kind.
    let faultCounts: [String: Int]
    let faults: [Fault]
    /// Messages between nodes that the relay passed, and what it did to others.
    let messages: [String: UInt64]
    /// What the check behind the running load found: linearizability, key by key.
    let online: OnlineDocument?
    let operations: Operations
    let availability: Proportion
    /// Keys of which every last read returned what had certainly been overwritten.
    let lostAcknowledgedWrites: Int
    let converged: Bool
    let convergenceNs: Int64
    /// Keys on which replicas differed when everything had healed.
    let keysDifferingAtFirst: Int
    let unexplainedExits: [String]
    /// Models that must hold for the soak to have held.
    let promised: [String]
    let models: [CheckDocument.ModelEntry]
    let plan: String
    let command: String
    /// Everything that was promised held.
    public let isHeld: Bool
    /// A promise could not be judged, and none was broken.
    public let isInconclusive: Bool
    private let witness: Witness?

    enum CodingKeys: String, CodingKey {
        case schema, configuration, faults, messages, online, operations, availability, converged,
            models
        case promised, plan, command
        case faultsInjected = "faults_injected"
        case faultCounts = "fault_counts"
        case lostAcknowledgedWrites = "lost_acknowledged_writes"
        case convergenceNs = "convergence_ns"
        case keysDifferingAtFirst = "keys_differing_at_first"
        case unexplainedExits = "unexplained_exits"
        case isHeld = "held"
    }

    init(
        _ plan: SoakPlan, faults: FaultPlan, injector: FaultInjector, measured: LoadResult,
        convergence: Settlement.Outcome, links: LinkTable, check: Consistency.Report,
        history: History, planPath: String
    ) {
        configuration = Configuration(
            nodes: plan.nodes, n: plan.n, r: plan.r, w: plan.w, fsync: plan.fsync,
            quorum: plan.quorum.rawValue, readRepair: plan.readRepair.rawValue,
            storage: plan.fsync == "memory" ? "memory" : plan.disks.rawValue,
            isLossy: plan.fsync != "memory" && plan.disks == .lossy,
            network: plan.hasNetworks ? "namespaces" : "relay",
            durationNs: plan.duration.nanoseconds, clients: plan.clients, keys: plan.keys,
            seed: plan.seed, schedule: plan.schedule.name)
        faultsInjected = injector.struck.count
        faultCounts = injector.counts
        self.faults = injector.struck.map {
            Fault(fault: "\($0)", startNs: $0.start.nanoseconds, endNs: $0.end.nanoseconds)
        }
        online = measured.online.map(OnlineDocument.init)
        messages =
            plan.hasNetworks
            ? [:]
            : [
                "passed": links.count(.messages), "dropped": links.count(.dropped),
                "delayed": links.count(.delayed), "corrupted": links.count(.corrupted),
                "duplicated": links.count(.duplicated), "replayed": links.count(.replayed),
            ]
        operations = SoakReport.operations(measured.history)
        availability = Proportion(events: operations.ok, trials: operations.total)
        let promises = plan.promises(under: faults)
        let reports = check.models
        models = reports.map { CheckDocument.ModelEntry($0, of: history) }
        lostAcknowledgedWrites = reports.first { $0.model == .durable }?.violatingKeys ?? 0
        converged = convergence.isReached
        convergenceNs = convergence.time.nanoseconds
        keysDifferingAtFirst = convergence.differingAtFirst
        unexplainedExits = injector.unexplained
        promised = promises.map(\.name)
        let judged = promises.map { model in reports.first { $0.model == model } }
        let isBroken = judged.contains { $0?.verdict.isViolated == true }
        isHeld =
            convergence.isReached && injector.unexplained.isEmpty
            && judged.allSatisfy { $0?.verdict.word == "holds" }
        isInconclusive = !isHeld && !isBroken && convergence.isReached && unexplainedExits.isEmpty
        self.plan = planPath
        command = SoakReport.command(plan, planPath)
        let first = reports.first { $0.verdict.isViolated && promises.contains($0.model) }
        witness = first.flatMap { report in
            report.counterexample.map {
                CheckSummary.witness(
                    $0, model: report.model.name, title: "soak, seed \(plan.seed)", of: history,
                    replay: nil, isDeterministic: false)
            }
        }
    }

    private static func operations(_ history: History) -> Operations {
        var ok = 0
        var failed = 0
        var unknown = 0
        // Writes from before the run are no operations of it.
        for operation in history.operations where operation.invoked >= 0 {
            switch operation.outcome {
            case .ok: ok += 1
            case .fail: failed += 1
            case .unknown: unknown += 1
            }
        }
        return Operations(total: ok + failed + unknown, ok: ok, failed: failed, unknown: unknown)
    }

    private static func command(_ plan: SoakPlan, _ path: String) -> String {
        "quorumeter soak --nodes \(plan.nodes) --n \(plan.n) --r \(plan.r) --w \(plan.w) "
            + (plan.fsync == "memory" ? "--memory " : "--fsync \(plan.fsync) ")
            + "--storage \(plan.disks.rawValue) "
            + (plan.hasNetworks ? "--network namespaces " : "")
            + "--quorum \(plan.quorum.rawValue) "
            + "--read-repair \(plan.readRepair.rawValue) --duration \(plan.duration) "
            + "--seed \(plan.seed) --faults \(path)"
    }

    /// For people.
    public var text: String {
        let c = configuration
        var text = "\(c.nodes) nodes, N=\(c.n) R=\(c.r) W=\(c.w), \(c.quorum), read repair "
        let disks = ["lossy": " on lossy disks", "images": " on disks of their own"]
        text += "\(c.readRepair), fsync \(c.fsync)\(disks[c.storage] ?? ""), "
        if c.network == "namespaces" { text += "networks of their own, " }
        text += "\(Quantities.text(nanoseconds: c.durationNs)), seed \(c.seed)\n"
        let kinds = faultCounts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        text += "faults injected: \(faultsInjected)"
        text += kinds.isEmpty ? "\n" : " (\(kinds.joined(separator: ", ")))\n"
        let counted = messages.sorted { $0.key < $1.key }
            .map { "\(Quantities.grouped(Int(clamping: $0.value))) \($0.key)" }
        if !messages.isEmpty {
            text += "messages between nodes: \(counted.joined(separator: ", "))\n"
        }
        text += "operations: \(Quantities.grouped(operations.total)), of which "
        text += "\(Quantities.grouped(operations.failed)) failed, "
        text += "\(Quantities.grouped(operations.unknown)) unknown\n"
        text += "availability: \(availability.text)\n"
        if let online {
            text += "checked while it ran: \(Quantities.grouped(online.operations)) operations, "
            text += "\(online.violations.count) keys not linearizable\n"
        }
        text += "acknowledged writes lost: \(lostAcknowledgedWrites) of \(c.keys) keys\n"
        let time = Quantities.text(nanoseconds: convergenceNs)
        text +=
            converged ? "replicas agreed \(time) after healing" : "replicas differ after \(time)"
        text += " (\(keysDifferingAtFirst) of \(c.keys) keys differed at first)\n"
        for exit in unexplainedExits { text += "ended without a fault: \(exit)\n" }
        for model in models {
            let mark = promised.contains(model.model) ? "promised, " : ""
            text += "\(model.model): \(mark)\(model.verdict)"
            if model.violatingKeys > 0 { text += " on \(model.violatingKeys) keys" }
            if let reason = model.reason { text += ": \(reason)" }
            text += "\n"
        }
        if let witness { text += witness.text }
        text += isHeld ? "it held\n" : isInconclusive ? "inconclusive\n" : "it did not hold\n"
        text += "again with the same faults: \(command)\n"
        return text
    }
}
