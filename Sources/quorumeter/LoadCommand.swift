import Basics
import Consistency
import Experiments
import Foundation
import Load
import Platform
import Workloads

/// `quorumeter load`: YCSB's load phase.
let loadCommand = loadPhaseCommand(
    .load, name: "load", abstract: "YCSB load phase: insert every record once.",
    example: "quorumeter load quorum://127.0.0.1:7001 -P workloads/workloada -threads 16")

/// `quorumeter run`: YCSB's transaction phase.
let runCommand = loadPhaseCommand(
    .transactions, name: "run",
    abstract: "YCSB transaction phase: drive a workload, measure, check.",
    example: "quorumeter run quorum://127.0.0.1:7001 -P workloads/workloada -threads 16 "
        + "-target 4000 --duration 10s --r 1 --w 1 --check -s")

private func loadPhaseCommand(
    _ phase: LoadPlan.Phase, name: String, abstract: String, example: String
) -> Command {
    Command(
        syntax: CommandSyntax(
            name: name, abstract: abstract,
            discussion: """
                Reads YCSB property files unchanged and prints YCSB's lines. TARGET is \
                quorum://HOST:PORT,... or redis://HOST:PORT. With a target rate, latency counts \
                from the intended start of each operation. Every value names its writer, so the \
                operations that were timed are a history that can be checked.
                """,
            positionals: "TARGET", positionalCount: 1...1, options: loadOptions,
            examples: [example]),
        run: { arguments in try drive(phase, arguments) })
}

private let loadOptions = [
    Option("-P", takes: .value("FILE"), help: "A YCSB property file.", repeatable: true),
    Option(
        "-p", takes: .value("KEY=VALUE"), help: "One property; wins over files.", repeatable: true),
    Option("--threads", "-threads", takes: .value("N"), help: "Sessions.", default: "1"),
    Option(
        "--target", "-target", takes: .value("OPS"), help: "Operations a second; 0 is no limit.",
        default: "0"),
    .flag("-s", help: "Report progress on standard error."),
    Option(
        "--arrivals", takes: .value("KIND"), help: "closed, constant or poisson.",
        default: "constant with a target, else closed"),
    Option("--warmup", takes: .value("DURATION"), help: "Not counted in results.", default: "0"),
    Option(
        "--duration", takes: .value("DURATION"), help: "How long to run.",
        default: "until operationcount is reached"),
    Option("--r", takes: .value("R"), help: "Replicas that answer a read (quorum://)."),
    Option("--w", takes: .value("W"), help: "Replicas that acknowledge a write (quorum://)."),
    Option("--seed", takes: .value("S"), help: "Seed of keys and arrivals.", default: "1"),
    Option("--history", takes: .value("FILE"), help: "Write the history as JSON lines."),
    .flag("--check", help: "Check the history for linearizability and stale reads."),
    Option("--out", takes: .value("DIR"), help: "Write latency.hgrm here."),
    .flag("--json", help: "Print one JSON document in place of YCSB's lines."),
    Option(
        "--max-failed", takes: .value("FRACTION"),
        help: "Fraction of operations that may fail before the exit code is 1.", default: "0"),
]

private func drive(_ phase: LoadPlan.Phase, _ arguments: Arguments) throws -> ExitCode {
    let plan = try plan(phase, arguments)
    let allowed =
        try arguments.value("--max-failed", expected: "a number from 0 to 1") {
            Double($0).flatMap { (0...1).contains($0) ? $0 : nil }
        } ?? 0
    let result: LoadResult
    do {
        let showsProgress = arguments.has("-s")
        result = try LoadRun(plan).run(stop: Interruption.watch()) { progress in
            if showsProgress { show(progress) }
        }
    } catch {
        if case .plan = error { throw CommandFailure(.misuse, error.description) }
        throw CommandFailure(.environment, error.description)
    }
    let check = arguments.has("--check") ? checked(result.history) : nil
    try write(result, arguments)
    if arguments.has("--json") {
        let document = RunDocument(result, check: check, target: "\(plan.target)")
        Terminal.result(String(decoding: try ResultStore.encode(document), as: UTF8.self))
    } else {
        Terminal.result(result.ycsbText)
        for (failure, count) in result.failures {
            Terminal.note("\(failure.name): \(count) operations\n")
        }
        if let check { Terminal.result(check.text) }
    }
    return try code(result, check, allowedFailures: allowed)
}

private func plan(_ phase: LoadPlan.Phase, _ arguments: Arguments) throws -> LoadPlan {
    var properties = Properties()
    let target: Target
    let workload: Workload
    do {
        for path in arguments.values("-P") {
            let text: String
            do { text = try FileSystem.text(path) } catch {
                throw CommandFailure(.misuse, "-P: \(error)")
            }
            properties.merge(try Properties(parsing: text, file: path))
        }
        for assignment in arguments.values("-p") {
            try properties.set(assignment: assignment, origin: "-p")
        }
        for (option, property) in [
            ("--threads", "threadcount"), ("--target", "target"), ("--arrivals", "arrivals"),
        ] {
            if let value = arguments.value(option) {
                properties.set(property, to: value, origin: option)
            }
        }
        workload = try Workload(properties)
        target = try Target(arguments.positionals[0])
    } catch let error as PropertyError {
        throw CommandFailure(.misuse, error.description)
    } catch let error as TargetError {
        throw CommandFailure(.misuse, error.description)
    }
    var plan = LoadPlan(target: target, workload: workload, phase: phase)
    let duration = "a duration such as 5s or 200ms"
    if let value = try arguments.value("--warmup", expected: duration, { Instant.Duration($0) }) {
        plan.warmup = value
    }
    if let value = try arguments.value("--duration", expected: duration, { Instant.Duration($0) }) {
        plan.duration = value
        // A duration on the command line wins over the operation count of a file.
        plan.workload.operationCount = 0
    }
    plan.readQuorum = try arguments.integer("--r", in: 1...Limits.replicas)
    plan.writeQuorum = try arguments.integer("--w", in: 1...Limits.replicas)
    plan.seed =
        try arguments.value("--seed", expected: "a whole number from 0") { UInt64($0) } ?? 1
    plan.recordsHistory = arguments.has("--history") || arguments.has("--check")
    return plan
}

private func show(_ progress: LoadProgress) {
    let phase = progress.isWarmingUp ? " warming up" : ""
    let line =
        "\(Quantities.waiting(seconds: progress.elapsed.seconds))\(phase): "
        + "\(Quantities.grouped(Int(progress.operations))) operations, "
        + "\(Quantities.significant(progress.rate)) ops/s, "
        + "p99 \(Quantities.text(nanoseconds: Int64(progress.p99))), \(progress.errors) errors"
    Terminal.note(Terminal.isLive ? "\r\u{1B}[K\(line)" : "\(line)\n")
}

private func checked(_ history: History) -> CheckDocument {
    var options = CheckOptions()
    options.models = [.linearizable]
    options.budget.now = { Clocks.monotonic().nanoseconds }
    options.budget.deadline = (Clocks.monotonic() + .seconds(60)).nanoseconds
    return CheckDocument(Checker.check(history, options: options), of: history)
}

private func write(_ result: LoadResult, _ arguments: Arguments) throws {
    if Terminal.isLive, arguments.has("-s") { Terminal.note("\n") }
    do {
        if let path = arguments.value("--history") {
            try HistoryFile.write(result.history, to: path)
        }
        if let folder = arguments.value("--out") {
            try ResultStore.createFolder(folder)
            var text = ""
            for operation in result.operations {
                text += "# \(operation.kind.name), microseconds from the intended start\n"
                text += operation.latency.percentileText(scale: 1_000) + "\n"
            }
            try ResultStore.write(ResultStore.bytes(text), to: "\(folder)/latency.hgrm")
        }
    } catch {
        throw CommandFailure(.environment, "\(error)")
    }
}

private func code(
    _ result: LoadResult, _ check: CheckDocument?, allowedFailures: Double
) throws -> ExitCode {
    switch result.ending {
    case .completed: break
    case .interrupted: return .inconclusive
    case .overloaded(let lag):
        throw CommandFailure(
            .inconclusive, "offered load exceeds capacity: the schedule fell \(lag) behind")
    case .processesExhausted:
        throw CommandFailure(
            .inconclusive,
            "so many operations have unknown outcomes that the numbers of client processes ran out")
    case .targetLost(let why): throw CommandFailure(.environment, "the target was lost: \(why)")
    }
    if Double(result.errorCount) > allowedFailures * Double(result.operationCount) {
        Terminal.error(
            "\(result.errorCount) of \(result.operationCount) operations did not succeed")
        return .violated
    }
    switch check?.verdict {
    case "violated": return .violated
    case "inconclusive": return .inconclusive
    default: return .held
    }
}
