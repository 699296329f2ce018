import Basics

/// Probing, gossip, and what is said in return.
extension Membership {
    /// Its time has come.
    public mutating func tick(at now: Instant, into effects: inout Effects) {
        expireSuspects(at: now, into: &effects)
        tendErrands(at: now, into: &effects)
        tendProbe(at: now, into: &effects)
        if probeDue <= now { beginProbe(at: now, into: &effects) }
        if gossipDue <= now {
            gossipDue = now + configuration.gossipInterval
            gossip(into: &effects)
        }
        if syncDue <= now {
            syncDue = now + configuration.sync(members: memberCount)
            if let peer = randomMember(where: { $0 != .dead }) {
                send(MembershipHead(kind: .stateAsked), to: peer, into: &effects)
            }
        }
        if reconnectDue <= now {
            reconnectDue = now + configuration.reconnectInterval
            if let peer = randomMember(where: { $0 == .dead }) {
                send(MembershipHead(kind: .stateAsked), to: peer, into: &effects)
            }
        }
    }

    private var patience: Int64 { Int64(1 + doubt) }

    // MARK: Probing

    private mutating func beginProbe(at now: Instant, into effects: inout Effects) {
        let interval = configuration.probeInterval * patience
        probeDue = now + interval
        if let probe { endProbe(probe, at: now, into: &effects) }
        guard let target = nextTarget() else { return }
        sequence &+= 1
        probe = Probe(
            target: target, sequence: sequence,
            askDue: now + configuration.probeTimeout * patience, end: now + interval)
        send(MembershipHead(kind: .ping, sequence: sequence), to: target, into: &effects)
    }

    /// The next of the living in the order, which is shuffled after each lap.
    private mutating func nextTarget() -> NodeID? {
        for _ in 0..<order.count {
            if nextInOrder >= order.count {
                random.shuffle(&order)
                nextInOrder = 0
            }
            let node = order[nextInOrder]
            nextInOrder += 1
            if status(of: node) != .dead { return node }
        }
        return nil
    }

    private mutating func tendProbe(at now: Instant, into effects: inout Effects) {
        guard var probe else { return }
        if probe.end <= now {
            endProbe(probe, at: now, into: &effects)
        } else if !probe.hasAsked, probe.askDue <= now {
            probe.hasAsked = true
            for _ in 0..<configuration.indirectProbes {
                guard let helper = randomMember(where: { $0 == .alive }), helper != probe.target
                else { continue }
                probe.asked += 1
                send(
                    MembershipHead(kind: .ask, sequence: probe.sequence, target: probe.target),
                    to: helper, into: &effects)
            }
            self.probe = probe
        }
    }

    /// Nobody has reached it: it is suspected. Helpers that did not even say so are a sign that
    /// this node itself is the one that is slow.
    private mutating func endProbe(
        _ probe: Probe, at now: Instant, into effects: inout Effects
    ) {
        self.probe = nil
        doubt = min(8, doubt + (probe.asked > 0 ? probe.asked - probe.nacks : 1))
        let member = members[Int(probe.target.index)]
        guard member.status != .dead else { return }
        note(
            MemberUpdate(
                probe.target, .suspect, incarnation: member.incarnation, source: id), at: now,
            into: &effects)
    }

    private mutating func tendErrands(at now: Instant, into effects: inout Effects) {
        for place in errands.indices
        where !errands[place].hasNacked && errands[place].nackDue <= now {
            errands[place].hasNacked = true
            send(
                MembershipHead(kind: .nack, sequence: errands[place].originSequence),
                to: errands[place].origin, into: &effects)
        }
        errands.removeAll { $0.end <= now }
    }

    // MARK: Gossip

    private mutating func gossip(into effects: inout Effects) {
        for _ in 0..<configuration.gossipFanOut where !news.isEmpty {
            guard let peer = randomMember(where: { $0 != .dead }) else { return }
            send(MembershipHead(kind: .gossip), to: peer, into: &effects)
        }
    }

    /// A random other member of a wanted status; nil when a few draws find none.
    private mutating func randomMember(where isWanted: (MemberStatus) -> Bool) -> NodeID? {
        guard !order.isEmpty else { return nil }
        for _ in 0..<16 {
            let node = order[random.below(order.count)]
            if isWanted(members[Int(node.index)].status) { return node }
        }
        return order.first { isWanted(members[Int($0.index)].status) }
    }

    // MARK: Messages

    /// A message has come.
    public mutating func receive(
        _ bytes: Bytes, from sender: NodeID, at now: Instant, into effects: inout Effects
    ) throws(DecodeError) {
        guard sender != id else { return }
        var reader = ByteReader(bytes)
        let head = try MembershipHead.decode(&reader)
        if status(of: sender) == nil {
            learn(of: sender)
            effects.changes.append((sender, .alive))
        }
        let isState = head.kind == .state || head.kind == .stateAsked
        while reader.remaining > 0 {
            var update = try MemberUpdate.decode(&reader)
            // Someone else's dead may be alive to this side of a partition: they get the chance to
            // contradict.
            if isState, update.status == .dead { update.status = .suspect }
            note(update, at: now, into: &effects)
        }
        switch head.kind {
        case .ping:
            send(MembershipHead(kind: .ack, sequence: head.sequence), to: sender, into: &effects)
        case .ack: acknowledge(head.sequence, by: sender, at: now, into: &effects)
        case .ask: run(head, for: sender, at: now, into: &effects)
        case .nack:
            if probe?.sequence == head.sequence { probe?.nacks += 1 }
        case .gossip, .state: break
        case .stateAsked:
            send(MembershipHead(kind: .state), to: sender, into: &effects)
        }
    }

    private mutating func run(
        _ head: MembershipHead, for sender: NodeID, at now: Instant, into effects: inout Effects
    ) {
        guard head.target != id else {
            return send(
                MembershipHead(kind: .ack, sequence: head.sequence), to: sender, into: &effects)
        }
        guard status(of: head.target) != nil, errands.count < 1_024 else { return }
        sequence &+= 1
        let timeout = configuration.probeTimeout
        errands.append(
            Errand(
                origin: sender, originSequence: head.sequence, sequence: sequence,
                nackDue: now + timeout * 4 / 5, end: now + timeout * 2))
        send(MembershipHead(kind: .ping, sequence: sequence), to: head.target, into: &effects)
    }

    private mutating func acknowledge(
        _ sequence: UInt32, by sender: NodeID, at now: Instant, into effects: inout Effects
    ) {
        if let probe, probe.sequence == sequence {
            self.probe = nil
            doubt = max(0, doubt - 1)
        } else if let place = errands.firstIndex(where: { $0.sequence == sequence }) {
            let errand = errands.remove(at: place)
            send(
                MembershipHead(kind: .ack, sequence: errand.originSequence), to: errand.origin,
                into: &effects)
        }
    }

    /// Sends a message with as many news as fit, or with the state of all members.
    mutating func send(
        _ head: MembershipHead, to node: NodeID, into effects: inout Effects
    ) {
        outgoing.removeAll()
        head.encode(into: &outgoing)
        switch head.kind {
        case .stateAsked, .state:
            for (index, member) in members.enumerated() where member.isKnown {
                MemberUpdate(
                    NodeID(index), member.status, incarnation: member.incarnation,
                    source: member.suspicion?.sources.first ?? NodeID(index)
                ).encode(into: &outgoing)
            }
        default: addNews(for: node)
        }
        let start = effects.bytes.count
        effects.bytes.append(outgoing.bytes)
        effects.messages.append((node, start, effects.bytes.count))
    }

    /// Whoever is suspected or called dead hears of that first of all, so that it can contradict.
    private mutating func addNews(for node: NodeID) {
        var room =
            (MembershipConfiguration.messageBytes - MembershipHead.bytes) / MemberUpdate.bytes
        let member = members[Int(node.index)]
        if member.isKnown, member.status != .alive {
            MemberUpdate(
                node, member.status, incarnation: member.incarnation,
                source: member.suspicion?.sources.first ?? id
            ).encode(into: &outgoing)
            room -= 1
        }
        news.take(
            room, limit: configuration.transmissions(members: liveCount), into: &outgoing)
    }
}
