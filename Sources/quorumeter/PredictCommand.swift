import Basics
import Experiments

/// `quorumeter predict`.
let predictCommand = Command(
    syntax: CommandSyntax(
        name: "predict",
        abstract: "Predict staleness and latency of every R and W (PBS).",
        discussion: """
            Probabilistically Bounded Staleness (Bailis et al. 2012): draws the four one-way \
            latencies of a write and a read many times and counts how long after its commit a \
            write is seen. Distributions are lnkd-ssd, lnkd-disk, ymmr or wan (the paper's fits), \
            or a YAML file with the keys w, a, r and s (a is needed for r and s only when they \
            are absent) and remote: each a list of components such as \
            {weight: 0.38, pareto: [1.05, 1.51]}, {weight: 0.62, exponential: 0.183}, \
            {uniform: [1, 2]}, {shifted: [0.05, 4]} or {constant: 0.5}, in milliseconds (rates a \
            millisecond).
            """,
        options: [
            Option("--n", takes: .value("N"), help: "Replicas of each key.", default: "3"),
            Option(
                "--distributions", takes: .value("FILE|NAME"), help: "Latencies to draw from.",
                default: "lnkd-ssd"),
            Option(
                "--from", takes: .value("DIR"),
                help: "Take latencies and N from sweep results that recorded them."),
            Option("--trials", takes: .value("COUNT"), help: "Trials.", default: "1000000"),
            Option("--seed", takes: .value("S"), help: "Seed of the draws.", default: "1"),
            Option(
                "--at", takes: .value("DURATION"),
                help: "Also give the share of fresh reads this long after the commit.",
                repeatable: true),
            .flag("--json", help: "Print one JSON document."),
        ],
        examples: [
            "quorumeter predict --n 3 --distributions lnkd-disk --at 10ms",
            "quorumeter predict --from reports/quorums-n3",
        ]),
    run: { arguments in
        let trials = try arguments.integer("--trials", in: 1...1_000_000_000) ?? 1_000_000
        let seed =
            try arguments.value("--seed", expected: "a whole number from 0") { UInt64($0) } ?? 1
        let times = try arguments.values("--at").map { text in
            guard let time = Quantities.duration(text) else {
                throw ArgumentError.invalidValue(
                    option: "--at", value: text, expected: "a duration such as 10ms")
            }
            return time
        }
        let predictions = try models(arguments).map { name, n, model in
            var run = WARSTrials(model, n: n, seed: seed)
            run.run(trials)
            return Prediction(run, distributions: name, seed: seed, times: times)
        }
        guard arguments.has("--json") else {
            Terminal.result(predictions.map(\.text).joined(separator: "\n"))
            return .held
        }
        let document =
            predictions.count == 1
            ? try ResultStore.encode(predictions[0]) : try ResultStore.encode(predictions)
        Terminal.result(String(decoding: document, as: UTF8.self))
        return .held
    })

private func models(
    _ arguments: Arguments
) throws -> [(name: String, n: Int, model: LatencyModel)] {
    if let folder = arguments.value("--from") {
        guard !arguments.has("--distributions"), !arguments.has("--n") else {
            throw CommandFailure(
                .misuse,
                "--from takes latencies and N from the results: leave "
                    + "out --distributions and --n")
        }
        do {
            return try LatencyFile.recorded(in: folder)
        } catch {
            throw CommandFailure(.misuse, error.description)
        }
    }
    let name = arguments.value("--distributions") ?? "lnkd-ssd"
    let n = try arguments.integer("--n", in: 1...Limits.replicas) ?? 3
    do {
        let model = try LatencyModel.named(name) ?? LatencyFile.read(name)
        if let problem = model.problem(replicas: n) {
            throw CommandFailure(.misuse, "\(name): \(problem)")
        }
        return [(name, n, model)]
    } catch let error as TreeError {
        let known = LatencyModel.published.map(\.name).joined(separator: ", ")
        throw CommandFailure(.misuse, "\(error.description) (known names: \(known))")
    }
}
