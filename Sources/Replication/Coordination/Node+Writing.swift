import Basics
import Causality
import Partitioning
import Storage

/// Coordinating writes.
extension Node {
    /// Coordinates a write: a version, the local copy first, then the other replicas.
    mutating func write(
        _ key: HashedKey, _ content: Content, _ options: RequestOptions, _ rules: KeyspaceRules,
        for client: ClientID, purpose: PutCoordinator.Purpose, above floor: UInt64 = 0,
        at now: Moment,
        into effects: inout Effects
    ) {
        guard honour(options.token, for: client, at: now, into: &effects) else { return }
        if store.housekeeping.isFull { return refuse(.readOnly, client, into: &effects) }
        // An atomic register's version is above what a quorum has, whatever clocks say.
        guard mayStamp(at: now) || rules.mode == .abd else {
            counters.unreserved &+= 1
            return refuse(.busy, client, into: &effects)
        }
        let layout = Int(rules.layout)
        let shard = placements[0].shard(of: key.hash)
        let targets = writeTargets(options.kind, rules, in: shard)
        guard
            let w = quorum(
                options.w, default: rules.w, rules, reachable: targets,
                twins: placements[layout].twins(of: shard), for: client, into: &effects)
        else { return }
        let own = ownPosition(among: targets, layout, in: shard)
        if own == 0, rules.n == 1, configuration.durability == .appended,
            !placements[layout].isMoving(shard)
        {
            // The only replica: nothing to wait for, so no slot to take.
            let version = nextVersion(key, above: floor, at: now)
            _ = append(key, content, version)
            let answered = Answered(shard: UInt16(shard), n: 1, mask: 1)
            return effects.respond(stored(version, purpose, answered), to: client)
        }
        guard let ticket = puts.insert() else { return refuse(.busy, client, into: &effects) }
        let version = nextVersion(key, above: floor, at: now)
        let index = Int(ticket.index)
        let step = step(options)
        puts[index].begin(
            key, content, version, for: client, layout: rules.layout, placements[layout],
            shard: shard, required: isMutated(.writeQuorumOneShort) ? max(1, w - 1) : w,
            targets: targets, kind: options.kind ?? rules.kind, purpose: purpose, step: step)
        heldBytes += puts[index].heldBytes
        putDeadlines.schedule(index, after: step, at: now.monotonic)
        for position in 0..<Int(puts[index].writers) where targets & (1 << UInt32(position)) != 0 {
            let replica = placements[layout].candidate(position, of: shard)
            guard replica != id else { continue }
            send(.store(key, content, version, ticket), to: replica, into: &effects)
        }
        if targets > writerPositions(layout, shard) {
            sendToStandIns(index, key, content, version, ticket, into: &effects)
        }
        if let own {
            storeForSelf(key, content, version, ticket, at: own, at: now, into: &effects)
        }
    }

    /// Larger than every version that this node has given, than `floor`, and not fenced off as far
    /// as this node knows.
    mutating func nextVersion(_ key: HashedKey, above floor: UInt64, at now: Moment) -> Version {
        if isMutated(.versionFromQuorumAlone) { return Version(stamp: floor &+ 1, actor: actor) }
        let least = max(floor, fence(of: key))
        return Version(stamp: clock.next(at: now.wall, above: least), actor: actor)
    }

    private mutating func sendToStandIns(
        _ index: Int, _ key: HashedKey, _ content: Content, _ version: Version, _ ticket: Ticket,
        into effects: inout Effects
    ) {
        let shard = Int(puts[index].shard)
        let layout = Int(puts[index].layout)
        let silent = puts[index].silent
        for position in Int(puts[index].writers)..<placements[layout].candidateCount
        where silent & (1 << UInt32(position)) != 0 {
            let node = placements[layout].candidate(position, of: shard)
            guard node != id else { continue }
            let behind = replicaBehind(position, among: puts[index].targets, layout, in: shard)
            let owner = placements[layout].candidate(behind, of: shard)
            send(.hint(key, content, version, for: owner, ticket), to: node, into: &effects)
        }
    }

    /// This node is asked too: as a replica, or to stand in for one.
    mutating func storeForSelf(
        _ key: HashedKey, _ content: Content, _ version: Version, _ ticket: Ticket, at own: Int,
        at now: Moment, into effects: inout Effects
    ) {
        guard let index = puts.index(of: ticket) else { return }
        let position: LogPosition
        if own < Int(puts[index].writers) {
            if case .writeBack = puts[index].purpose, isObsolete(key, content, version) {
                let floor = mark(of: key).floor.stamp
                return fenced(version, below: floor, ticket, by: id, at: now, into: &effects)
            }
            guard let kept = keep(key, content, version, at: now) else { return }
            position = kept
        } else {
            let layout = Int(puts[index].layout)
            let shard = Int(puts[index].shard)
            let behind = replicaBehind(own, among: puts[index].targets, layout, in: shard)
            let owner = placements[layout].candidate(behind, of: shard)
            guard let held = hold(key, content, version, for: owner, at: now) else { return }
            position = held
        }
        if isDurable(position) || isMutated(.acknowledgeBeforeSync) {
            stored(ticket, by: id, at: now, into: &effects)
        } else {
            wait(for: position, then: .stored(ticket, coordinator: id))
        }
    }

    private func stored(
        _ version: Version, _ purpose: PutCoordinator.Purpose, _ answered: Answered
    ) -> Response {
        if case .delete(let existed) = purpose {
            return .deleted(existed: existed, version, answered)
        }
        return .stored(version, answered)
    }

    /// A replica, perhaps this node, has stored a write durably.
    mutating func stored(
        _ ticket: Ticket, by replica: NodeID, at now: Moment, into effects: inout Effects
    ) {
        guard let index = puts.index(of: ticket),
            var position = placements[Int(puts[index].layout)].candidatePosition(
                of: replica, in: Int(puts[index].shard))
        else { return }
        if isMutated(.countDuplicateAcknowledgements),
            puts[index].stored & (1 << UInt32(position)) != 0
        {
            position = puts[index].silent.trailingZeroBitCount
        }
        if puts[index].isHeld {
            puts[index].isHeld = false
            sendToSilent(index, into: &effects)
        }
        if puts[index].stored(at: position) {
            switch puts[index].purpose {
            case .put, .delete:
                let response = stored(
                    puts[index].version, puts[index].purpose, puts[index].answered)
                effects.respond(response, to: puts[index].client)
            case .writeBack(let read): writtenBack(read, at: now, into: &effects)
            case .handoff: handedOff(index, at: now)
            }
        }
        if puts[index].refused != 0 {
            refuseFenced(index, ticket, at: now, into: &effects)
            if puts.index(of: ticket) == nil { return }
        }
        // Whoever has not stored it yet is still sent it again, unless slots grow scarce.
        let isScarce = puts.count > Limits.requestsInFlight / 2
        if puts[index].isFinished || (puts[index].isAnswered && isScarce) {
            let replicas = writerPositions(Int(puts[index].layout), Int(puts[index].shard))
            if puts[index].targets & replicas != replicas {
                holdForMissing(index, among: replicas & ~puts[index].targets, at: now)
            }
            releasePut(index)
        }
    }

    /// Holds a write for replicas that nobody stands in for, as far as there is room.
    private mutating func holdForMissing(_ index: Int, among missing: UInt32, at now: Moment) {
        switch puts[index].purpose {
        case .writeBack, .handoff: return
        case .put, .delete: break
        }
        let layout = Int(puts[index].layout)
        let replicaPositions = writerPositions(layout, Int(puts[index].shard))
        let standIns = (puts[index].targets & ~replicaPositions).nonzeroBitCount
        // The first replicas that were not asked have stand-ins.
        var unasked = replicaPositions & ~puts[index].targets
        for _ in 0..<standIns { unasked &= unasked &- 1 }
        let silent = missing & puts[index].targets
        for position in 0..<Int(puts[index].writers)
        where (unasked | silent) & (1 << UInt32(position)) != 0 {
            let replica = placements[layout].candidate(position, of: Int(puts[index].shard))
            guard replica != id, puts[index].version.stamp >= mark(of: puts[index].key).fence
            else { continue }
            _ = hold(
                puts[index].key, puts[index].content, puts[index].version, for: replica, at: now)
        }
    }

    mutating func releasePut(_ index: Int) {
        putDeadlines.cancel(index)
        heldBytes -= puts[index].heldBytes
        if puts[index].isLarge { largePuts.append(index) }
        puts.remove(at: index)
    }

    /// The second phase of a read with blocking repair: the newest version, with the version that
    /// it has, goes to everyone who is not known to hold it, for what is left of the timeout.
    mutating func writeBack(_ get: Int, at now: Moment, into effects: inout Effects) {
        guard let ticket = puts.insert() else {
            refuse(.busy, gets[get].client, into: &effects)
            return releaseGet(get)
        }
        counters.writeBacks &+= 1
        let index = Int(ticket.index)
        let goal = gets[get].goal
        let rules = rules(of: gets[get].key.keyspace)
        puts[index].begin(
            gets[get].key, gets[get].content, gets[get].version, for: gets[get].client,
            layout: UInt8(goal.layout), placements[goal.layout], shard: goal.shard,
            required: goal.w,
            targets: goal.targets | writeTargets(goal.kind, rules, in: goal.shard),
            stored: gets[get].holders, kind: goal.kind ?? rules.kind,
            purpose: .writeBack(gets.ticket(at: get)), step: goal.step)
        puts[index].stepsLeft = max(1, gets[get].stepsLeft)
        heldBytes += puts[index].heldBytes
        gets[get].beginWriteBack()
        getDeadlines.cancel(get)
        putDeadlines.schedule(index, after: goal.step, at: now.monotonic)
        counters.readRepairs &+= UInt64(puts[index].silent.nonzeroBitCount)
        sendToSilent(index, into: &effects)
        if let own = ownPosition(among: puts[index].silent, goal.layout, in: goal.shard) {
            storeForSelf(
                puts[index].key, puts[index].content, puts[index].version, ticket, at: own, at: now,
                into: &effects)
        }
    }

    // MARK: Time

    mutating func expirePut(_ index: Int, at now: Moment, into effects: inout Effects) {
        if case .handoff = puts[index].purpose { return abandonHandoff(index, at: now) }
        puts[index].stepsLeft -= 1
        if puts[index].stepsLeft > 0 {
            if !puts[index].isHeld {
                counters.retransmissions &+= sendToSilent(index, into: &effects)
            }
            return putDeadlines.schedule(index, after: puts[index].step, at: now.monotonic)
        }
        if !puts[index].isAnswered, isMutated(.acknowledgeTimeouts),
            case .put = puts[index].purpose
        {
            effects.respond(
                stored(puts[index].version, puts[index].purpose, puts[index].answered),
                to: puts[index].client)
        } else if !puts[index].isAnswered {
            counters.unknown &+= 1
            effects.respond(
                .unknown(have: puts[index].acknowledgements, need: puts[index].required),
                to: puts[index].client)
            if case .writeBack(let read) = puts[index].purpose, let get = gets.index(of: read) {
                releaseGet(get)
            }
        }
        let replicas = writerPositions(Int(puts[index].layout), Int(puts[index].shard))
        holdForMissing(index, among: replicas & ~puts[index].acknowledged, at: now)
        releasePut(index)
    }

    /// The ring has changed: whatever was acknowledged counts no more, and the write goes, with the
    /// version that it has, to all who are to have it now.
    mutating func restartPut(_ index: Int, at now: Moment, into effects: inout Effects) {
        if case .handoff = puts[index].purpose { return abandonHandoff(index, at: now) }
        let rules = rules(of: puts[index].key.keyspace)
        let layout = Int(puts[index].layout)
        let shard = Int(puts[index].shard)
        puts.remove(at: index)
        guard let ticket = puts.insert(), Int(ticket.index) == index else {
            preconditionFailure("a slot that was given back is the next to be taken")
        }
        let targets = writeTargets(puts[index].kind, rules, in: shard)
        puts[index].restart(placements[layout], targets: targets)
        if !puts[index].isHeld { sendToSilent(index, into: &effects) }
        guard let own = ownPosition(among: targets, layout, in: shard) else { return }
        storeForSelf(
            puts[index].key, puts[index].content, puts[index].version, ticket, at: own, at: now,
            into: &effects)
    }

    /// Sends the write to every other replica that has not said that it has it; returns to how
    /// many.
    @discardableResult
    mutating func sendToSilent(_ index: Int, into effects: inout Effects) -> UInt64 {
        let shard = Int(puts[index].shard)
        let layout = Int(puts[index].layout)
        let replicaPositions = writerPositions(layout, shard)
        let silent = puts[index].silent
        var count: UInt64 = 0
        for position in 0..<Int(puts[index].writers) where silent & (1 << UInt32(position)) != 0 {
            let replica = placements[layout].candidate(position, of: shard)
            guard replica != id else { continue }
            count &+= 1
            let version =
                isMutated(.retransmissionRestamps)
                ? Version(stamp: puts[index].version.stamp &+ (10_000 << 12), actor: actor)
                : puts[index].version
            let ticket = puts.ticket(at: index)
            send(
                puts[index].mends
                    ? .restore(puts[index].key, puts[index].content, version, ticket)
                    : .store(puts[index].key, puts[index].content, version, ticket),
                to: replica, into: &effects)
        }
        if silent > replicaPositions {
            count &+= UInt64((silent & ~replicaPositions).nonzeroBitCount)
            sendToStandIns(
                index, puts[index].key, puts[index].content, puts[index].version,
                puts.ticket(at: index), into: &effects)
        }
        return count
    }
}
