import Basics
import Consistency
import Experiments
import Foundation
import Platform

/// `quorumeter check`.
let checkCommand = Command(
    syntax: CommandSyntax(
        name: "check",
        abstract: "Check a recorded history.",
        discussion: """
            Reads histories of one JSON object a line (.jsonl), the binary form of the same (.qh), \
            Jepsen's histories (.edn) and logs (.log), and says for every model whether it \
            holds, is violated (with the smallest counterexample found) or could not be decided; \
            and measures staleness. Exit code 0: all hold; 1: one is violated; 3: undecided. \
            Several files are several histories, or with --merge the parts of one, such as those of \
            several load generators; - is standard input. A file that would take more \
            than the memory limit is read several times, each time the keys of one part; models \
            that span keys (sequential, causal, causal-convergent and the session guarantees) \
            need all keys at once and are left out then, as with --shard, unless --model names \
            them. Documents of all shards merge with 'quorumeter report'.
            """,
        positionals: "HISTORY...", positionalCount: 1...1_000,
        options: [
            Option(
                "--model", takes: .value("MODEL"),
                help: "A model to check, such as linearizable.",
                default: "all that the history supports", repeatable: true),
            Option(
                "--format", takes: .value("FORMAT"), help: "jsonl, qh, edn or log.",
                default: "what the extension says"),
            Option(
                "--initial", takes: .value("VALUE"), help: "Value of keys never written.",
                default: "absent"),
            Option(
                "--time-limit", takes: .value("DURATION"), help: "Stop searching after this time.",
                default: "60s"),
            Option(
                "--memory-limit", takes: .value("SIZE"),
                help: "Memory of the history, half of it, and of all searches together.",
                default: "4GiB"),
            Option(
                "--passes", takes: .value("N"),
                help: "Read the history so many times, each time the keys of one part.",
                default: "as many as the memory limit needs, at 100 bytes an operation"),
            .flag(
                "--stream",
                help:
                    "Check linearizability alone while reading .jsonl or .qh, keeping what may "
                    + "still change a verdict: for keys that do not fit into memory."),
            .flag(
                "--merge",
                help: "The files are one history, recorded by one clock each; times have a common "
                    + "origin."),
            Option(
                "--clock-error", takes: .value("DURATION"),
                help: "Each clock's distance from true time at most: operations of different or "
                    + "unknown clocks are widened by it at both ends.", default: "0"),
            Option(
                "--explain", takes: .value("FILE"),
                help: "Draw the counterexamples on a page; - prints them as text."),
            Option("--verdicts", takes: .value("FILE"), help: "Write one line a key and model."),
            Option(
                "--convert", takes: .value("FILE"),
                help: "Also write the history as .qh or .jsonl."),
            Option("--jobs", takes: .value("N"), help: "Threads.", default: "all cores"),
            Option(
                "--shard", takes: .value("I/N"),
                help: "Check the keys of shard I of N, counted from 0; /N takes I from "
                    + "SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX."),
            .flag("--json", help: "Print one JSON document a history."),
        ],
        examples: [
            "quorumeter check --model linearizable --explain violations.html violations.jsonl",
            "quorumeter check --shard 0/8 --json big.qh > shard0.json",
        ]),
    run: { arguments in
        let run = try CheckRun(arguments)
        var code = ExitCode.held
        for paths in run.histories {
            switch try run.check(paths) {
            case "violated": code = .violated
            case "inconclusive" where code == .held: code = .inconclusive
            default: break
            }
        }
        try run.writeVerdicts()
        return code
    })

/// One call of the command: what was asked for, and what has been found so far.
private final class CheckRun {
    private let arguments: Arguments
    private var options = CheckOptions()
    private let limit: Instant.Duration
    private let jobs: Int
    private let memory: Int
    private let format: HistoryFile.Format?
    private var verdicts = ""

    init(_ arguments: Arguments) throws {
        self.arguments = arguments
        let duration = "a duration such as 5s or 200ms"
        limit =
            try arguments.value("--time-limit", expected: duration) { Instant.Duration($0) }
            ?? .seconds(60)
        jobs =
            try arguments.integer("--jobs", in: 1...1_024)
            ?? ProcessInfo.processInfo.activeProcessorCount
        format = try arguments.value("--format", expected: "jsonl, qh, edn or log") {
            HistoryFile.Format(rawValue: $0)
        }
        options.models = try arguments.values("--model").map(CheckRun.model)
        let error = try arguments.value("--clock-error", expected: duration) {
            Instant.Duration($0).flatMap { $0.nanoseconds <= 1 << 60 ? $0 : nil }
        }
        options.clockError = error?.nanoseconds ?? 0
        memory =
            try arguments.value(
                "--memory-limit", expected: "a size such as 512MiB", Quantities.bytes) ?? 4 << 30
        options.budget.memory = max(1, memory / jobs)
        options.budget.now = { Clocks.monotonic().nanoseconds }
        options.keepsVerdicts = arguments.has("--verdicts")
        options.shard = try shard(arguments)
        if options.models.contains(where: { !$0.isPerKey }), arguments.has("--passes") {
            throw CommandFailure(
                .misuse, "--passes reads a part of the keys at a time; the models span keys")
        }
        for name in ["--explain", "--convert"] where histories.count > 1 {
            guard let value = arguments.value(name), value != "-" else { continue }
            throw CommandFailure(.misuse, "\(name) \(value) takes one history, not several")
        }
        if let path = arguments.value("--convert"), CheckRun.target(path) == nil {
            throw CommandFailure(
                .misuse, "option '--convert': expected a name in .qh or .jsonl, found '\(path)'")
        }
    }

    private static func target(_ path: String) -> HistoryFile.Format? {
        HistoryFile.Format(path: path).flatMap { [.binary, .jsonLines].contains($0) ? $0 : nil }
    }

    private static func model(_ name: String) throws -> Model {
        if let model = Model(name: name) { return model }
        let parametric = [
            ("k-atomic", "k-atomic=K with K from 1 on, such as k-atomic=2"),
            ("delta-atomic", "delta-atomic=D with D such as 500us or 20ms, at most 109 years"),
        ]
        for (word, expected) in parametric where name == word || name.hasPrefix(word + "=") {
            throw CommandFailure(
                .misuse, "option '--model': expected \(expected), found '\(name)'")
        }
        let hint = nearest(to: name, among: Model.plain.map(\.name))
            .map { "; did you mean '\($0)'?" }
        throw CommandFailure(.misuse, "unknown model '\(name)'\(hint ?? "")")
    }

    /// The files of each history.
    var histories: [[String]] {
        arguments.has("--merge") ? [arguments.positionals] : arguments.positionals.map { [$0] }
    }

    private func format(of path: String) throws -> HistoryFile.Format {
        if let format = format ?? HistoryFile.Format(path: path) { return format }
        throw CommandFailure(
            .misuse,
            "\(path): expected a name that ends in .jsonl, .qh, .edn or .log, or --format")
    }

    /// Checks one history and prints the answer; its verdict.
    func check(_ paths: [String]) throws -> String {
        options.budget.deadline = (Clocks.monotonic() + limit).nanoseconds
        if arguments.has("--stream") { return try stream(paths[0]) }
        let passes = try passes(paths)
        var documents: [CheckDocument] = []
        var explanation = Explanation(paths)
        for pass in 0..<passes {
            var own = options
            if passes > 1 {
                let whole = own.shard ?? Shard(index: 0, count: 1)
                own.shard = whole.part(pass, of: passes)
            }
            let (document, report, history) = try check(paths, own)
            documents.append(document)
            if arguments.has("--explain") { explanation.add(report, history) }
        }
        var document = documents[0]
        if passes > 1 {
            document.mergePasses(documents.dropFirst(), shard: options.shard)
        }
        Terminal.result(
            arguments.has("--json")
                ? String(decoding: try ResultStore.encode(document), as: UTF8.self)
                : document.text)
        try write(explanation)
        return document.verdict
    }

    /// Checks linearizability without the history in memory.
    private func stream(_ path: String) throws -> String {
        for name in ["--merge", "--shard", "--passes", "--convert", "--initial", "--clock-error"]
        where arguments.has(name) {
            throw CommandFailure(.misuse, "--stream and \(name) cannot be given together")
        }
        guard options.models.allSatisfy({ $0 == .linearizable }) else {
            throw CommandFailure(.misuse, "--stream checks the model linearizable only")
        }
        let format = try format(of: path)
        guard path != "-", [.jsonLines, .binary].contains(format) else {
            throw CommandFailure(
                .misuse, "\(path): --stream reads files in .jsonl or .qh several times")
        }
        var budget = OnlineChecker.defaultBudget
        budget.now = options.budget.now
        let finding: StreamedCheck.Finding
        do {
            finding = try StreamedCheck(path, as: format, budget: budget).run()
        } catch { throw CommandFailure(.misuse, "\(error)") }
        Terminal.note(
            "\(path): at most \(finding.mostHeld) operations and states were held at once\n")
        let document = CheckDocument(finding.report, of: finding.history)
        Terminal.result(
            arguments.has("--json")
                ? String(decoding: try ResultStore.encode(document), as: UTF8.self)
                : document.text)
        var explanation = Explanation([path])
        explanation.add(finding.report, finding.history)
        try write(explanation)
        return document.verdict
    }

    /// Checks what one pass reads.
    private func check(
        _ paths: [String], _ options: CheckOptions
    ) throws -> (CheckDocument, Consistency.Report, History) {
        var options = options
        let needsAll = options.models.contains { !$0.isPerKey }
        let parts = try paths.map { try read($0, needsAll ? nil : options.shard) }
        var history = parts.count == 1 ? parts[0] : History.merging(parts)
        if let text = arguments.value("--initial") {
            options.initial = .value(history.value(text))
        }
        try convert(history)
        let report: Consistency.Report
        do {
            report = try ParallelCheck.run(Checker(history, options: options), jobs: jobs)
        } catch { throw CommandFailure(.environment, error.description) }
        for model in report.models {
            for verdict in model.verdicts {
                verdicts += "\(history.keyText(verdict.key))\t\(model.model.name)\t"
                verdicts += "\(verdict.verdict.word)\t\(verdict.method.rawValue)\n"
            }
        }
        return (CheckDocument(report, of: history, shard: options.shard), report, history)
    }

    /// How often the file is read: a part of its keys at a time must fit half the memory limit.
    private func passes(_ paths: [String]) throws -> Int {
        if let passes = try arguments.integer("--passes", in: 1...4_096) { return passes }
        var count = 0
        for path in paths {
            do {
                guard let own = try HistoryFile.estimatedCount(path, as: format(of: path)) else {
                    return 1
                }
                count += own
            } catch let failure as CommandFailure {
                throw failure
            } catch { throw CommandFailure(.misuse, "\(path): \(error)") }
        }
        let path = paths.joined(separator: ", ")
        guard arguments.value("--convert") == nil else { return 1 }
        let needed = count / (options.shard?.count ?? 1) * HistoryFile.bytesPerOperation
        let room = max(memory / 2, 64 << 20)
        guard needed > room else { return 1 }
        let size = "\(needed >> 20) MiB, of which the memory limit allows \(room >> 20)"
        if let model = options.models.first(where: { !$0.isPerKey }) {
            throw CommandFailure(
                .inconclusive,
                "\(path): \(model.name) spans keys and needs the whole history in memory, about "
                    + "\(size); raise --memory-limit")
        }
        let passes = min(4_096, (needed + room - 1) / room)
        Terminal.note(
            "\(path): about \(size): read \(passes) times\n")
        return passes
    }

    private func read(_ path: String, _ shard: Shard?) throws -> History {
        do {
            return try HistoryFile.read(path, as: format(of: path), shard: shard)
        } catch let error as HistoryError {
            throw CommandFailure(.misuse, error.description)
        } catch let error as SystemError {
            throw CommandFailure(.misuse, error.description)
        }
    }

    private func convert(_ history: History) throws {
        guard let path = arguments.value("--convert"), let format = CheckRun.target(path) else {
            return
        }
        do {
            if format == .binary {
                try HistoryFile.writeBinary(history, to: path)
            } else {
                try HistoryFile.write(history, to: path)
            }
        } catch { throw CommandFailure(.environment, "\(error)") }
    }

    private func write(_ explanation: Explanation) throws {
        guard let target = arguments.value("--explain") else { return }
        guard target == "-" else { return try write(explanation.page, to: target) }
        // The document stays alone on standard output.
        if arguments.has("--json") {
            Terminal.note(explanation.text)
        } else {
            Terminal.result(explanation.text)
        }
    }

    func writeVerdicts() throws {
        if let path = arguments.value("--verdicts") { try write(verdicts, to: path) }
    }

    private func write(_ text: String, to path: String) throws {
        do {
            try ResultStore.write(ResultStore.bytes(text), to: path)
        } catch { throw CommandFailure(.environment, "\(error)") }
    }
}

/// The counterexamples of a history, by pass: of each model the smallest one is shown.
private struct Explanation {
    private let name: String
    private var summaries: [HistorySummary] = []
    private var drawings: [(model: Model, size: Int, html: String, text: String)] = []

    init(_ paths: [String]) {
        name = paths.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
            .joined(separator: ", ")
    }

    mutating func add(_ report: Consistency.Report, _ history: History) {
        summaries.append(report.summary)
        for model in report.models {
            guard let witness = model.counterexample else { continue }
            let timeline = Timeline(history, witness)
            let place = drawings.firstIndex { $0.model == model.model }
            if let place, drawings[place].size <= witness.operations.count { continue }
            let drawing = (
                model: model.model, size: witness.operations.count,
                html: TimelinePage.section(timeline, model),
                text: "\n\(model.model.name)\n\n" + timeline.text()
            )
            if let place { drawings[place] = drawing } else { drawings.append(drawing) }
        }
    }

    var text: String { drawings.map(\.text).joined() }

    var page: String {
        var summary = summaries.first ?? HistorySummary()
        for other in summaries.dropFirst() {
            summary.operations += other.operations
            summary.keys += other.keys
        }
        return TimelinePage.html(title: name, summary, sections: drawings.map(\.html))
    }
}

/// The shard of `--shard I/N`, or of the scheduler that runs an array of these.
private func shard(_ arguments: Arguments) throws -> Shard? {
    let variables = ProcessInfo.processInfo.environment
    let slurm = variables["SLURM_ARRAY_TASK_ID"].flatMap { Int($0) }
    let first = variables["SLURM_ARRAY_TASK_MIN"].flatMap { Int($0) } ?? 0
    let given = slurm.map { $0 - first } ?? variables["JOB_COMPLETION_INDEX"].flatMap { Int($0) }
    let expected = "I/N with I from 0 to N - 1, or /N in a job of an array"
    if arguments.has("--shard") {
        return try arguments.value("--shard", expected: expected) { text in
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let count = Int(parts[1]), count > 0,
                let index = parts[0].isEmpty ? given : Int(parts[0]), index >= 0, index < count
            else { return nil }
            return Shard(index: index, count: count)
        }
    }
    guard let slurm, let count = variables["SLURM_ARRAY_TASK_COUNT"].flatMap({ Int($0) }),
        count > 0, (0..<count).contains(slurm - first)
    else { return nil }
    return Shard(index: slurm - first, count: count)
}
