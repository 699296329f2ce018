import Basics
import Platform

/// `quorumeter admin`.
let adminCommand = Command(
    syntax: CommandSyntax(
        name: "admin",
        abstract: "Ask a running node to do something, or give a cluster back what was saved.",
        discussion: adminSnapshotText,
        positionals: "snapshot HOST:PORT NAME | restore HOST:PORT DIR...",
        positionalCount: 3...1_000,
        options: [
            .flag("--overwrite", help: "restore: replace the values of keys that exist."),
            Option(
                "--keyspace", takes: .value("ID=NAME"),
                help: "restore: where the records of a numbered keyspace go.", repeatable: true),
            Option(
                "--timeout", takes: .value("DURATION"), help: "snapshot: wait no longer than this.",
                default: "10m"),
        ],
        examples: [
            "quorumeter admin snapshot 127.0.0.1:7001 monday",
            "quorumeter admin restore 127.0.0.1:7001 n1/snapshots/monday n2/snapshots/monday",
        ]),
    run: { arguments in
        let address: SocketAddress
        do { address = try SocketAddress(arguments.positionals[1]) } catch {
            throw CommandFailure(.misuse, "\(error)")
        }
        switch arguments.positionals[0] {
        case "snapshot": return try adminSnapshot(address, arguments)
        case "restore": return try adminRestore(address, arguments)
        case let other:
            throw ArgumentError.unexpectedArgument(other, command: "admin snapshot|restore")
        }
    })
