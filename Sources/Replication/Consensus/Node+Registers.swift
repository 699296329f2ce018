import Basics
import Causality
import Partitioning
import Storage

/// Requests to a keyspace whose keys are consensus registers. R and W of a request have no meaning
/// here: every quorum is a majority.
extension Node {
    /// Replicas that decide, of those that hold a key of this layout.
    func majority(_ layout: Int) -> Int { placements[layout].n / 2 + 1 }

    /// Replicas of a shard that can be reached and asked, a bit each.
    func reachableReplicas(_ layout: Int, _ shard: Int) -> UInt32 {
        reachablePositions[layout &* placements[0].shardCount &+ shard] & replicaPositions(layout)
    }

    mutating func takeForRegister(
        _ request: Request, _ rules: KeyspaceRules, for client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        switch request {
        case .get(let key, let options):
            peek(key, options, rules, for: client, purpose: .get, at: now, into: &effects)
        case .life(let key, let options):
            peek(key, options, rules, for: client, purpose: .life, at: now, into: &effects)
        case .put(let key, let value, let options):
            guard options.expiry == .usual else {
                return refuse(.expiryOfRegister, client, into: &effects)
            }
            change(
                key, Change(.set, value: value, operation: options.operation), .put, options,
                rules, for: client, at: now, into: &effects)
        case .delete(let key, let options):
            change(
                key, Change(.delete, operation: options.operation), .delete, options, rules,
                for: client, at: now, into: &effects)
        case .change(let key, let change, let options):
            self.change(
                key, change, .change, options, rules, for: client, at: now, into: &effects)
        case .sibling: refuse(.badContext, client, into: &effects)
        case .define, .scan: preconditionFailure("served where they come in")
        }
    }

    /// A client wants a register changed.
    mutating func change(
        _ key: HashedKey, _ change: Change, _ asked: Proposal.Asked, _ options: RequestOptions,
        _ rules: KeyspaceRules, for client: ClientID, at now: Moment, into effects: inout Effects
    ) {
        let limit = min(rules.valueBytes, UInt32(Limits.registerBytes))
        guard change.value.count <= limit else {
            return refuse(.valueTooLarge(limit: limit), client, into: &effects)
        }
        propose(
            key, change, asked, rules, from: .client(client), timeout: step(options) * 3, at: now,
            into: &effects)
    }

    // MARK: Reading

    /// Asks the replicas what they have accepted, promising nothing. A majority that has accepted
    /// one and the same ballot is enough: whatever was decided before is that or older. Where they
    /// differ, the read becomes a proposal that changes nothing.
    mutating func peek(
        _ key: HashedKey, _ options: RequestOptions, _ rules: KeyspaceRules,
        for client: ClientID, purpose: GetCoordinator.Purpose, at now: Moment,
        into effects: inout Effects
    ) {
        let layout = Int(rules.layout)
        let shard = placements[0].shard(of: key.hash)
        let targets = reachableReplicas(layout, shard)
        let majority = majority(layout)
        guard canDecide(targets, majority, for: client, into: &effects) else { return }
        guard let ticket = gets.insert() else { return refuse(.busy, client, into: &effects) }
        let index = Int(ticket.index)
        let step = step(options)
        gets[index].begin(
            key, for: client,
            goal: GetCoordinator.Goal(
                purpose: purpose, layout: layout, shard: shard, n: rules.n, targets: targets,
                r: UInt8(majority), twins: placements[layout].twins(of: shard),
                w: isMutated(.readLargestAccepted) ? 0 : UInt8(majority),
                repair: .none, isRegister: true, kind: .strict, token: .none, step: step))
        getDeadlines.schedule(index, after: step, at: now.monotonic)
        var known = Version.none
        var isRevealed = true
        if let own = ownPosition(among: targets, layout, in: shard) {
            let found = store.find(key)
            if let found, !isDurable(found.position), !isMutated(.revealBeforeDurable) {
                park(found, ticket, for: id)
                isRevealed = false
            } else {
                known = found?.version ?? .none
                _ = gets[index].fetched(
                    known, found.map { .found($0.content) } ?? .notNewer, at: own)
            }
        }
        heldBytes += gets[index].heldBytes
        if isRevealed, rules.n == 1, !placements[layout].isMoving(shard) {
            return answerPeek(index, into: &effects)
        }
        for position in 0..<Int(rules.n) where targets & (1 << UInt32(position)) != 0 {
            let replica = placements[layout].replica(position, of: shard)
            guard replica != id else { continue }
            send(.fetch(key, known: known, ticket), to: replica, into: &effects)
        }
    }

    private mutating func canDecide(
        _ targets: UInt32, _ majority: Int, for client: ClientID, into effects: inout Effects
    ) -> Bool {
        let count = targets.nonzeroBitCount
        if count < majority {
            let refusal = Refusal.unavailable(reachable: UInt8(count), needed: UInt8(majority))
            refuse(refusal, client, into: &effects)
            return false
        }
        if heldBytes > Limits.bytesInFlight {
            refuse(.busy, client, into: &effects)
            return false
        }
        return true
    }

    /// A majority has the same: that is the answer.
    mutating func answerPeek(_ index: Int, into effects: inout Effects) {
        counters.peeks &+= 1
        let content = gets[index].content
        let state = content.form == .register ? Register(content.bytes).state : nil
        let asked: Proposal.Asked = if case .life = gets[index].goal.purpose { .life } else { .get }
        effects.respond(
            asked.response(
                .value(state?.value), state?.version ?? .none, gets[index].whoAnswered),
            to: gets[index].client)
        releaseGet(index)
    }

    /// They differ: what they have is made to be decided.
    mutating func decideSplit(_ index: Int, at now: Moment, into effects: inout Effects) {
        counters.splitReads &+= 1
        let goal = gets[index].goal
        let left = goal.step * Int64(max(1, gets[index].stepsLeft))
        let client = gets[index].client
        let key = gets[index].key
        let rules = rules(of: key.keyspace)
        let asked: Proposal.Asked = if case .life = goal.purpose { .life } else { .get }
        propose(
            key, Change(.get), asked, rules, from: .client(client), timeout: left, at: now,
            into: &effects)
        releaseGet(index)
    }

    // MARK: Proposing

    /// Takes a change in: it goes to the first replica that can be reached, so that proposers of
    /// one key do not get into each other's way. Safety does not depend on who that is.
    mutating func propose(
        _ key: HashedKey, _ change: Change, _ asked: Proposal.Asked, _ rules: KeyspaceRules,
        from origin: Proposal.Origin, timeout: Instant.Duration, at now: Moment,
        into effects: inout Effects
    ) {
        let layout = Int(rules.layout)
        let shard = placements[0].shard(of: key.hash)
        let count = reachableReplicas(layout, shard).nonzeroBitCount
        let place = Answered(shard: UInt16(shard), n: rules.n, mask: 0)
        guard rules.exists, count >= majority(layout) else {
            let needed = UInt8(rules.exists ? majority(layout) : 0)
            let refusal = Refusal.unavailable(reachable: UInt8(count), needed: needed)
            return answer(.refused(refusal), origin, asked, place, into: &effects)
        }
        guard heldBytes <= Limits.bytesInFlight, let ticket = proposals.insert() else {
            return answer(.refused(.busy), origin, asked, place, into: &effects)
        }
        let index = Int(ticket.index)
        proposals[index].begin(
            key, change, asked, from: origin, layout: layout, place, timeout: timeout)
        heldBytes += proposals[index].heldBytes
        proposalDeadlines.schedule(index, after: timeout, at: now.monotonic)
        route(index, at: now, into: &effects)
    }

    /// To the proposer: this node, or the one that the change is passed on to, once.
    private mutating func route(_ index: Int, at now: Moment, into effects: inout Effects) {
        let layout = Int(proposals[index].layout)
        let shard = Int(proposals[index].place.shard)
        let targets = reachableReplicas(layout, shard)
        guard case .client = proposals[index].origin, targets != 0,
            proposals[index].asked != .settle
        else {
            return enqueue(index, at: now, into: &effects)
        }
        let first = placements[layout].replica(targets.trailingZeroBitCount, of: shard)
        if first == id { return enqueue(index, at: now, into: &effects) }
        counters.proposalsPassedOn &+= 1
        proposals[index].state = .passedOn(first)
        let milliseconds = UInt32(clamping: proposals[index].timeout.nanoseconds / 1_000_000)
        send(
            .propose(
                proposals[index].key, proposals[index].change, timeout: milliseconds, actor,
                proposals.ticket(at: index)), to: first, into: &effects)
    }

    /// Another node passes a client's change on. A message that arrives twice is taken once.
    mutating func receiveProposal(
        _ key: HashedKey, _ change: Change, timeout: UInt32, _ asker: Actor, _ ticket: Ticket,
        from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        guard asker.node == sender,
            takenTickets[Int(sender.index)].take(ticket, of: asker)
                || isMutated(.proposeRepeatedly)
        else { return }
        let rules = rules(of: key.keyspace)
        propose(
            key, change, .change, rules, from: .node(sender, ticket),
            timeout: .milliseconds(max(1, timeout)), at: now, into: &effects)
    }

    /// The proposer has decided what this node passed on.
    mutating func proposed(
        _ ticket: Ticket, _ decision: Decision, by proposer: NodeID, into effects: inout Effects
    ) {
        guard let index = proposals.index(of: ticket),
            case .passedOn(let node) = proposals[index].state, node == proposer
        else { return }
        answer(
            decision, proposals[index].origin, proposals[index].asked, proposals[index].place,
            into: &effects)
        releaseProposal(index)
    }

    /// The session with a node is over: what it was to propose may be done or not. A read is asked
    /// elsewhere.
    mutating func loseProposer(
        _ node: NodeID, at now: Moment, into effects: inout Effects
    ) {
        guard proposals.count > 0 else { return }
        for index in 0..<proposals.allocatedCount where proposals.isInUse(index) {
            guard case .passedOn(node) = proposals[index].state else { continue }
            let layout = Int(proposals[index].layout)
            let targets = reachableReplicas(layout, Int(proposals[index].place.shard))
            if proposals[index].asked.isRead, targets.nonzeroBitCount >= majority(layout) {
                proposals[index].state = .waiting
                route(index, at: now, into: &effects)
            } else {
                giveUp(index, have: 0, into: &effects)
            }
        }
    }

    /// The outcome cannot be told.
    mutating func giveUp(_ index: Int, have: Int, into effects: inout Effects) {
        answer(
            .unknown(
                have: UInt8(have), need: UInt8(majority(Int(proposals[index].layout)))),
            proposals[index].origin, proposals[index].asked, proposals[index].place,
            into: &effects)
        releaseProposal(index)
    }

    mutating func releaseProposal(_ index: Int) {
        proposalDeadlines.cancel(index)
        heldBytes -= proposals[index].heldBytes
        if proposals[index].isLarge { largeProposals.append(index) }
        proposals[index].state = .spent
        spentProposals.append(index)
    }

    /// Frees the slots that the last event has left: effects pointed into them.
    mutating func freeSpentProposals() {
        for index in spentProposals { proposals.remove(at: index) }
        spentProposals.removeAll(keepingCapacity: true)
    }

    // MARK: Answering

    /// Tells whoever asked: a client in the words of its request, a node as it is.
    mutating func answer(
        _ decision: Decision, _ origin: Proposal.Origin, _ asked: Proposal.Asked,
        _ place: Answered,
        into effects: inout Effects
    ) {
        switch origin {
        case .node(let node, let ticket):
            send(.proposed(ticket, decision), to: node, into: &effects)
        case .client(let client):
            switch decision {
            case .refused(let refusal): refuse(refusal, client, into: &effects)
            case .unknown(let have, let need):
                counters.unknown &+= 1
                effects.respond(.unknown(have: have, need: need), to: client)
            case .decided(let result, let version, let mask):
                let answered = Answered(shard: place.shard, n: place.n, mask: mask)
                effects.respond(asked.response(result, version, answered), to: client)
            }
        }
    }
}

extension Proposal {
    /// Which request it was; for the words of the answer.
    enum Asked {
        case get, life, put, delete, change
        /// Nobody asks: replicas differ.
        case settle

        var isRead: Bool { self == .get || self == .life }

        fileprivate func response(
            _ result: ChangeResult, _ version: Version, _ answered: Answered
        ) -> Response {
            switch (self, result) {
            case (.get, .value(let value)): .value(value, version, answered)
            // A register does not end.
            case (.life, .value(let value)): .life(value == nil ? .absent : .endless)
            case (.put, .done): .stored(version, answered)
            case (.delete, .integer(let count)):
                .deleted(existed: count > 0, version, answered)
            default: .changed(result, version, answered)
            }
        }
    }
}

/// The tickets of changes that one node has passed on, so that none is taken twice.
struct TakenTickets {
    private var asker = Actor(raw: 0)
    /// By index of the ticket: the generation taken last, and whether there is one.
    private var generations: [UInt32] = []
    private var isTaken: [Bool] = []

    init() {}

    /// False when it was taken before, or belongs to an earlier life of the node.
    mutating func take(_ ticket: Ticket, of asker: Actor) -> Bool {
        if asker != self.asker {
            guard asker.raw > self.asker.raw else { return false }
            self.asker = asker
            isTaken = [Bool](repeating: false, count: isTaken.count)
        }
        let index = Int(ticket.index)
        guard index < Limits.requestsInFlight else { return false }
        while generations.count <= index {
            generations.append(0)
            isTaken.append(false)
        }
        if isTaken[index], Int32(bitPattern: ticket.generation &- generations[index]) <= 0 {
            return false
        }
        generations[index] = ticket.generation
        isTaken[index] = true
        return true
    }
}
