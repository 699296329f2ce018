import Basics
import Causality
import Partitioning
import Storage

/// The side of a comparison that answers.
extension Node {
    /// A part of a comparison has come. One that makes no sense ends the comparison.
    mutating func receive(
        _ part: ComparisonPart, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        do {
            switch part.kind {
            case .busy, .differing, .branches, .marks, .answer:
                guard antiEntropy.exchange?.partner == sender else { return }
                try receiveAnswer(part, at: now, into: &effects)
            case .roots: try receiveRoots(part, from: sender, at: now, into: &effects)
            case .nodes, .versions, .end:
                guard let exchange = antiEntropy.exchange, !exchange.isInitiator,
                    exchange.partner == sender, exchange.round == part.round,
                    exchange.keyspace == part.keyspace, part.step > exchange.step
                else { return }
                antiEntropy.exchange?.step = part.step
                heardDuringComparison(from: sender, at: now)
                try receiveQuestion(part, at: now, into: &effects)
            }
        } catch {
            counters.comparisonsMalformed &+= 1
            if antiEntropy.exchange?.partner == sender { abandon(at: now) }
        }
    }

    private mutating func receiveQuestion(
        _ part: ComparisonPart, at now: Moment, into effects: inout Effects
    ) throws(DecodeError) {
        guard let exchange = antiEntropy.exchange else { return }
        var reader = ByteReader(part.body)
        switch part.kind {
        case .nodes: try compareNodes(&reader, exchange, into: &effects)
        case .versions: try compareVersions(&reader, at: now, into: &effects)
        case .end:
            let isEqual = try reader.integer(UInt8.self) != 0
            concludeAsPartner(exchange, isEqual: isEqual, at: now)
        case .roots, .busy, .differing, .branches, .marks, .answer: break
        }
    }

    /// Someone wants to compare.
    private mutating func receiveRoots(
        _ part: ComparisonPart, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) throws(DecodeError) {
        var reader = ByteReader(part.body)
        let isForced = try reader.integer(UInt8.self) != 0
        let isPreview = try reader.integer(UInt8.self) != 0
        let isKnown = rules(of: part.keyspace).exists
        if !isKnown || !isFree(for: sender, part) || (owes(sender) && !isForced) {
            antiEntropy.scratch.removeAll()
            return send(
                .busy, to: sender, keyspace: part.keyspace, round: part.round, step: part.step,
                into: &effects)
        }
        var differing: [UInt16] = []
        while reader.remaining > 0 {
            let shard = try reader.integer(UInt16.self)
            let theirs = try reader.summary()
            guard shard < placement.shardCount else {
                throw .invalid("a comparison of a shard that does not exist")
            }
            if store.summary(of: part.keyspace, shard: Int(shard)) != theirs {
                differing.append(shard)
            }
        }
        if antiEntropy.exchange?.isInitiator == true { abandon(at: now) }
        var exchange = AntiEntropy.Exchange(
            partner: sender, round: part.round, isInitiator: false, isPreview: isPreview)
        exchange.keyspace = part.keyspace
        exchange.step = part.step
        exchange.deadline = now.monotonic + comparisonPatience
        antiEntropy.exchange = exchange
        antiEntropy.due = min(antiEntropy.due, exchange.deadline)
        antiEntropy.scratch.removeAll()
        antiEntropy.scratch.append(UInt8(store.treeDepth(of: part.keyspace)))
        for shard in differing { antiEntropy.scratch.appendInteger(shard) }
        reply(.differing, into: &effects)
    }

    /// Whether this node can be the partner: it is in no other comparison, but for one with the
    /// same node that has begun anew, or that both began at once (the smaller index has its way).
    private func isFree(for sender: NodeID, _ part: ComparisonPart) -> Bool {
        guard let exchange = antiEntropy.exchange else { return true }
        guard exchange.partner == sender else { return false }
        if exchange.isInitiator { return sender < id }
        return exchange.round != part.round || part.step > exchange.step
    }

    private mutating func reply(_ kind: ComparisonPart.Kind, into effects: inout Effects) {
        guard let exchange = antiEntropy.exchange else { return }
        send(
            kind, to: exchange.partner, keyspace: exchange.keyspace, round: exchange.round,
            step: exchange.step, into: &effects)
    }

    /// Which of these nodes differ: asks for their children, or lists the versions of leaves.
    private mutating func compareNodes(
        _ reader: inout ByteReader, _ exchange: AntiEntropy.Exchange, into effects: inout Effects
    ) throws(DecodeError) {
        let level = try level(&reader)
        let areLeaves = try reader.integer(UInt8.self) != 0
        guard level <= store.treeDepth(of: exchange.keyspace) else {
            throw .invalid("a comparison below the leaves")
        }
        var differing: [TreeNode] = []
        while reader.remaining > 0 {
            let node = try reader.treeNode()
            let theirs = try reader.summary()
            guard node.shard < placement.shardCount, node.number < 1 << UInt32(4 * level) else {
                throw .invalid("a comparison of a node that does not exist")
            }
            let ours = store.summary(
                of: exchange.keyspace, shard: Int(node.shard), level: level,
                number: Int(node.number))
            if ours != theirs { differing.append(node) }
        }
        antiEntropy.scratch.removeAll()
        if !areLeaves {
            for node in differing { antiEntropy.scratch.append(node) }
            return reply(.branches, into: &effects)
        }
        var leaves = differing.map { MarkedLeaf(leaf: $0, marks: []) }
        let index = LeafIndex(differing, shardBits: placement.shardBits, level: level)
        index.visit(store, exchange.keyspace) { compared, place in
            leaves[place].marks.append(
                MarkedLeaf.mark(compared.fingerprint, round: exchange.round))
        }
        antiEntropy.scratch.append(UInt8(level))
        for leaf in leaves { antiEntropy.scratch.append(leaf) }
        reply(.marks, into: &effects)
    }

    /// What the initiator has and this node may lack, and what it lacks.
    private mutating func compareVersions(
        _ reader: inout ByteReader, at now: Moment, into effects: inout Effects
    ) throws(DecodeError) {
        guard var exchange = antiEntropy.exchange else { return }
        let level = try level(&reader)
        let count = Int(try reader.integer(UInt32.self))
        var theirs: Set<UInt64> = []
        exchange.wanted = []
        exchange.outbox = []
        exchange.skipped = 0
        for _ in 0..<count {
            let item = try reader.hashVersion()
            theirs.insert(item.hash)
            settle(item, &exchange, at: now)
        }
        var promised: [UInt64] = []
        let asked = try reader.all { (r) throws(DecodeError) in try r.markedLeaf() }
        let index = LeafIndex(asked.map(\.leaf), shardBits: placement.shardBits, level: level)
        index.visit(store, exchange.keyspace) { compared, place in
            let mark = MarkedLeaf.mark(compared.fingerprint, round: exchange.round)
            guard asked[place].contains(mark), !theirs.contains(compared.key.hash) else { return }
            if compared.found.version.isNone { return promised.append(compared.key.hash) }
            owe(compared, &exchange, at: now)
        }
        exchange.owedKeys = UInt32(exchange.outbox.count)
        exchange.owedBytes = 0
        for hash in exchange.outbox {
            exchange.owedBytes += weight(of: hash, in: exchange.keyspace)
        }
        if exchange.isPreview { exchange.outbox = [] }
        exchange.owesAnswer = true
        antiEntropy.exchange = exchange
        settle(promised, exchange.keyspace)
        goOnSending(at: now, into: &effects)
    }

    private func owe(
        _ compared: LogStore.Compared, _ exchange: inout AntiEntropy.Exchange, at now: Moment
    ) {
        if isYoung(compared.found.version, at: now) || !isDurable(compared.found.position) {
            exchange.skipped += 1
        } else {
            exchange.outbox.append(compared.key.hash)
        }
    }

    /// One version that the initiator has: wanted if it is newer, answered if it is older.
    private func settle(
        _ item: HashVersion, _ exchange: inout AntiEntropy.Exchange, at now: Moment
    ) {
        var newest: LogStore.Compared?
        store.visit(hash: item.hash, in: exchange.keyspace) { newest = $0 }
        guard let newest else { return exchange.wanted.append(item.hash) }
        if newest.found.content.form == .siblings {
            // Neither need cover the other: both sides merge.
            exchange.wanted.append(item.hash)
            owe(newest, &exchange, at: now)
        } else if newest.found.version < item.version {
            exchange.wanted.append(item.hash)
        } else if newest.found.version > item.version {
            owe(newest, &exchange, at: now)
        }
    }

    /// All that this node owed has been sent: says what it wants.
    mutating func answer(at now: Moment, into effects: inout Effects) {
        guard let exchange = antiEntropy.exchange, exchange.owesAnswer else { return }
        antiEntropy.exchange?.owesAnswer = false
        heardDuringComparison(from: exchange.partner, at: now)
        antiEntropy.scratch.removeAll()
        antiEntropy.scratch.appendInteger(exchange.skipped)
        antiEntropy.scratch.appendInteger(exchange.owedKeys)
        antiEntropy.scratch.appendInteger(exchange.owedBytes)
        for hash in exchange.wanted { antiEntropy.scratch.appendInteger(hash) }
        reply(.answer, into: &effects)
    }
}
