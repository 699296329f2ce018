import Basics
import Experiments
import Platform
import Replication
import Server

/// `quorumeter serve`.
let serveCommand = Command(
    syntax: CommandSyntax(
        name: "serve",
        abstract: "Run one store node.",
        discussion: """
            Serves Redis clients and the other members of its cluster until SIGTERM or Ctrl-C. All \
            members must be given the same names and the same --n. Without --data it keeps \
            everything in memory only.

            When asked to end it begins nothing new, finishes what runs (--drain), makes its log \
            durable and exits with 0; asked a second time it ends at once. Options may stand in a \
            file (--config), where they have no dashes; docs/CONFIG.md has all of them.
            """,
        options: [
            Option(
                "--config", takes: .value("FILE"),
                help: "Read options from this YAML file; those given here win."),
            Option(
                "--listen", takes: .value("HOST:PORT"), help: "Where clients connect.",
                default: "127.0.0.1:7001"),
            Option(
                "--peer-listen", takes: .value("HOST:PORT"), help: "Where other nodes connect.",
                default: "the client port + 10000"),
            Option(
                "--name", takes: .value("NAME"), help: "The node's name in the cluster.",
                default: "its peer address"),
            Option(
                "--data", takes: .value("DIR"), help: "Keep a log here.", default: "memory only"),
            Option(
                "--fsync", takes: .value("MODE"),
                help: "When appended records become durable: always, everysec or never.",
                default: "always"),
            Option(
                "--log-size", takes: .value("SIZE"),
                help: "The log may always grow to this before a checkpoint replaces it.",
                default: "256MiB"),
            Option(
                "--scrub", takes: .value("DURATION"),
                help:
                    "Read the files of --data again once in this time, and renew what has rotted.",
                default: "168h"),
            .flag(
                "--rebuild",
                help: "If the files of --data are damaged, put them aside and start empty."),
            Option(
                "--join", takes: .value("[NAME@]HOST:PORT[/RACK]"),
                help: "Another founder of the cluster and its peer address.", repeatable: true),
            Option(
                "--rack", takes: .value("RACK"),
                help: "What fails together with this node: replicas are put into distinct racks."),
            Option(
                "--into", takes: .value("HOST:PORT"),
                help:
                    "Join a cluster that runs, of which this is a member's client address. N and "
                    + "mode are the cluster's. Started again, the node knows it from --data."),
            Option(
                "--replace", takes: .value("NAME"),
                help: "--into: take the place of this member, which is dead."),
            Option(
                "--stream-rate", takes: .value("BYTES"),
                help: "What a node asks others for a second when it comes to hold shards.",
                default: "32MiB"),
            Option(
                "--n", takes: .value("N"), help: "Replicas of each key.",
                default: "3, or the number of members if that is less"),
            Option(
                "--r", takes: .value("R"), help: "Replicas that answer a read.",
                default: "a majority of N"),
            Option(
                "--w", takes: .value("W"), help: "Replicas that acknowledge a write.",
                default: "a majority of N"),
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
                help:
                    "What concurrent writes come to. lww: the newest stays. siblings: all stay "
                    + "until a write that has seen them. abd: atomic registers of reads and "
                    + "writes. cp: consensus registers with compare-and-set. abd and "
                    + "cp are linearizable, and need --data and --fsync always.",
                default: "lww"),
            Option(
                "--anti-entropy", takes: .value("DURATION"),
                help: "How often replicas compare what they hold, or off.", default: "10m"),
            Option(
                "--collect", takes: .value("DURATION"),
                help: "How often deletions that all replicas know are forgotten, or off.",
                default: "10m"),
            Option(
                "--repair-rate", takes: .value("BYTES"),
                help: "What a node sends a second to replicas that a comparison found behind.",
                default: "4MiB"),
            Option(
                "--timeout", takes: .value("DURATION"), help: "How long a request may wait.",
                default: "1s"),
            Option(
                "--cluster", takes: .value("NAME"), help: "The cluster's name.",
                default: "quorumeter"),
            Option(
                "--metrics", takes: .value("HOST:PORT"),
                help: "Serve figures to Prometheus here, at /metrics.", default: "nowhere"),
            Option(
                "--slow-log", takes: .value("DURATION"),
                help: "Keep requests that take longer (SLOWLOG GET), or off.", default: "10ms"),
            Option(
                "--slow-log-entries", takes: .value("COUNT"),
                help: "How many slow requests are kept.", default: "128"),
            Option(
                "--drain", takes: .value("DURATION"),
                help: "How long the node goes on with what runs when it is asked to end.",
                default: "10s"),
            Option(
                "--max-clients", takes: .value("COUNT"), help: "Connections of clients at once.",
                default: "10000"),
            Option(
                "--log-level", takes: .value("LEVEL"),
                help: "Which lines to log: error, warning, info or debug.", default: "info"),
            Option(
                "--hedge", takes: .value("SHARE"),
                help:
                    "Reads ask R replicas only, and one more when one of them takes longer than "
                    + "this share of its answers did (p50 to p99.9), or off: reads ask all.",
                default: "off"),
            Option(
                "--digest", takes: .value("SIZE"),
                help:
                    "Ask one replica for the value and the others for its version only, where "
                    + "values are longer than this on average, or off.", default: "4KiB"),
            Option(
                "--routes", takes: .value("FILE"),
                help: "Dial members elsewhere: lines NAME HOST:PORT, read again on SIGHUP."),
            Option(
                "--with-parent", takes: .value("PID"),
                help: "End at once when this process, which must be the parent, ends."),
            .flag(
                "--unsafe-testing",
                help:
                    "Allow faults that only tests may inject (what follows), and --mode abd or cp "
                    + "without a synced log."),
            Option(
                "--controls", takes: .value("FILE"),
                help: "Clock and disk as this file says, changed while the node runs."),
            Option(
                "--storage", takes: .value("lossy:SEED"),
                help: "Lose appended bytes that were not synced when the process is killed."),
            Option(
                "--disk-image", takes: .value("FILE"),
                help:
                    "Mount this ext4 image on --data, for this process alone, so that its power "
                    + "can be cut; needs root."),
            Option(
                "--peer-network", takes: .value("FILE"),
                help: "Meet the other nodes in this network namespace."),
            Option(
                "--user-namespace", takes: .value("FILE"),
                help: "Enter this one before the network's."),
        ],
        examples: [
            "quorumeter serve",
            "quorumeter serve --name n1 --listen 127.0.0.1:7001 --data /tmp/n1 "
                + "--join n2@127.0.0.1:17002 --join n3@127.0.0.1:17003",
            "quorumeter serve --metrics 127.0.0.1:9121 --slow-log 50ms",
        ]),
    run: { given in
        let arguments = try withConfiguration(given)
        return try naming(given) { try startNode(arguments) }
    })

private func startNode(_ arguments: Arguments) throws -> ExitCode {
    do {
        let listen = try address("--listen", arguments) ?? .loopback(7_001)
        let bootstrap = try bootstrapLine(arguments, listen: listen)
        var configuration = try serverConfiguration(
            arguments, listen: listen, bootstrap: bootstrap?.bootstrap)
        configuration.rebuild = arguments.has("--rebuild")
        configuration.metrics = try address("--metrics", arguments)
        try setStorage(&configuration, arguments)
        try setOperation(&configuration, arguments)
        try prepareForTesting(&configuration, arguments)
        var node = try NodeProcess(configuration)
        if let folder = configuration.dataDirectory, let bootstrap {
            try FileSystem.replace(
                "\(folder)/\(Bootstrap.fileName)", with: Array(bootstrap.line.utf8))
        }
        let code = node.run()
        if code != 0 { throw ServeEnd(code: code) }
        try FileFaults.uninstall()
        return .held
    } catch let error as ConfigurationError {
        throw CommandFailure(.misuse, error.description)
    } catch let error as ServeError {
        throw ServeEnd(code: error.code, reason: error.description)
    }
}

private func address(_ option: String, _ arguments: Arguments) throws -> SocketAddress? {
    guard let text = arguments.value(option) else { return nil }
    do { return try SocketAddress(text) } catch {
        throw CommandFailure(.misuse, "\(option): \(error)")
    }
}

/// Who it is and what it promises.
private func serverConfiguration(
    _ arguments: Arguments, listen: SocketAddress, bootstrap: Bootstrap?
) throws -> ServerConfiguration {
    let fsync =
        try arguments.value("--fsync", expected: "always, everysec or never") {
            FsyncMode(rawValue: $0)
        } ?? .always
    let readRepair =
        try arguments.value("--read-repair", expected: "none, async or blocking") {
            ReadRepair(rawValue: $0)
        } ?? .asynchronous
    let quorumKind =
        try arguments.value("--quorum", expected: "strict or sloppy") {
            QuorumKind(rawValue: $0)
        } ?? .strict
    let mode =
        try arguments.value("--mode", expected: "lww, siblings, abd or cp") {
            ConflictMode(rawValue: $0)
        } ?? .lww
    let timeout =
        try arguments.value("--timeout", expected: "a duration such as 500ms or 2s") {
            Instant.Duration($0)
        } ?? .seconds(1)
    return try ServerConfiguration(
        name: arguments.value("--name"),
        listen: listen,
        peerListen: try address("--peer-listen", arguments), joins: arguments.values("--join"),
        n: try arguments.integer("--n", in: 1...15), r: try arguments.integer("--r", in: 1...15),
        w: try arguments.integer("--w", in: 1...15), timeout: timeout, readRepair: readRepair,
        quorumKind: quorumKind, mode: mode, antiEntropy: try antiEntropyLimits(arguments),
        collection: try collectionLimits(arguments),
        dataDirectory: arguments.value("--data"), fsync: fsync,
        clusterName: arguments.value("--cluster") ?? "quorumeter",
        rack: arguments.value("--rack") ?? "", bootstrap: bootstrap,
        isUnsafeAllowed: arguments.has("--unsafe-testing"))
}

/// How the log is kept.
private func setStorage(
    _ configuration: inout ServerConfiguration, _ arguments: Arguments
) throws {
    let logBytes = try arguments.value(
        "--log-size", expected: "a size such as 64MiB", Quantities.bytes)
    let scrub = try arguments.value("--scrub", expected: "a duration such as 12h") {
        Instant.Duration($0)
    }
    let streamRate = try arguments.value(
        "--stream-rate", expected: "at least 64KiB, such as 32MiB", Quantities.bytes)
    if let streamRate { configuration.streamBytesPerSecond = max(64 << 10, streamRate) }
    configuration.logBytes = max(1 << 20, logBytes ?? configuration.logBytes)
    configuration.scrubInterval = max(.milliseconds(100), scrub ?? configuration.scrubInterval)
}

/// What a cluster that runs says of itself, or said when this node joined it; nil for a founder.
private func bootstrapLine(
    _ arguments: Arguments, listen: SocketAddress
) throws -> (bootstrap: Bootstrap, line: String)? {
    guard let text = arguments.value("--into") else {
        if arguments.has("--replace") {
            throw CommandFailure(.misuse, "--replace needs --into beside it")
        }
        return nil
    }
    if arguments.has("--join") || arguments.has("--n") || arguments.has("--mode") {
        throw CommandFailure(
            .misuse,
            "--into: the cluster says who its members are, N and mode; leave out --join, "
                + "--n and --mode")
    }
    do {
        if let folder = arguments.value("--data") {
            let path = "\(folder)/\(Bootstrap.fileName)"
            if try FileSystem.kind(of: path) != nil {
                let line = try FileSystem.text(path)
                return (try Bootstrap(line), line)
            }
        }
        let seed = try SocketAddress(text)
        let peer =
            try arguments.value("--peer-listen").map { try SocketAddress($0) }
            ?? ServerConfiguration.peerAddress(nil, besides: listen)
        guard peer.port != 0 else {
            throw CommandFailure(.misuse, "--into: others must know the ports, which cannot be 0")
        }
        let line = try Joining(
            seed: seed, name: arguments.value("--name") ?? "\(peer)", peer: peer,
            rack: arguments.value("--rack"), replaced: arguments.value("--replace"),
            keepsData: arguments.has("--data")
        ).ask()
        return (try Bootstrap(line), line)
    } catch let error as CommandFailure {
        throw error
    } catch {
        throw CommandFailure(.misuse, "--into: \(error)")
    }
}

private func collectionLimits(_ arguments: Arguments) throws -> CollectionLimits? {
    guard let word = arguments.value("--collect") else { return CollectionLimits() }
    if word == "off" { return nil }
    guard let interval = Instant.Duration(word), interval >= .seconds(1) else {
        throw CommandFailure(.misuse, "--collect: expected off or at least 1s, found '\(word)'")
    }
    return CollectionLimits(interval: interval)
}

private func antiEntropyLimits(_ arguments: Arguments) throws -> AntiEntropyLimits? {
    var limits = AntiEntropyLimits()
    if let word = arguments.value("--anti-entropy") {
        if word == "off" { return nil }
        guard let interval = Instant.Duration(word), interval >= .seconds(1) else {
            throw CommandFailure(
                .misuse, "--anti-entropy: expected off or at least 1s, found '\(word)'")
        }
        limits.interval = interval
    }
    if let rate = try arguments.value(
        "--repair-rate", expected: "at least 1KiB, such as 4MiB", { Quantities.bytes($0) })
    {
        guard rate >= 1_024 else {
            throw CommandFailure(.misuse, "--repair-rate: expected at least 1KiB")
        }
        limits.bytesPerSecond = rate
    }
    return limits
}

/// What operators set, besides what the store does.
private func setOperation(
    _ configuration: inout ServerConfiguration, _ arguments: Arguments
) throws {
    if let word = arguments.value("--slow-log") {
        configuration.slowLog =
            word == "off"
            ? nil
            : try arguments.value("--slow-log", expected: "off or a duration such as 10ms") {
                Instant.Duration($0)
            }
    }
    if let count = try arguments.integer("--slow-log-entries", in: 0...10_000) {
        configuration.slowLogEntries = count
    }
    if let drain = try arguments.value(
        "--drain", expected: "a duration such as 10s, or 0s", { Instant.Duration($0) })
    {
        configuration.drain = drain
    }
    if let count = try arguments.integer("--max-clients", in: 1...1_000_000) {
        configuration.maximumClients = count
    }
    if let level = try arguments.value(
        "--log-level", expected: "error, warning, info or debug", { Log.Level($0) })
    {
        configuration.logLevel = level
    }
    if arguments.value("--digest") == "off" {
        configuration.digestBytes = nil
    } else if let size = try arguments.value(
        "--digest", expected: "off or a size such as 4KiB", Quantities.bytes)
    {
        configuration.digestBytes = size
    }
    if let word = arguments.value("--hedge"), word != "off" {
        configuration.hedge = try arguments.value("--hedge", expected: "off, or p50 to p99.9") {
            text in
            guard text.hasPrefix("p"), let percent = Double(text.dropFirst()),
                (50...99.9).contains(percent)
            else { return nil }
            return UInt16((percent * 10).rounded())
        }
    }
}

/// Sets up what only tests ask for, and refuses what contradicts it.
private func prepareForTesting(
    _ configuration: inout ServerConfiguration, _ arguments: Arguments
) throws {
    if let parent = try arguments.integer("--with-parent", in: 1...Int(Int32.max)) {
        try Lifetime.endWithParent(Int32(parent))
    }
    if let path = arguments.value("--routes") {
        do { _ = try Routes(path) } catch { throw CommandFailure(.misuse, error.description) }
        configuration.routes = path
    }
    let isAllowed = arguments.has("--unsafe-testing")
    let ofTests = ["--controls", "--storage", "--disk-image", "--peer-network", "--user-namespace"]
    for option in ofTests where arguments.has(option) && !isAllowed {
        throw CommandFailure(
            .misuse, "\(option) is for tests only: it needs --unsafe-testing beside it")
    }
    var seed: UInt64?
    if let text = arguments.value("--storage") {
        guard text.hasPrefix("lossy:"), let number = UInt64(text.dropFirst("lossy:".count)) else {
            throw CommandFailure(.misuse, "--storage: expected lossy:SEED, not “\(text)”")
        }
        guard configuration.dataDirectory != nil else {
            throw CommandFailure(.misuse, "--storage: there is no disk without --data")
        }
        seed = number
    }
    if let path = arguments.value("--peer-network") {
        configuration.peerNetwork = (arguments.value("--user-namespace"), path)
    }
    if let image = arguments.value("--disk-image") {
        guard let folder = configuration.dataDirectory, seed == nil else {
            throw CommandFailure(
                .misuse, "--disk-image: expected beside --data, and without --storage")
        }
        do { try DiskImage.mount(image, on: folder) } catch {
            throw CommandFailure(.environment, "\(image) cannot be mounted: \(error)")
        }
    }
    if let path = arguments.value("--controls") {
        configuration.controls = try LiveControls(path)
    }
    guard let folder = configuration.dataDirectory else { return }
    if seed == nil, try FileSystem.kind(of: FileFaults.journalPath(of: folder)) != nil {
        throw CommandFailure(
            .misuse,
            "\(FileFaults.journalPath(of: folder)) holds what \(folder) lost: start it with "
                + "--storage lossy:SEED again, or remove both")
    }
    if seed != nil || configuration.controls != nil {
        try FileFaults.install(
            below: folder, controls: configuration.controls, lossySeed: seed)
    }
}

/// How a node's process ends: `serve` has codes of its own beside those of other commands.
struct ServeEnd: Error {
    let code: Int32
    var reason: String?
}
