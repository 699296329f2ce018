import Basics
import Causality
import Partitioning
import Storage

/// Coordinating reads, and the repair of replicas that are found behind.
extension Node {
    /// Coordinates a read, and what follows from it.
    mutating func read(
        _ key: HashedKey, _ options: RequestOptions, _ rules: KeyspaceRules,
        for client: ClientID, purpose: GetCoordinator.Purpose, pending: Content = .tombstone,
        at now: Moment, into effects: inout Effects
    ) {
        guard honour(options.token, for: client, at: now, into: &effects),
            var goal = goal(key, options, rules, for: client, purpose, into: &effects)
        else { return }
        let own = ownPosition(among: goal.targets, goal.layout, in: goal.shard)
        let found = own == nil ? nil : find(key, goal.layout, in: goal.shard)
        let isRevealed =
            found.map { isDurable($0.position) || isMutated(.revealBeforeDurable) } ?? true
        if goal.r == 1, let own, isRevealed, !goal.isSiblings,
            goal.repair != .blocking || goal.w == 1 && goal.twins == 0,
            !((found?.version ?? absence(of: key)) < goal.token)
        {
            // Nobody else is asked, so nobody is found behind.
            let answered = Answered(
                shard: UInt16(goal.shard), n: goal.n, mask: 1 << UInt32(own))
            return finishRead(
                key, found?.content ?? .tombstone, found?.version ?? .none, answered, options,
                for: client, purpose: purpose, pending: pending, at: now, into: &effects)
        }
        guard let ticket = gets.insert() else { return refuse(.busy, client, into: &effects) }
        let index = Int(ticket.index)
        let reserve = configuration.hedge == nil ? 0 : holdBack(&goal, own, rules)
        let valuePosition = own == nil ? positionForValue(&goal, rules) : nil
        gets[index].begin(key, for: client, goal: goal, pending: pending, at: now.monotonic)
        if reserve == 0 {
            getDeadlines.schedule(index, after: goal.step, at: now.monotonic)
        } else {
            gets[index].reserve = reserve
            scheduleHedge(index, at: now)
        }
        var known = Version.none
        if let own {
            if let found, !isRevealed {
                park(found, ticket, for: id)
            } else {
                known = found?.version ?? .none
                _ = gets[index].fetched(
                    found?.version ?? absence(of: key),
                    found.map { .found($0.content) } ?? .notNewer, at: own)
            }
        }
        heldBytes += gets[index].heldBytes
        if case .write = purpose { known = .largest }
        for position in 0..<Int(goal.n) where goal.targets & (1 << UInt32(position)) != 0 {
            let replica = placements[goal.layout].replica(position, of: goal.shard)
            guard replica != id else { continue }
            let isForVersion = valuePosition.map { $0 != position } ?? false
            send(
                .fetch(key, known: isForVersion ? .largest : known, ticket), to: replica,
                into: &effects)
        }
        if goal.targets > writerPositions(goal.layout, goal.shard) {
            askStandIns(index, into: &effects)
        }
        if goal.isSiblings { _ = proceed(index, at: now, into: &effects) }
    }

    private mutating func askStandIns(_ index: Int, into effects: inout Effects) {
        let silent = gets[index].silent
        let goal = gets[index].goal
        let writers = placements[goal.layout].writers(of: goal.shard)
        for position in writers..<placements[goal.layout].candidateCount
        where silent & (1 << UInt32(position)) != 0 {
            let node = placements[goal.layout].candidate(position, of: goal.shard)
            guard node != id else { continue }
            send(
                .fetch(
                    gets[index].key, known: gets[index].version, gets.ticket(at: index)),
                to: node, into: &effects)
        }
    }

    /// What the request asks for, with defaults filled in; nil after refusing.
    private mutating func goal(
        _ key: HashedKey, _ options: RequestOptions, _ rules: KeyspaceRules,
        for client: ClientID, _ purpose: GetCoordinator.Purpose, into effects: inout Effects
    ) -> GetCoordinator.Goal? {
        let shard = placements[0].shard(of: key.hash)
        let targets = readTargets(options.kind, rules, in: shard)
        let twins = placements[Int(rules.layout)].twins(of: shard)
        guard
            let r = quorum(
                options.r, default: rules.r, rules, reachable: targets, for: client,
                into: &effects)
        else { return nil }
        var repair = rules.mode == .abd ? .blocking : options.repair ?? rules.readRepair
        var w: UInt8
        let isRead: Bool
        switch purpose {
        case .delete(let asked), .write(let asked):
            repair = .none
            w = asked
            isRead = false
        case .get, .life:
            w = options.w
            isRead = true
        }
        if isRead, repair != .blocking {
            w = 0
        } else {
            // Known now, before anything is sent: a delete that cannot be written is refused, and
            // so is a read that cannot be made safe.
            guard
                let needed = quorum(
                    w, default: rules.w, rules,
                    reachable: writeTargets(options.kind, rules, in: shard), twins: twins,
                    for: client, into: &effects)
            else { return nil }
            w = needed
        }
        return GetCoordinator.Goal(
            purpose: purpose, layout: Int(rules.layout), shard: shard, n: rules.n,
            targets: targets,
            r: isMutated(.readQuorumOneShort) ? max(1, r - 1) : r, twins: twins, w: w,
            repair: isMutated(.skipWriteBack) && repair == .blocking ? .none : repair,
            isSiblings: rules.mode == .siblings, kind: options.kind, token: options.token,
            step: step(options))
    }

    /// A replica, perhaps this node, has answered a read.
    mutating func fetched(
        _ version: Version, _ fetched: Fetched, _ ticket: Ticket, by replica: NodeID,
        at now: Moment, into effects: inout Effects
    ) {
        guard let index = gets.index(of: ticket), !gets[index].isWritingBack,
            let position = placements[gets[index].goal.layout].candidatePosition(
                of: replica, in: gets[index].goal.shard)
        else { return }
        if !clock.merge(version.stamp, at: now.wall) { counters.clockRejections &+= 1 }
        if case .found(let content) = fetched {
            fetchedBytesTimes16 &+= content.bytes.count &- fetchedBytesTimes16 / 16
        }
        if configuration.hedge != nil, replica != id { time(replica, index, at: now) }
        let before = gets[index].heldBytes
        let counts = gets[index].fetched(version, fetched, at: position)
        heldBytes += gets[index].heldBytes - before
        guard counts else { return }
        if gets[index].marked != 0 { settleMarked(index, into: &effects) }
        if gets[index].isAnswered {
            if gets[index].isComplete { finishRepair(index, at: now, into: &effects) }
            return
        }
        _ = proceed(index, at: now, into: &effects)
    }

    /// Does what the answers so far allow; false when they allow nothing yet.
    private mutating func proceed(
        _ index: Int, at now: Moment, into effects: inout Effects
    ) -> Bool {
        switch gets[index].verdict {
        case .wait: return false
        case .answer: answerRead(index, at: now, into: &effects)
        case .writeBack: writeBack(index, at: now, into: &effects)
        case .split: decideSplit(index, at: now, into: &effects)
        }
        return true
    }

    /// The read quorum is met. The slot is kept for a while if others may be found behind.
    private mutating func answerRead(
        _ index: Int, at now: Moment, into effects: inout Effects
    ) {
        let goal = gets[index].goal
        if goal.isRegister { return answerPeek(index, into: &effects) }
        gets[index].answer()
        if goal.isSiblings {
            finishSiblings(index, at: now, into: &effects)
        } else {
            let options = RequestOptions(
                timeoutMilliseconds: UInt32(clamping: goal.step.nanoseconds * 3 / 1_000_000),
                kind: goal.kind, token: goal.token)
            finishRead(
                gets[index].key, gets[index].content, gets[index].version,
                gets[index].whoAnswered, options, for: gets[index].client,
                purpose: goal.purpose, pending: gets[index].pending, at: now, into: &effects)
        }
        let isScarce =
            gets.count > Limits.requestsInFlight / 2 || heldBytes > Limits.bytesInFlight / 2
        if goal.repair == .none {
            releaseGet(index)
        } else if gets[index].isComplete || isScarce {
            finishRepair(index, at: now, into: &effects)
        }
    }

    private mutating func finishRead(
        _ key: HashedKey, _ content: Content, _ version: Version, _ answered: Answered,
        _ options: RequestOptions, for client: ClientID, purpose: GetCoordinator.Purpose,
        pending: Content, at now: Moment, into effects: inout Effects
    ) {
        let rules = rules(of: key.keyspace)
        // A register's write is above all that the quorum has seen, whatever clocks say.
        let floor = rules.mode == .abd ? version.stamp : 0
        let value = content.value(at: now.wall.milliseconds)
        switch purpose {
        case .life:
            effects.respond(.life(content.life(at: now.wall.milliseconds)), to: client)
        case .get:
            effects.respond(.value(value, version, answered), to: client)
            if isMutated(.answerTwice) {
                effects.respond(.value(value, version, answered), to: client)
            }
        case .delete(let w):
            guard rules.exists else { return refuse(.unknownKeyspace, client, into: &effects) }
            var options = options
            options.w = w
            write(
                key, .tombstone, options, rules, for: client,
                purpose: .delete(existed: value != nil), above: floor, at: now, into: &effects)
        case .write(let w):
            guard rules.exists else { return refuse(.unknownKeyspace, client, into: &effects) }
            var options = options
            options.w = w
            write(
                key, pending, options, rules, for: client, purpose: .put, above: floor, at: now,
                into: &effects)
        }
    }

    // MARK: Repair

    /// Sends the newest version to those that answered with something older, and frees the slot.
    private mutating func finishRepair(
        _ index: Int, at now: Moment, into effects: inout Effects
    ) {
        let replicas = replicaPositions(gets[index].goal.layout)
        let stale = gets[index].version.isNone ? 0 : gets[index].stale & replicas
        if stale != 0 { repair(index, stale, at: now, into: &effects) }
        releaseGet(index)
    }

    private mutating func repair(
        _ index: Int, _ stale: UInt32, at now: Moment, into effects: inout Effects
    ) {
        let goal = gets[index].goal
        for position in 0..<Int(goal.n) where stale & (1 << UInt32(position)) != 0 {
            let replica = placements[goal.layout].replica(position, of: goal.shard)
            counters.readRepairs &+= 1
            if replica == id {
                let (key, content) = (gets[index].key, gets[index].content)
                if isObsolete(key, content, gets[index].version) { continue }
                _ = keep(gets[index].key, gets[index].content, gets[index].version, at: now)
            } else {
                let version =
                    isMutated(.repairRestamps)
                    ? Version(stamp: clock.next(at: now.wall), actor: actor)
                    : gets[index].version
                send(
                    .repair(gets[index].key, gets[index].content, version),
                    to: replica, into: &effects)
            }
        }
    }

    /// Enough replicas hold what a read found: its client is answered.
    mutating func writtenBack(
        _ ticket: Ticket, at now: Moment, into effects: inout Effects
    ) {
        guard let index = gets.index(of: ticket) else { return }
        if gets[index].goal.isSiblings {
            finishSiblings(index, at: now, into: &effects)
        } else {
            finishRead(
                gets[index].key, gets[index].content, gets[index].version,
                gets[index].whoAnswered, RequestOptions(), for: gets[index].client,
                purpose: gets[index].goal.purpose, pending: gets[index].pending, at: now,
                into: &effects)
        }
        releaseGet(index)
    }

    /// Frees the slot. Its bytes stay until it is taken again, which happens in a later event.
    mutating func releaseGet(_ index: Int) {
        getDeadlines.cancel(index)
        heldBytes -= gets[index].heldBytes
        if gets[index].isLarge { largeGets.append(index) }
        gets.remove(at: index)
    }

    // MARK: Time

    mutating func expireGet(_ index: Int, at now: Moment, into effects: inout Effects) {
        if gets[index].isAnswered { return finishRepair(index, at: now, into: &effects) }
        if gets[index].reserve != 0 { return hedge(index, at: now, into: &effects) }
        if gets[index].goal.isRegister, gets[index].answers >= gets[index].goal.r {
            return decideSplit(index, at: now, into: &effects)
        }
        gets[index].stepsLeft -= 1
        guard gets[index].stepsLeft > 0 else { return giveUpGet(index, into: &effects) }
        getDeadlines.schedule(index, after: gets[index].goal.step, at: now.monotonic)
        if gets[index].answers >= gets[index].goal.r, gets[index].isBehindToken {
            gets[index].startOver()
            askSelfAgain(index, at: now, into: &effects)
            if proceed(index, at: now, into: &effects) { return }
        }
        askAgain(index, into: &effects)
    }

    mutating func askAgain(_ index: Int, into effects: inout Effects) {
        let goal = gets[index].goal
        let silent = gets[index].silent
        for position in 0..<Int(goal.n) where silent & (1 << UInt32(position)) != 0 {
            let replica = placements[goal.layout].replica(position, of: goal.shard)
            guard replica != id else { continue }
            counters.retransmissions &+= 1
            send(
                .fetch(
                    gets[index].key, known: gets[index].version, gets.ticket(at: index)),
                to: replica, into: &effects)
        }
        if silent > writerPositions(goal.layout, goal.shard) {
            askStandIns(index, into: &effects)
        }
    }

    // MARK: A change of the ring

    /// Asks those who are to be asked now, as if the read had just come.
    mutating func restartGet(_ index: Int, at now: Moment, into effects: inout Effects) {
        if gets[index].isWritingBack { return }
        if gets[index].isAnswered { return releaseGet(index) }
        gets.remove(at: index)
        guard let ticket = gets.insert(), Int(ticket.index) == index else {
            preconditionFailure("a slot that was given back is the next to be taken")
        }
        let goal = gets[index].goal
        let rules = rules(of: gets[index].key.keyspace)
        gets[index].restart(
            targets: goal.isRegister
                ? reachableReplicas(goal.layout, goal.shard)
                : readTargets(goal.kind, rules, in: goal.shard),
            twins: placements[goal.layout].twins(of: goal.shard))
        askSelfAgain(index, at: now, into: &effects)
        if !proceed(index, at: now, into: &effects) { askAgain(index, into: &effects) }
    }

    /// This node's own answer was too old: it may be newer now.
    private mutating func askSelfAgain(
        _ index: Int, at now: Moment, into effects: inout Effects
    ) {
        let goal = gets[index].goal
        guard let own = ownPosition(among: goal.targets, goal.layout, in: goal.shard) else {
            return
        }
        guard let found = find(gets[index].key, goal.layout, in: goal.shard) else {
            _ = gets[index].fetched(absence(of: gets[index].key), .notNewer, at: own)
            return
        }
        guard isDurable(found.position) else {
            return park(found, gets.ticket(at: index), for: id)
        }
        let before = gets[index].heldBytes
        _ = gets[index].fetched(found.version, .found(found.content), at: own)
        heldBytes += gets[index].heldBytes - before
    }

    private mutating func giveUpGet(_ index: Int, into effects: inout Effects) {
        let have = gets[index].answers
        let need = max(gets[index].goal.r, gets[index].goal.w)
        switch gets[index].goal.purpose {
        case .get where have >= gets[index].goal.r && gets[index].isBehindToken:
            counters.staleReads &+= 1
            refuse(.stale, gets[index].client, into: &effects)
        case .get, .life:
            counters.unknown &+= 1
            effects.respond(.unknown(have: have, need: need), to: gets[index].client)
        case .delete, .write:
            // Only reads were sent: certainly without effect.
            refuse(
                .unavailable(reachable: have, needed: gets[index].goal.r), gets[index].client,
                into: &effects)
        }
        releaseGet(index)
    }
}
