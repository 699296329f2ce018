import Basics

/// Who of the cluster lives, found out together: SWIM (Das, Gupta and Motivala 2002) with the
/// refinements of Lifeguard (Dadgar, Phillips and Currey 2018).
///
/// Every member probes one other in each interval, in a random order that visits all. Who does not
/// answer is probed through others, then suspected, and dead unless it says in time that it lives.
/// What is learnt travels with the probes and by gossip. A member that finds itself slow waits
/// longer before it suspects others. Sometimes one of the dead is tried, and everything exchanged
/// with someone, so that the halves of a partition that has healed become one again.
///
/// It says who lives and moves no data. A function of its events: no clock, no generator but the
/// one that its seed makes.
public struct Membership: ~Copyable {
    public let id: NodeID
    public let configuration: MembershipConfiguration

    /// By node index; entries that are not `isKnown` are no members.
    var members: [Member] = []
    /// Known members, this node included.
    public internal(set) var memberCount = 0
    /// Those that are not dead, this node included.
    public internal(set) var liveCount = 0
    var news = NewsQueue()
    var random: RandomSource

    /// How much this node doubts itself, 0 to 8: it multiplies its patience with others.
    public internal(set) var doubt = 0
    var order: [NodeID] = []
    var nextInOrder = 0
    var probe: Probe?
    /// Probes that others have asked for.
    var errands: [Errand] = []
    var sequence: UInt32
    var suspects: [NodeID] = []

    var probeDue = Instant.distantFuture
    var gossipDue = Instant.distantFuture
    var syncDue = Instant.distantFuture
    var reconnectDue = Instant.distantFuture
    var outgoing = ByteBuffer(capacity: MembershipConfiguration.messageBytes)

    struct Member {
        var isKnown = false
        /// It has left for good: whatever is still said about it counts for nothing.
        var isGone = false
        var status = MemberStatus.alive
        var incarnation: UInt32 = 0
        /// Who suspects it: bits of a small hash are enough to tell them apart.
        var suspicion: Suspicion?
    }

    struct Suspicion {
        var since: Instant
        var due: Instant
        var sources: [NodeID]
    }

    /// A member that is being probed.
    struct Probe {
        var target: NodeID
        var sequence: UInt32
        /// When others are asked, and when the probe has failed.
        var askDue: Instant
        var end: Instant
        var hasAsked = false
        var asked = 0
        var nacks = 0
    }

    /// A probe for somebody else.
    struct Errand {
        var origin: NodeID
        var originSequence: UInt32
        var sequence: UInt32
        /// When to say that it does not answer.
        var nackDue: Instant
        var end: Instant
        var hasNacked = false
    }

    /// This node knows of nobody yet. `incarnation` is larger than in its earlier lives.
    public init(
        id: NodeID, incarnation: UInt32 = 0,
        configuration: MembershipConfiguration = MembershipConfiguration(), seed: UInt64
    ) {
        self.id = id
        self.configuration = configuration
        random = RandomSource(seed: seed)
        sequence = UInt32(truncatingIfNeeded: random.next())
        learn(of: id)
        members[Int(id.index)].incarnation = incarnation
    }

    /// What a node wants sent, and what it has found out. The runtime empties it.
    public struct Effects: ~Copyable {
        /// Bytes of a message lie in `bytes`.
        public var messages: [(to: NodeID, start: Int, end: Int)] = []
        public var bytes = ByteBuffer()
        /// Members whose status has changed, or that are new.
        public var changes: [(node: NodeID, status: MemberStatus)] = []

        public init() {}

        public mutating func removeAll() {
            messages.removeAll(keepingCapacity: true)
            bytes.removeAll()
            changes.removeAll(keepingCapacity: true)
        }
    }

    /// Whether the node lives, as far as is known; nil if it is no member.
    public func status(of node: NodeID) -> MemberStatus? {
        let index = Int(node.index)
        guard index < members.count, members[index].isKnown else { return nil }
        return members[index].status
    }

    /// The number that this node has given itself, to contradict its suspects.
    public var incarnation: UInt32 { members[Int(id.index)].incarnation }

    /// When `tick` must be called next.
    public var nextDeadline: Instant {
        var due = min(min(probeDue, gossipDue), min(syncDue, reconnectDue))
        if let probe { due = min(due, probe.hasAsked ? probe.end : min(probe.askDue, probe.end)) }
        for node in suspects {
            due = min(due, members[Int(node.index)].suspicion?.due ?? .distantFuture)
        }
        for errand in errands { due = min(due, errand.hasNacked ? errand.end : errand.nackDue) }
        return due
    }

    /// Begins, knowing these others: the configured members, or one seed that tells of the rest.
    public mutating func start(
        with seeds: [NodeID], at now: Instant, into effects: inout Effects
    ) {
        for seed in seeds where seed != id { learn(of: seed) }
        news.add(
            MemberUpdate(id, .alive, incarnation: incarnation, source: id))
        probeDue = now + share(of: configuration.probeInterval)
        gossipDue = now + share(of: configuration.gossipInterval)
        syncDue = now + share(of: configuration.sync(members: memberCount))
        reconnectDue = now + share(of: configuration.reconnectInterval)
        if let seed = seeds.first(where: { $0 != id }) {
            send(MembershipHead(kind: .stateAsked), to: seed, into: &effects)
        }
    }

    /// A way to a member has just opened: everything is exchanged with it, so that one that was
    /// called dead can contradict at once.
    public mutating func greet(_ node: NodeID, into effects: inout Effects) {
        guard node != id, status(of: node) != nil else { return }
        send(MembershipHead(kind: .stateAsked), to: node, into: &effects)
    }

    /// A new member.
    public mutating func admit(_ node: NodeID) { learn(of: node) }

    /// A member has left for good.
    public mutating func dismiss(_ node: NodeID) {
        let index = Int(node.index)
        guard node != id, status(of: node) != nil else { return }
        if members[index].status != .dead { liveCount -= 1 }
        memberCount -= 1
        members[index] = Member(isGone: true)
        order.removeAll { $0 == node }
        suspects.removeAll { $0 == node }
        nextInOrder = 0
        if probe?.target == node { probe = nil }
    }

    /// A random part of a duration, so that nodes do not act in step.
    mutating func share(of duration: Instant.Duration) -> Instant.Duration {
        .nanoseconds(Int64(random.below(UInt64(max(1, duration.nanoseconds)))))
    }

    /// A node that was not known joins the list, at a random place of the probing order.
    mutating func learn(of node: NodeID) {
        let index = Int(node.index)
        while members.count <= index { members.append(Member()) }
        guard !members[index].isKnown, !members[index].isGone else { return }
        members[index].isKnown = true
        memberCount += 1
        liveCount += 1
        guard node != id else { return }
        order.insert(node, at: order.isEmpty ? 0 : random.below(order.count + 1))
    }

    // MARK: Learning

    /// Takes note of what somebody says about a member. What is newer by incarnation, or worse at
    /// the same, wins and is told on.
    mutating func note(
        _ update: MemberUpdate, at now: Instant, into effects: inout Effects
    ) {
        if update.node == id { return contradict(update) }
        if Int(update.node.index) < members.count, members[Int(update.node.index)].isGone { return }
        let isNew = status(of: update.node) == nil
        if isNew {
            learn(of: update.node)
            effects.changes.append((update.node, .alive))
            members[Int(update.node.index)].incarnation = update.incarnation
            if update.status == .alive { return news.add(update) }
        }
        let index = Int(update.node.index)
        let known = members[index]
        if update.incarnation == known.incarnation, update.status == .suspect,
            known.status == .suspect
        {
            return confirm(update, at: now)
        }
        guard
            update.incarnation > known.incarnation
                || update.incarnation == known.incarnation && update.status > known.status
        else { return }
        members[index].incarnation = update.incarnation
        news.add(update)
        if update.status == .suspect, known.status == .suspect {
            // A newer suspicion of a later life: it has its time from now on.
            endSuspicion(update.node)
        }
        change(update.node, to: update.status, at: now, into: &effects)
        if update.status == .suspect { beginSuspicion(update, at: now) }
    }

    private mutating func change(
        _ node: NodeID, to status: MemberStatus, at now: Instant, into effects: inout Effects
    ) {
        let index = Int(node.index)
        let before = members[index].status
        members[index].status = status
        if before == .suspect, status != .suspect { endSuspicion(node) }
        if before == .dead, status != .dead { liveCount += 1 }
        if before != .dead, status == .dead { liveCount -= 1 }
        if before != status { effects.changes.append((node, status)) }
    }

    /// Somebody thinks ill of this node: it says that it lives, and doubts itself.
    private mutating func contradict(_ update: MemberUpdate) {
        // A larger number is of an earlier life, which others remember.
        guard
            update.incarnation > incarnation
                || update.status != .alive && update.incarnation == incarnation
        else { return }
        members[Int(id.index)].incarnation = update.incarnation &+ 1
        if update.status != .alive { doubt = min(8, doubt + 1) }
        news.add(MemberUpdate(id, .alive, incarnation: incarnation, source: id))
    }

    private mutating func beginSuspicion(_ update: MemberUpdate, at now: Instant) {
        let index = Int(update.node.index)
        members[index].suspicion = Suspicion(
            since: now,
            due: now + configuration.suspicion(members: liveCount, confirmedBy: 0),
            sources: [update.source])
        suspects.append(update.node)
    }

    private mutating func endSuspicion(_ node: NodeID) {
        members[Int(node.index)].suspicion = nil
        suspects.removeAll { $0 == node }
    }

    /// One more suspects it: its time becomes shorter, and that is told on.
    private mutating func confirm(_ update: MemberUpdate, at now: Instant) {
        let index = Int(update.node.index)
        guard var suspicion = members[index].suspicion,
            !suspicion.sources.contains(update.source),
            suspicion.sources.count <= configuration.confirmations
        else { return }
        suspicion.sources.append(update.source)
        let time = configuration.suspicion(
            members: liveCount, confirmedBy: suspicion.sources.count - 1)
        suspicion.due = suspicion.since + time
        members[index].suspicion = suspicion
        news.add(update)
    }

    /// Suspects whose time is over are dead.
    mutating func expireSuspects(at now: Instant, into effects: inout Effects) {
        for node in suspects {
            let member = members[Int(node.index)]
            guard let suspicion = member.suspicion, suspicion.due <= now else { continue }
            let update = MemberUpdate(
                node, .dead, incarnation: member.incarnation, source: id)
            news.add(update)
            change(node, to: .dead, at: now, into: &effects)
        }
    }
}
