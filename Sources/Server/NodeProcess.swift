import Basics
import Glibc
import Membership
import Partitioning
import Platform
import Replication
import Storage
import Wire

/// One node of the store on this machine: the pure node, given sockets, a disk and clocks.
///
/// Each turn of the loop: sleep until something can happen; read the clocks once; read every
/// ready socket once and hand the events to the node, carrying out its effects after each; close
/// the turn's log batch and ask for one sync; write once to every connection that has output.
public struct NodeProcess: ~Copyable {
    let configuration: ServerConfiguration
    var log: Log
    let loop: EventLoop
    let clusterSeed: UInt64
    let handshake: Handshake
    var random: RandomSource
    var node: Node
    var effects = Effects()
    /// The turn's read buffer, shared by all connections.
    let buffer: UnsafeMutableRawBufferPointer

    private let disk: FileDisk?
    let scrubber: Scrubber?
    private let directory: DataDirectory?
    private let syncProgress: WakeUp
    /// Signalled, from any thread, it ends `run` as SIGTERM does.
    public let stopRequest: WakeUp
    var isStopping = false
    /// When it stops whatever still runs; set once it was asked to stop.
    private var drainUntil = Instant.distantFuture
    /// The definition whose members this node has links to.
    var followedVersion: UInt64 = 0
    /// Since when this node is no member any more.
    var leavingSince: Instant?
    /// Something happened while the turn was being ended: the next one must not wait.
    var owesTurn = false
    private var failure: ServeError?

    // Clients.
    let clientListener: Socket
    let clientListenerWatch: Watch
    var clients: Slots<ClientConnection>
    /// Connections with output of this turn.
    var dirtyClients: [UInt32] = []
    /// Connections whose received commands wait until their output has been taken.
    var heldClients: [UInt32] = []
    var resumable: [UInt32] = []
    /// Requests of one connection, on their way to the node.
    var batch = RequestBatch()
    /// Messages of one peer, on their way to the node.
    var inbox: [Message] = []
    let facts: Facts
    let meter: RequestMeter
    let slowLog: SlowLog
    let metricsListener: Socket?
    var metricsConnections: [MetricsConnection?] = []
    var nextMetricsCheck = Instant.distantFuture
    /// When to accept again after the process ran out of descriptors.
    var acceptAgain = Instant.distantFuture
    /// When to look for clients that have stopped in the middle of a command.
    var nextSweep = Instant.distantFuture
    var connectionsEver: UInt64 = 0
    var connectionsAccepted: UInt64 = 0
    var connectionsRefused: UInt64 = 0
    /// Bytes that clients and peers sent and were sent, handshakes aside.
    var traffic = Traffic()

    // Peers.
    var membership: Membership
    var membershipEffects = Membership.Effects()
    let peerListener: Socket
    let peerListenerWatch: Watch
    /// By node index; nil for this node.
    var links: [PeerLink?] = []
    var greeters: [Greeter?] = []
    var dirtyLinks: [UInt16] = []
    var nextLinkCheck = Instant.origin

    /// Bytes read from one connection in one turn, at most: fairness among connections.
    static let readBytes = 256 << 10
    /// So many messages are decoded before the first is handled, so that the prefetch is ahead.
    static let gatheredMessages = 32
    static let clientReadBytes = 64 << 10

    /// Opens the data directory, recovers the log and binds the ports. Nothing is served yet.
    public init(_ configuration: ServerConfiguration) throws(ServeError) {
        var system = SystemRandomNumberGenerator()
        var random = RandomSource(seed: system.next())
        let ports = try Ports(configuration)
        let placement = Placement(
            members: configuration.memberNames, clusterSeed: configuration.clusterID,
            n: Int(configuration.replication.n), racks: configuration.members.map(\.rack))
        let opened =
            if let path = configuration.dataDirectory {
                try OpenedStore(
                    path, of: configuration, shardBits: placement.shardBits,
                    newStore: random.next(), wakeUp: ports.syncProgress)
            } else {
                OpenedStore(
                    inMemoryAt: Clocks.wall(), of: configuration, shardBits: placement.shardBits)
            }
        self.init(configuration, placement, ports, opened, random)
    }

    private init(
        _ configuration: ServerConfiguration, _ placement: Placement, _ ports: Ports,
        _ opened: consuming OpenedStore, _ random: RandomSource
    ) {
        self.configuration = configuration
        self.random = random
        log = Log(level: configuration.logLevel, common: [("node", configuration.name)])
        loop = ports.loop
        syncProgress = ports.syncProgress
        clientListener = ports.clients
        clientListenerWatch = ports.clientsWatch
        peerListener = ports.peers
        peerListenerWatch = ports.peersWatch
        stopRequest = ports.stopRequest
        let incarnation = opened.incarnation
        var replication = configuration.replication
        replication.streamBytesPerSecond = configuration.streamBytesPerSecond
        let id = configuration.id
        clusterSeed = configuration.clusterID
        handshake = Handshake(
            cluster: clusterSeed,
            configuration: NodeProcess.configurationHash(configuration, placement),
            node: id, incarnation: incarnation, nonce: self.random.next())
        let maximumClients = max(
            1, min(configuration.maximumClients, Lifetime.raiseDescriptorLimit() - 64))
        clients = Slots(limit: maximumClients)
        facts = Facts(
            configuration, placement, incarnation: incarnation,
            clientPort: clientListener.localAddress?.port ?? 0,
            peerPort: peerListener.localAddress?.port ?? 0, maximumClients: maximumClients)
        meter = facts.meter
        slowLog = facts.slowLog
        metricsListener = ports.metrics
        for (index, member) in configuration.members.enumerated() {
            let other = NodeID(index)
            links.append(other == id ? nil : PeerLink(other, member, dials: id < other))
        }
        membership = Membership(id: id, seed: self.random.next())
        buffer = .allocate(byteCount: NodeProcess.readBytes, alignment: 64)
        if let recovery = opened.store.recovery { log.info("recovered", ["log": "\(recovery)"]) }
        if let rebuilt = opened.rebuilt {
            log.warning(
                "rebuild",
                [
                    "reason": rebuilt.reason, "moved_to": rebuilt.folder,
                    "incarnation": "\(incarnation)",
                    "now": "empty; the other replicas fill it again as far as they have the data",
                ])
        }
        scrubber = opened.scrubber
        disk = opened.disk
        if let disk { facts.syncs = { disk.syncs } }
        directory = opened.directory.take()
        node = Node(
            id: id, incarnation: incarnation, configuration: replication, placement: placement,
            store: opened.store, register: opened.register,
            secret: NodeProcess.randomSecret(),
            founders: configuration.members.map {
                RingMember(name: $0.name, address: "\($0.address)", rack: $0.rack)
            })
        facts.spaces = node.keyspaces
    }

    deinit { buffer.deallocate() }

    /// Where clients connect; tells the port when the system chose it.
    public var clientAddress: SocketAddress { clientListener.localAddress ?? configuration.listen }
    /// Where other nodes connect.
    public var peerAddress: SocketAddress { peerListener.localAddress ?? configuration.peerListen }

    /// Serves until SIGINT or SIGTERM, or until the log fails. The result is the exit code.
    public mutating func run() -> Int32 {
        // Standard error may be a pipe that nobody reads any more.
        signal(SIGPIPE, SIG_IGN)
        log.info(
            "ready",
            [
                "clients": "\(clientAddress)", "peers": "\(peerAddress)",
                "members": "\(links.count)", "records": "\(node.recordCount)",
                "metrics": metricsListener?.localAddress.map { "\($0)" } ?? "none",
                "data": configuration.dataDirectory ?? "memory",
                "fsync": disk == nil ? "none" : configuration.fsync.rawValue,
            ])
        if node.hasLeft {
            log.error(
                "stopped",
                [
                    "reason": "this node has left the cluster for good: start it with an empty "
                        + "data directory under another name"
                ])
            closeAll()
            return 78
        }
        reroute(at: readClocks())
        startMembership(at: readClocks())
        followRing(at: readClocks())
        while !isStopping && failure == nil { turn() }
        if failure == nil { drain() }
        if failure == nil { finish() }
        closeAll()
        if let failure {
            log.error("stopped", ["reason": failure.description])
            return failure.code
        }
        log.info(
            "stopped", ["reason": leavingSince == nil ? "asked to" : "it has left the cluster"])
        return 0
    }

    /// The machine's clocks, or those that a test has set.
    private func readClocks() -> Moment { configuration.controls?.moment() ?? Clocks.moment() }

    private mutating func turn() {
        var deadline = min(node.nextDeadline, nextLinkCheck, min(acceptAgain, nextSweep))
        deadline = min(deadline, membership.nextDeadline)
        deadline = min(deadline, min(nextMetricsCheck, drainUntil))
        if canResume || owesTurn { deadline = .origin }
        if leavingSince != nil {
            deadline = min(deadline, readClocks().monotonic + .milliseconds(50))
        }
        let ready = loop.wait(until: deadline)
        let now = readClocks()
        refreshFacts()
        if followedVersion != facts.definitionVersion { followRing(at: now) }
        for event in ready { take(event, at: now) }
        if !heldClients.isEmpty { resumeHeld(at: now) }
        if let preview = facts.comparisonAsked {
            facts.comparisonAsked = nil
            deliver(.compare(preview: preview), at: now)
        }
        if facts.isCollectionAsked {
            facts.isCollectionAsked = false
            deliver(.collect, at: now)
        }
        if node.nextDeadline <= now.monotonic { deliver(.deadline, at: now) }
        if nextLinkCheck <= now.monotonic { tendLinks(at: now) }
        if membership.nextDeadline <= now.monotonic { tendMembership(at: now) }
        if acceptAgain <= now.monotonic { resumeAccepting() }
        if nextSweep <= now.monotonic { sweepClients(at: now) }
        if nextMetricsCheck <= now.monotonic { sweepMetrics(at: now.monotonic) }
        endTurn(at: now)
        endIfLeft(at: now)
    }

    private mutating func take(_ ready: Ready, at now: Moment) {
        let token = Token(raw: ready.token)
        switch token.kind {
        case .client: advance(client: token, ready, at: now)
        case .link:
            if let link = links[Int(token.index)], token.isOf(link.generation) {
                advance(link, ready, at: now)
            }
        case .clientListener: acceptClients(at: now)
        case .peerListener: acceptPeers(at: now)
        case .greeter: hear(Int(token.index), at: now)
        case .wakeUp: noteSynced(at: now)
        case .signal:
            // Asked twice: at once.
            if isStopping { drainUntil = .origin }
            isStopping = true
        case .metricsListener: acceptMetrics(at: now)
        case .metrics: advance(metrics: Int(token.index), ready)
        case .reload: reroute(at: now)
        case nil: preconditionFailure("a token of no kind")
        }
    }

    private mutating func refreshFacts() {
        if facts.isResetWanted {
            facts.isResetWanted = false
            node.resetCounters()
            meter.forget()
            (connectionsAccepted, connectionsRefused, traffic) = (0, 0, Traffic())
        }
        if log.level != facts.logLevel { log.level = facts.logLevel }
        facts.counters = node.counters
        facts.records = node.recordCount
        facts.owed = node.hintsOwed
        if facts.comparisonsRevision != node.comparisonsRevision {
            facts.comparisonsRevision = node.comparisonsRevision
            facts.comparisons = node.comparisons
        }
        facts.isComparing = node.isComparing
        facts.isCollecting = node.isCollecting
        facts.collected = node.collectionResult
        facts.collectionBlockedSince = node.collectionBlockedSince
        if facts.definitionVersion != node.definition.version { refreshKeyspaces() }
        facts.inFlight = node.requestsInFlight
        if facts.ring.current != nil || facts.progress.moving > 0 {
            facts.progress = node.ringProgress
        }
        noteHousekeeping()
        facts.clients = clients.count
        facts.accepted = connectionsAccepted
        facts.refused = connectionsRefused
        facts.traffic = traffic
    }

    private func refreshKeyspaces() {
        let definition = node.definition
        facts.definition = { definition }
        facts.definitionVersion = node.definition.version
        facts.spaces = node.keyspaces
    }

    /// Gives the node an event and carries out what it wants done.
    @inline(__always)
    mutating func deliver(_ event: Event, at now: Moment) {
        node.handle(event, at: now, into: &effects)
        carryOut(at: now)
    }

    /// Encodes at once: the bytes in effects do not live longer than this.
    mutating func carryOut(at now: Moment) {
        for i in 0..<effects.responses.count {
            if case .defined = effects.responses[i].response { refreshKeyspaces() }
            respond(effects.responses[i].response, to: effects.responses[i].to, at: now)
        }
        for i in 0..<effects.messages.count {
            let index = effects.messages[i].to.index
            guard let link = links[Int(index)], link.isUp else { continue }
            link.writer.open()
            PeerCodec.encode(effects.messages[i].message, into: &link.writer.buffer)
            if !link.isDirty {
                link.isDirty = true
                dirtyLinks.append(index)
            }
        }
        effects.removeAll()
    }

    private mutating func endTurn(at now: Moment) {
        owesTurn = false
        do throws(DiskError) {
            try node.endTurn(into: &effects)
            if let position = effects.sync { disk?.request(position) }
            carryOut(at: now)
        } catch {
            failure = .inputOutput("the log cannot be written: \(error)")
            return
        }
        flushLinks(at: now)
        flushClients(at: now)
        meter.endTurn(began: now.monotonic) { Clocks.monotonic() }
        if !facts.registry.condemned.isEmpty { closeCondemned(at: now) }
    }

    /// Writing may show that a peer is lost, of which messages for others may come.
    private mutating func flushLinks(at now: Moment) {
        var next = 0
        while next < dirtyLinks.count {
            let link = links[Int(dirtyLinks[next])]
            next += 1
            guard let link else { continue }
            link.isDirty = false
            if link.blockedSince == nil { flush(link, at: now) }
        }
        dirtyLinks.removeAll(keepingCapacity: true)
    }

    /// The log's thread has synced something, or has failed.
    private mutating func noteSynced(at now: Moment) {
        _ = syncProgress.drain()
        guard let disk else { return }
        noteDamage()
        do throws(DiskError) {
            deliver(.synced(try disk.synced()), at: now)
        } catch {
            failure = .inputOutput("\(error)")
        }
    }

    /// Takes no more connections and requests, and goes on until every request has its answer and
    /// every answer has been taken, or the time for that is over.
    private mutating func drain() {
        let now = readClocks()
        let limit = now.monotonic + configuration.drain
        loop.change(clientListenerWatch, to: [])
        refuseRequests()
        guard hasUnfinishedClients else { return }
        log.info(
            "draining",
            ["limit": "\(configuration.drain)", "in_flight": "\(node.requestsInFlight)"])
        if drainUntil == .distantFuture { drainUntil = limit }
        while failure == nil, hasUnfinishedClients, readClocks().monotonic < drainUntil { turn() }
        if hasUnfinishedClients {
            log.warning("drain-ended", ["unfinished_requests": "\(node.requestsInFlight)"])
        }
    }

    /// What was accepted before the signal is made durable, and its answers are sent as far as
    /// the clients take them at once.
    private mutating func finish() {
        let now = readClocks()
        guard let disk else { return endTurn(at: now) }
        do throws(DiskError) {
            try node.endTurn(into: &effects)
            if let position = effects.sync { disk.request(position) }
            carryOut(at: now)
            deliver(.synced(try disk.stop()), at: now)
            endTurn(at: now)
        } catch {
            failure = .inputOutput("\(error)")
        }
    }

    private mutating func closeAll() {
        clientListener.close()
        peerListener.close()
        closeMetrics()
        closeClients()
        for case let link? in links {
            link.disconnect(loop, at: .origin, using: &random)
        }
        for case let greeter? in greeters { greeter.socket.close() }
    }

    /// Nothing that is sent in the clear may let it be guessed.
    private static func randomSecret() -> SipHash.Key {
        var system = SystemRandomNumberGenerator()
        return SipHash.Key(low: system.next(), high: system.next())
    }

    /// What all nodes must agree on besides the members: N, mode, shards, virtual nodes, racks.
    private static func configurationHash(
        _ configuration: ServerConfiguration, _ placement: Placement
    ) -> UInt64 {
        let counts = "shards \(placement.shardCount) nodes \(placement.nodeCount)"
        var text = "n \(placement.n) mode \(configuration.replication.mode.rawValue) " + counts
        for member in configuration.members where !member.rack.isEmpty {
            text += " \(member.name)/\(member.rack)"
        }
        return Bytes.lending(Array(text.utf8)) { XXH3.hash64($0, seed: 0) }
    }
}
