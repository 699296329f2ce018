import Basics
import Causality
import Partitioning
import Storage

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

    private var members: Int { placements[0].nodeCount }

    /// All keyspaces, the default one first.
    public var keyspaces: [Keyspace] { keyspaces(of: register.installed) }

    private func keyspaces(of definition: ClusterDefinition) -> [Keyspace] {
        let usual = Keyspace(defaultOf: configuration)
        if definition.keyspaces.first?.id == .default { return definition.keyspaces }
        return [usual] + definition.keyspaces
    }

    /// Makes the rules that requests look up from the installed definition. Placements are only
    /// added, since requests in flight name them.
    mutating func layOut() {
        for index in rules.indices { rules[index].exists = false }
        for keyspace in keyspaces where Int(keyspace.n) <= members {
            let layout: Int
            if let known = placements.firstIndex(where: { $0.n == Int(keyspace.n) }) {
                layout = known
            } else {
                layout = placements.count
                placements.append(placements[0].with(n: Int(keyspace.n)))
            }
            while rules.count <= Int(keyspace.id.raw) { rules.append(KeyspaceRules()) }
            rules[Int(keyspace.id.raw)] = KeyspaceRules(keyspace, layout: layout)
        }
        reachablePositions = [UInt32](
            repeating: 0, count: placements.count * placements[0].shardCount)
        updateReachablePositions()
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

    private mutating func define(
        _ change: DefinitionChange, for client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        let reachable = isReachable.count { $0 }
        let refusal: DefinitionRefusal?
        if case .create(_, let settings) = change, !canServe(settings.mode ?? .lww) {
            refusal = .unservedMode
        } else if reachable <= members / 2 {
            refusal = .noMajority(reachable: UInt16(reachable), members: UInt16(members))
        } else {
            refusal = proposal == nil ? nil : .conflict
        }
        if let refusal { return refuse(.definition(refusal), client, into: &effects) }
        // Above all that was promised here, whatever the clocks say.
        let stamp = max(clock.next(at: now.wall), register.promised.stamp + 1)
        let ballot = Version(stamp: stamp, actor: actor)
        _ = register.promise(ballot)
        keepRegister()
        var answered = [Bool](repeating: false, count: members)
        answered[Int(id.index)] = true
        proposal = DefinitionProposal(
            client: client, change: change, ballot: ballot, base: register.accepted,
            baseBallot: register.acceptedBallot, next: nil, answered: answered,
            due: now.monotonic + configuration.timeout / 3)
        definitionDue = min(definitionDue, now.monotonic + configuration.timeout / 3)
        sendProposal(into: &effects)
        advanceProposal(at: now, into: &effects)
    }

    private mutating func keepRegister() {
        do {
            try store.keepFile(DefinitionRegister.fileName, register.encoded())
        } catch {
            diskFailure = error
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
        for index in 0..<members where !proposal.answered[index] {
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
        guard var current = proposal, current.answered.count(where: { $0 }) > members / 2 else {
            return
        }
        if let next = current.next {
            proposal = nil
            install(next, at: now, into: &effects)
            return effects.respond(.defined(version: next.version), to: current.client)
        }
        let base =
            current.base.version < register.installed.version ? register.installed : current.base
        let usual = keyspaces(of: base)[0]
        let next: ClusterDefinition
        do throws(DefinitionRefusal) {
            next = try base.applying(
                current.change, default: usual, members: members,
                secret: secretOffered)
            guard register.accept(current.ballot, next) else { throw .conflict }
        } catch {
            return endProposal(.definition(error), into: &effects)
        }
        keepRegister()
        current.next = next
        current.answered = [Bool](repeating: false, count: members)
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
        keepRegister()
        layOut()
        noteDropped(at: now)
        spread(at: now, into: &effects)
    }

    /// Sends the definition to every reachable member that has not shown it; again a little later.
    private mutating func spread(at now: Moment, into effects: inout Effects) {
        let version = register.installed.version
        var bytes: Bytes?
        for index in 0..<members where isReachable[index] && shownVersions[index] < version {
            guard index != Int(id.index) else { continue }
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
        spread(at: now, into: &effects)
    }

    /// A peer speaks of a keyspace that this node has not heard of.
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
            shownVersions[Int(sender.index)] = version
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
            guard register.promise(ballot) else {
                return tell(.refused(ballot, promised: register.promised), sender, into: &effects)
            }
            keepRegister()
            tell(
                .promise(ballot, accepted: register.acceptedBallot, register.accepted), sender,
                into: &effects)
        case .accept(let ballot, let definition):
            guard register.accept(ballot, definition) else {
                return tell(.refused(ballot, promised: register.promised), sender, into: &effects)
            }
            keepRegister()
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
        guard current.next != nil else {
            return endProposal(
                .definition(
                    .noMajority(reachable: UInt16(have), members: UInt16(members))), into: &effects)
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
