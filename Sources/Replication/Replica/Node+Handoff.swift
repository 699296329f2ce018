import Basics
import Causality
import Partitioning
import Storage

/// Hinted handoff: holding writes for replicas that cannot be reached, and handing them over when
/// they can (DeCandia et al. 2007, §4.6). What is handed over has its original version.
extension Node {
    /// A replica that is back is left alone for this long.
    private static let settling = Instant.Duration.milliseconds(100)
    /// Hand-over goes in steps of this length.
    private static let handoffStep = Instant.Duration.milliseconds(50)
    /// Bytes handed over in one step: a mebibyte a second.
    private static let handoffStepBytes = 52 << 10
    /// Writes on their way to their owners at once, for all owners.
    private static let handoffsAtOnce = 256

    /// Holds a write for a replica. Returns the log position up to which the log must be durable
    /// before it may count; nil, and it does not count, when there is no room.
    mutating func hold(
        _ key: HashedKey, _ content: Content, _ version: Version, for owner: NodeID, at now: Moment
    ) -> LogPosition? {
        if !clock.merge(version.stamp, at: now.wall) { counters.clockRejections &+= 1 }
        if content.form == .siblings, let held = store.findHint(key, for: owner),
            held.version != version
        {
            let (bytes, joined) = join(held.content.bytes, content.bytes)
            return holdNewest(key, Content(.siblings, bytes), joined, for: owner, at: now)
        }
        return holdNewest(key, content, version, for: owner, at: now)
    }

    /// Holds it in place of anything older.
    private mutating func holdNewest(
        _ key: HashedKey, _ content: Content, _ version: Version, for owner: NodeID, at now: Moment
    ) -> LogPosition? {
        do {
            guard !store.housekeeping.isFull,
                let position = try store.putHint(
                    key, content, version, for: owner, since: now.wall.microseconds,
                    limits: configuration.hints)
            else {
                counters.hintsRefused &+= 1
                return nil
            }
            counters.hintsKept &+= 1
            schedule(handoffAt: now.monotonic + configuration.hints.window)
            if isReachable[Int(owner.index)] {
                schedule(handoffAt: now.monotonic + Node.settling)
            }
            return position
        } catch {
            diskFailure = error
            return LogPosition(.max)
        }
    }

    /// A coordinator asks this node to stand in for a replica.
    mutating func holdForCoordinator(
        _ key: HashedKey, _ content: Content, _ version: Version, for owner: NodeID,
        _ ticket: Ticket, coordinator: NodeID, at now: Moment, into effects: inout Effects
    ) {
        let shard = placements[0].shard(of: key.hash)
        let layout = Int(rules(of: key.keyspace).layout)
        guard placements[layout].writerPosition(of: owner, in: shard) != nil else { return }
        if isFenced(key, content, version) {
            let fence = mark(of: key).fence
            return send(.fenced(version, below: fence, ticket), to: coordinator, into: &effects)
        }
        let position =
            owner == id
            ? keep(key, content, version, at: now)
            : hold(key, content, version, for: owner, at: now)
        acknowledge(position, ticket, coordinator: coordinator, into: &effects)
    }

    private mutating func schedule(handoffAt due: Instant) { handoffDue = min(handoffDue, due) }

    /// Someone can be reached again: what is held for them goes to them soon.
    mutating func noteReturn(of node: NodeID, at now: Moment) {
        guard owes(node) else { return }
        schedule(handoffAt: now.monotonic + Node.settling)
    }

    /// Whether writes are held here for `node`.
    func owes(_ node: NodeID) -> Bool {
        let owed = store.hintsOwed
        return Int(node.index) < owed.count && owed[Int(node.index)].count > 0
    }

    /// Gives up what has been held for too long, then sends the next step's worth to owners that
    /// can be reached.
    mutating func handOff(at now: Moment, into effects: inout Effects) {
        handoffDue = .distantFuture
        guard store.hintCount > 0 else { return }
        expireHints(at: now)
        var room = Node.handoffStepBytes
        for index in 0..<store.hintsOwed.count {
            let owner = NodeID(index)
            guard owner != id, hasLeft(owner) || reaches(owner) else { continue }
            while room > 0, handoffs < Node.handoffsAtOnce,
                puts.count < Limits.requestsInFlight / 2, let hint = store.takeHint(for: owner)
            {
                room -= hint.key.bytes.count + (hint.content.bytes.count) + 64
                deliver(hint, to: owner, at: now, into: &effects)
            }
        }
        if room <= 0 || handoffs > 0 {
            schedule(handoffAt: now.monotonic + Node.handoffStep)
        }
    }

    private mutating func expireHints(at now: Moment) {
        let window = UInt64(configuration.hints.window.nanoseconds / 1_000)
        let wall = now.wall.microseconds
        do {
            let (expired, oldest) = try store.expireHints(before: wall > window ? wall - window : 0)
            counters.hintsExpired &+= UInt64(expired)
            guard oldest < .max else { return }
            let left = oldest &+ window >= wall ? oldest &+ window - wall : 0
            schedule(handoffAt: now.monotonic + .microseconds(left + 1_000))
        } catch {
            diskFailure = error
        }
    }

    private mutating func deliver(
        _ hint: LogStore.Hint, to owner: NodeID, at now: Moment, into effects: inout Effects
    ) {
        let shard = placements[0].shard(of: hint.key.hash)
        let rules = rules(of: hint.key.keyspace)
        let layout = Int(rules.layout)
        // Without a keyspace nobody is owed this.
        guard rules.exists else { return settle(hint.key, for: owner, upTo: hint.version) }
        var targets = placements[layout].writerPosition(of: owner, in: shard).map {
            UInt32(1) << $0
        }
        if targets == nil {
            // No replica of this key any more: those who are now take it instead.
            counters.hintsRetargeted &+= 1
            var others = writerPositions(layout, shard)
            if let own = placements[layout].writerPosition(of: id, in: shard) {
                others &= ~(1 << UInt32(own))
                let isObsolete = isObsolete(hint.key, hint.content, hint.version)
                guard isObsolete || keep(hint.key, hint.content, hint.version, at: now) != nil
                else { return store.bringBackHint(hint.key, for: owner) }
            }
            guard others != 0 else { return settle(hint.key, for: owner, upTo: hint.version) }
            targets = others
        }
        guard let targets, let ticket = puts.insert() else {
            return store.bringBackHint(hint.key, for: owner)
        }
        let index = Int(ticket.index)
        puts[index].begin(
            hint.key, hint.content, hint.version,
            for: .nobody, layout: rules.layout, placements[layout], shard: shard,
            required: UInt8(targets.nonzeroBitCount), targets: targets,
            purpose: .handoff(for: owner), step: configuration.timeout)
        heldBytes += puts[index].heldBytes
        handoffs += 1
        putDeadlines.schedule(index, after: configuration.timeout, at: now.monotonic)
        sendToSilent(index, into: &effects)
    }

    /// For whom the hint was held that a write hands over.
    private func owner(_ index: Int) -> NodeID {
        guard case .handoff(let owner) = puts[index].purpose else {
            preconditionFailure("only what is handed over has an owner")
        }
        return owner
    }

    private mutating func settle(_ key: HashedKey, for owner: NodeID, upTo version: Version) {
        do {
            try store.settleHint(key, for: owner, upTo: version)
        } catch {
            diskFailure = error
        }
    }

    /// The owner has it durably.
    mutating func handedOff(_ index: Int, at now: Moment) {
        counters.hintsDelivered &+= 1
        handoffs -= 1
        settle(puts[index].key, for: owner(index), upTo: puts[index].version)
    }

    /// The owner has not answered in time: it is sent again later.
    mutating func abandonHandoff(_ index: Int, at now: Moment) {
        handoffs -= 1
        store.bringBackHint(puts[index].key, for: owner(index))
        if hasLeft(owner(index)) || reaches(owner(index)) {
            schedule(handoffAt: now.monotonic + Node.handoffStep)
        }
        releasePut(index)
    }
}
