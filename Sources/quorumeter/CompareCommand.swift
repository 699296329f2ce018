import Basics
import Experiments

/// `quorumeter compare`.
let compareCommand = Command(
    syntax: CommandSyntax(
        name: "compare",
        abstract: "Compare two result sets, with statistics.",
        discussion: """
            For every configuration that both folders hold: the ratio of medians with a bootstrap \
            interval over repeats, the exact Mann–Whitney test over repeats (corrected for the \
            number of metrics), and the smallest change that would have been found. Exit code 1 \
            when something got worse beyond doubt, 3 when nothing did but a change of the size \
            of --effect could have been missed; then the repeats that would show it are named.
            """,
        positionals: "BASE NEW", positionalCount: 2...2,
        options: [
            Option(
                "--confidence", takes: .value("C"), help: "Between 0.5 and 0.9999.",
                default: "0.95"),
            Option(
                "--effect", takes: .value("E"), help: "Relative change that matters.",
                default: "0.1"),
            Option(
                "--format", takes: .value("FORMAT"), help: "text, markdown or json.",
                default: "text"),
            .flag("--json", help: "The same as --format json."),
        ],
        examples: ["quorumeter compare reports/base reports/new --effect 0.05"]),
    run: { arguments in
        func fraction(_ option: String, _ range: ClosedRange<Double>) throws -> Double? {
            try arguments.value(
                option, expected: "a number from \(range.lowerBound) to \(range.upperBound)"
            ) { Double($0).flatMap { range.contains($0) ? $0 : nil } }
        }
        let confidence = try fraction("--confidence", 0.5...0.9999) ?? 0.95
        let effect = try fraction("--effect", 0.001...10) ?? 0.1
        let format =
            try arguments.value("--format", expected: "text, markdown or json") {
                ["text", "markdown", "json"].contains($0) ? $0 : nil
            } ?? (arguments.has("--json") ? "json" : "text")
        let comparison: Comparison
        do {
            comparison = Comparison(
                base: try ResultStore.collect([arguments.positionals[0]]).cells,
                new: try ResultStore.collect([arguments.positionals[1]]).cells,
                confidence: confidence, effect: effect)
        } catch {
            throw CommandFailure(.misuse, "\(error)")
        }
        if comparison.metrics.isEmpty {
            throw CommandFailure(
                .misuse, "the two folders have no measured configuration in common")
        }
        switch format {
        case "json":
            Terminal.result(
                String(decoding: try ResultStore.encode(comparison), as: UTF8.self))
        case "markdown": Terminal.result(comparison.table(asMarkdown: true))
        default: Terminal.result(comparison.table(asMarkdown: false))
        }
        if comparison.hasRegression { return .violated }
        return comparison.isUnclear ? .inconclusive : .held
    })
