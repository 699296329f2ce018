import Basics
import Causality
import Partitioning
import Storage

/// The rounds of a collector: one keyspace after the other, all of its shards that have something
/// to forget at once.
extension Node {
    /// The next keyspace, or the end of the run.
    mutating func beginRound(at now: Moment, into effects: inout Effects) {
        guard !collection.keyspacesLeft.isEmpty else { return endRun(at: now, into: &effects) }
        let keyspace = collection.keyspacesLeft.removeFirst()
        let rules = rules(of: keyspace)
        guard rules.exists else { return }
        let layout = Int(rules.layout)
        let shards = (0..<placement.shardCount).filter {
            placements[layout].replica(0, of: $0) == id && !placements[layout].isMoving($0)
        }
        collection.rounds &+= 1
        var round = Collection.Round(
            keyspace: keyspace, layout: layout, mode: rules.mode, number: collection.rounds,
            shards: shards.map { UInt16($0) },
            isWaiting: [Bool](repeating: false, count: isReachable.count))
        round.stamp = collectionStamp(at: now)
        round.again = now.monotonic
        collection.round = round
    }

    /// The round's time has come: looks on, asks again, or gives up.
    mutating func tendRound(at now: Moment, into effects: inout Effects) {
        guard let round = collection.round else { return }
        if round.deadline <= now.monotonic { return abandonRound(at: now) }
        guard round.again <= now.monotonic else { return }
        switch round.step {
        case .scan(let place): scan(from: place, at: now, into: &effects)
        case .exchange:
            collection.round?.again = now.monotonic + .milliseconds(50)
            let isPending = antiEntropy.peers.contains { $0.known.isPending }
            if antiEntropy.exchange == nil, !isPending { begin(.digest, at: now, into: &effects) }
        case .quiet:
            collection.purged += round.shards.count
            tellToPurge(at: now, into: &effects)
        case .purge: tellToPurge(at: now, into: &effects)
        case .fence, .drain, .digest, .floor, .confirm: ask(at: now, into: &effects)
        }
    }

    /// Drops the shards that have nothing to forget.
    private mutating func scan(
        from place: Int, at now: Moment, into effects: inout Effects
    ) {
        guard var round = collection.round else { return }
        var next = place
        for _ in 0..<Collection.shardsAtOnce where next < round.shards.count {
            if look(at: Int(round.shards[next]), &round) {
                next += 1
            } else {
                round.shards.remove(at: next)
            }
        }
        round.step = .scan(next)
        round.again = now.monotonic + .milliseconds(1)
        collection.round = round
        guard next == round.shards.count else { return }
        leaveOutUnreachable()
        if round.mode == .cp {
            begin(.confirm, at: now, into: &effects)
        } else {
            begin(.fence, at: now, into: &effects)
        }
    }

    /// Whether a shard has anything to forget; of registers, what that is.
    private mutating func look(at shard: Int, _ round: inout Collection.Round) -> Bool {
        if round.mode == .cp { return lookAtRegisters(of: shard, &round) }
        var isFound = false
        store.visit(round.keyspace, shard: shard, level: 0, 0...0) { compared in
            isFound = isFound || isCollectable(compared.found, before: round.stamp)
        }
        return isFound
    }

    /// Who takes part for a shard: its replicas, and, unless registers are at stake, those who may
    /// stand in for them.
    private func participants(_ shard: Int, _ round: Collection.Round) -> Range<Int> {
        let isForAll: Bool
        switch round.step {
        case .fence, .drain, .scan: isForAll = round.mode != .cp
        case .digest, .exchange, .floor, .quiet, .confirm, .purge: isForAll = false
        }
        return 0..<(isForAll ? placements[round.layout].candidateCount : placements[round.layout].n)
    }

    private func takesPart(_ node: NodeID, _ shard: Int, _ round: Collection.Round) -> Bool {
        participants(shard, round).contains {
            placements[round.layout].candidate($0, of: shard) == node
        }
    }

    private mutating func leaveOutUnreachable() {
        guard let round = collection.round else { return }
        let reachable = round.shards.filter { shard in
            participants(Int(shard), round).allSatisfy {
                isReachable[Int(placements[round.layout].candidate($0, of: Int(shard)).index)]
            }
        }
        collection.left += round.shards.count - reachable.count
        collection.round?.shards = reachable
    }

    // MARK: Steps

    private mutating func begin(
        _ step: Collection.Round.Step, at now: Moment, into effects: inout Effects
    ) {
        guard var round = collection.round else { return }
        guard !round.shards.isEmpty else { return dropRound(at: now) }
        round.step = step
        round.cursor = 0
        var patience = max(configuration.timeout * 4, .seconds(2))
        switch step {
        case .drain, .exchange: patience = Collection.patience
        default: break
        }
        round.deadline = now.monotonic + patience
        for index in round.isWaiting.indices {
            round.isWaiting[index] = round.shards.contains {
                takesPart(NodeID(index), Int($0), round)
            }
        }
        switch step {
        case .digest:
            round.own = round.shards.map {
                store.summary(of: round.keyspace, shard: Int($0), before: round.stamp)
            }
            round.isEqual = round.shards.map { _ in true }
        case .exchange:
            round.again = now.monotonic + .milliseconds(50)
            collection.round = round
            wakeCollection(at: round.again)
            return compareWithAll(preview: false, at: now)
        case .quiet:
            round.again = now.monotonic + configuration.timeout * 2
            round.deadline = .distantFuture
            collection.round = round
            return wakeCollection(at: round.again)
        default: break
        }
        collection.round = round
        ask(at: now, into: &effects)
    }

    /// Asks those who have not answered the present step, this node last.
    private mutating func ask(at now: Moment, into effects: inout Effects) {
        guard var round = collection.round else { return }
        var left = Collection.nodesAtOnce
        while round.cursor < round.isWaiting.count, left > 0 {
            let node = NodeID(round.cursor)
            round.cursor += 1
            guard node != id, round.isWaiting[Int(node.index)] else { continue }
            left -= 1
            ask(node, round, at: now, into: &effects)
        }
        let isDone = round.cursor == round.isWaiting.count
        var pause = configuration.timeout / 2
        if case .drain = round.step { pause = .milliseconds(50) }
        round.again = now.monotonic + (isDone ? pause : .milliseconds(1))
        if isDone { round.cursor = 0 }
        collection.round = round
        wakeCollection(at: min(round.again, round.deadline))
        if isDone, round.isWaiting[Int(id.index)] { ask(id, round, at: now, into: &effects) }
    }

    private mutating func ask(
        _ node: NodeID, _ round: Collection.Round, at now: Moment, into effects: inout Effects
    ) {
        let kind: CollectionPart.Kind
        collection.scratch.removeAll()
        switch round.step {
        case .scan, .exchange, .quiet, .purge: return
        case .confirm:
            kind = .confirm
            for item in round.deletions where takesPart(node, shard(of: item), round) {
                collection.scratch.append(item)
            }
        case .floor:
            kind = .floor
            for (place, shard) in round.shards.enumerated()
            where takesPart(node, Int(shard), round) {
                collection.scratch.append(
                    ShardSummary(shard: shard, summary: round.own[place]))
            }
        case .fence, .drain, .digest:
            kind = Node.question(round.step)
            for shard in round.shards where takesPart(node, Int(shard), round) {
                collection.scratch.appendInteger(shard)
            }
        }
        say(
            kind, to: node, keyspace: round.keyspace, round.number, round.stamp, at: now,
            into: &effects)
    }

    private static func question(_ step: Collection.Round.Step) -> CollectionPart.Kind {
        switch step {
        case .fence: .fence
        case .drain: .drain
        default: .digest
        }
    }

    func shard(of item: HashVersion) -> Int { placements[0].shard(of: item.hash) }

    // MARK: Answers

    /// A participant, perhaps this node, has answered.
    mutating func receiveCollected(
        _ part: CollectionPart, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) throws(DecodeError) {
        guard var round = collection.round, round.number == part.round,
            Int(sender.index) < round.isWaiting.count, round.isWaiting[Int(sender.index)]
        else { return }
        var reader = ByteReader(part.body)
        switch (part.kind, round.step) {
        case (.fenced, .fence): break
        case (.drained, .drain):
            // Not yet: it is asked again.
            guard try reader.integer(UInt32.self) == 0 else { return }
        case (.digests, .digest):
            let items = try reader.all { (r) throws(DecodeError) in try r.shardSummary() }
            for (place, shard) in round.shards.enumerated()
            where takesPart(sender, Int(shard), round) {
                let theirs = items.first { $0.shard == shard }?.summary
                if theirs != round.own[place] { round.isEqual[place] = false }
            }
        case (.floors, .floor):
            let raised = try reader.shards()
            for (place, shard) in round.shards.enumerated()
            where takesPart(sender, Int(shard), round) && !raised.contains(shard) {
                round.isEqual[place] = false
            }
        case (.confirmed, .confirm):
            let held = try reader.all { (r) throws(DecodeError) in try r.hashVersion() }
            for (place, item) in round.deletions.enumerated()
            where held.contains(where: { $0.hash == item.hash && $0.version == item.version }) {
                round.confirmations[place] += 1
            }
        default: return
        }
        round.isWaiting[Int(sender.index)] = false
        collection.round = round
        if !round.isWaiting.contains(true) { goOn(at: now, into: &effects) }
    }

    /// Everyone has answered the present step.
    private mutating func goOn(at now: Moment, into effects: inout Effects) {
        guard let round = collection.round else { return }
        switch round.step {
        case .scan, .exchange, .quiet, .purge: return
        case .fence: begin(.drain, at: now, into: &effects)
        case .drain: begin(.digest, at: now, into: &effects)
        case .digest:
            if round.isEqual.contains(false), round.attempts < Collection.attempts {
                collection.round?.attempts += 1
                return begin(.exchange, at: now, into: &effects)
            }
            keepEqual()
            begin(.floor, at: now, into: &effects)
        case .floor:
            keepEqual()
            begin(.quiet, at: now, into: &effects)
        case .confirm: finishRegisters(round, at: now, into: &effects)
        }
    }

    /// Leaves out the shards of which somebody has something else.
    private mutating func keepEqual() {
        guard var round = collection.round else { return }
        let before = round.shards.count
        let kept = round.shards.indices.filter { round.isEqual[$0] }
        round.shards = kept.map { round.shards[$0] }
        round.own = kept.map { round.own[$0] }
        round.isEqual = kept.map { _ in true }
        collection.round = round
        collection.left += before - kept.count
    }

    /// Everyone may forget.
    mutating func tellToPurge(at now: Moment, into effects: inout Effects) {
        guard var round = collection.round else { return }
        if case .purge = round.step {
        } else {
            round.step = .purge
            round.cursor = 0
            round.deadline = .distantFuture
        }
        let last = min(round.isWaiting.count, round.cursor + Collection.nodesAtOnce)
        for index in round.cursor..<last {
            collection.scratch.removeAll()
            appendPurge(of: NodeID(index), round)
            guard !collection.scratch.isEmpty else { continue }
            say(
                round.mode == .cp ? .forget : .purge, to: NodeID(index),
                keyspace: round.keyspace, round.number, round.stamp, at: now, into: &effects)
        }
        round.cursor = last
        round.again = now.monotonic + .milliseconds(1)
        collection.round = round
        wakeCollection(at: round.again)
        if last == round.isWaiting.count { dropRound(at: now) }
    }

    private mutating func appendPurge(of node: NodeID, _ round: Collection.Round) {
        if round.mode == .cp {
            for item in round.agreed where takesPart(node, shard(of: item), round) {
                collection.scratch.append(item)
            }
        } else {
            for shard in round.shards where takesPart(node, Int(shard), round) {
                collection.scratch.appendInteger(shard)
            }
        }
    }

    /// Under another definition others may have to be asked.
    mutating func leaveCollection(at now: Moment) {
        if collection.round != nil { abandonRound(at: now) }
    }

    private mutating func abandonRound(at now: Moment) {
        counters.collectionsAbandoned &+= 1
        collection.left += collection.round?.shards.count ?? 0
        dropRound(at: now)
    }

    mutating func dropRound(at now: Moment) {
        collection.round = nil
        wakeCollection(at: now.monotonic)
    }
}
