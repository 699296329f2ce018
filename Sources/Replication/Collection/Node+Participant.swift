import Basics
import Causality
import Partitioning
import Storage

/// The side of a collection that answers: fences, drains, digests, floors, and purges.
extension Node {
    /// A part of a collection has come. One that makes no sense is dropped.
    mutating func receive(
        _ part: CollectionPart, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        do {
            switch part.kind {
            case .fenced, .drained, .digests, .floors, .confirmed:
                try receiveCollected(part, from: sender, at: now, into: &effects)
            case .wanted:
                collection.askers.append(sender)
                collectSoon(at: now)
            case .ended: try receiveEnd(part, from: sender)
            case .fence, .drain, .digest, .floor, .purge, .confirm, .forget:
                try participate(part, for: sender, at: now, into: &effects)
            }
        } catch {
            counters.collectionsMalformed &+= 1
        }
    }

    /// Does what a collector, perhaps this node, asks for.
    mutating func participate(
        _ part: CollectionPart, for collector: NodeID, at now: Moment, into effects: inout Effects
    ) throws(DecodeError) {
        let rules = rules(of: part.keyspace)
        // Under another ring others hold the shards, or more do.
        guard rules.exists, part.definition == register.installed.version else { return }
        var reader = ByteReader(part.body)
        switch part.kind {
        case .fence:
            let shards = try checkedShards(&reader)
            let position = raise(
                shards, of: part.keyspace, ShardMark(fence: part.stamp), unless: .collectWhenAllHave
            )
            answer(.fenced, part, collector, after: position, at: now, into: &effects) { _ in }
        case .drain:
            let shards = try checkedShards(&reader)
            let left = isMutated(.collectSkipsDrain) ? 0 : drain(shards, part, at: now)
            answer(.drained, part, collector, after: .zero, at: now, into: &effects) {
                $0.appendInteger(UInt32(clamping: left))
            }
        case .digest:
            let shards = try checkedShards(&reader)
            let items = shards.map {
                ShardSummary(
                    shard: $0,
                    summary: store.summary(of: part.keyspace, shard: Int($0), before: part.stamp))
            }
            answer(.digests, part, collector, after: .zero, at: now, into: &effects) {
                for item in items { $0.append(item) }
            }
        case .floor:
            try raiseFloors(&reader, part, for: collector, at: now, into: &effects)
        case .purge:
            for shard in try checkedShards(&reader) {
                collection.purges.append(
                    Collection.Purge(keyspace: part.keyspace, shard: shard, stamp: part.stamp))
            }
            wakeCollection(at: now.monotonic)
        case .confirm:
            guard rules.mode == .cp else { return }
            let asked = try reader.all { (r) throws(DecodeError) in try r.hashVersion() }
            let held = asked.filter { holdsDeletion($0, part.keyspace) }
            answer(.confirmed, part, collector, after: .zero, at: now, into: &effects) {
                for item in held { $0.append(item) }
            }
        case .forget:
            guard rules.mode == .cp else { return }
            let deletions = try reader.all { (r) throws(DecodeError) in try r.hashVersion() }
            forgetRegisters(deletions, part.keyspace)
        case .fenced, .drained, .digests, .floors, .confirmed, .wanted, .ended: break
        }
    }

    private func checkedShards(_ reader: inout ByteReader) throws(DecodeError) -> [UInt16] {
        let shards = try reader.shards()
        guard shards.allSatisfy({ $0 < placement.shardCount }) else {
            throw .invalid("a collection of a shard that does not exist")
        }
        return shards
    }

    private mutating func raise(
        _ shards: [UInt16], of keyspace: KeyspaceID, _ mark: ShardMark,
        unless mutation: Mutation? = nil
    ) -> LogPosition {
        var position = LogPosition.zero
        if let mutation, isMutated(mutation) { return position }
        for shard in shards {
            do {
                position = max(
                    position, try store.raise(mark, of: keyspace, shard: Int(shard)))
            } catch {
                diskFailure = error
            }
        }
        return position
    }

    /// Hurries up with what is held of these shards; how many older writes are still held.
    private mutating func drain(
        _ shards: [UInt16], _ part: CollectionPart, at now: Moment
    ) -> Int {
        guard store.hintCount > 0 else { return 0 }
        let placement = placements[0]
        let left = store.hintsHeld(of: part.keyspace, before: part.stamp) { hash in
            shards.contains(UInt16(placement.shard(of: hash)))
        }
        if left > 0 { handoffDue = min(handoffDue, now.monotonic) }
        return left
    }

    private mutating func raiseFloors(
        _ reader: inout ByteReader, _ part: CollectionPart, for collector: NodeID,
        at now: Moment, into effects: inout Effects
    ) throws(DecodeError) {
        let expected = try reader.all { (r) throws(DecodeError) in try r.shardSummary() }
        guard expected.allSatisfy({ $0.shard < placement.shardCount }) else {
            throw .invalid("a collection of a shard that does not exist")
        }
        var raised: [UInt16] = []
        for item in expected
        where store.summary(of: part.keyspace, shard: Int(item.shard), before: part.stamp)
            == item.summary
        {
            raised.append(item.shard)
        }
        let floor = ShardMark(floor: .absence(asOf: part.stamp))
        let skips = isMutated(.collectSkipsFloor) || isMutated(.collectWhenAllHave)
        let position = skips ? .zero : raise(raised, of: part.keyspace, floor)
        answer(.floors, part, collector, after: position, at: now, into: &effects) {
            for shard in raised { $0.appendInteger(shard) }
        }
    }

    // MARK: Answering

    /// Answers when the log is synced up to `position`.
    private mutating func answer(
        _ kind: CollectionPart.Kind, _ part: CollectionPart, _ collector: NodeID,
        after position: LogPosition, at now: Moment, into effects: inout Effects,
        _ fill: (inout ByteBuffer) -> Void
    ) {
        freeSpentAnswers()
        guard let place = collection.answers.insert() else { return }
        let index = Int(place.index)
        collection.answers[index].kind = kind
        collection.answers[index].keyspace = part.keyspace
        collection.answers[index].round = part.round
        collection.answers[index].stamp = part.stamp
        collection.answers[index].body.removeAll()
        fill(&collection.answers[index].body)
        if isDurable(position) {
            giveAnswer(place, to: collector, at: now, into: &effects)
        } else {
            wait(for: position, then: .collected(coordinator: collector, answer: place))
        }
    }

    /// What an answer waited for is durable.
    mutating func giveAnswer(
        _ place: Ticket, to collector: NodeID, at now: Moment, into effects: inout Effects
    ) {
        let index = Int(place.index)
        let part = CollectionPart(
            collection.answers[index].kind, keyspace: collection.answers[index].keyspace,
            round: collection.answers[index].round, stamp: collection.answers[index].stamp,
            definition: register.installed.version, body: collection.answers[index].body.bytes)
        if collector == id {
            receive(part, from: id, at: now, into: &effects)
        } else {
            send(.collection(part), to: collector, into: &effects)
        }
        // Its bytes must stay until the effects are carried out.
        collection.spentAnswers.append(index)
    }

    /// Frees the slots that earlier events have left; no event gives so many answers.
    private mutating func freeSpentAnswers() {
        guard collection.spentAnswers.count > 2 * Collection.answersKept else { return }
        for index in collection.spentAnswers.prefix(Collection.answersKept) {
            collection.answers.remove(at: index)
        }
        collection.spentAnswers.removeFirst(Collection.answersKept)
    }

    // MARK: Purging

    /// Forgets what the next shards may forget.
    mutating func purgeNext(at now: Moment) {
        guard !collection.purges.isEmpty else { return }
        for purge in collection.purges.prefix(Collection.shardsAtOnce) { self.purge(purge) }
        collection.purges.removeFirst(
            min(Collection.shardsAtOnce, collection.purges.count))
        if !collection.purges.isEmpty { wakeCollection(at: now.monotonic + .milliseconds(1)) }
    }

    private mutating func purge(_ purge: Collection.Purge) {
        let shard = Int(purge.shard)
        var keys: [(hash: UInt64, version: Version)] = []
        var written: UInt64 = 0
        store.visit(purge.keyspace, shard: shard, level: 0, 0...0) { compared in
            guard isCollectable(compared.found, before: purge.stamp) else { return }
            keys.append((compared.key.hash, compared.found.version))
            written = max(written, writes(in: compared.found.content))
        }
        guard !keys.isEmpty else { return }
        // First what must outlive the records: a log that is cut short never has only the second.
        _ = raise([purge.shard], of: purge.keyspace, ShardMark(written: written))
        for (hash, version) in keys { forget(hash, version, purge.keyspace) }
    }

    /// Takes out the record of a key if it has that very version.
    mutating func forget(_ hash: UInt64, _ version: Version, _ keyspace: KeyspaceID) {
        var key = ByteBuffer(capacity: 64)
        var isFound = false
        store.visit(hash: hash, in: keyspace) { compared in
            guard compared.found.version == version, !isFound else { return }
            isFound = true
            key.append(compared.key.bytes)
        }
        guard isFound else { return }
        do {
            let purged = try store.purge(
                HashedKey(key.bytes, hash: hash, in: keyspace), upTo: version)
            if purged { counters.deletionsForgotten &+= 1 }
        } catch {
            diskFailure = error
        }
    }

    /// How many values of siblings this life of the node has written, as far as a record knows.
    private func writes(in content: Content) -> UInt64 {
        guard content.form == .siblings else { return 0 }
        return trusted { () throws(DecodeError) in
            try SiblingSet(content.bytes).writes(of: actor)
        }
    }

    /// Whether a record says nothing but that older ones are gone: it was deleted, or has ended.
    func isCollectable(_ found: LogStore.Found, before stamp: UInt64) -> Bool {
        guard found.version.stamp < stamp else { return false }
        let milliseconds = (stamp >> 12) / 1_000
        switch found.content.form {
        case .tombstone: return true
        case .value: return found.content.expiry != 0 && found.content.expiry < milliseconds
        case .siblings:
            let set = SiblingSet(found.content.bytes)
            return trusted { () throws(DecodeError) in
                try !set.isVisible(at: milliseconds)
            }
        case .register: return false
        }
    }
}
