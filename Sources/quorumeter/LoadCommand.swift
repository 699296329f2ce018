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
                Reads YCSB property files unchanged and prints YCSB's lines. With a target rate, latency counts \
                from the intended start of each operation. Every value names its writer, so the \
                operations that were timed are a history that can be checked.

                Changing rates have -target as their highest and -p arrivals.from (a tenth of it) \
                as their lowest: ramp and step rise within arrivals.over seconds (60; step in \
                arrivals.steps stairs, 10), sine swings with arrivals.period (60), spike leaps \
                for arrivals.width seconds (5) of each period, trace follows arrivals.trace=FILE \
                with lines SECONDS RATE. -p arrivals.spacing=poisson draws their gaps at random. \
                A backlog that keeps growing at a steady rate ends the run with exit code 3.

                TARGET is one of:

                \(targets)

                -p quorum.replicas=true asks for the replicas that answered each operation, so that \
                verdicts can name causes. \
                -p redis.datatype=hash keeps records as YCSB's binding does: hashes with field \
                updates, and an index that scans go by. -p redis.wait=N waits until N replicas \
                have each write (redis.wait.timeout, 1000 ms); -p redis.replicas=HOST:PORT,... \
                and -p postgres.standbys=HOST:PORT,... send reads there. \
                -p postgres.synchronous_commit is off, local, on, remote_write or remote_apply; \
                -p postgres.sslmode as in libpq. -p etcd.reads=serializable reads what one member \
                has. Of rediss:// and etcds://, -p tls.ca=FILE names the trusted authorities, \
                tls.cert and tls.key the client's own, and tls.verify=false trusts anybody.
                """,
            positionals: "TARGET", positionalCount: 1...1, options: loadOptions,
            examples: [example]),
        run: { arguments in try drive(phase, arguments) })
}

/// What each kind of target can and cannot do.
private let targets = [
    (Target.Scheme.quorum, "quorum://HOST:PORT,..."),
    (.redis, "redis://[USER:PASSWORD@]HOST:PORT[/DATABASE]"), (.etcd, "etcd://HOST:PORT,..."),
    (.postgres, "postgres://[USER:PASSWORD@]HOST:PORT[/DATABASE]"),
    (.memcached, "memcached://HOST:PORT"), (.exec, "'exec:PROGRAM ARGUMENT...'"),
    (.sim, "sim:"), (.null, "null:"),
].map { "\($0.1)  \($0.0.abilities.statement)." }.joined(separator: "\n\n")

private let loadOptions = [
    Option("-P", takes: .value("FILE"), help: "A YCSB property file.", repeatable: true),
    Option(
        "-p", takes: .value("KEY=VALUE"), help: "One property; wins over files.", repeatable: true),
    Option("--threads", "-threads", takes: .value("N"), help: "Sessions.", default: "1"),
    Option(
        "--target", "-target", takes: .value("OPS"), help: "Operations a second; 0 is no limit.",
        default: "0"),
    .flag("-load", help: "The load phase, whatever the command's name: YCSB's flag."),
    .flag("-t", help: "The transaction phase, whatever the command's name: YCSB's flag."),
    .flag("-s", help: "YCSB's status lines on standard error, every status.interval (10 s)."),
    .flag(
        "--tui",
        help: "On a terminal, draw rate, latencies and errors over time, and a heat strip of "
            + "latencies; elsewhere plain lines."),
    Option(
        "--pipeline", takes: .value("N"),
        help: "Operations that a thread has under way on its connection (also -p "
            + "redis.pipeline=N). Beyond 1, latency has the waiting for those before it.",
        default: "1"),
    Option(
        "--connections", takes: .value("N"), help: "Connections that the sessions share.",
        default: "one a thread"),
    Option(
        "--generators", takes: .value("N"), help: "Threads of this process that generate load.",
        default: "1"),
    .flag(
        "--find-max",
        help: "Search the highest rate that meets --slo: trials of --duration (5s) each, the rate "
            + "doubled from -target (1000) until one fails, then halved in to 5 %."),
    Option(
        "--slo", takes: .value("EXPR"),
        help: "Of --find-max: 'p99<5ms', 'read_p99.9<20ms', 'max<1s', 'errors<0.1%'.",
        repeatable: true),
    Option(
        "--worker", takes: .value("I/N"),
        help: "This is generator process I of N (from 0): they share operations and rate.",
        default: "0/1"),
    Option(
        "--start-at", takes: .value("TIME"),
        help: "Begin at this time, in seconds since 1970, for several processes at once; times "
            + "of the history count from it, so that check --merge joins theirs."),
    Option(
        "--arrivals", takes: .value("KIND"),
        help: "closed, constant, poisson, ramp, step, sine, spike or trace.",
        default: "constant with a target, else closed"),
    Option(
        "--warmup", takes: .value("DURATION"),
        help: "Not counted in results; 'steady': until rate and median latency no longer change, "
            + "8 s at least and 60 s at most.", default: "0"),
    Option(
        "--duration", takes: .value("DURATION"), help: "How long to run.",
        default: "until operationcount is reached"),
    Option("--r", takes: .value("R"), help: "Replicas that answer a read (quorum://)."),
    Option("--w", takes: .value("W"), help: "Replicas that acknowledge a write (quorum://)."),
    Option("--seed", takes: .value("S"), help: "Seed of keys and arrivals.", default: "1"),
    Option(
        "--history", takes: .value("FILE"),
        help: "Write the history as JSON lines, or in the binary form where the name ends in .qh."),
    Option(
        "--check", takes: .optionalValue("online"),
        help: "Check the history for linearizability and stale reads: afterwards, or while it "
            + "grows, with anomalies in the progress line and only what is still open in memory."),
    Option(
        "--out", takes: .value("DIR"),
        help: "Write latency.hgrm, latency.hlog (HdrHistogram's) and timeseries.csv here."),
    .flag("--json", help: "Print one JSON document in place of YCSB's lines."),
    Option(
        "--max-failed", takes: .value("FRACTION"),
        help: "Fraction of operations that may fail before the exit code is 1.", default: "0"),
]

private func drive(_ phase: LoadPlan.Phase, _ arguments: Arguments) throws -> ExitCode {
    guard !arguments.has("-load") || !arguments.has("-t") else {
        throw CommandFailure(.misuse, "-load and -t contradict each other; give one of them")
    }
    let chosen: LoadPlan.Phase =
        arguments.has("-load") ? .load : arguments.has("-t") ? .transactions : phase
    let plan = try plan(chosen, arguments)
    let allowed =
        try arguments.value("--max-failed", expected: "a number from 0 to 1") {
            Double($0).flatMap { (0...1).contains($0) ? $0 : nil }
        } ?? 0
    if arguments.has("--find-max") { return try findMaximum(plan, arguments) }
    guard !arguments.has("--slo") else {
        throw CommandFailure(.misuse, "--slo is an objective of --find-max, which is not given")
    }
    return try LoadOutput(plan, arguments, allowedFailures: allowed).report(
        measure(plan, arguments))
}

private func measure(_ plan: LoadPlan, _ arguments: Arguments) throws -> LoadResult {
    do {
        var status = LoadStatus(
            plan, isYCSB: arguments.has("-s"), isPicture: arguments.has("--tui"))
        defer { status.end() }
        if plan.target.scheme == .sim { return try SimulatedLoad(plan).run() }
        return try LoadRun(plan).run(stop: Interruption.watch()) { status.show($0) }
    } catch {
        if case .plan = error { throw CommandFailure(.misuse, error.description) }
        throw CommandFailure(.environment, error.description)
    }
}

private func plan(_ phase: LoadPlan.Phase, _ arguments: Arguments) throws -> LoadPlan {
    var properties = Properties()
    let target: Target
    let workload: Workload
    var plan: LoadPlan
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
            ("--pipeline", "redis.pipeline"),
        ] {
            if let value = arguments.value(option) {
                properties.set(property, to: value, origin: option)
            }
        }
        workload = try Workload(properties) { (path, origin) throws(PropertyError) in
            do { return try FileSystem.text(path) } catch {
                throw PropertyError(origin: origin, problem: "\(error)")
            }
        }
        target = try Target(arguments.positionals[0])
        plan = LoadPlan(target: target, workload: workload, phase: phase)
        try plan.readTargetProperties(properties)
    } catch let error as PropertyError {
        throw CommandFailure(.misuse, error.description)
    } catch let error as TargetError {
        throw CommandFailure(.misuse, error.description)
    }
    try share(properties, arguments, &plan)
    try time(arguments, &plan)
    plan.readQuorum = try arguments.integer("--r", in: 1...Limits.replicas)
    plan.writeQuorum = try arguments.integer("--w", in: 1...Limits.replicas)
    plan.seed =
        try arguments.value("--seed", expected: "a whole number from 0") { UInt64($0) } ?? 1
    let check = try arguments.value("--check", expected: "nothing, or online") {
        $0 == "online" ? $0 : nil
    }
    plan.checksOnline = check != nil
    plan.recordsHistory =
        arguments.has("--history") || arguments.has("--check") && check == nil
        || seesStaleReads(plan)
    return plan
}

/// Whether `dataintegrity` includes that reads are not stale: the history tells, if it is whole.
private func seesStaleReads(_ plan: LoadPlan) -> Bool {
    plan.workload.dataIntegrity && plan.phase == .transactions && plan.workers == 1
        && plan.isRegister
}

/// How long the load warms up and lasts.
private func time(_ arguments: Arguments, _ plan: inout LoadPlan) throws {
    let duration = "a duration such as 5s or 200ms"
    if arguments.value("--warmup") == "steady" {
        plan.warmsUpUntilSteady = true
        plan.warmup = .seconds(60)
    } else if let value = try arguments.value(
        "--warmup", expected: "\(duration), or steady", { Instant.Duration($0) })
    {
        plan.warmup = value
    }
    if let value = try arguments.value("--duration", expected: duration, { Instant.Duration($0) }) {
        plan.duration = value
        // A duration on the command line wins over the operation count of a file.
        plan.workload.operationCount = 0
    }
}

/// How the load is spread over operations under way, connections, threads and processes.
private func share(
    _ properties: Properties, _ arguments: Arguments, _ plan: inout LoadPlan
) throws {
    if let entry = properties["redis.pipeline"] {
        guard let depth = Int(entry.value), (1...1_024).contains(depth) else {
            throw CommandFailure(
                .misuse, "\(entry.origin): a pipeline of '\(entry.value)' is not from 1 to 1024")
        }
        plan.pipeline = depth
    }
    plan.connections = try arguments.integer("--connections", in: 1...65_536)
    plan.generators = try arguments.integer("--generators", in: 1...1_024) ?? 1
    let worker = try arguments.value("--worker", expected: "I/N with I from 0 and below N") {
        let parts = $0.split(separator: "/").compactMap { Int($0) }
        return parts.count == 2 && parts[0] >= 0 && parts[0] < parts[1] ? parts : nil
    }
    if let worker { (plan.worker, plan.workers) = (worker[0], worker[1]) }
    let start = try arguments.value("--start-at", expected: "seconds since 1970") {
        Double($0).flatMap { (0...1e11).contains($0) ? $0 : nil }
    }
    if let start {
        let moment = Clocks.moment()
        let ahead = start - Double(moment.wall.microseconds) / 1e6
        guard ahead > 0, ahead < 86_400 else {
            throw CommandFailure(
                .misuse, "--start-at: \(start) is not within the next day, but \(ahead) s away")
        }
        plan.beginning = moment.monotonic + .nanoseconds(Int64(ahead * 1e9))
        plan.agreedStart = WallTime(microseconds: UInt64((start * 1e6).rounded()))
    }
}
