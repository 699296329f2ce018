import Basics
import Causality
import Partitioning
import Storage

// Whoever changes the members needs a majority of those who decide before and of those who decide
// after: a proposer that knows an older set of members then meets somebody who knows better.

/// A change of the definition that this node tries to have decided.
struct DefinitionProposal {
    var client: ClientID
    var change: DefinitionChange
    var ballot: Version
    /// The newest that members have accepted, and its ballot.
    var base: ClusterDefinition
    var baseBallot: Version
    /// What is proposed; nil until a majority has promised.
    var next: ClusterDefinition?
    /// Why the change cannot be, when what is proposed is only what others had left undecided.
    var refusal: DefinitionRefusal?
    /// By node index: who has answered the present step.
    var answered: [Bool]
    var stepsLeft = 3
    var due: Instant
}

/// Deciding the cluster's definition, and spreading what was decided.
///
/// Any member proposes: a majority promises and says what it has accepted, the change is applied
/// to the newest of that, and a majority accepts the result. Members that have an older definition
/// are sent the newest one until they show that they have it.
extension Node {
    /// What was decided last, as far as this node knows.
    public var definition: ClusterDefinition { register.installed }

    /// Those who decide: members, and those that are leaving as long as they have not left.
    private func voters(of definition: ClusterDefinition) -> [Int] {
        let members = definition.ring.members
        if members.isEmpty { return Array(0..<foundingPlacements[0].nodeCount) }
        return members.indices.filter {
            members[$0].role == .member || members[$0].role == .leaving
        }
    }

    /// Whether a majority of those who decide under each of these definitions has answered.
    private func hasMajority(_ answered: [Bool], of definitions: ClusterDefinition...) -> Bool {
        definitions.allSatisfy { definition in
            let voters = voters(of: definition)
            return voters.count { $0 < answered.count && answered[$0] } > voters.count / 2
        }
    }

    /// All keyspaces, the default one first.
    public var keyspaces: [Keyspace] { keyspaces(of: register.installed) }

    private func keyspaces(of definition: ClusterDefinition) -> [Keyspace] {
        let usual = Keyspace(defaultOf: configuration)
        if definition.keyspaces.first?.id == .default { return definition.keyspaces }
        return [usual] + definition.keyspaces
    }

    /// Makes the rules that requests look up from the installed definition. Placements keep their
    /// places, since requests in flight name them. True if the ring has changed.
    mutating func layOut() -> Bool {
        let hasChanged = ring != laidOut
        if hasChanged {
            laidOut = ring
            grow(to: ring.members.count)
            for layout in placements.indices {
                placements[layout] = foundingPlacements[layout].after(ring)
            }
        }
        for index in rules.indices { rules[index].exists = false }
        for keyspace in keyspaces where Int(keyspace.n) <= foundingPlacements[0].nodeCount {
            let layout: Int
            if let known = placements.firstIndex(where: { $0.n == Int(keyspace.n) }) {
                layout = known
            } else {
                layout = placements.count
                let founding = foundingPlacements[0].with(
                    n: Int(keyspace.n), racks: founders.map(\.rack))
                foundingPlacements.append(founding)
                placements.append(founding.after(ring))
            }
            while rules.count <= Int(keyspace.id.raw) { rules.append(KeyspaceRules()) }
            rules[Int(keyspace.id.raw)] = KeyspaceRules(keyspace, layout: layout)
        }
        reachablePositions = [UInt32](
            repeating: 0, count: placements.count * placements[0].shardCount)
        updateReachablePositions()
        return hasChanged
    }

    // MARK: Deciding

    /// A client wants the definition changed.
    mutating func define(
        _ bytes: Bytes, for client: ClientID, at now: Moment, into effects: inout Effects
    ) {
        let change: DefinitionChange
        do {
            var reader = ByteReader(bytes)
            change = try DefinitionChange(&reader)
        } catch {
            preconditionFailure("a session encodes the change that it has read: \(error)")
        }
        define(change, for: client, at: now, into: &effects)
    }

    /// Proposes a secret for the cluster, which needs one for siblings.
    mutating func proposeSecret(at now: Moment, into effects: inout Effects) {
        guard secretOffered != .none, proposal == nil else { return }
        define(.secret, for: .nobody, at: now, into: &effects)
    }

    mutating func define(
        _ change: DefinitionChange, for client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        let voters = voters(of: register.installed)
        let reachable = voters.count { $0 < isReachable.count && isReachable[$0] }
        let refusal: DefinitionRefusal?
        if case .create(_, let settings) = change, !canServe(settings.mode ?? .lww) {
            refusal = .unservedMode
        } else if case .ring = change, founders.isEmpty {
            refusal = .unnamedMembers
        } else if reachable <= voters.count / 2 {
            refusal = .noMajority(reachable: UInt16(reachable), members: UInt16(voters.count))
        } else {
            refusal = proposal == nil ? nil : .conflict
        }
        if let refusal { return refuse(.definition(refusal), client, into: &effects) }
        // Above all that was promised here, whatever the clocks say.
        let stamp = max(clock.next(at: now.wall), register.promised.stamp + 1)
        let ballot = Version(stamp: stamp, actor: actor)
        let former = register
        _ = register.promise(ballot)
        guard keepRegister(insteadOf: former) else {
            return refuse(.readOnly, client, into: &effects)
        }
        var answered = [Bool](repeating: false, count: isReachable.count)
        answered[Int(id.index)] = true
        proposal = DefinitionProposal(
            client: client, change: change, ballot: ballot, base: register.accepted,
            baseBallot: register.acceptedBallot, next: nil, answered: answered,
            due: now.monotonic + configuration.timeout / 3)
        definitionDue = min(definitionDue, now.monotonic + configuration.timeout / 3)
        sendProposal(into: &effects)
        advanceProposal(at: now, into: &effects)
    }

    /// Makes a change of the register durable. False when the disk has no room for it: the
    /// register is as before then, and nothing may be said of the change.
    private mutating func keepRegister(insteadOf former: DefinitionRegister) -> Bool {
        do {
            try store.keepFile(DefinitionRegister.fileName, register.encoded())
            return true
        } catch {
            if !error.isOutOfRoom { diskFailure = error }
            register = former
            return false
        }
    }

    /// What was decided stays decided, so that it is used at once and kept as soon as there is
    /// room.
    mutating func keepInstalled(at now: Moment) {
        definitionIsUnkept = false
        do {
            try store.keepFile(DefinitionRegister.fileName, register.encoded())
        } catch {
            guard error.isOutOfRoom else { return diskFailure = error }
            definitionIsUnkept = true
            definitionDue = min(definitionDue, now.monotonic + .seconds(1))
        }
    }

    /// Says the present step to everyone who has not answered it.
    private mutating func sendProposal(into effects: inout Effects) {
        guard let proposal else { return }
        let message: DefinitionMessage =
            if let next = proposal.next {
                .accept(proposal.ballot, next)
            } else {
                .prepare(proposal.ballot)
            }
        let bytes = outbox.pack { message.encode(into: &$0) }
        for index in proposal.answered.indices where !proposal.answered[index] {
            send(.definition(bytes), to: NodeID(index), into: &effects)
        }
    }

    private mutating func tell(
        _ message: DefinitionMessage, _ node: NodeID, into effects: inout Effects
    ) {
        send(
            .definition(outbox.pack { message.encode(into: &$0) }), to: node, into: &effects)
    }

    private mutating func advanceProposal(at now: Moment, into effects: inout Effects) {
        guard var current = proposal,
            hasMajority(current.answered, of: register.installed, current.base),
            current.next.map({ hasMajority(current.answered, of: $0) }) ?? true
        else { return }
        if let next = current.next {
            proposal = nil
            spreadVersion = next.version
            install(next, at: now, into: &effects)
            if let refusal = current.refusal {
                return refuse(.definition(refusal), current.client, into: &effects)
            }
            return effects.respond(.defined(version: next.version), to: current.client)
        }
        let base =
            current.base.version < register.installed.version ? register.installed : current.base
        let usual = keyspaces(of: base)[0]
        let next: ClusterDefinition
        let former = register
        do throws(DefinitionRefusal) {
            next = try base.applying(
                current.change, default: usual, members: foundingPlacements[0].nodeCount,
                founders: founders, secret: secretOffered)
        } catch {
            // What others have left undecided is decided all the same: it may be why this cannot
            // be, and would be in everybody's way for ever.
            guard base.version > register.installed.version else {
                return endProposal(.definition(error), into: &effects)
            }
            current.refusal = error
            next = base
        }
        guard register.accept(current.ballot, next) else {
            return endProposal(.definition(.conflict), into: &effects)
        }
        guard keepRegister(insteadOf: former) else { return endProposal(.readOnly, into: &effects) }
        current.next = next
        current.answered = [Bool](repeating: false, count: isReachable.count)
        current.answered[Int(id.index)] = true
        proposal = current
        sendProposal(into: &effects)
        advanceProposal(at: now, into: &effects)
    }

    private mutating func endProposal(_ refusal: Refusal, into effects: inout Effects) {
        guard let ended = proposal else { return }
        proposal = nil
        refuse(refusal, ended.client, into: &effects)
    }

    // MARK: Spreading

    private mutating func install(
        _ definition: ClusterDefinition, at now: Moment, into effects: inout Effects
    ) {
        guard register.install(definition) else { return }
        keepInstalled(at: now)
        let former = placements
        if layOut() { enterRing(from: former, at: now, into: &effects) }
        leaveCollection(at: now)
        noteDropped(at: now)
        spread(at: now, into: &effects)
    }

    /// This version of the definition is to be known by all, and this node is to know that it is.
    mutating func spread(_ version: UInt64, at now: Moment, into effects: inout Effects) {
        spreadVersion = version
        spread(at: now, into: &effects)
    }

    /// Sends the definition to every reachable member that has not shown it; again a little later.
    /// In a large cluster that is for whoever has had it decided.
    private mutating func spread(at now: Moment, into effects: inout Effects) {
        let version = register.installed.version
        guard isReachable.count <= Node.smallCluster || spreadVersion == version else { return }
        var bytes: Bytes?
        for index in isReachable.indices where isReachable[index] && shownVersions[index] < version
        {
            guard index != Int(id.index) else { continue }
            // Who has left is told, and need not say that it has heard.
            if hasLeft(NodeID(index)) { shownVersions[index] = version }
            let message = DefinitionMessage.install(register.installed)
            let packed = bytes ?? outbox.pack { message.encode(into: &$0) }
            bytes = packed
            send(.definition(packed), to: NodeID(index), into: &effects)
        }
        if bytes != nil { definitionDue = min(definitionDue, now.monotonic + .milliseconds(200)) }
    }

    /// A peer is back; what it knows may be old.
    mutating func showDefinition(to peer: NodeID, at now: Moment, into effects: inout Effects) {
        shownVersions[Int(peer.index)] = 0
        if configuration.mode == .siblings, definition.secret == .none,
            id.index == isReachable.firstIndex(of: true) ?? 0
        {
            proposeSecret(at: now, into: &effects)
        }
        guard register.installed.version > 0 else { return }
        if isReachable.count > Node.smallCluster { askForDefinition(peer, into: &effects) }
        spread(at: now, into: &effects)
    }

    /// Up to so many members tell each other of every decision.
    private static let smallCluster = 32

    /// A peer speaks of a keyspace or a ring that this node has not heard of, or of an older one.
    mutating func askForDefinition(_ peer: NodeID, into effects: inout Effects) {
        tell(.shown(register.installed.version), peer, into: &effects)
    }

    mutating func receiveDefinition(
        _ bytes: Bytes, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        let message: DefinitionMessage
        do { message = try DefinitionMessage(bytes) } catch {
            preconditionFailure("what does not decode is no message: \(error)")
        }
        switch message {
        case .shown(let version):
            let isNews = shownVersions[Int(sender.index)] < version
            shownVersions[Int(sender.index)] = version
            if isNews, version == register.installed.version, !laidOut.isFounding {
                sendAgain(toLatecomer: sender, into: &effects)
            }
            if version < register.installed.version {
                tell(.install(register.installed), sender, into: &effects)
            } else if version > register.installed.version {
                askForDefinition(sender, into: &effects)
            }
        case .install(let definition):
            shownVersions[Int(sender.index)] = definition.version
            install(definition, at: now, into: &effects)
            tell(.shown(register.installed.version), sender, into: &effects)
        case .prepare(let ballot):
            let former = register
            guard register.promise(ballot) else {
                return tell(.refused(ballot, promised: register.promised), sender, into: &effects)
            }
            guard keepRegister(insteadOf: former) else { return }
            tell(
                .promise(ballot, accepted: register.acceptedBallot, register.accepted), sender,
                into: &effects)
        case .accept(let ballot, let definition):
            let former = register
            guard register.accept(ballot, definition) else {
                return tell(.refused(ballot, promised: register.promised), sender, into: &effects)
            }
            guard keepRegister(insteadOf: former) else { return }
            tell(.accepted(ballot), sender, into: &effects)
        case .promise(let ballot, let accepted, let definition):
            notePromise(ballot, accepted, definition, from: sender, at: now, into: &effects)
        case .accepted(let ballot):
            guard proposal?.ballot == ballot, proposal?.next != nil else { return }
            proposal?.answered[Int(sender.index)] = true
            advanceProposal(at: now, into: &effects)
        case .refused(let ballot, let promised):
            _ = register.promise(promised)
            guard proposal?.ballot == ballot, proposal?.next == nil else { return }
            endProposal(.definition(.conflict), into: &effects)
        }
    }

    private mutating func notePromise(
        _ ballot: Version, _ accepted: Version, _ definition: ClusterDefinition,
        from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        guard var current = proposal, current.ballot == ballot, current.next == nil else { return }
        current.answered[Int(sender.index)] = true
        if accepted > current.baseBallot {
            current.baseBallot = accepted
            current.base = definition
        }
        proposal = current
        advanceProposal(at: now, into: &effects)
    }

    // MARK: Time

    /// Says again what was not answered, and gives up a change that has had its time.
    mutating func tendDefinition(at now: Moment, into effects: inout Effects) {
        definitionDue = .distantFuture
        if definitionIsUnkept { keepInstalled(at: now) }
        spread(at: now, into: &effects)
        guard var current = proposal else { return }
        if current.due > now.monotonic {
            definitionDue = min(definitionDue, current.due)
            return
        }
        current.stepsLeft -= 1
        current.due = now.monotonic + configuration.timeout / 3
        proposal = current
        if current.stepsLeft > 0 {
            definitionDue = min(definitionDue, current.due)
            return sendProposal(into: &effects)
        }
        let have = current.answered.count { $0 }
        let members = voters(of: register.installed).count
        guard current.next != nil else {
            return endProposal(
                .definition(
                    .noMajority(reachable: UInt16(have), members: UInt16(members))),
                into: &effects)
        }
        proposal = nil
        counters.unknown &+= 1
        effects.respond(
            .unknown(have: UInt8(clamping: have), need: UInt8(clamping: members / 2 + 1)),
            to: current.client)
    }
}

extension Node {
    /// What promises to be linearizable must not forget what it has acknowledged.
    private func canServe(_ mode: ConflictMode) -> Bool {
        switch mode {
        case .lww, .siblings: true
        case .abd, .cp:
            configuration.durability == .synced || configuration.mode == .abd
                || configuration.mode == .cp
        }
    }
}
