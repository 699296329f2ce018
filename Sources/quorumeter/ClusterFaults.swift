import Basics
import Experiments
import Load
import Platform
import Workloads

/// `cluster partition`, `heal`, `slow`, `skew` and `inject`: faults by hand.
enum ClusterFaults {
    static let options: [Option] = [
        Option(
            "--how", takes: .value("KIND"),
            help: "partition: drop messages, stall them until it heals, or reset connections.",
            default: "drop"),
        .flag("--one-way", help: "partition: only from an earlier side to a later one."),
        Option("--latency", takes: .value("DURATION"), help: "slow: added to every message."),
        Option(
            "--jitter", takes: .value("DURATION"),
            help: "slow: mean of an exponential delay that is added."),
        Option("--bandwidth", takes: .value("BYTES"), help: "slow: bytes a second, such as 1MB."),
        Option("--drop", takes: .value("SHARE"), help: "slow: messages lost, such as 2%."),
        Option(
            "--by", takes: .value("DURATION"),
            help: "skew: how far the wall clock is ahead; --by=-2s: behind; 0: right again."),
        Option(
            "--duration", takes: .value("DURATION"),
            help: "inject: length of the run that shares such as 20% are of.", default: "60s"),
        Option("--seed", takes: .value("S"), help: "inject: decides what is drawn.", default: "1"),
    ]

    private static let ofWord: [String: [String]] = [
        "partition": ["--how", "--one-way"],
        "slow": ["--latency", "--jitter", "--bandwidth", "--drop"], "skew": ["--by"],
        "inject": ["--duration", "--seed"],
    ]

    /// Refuses an option that says nothing to this word.
    static func refuseForeignOptions(_ word: String, _ arguments: Arguments) throws {
        let own = ofWord[word] ?? []
        for option in options {
            let name = option.names[0]
            if arguments.has(name), !own.contains(name) {
                throw CommandFailure(.misuse, "\(name) says nothing to 'cluster \(word)'")
            }
        }
    }

    private static func effect(
        _ settings: [(key: String, value: Tree)], _ cluster: LocalCluster, _ word: String
    ) throws -> FaultEffect {
        do {
            return try FaultEffect.parse(
                settings, nodes: cluster.state.nodes.count, seed: Clocks.wall().microseconds,
                origin: "cluster \(word)")
        } catch {
            throw CommandFailure(.misuse, error.description)
        }
    }

    private static func scalar(_ text: some StringProtocol) -> Tree {
        .scalar(String(text), line: 0)
    }

    /// `n1,n2 / n3,n4,n5`, or a word such as `halves`.
    static func partition(
        _ words: [String], _ cluster: LocalCluster, _ arguments: Arguments
    ) throws {
        let sides = words.joined(separator: " ").split(separator: "/")
        guard let first = sides.first else {
            throw ArgumentError.missingArgument(
                command: "cluster partition", expected: "n1,n2 / n3,n4,n5")
        }
        var groups = scalar(first.filter { $0 != " " })
        if sides.count > 1 || first.contains(",") || first.hasPrefix("n") {
            var lists = sides.map { side in
                side.split { $0 == "," || $0 == " " }.map(String.init)
            }
            if lists.count == 1 {
                // One side alone means: against all others.
                lists.append(
                    cluster.state.nodes.map(\.name).filter { !lists[0].contains($0) })
            }
            groups = .list(lists.map { .list($0.map(scalar), line: 0) }, line: 0)
        }
        var settings = [("fault", scalar("partition")), ("groups", groups)]
        if let how = arguments.value("--how") { settings.append(("how", scalar(how))) }
        if arguments.has("--one-way") { settings.append(("one_way", scalar("true"))) }
        let effect = try effect(settings.map { (key: $0.0, value: $0.1) }, cluster, "partition")
        try cluster.begin(effect)
        note(effect)
    }

    /// Links such as `n1>n2`, members, or nothing for all links.
    static func slow(
        _ words: [String], _ cluster: LocalCluster, _ arguments: Arguments
    ) throws {
        let isLossy = !["--latency", "--jitter", "--bandwidth"].contains { arguments.has($0) }
        var settings = [("fault", scalar(isLossy ? "lossy" : "slow"))]
        for key in ["latency", "jitter", "bandwidth", "drop"] {
            if let value = arguments.value("--\(key)") { settings.append((key, scalar(value))) }
        }
        guard settings.count > 1 else {
            throw ArgumentError.missingArgument(
                command: "cluster slow", expected: "--latency, --jitter, --bandwidth or --drop")
        }
        let targets = words.flatMap { $0.split(separator: ",") }
        if !targets.isEmpty {
            let areLinks = targets.contains { $0.contains(">") || $0.contains("-") }
            settings.append(
                (areLinks ? "links" : "nodes", .list(targets.map(scalar), line: 0)))
        }
        let effect = try effect(settings.map { (key: $0.0, value: $0.1) }, cluster, "slow")
        try cluster.begin(effect)
        note(effect)
    }

    static func skew(
        _ words: [String], _ cluster: LocalCluster, _ arguments: Arguments
    ) throws {
        guard let by = arguments.value("--by") else {
            throw ArgumentError.missingArgument(command: "cluster skew", expected: "--by DURATION")
        }
        let targets = words.flatMap { $0.split(separator: ",") }
        guard !targets.isEmpty else {
            throw ArgumentError.missingArgument(command: "cluster skew", expected: "NODE...")
        }
        let settings = [
            ("fault", scalar("clock-skew")), ("by", scalar(by)),
            ("nodes", Tree.list(targets.map(scalar), line: 0)),
        ]
        let effect = try effect(settings.map { (key: $0.0, value: $0.1) }, cluster, "skew")
        try cluster.begin(effect)
        note(effect)
    }

    private static func note(_ effect: FaultEffect) {
        Terminal.note("\(PlannedFault(effect, from: .zero, until: .zero))\n")
    }

    /// Runs a schedule against the cluster, then heals.
    static func inject(
        _ words: [String], _ cluster: LocalCluster, _ arguments: Arguments
    ) throws -> ExitCode {
        guard words.count == 1 else {
            throw ArgumentError.missingArgument(command: "cluster inject", expected: "FILE")
        }
        let length =
            try arguments.value("--duration", expected: "a duration such as 60s") {
                Quantities.duration($0)
            } ?? .seconds(60)
        let seed =
            try arguments.value("--seed", expected: "a whole number from 0") { UInt64($0) } ?? 1
        let plan: FaultPlan
        do {
            plan = try FaultSchedule(YAML.read(words[0]), file: words[0])
                .plan(nodes: cluster.state.nodes.count, length: length, seed: seed)
        } catch {
            throw CommandFailure(.misuse, error.description)
        }
        if FaultInjector.needsRelay(plan) { try cluster.steerLinks() }
        let stop = Interruption.watch()
        var injector = try FaultInjector(plan, on: cluster)
        let beginning = Clocks.monotonic()
        var told = 0
        while !injector.isDone, !stop.isRaised {
            try injector.advance(to: Clocks.monotonic() - beginning)
            for fault in injector.struck[told...] { Terminal.note("\(fault)\n") }
            told = injector.struck.count
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(5))
        }
        try injector.heal(at: Clocks.monotonic() - beginning)
        for what in injector.unexplained { Terminal.note("ended by itself: \(what)\n") }
        Terminal.note("\(injector.struck.count) faults; everything is healed\n")
        return injector.unexplained.isEmpty ? .held : .violated
    }
}
