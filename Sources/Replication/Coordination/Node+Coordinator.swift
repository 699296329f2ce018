import Basics
import Causality
import Partitioning
import Storage

/// The node in the role of coordinator: a client's request becomes messages to the replicas of
/// its key, and their answers become one answer (DeCandia et al. 2007, §4.5).
extension Node {
    /// By shard, the positions of its preference list that can be asked, a bit each. Kept ready,
    /// since reachability changes seldom and every request needs it.
    mutating func updateReachablePositions() {
        for shard in 0..<placement.shardCount {
            var mask: UInt16 = 0
            for position in 0..<placement.n
            where isReachable[Int(placement.replica(position, of: shard).index)] {
                mask |= 1 << UInt16(position)
            }
            reachablePositions[shard] = mask
        }
    }

    /// The quorum that counts: the request's, else the default; nil after refusing.
    private mutating func quorum(
        _ asked: UInt8, default fallback: UInt8, reachable: UInt16, for client: ClientID,
        into effects: inout Effects
    ) -> UInt8? {
        let needed = asked == 0 ? fallback : asked
        let refusal: Refusal
        let count = UInt8(reachable.nonzeroBitCount)
        if needed > configuration.n {
            refusal = .quorumTooLarge(asked: needed, n: configuration.n)
        } else if count < needed {
            refusal = .unavailable(reachable: count, needed: needed)
        } else if heldBytes > Limits.bytesInFlight {
            refusal = .busy
        } else {
            return needed
        }
        refuse(refusal, client, into: &effects)
        return nil
    }

    private mutating func refuse(
        _ refusal: Refusal, _ client: ClientID, into effects: inout Effects
    ) {
        counters.refused &+= 1
        effects.respond(.failed(refusal), to: client)
    }

    private func step(_ options: RequestOptions) -> Instant.Duration {
        let timeout =
            options.timeoutMilliseconds == 0
            ? configuration.timeout : .milliseconds(options.timeoutMilliseconds)
        return timeout / 3
    }

    // MARK: Writing

    /// Coordinates a write: a version, the local copy first, then the other replicas. `value` is
    /// nil for a tombstone; `existed` is what the read before a delete saw.
    mutating func write(
        _ key: HashedKey, _ value: Bytes?, _ options: RequestOptions, for client: ClientID,
        existed: Bool?, at now: Moment, into effects: inout Effects
    ) {
        let shard = placement.shard(of: key.hash)
        let targets = reachablePositions[shard]
        guard
            let w = quorum(
                options.w, default: configuration.w, reachable: targets, for: client,
                into: &effects)
        else { return }
        let own = placement.position(of: id, in: shard)
        if let own, placement.n == 1, configuration.durability == .appended {
            // The only replica: nothing to wait for, so no slot to take.
            let version = Version(stamp: clock.next(at: now.wall), actor: actor)
            _ = append(key, value, version)
            let answered = Answered(shard: UInt16(shard), mask: 1 << UInt16(own))
            return effects.respond(stored(version, existed, answered), to: client)
        }
        guard let ticket = puts.insert() else { return refuse(.busy, client, into: &effects) }
        let version = Version(stamp: clock.next(at: now.wall), actor: actor)
        let index = Int(ticket.index)
        let step = step(options)
        puts[index].begin(
            key, value, version, for: client, shard: shard, required: w, targets: targets,
            existed: existed, step: step)
        heldBytes += puts[index].heldBytes
        putDeadlines.schedule(index, after: step, at: now.monotonic)
        for position in 0..<placement.n where targets & (1 << UInt16(position)) != 0 {
            let replica = placement.replica(position, of: shard)
            guard replica != id else { continue }
            send(.store(key, value, version, ticket), to: replica, into: &effects)
        }
        if own != nil {
            storeForSelf(key, value, version, ticket, at: now, into: &effects)
        }
    }

    private mutating func storeForSelf(
        _ key: HashedKey, _ value: Bytes?, _ version: Version, _ ticket: Ticket, at now: Moment,
        into effects: inout Effects
    ) {
        let position = keep(key, value, version, at: now)
        if isDurable(position) {
            stored(ticket, by: id, at: now, into: &effects)
        } else {
            wait(for: position, then: .stored(ticket, coordinator: id))
        }
    }

    private func stored(_ version: Version, _ existed: Bool?, _ answered: Answered) -> Response {
        if let existed { return .deleted(existed: existed, version, answered) }
        return .stored(version, answered)
    }

    /// A replica, perhaps this node, has stored a write durably.
    mutating func stored(
        _ ticket: Ticket, by replica: NodeID, at now: Moment, into effects: inout Effects
    ) {
        guard let index = puts.index(of: ticket),
            let position = placement.position(of: replica, in: Int(puts[index].shard))
        else { return }
        if puts[index].stored(at: position) {
            let response = stored(
                puts[index].version, puts[index].existed, puts[index].answered)
            effects.respond(response, to: puts[index].client)
        }
        // Whoever has not stored it yet is still sent it again, unless slots grow scarce.
        let isScarce = puts.count > Limits.requestsInFlight / 2
        if puts[index].isFinished || (puts[index].isAnswered && isScarce) { releasePut(index) }
    }

    private mutating func releasePut(_ index: Int) {
        putDeadlines.cancel(index)
        heldBytes -= puts[index].heldBytes
        if puts[index].isLarge { largePuts.append(index) }
        puts.remove(at: index)
    }

    // MARK: Reading

    /// Coordinates a read, and what follows from it.
    mutating func read(
        _ key: HashedKey, _ options: RequestOptions, for client: ClientID,
        purpose: GetCoordinator.Purpose, at now: Moment, into effects: inout Effects
    ) {
        let shard = placement.shard(of: key.hash)
        let targets = reachablePositions[shard]
        guard
            let r = quorum(
                options.r, default: configuration.r, reachable: targets, for: client,
                into: &effects)
        else { return }
        if case .delete(let w) = purpose {
            // Known now, before anything is sent: a delete that cannot be written is refused.
            guard
                quorum(
                    w, default: configuration.w, reachable: targets, for: client, into: &effects)
                    != nil
            else { return }
        }
        let own = placement.position(of: id, in: shard)
        let found = own == nil ? nil : store.find(key)
        let isRevealed = found.map { isDurable($0.position) } ?? true
        if r == 1, let own, isRevealed {
            let answered = Answered(shard: UInt16(shard), mask: 1 << UInt16(own))
            return finishRead(
                key, found?.value, found?.version ?? .none, answered, options, for: client,
                purpose: purpose, at: now, into: &effects)
        }
        guard let ticket = gets.insert() else { return refuse(.busy, client, into: &effects) }
        let index = Int(ticket.index)
        let step = step(options)
        gets[index].begin(
            key, for: client, purpose: purpose, shard: shard, required: r, targets: targets,
            step: step)
        getDeadlines.schedule(index, after: step, at: now.monotonic)
        var known = Version.none
        if let own {
            if let found, !isRevealed {
                park(found, ticket, for: id)
            } else {
                known = found?.version ?? .none
                _ = gets[index].fetched(
                    known, found.map { Fetched($0.value) } ?? .notNewer, at: own)
            }
        }
        heldBytes += gets[index].heldBytes
        for position in 0..<placement.n where targets & (1 << UInt16(position)) != 0 {
            let replica = placement.replica(position, of: shard)
            guard replica != id else { continue }
            send(.fetch(key, known: known, ticket), to: replica, into: &effects)
        }
    }

    /// A replica, perhaps this node, has answered a read.
    mutating func fetched(
        _ version: Version, _ fetched: Fetched, _ ticket: Ticket, by replica: NodeID,
        at now: Moment, into effects: inout Effects
    ) {
        guard let index = gets.index(of: ticket),
            let position = placement.position(of: replica, in: Int(gets[index].shard))
        else { return }
        if !clock.merge(version.stamp, at: now.wall) { counters.clockRejections &+= 1 }
        let before = gets[index].heldBytes
        let isEnough = gets[index].fetched(version, fetched, at: position)
        heldBytes += gets[index].heldBytes - before
        guard isEnough else { return }
        let options = RequestOptions(
            timeoutMilliseconds: UInt32(
                clamping: gets[index].step.nanoseconds * 3 / 1_000_000))
        // The slot is free from here on; its bytes stay until it is taken again, which no later
        // step of this event does.
        getDeadlines.cancel(index)
        heldBytes -= gets[index].heldBytes
        if gets[index].isLarge { largeGets.append(index) }
        gets.remove(at: index)
        finishRead(
            gets[index].key, gets[index].value, gets[index].version, gets[index].whoAnswered,
            options, for: gets[index].client, purpose: gets[index].purpose, at: now,
            into: &effects)
    }

    private mutating func finishRead(
        _ key: HashedKey, _ value: Bytes?, _ version: Version, _ answered: Answered,
        _ options: RequestOptions, for client: ClientID, purpose: GetCoordinator.Purpose,
        at now: Moment, into effects: inout Effects
    ) {
        switch purpose {
        case .get:
            effects.respond(.value(value, version, answered), to: client)
        case .delete(let w):
            var options = options
            options.w = w
            write(
                key, nil, options, for: client, existed: value != nil, at: now, into: &effects)
        }
    }

    // MARK: Time

    /// Sends again what was not answered, and gives up what has had its time.
    mutating func expire(at now: Moment, into effects: inout Effects) {
        while let index = putDeadlines.popDue(at: now.monotonic) {
            puts[index].stepsLeft -= 1
            if puts[index].stepsLeft > 0 {
                retransmitPut(index, into: &effects)
                putDeadlines.schedule(index, after: puts[index].step, at: now.monotonic)
            } else {
                if !puts[index].isAnswered {
                    counters.unknown &+= 1
                    effects.respond(
                        .unknown(have: puts[index].acknowledgements, need: puts[index].required),
                        to: puts[index].client)
                }
                releasePut(index)
            }
        }
        while let index = getDeadlines.popDue(at: now.monotonic) {
            gets[index].stepsLeft -= 1
            if gets[index].stepsLeft > 0 {
                retransmitGet(index, into: &effects)
                getDeadlines.schedule(index, after: gets[index].step, at: now.monotonic)
            } else {
                giveUpGet(index, into: &effects)
            }
        }
    }

    private mutating func retransmitPut(_ index: Int, into effects: inout Effects) {
        let shard = Int(puts[index].shard)
        let silent = puts[index].silent
        for position in 0..<placement.n where silent & (1 << UInt16(position)) != 0 {
            let replica = placement.replica(position, of: shard)
            guard replica != id else { continue }
            counters.retransmissions &+= 1
            send(
                .store(
                    puts[index].key, puts[index].value, puts[index].version,
                    puts.ticket(at: index)), to: replica, into: &effects)
        }
    }

    private mutating func retransmitGet(_ index: Int, into effects: inout Effects) {
        let shard = Int(gets[index].shard)
        let silent = gets[index].silent
        for position in 0..<placement.n where silent & (1 << UInt16(position)) != 0 {
            let replica = placement.replica(position, of: shard)
            guard replica != id else { continue }
            counters.retransmissions &+= 1
            send(
                .fetch(
                    gets[index].key, known: gets[index].version, gets.ticket(at: index)),
                to: replica, into: &effects)
        }
    }

    private mutating func giveUpGet(_ index: Int, into effects: inout Effects) {
        let have = gets[index].answers
        let need = gets[index].required
        switch gets[index].purpose {
        case .get:
            counters.unknown &+= 1
            effects.respond(.unknown(have: have, need: need), to: gets[index].client)
        case .delete:
            // Only reads were sent: certainly without effect.
            refuse(
                .unavailable(reachable: have, needed: need), gets[index].client, into: &effects)
        }
        heldBytes -= gets[index].heldBytes
        if gets[index].isLarge { largeGets.append(index) }
        gets.remove(at: index)
    }
}
