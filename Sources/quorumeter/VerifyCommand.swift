import Basics
import Experiments
import Foundation

/// `quorumeter verify`.
let verifyCommand = Command(
    syntax: CommandSyntax(
        name: "verify",
        abstract: "Try the consistency claims of files: the gate for continuous integration.",
        discussion: """
            Each claim names a configuration, faults, a model or a bound on staleness, where it is \
            tried (in simulation or on real processes), and whether it is expected to hold or to \
            be violated. A line a claim goes to standard output; what fails is followed by its \
            shrunk counterexample and the command that replays it. In simulation the same files \
            and the same seed give the same verdicts on every machine.
            """,
        positionals: "FILE...", positionalCount: 1...1_000,
        options: [
            Option(
                "--seeds", takes: .value("N"), help: "Runs of every simulated claim.",
                default: "what each claim says, else 200"),
            Option("--seed", takes: .value("S"), help: "Moves all seeds.", default: "1"),
            Option(
                "--where", takes: .value("PLACE"),
                help: "Try all claims in simulation, or on processes.",
                default: "what each claim says, else simulation"),
            Option(
                "--budget", takes: .value("TIME"),
                help: "Wall time for all simulated claims together, such as 5m; spread evenly."),
            Option("--junit", takes: .value("FILE"), help: "Write JUnit XML."),
            Option(
                "--markdown", takes: .value("FILE"),
                help: "Append a summary for the page of a CI step."),
            Option(
                "--witnesses", takes: .value("DIR"),
                help: "Write the shrunk history, plan and explanation of every violation."),
            Option(
                "--guarantees", takes: .value("FILE"),
                help: "Write the table of the claims that name a row and a column."),
            Option(
                "--jobs", takes: .value("COUNT"), help: "Threads for simulated claims.",
                default: "the number of cores"),
            Option(
                "--shard", takes: .value("I/N"),
                help: "Only every N-th claim, the I-th first; I counts from 0.",
                default: "SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, with their counts"),
            .flag("--json", help: "Print one JSON document instead of lines."),
        ],
        examples: [
            "quorumeter verify workloads/claims/smoke.yaml",
            "quorumeter verify workloads/claims/*.yaml --budget 5m --junit claims.xml "
                + "--witnesses witnesses",
        ]),
    run: { arguments in
        let claims = try claims(arguments)
        let seed =
            try arguments.value("--seed", expected: "a whole number from 0") { UInt64($0) } ?? 1
        let jobs = try arguments.integer("--jobs", in: 1...256) ?? Machine.cores
        let budget = try arguments.value("--budget", expected: "a time such as 30s or 5m") {
            Instant.Duration($0).flatMap { $0 > .zero ? $0 : nil }
        }
        let stop = Interruption.watch()
        var run = ClaimsRun(claims, seed: seed, jobs: jobs, stop: stop)
        run.budget = budget
        Terminal.note("verify: \(claims.count) claims, seed \(seed), \(jobs) threads\n")
        let results = try run.run { result in Terminal.note("tried: \(result.line)\n") }
        let commit = ProcessInfo.processInfo.environment["QUORUMETER_COMMIT"]
        let origin = "quorumeter \(version)" + (commit.map { ", commit \($0)" } ?? "")
        let report = ClaimsReport(results, seed: seed, origin: origin)
        try write(report, arguments)
        if arguments.has("--json") {
            Terminal.result(try report.json())
        } else {
            for result in results { Terminal.result(result.text) }
        }
        Terminal.note(report.summary + "\n")
        switch report.standing {
        case .pass: return .held
        case .fail: return .violated
        case .inconclusive: return .inconclusive
        case .error: return .environment
        }
    })

private func claims(_ arguments: Arguments) throws -> [Claim] {
    var claims: [Claim] = []
    let place = try arguments.value("--where", expected: "simulation or processes") {
        Claim.Place(rawValue: $0)
    }
    do {
        for file in arguments.positionals { claims += try ClaimsFile.read(file, where: place) }
    } catch {
        throw CommandFailure(.misuse, error.description)
    }
    if let seeds = try arguments.integer("--seeds", in: 1...10_000_000) {
        for index in claims.indices { claims[index].seeds = seeds }
    }
    guard let shard = try shard(arguments) else { return claims }
    return claims.enumerated().filter { $0.offset % shard.count == shard.index }.map(\.element)
}

/// The part of the claims that this machine tries; nil for all of them.
private func shard(_ arguments: Arguments) throws -> (index: Int, count: Int)? {
    func part(_ index: Int?, of count: Int?) -> (index: Int, count: Int)? {
        guard let index, let count, count > 0, (0..<count).contains(index) else { return nil }
        return (index, count)
    }
    let given = try arguments.value("--shard", expected: "I/N with I from 0 below N") {
        text -> (index: Int, count: Int)? in
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 ? part(Int(parts[0]), of: Int(parts[1])) : nil
    }
    if let given { return given }
    let environment = ProcessInfo.processInfo.environment
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    return part(number("SLURM_ARRAY_TASK_ID"), of: number("SLURM_ARRAY_TASK_COUNT"))
        ?? part(number("JOB_COMPLETION_INDEX"), of: number("JOB_COMPLETION_COUNT"))
}

private func write(_ report: ClaimsReport, _ arguments: Arguments) throws {
    do {
        if let path = arguments.value("--junit") {
            try ResultStore.write(ResultStore.bytes(report.junit), to: path)
        }
        if let path = arguments.value("--markdown") {
            // Steps of a CI job share one summary, so what is there stays.
            let before = FileManager.default.contents(atPath: path) ?? Data()
            try ResultStore.write(before + ResultStore.bytes(report.markdown), to: path)
        }
        if let path = arguments.value("--guarantees") {
            let table = GuaranteesTable(report)
            guard !table.isEmpty else {
                throw CommandFailure(.misuse, "--guarantees: no claim names a row and a column")
            }
            try ResultStore.write(ResultStore.bytes(table.markdown), to: path)
        }
        if let folder = arguments.value("--witnesses") {
            let count = try WitnessFiles.write(report.results, to: folder)
            Terminal.note("\(count) witnesses in \(folder)\n")
        }
    } catch let error as ResultError {
        throw CommandFailure(.environment, error.description)
    }
}
