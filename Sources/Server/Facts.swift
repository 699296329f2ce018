import Basics
import Glibc
import Membership
import Partitioning
import Platform
import Replication
import Storage
import Wire

/// What `INFO` and its like may tell: the constant part of a node, and counts that the loop
/// refreshes once a turn.
final class Facts: ServerFacts {
    let configuration: ServerConfiguration
    var placement: Placement
    /// By node index.
    var members: [RingMember]
    var ring = RingState()
    var progress = RingProgress()
    /// What the cluster has decided, for those who join.
    var definition: () -> ClusterDefinition = { ClusterDefinition() }
    let incarnation: UInt64
    let clientPort: UInt16
    let peerPort: UInt16
    let maximumClients: Int
    let startedAt = Clocks.monotonic()

    let meter = RequestMeter()
    let slowLog: SlowLog
    var registry = ClientRegistry()
    /// Whether a client has asked to count anew, and what lines are to be logged.
    var isResetWanted = false
    var logLevel: Log.Level
    var counters = Counters()
    var records = 0
    /// All keyspaces, as of that version of the definition.
    var spaces: [Keyspace] = []
    var definitionVersion: UInt64 = 0
    private let foundingPlacement: Placement
    /// One for each N that was asked for.
    private var placements: [Placement] = []
    /// What is held for others, by node index.
    var owed: [HintsOwed] = []
    /// What comparisons have shown, by node index.
    var comparisons: [PeerComparison] = []
    var comparisonsRevision: UInt64 = .max
    var isComparing = false
    /// What a client has asked for and the loop has not yet done: whether only to look.
    var comparisonAsked: Bool?
    /// Forgetting deletions: whether it goes on, what came of it, and since when it is blocked.
    var isCollecting = false
    var collected = CollectionResult()
    var collectionBlockedSince: Instant?
    var isCollectionAsked = false
    var inFlight = 0
    var housekeeping = LogStore.Housekeeping()
    var scrub = Scrubber.Findings()
    /// A snapshot that a client has asked for since the last turn.
    var snapshotWanted: String?
    var clients = 0
    var accepted: UInt64 = 0
    var refused: UInt64 = 0
    /// Connections at the peer port, or made to peers, that failed the handshake.
    var peersRefused: UInt64 = 0
    var traffic = Traffic()
    /// Times that the log was synced; asks whoever syncs it.
    var syncs: () -> UInt64 = { 0 }
    /// By node index.
    var isReachable: [Bool]
    /// What the members together think, by node index.
    var memberStatus: [MemberStatus]

    init(
        _ configuration: ServerConfiguration, _ placement: Placement, incarnation: UInt64,
        clientPort: UInt16, peerPort: UInt16, maximumClients: Int
    ) {
        self.configuration = configuration
        self.placement = placement
        foundingPlacement = placement
        self.incarnation = incarnation
        self.clientPort = clientPort
        self.peerPort = peerPort
        self.maximumClients = maximumClients
        slowLog = SlowLog(
            threshold: configuration.slowLog, limit: configuration.slowLogEntries)
        logLevel = configuration.logLevel
        members = configuration.members.map {
            RingMember(name: $0.name, address: "\($0.address)", rack: $0.rack)
        }
        isReachable = configuration.members.map { $0.name == configuration.name }
        memberStatus = configuration.members.map { _ in .alive }
        placements = [placement]
    }

    func snapshot(_ name: String) -> SnapshotAnswer {
        guard let folder = configuration.dataDirectory else {
            return .failed(
                "this node keeps everything in memory only: it was started without --data")
        }
        if let wanted = snapshotWanted {
            return wanted == name ? .inProgress : .failed("another snapshot is being made")
        }
        if let state = housekeeping.snapshot, state.name == name || !state.isDone {
            guard state.name == name else { return .failed("another snapshot is being made") }
            guard state.isDone else { return .inProgress }
            if let failure = state.failure { return .failed(failure) }
            return .done("\(folder)/\(DataDirectory.snapshots)/\(name)")
        }
        snapshotWanted = name
        return .started
    }

    func information(section: String) -> String {
        let wanted = section.lowercased()
        let sections = [
            ("Server", server), ("Clients", clientLines), ("Memory", memory),
            ("Persistence", persistence), ("Stats", stats),
            ("Cluster", cluster), ("Ring", ringLines), ("Handoff", handoff),
            ("AntiEntropy", antiEntropy), ("Collection", collection), ("CommandStats", classes),
            ("Keyspace", ["db0:keys=\(records),expires=0,avg_ttl=0"]),
        ]
        var text = ""
        for (name, lines) in sections
        where ["", "all", "default", "everything", name.lowercased()].contains(wanted) {
            if !text.isEmpty { text += "\r\n" }
            text += "# \(name)\r\n" + lines.map { $0 + "\r\n" }.joined()
        }
        return text
    }

    private var server: [String] {
        let uptime = (Clocks.monotonic() - startedAt).nanoseconds / 1_000_000_000
        return [
            "server:quorumeter", "process_id:\(getpid())", "tcp_port:\(clientPort)",
            "peer_port:\(peerPort)", "uptime_in_seconds:\(uptime)",
            "data:\(configuration.dataDirectory ?? "memory")",
            "fsync:\(configuration.dataDirectory == nil ? "none" : configuration.fsync.rawValue)",
        ]
    }

    private var clientLines: [String] {
        [
            "connected_clients:\(clients)", "maxclients:\(maximumClients)",
            "requests_in_flight:\(inFlight)",
        ]
    }

    private var memory: [String] {
        var lines: [String] = []
        if let jemalloc = JemallocStatistics() {
            lines += [
                "used_memory:\(jemalloc.allocated)", "active_memory:\(jemalloc.active)",
                "resident_memory:\(jemalloc.resident)",
                "allocations_total:\(JemallocStatistics.allocations ?? 0)",
                "allocated_by_loop_total:\(JemallocStatistics.allocatedByThread)",
                "mem_allocator:jemalloc-\(JemallocStatistics.version ?? "unknown")",
            ]
        }
        if let resident = ProcessIdentity.own?.residentBytes {
            lines.append("used_memory_rss:\(resident)")
        }
        return lines
    }

    private var stats: [String] {
        [
            "total_connections_received:\(accepted)", "rejected_connections:\(refused)",
            "peers_refused:\(peersRefused)",
            "total_commands_processed:\(counters.gets + counters.puts + counters.deletes)",
            "gets:\(counters.gets)", "puts:\(counters.puts)", "deletes:\(counters.deletes)",
            "refused:\(counters.refused)", "unknown:\(counters.unknown)",
            "retransmissions:\(counters.retransmissions)",
            "read_repairs:\(counters.readRepairs)", "write_backs:\(counters.writeBacks)",
            "stale_reads:\(counters.staleReads)",
            "peeks:\(counters.peeks)", "split_reads:\(counters.splitReads)",
            "one_phase_rounds:\(counters.onePhaseRounds)",
            "two_phase_rounds:\(counters.twoPhaseRounds)", "duels:\(counters.duels)",
            "doubts_resolved:\(counters.doubtsResolved)",
            "proposals_passed_on:\(counters.proposalsPassedOn)",
            "clock_rejections:\(counters.clockRejections)",
            "passed_on:\(counters.passedOn)", "bad_contexts:\(counters.badContexts)",
            "sibling_overflows:\(counters.siblingOverflows)",
            "messages_sent:\(counters.messagesSent)",
            "messages_received:\(counters.messagesReceived)",
            "scans:\(counters.scans)", "scan_rounds:\(counters.scanRounds)",
            "digest_refetches:\(counters.digestRefetches)", "hedges:\(counters.hedges)",
            "slow_requests:\(slowLog.count)",
            "sync_requests:\(counters.syncRequests)", "log_syncs:\(syncs())",
            "total_net_input_bytes:\(traffic.fromClients)",
            "total_net_output_bytes:\(traffic.toClients)",
            "peer_input_bytes:\(traffic.fromPeers)", "peer_output_bytes:\(traffic.toPeers)",
        ]
    }

    /// By class of requests, as Redis has it by command.
    private var classes: [String] {
        RequestClass.allCases.compactMap { kind in
            let calls = RequestMeter.Outcome.allCases.reduce(0) { $0 + meter.count(kind, $1) }
            guard calls > 0 else { return nil }
            let microseconds = meter.sum(kind) / 1_000
            return "cmdstat_\(kind.name):calls=\(calls),usec=\(microseconds),"
                + "usec_per_call=\(microseconds / calls),"
                + "failed_calls=\(meter.count(kind, .failed)),"
                + "unknown_calls=\(meter.count(kind, .unknown))"
        }
    }

    private var persistence: [String] {
        [
            "read_only:\(housekeeping.isFull ? 1 : 0)", "log_bytes:\(housekeeping.logBytes)",
            "checkpoint_in_progress:\(housekeeping.isCheckpointing ? 1 : 0)",
            "checkpoints:\(housekeeping.checkpoints)",
            "checkpoints_refused:\(housekeeping.checkpointsRefused)",
            "writes_refused_for_room:\(counters.refusedForRoom)",
            "scrub_rounds:\(scrub.rounds)", "scrubbed_bytes:\(scrub.bytes)",
            "scrub_damaged_files:\(scrub.damaged)",
        ]
    }

    private var handoff: [String] {
        [
            "hints_owed:\(owed.reduce(0) { $0 + $1.count })",
            "hint_bytes:\(owed.reduce(0) { $0 + $1.bytes })",
            "hints_kept:\(counters.hintsKept)", "hints_delivered:\(counters.hintsDelivered)",
            "hints_expired:\(counters.hintsExpired)", "hints_refused:\(counters.hintsRefused)",
            "hints_retargeted:\(counters.hintsRetargeted)",
        ] + hintsOwed().map { "owed_\($0.owner):hints=\($0.count),bytes=\($0.bytes)" }
    }

    private var antiEntropy: [String] {
        let now = Clocks.monotonic()
        var lines = [
            "anti_entropy:\(configuration.replication.antiEntropy == nil ? "off" : "on")",
            "comparing:\(isComparing ? 1 : 0)", "comparisons:\(counters.comparisons)",
            "comparisons_abandoned:\(counters.comparisonsAbandoned)",
            "comparisons_malformed:\(counters.comparisonsMalformed)",
            "comparison_bytes_sent:\(counters.comparisonBytesSent)",
            "records_sent:\(counters.recordsSent)",
            "record_bytes_sent:\(counters.recordBytesSent)",
        ]
        for (member, known) in zip(members, comparisons)
        where member.name != configuration.name {
            let age = known.compared.map { (now - $0).nanoseconds / 1_000_000 } ?? -1
            lines.append(
                "compared_\(member.name):equal=\(known.isEqual ? 1 : 0),"
                    + "pending=\(known.isPending ? 1 : 0),preview=\(known.wasPreview ? 1 : 0),"
                    + "differing=\(known.differing),bytes=\(known.bytes),young=\(known.young),"
                    + "age_ms=\(age)")
        }
        return lines
    }

    func compareReplicas(preview: Bool) -> String? {
        comparisonAsked = preview
        return nil
    }

    func collectDeletions() -> String? {
        isCollectionAsked = true
        return nil
    }

    private var collection: [String] {
        let interval = configuration.replication.collection?.interval
        let blocked = collectionBlockedSince.map {
            (Clocks.monotonic() - $0).nanoseconds / 1_000_000_000
        }
        return [
            "collection:\(interval == nil ? "off" : "on")",
            "collecting:\(isCollecting || isCollectionAsked ? 1 : 0)",
            "collections:\(counters.collections)",
            "collections_abandoned:\(counters.collectionsAbandoned)",
            "deletions_forgotten:\(counters.deletionsForgotten)",
            "collection_blocked_seconds:\(blocked ?? 0)",
            "collected_shards:\(collected.purged)", "collected_shards_left:\(collected.left)",
            "collected_nodes_silent:\(collected.waiting)",
            "writes_fenced:\(counters.writesFenced)",
            "writes_restamped:\(counters.writesRestamped)",
            "obsolete_dropped:\(counters.obsoleteDropped)",
            "registers_caught_up:\(counters.registersCaughtUp)",
            "registers_settled:\(counters.registersSettled)",
            "writes_unreserved:\(counters.unreserved)",
        ]
    }

    private var cluster: [String] {
        let owned = placement.ownership()
        var lines = [
            "cluster_name:\(configuration.clusterName)", "node:\(configuration.name)",
            "incarnation:\(incarnation)", "n:\(configuration.replication.n)",
            "r:\(configuration.replication.r)", "w:\(configuration.replication.w)",
            "mode:\(configuration.replication.mode.rawValue)",
            "shards:\(placement.shardCount)", "members:\(members.count { $0.role != .removed })",
            "reachable:\(isReachable.filter { $0 }.count)",
        ]
        var number = 0
        for (index, member) in members.enumerated() where member.role != .removed {
            number += 1
            lines.append(
                "member\(number):name=\(member.name),peer=\(member.address),"
                    + "reachable=\(isReachable[index] ? 1 : 0),"
                    + "status=\(memberStatus[index]),shards=\(owned[index]),"
                    + "role=\(member.role),rack=\(member.rack)")
        }
        return lines
    }

    func parameters() -> [(name: String, value: String)] {
        [
            ("appendfsync", configuration.fsync.rawValue),
            ("appendonly", configuration.dataDirectory == nil ? "no" : "yes"),
            ("databases", "1"), ("loglevel", "\(logLevel)"), ("maxclients", "\(maximumClients)"),
            ("mode", configuration.replication.mode.rawValue),
            ("n", "\(configuration.replication.n)"), ("port", "\(clientPort)"),
            ("proto-max-bulk-len", "\(Limits.valueBytes)"),
            ("quorum", configuration.replication.quorumKind.rawValue),
            ("r", "\(configuration.replication.r)"),
            ("read-repair", configuration.replication.readRepair.rawValue), ("save", ""),
            (
                "slowlog-log-slower-than",
                "\(slowLog.threshold.map { $0.nanoseconds / 1_000 } ?? -1)"
            ),
            ("slowlog-max-len", "\(slowLog.limit)"),
            ("timeout-ms", "\(configuration.replication.timeout.nanoseconds / 1_000_000)"),
            ("w", "\(configuration.replication.w)"),
        ]
    }

    func setParameter(_ name: String, _ value: String) -> String? {
        switch name {
        case "slowlog-log-slower-than":
            guard let microseconds = Int(value), microseconds >= -1 else {
                return "\(name) needs microseconds, or -1 for none"
            }
            slowLog.threshold = microseconds < 0 ? nil : .microseconds(microseconds)
        case "slowlog-max-len":
            guard let count = Int(value), (0...SlowLog.mostEntries).contains(count) else {
                return "\(name) needs a whole number from 0 to \(SlowLog.mostEntries)"
            }
            slowLog.limit = count
        case "loglevel":
            guard let level = Log.Level(value) else {
                return "\(name) needs error, warning, info or debug"
            }
            logLevel = level
        default:
            let isKnown = parameters().contains { $0.name == name }
            return isKnown
                ? "\(name) is given at the start, and cannot be changed while the node runs"
                : "unknown parameter '\(name)'; CONFIG GET * names all"
        }
        return nil
    }

    func wallTime() -> WallTime { configuration.controls?.moment().wall ?? Clocks.wall() }

    func clients(_ numbers: [UInt64]?) -> String {
        registry.lines(numbers, at: Clocks.monotonic(), listen: configuration.listen)
    }

    func noteClient(_ number: UInt64, _ note: ClientNote) { registry.note(number, note) }

    func killClients(_ choice: ClientChoice) -> Int { registry.kill(choice) }

    func resetStatistics() { isResetWanted = true }

    func slowEntries(limit: Int) -> [SlowEntry] { slowLog.last(limit) }

    func forgetSlowEntries() { slowLog.forget() }

    func replicaName(_ position: Int, of answered: Answered) -> String {
        let placement = placement(n: Int(answered.n))
        let shard = Int(answered.shard)
        guard shard < placement.shardCount, position < placement.candidateCount else {
            return "?"
        }
        return members[Int(placement.candidate(position, of: shard).index)].name
    }

    func forgetPlacements() { placements = [placement] }

    private func placement(n: Int) -> Placement {
        if let known = placements.first(where: { $0.n == n }) { return known }
        let founding = foundingPlacement.with(n: n, racks: configuration.members.map(\.rack))
        placements.append(founding.after(ring))
        return placements[placements.count - 1]
    }

    func hintsOwed() -> [(owner: String, count: Int, bytes: Int)] {
        zip(members, owed).filter { $0.1.count > 0 }
            .map { ($0.0.name, $0.1.count, $0.1.bytes) }
    }

    func keyspaces() -> [Keyspace] { spaces }

    func recordCount() -> Int { records }

    func requestTimeout() -> Instant.Duration { configuration.replication.timeout }
}

/// Bytes that a node has read and written.
struct Traffic {
    var fromClients: UInt64 = 0
    var toClients: UInt64 = 0
    var fromPeers: UInt64 = 0
    var toPeers: UInt64 = 0
}
