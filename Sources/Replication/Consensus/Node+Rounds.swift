import Basics
import Causality
import Partitioning
import Storage

/// The node in the role of proposer: one round at a time for each key.
extension Node {
    /// Most changes that are decided under one ballot; their versions fit its counter.
    private static let batchLimit = 1 << 10

    /// A change joins those that wait for its key.
    mutating func enqueue(_ index: Int, at now: Moment, into effects: inout Effects) {
        let key = proposals[index].key
        let round: Int
        if let known = roundOfKey[key.hash] {
            round = Int(known)
            guard rounds[round].key.isSame(as: key) else {
                // Two keys of one hash: the second waits until the first is done.
                return refuseProposal(index, .busy, into: &effects)
            }
        } else {
            guard let ticket = rounds.insert() else {
                return refuseProposal(index, .busy, into: &effects)
            }
            round = Int(ticket.index)
            let layout = proposals[index].layout
            rounds[round].begin(
                key, layout: layout, shard: proposals[index].place.shard,
                majority: majority(Int(layout)),
                twins: placements[Int(layout)].twins(of: Int(proposals[index].place.shard)))
            roundOfKey[key.hash] = Int32(round)
        }
        if proposals[index].asked == .settle { rounds[round].isSettling = true }
        proposals[index].round = Int32(round)
        proposals[index].next = -1
        if rounds[round].lastWaiting >= 0 {
            proposals[Int(rounds[round].lastWaiting)].next = Int32(index)
        } else {
            rounds[round].waiting = Int32(index)
        }
        rounds[round].lastWaiting = Int32(index)
        if case .idle = rounds[round].phase { startRound(round, at: now, into: &effects) }
    }

    private mutating func refuseProposal(
        _ index: Int, _ refusal: Refusal, into effects: inout Effects
    ) {
        answer(
            .refused(refusal), proposals[index].origin, proposals[index].asked,
            proposals[index].place, into: &effects)
        releaseProposal(index)
    }

    /// All that waits becomes the batch of the next ballot.
    private mutating func startRound(_ round: Int, at now: Moment, into effects: inout Effects) {
        var last = rounds[round].waiting
        guard last >= 0 else { return releaseRound(round) }
        rounds[round].batch = last
        for _ in 1..<Node.batchLimit where proposals[Int(last)].next >= 0 {
            last = proposals[Int(last)].next
        }
        rounds[round].waiting = proposals[Int(last)].next
        if rounds[round].waiting < 0 { rounds[round].lastWaiting = -1 }
        proposals[Int(last)].next = -1
        if beginFromLease(round) {
            counters.onePhaseRounds &+= 1
            applyBatch(round)
            sendAccept(round, at: now, into: &effects)
        } else {
            beginPrepare(round, at: now, into: &effects)
        }
    }

    /// Whether this node may skip the first phase: it proposed what its own record holds, a
    /// majority accepted that, and nobody has been promised anything since, as far as it knows.
    private mutating func beginFromLease(_ round: Int) -> Bool {
        guard let found = store.find(rounds[round].key), found.content.form == .register,
            found.version.actor == actor, leases.holds(rounds[round].key.hash, found.version.stamp)
        else { return false }
        let register = Register(found.content.bytes)
        guard register.promise == found.version.successor else { return false }
        rounds[round].begin(from: register, accepted: found.version)
        return true
    }

    /// Those that decide: the replicas, and, while the shard is moving, the one that goes or comes.
    private func replicas(of round: Int) -> Int {
        placements[Int(rounds[round].layout)].writers(of: Int(rounds[round].shard))
    }

    private func replica(_ position: Int, of round: Int) -> NodeID {
        placements[Int(rounds[round].layout)].candidate(position, of: Int(rounds[round].shard))
    }

    private func position(of replica: NodeID, in round: Int) -> Int? {
        placements[Int(rounds[round].layout)].writerPosition(
            of: replica, in: Int(rounds[round].shard))
    }

    /// The ring has changed: the ballot that is under way counts no more, and another begins.
    mutating func restartRound(_ round: Int, at now: Moment, into effects: inout Effects) {
        rounds.remove(at: round)
        guard let ticket = rounds.insert(), Int(ticket.index) == round else {
            preconditionFailure("a slot that was given back is the next to be taken")
        }
        let layout = Int(rounds[round].layout)
        rounds[round].restart(twins: placements[layout].twins(of: Int(rounds[round].shard)))
        beginPrepare(round, at: now, into: &effects)
    }

    // MARK: First phase

    private mutating func beginPrepare(
        _ round: Int, at now: Moment, into effects: inout Effects
    ) {
        let key = rounds[round].key
        let found = store.find(key)
        var above = max(rounds[round].highest.stamp, ballotFloor(of: key).stamp)
        if let found, found.content.form == .register {
            above = max(above, Register(found.content.bytes).promise.stamp)
        }
        let ballot = Ballot(stamp: clock.nextTick(at: now.wall, above: above), actor: actor)
        counters.twoPhaseRounds &+= 1
        rounds[round].prepare(ballot, knowing: found)
        roundDeadlines.schedule(round, after: retransmissionStep, at: now.monotonic)
        let known = rounds[round].base
        let ticket = rounds.ticket(at: round)
        var isReplica = false
        for position in 0..<replicas(of: round) {
            let replica = replica(position, of: round)
            if replica == id {
                isReplica = true
            } else {
                send(.prepare(key, ballot, known: known, ticket), to: replica, into: &effects)
            }
        }
        if isReplica {
            prepareForProposer(
                key, ballot, known: known, ticket, proposer: id, at: now, into: &effects)
        }
    }

    /// A replica, perhaps this node, promises.
    mutating func promised(
        _ ballot: Ballot, _ accepted: Ballot, _ fetched: Fetched, _ ticket: Ticket,
        by replica: NodeID, at now: Moment, into effects: inout Effects
    ) {
        guard let round = rounds.index(of: ticket), case .preparing = rounds[round].phase,
            rounds[round].ballot == ballot,
            let position = position(of: replica, in: round)
        else { return }
        var content: Content?
        if case .found(let found) = fetched { content = found }
        let counts = rounds[round].promised(accepted, content, at: position)
        heldBytes += rounds[round].accountBytes()
        guard counts, rounds[round].hasMajority else { return }
        chooseState(round, at: now, into: &effects)
    }

    /// A majority has promised: what is to be accepted follows from the largest ballot that any of
    /// them has accepted.
    private mutating func chooseState(
        _ round: Int, at now: Moment, into effects: inout Effects
    ) {
        if rounds[round].isInDoubt, !isMutated(.retryBlindly) {
            let base = rounds[round].base
            if base == rounds[round].lastDoubt {
                // What was proposed before is the newest: it stays, and so do its results.
                counters.doubtsResolved &+= 1
                rounds[round].keepDraft()
                return sendAccept(round, at: now, into: &effects)
            }
            // Older than every attempt: none of them counts once this one is accepted. Otherwise
            // another proposer may have built on one of them.
            if base >= rounds[round].firstDoubt {
                dropDoubtful(round, into: &effects)
                rounds[round].settleDoubt()
            }
        }
        guard rounds[round].batch >= 0 else { return finishRound(round, at: now, into: &effects) }
        applyBatch(round)
        if !rounds[round].isChanged, !rounds[round].isSettling,
            rounds[round].isUnanimous || isMutated(.readLargestAccepted)
        {
            answerBatch(round, mask: rounds[round].agreed, into: &effects)
            return finishRound(round, at: now, into: &effects)
        }
        sendAccept(round, at: now, into: &effects)
    }

    /// Changes that may have been applied already, and that nothing in the state tells apart.
    private mutating func dropDoubtful(_ round: Int, into effects: inout Effects) {
        var index = rounds[round].batch
        var kept: Int32 = -1
        rounds[round].batch = -1
        while index >= 0 {
            let next = proposals[Int(index)].next
            let change = proposals[Int(index)].change
            if change.kind == .get || !change.operation.isNone {
                proposals[Int(index)].next = -1
                if kept >= 0 {
                    proposals[Int(kept)].next = index
                } else {
                    rounds[round].batch = index
                }
                kept = index
            } else {
                giveUp(Int(index), have: 1, into: &effects)
            }
            index = next
        }
    }

    private mutating func applyBatch(_ round: Int) {
        rounds[round].startDraft()
        var index = rounds[round].batch
        while index >= 0 {
            let (result, version) = rounds[round].apply(proposals[Int(index)].change)
            proposals[Int(index)].decide(result, version)
            index = proposals[Int(index)].next
        }
        heldBytes += rounds[round].accountBytes()
    }

    // MARK: Second phase

    private mutating func sendAccept(
        _ round: Int, at now: Moment, into effects: inout Effects
    ) {
        rounds[round].propose()
        var index = rounds[round].batch
        while index >= 0 {
            proposals[Int(index)].state = .proposed
            index = proposals[Int(index)].next
        }
        roundDeadlines.schedule(round, after: retransmissionStep, at: now.monotonic)
        let key = rounds[round].key
        let ballot = rounds[round].ballot
        let ticket = rounds.ticket(at: round)
        var isReplica = false
        for position in 0..<replicas(of: round) {
            let replica = replica(position, of: round)
            if replica == id {
                isReplica = true
            } else {
                send(
                    .accept(key, rounds[round].state, ballot, ticket), to: replica, into: &effects)
            }
        }
        if isReplica {
            acceptForProposer(
                key, rounds[round].state, ballot, ticket, proposer: id, at: now, into: &effects)
        }
    }

    /// A replica, perhaps this node, has accepted, durably.
    mutating func accepted(
        _ ballot: Ballot, _ ticket: Ticket, by replica: NodeID, at now: Moment,
        into effects: inout Effects
    ) {
        guard let round = rounds.index(of: ticket), case .accepting = rounds[round].phase,
            rounds[round].ballot == ballot,
            let position = position(of: replica, in: round)
        else { return }
        rounds[round].accepted(at: position)
        guard rounds[round].hasMajority else { return }
        leases.accepted(rounds[round].key.hash, ballot.stamp)
        answerBatch(round, mask: rounds[round].agreed, into: &effects)
        finishRound(round, at: now, into: &effects)
    }

    private mutating func answerBatch(
        _ round: Int, mask: UInt32, into effects: inout Effects
    ) {
        var index = rounds[round].batch
        rounds[round].batch = -1
        while index >= 0 {
            let place = Int(index)
            index = proposals[place].next
            answer(
                .decided(proposals[place].result, proposals[place].version, mask: mask),
                proposals[place].origin, proposals[place].asked, proposals[place].place,
                into: &effects)
            releaseProposal(place)
        }
    }

    private mutating func finishRound(
        _ round: Int, at now: Moment, into effects: inout Effects
    ) {
        rounds[round].succeed()
        startRound(round, at: now, into: &effects)
    }

    private mutating func releaseRound(_ round: Int) {
        roundOfKey.removeValue(forKey: rounds[round].key.hash)
        roundDeadlines.cancel(round)
        heldBytes += rounds[round].giveBackBytes()
        if rounds[round].isLarge { largeRounds.append(round) }
        rounds.remove(at: round)
    }

    // MARK: Duels and time

    /// A replica, perhaps this node, has promised a larger ballot to someone.
    mutating func rejected(
        _ ballot: Ballot, _ seen: Ballot, _ ticket: Ticket, by replica: NodeID, at now: Moment,
        into effects: inout Effects
    ) {
        guard let round = rounds.index(of: ticket), rounds[round].ballot == ballot,
            let position = position(of: replica, in: round)
        else { return }
        switch rounds[round].phase {
        case .idle, .pausing: return
        case .preparing, .accepting: break
        }
        guard rounds[round].refused(at: position, highest: seen, replicas: replicas(of: round))
        else { return }
        counters.duels &+= 1
        leases.forget(rounds[round].key.hash)
        rounds[round].fail()
        if rounds[round].failures == 1 { return beginPrepare(round, at: now, into: &effects) }
        // Half to one and a half milliseconds, doubled with every failure.
        let exponent = UInt64(min(rounds[round].failures - 1, 6))
        let pause = 500 + random.below(1_000 as UInt64)
        roundDeadlines.schedule(
            round, after: .microseconds(pause << exponent), at: now.monotonic)
    }

    private var retransmissionStep: Instant.Duration { configuration.timeout / 4 }

    mutating func expireRound(_ round: Int, at now: Moment, into effects: inout Effects) {
        switch rounds[round].phase {
        case .idle: break
        case .pausing: beginPrepare(round, at: now, into: &effects)
        case .preparing, .accepting:
            sendAgain(round, into: &effects)
            roundDeadlines.schedule(round, after: retransmissionStep, at: now.monotonic)
        }
    }

    mutating func sendAgain(_ round: Int, into effects: inout Effects) {
        switch rounds[round].phase {
        case .idle, .pausing: return
        case .preparing, .accepting: break
        }
        let key = rounds[round].key
        let ticket = rounds.ticket(at: round)
        let ballot = rounds[round].ballot
        let heard = rounds[round].agreed | rounds[round].refused
        for position in 0..<replicas(of: round) where heard & (1 << UInt32(position)) == 0 {
            let replica = replica(position, of: round)
            guard replica != id else { continue }
            counters.retransmissions &+= 1
            if case .preparing = rounds[round].phase {
                send(
                    .prepare(key, ballot, known: rounds[round].base, ticket), to: replica,
                    into: &effects)
            } else {
                send(
                    .accept(key, rounds[round].state, ballot, ticket), to: replica, into: &effects)
            }
        }
    }

    /// A change has had its time.
    mutating func expireProposal(_ index: Int, at now: Moment, into effects: inout Effects) {
        let round = Int(proposals[index].round)
        switch proposals[index].state {
        case .spent: return
        case .passedOn: return giveUp(index, have: 0, into: &effects)
        case .proposed:
            unlink(index, from: round)
            giveUp(index, have: rounds[round].agreed.nonzeroBitCount, into: &effects)
        case .waiting:
            unlink(index, from: round)
            let have = rounds[round].agreed.nonzeroBitCount
            refuseProposal(
                index, .unavailable(reachable: UInt8(have), needed: rounds[round].majority),
                into: &effects)
        }
        if rounds[round].batch < 0 { finishRound(round, at: now, into: &effects) }
    }

    private mutating func unlink(_ index: Int, from round: Int) {
        let next = proposals[index].next
        if rounds[round].batch == index {
            rounds[round].batch = next
            return
        }
        if rounds[round].waiting == index {
            rounds[round].waiting = next
            if next < 0 { rounds[round].lastWaiting = -1 }
            return
        }
        for first in [rounds[round].batch, rounds[round].waiting] {
            var before = first
            while before >= 0, proposals[Int(before)].next != index {
                before = proposals[Int(before)].next
            }
            guard before >= 0 else { continue }
            proposals[Int(before)].next = next
            if rounds[round].lastWaiting == index { rounds[round].lastWaiting = before }
        }
    }
}

extension HashedKey {
    func isSame(as other: HashedKey) -> Bool {
        bytes == other.bytes && keyspace == other.keyspace
    }
}
