import Basics
import Causality
import Partitioning
import Storage

/// Anti-entropy: replicas compare what they hold by hash trees, and send each other what one of
/// them lacks, with the version that it was written with (DeCandia et al. 2007, §4.7).
///
/// It is what makes replicas equal in the end when neither read repair nor hinted handoff did.
extension Node {
    /// What comparisons with each member have shown, by node index.
    public var comparisons: [PeerComparison] { antiEntropy.peers.map(\.known) }
    /// Changes whenever `comparisons` does.
    public var comparisonsRevision: UInt64 { antiEntropy.revision }
    /// Whether a comparison is going on.
    public var isComparing: Bool { antiEntropy.exchange != nil }

    /// The summary of all that this node holds of one shard of a keyspace.
    public func summary(of keyspace: KeyspaceID, shard: Int) -> Summary {
        store.summary(of: keyspace, shard: shard)
    }

    /// Keyspaces that this node holds anything of, and the default one.
    public var comparedKeyspaces: [KeyspaceID] { store.comparedKeyspaces }

    private var limits: AntiEntropyLimits { configuration.antiEntropy ?? AntiEntropyLimits() }

    // MARK: Schedule

    /// Compares with everyone who can be reached, as soon as may be.
    mutating func compareWithAll(preview: Bool, at now: Moment) {
        for index in antiEntropy.peers.indices where index != Int(id.index) && isReachable[index] {
            antiEntropy.peers[index].isPreview = preview
            antiEntropy.peers[index].attempts = 0
            putDown(index, at: now.monotonic)
        }
    }

    /// A peer has come, or gone.
    mutating func noteReachability(of node: NodeID, _ can: Bool, at now: Moment) {
        guard configuration.antiEntropy != nil, node != id else { return }
        let index = Int(node.index)
        if antiEntropy.exchange?.partner == node { abandon(at: now) }
        if can {
            antiEntropy.peers[index].attempts = 0
            putDown(index, at: now.monotonic + antiEntropy.about(AntiEntropy.settling))
        } else {
            antiEntropy.peers[index].due = .distantFuture
            antiEntropy.peers[index].waitingSince = nil
            antiEntropy.peers[index].known.isPending = false
            antiEntropy.peers[index].known.isEqual = false
            antiEntropy.revision &+= 1
        }
    }

    private mutating func putDown(_ index: Int, at due: Instant) {
        antiEntropy.peers[index].due = due
        antiEntropy.peers[index].known.isPending = true
        antiEntropy.revision &+= 1
        antiEntropy.due = min(antiEntropy.due, due)
    }

    /// Its time has come: goes on sending, gives up, or begins the next comparison.
    mutating func tendAntiEntropy(at now: Moment, into effects: inout Effects) {
        antiEntropy.due = .distantFuture
        if let exchange = antiEntropy.exchange {
            // Nothing is begun in this event even if it ends here: there is one buffer for a
            // message.
            if exchange.deadline <= now.monotonic {
                abandon(at: now)
            } else if exchange.nextSending <= now.monotonic {
                goOnSending(at: now, into: &effects)
            }
        } else if let index = nextPeer(at: now) {
            begin(with: NodeID(index), at: now, into: &effects)
        }
        if let exchange = antiEntropy.exchange {
            antiEntropy.due = min(exchange.deadline, exchange.nextSending)
        } else {
            for peer in antiEntropy.peers { antiEntropy.due = min(antiEntropy.due, peer.due) }
        }
    }

    /// The peer that has been due for longest and can be compared with now.
    private mutating func nextPeer(at now: Moment) -> Int? {
        var chosen: Int?
        for index in antiEntropy.peers.indices {
            let due = antiEntropy.peers[index].due
            guard due <= now.monotonic else { continue }
            guard isReachable[index] else {
                antiEntropy.peers[index].due = .distantFuture
                continue
            }
            let since = antiEntropy.peers[index].waitingSince ?? now.monotonic
            if owes(NodeID(index)), now.monotonic < since + AntiEntropy.patienceWithHints {
                // What is on its way to it need not be found missing.
                antiEntropy.peers[index].waitingSince = since
                antiEntropy.peers[index].due = now.monotonic + .milliseconds(200)
                continue
            }
            if chosen.map({ due < antiEntropy.peers[$0].due }) ?? true { chosen = index }
        }
        return chosen
    }

    /// The exchange is over without a result; the initiator tries again.
    mutating func abandon(at now: Moment) {
        guard let exchange = antiEntropy.exchange else { return }
        antiEntropy.exchange = nil
        antiEntropy.recent = (exchange.partner, now.monotonic + comparisonPatience)
        counters.comparisonsAbandoned &+= 1
        if exchange.isInitiator {
            putDown(
                Int(exchange.partner.index), at: now.monotonic + antiEntropy.about(.seconds(1)))
        }
        antiEntropy.due = min(antiEntropy.due, now.monotonic)
    }

    /// The partner has no time now.
    mutating func putOff(_ exchange: AntiEntropy.Exchange, at now: Moment) {
        antiEntropy.exchange = nil
        antiEntropy.recent = (exchange.partner, now.monotonic + comparisonPatience)
        let index = Int(exchange.partner.index)
        if antiEntropy.peers[index].waitingSince == nil {
            antiEntropy.peers[index].waitingSince = now.monotonic
        }
        putDown(index, at: now.monotonic + antiEntropy.about(.milliseconds(200)))
        antiEntropy.due = min(antiEntropy.due, now.monotonic)
    }

    /// A comparison has come to its end.
    mutating func conclude(_ exchange: AntiEntropy.Exchange, at now: Moment) {
        antiEntropy.exchange = nil
        antiEntropy.recent = (exchange.partner, now.monotonic + comparisonPatience)
        let index = Int(exchange.partner.index)
        note(index, isEqual: exchange.isEqual, exchange, at: now)
        let attempts = antiEntropy.peers[index].attempts
        if exchange.isEqual || exchange.isPreview {
            rest(index, at: now)
        } else if exchange.differing > 0, attempts < 32 {
            // What was mended may have changed meanwhile: look again.
            again(index, after: .milliseconds(100), at: now)
        } else if exchange.young > 0, attempts < 8 {
            again(index, after: configuration.timeout * 2 + .milliseconds(100), at: now)
        } else {
            rest(index, at: now)
        }
        antiEntropy.due = min(antiEntropy.due, now.monotonic)
    }

    /// A record has come from a partner that was not here: others may lack it, too.
    mutating func noteNews(from sender: NodeID, at now: Moment) {
        let isPartner =
            antiEntropy.exchange?.partner == sender
            || antiEntropy.recent.map { $0.partner == sender && now.monotonic < $0.until } ?? false
        guard isPartner, antiEntropy.passOnAgain <= now.monotonic else { return }
        antiEntropy.passOnAgain = now.monotonic + .milliseconds(500)
        passOn(except: Int(sender.index), at: now)
    }

    private mutating func passOn(except partner: Int, at now: Moment) {
        for index in antiEntropy.peers.indices
        where index != partner && index != Int(id.index) && isReachable[index] {
            let due = now.monotonic + antiEntropy.about(.seconds(1))
            if due < antiEntropy.peers[index].due { putDown(index, at: due) }
        }
    }

    private mutating func again(_ index: Int, after pause: Instant.Duration, at now: Moment) {
        antiEntropy.peers[index].attempts += 1
        putDown(index, at: now.monotonic + antiEntropy.about(pause))
    }

    private mutating func rest(_ index: Int, at now: Moment) {
        antiEntropy.peers[index].attempts = 0
        antiEntropy.peers[index].due =
            limits.interval.map { now.monotonic + antiEntropy.about($0) } ?? .distantFuture
    }

    private mutating func note(
        _ index: Int, isEqual: Bool, _ exchange: AntiEntropy.Exchange, at now: Moment
    ) {
        counters.comparisons &+= 1
        antiEntropy.peers[index].waitingSince = nil
        antiEntropy.peers[index].isPreview = false
        var known = PeerComparison()
        known.compared = now.monotonic
        known.isEqual = isEqual
        known.differing = exchange.differing
        known.bytes = exchange.bytes
        known.young = exchange.young
        known.wasPreview = exchange.isPreview
        antiEntropy.peers[index].known = known
        antiEntropy.revision &+= 1
    }

    /// The initiator says that it is over: nothing new is to be learnt if all was equal.
    mutating func concludeAsPartner(
        _ exchange: AntiEntropy.Exchange, isEqual: Bool, at now: Moment
    ) {
        antiEntropy.exchange = nil
        antiEntropy.recent = (exchange.partner, now.monotonic + comparisonPatience)
        let index = Int(exchange.partner.index)
        if isEqual {
            note(index, isEqual: true, exchange, at: now)
            rest(index, at: now)
        }
        antiEntropy.due = min(antiEntropy.due, now.monotonic)
    }

    // MARK: Sending records

    /// How many bytes a record counts as.
    static func weight(_ key: HashedKey, _ content: Content) -> Int {
        key.bytes.count + content.bytes.count + 16
    }

    /// Versions so young may still be on their way.
    func isYoung(_ version: Version, at now: Moment) -> Bool {
        let margin = UInt64((configuration.timeout * 2).nanoseconds / 1_000)
        let written = version.stamp >> 12
        let wall = now.wall.microseconds
        return written > wall ? written - wall < margin : wall - written < margin
    }

    /// Sends the next records, as fast as is allowed, and then what waits for their end.
    mutating func goOnSending(at now: Moment, into effects: inout Effects) {
        guard var exchange = antiEntropy.exchange else { return }
        let seconds = Int64(1_000_000_000) / AntiEntropy.sendingStep.nanoseconds
        var room = max(1, limits.bytesPerSecond / Int(seconds))
        while room > 0, !exchange.hasSentAll {
            let hash = exchange.outbox[exchange.sent]
            exchange.sent += 1
            room -= sendRecords(hash, exchange, at: now, into: &effects)
        }
        if !exchange.hasSentAll {
            exchange.nextSending = now.monotonic + AntiEntropy.sendingStep
            exchange.deadline = exchange.nextSending + comparisonPatience
            antiEntropy.exchange = exchange
            antiEntropy.due = min(antiEntropy.due, exchange.nextSending)
            return
        }
        exchange.outbox.removeAll()
        exchange.sent = 0
        exchange.nextSending = .distantFuture
        antiEntropy.exchange = exchange
        if exchange.isInitiator {
            compareNext(at: now, into: &effects)
        } else {
            answer(at: now, into: &effects)
        }
    }

    private mutating func sendRecords(
        _ hash: UInt64, _ exchange: AntiEntropy.Exchange, at now: Moment,
        into effects: inout Effects
    ) -> Int {
        var found: [LogStore.Compared] = []
        store.visit(hash: hash, in: exchange.keyspace) { found.append($0) }
        var bytes = 0
        for compared in found
        where isDurable(compared.found.position) && !compared.found.version.isNone {
            bytes += Node.weight(compared.key, compared.found.content)
            if compared.found.content.isTombstone, isMutated(.antiEntropyForgetsTombstones) {
                continue
            }
            counters.recordsSent &+= 1
            var version = compared.found.version
            if isMutated(.antiEntropyRestamps) {
                version = Version(stamp: clock.next(at: now.wall), actor: actor)
            }
            send(
                .repair(compared.key, compared.found.content, version), to: exchange.partner,
                into: &effects)
        }
        counters.recordBytesSent &+= UInt64(bytes)
        return bytes
    }

    /// How long to wait for the other side.
    var comparisonPatience: Instant.Duration { max(configuration.timeout * 4, .seconds(2)) }

    /// The other side has said something: it is there.
    mutating func heardDuringComparison(from sender: NodeID, at now: Moment) {
        guard antiEntropy.exchange?.partner == sender else { return }
        let deadline = now.monotonic + comparisonPatience
        antiEntropy.exchange?.deadline = deadline
    }

    /// Sends the part whose body is in the scratch buffer.
    mutating func send(
        _ kind: ComparisonPart.Kind, to node: NodeID, keyspace: KeyspaceID, round: UInt32,
        step: UInt32, into effects: inout Effects
    ) {
        let body = antiEntropy.scratch.bytes
        counters.comparisonBytesSent &+= UInt64(body.count)
        send(
            .comparison(
                ComparisonPart(kind, keyspace: keyspace, round: round, step: step, body: body)),
            to: node, into: &effects)
    }
}
