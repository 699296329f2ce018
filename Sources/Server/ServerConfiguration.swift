import Basics
import Partitioning
import Platform
import Replication
import Storage

/// When appended log records become durable.
public enum FsyncMode: String, Sendable, CaseIterable {
    /// Before a write is acknowledged or revealed.
    case always
    /// Once a second: a crash of the machine may lose about a second of acknowledged writes.
    case everysec
    /// When the operating system likes.
    case never
}

/// A member of the cluster, as every node's configuration lists it.
public struct Member: Sendable, Hashable {
    public let name: String
    /// Where its peers reach it.
    public let address: SocketAddress
    /// What fails together with it; empty: nothing.
    public let rack: String

    public init(name: String, address: SocketAddress, rack: String = "") {
        self.name = name
        self.address = address
        self.rack = rack
    }
}

/// Everything that `serve` needs to know, checked.
public struct ServerConfiguration: Sendable {
    public let name: String
    /// Where clients connect.
    public let listen: SocketAddress
    /// Where other nodes connect.
    public let peerListen: SocketAddress
    /// The founders, sorted by name: a founder's index is its position here. This node is one of
    /// them unless it has joined later.
    public let members: [Member]
    /// What this node was told when it joined a cluster that runs; nil for a founder.
    public let bootstrap: Bootstrap?
    public private(set) var replication: Configuration
    /// Where the log lives; nil: memory only.
    public let dataDirectory: String?
    public let fsync: FsyncMode
    public let clusterName: String
    public var logLevel = Log.Level.info
    /// Where Prometheus may ask; nil: nowhere.
    public var metrics: SocketAddress?
    /// Requests that take longer are kept in the slow log; nil: none are.
    public var slowLog: Instant.Duration? = .milliseconds(10)
    /// Reads ask R replicas first, and others when one takes longer than this share of its answers
    /// did, in thousandths; nil: they ask all.
    public var hedge: UInt16? {
        get { replication.hedge }
        set { replication.hedge = newValue }
    }
    /// Values longer than this on average are asked of one replica only; nil: of all.
    public var digestBytes: Int? {
        get { replication.digestBytes }
        set { replication.digestBytes = newValue }
    }
    /// Slow requests that are kept.
    public var slowLogEntries = 128
    /// How long the node goes on with what runs when it is asked to stop.
    public var drain = Instant.Duration.seconds(10)
    /// Most client connections at once.
    public var maximumClients = 10_000
    /// A client that stops in the middle of a command for this long is disconnected.
    public var commandPatience = Instant.Duration.seconds(60)
    /// Another wall clock than the machine's; for tests.
    public var controls: LiveControls?
    /// A file of routes, read at the start and on SIGHUP (`Routes`).
    public var routes: String?
    /// Where the network namespace is in which peers are met, and the user namespace to be entered
    /// before. Clients stay where the node was started.
    public var peerNetwork: (users: String?, path: String)?

    /// Bytes a second that the node asks others for when it comes to hold shards.
    public var streamBytesPerSecond = 32 << 20
    /// What to do when the data directory is damaged: put its files aside and start empty.
    public var rebuild = false
    /// The log may always grow to this before a checkpoint takes the place of its older part.
    public var logBytes = LogStore.checkpointBytes
    /// The files of the data directory are read again once in this time.
    public var scrubInterval = Instant.Duration.seconds(7 * 86_400)

    /// A peer port that is not given is the client port plus this.
    public static let peerPortOffset = 10_000

    /// `joins` are the other members (this one may be among them), each `[NAME@]HOST:PORT[/RACK]`
    /// with the address for peers; a member without a name is named by its address. All members
    /// must be given the same names and racks. A node with a `bootstrap` joins others instead, who
    /// decide N and mode. N defaults to 3, or to the number of members when there are
    /// fewer; R and W default to a majority of N.
    public init(
        name: String? = nil, listen: SocketAddress = .loopback(7_001),
        peerListen: SocketAddress? = nil, joins: [String] = [], n: Int? = nil, r: Int? = nil,
        w: Int? = nil, timeout: Instant.Duration = .seconds(1),
        readRepair: ReadRepair = .asynchronous,
        quorumKind: QuorumKind = .strict, mode: ConflictMode = .lww,
        antiEntropy: AntiEntropyLimits? = AntiEntropyLimits(),
        collection: CollectionLimits? = CollectionLimits(), dataDirectory: String? = nil,
        fsync: FsyncMode = .always, clusterName: String = "quorumeter", rack: String = "",
        bootstrap: Bootstrap? = nil, isUnsafeAllowed: Bool = false
    ) throws(ConfigurationError) {
        let mode = bootstrap?.mode ?? mode
        let wanted = bootstrap?.n ?? n
        self.bootstrap = bootstrap
        try ServerConfiguration.check(
            mode, quorumKind, isDurable: dataDirectory != nil && fsync == .always,
            isUnsafeAllowed: isUnsafeAllowed)
        self.listen = listen
        self.dataDirectory = dataDirectory
        self.fsync = fsync
        self.clusterName = bootstrap?.clusterName ?? clusterName
        let peerListen = try ServerConfiguration.peerAddress(peerListen, besides: listen)
        self.peerListen = peerListen
        let own = name ?? "\(peerListen)"
        try ServerConfiguration.checkName(own)
        self.name = own
        if let bootstrap {
            members = bootstrap.founders
        } else {
            members = try ServerConfiguration.members(
                own: Member(name: own, address: peerListen, rack: rack), joins)
        }
        if let bootstrap, bootstrap.definition.ring.index(named: own) == nil {
            throw ConfigurationError("the cluster has no member \(own)")
        }
        let n = try ServerConfiguration.bounded("n", wanted ?? min(3, members.count), in: 1...15)
        guard n <= members.count else {
            throw ConfigurationError(
                "n is \(n), but the cluster has \(members.count) "
                    + "member\(members.count == 1 ? "" : "s"): name the others with --join, or "
                    + "lower --n")
        }
        let majority = n / 2 + 1
        replication = Configuration(
            n: UInt8(n),
            r: UInt8(
                try ServerConfiguration.bounded("r", r ?? bootstrap?.r ?? majority, in: 1...n)),
            w: UInt8(
                try ServerConfiguration.bounded("w", w ?? bootstrap?.w ?? majority, in: 1...n)),
            timeout: timeout,
            durability: dataDirectory != nil && fsync == .always ? .synced : .appended,
            readRepair: readRepair, quorumKind: quorumKind, antiEntropy: antiEntropy,
            collection: collection,
            mode: mode)
        if mode == .abd, replication.r + replication.w <= replication.n {
            throw ConfigurationError(
                "r + w is \(replication.r + replication.w), but atomic registers (--mode abd) need"
                    + " more than n, which is \(n)")
        }
        if mode == .cp, r ?? majority != majority || w ?? majority != majority {
            throw ConfigurationError(
                "consensus registers (--mode cp) decide by majorities: leave out --r and --w")
        }
    }

    /// What promises to be linearizable must not forget, nor let others stand in.
    private static func check(
        _ mode: ConflictMode, _ kind: QuorumKind, isDurable: Bool, isUnsafeAllowed: Bool
    ) throws(ConfigurationError) {
        switch mode {
        case .lww, .siblings: return
        case .abd, .cp: break
        }
        if kind == .sloppy {
            throw ConfigurationError(
                "--mode \(mode.rawValue) needs strict quorums: two sloppy ones need not meet")
        }
        if !isDurable, !isUnsafeAllowed {
            throw ConfigurationError(
                "--mode \(mode.rawValue) needs --data and --fsync always: a node that forgets what"
                    + " it has acknowledged breaks its promise (tests may say --unsafe-testing)")
        }
    }

    /// This node's place in the member list.
    public var id: NodeID {
        if let node = bootstrap?.definition.ring.index(named: name) { return node }
        guard let index = members.firstIndex(where: { $0.name == name }) else {
            preconditionFailure("a node is a member of its own cluster")
        }
        return NodeID(index)
    }

    public var memberNames: [String] { members.map(\.name) }

    /// Names the cluster: a hash of its name and its members' names. Addresses do not count, so
    /// that a node may move.
    public var clusterID: UInt64 {
        let text = ([clusterName] + memberNames).joined(separator: "\n")
        return Bytes.lending(Array(text.utf8)) { XXH3.hash64($0, seed: 0) }
    }

    /// The peer port that is given, or follows from the client port.
    public static func peerAddress(
        _ given: SocketAddress?, besides listen: SocketAddress
    ) throws(ConfigurationError) -> SocketAddress {
        if let given { return given }
        if listen.port == 0 { return SocketAddress(host: listen.host, port: 0) }
        guard let port = UInt16(exactly: Int(listen.port) + peerPortOffset) else {
            throw ConfigurationError(
                "the peer port would be \(listen.port) + \(peerPortOffset), which is above 65535: "
                    + "choose one with --peer-listen, or a lower --listen port")
        }
        return SocketAddress(host: listen.host, port: port)
    }

    private static func members(
        own: Member, _ joins: [String]
    ) throws(ConfigurationError) -> [Member] {
        var members = [own]
        for entry in joins {
            let member = try member(entry)
            if member.name == own.name || member.address == own.address && !entry.contains("@") {
                continue
            }
            if let known = members.first(where: { $0.name == member.name }) {
                guard known.address == member.address else {
                    throw ConfigurationError(
                        "the member \(member.name) has two addresses, \(known.address) and "
                            + "\(member.address)")
                }
                continue
            }
            if let known = members.first(where: { $0.address == member.address }) {
                throw ConfigurationError(
                    "the members \(known.name) and \(member.name) have one address, "
                        + "\(member.address)")
            }
            guard member.address.port != 0 else {
                throw ConfigurationError("the member \(entry) needs a port that is not 0")
            }
            members.append(member)
        }
        guard members.count <= Limits.nodes else {
            throw ConfigurationError(
                "the cluster has \(members.count) members; at most \(Limits.nodes) can be")
        }
        return members.sorted { $0.name < $1.name }
    }

    /// Reads `[NAME@]HOST:PORT[/RACK]`.
    private static func member(_ entry: String) throws(ConfigurationError) -> Member {
        let slash = entry.lastIndex(of: "/")
        let rack = slash.map { String(entry[entry.index(after: $0)...]) } ?? ""
        if slash != nil { try checkName(rack) }
        let parts = entry[..<(slash ?? entry.endIndex)].split(
            separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let address: SocketAddress
        do { address = try SocketAddress(String(parts[parts.count - 1])) } catch {
            throw ConfigurationError("--join \(entry): \(error)")
        }
        let name = parts.count == 2 ? String(parts[0]) : "\(address)"
        try checkName(name)
        return Member(name: name, address: address, rack: rack)
    }

    private static func checkName(_ name: String) throws(ConfigurationError) {
        let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "@") }
        guard isPlain, !name.isEmpty, name.utf8.count <= 64 else {
            throw ConfigurationError(
                "“\(name)” is not a node's name: expected 1 to 64 printable ASCII characters "
                    + "without spaces and @")
        }
    }

    private static func bounded(
        _ what: String, _ value: Int, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        guard range.contains(value) else {
            throw ConfigurationError(
                "\(what) must be from \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        return value
    }
}

/// What was wrong with what `serve` was told (exit code 2).
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Why a node could not start, or had to stop.
public struct ServeError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    /// The process's exit code.
    public let code: Int32

    init(_ code: Int32, _ description: String) {
        self.code = code
        self.description = description
    }

    /// The environment failed: a port in use, out of descriptors.
    static func environment(_ why: String) -> ServeError { ServeError(4, why) }
    /// The log could not be written or synced (EX_IOERR of sysexits.h).
    static func inputOutput(_ why: String) -> ServeError { ServeError(74, why) }
    /// The data directory belongs to another node or a newer release, or is damaged (EX_CONFIG).
    static func unusableData(_ why: String) -> ServeError { ServeError(78, why) }
}
