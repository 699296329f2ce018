import Basics
import Experiments
import Foundation
import Load
import Workloads

/// `quorumeter sweep`.
let sweepCommand = Command(
    syntax: CommandSyntax(
        name: "sweep",
        abstract: "Run the W/R/N matrix of a sweep file and write its report.",
        discussion: """
            For every cell of the matrix: a fresh cluster, the YCSB load phase, a measured run, and \
            a check of the very operations that were timed. A sweep that was stopped goes on where \
            it was; a cell that fails is recorded and does not end the sweep. The matrix varies \
            nodes, n, r, w, quorum, mode (lww, abd, cp, in simulation siblings), read_repair, \
            fsync, workload, arrivals and faults: none, kill-one, pause-one, or on real processes \
            a schedule such as workloads/faults/halves.yaml. abd and cp need fsync: always; cp, \
            which has no R and W, is one cell for each N. Under `peers` Redis, etcd and PostgreSQL are started \
            and measured beside ours.
            """,
        positionals: "FILE", positionalCount: 1...1,
        options: [
            Option(
                "--out", takes: .value("DIR"), help: "Folder of the results.",
                default: "what the file says, else reports/local/NAME"),
            Option("--seed", takes: .value("S"), help: "Seed of the sweep.", default: "the file's"),
            Option(
                "--where", takes: .value("PLACE"), help: "processes or simulation.",
                default: "what the file says"),
            Option(
                "--jobs", takes: .value("COUNT"),
                help: "Simulated cells at a time; real processes run one cell at a time.",
                default: "the number of cores"),
            Option(
                "--shard", takes: .value("I/N"),
                help: "Run part I of N; also read from Slurm arrays and Kubernetes indexed jobs.",
                default: "all cells"),
            .flag("--json", help: "Print all results as one JSON document."),
            Option("--only", takes: .value("CELL"), help: "Run this cell alone.", repeatable: true),
            .flag("--dry-run", help: "List the cells and the time they take; run nothing."),
        ],
        examples: [
            "quorumeter sweep workloads/sweeps/demo.yaml",
            "quorumeter sweep workloads/sweeps/default.yaml --dry-run",
            "quorumeter sweep workloads/sweeps/peers.yaml",
            "quorumeter sweep workloads/sweeps/quorums-n3.yaml --shard 2/8",
        ]),
    run: { arguments in
        let file = arguments.positionals[0]
        var plan: SweepPlan
        var trials: [Trial]
        do {
            plan = try SweepPlan(
                file: file,
                where: arguments.value("--where", expected: "processes or simulation") {
                    ["processes", "simulation"].contains($0) ? $0 : nil
                })
            let seed = try arguments.value("--seed", expected: "a whole number from 0") {
                UInt64($0)
            }
            if let seed { plan.seed = seed }
            trials = try plan.trials()
        } catch let error as TreeError {
            throw CommandFailure(.misuse, error.description)
        } catch let error as PropertyError {
            throw CommandFailure(.misuse, error.description)
        }
        if let shard = try shard(arguments) { trials = shard.cells(of: trials) }
        trials = try chosen(arguments.values("--only"), of: trials)
        let jobs = try jobs(arguments, plan)
        let name = file.split(separator: "/").last?.split(separator: ".").first ?? "sweep"
        let out = arguments.value("--out") ?? plan.out ?? "reports/local/\(name)"
        if arguments.has("--dry-run") {
            let run = SweepRun(plan: plan, trials: trials, out: out, stop: StopFlag(), jobs: jobs)
            for trial in trials { Terminal.result("\(trial.name)\n") }
            Terminal.result(estimate(run) + "\n")
            return .held
        }
        let run = SweepRun(
            plan: plan, trials: trials, out: out, stop: Interruption.watch(), jobs: jobs)
        return try execute(run, asJSON: arguments.has("--json"))
    })

private func shard(_ arguments: Arguments) throws -> SweepShard? {
    let given = try arguments.value("--shard", expected: "a part such as 2/8") { SweepShard($0) }
    // A single cell that is asked for by name runs wherever it is asked for.
    if given != nil || !arguments.values("--only").isEmpty { return given }
    do {
        return try SweepShard.fromEnvironment(ProcessInfo.processInfo.environment)
    } catch {
        throw CommandFailure(.misuse, error.description)
    }
}

private func jobs(_ arguments: Arguments, _ plan: SweepPlan) throws -> Int {
    guard let jobs = try arguments.integer("--jobs", in: 1...1_024) else { return Machine.cores }
    guard jobs == 1 || plan.where == "simulation" else {
        throw CommandFailure(
            .misuse,
            "--jobs \(jobs): cells of real processes share the machine and run one at a time; "
                + "more than one job is for --where simulation")
    }
    return jobs
}

private func chosen(_ names: [String], of trials: [Trial]) throws -> [Trial] {
    if names.isEmpty { return trials }
    for name in names where !trials.contains(where: { $0.name == name }) {
        let hint = nearest(to: name, among: trials.map(\.name)).map { "; did you mean \($0)?" }
        throw CommandFailure(.misuse, "the sweep has no cell '\(name)'\(hint ?? "")")
    }
    return trials.filter { names.contains($0.name) }
}

private func estimate(_ run: SweepRun) -> String {
    let pending = run.pending()
    let time = Quantities.waiting(seconds: run.expected(pending).seconds)
    let done = run.trials.count - pending.count
    return "\(run.trials.count) cells" + (done > 0 ? ", \(done) already measured" : "")
        + "; about \(time)"
}

private func execute(_ run: SweepRun, asJSON: Bool) throws -> ExitCode {
    Terminal.note("sweep \(run.plan.file): \(estimate(run)); results in \(run.out)\n")
    let display = SweepDisplay(total: run.trials.count)
    let outcome: SweepRun.Outcome
    do {
        outcome = try run.run(observe: display.show)
    } catch {
        throw CommandFailure(.environment, error.description)
    }
    display.end()
    let names = Set(run.trials.map { "\(run.out)/cells/\($0.name)/result.json" })
    let measured = names.sorted().filter { FileManager.default.fileExists(atPath: $0) }
    guard !measured.isEmpty else {
        throw CommandFailure(outcome.isInterrupted ? .inconclusive : .environment, "no cell ran")
    }
    if !outcome.isInterrupted { try SweepEnding.addSimulatedWitness(to: run) }
    let report = Report(try ResultStore.collect([run.out]))
    try ResultStore.write(ResultStore.bytes(report.render(.html)), to: "\(run.out)/report.html")
    if asJSON {
        Terminal.result(try report.render(.json))
    } else {
        Terminal.result("\n" + report.plainTables() + "\n" + SweepEnding.explain(report))
        Terminal.result("report: \(run.out)/report.html\n")
    }
    if outcome.isInterrupted {
        Terminal.note("interrupted; run the same command again to go on\n")
        return .inconclusive
    }
    return outcome.failed > 0 ? .environment : .held
}

/// Progress: one line that is redrawn on a terminal, otherwise a line a cell.
private final class SweepDisplay {
    private let total: Int
    private var hasLine = false

    init(total: Int) { self.total = total }

    func show(_ event: SweepRun.Event) {
        switch event {
        case .skipped: break
        case .started(let trial, let number):
            if Terminal.isLive { redraw("[\(number)/\(total)] \(label(trial)): starting") }
        case .progressed(let trial, let number, let progress, let left):
            guard Terminal.isLive else { return }
            let phase = progress.isWarmingUp ? "warming up, " : ""
            redraw(
                "[\(number)/\(total)] \(label(trial)): \(phase)"
                    + "\(Quantities.significant(progress.rate)) ops/s, "
                    + "p99 \(Quantities.text(nanoseconds: Int64(progress.p99))), "
                    + "\(Quantities.waiting(seconds: left.seconds)) left")
        case .measured(let trial, let cell, let number, let left):
            end()
            let rest = left > .zero ? "; \(Quantities.waiting(seconds: left.seconds)) left" : ""
            Terminal.note(
                "[\(number)/\(total)] \(label(trial)): "
                    + "\(Quantities.significant(cell.throughput.perSecond)) ops/s, "
                    + "stale reads \(cell.staleReads?.text ?? "not checked")\(rest)\n")
        case .failed(let trial, let why, let number):
            end()
            Terminal.note("[\(number)/\(total)] \(label(trial)): failed: \(why)\n")
        }
    }

    private func label(_ trial: Trial) -> String {
        let c = trial.configuration
        let round = c.repetition > 0 ? " #\(c.repetition + 1)" : ""
        let place = c.network.map { "\($0) " } ?? ""
        let fault = c.fault == "none" ? "" : " \(c.fault)"
        let name =
            c.store != nil || c.mode == "lww"
            ? "R=\(c.r) W=\(c.w)" : c.mode == "cp" ? "cp" : "R=\(c.r) W=\(c.w) \(c.mode)"
        return "\(place)N=\(c.n) \(name) \(c.workload)\(fault)\(round)"
    }

    private func redraw(_ text: String) {
        Terminal.note("\r\u{1B}[K\(text)")
        hasLine = true
    }

    func end() {
        if hasLine { Terminal.note("\r\u{1B}[K") }
        hasLine = false
    }
}
