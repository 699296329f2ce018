import Experiments

/// `quorumeter report`.
let reportCommand = Command(
    syntax: CommandSyntax(
        name: "report",
        abstract: "Render results as HTML, Markdown, CSV, JSON, JSON lines or JUnit XML.",
        discussion: """
            Reads every result.json under the given folders and writes one report. Results of \
            several sweeps or machines merge by naming all their folders. Markdown puts its pictures as SVG files in a folder beside \
            the file; on standard output it has none.
            """,
        positionals: "DIR...", positionalCount: 1...1_000,
        options: [
            Option(
                "--out", takes: .value("FILE"), help: "Where to write; - is standard output.",
                default: "report.html in the first folder"),
            Option(
                "--format", takes: .value("FORMAT"),
                help: "html, markdown, csv, json, jsonl or junit.",
                default: "html"),
            .flag(
                "--merge",
                help: "Merge the latency.hlog of several load generators into the folder --out."),
            Option(
                "--slo", takes: .value("EXPR"),
                help: "Begin with the recommendation for these objectives; see recommend.",
                repeatable: true),
        ],
        examples: ["quorumeter report reports/local/demo --format markdown --out -"]),
    run: { arguments in
        let format =
            try arguments.value("--format", expected: "html, markdown, csv, json, jsonl or junit") {
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
            report = Report(
                try ResultStore.collect(folders), objectives: try objectives(arguments))
        } catch let error as ResultError {
            throw CommandFailure(.misuse, error.description)
        }
        var text = try report.render(format)
        let suffix = [
            "html": "html", "markdown": "md", "csv": "csv", "json": "json", "jsonl": "jsonl",
            "junit": "xml",
        ]
        let out =
            arguments.value("--out")
            ?? "\(folders[0])/report.\(suffix[format.rawValue] ?? format.rawValue)"
        if out == "-" {
            Terminal.result(text)
        } else {
            do {
                if format == .markdown { text = try writeFigures(of: report, beside: out) }
                try ResultStore.write(ResultStore.bytes(text), to: out)
            } catch let error as ResultError {
                throw CommandFailure(.environment, error.description)
            }
            Terminal.result("report: \(out)\n")
        }
        return .held
    })

/// Writes the pictures into a folder beside the file; returns the text that shows them.
private func writeFigures(
    of report: Report, beside out: String
) throws(ResultError) -> String {
    let folder = out.hasSuffix(".md") ? "\(out.dropLast(3))-figures" : "\(out)-figures"
    try ResultStore.createFolder(folder)
    for figure in report.figures() {
        try ResultStore.write(ResultStore.bytes(figure.svg), to: "\(folder)/\(figure.name)")
    }
    let name = folder.split(separator: "/").last.map(String.init) ?? folder
    return report.markdown(figures: name)
}
