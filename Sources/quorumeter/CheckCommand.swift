import Basics
import Consistency
import Experiments
import Platform

/// `quorumeter check`.
let checkCommand = Command(
    syntax: CommandSyntax(
        name: "check",
        abstract: "Check a recorded history.",
        discussion: """
            Reads histories of one JSON object a line (.jsonl), Jepsen's histories \
            (.edn) and logs (.log), and says for every model whether it \
            holds, is violated (with the smallest counterexample found) or could not be decided; \
            and counts stale reads. Exit code 0: all hold; 1: one is violated; 3: undecided.
            """,
        positionals: "HISTORY...", positionalCount: 1...1_000,
        options: [
            Option(
                "--model", takes: .value("MODEL"),
                help: "A model to check, such as linearizable.",
                default: "all that the history supports", repeatable: true),
            Option(
                "--time-limit", takes: .value("DURATION"), help: "Stop searching after this time.",
                default: "60s"),
            Option(
                "--memory-limit", takes: .value("SIZE"), help: "Memory of one search.",
                default: "1GiB"),
            Option(
                "--clock-error", takes: .value("DURATION"),
                help: "Widen every operation by this much at both ends.", default: "0"),
            Option("--verdicts", takes: .value("FILE"), help: "Write one line a key and model."),
            .flag("--json", help: "Print one JSON document a history."),
        ],
        examples: ["quorumeter check --model linearizable violations.jsonl"]),
    run: { arguments in
        var options = CheckOptions()
        for name in arguments.values("--model") {
            guard let model = Model(name: name) else {
                let hint = nearest(to: name, among: Model.plain.map(\.name))
                    .map { "; did you mean '\($0)'?" }
                throw CommandFailure(.misuse, "unknown model '\(name)'\(hint ?? "")")
            }
            options.models.append(model)
        }
        let duration = "a duration such as 5s or 200ms"
        if let error = try arguments.value(
            "--clock-error", expected: duration, { Instant.Duration($0) })
        {
            options.clockError = error.nanoseconds
        }
        if let bytes = try arguments.value(
            "--memory-limit", expected: "a size such as 512MiB", Quantities.bytes)
        {
            options.budget.memory = bytes
        }
        let limit =
            try arguments.value("--time-limit", expected: duration) { Instant.Duration($0) }
            ?? .seconds(60)
        options.budget.now = { Clocks.monotonic().nanoseconds }
        options.keepsVerdicts = arguments.has("--verdicts")
        var code = ExitCode.held
        var verdicts = ""
        for path in arguments.positionals {
            options.budget.deadline = (Clocks.monotonic() + limit).nanoseconds
            let history = try read(path)
            let report = Checker.check(history, options: options)
            let document = CheckDocument(report, of: history)
            Terminal.result(
                arguments.has("--json")
                    ? String(decoding: try ResultStore.encode(document), as: UTF8.self)
                    : document.text)
            verdicts += lines(report, history)
            switch document.verdict {
            case "violated": code = .violated
            case "inconclusive" where code == .held: code = .inconclusive
            default: break
            }
        }
        if let path = arguments.value("--verdicts") {
            do {
                try ResultStore.write(ResultStore.bytes(verdicts), to: path)
            } catch { throw CommandFailure(.environment, "\(error)") }
        }
        return code
    })

private func read(_ path: String) throws -> History {
    do {
        switch path.split(separator: ".").last {
        case "jsonl": return try JSONLinesParser.parse(try FileSystem.read(path), file: path)
        case "edn": return try EDNParser.parse(try FileSystem.read(path), file: path)
        case "log": return try JepsenLogParser.parse(try FileSystem.read(path), file: path)
        default:
            throw CommandFailure(
                .misuse,
                "\(path): expected a history of JSON lines (.jsonl), a Jepsen history (.edn) or "
                    + "a Jepsen log (.log)")
        }
    } catch let error as HistoryError {
        throw CommandFailure(.misuse, error.description)
    } catch let error as SystemError {
        throw CommandFailure(.misuse, error.description)
    }
}

private func lines(_ report: Consistency.Report, _ history: History) -> String {
    var text = ""
    for model in report.models {
        for verdict in model.verdicts {
            text += "\(history.keyText(verdict.key))\t\(model.model.name)\t"
            text += "\(verdict.verdict.word)\t\(verdict.method.rawValue)\n"
        }
    }
    return text
}
