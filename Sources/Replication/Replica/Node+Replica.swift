import Basics
import Causality
import Partitioning
import Storage

/// The node in the role of replica: what it does for a coordinator, itself included.
extension Node {
    /// True when what was appended up to `position` may be acknowledged and revealed.
    func isDurable(_ position: LogPosition) -> Bool {
        (configuration.durability == .appended || position <= synced) && diskFailure == nil
    }

    /// Keeps the write unless something newer is there. Returns the log position up to which the
    /// log must be durable before this may be acknowledged: that of the record that is now the
    /// newest, which may be an older append of the same or a newer version. Nil, and it must not be
    /// acknowledged, if what siblings come to is too large to keep, or the disk is full.
    mutating func keep(
        _ key: HashedKey, _ content: Content, _ version: Version, at now: Moment
    ) -> LogPosition? {
        if !clock.merge(version.stamp, at: now.wall) { counters.clockRejections &+= 1 }
        if content.form == .siblings { return keepSiblings(key, content, version) }
        if let found = store.find(key), found.version >= version,
            !isMutated(.mergeKeepsLowerVersion)
        {
            return found.position
        }
        guard hasRoom() else { return nil }
        return append(key, content, version)
    }

    /// Whether something new may be kept: a full disk takes none. What is here already may be
    /// acknowledged again.
    mutating func hasRoom() -> Bool {
        guard store.housekeeping.isFull else { return true }
        counters.refusedForRoom &+= 1
        return false
    }

    /// Stores a record. A disk that refuses ends the node at the end of the turn; until then
    /// nothing counts as durable.
    mutating func append(_ key: HashedKey, _ content: Content, _ version: Version) -> LogPosition {
        do {
            return try store.put(key, content, version)
        } catch {
            diskFailure = error
            return LogPosition(.max)
        }
    }

    mutating func storeForCoordinator(
        _ key: HashedKey, _ content: Content, _ version: Version, _ ticket: Ticket,
        coordinator: NodeID, at now: Moment, into effects: inout Effects
    ) {
        if isFenced(key, content, version) {
            let fence = mark(of: key).fence
            return send(.fenced(version, below: fence, ticket), to: coordinator, into: &effects)
        }
        acknowledge(
            keep(key, content, version, at: now), ticket, coordinator: coordinator,
            into: &effects)
    }

    /// Tells another node that its write is here, when it is durable; says nothing if it is not.
    mutating func acknowledge(
        _ position: LogPosition?, _ ticket: Ticket, coordinator: NodeID,
        into effects: inout Effects
    ) {
        guard let position else { return }
        if isDurable(position) || isMutated(.acknowledgeBeforeSync) {
            send(.stored(ticket), to: coordinator, into: &effects)
        } else {
            wait(for: position, then: .stored(ticket, coordinator: coordinator))
        }
    }

    /// What this node has under a key: its record, or, where it may stand in for others, what it
    /// holds for one of them if that is newer.
    mutating func find(_ key: HashedKey, _ layout: Int, in shard: Int) -> LogStore.Found? {
        var found = store.find(key)
        guard store.hintCount > 0, placements[layout].position(of: id, in: shard) == nil else {
            return found
        }
        for position in 0..<placements[layout].n {
            let owner = placements[layout].replica(position, of: shard)
            if let held = store.findHint(key, for: owner),
                held.version > found?.version ?? .none
            {
                found = joined(found, held)
            }
        }
        return found
    }

    /// Of siblings that are held for several: what they know together.
    private mutating func joined(
        _ known: LogStore.Found?, _ held: LogStore.Found
    ) -> LogStore.Found {
        guard let known, known.content.form == .siblings else { return held }
        // What is known may be the result of the join before.
        swap(&siblingBuffer, &contextBuffer)
        let (bytes, version) = join(known.content.bytes, held.content.bytes)
        return LogStore.Found(
            version: version, content: Content(.siblings, bytes),
            position: max(known.position, held.position))
    }

    mutating func fetchForCoordinator(
        _ key: HashedKey, known: Version, _ ticket: Ticket, coordinator: NodeID,
        into effects: inout Effects
    ) {
        let layout = Int(rules(of: key.keyspace).layout)
        guard let found = find(key, layout, in: placements[0].shard(of: key.hash)) else {
            let version = rules(of: key.keyspace).mode == .cp ? .none : absence(of: key)
            return send(.fetched(version, .notNewer, ticket), to: coordinator, into: &effects)
        }
        guard isDurable(found.position) || isMutated(.revealBeforeDurable) else {
            return park(found, ticket, for: coordinator)
        }
        let isKnown =
            found.content.form == .siblings ? found.version == known : found.version <= known
        let answer = isKnown ? Fetched.notNewer : .found(found.content)
        send(.fetched(found.version, answer, ticket), to: coordinator, into: &effects)
    }

    /// Copies what was found and answers with it when it is durable.
    mutating func park(_ found: LogStore.Found, _ ticket: Ticket, for coordinator: NodeID) {
        guard let place = parked.insert() else {
            preconditionFailure("the pool of parked reads has no limit")
        }
        parked[Int(place.index)].begin(found.version, found.content)
        wait(
            for: found.position,
            then: .fetched(ticket, coordinator: coordinator, parked: place))
    }

    /// Waits for `position`, and for whatever waits already: one sync covers them all, and the
    /// queue stays sorted.
    mutating func wait(for position: LogPosition, then what: AwaitingSync) {
        let session = sessions[Int(what.coordinator.index)]
        awaitingSync.append((max(position, lastAwaited), session, what))
        lastAwaited = max(position, lastAwaited)
    }

    /// The log is durable up to `position`: lets go what waited for it.
    mutating func release(
        upTo position: LogPosition, at now: Moment, into effects: inout Effects
    ) {
        guard position > synced else { return }
        synced = position
        store.synced(position)
        noteReserve(upTo: position)
        while let next = awaitingSync.first, next.position <= synced {
            _ = awaitingSync.popFirst()
            guard
                next.session == sessions[Int(next.what.coordinator.index)]
                    || isMutated(.countAnswersToAnEarlierLife)
            else {
                drop(next.what)
                continue
            }
            switch next.what {
            case .stored(let ticket, let coordinator):
                if coordinator == id {
                    stored(ticket, by: id, at: now, into: &effects)
                } else {
                    send(.stored(ticket), to: coordinator, into: &effects)
                }
            case .fetched(let ticket, let coordinator, let place):
                reveal(ticket, to: coordinator, place, at: now, into: &effects)
            case .scanned(let ticket, let coordinator, let place):
                revealScan(ticket, to: coordinator, place, at: now, into: &effects)
            case .promised(let ballot, let ticket, let proposer, let place):
                revealPromise(ballot, ticket, to: proposer, place, at: now, into: &effects)
            case .accepted(let ballot, let ticket, let proposer):
                tell(proposer, accepted: ballot, ticket, at: now, into: &effects)
            case .collected(let collector, let answer):
                giveAnswer(answer, to: collector, at: now, into: &effects)
            }
        }
    }

    /// The coordinator's session is over: nobody is owed this any more.
    private mutating func drop(_ what: AwaitingSync) {
        switch what {
        case .fetched(_, _, let place), .scanned(_, _, let place), .promised(_, _, _, let place):
            parked.remove(at: Int(place.index))
        case .collected(_, let answer): collection.answers.remove(at: Int(answer.index))
        case .stored, .accepted: break
        }
    }

    private mutating func reveal(
        _ ticket: Ticket, to coordinator: NodeID, _ place: Ticket, at now: Moment,
        into effects: inout Effects
    ) {
        let index = Int(place.index)
        let version = parked[index].version
        let answer = parked[index].fetched
        if coordinator == id {
            fetched(version, answer, ticket, by: id, at: now, into: &effects)
        } else {
            send(.fetched(version, answer, ticket), to: coordinator, into: &effects)
        }
        // Its bytes stay where they are until the slot is taken again, in a later event.
        if parked[index].isLarge { largeParked.append(index) }
        parked.remove(at: index)
    }
}
