import Basics
import Experiments
import Foundation
import Load
import Platform
import Replication

/// `quorumeter cluster`.
let clusterCommand = Command(
    syntax: CommandSyntax(
        name: "cluster",
        abstract: "Bring a local cluster of real node processes up or down.",
        discussion: """
            up starts the nodes, waits until they all reach one another, prints a line a node \
            (name and client address) and leaves them running. Run again on the same folder it \
            starts the nodes that are down, with their data. status tells how they do; down ends \
            them and keeps their data. kill ends the named nodes at once (SIGKILL); power-cut \
            takes what they had not synced as well (with --disks images); pause and \
            resume stop them and let them go on (SIGSTOP, SIGCONT). add starts one more node, \
            which joins while the others serve; replace does the same in place of a dead node; \
            remove has a node give its shards away and leave, or leaves a dead one out. partition divides them \
            (n1,n2 / n3,n4,n5), slow makes links late or lossy (all of them, those of members, or \
            n1>n2), heal makes every link good again, skew sets wall clocks wrong, and inject \
            runs a schedule of faults. Links are carried by a relay from the first fault of a \
            link on.
            """,
        positionals:
            "up|down|status|kill|power-cut|pause|resume|add|remove|replace|partition|heal|slow|"
            + "skew|inject [NODE...]",
        positionalCount: 1...200,
        options: [
            Option("--dir", takes: .value("DIR"), help: "The cluster's folder."),
            Option(
                "--nodes", takes: .value("COUNT"), help: "Nodes of a new cluster.", default: "5"),
            Option("--n", takes: .value("N"), help: "Replicas of each key.", default: "3"),
            Option("--r", takes: .value("R"), help: "Replicas that answer a read.", default: "2"),
            Option(
                "--w", takes: .value("W"), help: "Replicas that acknowledge a write.",
                default: "2"),
            Option(
                "--fsync", takes: .value("MODE"), help: "always, everysec or never.",
                default: "always"),
            Option(
                "--mode", takes: .value("MODE"),
                help: "What concurrent writes come to, as in serve: lww, siblings, abd or cp.",
                default: "lww"),
            Option(
                "--quorum", takes: .value("KIND"),
                help: "strict: the replicas of a key; sloppy: others stand in for them.",
                default: "strict"),
            Option(
                "--read-repair", takes: .value("MODE"),
                help: "What reads do about replicas that are behind: none, async or blocking.",
                default: "async"),
            .flag("--relay", help: "Carry links through a relay from the beginning."),
            Option(
                "--network", takes: .value("KIND"),
                help:
                    "loopback, or namespaces: each node in a network namespace of its own, where "
                    + "partitions lose packets (root or user namespaces, and the program ip).",
                default: "loopback"),
            Option(
                "--disks", takes: .value("KIND"),
                help:
                    "folders, or images: each node's data on an ext4 file system of its own, for "
                    + "power-cut (root).", default: "folders"),
            .flag("--memory", help: "Keep everything in memory only."),
            .flag("--json", help: "Print status as one JSON document."),
        ] + ClusterFaults.options,
        examples: [
            "quorumeter cluster up --dir /tmp/demo --nodes 5 --memory",
            "quorumeter cluster status --dir /tmp/demo",
            "quorumeter cluster pause --dir /tmp/demo n2 n3",
            "quorumeter cluster partition --dir /tmp/demo n1,n2 / n3,n4,n5",
            "quorumeter cluster slow --dir /tmp/demo --latency 50ms --jitter 10ms n3",
            "quorumeter cluster heal --dir /tmp/demo",
            "quorumeter cluster add --dir /tmp/demo",
            "quorumeter cluster remove --dir /tmp/demo n2",
            "quorumeter cluster down --dir /tmp/demo",
        ]),
    run: { arguments in
        guard let folder = arguments.value("--dir") else {
            throw ArgumentError.missingArgument(command: "cluster", expected: "--dir DIR")
        }
        let nodes = Array(arguments.positionals.dropFirst())
        try ClusterFaults.refuseForeignOptions(arguments.positionals[0], arguments)
        do {
            switch arguments.positionals[0] {
            case "partition":
                try ClusterFaults.partition(nodes, existing(folder), arguments)
                return .held
            case "slow":
                try ClusterFaults.slow(nodes, existing(folder), arguments)
                return .held
            case "skew":
                try ClusterFaults.skew(nodes, existing(folder), arguments)
                return .held
            case "inject": return try ClusterFaults.inject(nodes, existing(folder), arguments)
            case "kill":
                try forEach(nodes, existing(folder)) { try $0.kill($1) }
                return .held
            case "power-cut":
                try forEach(nodes, existing(folder)) { try $0.cutPower(of: $1) }
                return .held
            case "pause":
                try forEach(nodes, existing(folder)) { try $0.pause($1) }
                return .held
            case "add":
                if let extra = nodes.first {
                    throw ArgumentError.unexpectedArgument(extra, command: "cluster add")
                }
                Terminal.result("\(try existing(folder).add())\n")
                return .held
            case "replace":
                try forEach(nodes, existing(folder)) { cluster, dead in
                    Terminal.result("\(try cluster.add(replacing: dead))\n")
                }
                return .held
            case "remove":
                try forEach(nodes, existing(folder)) { try $0.remove($1) }
                return .held
            case "resume":
                try forEach(nodes, existing(folder)) { try $0.resume($1) }
                return .held
            case let word where !nodes.isEmpty && ["up", "down", "status", "heal"].contains(word):
                throw ArgumentError.unexpectedArgument(nodes[0], command: "cluster \(word)")
            case "up": return try up(folder, arguments)
            case "heal":
                try existing(folder).heal()
                return .held
            case "down":
                try existing(folder).stop()
                return .held
            case "status":
                return try ClusterStatus.show(
                    try existing(folder), asJSON: arguments.has("--json"))
            case let other:
                throw ArgumentError.unexpectedArgument(
                    other,
                    command:
                        "cluster up|down|status|kill|power-cut|pause|resume|add|remove|replace|"
                        + "partition|heal|slow|skew|inject"
                )
            }
        } catch let error as ClusterError {
            throw CommandFailure(.environment, error.description)
        }
    })

/// Does something to the named nodes; a name that is unknown or a node that is down is wrong use.
private func forEach(
    _ nodes: [String], _ cluster: LocalCluster, _ act: (LocalCluster, String) throws -> Void
) throws {
    if nodes.isEmpty {
        throw ArgumentError.missingArgument(command: "cluster", expected: "NODE...")
    }
    do {
        for node in nodes { try act(cluster, node) }
    } catch let error as ClusterError {
        throw CommandFailure(.misuse, error.description)
    }
}

private func existing(_ folder: String) throws -> LocalCluster {
    guard let cluster = try LocalCluster.existing(in: folder) else {
        throw CommandFailure(
            .misuse,
            "there is no cluster in \(folder); 'quorumeter cluster up --dir \(folder)' makes one")
    }
    return cluster
}

private func up(_ folder: String, _ arguments: Arguments) throws -> ExitCode {
    let cluster: LocalCluster
    if let existing = try LocalCluster.existing(in: folder) {
        try refuseAnotherShape(existing.state, folder, arguments)
        cluster = existing
    } else {
        cluster = try new(folder, arguments)
    }
    let stop = Interruption.watch()
    do {
        try cluster.start(isStopping: { stop.isRaised })
    } catch {
        cluster.stop()
        throw error
    }
    for node in cluster.status() { Terminal.result("\(node.name) \(node.address)\n") }
    return .held
}

/// A cluster keeps the shape that it was made with; the same flags again are fine.
private func refuseAnotherShape(
    _ state: ClusterState, _ folder: String, _ arguments: Arguments
) throws {
    let shape = [
        ("--nodes", "\(state.nodes.count)"), ("--n", "\(state.n)"), ("--r", "\(state.r)"),
        ("--w", "\(state.w)"), ("--fsync", state.fsync),
        ("--mode", state.options?.mode ?? "lww"),
        ("--quorum", state.options?.quorum ?? "strict"),
        ("--read-repair", state.options?.readRepair ?? "async"),
        ("--network", state.options?.network ?? "loopback"),
        ("--disks", state.options?.disks ?? "folders"),
    ]
    for (option, value) in shape {
        guard let given = arguments.value(option), given != value else { continue }
        throw CommandFailure(
            .misuse,
            "\(folder) holds a cluster with \(option) \(value), and its shape stays: leave "
                + "\(option) out, or name another folder")
    }
    if arguments.has("--memory"), state.fsync != "memory" {
        throw CommandFailure(
            .misuse, "\(folder) holds a cluster with data on disk: leave --memory out")
    }
}

private func new(_ folder: String, _ arguments: Arguments) throws -> LocalCluster {
    let nodes = try arguments.integer("--nodes", in: 1...64) ?? 5
    let n = try arguments.integer("--n", in: 1...min(nodes, Limits.replicas)) ?? min(3, nodes)
    let majority = n / 2 + 1
    let modes = ["always", "everysec", "never"]
    let fsync = try arguments.value("--fsync", expected: "always, everysec or never") {
        modes.contains($0) ? $0 : nil
    }
    if arguments.has("--memory"), fsync != nil {
        throw CommandFailure(.misuse, "--memory and --fsync exclude each other")
    }
    let mode = try arguments.value("--mode", expected: "lww, siblings, abd or cp") {
        ["lww", "siblings", "abd", "cp"].contains($0) ? $0 : nil
    }
    let syncs = !arguments.has("--memory") && fsync ?? "always" == "always"
    if let mode, ["abd", "cp"].contains(mode), !syncs {
        throw CommandFailure(.misuse, "--mode \(mode) needs --fsync always")
    }
    var options = ClusterOptions()
    options.mode = mode == "lww" ? nil : mode
    options.usesRelay = arguments.has("--relay")
    options.network = try arguments.value("--network", expected: "loopback or namespaces") {
        ["loopback", ClusterOptions.namespaces].contains($0) ? $0 : nil
    }
    options.disks = try arguments.value("--disks", expected: "folders or images") {
        ["folders", ClusterOptions.images].contains($0) ? $0 : nil
    }
    if options.network == ClusterOptions.namespaces, options.usesRelay {
        throw CommandFailure(.misuse, "--relay and --network namespaces exclude each other")
    }
    if options.disks == ClusterOptions.images {
        if arguments.has("--memory") {
            throw CommandFailure(.misuse, "--memory and --disks images exclude each other")
        }
        guard DiskImage.isAllowed else {
            throw CommandFailure(.environment, "--disks images needs root, to mount them")
        }
    }
    options.quorum = try arguments.value("--quorum", expected: "strict or sloppy") {
        QuorumKind(rawValue: $0)?.rawValue
    }
    options.readRepair = try arguments.value("--read-repair", expected: "none, async or blocking") {
        ReadRepair(rawValue: $0)?.rawValue
    }
    return try LocalCluster(
        folder: folder, nodes: nodes, n: n,
        r: try arguments.integer("--r", in: 1...n) ?? majority,
        w: try arguments.integer("--w", in: 1...n) ?? majority,
        fsync: arguments.has("--memory") ? "memory" : fsync ?? "always", options: options)
}
