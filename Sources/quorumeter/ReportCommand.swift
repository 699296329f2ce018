import Experiments

/// `quorumeter report`.
let reportCommand = Command(
    syntax: CommandSyntax(
        name: "report",
        abstract: "Render results as HTML, Markdown, CSV or JSON.",
        discussion: """
            Reads every result.json under the given folders and writes one report. Results of \
            several sweeps or machines merge by naming all their folders.
            """,
        positionals: "DIR...", positionalCount: 1...1_000,
        options: [
            Option(
                "--out", takes: .value("FILE"), help: "Where to write; - is standard output.",
                default: "report.html in the first folder"),
            Option(
                "--format", takes: .value("FORMAT"), help: "html, markdown, csv or json.",
                default: "html"),
            .flag(
                "--merge",
                help: "Merge the latency.hlog of several load generators into the folder --out."),
        ],
        examples: ["quorumeter report reports/local/demo --format markdown --out -"]),
    run: { arguments in
        let format =
            try arguments.value("--format", expected: "html, markdown, csv or json") {
                Report.Format(rawValue: $0)
            } ?? .html
        let folders = arguments.positionals
        if arguments.has("--merge") {
            guard let out = arguments.value("--out"), !arguments.has("--format") else {
                throw CommandFailure(
                    .misuse, "--merge needs --out, the folder to write to, and has no --format")
            }
            return try mergeLogs(folders, into: out)
        }
        let report: Report
        do {
            report = Report(try ResultStore.collect(folders))
        } catch let error as ResultError {
            throw CommandFailure(.misuse, error.description)
        }
        let text = try report.render(format)
        let suffix = ["html": "html", "markdown": "md", "csv": "csv", "json": "json"]
        let out =
            arguments.value("--out")
            ?? "\(folders[0])/report.\(suffix[format.rawValue] ?? format.rawValue)"
        if out == "-" {
            Terminal.result(text)
        } else {
            do {
                try ResultStore.write(ResultStore.bytes(text), to: out)
            } catch let error as ResultError {
                throw CommandFailure(.environment, error.description)
            }
            Terminal.result("report: \(out)\n")
        }
        return .held
    })
