import Experiments

/// `quorumeter recommend`.
let recommendCommand = Command(
    syntax: CommandSyntax(
        name: "recommend",
        abstract: "Pick R, W and mode for service-level objectives.",
        discussion: """
            Reads sweep results and picks, of all that was measured under the same conditions \
            (modes, quorums, R, W, other stores), the fastest configuration that meets all \
            objectives beyond doubt; says why each other one lost and how sure it is. \
            'linearizable' is met beyond doubt where the mode promises it (abd, cp) and no \
            violation was found; in lww finding none leaves doubt, whatever R and W are. Exit \
            code 1 when something has none that can meet them, 3 when only doubt is left.
            """,
        positionals: "DIR...", positionalCount: 1...1_000,
        options: [
            Option(
                "--slo", takes: .value("EXPR"),
                help:
                    "read_p99<5ms, write_p99.9<10ms, stale<1e-3@50ms, survives=1, "
                    + "throughput>1000, availability>0.999 or linearizable.", repeatable: true),
            .flag("--json", help: "Print one JSON document."),
        ],
        examples: [
            "quorumeter recommend reports/quorums-n3 --slo 'read_p99<5ms' --slo 'survives=1'"
        ]),
    run: { arguments in
        let objectives = try objectives(arguments)
        if objectives.isEmpty {
            throw CommandFailure(.misuse, "recommend needs at least one --slo")
        }
        let panels: [Panel]
        do {
            panels = Panel.choices(
                of: Panel.panels(of: try ResultStore.collect(arguments.positionals).cells))
        } catch {
            throw CommandFailure(.misuse, "\(error)")
        }
        let recommendations = panels.map { Recommendation($0, objectives: objectives) }
        if arguments.has("--json") {
            Terminal.result(
                String(decoding: try ResultStore.encode(recommendations), as: UTF8.self))
        } else {
            Terminal.result(recommendations.map(\.text).joined(separator: "\n"))
        }
        if recommendations.contains(where: \.isImpossible) { return .violated }
        return recommendations.contains { $0.choice == nil } ? .inconclusive : .held
    })

/// The objectives of `--slo`.
func objectives(_ arguments: Arguments) throws -> [ServiceObjective] {
    do {
        return try arguments.values("--slo").map { text throws(ResultError) in
            try ServiceObjective(text)
        }
    } catch {
        throw CommandFailure(.misuse, "--slo: \(error)")
    }
}
