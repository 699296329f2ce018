import Basics
import Consistency
import Experiments
import Load
import Platform
import Replication
import Simulation
import Workloads

/// `quorumeter simulate`.
let simulateCommand = Command(
    syntax: CommandSyntax(
        name: "simulate",
        abstract: "Simulate a cluster deterministically by its seed.",
        discussion: """
            Runs the store's own node on a virtual network, disk and clock. A seed decides \
            everything: the same seed gives the same run, digest included, on every machine. Every \
            history is checked; a violation ends with its witness and exit code 1.
            """,
        options: [
            Option("--seed", takes: .value("S"), help: "One seed.", default: "1"),
            Option("--seeds", takes: .value("A..B"), help: "All seeds from A to B."),
            Option("--nodes", takes: .value("COUNT"), help: "Members, 1 to 64.", default: "5"),
            Option("--n", takes: .value("N"), help: "Replicas of each key.", default: "3"),
            Option("--r", takes: .value("R"), help: "Replicas that answer a read.", default: "2"),
            Option(
                "--w", takes: .value("W"), help: "Replicas that acknowledge a write.",
                default: "2"),
            Option(
                "--read-repair", takes: .value("MODE"),
                help: "What reads do about replicas that are behind: none, async or blocking.",
                default: "async"),
            Option(
                "--quorum", takes: .value("KIND"),
                help: "strict: the replicas of a key; sloppy: others stand in for them.",
                default: "strict"),
            Option(
                "--mode", takes: .value("MODE"),
                help: "What concurrent writes come to: lww, siblings, abd or cp.", default: "lww"),
            Option(
                "--deletes", takes: .value("COUNT"), help: "Deletes among 1,000 operations.",
                default: "0"),
            Option(
                "--swaps", takes: .value("COUNT"),
                help: "Compare-and-set among 1,000 operations; with --mode cp.", default: "0"),
            Option(
                "--anti-entropy", takes: .flag,
                help: "Replicas compare what they hold, and mend it."),
            Option(
                "--collect", takes: .flag,
                help: "Nodes forget deletions when nothing older can come back."),
            Option(
                "--timeout", takes: .value("DURATION"), help: "How long a request may wait.",
                default: "300ms"),
            Option(
                "--hint-window", takes: .value("DURATION"),
                help: "How long writes are held for replicas that are away.", default: "3h"),
            Option(
                "--faults", takes: .value("LIST"),
                help: "delay, loss, duplicate, partition, crash, clock-skew, pause, all or none.",
                default: "none"),
            Option(
                "--schedule", takes: .value("FILE"),
                help: "Faults as a schedule says them, as on real processes."),
            Option("--keys", takes: .value("COUNT"), help: "Keys.", default: "2"),
            Option("--clients", takes: .value("COUNT"), help: "Clients.", default: "4"),
            Option(
                "--writers", takes: .value("COUNT"), help: "Clients that write.", default: "all"),
            Option(
                "--operations", takes: .value("COUNT"), help: "Operations of all clients.",
                default: "60"),
            Option(
                "--fsync", takes: .value("MODE"),
                help: "always, never, or memory (no disk at all).", default: "always"),
            Option(
                "--model", takes: .value("MODEL"), help: "Check only this model, as in check.",
                default: "all", repeatable: true),
            Option("--plan", takes: .value("FILE"), help: "Run exactly what a plan says."),
            Option(
                "--record", takes: .value("FILE"),
                help: "Write the run (with --shrink: the shrunk one) as a plan."),
            Option(
                "--timeline", takes: .value("FILE"),
                help: "Draw the run with a lane a node, as HTML."),
            Option(
                "--steps", takes: .value("FILE"),
                help: "Write the digest after every step, for --compare elsewhere."),
            Option(
                "--compare", takes: .value("FILE"),
                help: "Name the first step at which this run parts from that of --steps."),
            Option(
                "--jobs", takes: .value("COUNT"), help: "Threads, for many seeds.", default: "1"),
            .flag(
                "--shrink",
                help: "Leave out faults, operations, clients and nodes while a violation stays."),
            .flag("--trace", help: "Tell the story of the run on standard error."),
            .flag("--probes", help: "Say at the end which rare situations the runs reached."),
            .flag("--json", help: "Print one JSON document."),
        ],
        examples: [
            "quorumeter simulate --seed 17 --r 1 --w 1 --faults partition --shrink",
            "quorumeter simulate --seeds 1..200 --faults partition,crash --jobs 2 --probes",
            "quorumeter simulate --plan witness.plan.json --trace",
            "quorumeter simulate --seed 17 --faults all --steps run.steps",
        ]),
    run: { arguments in
        var (scenario, seeds) = try subject(arguments)
        scenario.seed = seeds.lowerBound
        do {
            try scenario.validate()
            return try simulate(scenario, seeds, arguments)
        } catch let error as ScenarioError {
            throw CommandFailure(.misuse, error.description)
        } catch let error as ResultError {
            throw CommandFailure(.environment, error.description)
        }
    })

/// What to run: a plan's run, or what the flags and seeds say.
private func subject(_ arguments: Arguments) throws -> (Scenario, ClosedRange<UInt64>) {
    guard let file = arguments.value("--plan") else {
        return (try scenario(arguments), try seeds(arguments))
    }
    let fixed = [
        "--seed", "--seeds", "--nodes", "--n", "--r", "--w", "--faults", "--schedule", "--keys",
        "--clients", "--writers", "--operations", "--fsync", "--read-repair", "--quorum", "--mode",
        "--swaps", "--deletes",
    ]
    if let given = fixed.first(where: arguments.has) {
        throw CommandFailure(.misuse, "\(given): the plan says it already")
    }
    do {
        let plan = try PlanFile.read(file)
        return (plan.scenario, plan.scenario.seed...plan.scenario.seed)
    } catch {
        throw CommandFailure(.misuse, error.description)
    }
}

private func seeds(_ arguments: Arguments) throws -> ClosedRange<UInt64> {
    if arguments.has("--seed"), arguments.has("--seeds") {
        throw CommandFailure(.misuse, "--seed and --seeds exclude each other")
    }
    let range = try arguments.value("--seeds", expected: "a range such as 1..200") {
        text -> ClosedRange<UInt64>? in
        let parts = text.split(separator: ".", omittingEmptySubsequences: true)
        guard parts.count == 2, text.contains(".."), let first = UInt64(parts[0]),
            let last = UInt64(parts[1]), first <= last, last < .max
        else { return nil }
        return first...last
    }
    if let range { return range }
    let seed =
        try arguments.value("--seed", expected: "a whole number from 0") { UInt64($0) } ?? 1
    return seed...seed
}

private func scenario(_ arguments: Arguments) throws -> Scenario {
    var scenario = Scenario(seed: 0)
    func set(_ name: String, _ range: ClosedRange<Int>, _ field: WritableKeyPath<Scenario, Int>)
        throws
    {
        if let value = try arguments.integer(name, in: range) { scenario[keyPath: field] = value }
    }
    try set("--nodes", 1...64, \.nodes)
    scenario.n = min(3, scenario.nodes)
    try set("--n", 1...15, \.n)
    scenario.r = scenario.n / 2 + 1
    scenario.w = scenario.n / 2 + 1
    try set("--r", 1...15, \.r)
    try set("--w", 1...15, \.w)
    try set("--keys", 1...1_000_000, \.keys)
    try set("--clients", 1...1_000, \.clients)
    if let writers = try arguments.integer("--writers", in: 1...1_000) {
        scenario.writers = writers
    }
    try set("--operations", 1...100_000_000, \.operations)
    try setStore(arguments, &scenario)
    scenario.antiEntropy = arguments.has("--anti-entropy")
    scenario.collects = arguments.has("--collect")
    func duration(
        _ option: String, _ field: WritableKeyPath<Scenario, Instant.Duration>
    ) throws {
        let value = try arguments.value(option, expected: "a duration such as 30ms") {
            Instant.Duration($0)
        }
        if let value { scenario[keyPath: field] = value }
    }
    try duration("--timeout", \.timeout)
    try duration("--hint-window", \.hintWindow)
    try setFaults(arguments, &scenario)
    return scenario
}

/// How the nodes keep and coordinate, and what clients do besides reading and writing.
private func setStore(_ arguments: Arguments, _ scenario: inout Scenario) throws {
    if let mode = try arguments.value(
        "--mode", expected: "lww, siblings, abd or cp", { ConflictMode(rawValue: $0) })
    {
        scenario.mode = mode
    }
    if let swaps = try arguments.integer("--swaps", in: 0...1_000) {
        scenario.swapsPerThousand = UInt64(swaps)
    }
    if let deletes = try arguments.integer("--deletes", in: 0...1_000) {
        scenario.deletesPerThousand = UInt64(deletes)
    }
    switch try arguments.value(
        "--fsync", expected: "always, never or memory",
        { ["always", "never", "memory"].contains($0) ? $0 : nil })
    {
    case "never": scenario.durability = .appended
    case "memory": scenario.durability = nil
    default: break
    }
    if let repair = try arguments.value(
        "--read-repair", expected: "none, async or blocking", { ReadRepair(rawValue: $0) })
    {
        scenario.readRepair = repair
    }
    if let kind = try arguments.value(
        "--quorum", expected: "strict or sloppy", { QuorumKind(rawValue: $0) })
    {
        scenario.quorumKind = kind
    }
}

private func setFaults(_ arguments: Arguments, _ scenario: inout Scenario) throws {
    if let file = arguments.value("--schedule") {
        guard !arguments.has("--faults") else {
            throw CommandFailure(.misuse, "--faults and --schedule exclude each other")
        }
        do {
            scenario.faultSchedule = try FaultSchedule(YAML.read(file), file: file)
        } catch {
            throw CommandFailure(.misuse, error.description)
        }
    }
    if let faults = arguments.value("--faults") {
        do {
            scenario.faults = try FaultFamilies(parsing: faults)
        } catch {
            throw CommandFailure(.misuse, "--faults: \(error)")
        }
    }
}

private func models(_ arguments: Arguments) throws -> [Model] {
    try arguments.values("--model").map { text in
        guard let model = Model(name: text) else {
            let names = Model.plain.map(\.name).joined(separator: ", ")
            throw CommandFailure(
                .misuse,
                "--model: expected \(names), k-atomic=K or delta-atomic=DURATION, found '\(text)'")
        }
        return model
    }
}

private func simulate(
    _ scenario: Scenario, _ seeds: ClosedRange<UInt64>, _ arguments: Arguments
) throws -> ExitCode {
    let writesOne = ["--record", "--timeline"].first(where: arguments.has)
    if let writesOne, seeds.count > 1 {
        throw CommandFailure(.misuse, "\(writesOne) is for one seed")
    }
    if let path = arguments.value("--compare") {
        return try compareSteps(scenario, with: path, seeds)
    }
    if let path = arguments.value("--steps") {
        guard seeds.count == 1 else { throw CommandFailure(.misuse, "--steps is for one seed") }
        let log = try Simulation.steps(scenario)
        try StepFile.write(log, command: scenario.command, to: path)
    }
    var batches = SeedBatches(scenario, stop: Interruption.watch())
    batches.models = try models(arguments)
    batches.jobs = try arguments.integer("--jobs", in: 1...256) ?? 1
    batches.shrinks = arguments.has("--shrink")
    let isTold = arguments.has("--trace") || arguments.has("--timeline")
    batches.timeline = isTold ? 100_000 : 0
    let command =
        arguments.value("--plan").map { "quorumeter simulate --plan \($0)" }
    var runs: [SimulationSummary] = []
    var code = ExitCode.held
    var probes = ProbeCounts()
    let isComplete = try batches.run(seeds) { outcome in
        try record(outcome, batches, arguments)
        probes.add(outcome.original)
        let summary = SimulationSummary(
            outcome.result, command: command ?? outcome.original.scenario.command)
        if summary.isViolated { code = .violated }
        if arguments.has("--json") {
            runs.append(summary)
        } else {
            Terminal.result(summary.text)
        }
    }
    if !isComplete { code = .inconclusive }
    if arguments.has("--json") {
        let document = SimulationSummary.Document(runs: runs)
        Terminal.result(String(decoding: try ResultStore.encode(document), as: UTF8.self))
    }
    if arguments.has("--probes") { Terminal.note(probes.text) }
    return code
}

/// The story, the drawing and the plan of a run, as far as they were asked for.
private func record(
    _ outcome: SeedBatches.Outcome, _ batches: SeedBatches, _ arguments: Arguments
) throws {
    var told = outcome.result
    if batches.timeline > 0, outcome.shrunk != nil {
        told = try Simulation.run(
            told.scenario, models: batches.models, timeline: batches.timeline)
    }
    if arguments.has("--trace"), let timeline = told.timeline { Terminal.note("\(timeline)\n") }
    if let path = arguments.value("--timeline") {
        try ResultStore.write(ResultStore.bytes(LaneChart(told).html), to: path)
    }
    if let path = arguments.value("--record") { try PlanFile.write(outcome.result, to: path) }
}

/// Runs the scenario again and tells where it parts from the run that a file holds.
private func compareSteps(
    _ scenario: Scenario, with path: String, _ seeds: ClosedRange<UInt64>
) throws -> ExitCode {
    guard seeds.count == 1 else { throw CommandFailure(.misuse, "--compare is for one seed") }
    let (other, command): (StepLog, String)
    do { (other, command) = try StepFile.read(path) } catch {
        throw CommandFailure(.misuse, error.description)
    }
    let log = try Simulation.steps(scenario)
    guard let step = log.firstDifference(from: other) else {
        Terminal.result("the same run: \(log.steps) steps, no difference from \(path)\n")
        return .held
    }
    let what = try Simulation.describe(step: step, of: scenario)
    Terminal.result(
        """
        the runs part at step \(step): this one has \(log.steps) steps, \(path) has \(other.steps)
        here, \(what ?? "the run has ended")
        that of the file: \(command)

        """)
    return .violated
}
