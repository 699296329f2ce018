import Basics
import Causality
import Partitioning
import Storage

/// A member of the cluster: a deterministic function of the events it is given.
///
/// Events and the time go in, effects come out. It reads no clock, opens no file, starts no
/// thread and waits for nothing. Two worlds run it, one made of sockets and one made of a seed;
/// what is tested in the second is what runs in the first. It is never copied, being an identity
/// with a disk; the parts it is made of are values.
public struct Node: ~Copyable {
    public let id: NodeID
    /// This node in this life: writes that it coordinates carry this name.
    public let actor: Actor
    public let configuration: Configuration
    public internal(set) var counters = Counters()

    /// One for each N in use, the default keyspace's first.
    var placements: [Placement]
    /// The same as the founders had them, and who those are.
    var foundingPlacements: [Placement]
    let founders: [RingMember]
    /// The ring that the placements are of.
    var laidOut = RingState()
    var streaming = Streaming()
    /// By node index: when it may be told again that it knows another ring.
    var noticed: [Instant]
    var transferBuffer = ByteBuffer(capacity: 0)
    /// When to look for records of shards that are others' now, and from which hash on.
    var leftoverDue = Instant.distantFuture
    var leftovers: UInt64?
    var areLeftoversGone = false
    /// By number of the keyspace.
    var rules: [KeyspaceRules] = []
    /// What the cluster has decided, and what this node has promised and accepted.
    var register: DefinitionRegister
    var proposal: DefinitionProposal?
    /// By node index: the version of the definition that a peer has shown in this session.
    var shownVersions: [UInt64]
    /// When to say again what was not answered about the definition.
    var definitionDue = Instant.distantFuture
    /// The version of a definition that this node tells everybody.
    var spreadVersion: UInt64 = 0
    /// What was installed last is not on the disk yet, for want of room.
    var definitionIsUnkept = false
    var outbox = Outbox()
    /// A random number that becomes the cluster's secret if this node is the first to propose one.
    let secretOffered: SipHash.Key

    /// Writes that replicas coordinate for clients of this node.
    var passed: Slots<PassedWrite>
    var passDeadlines = DeadlineLists()
    var passNumber: UInt64 = 0
    /// By node index: which writes that it passed on were taken.
    var takenNumbers: [TakenNumbers]
    /// Where sibling sets are put together, and contexts.
    var siblingBuffer = ByteBuffer()
    var contextBuffer = ByteBuffer()
    var forgottenBuffer = ByteBuffer()

    var store: LogStore
    var clock: HybridClock
    var puts: Slots<PutCoordinator>
    var gets: Slots<GetCoordinator>
    var putDeadlines = DeadlineLists()
    var getDeadlines = DeadlineLists()
    var parked = Slots<ParkedRead>(limit: .max)
    var awaitingSync = Fifo<(position: LogPosition, session: UInt32, what: AwaitingSync)>()
    /// By node index: how often reachability has changed. What waits for the log is owed to the
    /// session in which it was asked, since a peer that was away may have begun a new life.
    var sessions: [UInt32]
    var synced: LogPosition
    /// By node index: whether messages can be delivered. This node reaches itself.
    var isReachable: [Bool]
    /// By layout and shard: see `updateReachablePositions`.
    var reachablePositions: [UInt32] = []
    /// Bytes of keys and values held by requests in flight.
    var heldBytes = 0
    /// When to look at what is held for others again.
    var handoffDue: Instant
    /// Writes on their way to their owners.
    var handoffs = 0
    var antiEntropy: AntiEntropy
    var collection: Collection
    /// Stamps below this may be given; when to reserve more, as stamps of the wall clock and of
    /// the node's; what was reserved and is not durable yet.
    var reserveDurable: UInt64
    var reserveRenewal: UInt64
    var reserveSoon: UInt64
    var pendingReserve: (position: LogPosition, ceiling: UInt64)?
    /// When to go on with the store's background work, if it has any.
    var tendDue = Instant.origin
    /// The largest position that anything waits for.
    var lastAwaited = LogPosition.zero
    /// Set when the disk has refused; nothing of that turn may leave the node.
    var diskFailure: DiskError?
    /// Changes of registers on their way, and one round a key that this node proposes for.
    var proposals: Slots<Proposal>
    var rounds: Slots<Round>
    var roundOfKey: [UInt64: Int32] = [:]
    var leases = LeaseTable()
    var proposalDeadlines = DeadlineLists()
    var roundDeadlines = DeadlineLists()
    /// By node index: which changes that it passed on were taken.
    var takenTickets: [TakenTickets]
    var spentProposals: [Int] = []
    /// Sixteen times as long as the values were, on average, that others have sent lately.
    var fetchedBytesTimes16 = 0
    /// By node index: how long answers took. Only if reads are hedged.
    var latencies: [LinkLatency] = []
    var scans: Slots<ScanCoordinator>
    var scanDeadlines = DeadlineLists()
    /// By layout and R: whom a scan asks, until reachability changes.
    var scanCovers: [(layout: Int, r: UInt8, members: [NodeID], reachable: UInt8)] = []
    /// Where questions and answers of scans are put together.
    var scanQuestion = ByteBuffer(capacity: 64)
    var scanAnswer = ByteBuffer(capacity: 64)
    /// For pauses between ballots.
    var random: RandomSource
    /// Where an acceptor's record is put together.
    var scratch = ByteBuffer()
    /// Free slots whose buffers a large value has grown, to be shrunk between turns.
    var largePuts: [Int] = []
    var largeGets: [Int] = []
    var largeParked: [Int] = []
    var largeProposals: [Int] = []
    var largeRounds: [Int] = []
    var largeScans: [Int] = []

    /// A node in a new life. `placement` is that of the founders, who are the members as long as
    /// the definition does not say otherwise; without their names members cannot change. `store`
    /// has been recovered, and `incarnation` is larger than in
    /// every earlier life of this node that may have been forgotten in part.
    public init(
        id: NodeID, incarnation: UInt64, configuration: Configuration, placement: Placement,
        store: consuming LogStore, register: DefinitionRegister = DefinitionRegister(),
        secret: SipHash.Key = .none, founders: [RingMember] = []
    ) {
        precondition(placement.n == Int(configuration.n), "placement and configuration differ in N")
        self.id = id
        actor = Actor(node: id, incarnation: incarnation)
        self.configuration = configuration
        placements = [placement]
        foundingPlacements = [placement]
        self.founders = founders
        noticed = [Instant](repeating: .origin, count: placement.nodeCount)
        self.register = register
        secretOffered = secret
        takenNumbers = [TakenNumbers](repeating: TakenNumbers(), count: placement.nodeCount)
        shownVersions = [UInt64](repeating: 0, count: placement.nodeCount)
        // A ticket of an earlier life must not name a request of this one: a replica that was
        // waiting for its disk may answer the life before.
        var mixed = incarnation
        var generation = UInt32(truncatingIfNeeded: RandomSource.splitMix(&mixed))
        #if MUTANTS
            if configuration.mutation == .countAnswersToAnEarlierLife { generation = 0 }
        #endif
        puts = Slots(limit: Limits.requestsInFlight, firstGeneration: generation)
        gets = Slots(limit: Limits.requestsInFlight, firstGeneration: generation)
        proposals = Slots(limit: Limits.requestsInFlight, firstGeneration: generation)
        rounds = Slots(limit: Limits.requestsInFlight, firstGeneration: generation)
        takenTickets = [TakenTickets](repeating: TakenTickets(), count: placement.nodeCount)
        random = RandomSource(seed: actor.raw)
        scans = Slots(limit: Limits.scansInFlight, firstGeneration: generation)
        if configuration.hedge != nil {
            latencies = (0..<placement.nodeCount).map { _ in LinkLatency() }
        }
        passed = Slots(limit: Limits.requestsInFlight, firstGeneration: generation)
        sessions = [UInt32](repeating: 0, count: placement.nodeCount)
        antiEntropy = AntiEntropy(nodes: placement.nodeCount, seed: actor.raw)
        var floor = store.clockFloor
        #if MUTANTS
            if configuration.mutation == .forgetReserve { floor = store.largestStamp }
        #endif
        clock = HybridClock(floor: floor)
        collection = Collection(nodes: placement.nodeCount, seed: actor.raw)
        reserveDurable = store.reserved.ceiling
        reserveRenewal = store.reserved.moment
        reserveSoon = 0
        synced = store.appended
        // What an earlier life held: its age is looked at first of all.
        handoffDue = store.hintCount > 0 ? .origin : .distantFuture
        self.store = store
        isReachable = [Bool](repeating: false, count: placement.nodeCount)
        grow(to: Int(id.index) + 1)
        isReachable[Int(id.index)] = true
        _ = layOut()
        if register.isNew { definitionIsUnkept = true }
        let beginning = Moment(monotonic: .origin, wall: WallTime(microseconds: 0))
        if definitionIsUnkept { keepInstalled(at: beginning) }
        planStreaming(at: beginning)
        if configuration.collection?.interval != nil {
            collection.nextRun = .origin
            collection.due = .origin
        }
    }

    /// Where keys of the default keyspace are held.
    public var placement: Placement { placements[0] }

    /// When the runtime must call `handle(.deadline)`, if nothing else happens before.
    public var nextDeadline: Instant {
        min(
            min(putDeadlines.earliest, getDeadlines.earliest),
            min(
                min(
                    min(handoffDue, antiEntropy.due, collection.due), definitionDue,
                    passDeadlines.earliest),
                min(
                    min(proposalDeadlines.earliest, scanDeadlines.earliest),
                    min(roundDeadlines.earliest, min(streaming.due, leftoverDue)))),
            store.needsTending ? tendDue : .distantFuture)
    }

    /// Requests that this node coordinates now.
    public var requestsInFlight: Int {
        puts.count + gets.count + passed.count - handoffs + proposals.count
            - spentProposals.count + scans.count
    }
    /// What is held for other nodes, by node index; nodes beyond the end are owed nothing.
    public var hintsOwed: [HintsOwed] { store.hintsOwed }
    /// Records held, tombstones included.
    public var recordCount: Int { store.count }
    /// Files and background work of the store.
    public var housekeeping: LogStore.Housekeeping { store.housekeeping }
    /// Whether messages to `node` can be delivered, as far as this node was told.
    public func reaches(_ node: NodeID) -> Bool {
        Int(node.index) < isReachable.count && isReachable[Int(node.index)]
    }

    /// Takes one event; appends what is to be done to `effects`, which the runtime carries out
    /// before it gives the next event.
    public mutating func handle(
        _ event: Event, at now: Moment, into effects: inout Effects
    ) {
        switch event {
        case .request(let request, let client):
            return handle(request, from: client, at: now, into: &effects)
        case .message(let message, let sender):
            return handle(message, from: sender, at: now, into: &effects)
        default: break
        }
        if !spentProposals.isEmpty { freeSpentProposals() }
        switch event {
        case .request, .message: break
        case .synced(let position):
            release(upTo: position, at: now, into: &effects)
        case .deadline:
            expire(at: now, into: &effects)
        case .reachable(let node, let can):
            grow(to: Int(node.index) + 1)
            isReachable[Int(node.index)] = can || node == id
            if node != id { sessions[Int(node.index)] &+= 1 }
            updateReachablePositions()
            if node != id { loseProposer(node, at: now, into: &effects) }
            noteReachability(of: node, can, at: now)
            if !areLeftoversGone, leftoverDue == .distantFuture { scheduleLeftovers(at: now) }
            guard can, node != id else { return }
            noteReturn(of: node, at: now)
            showDefinition(to: node, at: now, into: &effects)
        case .compare(let preview): compareWithAll(preview: preview, at: now)
        case .collect: collectEverywhere(at: now, into: &effects)
        case .disconnected: break
        }
    }

    /// `Event.request`, without the cost of wrapping one; a runtime may use either.
    @inline(__always)
    public mutating func handle(
        _ request: Request, from client: ClientID, at now: Moment, into effects: inout Effects
    ) {
        if !spentProposals.isEmpty { freeSpentProposals() }
        take(request, for: client, at: now, into: &effects)
    }

    /// `Event.message`, without the cost of wrapping one; a runtime may use either.
    @inline(__always)
    public mutating func handle(
        _ message: Message, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        if !spentProposals.isEmpty { freeSpentProposals() }
        counters.messagesReceived &+= 1
        if Int(sender.index) >= isReachable.count { grow(to: Int(sender.index) + 1) }
        receive(message, from: sender, at: now, into: &effects)
    }

    private mutating func receive(
        _ message: Message, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        if let key = message.key {
            let rules = rules(of: key.keyspace)
            guard rules.exists else { return askForDefinition(sender, into: &effects) }
            // Nothing gets into a register but by its acceptor.
            if message.isWrite, rules.mode == .cp {
                guard case .repair(_, let content, let ballot) = message,
                    isCurrent(message, key, from: sender, at: now, into: &effects)
                else { return }
                heardDuringComparison(from: sender, at: now)
                return acceptLate(key, content, ballot, at: now)
            }
            guard isCurrent(message, key, from: sender, at: now, into: &effects) else { return }
        }
        switch message {
        case .store(let key, let content, let version, let ticket):
            storeForCoordinator(
                key, content, version, ticket, coordinator: sender, at: now, into: &effects)
        case .restore(let key, let content, let version, let ticket):
            restoreForCoordinator(
                key, content, version, ticket, coordinator: sender, at: now, into: &effects)
        case .fenced(let version, let fence, let ticket):
            fenced(version, below: fence, ticket, by: sender, at: now, into: &effects)
        case .fetch(let key, let known, let ticket):
            fetchForCoordinator(
                key, known: known, ticket, coordinator: sender, into: &effects)
        case .stored(let ticket):
            stored(ticket, by: sender, at: now, into: &effects)
        case .fetched(let version, let fetched, let ticket):
            self.fetched(version, fetched, ticket, by: sender, at: now, into: &effects)
        case .hint(let key, let content, let version, let owner, let ticket):
            holdForCoordinator(
                key, content, version, for: owner, ticket, coordinator: sender, at: now,
                into: &effects)
        case .repair(let key, let content, let version):
            mend(key, content, version, from: sender, at: now, into: &effects)
        case .pass(let key, let bytes, let ticket):
            coordinate(key, bytes, ticket, for: sender, at: now, into: &effects)
        case .passed(let response, let ticket):
            answerPassed(response, ticket, into: &effects)
        case .prepare, .promised, .accept, .accepted, .rejected, .propose, .proposed:
            receiveForRegister(message, from: sender, at: now, into: &effects)
        case .comparison(let part): receive(part, from: sender, at: now, into: &effects)
        case .scan(let question, let ticket):
            scanForCoordinator(question, ticket, coordinator: sender, at: now, into: &effects)
        case .scanned(let answer, let ticket):
            scanned(answer, ticket, by: sender, at: now, into: &effects)
        case .collection(let part): receive(part, from: sender, at: now, into: &effects)
        case .definition(let bytes):
            receiveDefinition(bytes, from: sender, at: now, into: &effects)
        case .transfer(let bytes):
            receiveTransfer(bytes, from: sender, at: now, into: &effects)
        }
    }

    private mutating func mend(
        _ key: HashedKey, _ content: Content, _ version: Version, from sender: NodeID,
        at now: Moment, into effects: inout Effects
    ) {
        heardDuringComparison(from: sender, at: now)
        if isObsolete(key, content, version) {
            return tellDeleted(key, content, to: sender, into: &effects)
        }
        let before = store.find(key)?.version ?? .none
        guard keep(key, content, version, at: now) != nil else { return }
        if store.find(key)?.version != before { noteNews(from: sender, at: now) }
    }

    /// Ends a turn of the loop: closes the turn's batch of log records and asks for one sync for
    /// all of them. Throws when the disk has refused: the node must then stop, and nothing that
    /// this turn produced may leave it.
    public mutating func endTurn(into effects: inout Effects) throws(DiskError) {
        if !(largePuts.isEmpty && largeGets.isEmpty && largeParked.isEmpty)
            || !(largeProposals.isEmpty && largeRounds.isEmpty && largeScans.isEmpty)
        {
            shrinkFreeSlots()
        }
        if let diskFailure { throw diskFailure }
        if let position = try store.seal() {
            effects.sync = position
            counters.syncRequests &+= 1
        }
    }

    private mutating func shrinkFreeSlots() {
        for index in largePuts where !puts.isInUse(index) { puts[index].shrink() }
        for index in largeGets where !gets.isInUse(index) { gets[index].shrink() }
        for index in largeParked where !parked.isInUse(index) { parked[index].shrink() }
        for index in largeProposals where !proposals.isInUse(index) { proposals[index].shrink() }
        for index in largeRounds where !rounds.isInUse(index) { rounds[index].shrink() }
        for index in largeScans where !scans.isInUse(index) { scans[index].shrink() }
        largeScans.removeAll()
        largeProposals.removeAll { !proposals.isInUse($0) }
        largeRounds.removeAll()
        largePuts.removeAll()
        largeGets.removeAll()
        largeParked.removeAll()
    }

    mutating func send(_ message: Message, to node: NodeID, into effects: inout Effects) {
        guard reaches(node) else { return }
        counters.messagesSent &+= 1
        if laidOut.isFounding { return effects.send(message, to: node) }
        let key = message.isForReplica ? message.key : nil
        effects.send(key.map { message.at(epoch(of: $0)) } ?? message, to: node)
    }

    /// Writes a checkpoint now, since files of the data directory are damaged.
    public mutating func requestCheckpoint() { store.requestCheckpoint() }

    /// Keeps all that this node holds now, in files of that name.
    public mutating func requestSnapshot(_ name: String) { store.requestSnapshot(name) }

    /// Begins to count anew.
    public mutating func resetCounters() { counters = Counters() }

    /// First half of a prefetch over a pipelined batch: touches the table slot of a key.
    public mutating func touchSlot(_ hash: UInt64) { store.touchSlot(hash) }

    /// Second half: touches the record that the slot points to.
    public mutating func touchRecord(_ hash: UInt64) { store.touchRecord(hash) }
}
