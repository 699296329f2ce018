import Basics
import Causality
import Partitioning
import Storage

/// The side of a comparison that began it, and decides what is compared next.
extension Node {
    /// Shards that both hold.
    private func sharedShards(with peer: NodeID, of keyspace: KeyspaceID) -> [Int] {
        let placement = placements[Int(rules(of: keyspace).layout)]
        return (0..<placement.shardCount).filter {
            placement.position(of: id, in: $0) != nil && placement.position(of: peer, in: $0) != nil
        }
    }

    mutating func begin(with peer: NodeID, at now: Moment, into effects: inout Effects) {
        let index = Int(peer.index)
        antiEntropy.rounds &+= 1
        var exchange = AntiEntropy.Exchange(
            partner: peer, round: antiEntropy.rounds, isInitiator: true,
            isPreview: antiEntropy.peers[index].isPreview)
        antiEntropy.peers[index].due = .distantFuture
        exchange.keyspacesLeft = keyspaces.map(\.id)
        antiEntropy.exchange = exchange
        compareNextKeyspace(at: now, into: &effects)
    }

    private mutating func compareNextKeyspace(at now: Moment, into effects: inout Effects) {
        guard var exchange = antiEntropy.exchange else { return }
        guard !exchange.keyspacesLeft.isEmpty else {
            antiEntropy.scratch.removeAll()
            antiEntropy.scratch.append((exchange.isEqual ? 1 : 0) as UInt8)
            exchange.step += 1
            send(.end, exchange, into: &effects)
            return conclude(exchange, at: now)
        }
        exchange.keyspace = exchange.keyspacesLeft.removeFirst()
        exchange.shards = []
        exchange.position = 0
        exchange.branches = []
        antiEntropy.scratch.removeAll()
        let waiting = antiEntropy.peers[Int(exchange.partner.index)].waitingSince
        let isForced = waiting.map { now.monotonic >= $0 + AntiEntropy.patienceWithHints } ?? false
        antiEntropy.scratch.append((isForced ? 1 : 0) as UInt8)
        antiEntropy.scratch.append((exchange.isPreview ? 1 : 0) as UInt8)
        for shard in sharedShards(with: exchange.partner, of: exchange.keyspace) {
            antiEntropy.scratch.appendInteger(UInt16(shard))
            antiEntropy.scratch.append(store.summary(of: exchange.keyspace, shard: shard))
        }
        say(.roots, exchange, at: now, into: &effects)
    }

    /// Sends a numbered part and waits for the answer.
    private mutating func say(
        _ kind: ComparisonPart.Kind, _ exchange: AntiEntropy.Exchange, at now: Moment,
        into effects: inout Effects
    ) {
        var exchange = exchange
        exchange.step += 1
        exchange.deadline = now.monotonic + comparisonPatience
        antiEntropy.exchange = exchange
        antiEntropy.due = min(antiEntropy.due, exchange.deadline)
        send(kind, exchange, into: &effects)
    }

    private mutating func send(
        _ kind: ComparisonPart.Kind, _ exchange: AntiEntropy.Exchange, into effects: inout Effects
    ) {
        send(
            kind, to: exchange.partner, keyspace: exchange.keyspace, round: exchange.round,
            step: exchange.step, into: &effects)
    }

    /// The next nodes of the trees, or the next keyspace.
    mutating func compareNext(at now: Moment, into effects: inout Effects) {
        guard var exchange = antiEntropy.exchange else { return }
        let nodes = nextNodes(&exchange)
        antiEntropy.exchange = exchange
        guard !nodes.isEmpty else { return compareNextKeyspace(at: now, into: &effects) }
        let level = nodes.level
        antiEntropy.scratch.removeAll()
        antiEntropy.scratch.append(UInt8(level))
        antiEntropy.scratch.append((level == exchange.depth ? 1 : 0) as UInt8)
        for node in nodes.list {
            antiEntropy.scratch.append(node)
            antiEntropy.scratch.append(
                store.summary(
                    of: exchange.keyspace, shard: Int(node.shard), level: level,
                    number: Int(node.number)))
        }
        say(.nodes, exchange, at: now, into: &effects)
    }

    private struct NodesOfLevel {
        var level = 0
        var list: [TreeNode] = []
        var isEmpty: Bool { list.isEmpty }
    }

    /// Takes the next nodes from the plan.
    private func nextNodes(_ exchange: inout AntiEntropy.Exchange) -> NodesOfLevel {
        var nodes = NodesOfLevel()
        if !exchange.branches.isEmpty {
            nodes.level = exchange.depth
            let fan = 1 << (4 * (exchange.depth - exchange.firstLevel))
            let count = min(exchange.branches.count, max(1, AntiEntropy.nodesAtOnce / fan))
            for branch in exchange.branches.prefix(count) {
                for child in 0..<fan {
                    nodes.list.append(
                        TreeNode(
                            shard: branch.shard,
                            number: branch.number * UInt32(fan) + UInt32(child)))
                }
            }
            exchange.branches.removeFirst(count)
            return nodes
        }
        nodes.level = exchange.firstLevel
        let width = 1 << (4 * exchange.firstLevel)
        let end = min(exchange.shards.count * width, exchange.position + AntiEntropy.nodesAtOnce)
        for position in exchange.position..<max(exchange.position, end) {
            nodes.list.append(
                TreeNode(
                    shard: exchange.shards[position / width], number: UInt32(position % width)))
        }
        exchange.position = end
        return nodes
    }

    /// The partner has answered.
    mutating func receiveAnswer(
        _ part: ComparisonPart, at now: Moment, into effects: inout Effects
    ) throws(DecodeError) {
        guard var exchange = antiEntropy.exchange, exchange.isInitiator,
            exchange.round == part.round, exchange.step == part.step,
            exchange.keyspace == part.keyspace, exchange.hasSentAll
        else { return }
        var reader = ByteReader(part.body)
        switch part.kind {
        case .busy: putOff(exchange, at: now)
        case .differing:
            exchange.depth = min(
                Int(try reader.integer(UInt8.self)), store.treeDepth(of: exchange.keyspace))
            exchange.shards = try reader.all { (r) throws(DecodeError) in try r.integer() }
            guard exchange.depth > 0, exchange.shards.allSatisfy({ $0 < placement.shardCount })
            else { throw .invalid("a comparison of shards that do not exist") }
            if !exchange.shards.isEmpty { exchange.isEqual = false }
            exchange.position = 0
            antiEntropy.exchange = exchange
            if exchange.shards.isEmpty {
                compareNextKeyspace(at: now, into: &effects)
            } else {
                compareNext(at: now, into: &effects)
            }
        case .branches:
            let branches = try reader.all { (r) throws(DecodeError) in try r.treeNode() }
            let width = UInt32(1) << UInt32(4 * exchange.firstLevel)
            guard branches.allSatisfy({ $0.shard < placement.shardCount && $0.number < width })
            else { throw .invalid("a comparison of branches that do not exist") }
            antiEntropy.exchange?.branches = branches
            compareNext(at: now, into: &effects)
        case .marks: try compareMarks(&reader, exchange, at: now, into: &effects)
        case .answer: try takeAnswer(&reader, exchange, at: now, into: &effects)
        case .roots, .nodes, .versions, .end: break
        }
    }

    /// These versions the partner has in leaves that differ: says which it lacks, and asks for
    /// those that this node lacks.
    private mutating func compareMarks(
        _ reader: inout ByteReader, _ exchange: AntiEntropy.Exchange, at now: Moment,
        into effects: inout Effects
    ) throws(DecodeError) {
        let level = try level(&reader)
        var leaves = try reader.all { (r) throws(DecodeError) in try r.markedLeaf() }
        let index = LeafIndex(leaves.map(\.leaf), shardBits: placement.shardBits, level: level)
        var young = 0
        var own: [HashVersion] = []
        var promised: [UInt64] = []
        index.visit(store, exchange.keyspace) { compared, place in
            let mark = MarkedLeaf.mark(compared.fingerprint, round: exchange.round)
            if leaves[place].remove(mark) { return }
            let version = compared.found.version
            if version.isNone {
                // Promised only: nothing that could be sent.
                promised.append(compared.key.hash)
            } else if isYoung(version, at: now) || !isDurable(compared.found.position) {
                young += 1
            } else {
                own.append(HashVersion(hash: compared.key.hash, version: version))
            }
        }
        antiEntropy.exchange?.young += young
        settle(promised, exchange.keyspace)
        let missing = leaves.filter { !$0.marks.isEmpty }
        if own.isEmpty, missing.isEmpty { return compareNext(at: now, into: &effects) }
        antiEntropy.scratch.removeAll()
        antiEntropy.scratch.append(UInt8(level))
        antiEntropy.scratch.appendInteger(UInt32(own.count))
        for item in own { antiEntropy.scratch.append(item) }
        for leaf in missing { antiEntropy.scratch.append(leaf) }
        guard let exchange = antiEntropy.exchange else { return }
        say(.versions, exchange, at: now, into: &effects)
    }

    private mutating func takeAnswer(
        _ reader: inout ByteReader, _ exchange: AntiEntropy.Exchange, at now: Moment,
        into effects: inout Effects
    ) throws(DecodeError) {
        var exchange = exchange
        exchange.young += Int(try reader.integer(UInt32.self))
        exchange.differing += Int(try reader.integer(UInt32.self))
        exchange.bytes += try reader.integer(UInt64.self)
        let wanted: [UInt64] = try reader.all { (r) throws(DecodeError) in try r.integer() }
        exchange.differing += wanted.count
        for hash in wanted { exchange.bytes += weight(of: hash, in: exchange.keyspace) }
        if !exchange.isPreview { exchange.outbox = wanted }
        antiEntropy.exchange = exchange
        goOnSending(at: now, into: &effects)
    }

    /// These registers have promised something that others have not.
    mutating func settle(_ hashes: [UInt64], _ keyspace: KeyspaceID) {
        guard !hashes.isEmpty, antiEntropy.exchange?.isPreview != true else { return }
        antiEntropy.exchange?.young += hashes.count
        for hash in hashes { settleLater(hash, keyspace) }
        wakeCollection(at: collection.unsettledDue)
    }

    func weight(of hash: UInt64, in keyspace: KeyspaceID) -> UInt64 {
        var bytes = 0
        store.visit(hash: hash, in: keyspace) { bytes += Node.weight($0.key, $0.found.content) }
        return UInt64(bytes)
    }

    func level(_ reader: inout ByteReader) throws(DecodeError) -> Int {
        let level = Int(try reader.integer(UInt8.self))
        guard (1...4).contains(level) else { throw .invalid("a comparison of a level not 1 to 4") }
        return level
    }
}
