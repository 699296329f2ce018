import Basics
import Experiments
import Faults
import Foundation
import Load
import Platform
import Replication
import Workloads

/// `quorumeter soak`.
let soakCommand = Command(
    syntax: CommandSyntax(
        name: "soak",
        abstract: "Put a local cluster under load and mixed faults, and check it.",
        discussion: """
            Starts a cluster whose links go through a relay and whose disks forget what was not \
            synced, loads it, and lets faults strike: those of a schedule, or a mix that the seed \
            draws. At the end everything heals, replicas must come to agree, every key is read \
            from every replica, and the history is checked. The plan that was drawn is kept as a \
            schedule: give it to --faults to see the same faults again. Exit code 1 when the \
            configuration's promises broke.
            """,
        options: [
            Option("--nodes", takes: .value("COUNT"), help: "Members.", default: "5"),
            Option(
                "--duration", takes: .value("DURATION"), help: "How long faults strike.",
                default: "60s"),
            Option(
                "--seed", takes: .value("S"), help: "Decides faults and load.",
                default: "drawn, and told"),
            Option(
                "--faults", takes: .value("FILE"), help: "A schedule of faults.",
                default:
                    "a mix of every kind but clocks, as workloads/faults/mix.yaml, as far as "
                    + "--network and --storage can do them"),
            Option("--n", takes: .value("N"), help: "Replicas of each key.", default: "3"),
            Option(
                "--r", takes: .value("R"), help: "Replicas that answer a read.",
                default: "a majority of N"),
            Option(
                "--w", takes: .value("W"), help: "Replicas that acknowledge a write.",
                default: "a majority of N"),
            Option(
                "--quorum", takes: .value("KIND"), help: "strict or sloppy.", default: "strict"),
            Option(
                "--read-repair", takes: .value("MODE"), help: "none, async or blocking.",
                default: "async"),
            Option(
                "--fsync", takes: .value("MODE"), help: "always, everysec or never.",
                default: "always"),
            .flag("--memory", help: "Keep everything in memory only."),
            Option(
                "--storage", takes: .value("KIND"),
                help:
                    "lossy: disks forget what was not synced; plain: the system's own; images: "
                    + "each node has a file system whose power can be cut (root).",
                default: "lossy"),
            Option(
                "--network", takes: .value("KIND"),
                help:
                    "relay, or namespaces: each node in a network of its own, whose links lose "
                    + "packets when they are cut, and know no other fault.", default: "relay"),
            Option("--clients", takes: .value("COUNT"), help: "Sessions.", default: "16"),
            Option("--keys", takes: .value("COUNT"), help: "Keys.", default: "200"),
            Option(
                "--target", takes: .value("OPS"),
                help: "Operations a second; 0: as fast as they go.", default: "500"),
            Option(
                "--out", takes: .value("DIR"), help: "Where plan, history and summary go.",
                default: "reports/local/soak"),
            .flag("--json", help: "Print one JSON document."),
        ],
        examples: [
            "quorumeter soak --duration 60s",
            "quorumeter soak --nodes 3 --duration 30s --seed 7 "
                + "--faults workloads/faults/flapping.yaml",
        ]),
    run: { arguments in
        let plan = try plan(arguments)
        let folder = arguments.value("--out") ?? "reports/local/soak"
        let run = SoakRun(plan, folder: folder, stop: Interruption.watch())
        Terminal.note(
            "soak: \(plan.nodes) nodes, \(plan.duration), seed \(plan.seed), faults of "
                + "\(plan.schedule.name); results in \(folder)\n")
        let report: SoakReport
        do {
            report = try run.run(observe: show)
        } catch {
            throw CommandFailure(.environment, "\(error)")
        }
        do {
            let document = try ResultStore.encode(report)
            try ResultStore.write(document, to: "\(folder)/soak.json")
            try ResultStore.write(ResultStore.bytes(report.text), to: "\(folder)/summary.txt")
            Terminal.result(
                arguments.has("--json") ? String(decoding: document, as: UTF8.self) : report.text)
        } catch let error as ResultError {
            throw CommandFailure(.environment, error.description)
        }
        return report.isHeld ? .held : report.isInconclusive ? .inconclusive : .violated
    })

private func show(_ event: SoakRun.Event) {
    switch event {
    case .fault(let fault):
        Terminal.note("\(Quantities.text(nanoseconds: fault.start.nanoseconds)): \(fault)\n")
    case .phase(let what): Terminal.note("\(what)\n")
    case .progress(let progress): tell(progress)
    }
}

/// Every ten seconds: how it goes, and what the check behind it has found so far.
private func tell(_ progress: LoadProgress) {
    let second = Int(progress.elapsed.seconds.rounded())
    guard second > 0, second % 10 == 0 else { return }
    let done = progress.operations
    let failed = done == 0 ? 0 : 100 * Double(progress.errors) / Double(done)
    Terminal.note(
        "\(second) s: \(Quantities.grouped(Int(clamping: done))) operations, "
            + "\(Quantities.fixed(failed, 1)) % did not succeed; "
            + "\(Quantities.grouped(progress.judged)) checked, "
            + "\(progress.anomalies ?? 0) keys not linearizable\n")
}

private func plan(_ arguments: Arguments) throws -> SoakPlan {
    let disks =
        try arguments.value("--storage", expected: "lossy, plain or images") {
            SoakPlan.Disks(rawValue: $0)
        } ?? .lossy
    if disks == .images, !DiskImage.isAllowed {
        throw CommandFailure(.environment, "--storage images needs root, to mount them")
    }
    let network =
        try arguments.value("--network", expected: "relay or namespaces") {
            ["relay", "namespaces"].contains($0) ? $0 : nil
        } ?? "relay"
    var plan = SoakPlan(
        schedule: try schedule(
            arguments, hasRelay: network == "relay",
            cutsPower: disks == .images && !arguments.has("--memory")))
    plan.disks = disks
    plan.hasNetworks = network == "namespaces"
    plan.nodes = try arguments.integer("--nodes", in: 1...50) ?? 5
    plan.n =
        try arguments.integer("--n", in: 1...min(plan.nodes, Limits.replicas)) ?? min(3, plan.nodes)
    plan.r = try arguments.integer("--r", in: 1...plan.n) ?? plan.n / 2 + 1
    plan.w = try arguments.integer("--w", in: 1...plan.n) ?? plan.n / 2 + 1
    if let duration = try arguments.value(
        "--duration", expected: "a duration such as 60s or 10m", { Quantities.duration($0) })
    {
        guard duration >= .seconds(1), duration <= .seconds(7 * 86_400) else {
            throw CommandFailure(.misuse, "--duration: expected 1s to 168h")
        }
        plan.duration = duration
    }
    // 53 bits, so that every reader of JSON gets the same number.
    var drawn = SystemRandomNumberGenerator()
    plan.seed =
        try arguments.value("--seed", expected: "a whole number from 0") { UInt64($0) }
        ?? drawn.next() >> 11
    plan.quorum =
        try arguments.value("--quorum", expected: "strict or sloppy") {
            QuorumKind(rawValue: $0)
        } ?? .strict
    plan.readRepair =
        try arguments.value("--read-repair", expected: "none, async or blocking") {
            ReadRepair(rawValue: $0)
        } ?? .asynchronous
    if arguments.has("--memory"), arguments.has("--fsync") {
        throw CommandFailure(.misuse, "--memory and --fsync exclude each other")
    }
    plan.fsync =
        try arguments.value("--fsync", expected: "always, everysec or never") {
            ["always", "everysec", "never"].contains($0) ? $0 : nil
        } ?? (arguments.has("--memory") ? "memory" : "always")
    plan.clients = try arguments.integer("--clients", in: 1...1_000) ?? plan.clients
    plan.keys = try arguments.integer("--keys", in: 1...1_000_000) ?? plan.keys
    if let target = try arguments.integer("--target", in: 0...10_000_000) {
        plan.target = Double(target)
    }
    do { _ = try plan.faults() } catch { throw CommandFailure(.misuse, error.description) }
    return plan
}

private func schedule(
    _ arguments: Arguments, hasRelay: Bool, cutsPower: Bool
) throws -> FaultSchedule {
    do {
        guard let file = arguments.value("--faults") else {
            return try StandardMix.schedule(hasRelay: hasRelay, cutsPower: cutsPower)
        }
        return try FaultSchedule(YAML.read(file), file: file)
    } catch {
        throw CommandFailure(.misuse, error.description)
    }
}
