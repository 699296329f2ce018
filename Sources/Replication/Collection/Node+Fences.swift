import Basics
import Causality
import Partitioning
import Storage

/// What fences and floors do to writes.
///
/// A write of a client that is stamped below the fence of its shard is refused by replicas and
/// stand-ins: it may have been overlooked by those who made sure that all have the same. A write
/// that only mends (read repair, hand-over, comparison) is taken below the fence, but not below the
/// floor if there is nothing of its key: the key had nothing, or was deleted, and that was
/// forgotten. To a reader a key that is not here is a deletion as of the floor.
extension Node {
    /// What is known of a key's shard besides its records.
    @inline(__always)
    func mark(of key: HashedKey) -> ShardMark {
        guard store.hasMarks else { return ShardMark() }
        return store.mark(of: key.keyspace, shard: placements[0].shard(of: key.hash))
    }

    /// What new writes of a key must be stamped above, as far as this node has heard.
    @inline(__always)
    func fence(of key: HashedKey) -> UInt64 {
        if !store.hasMarks, collection.heardFences.isEmpty { return 0 }
        let shard = placements[0].shard(of: key.hash)
        let heard = collection.heardFences[Node.place(key.keyspace, shard)] ?? 0
        return max(heard, store.mark(of: key.keyspace, shard: shard).fence)
    }

    private static func place(_ keyspace: KeyspaceID, _ shard: Int) -> UInt32 {
        UInt32(keyspace.raw) << 16 | UInt32(truncatingIfNeeded: shard)
    }

    /// What a read is told of a key that is not here.
    @inline(__always)
    func absence(of key: HashedKey) -> Version {
        guard store.hasMarks else { return .none }
        return Version.absence(asOf: mark(of: key).floor.stamp)
    }

    /// Whether what is here is a deletion from before the floor, which came back: it says less than
    /// its absence does.
    @inline(__always)
    func isPast(_ key: HashedKey, _ found: LogStore.Found) -> Bool {
        guard store.hasMarks, found.version.stamp < mark(of: key).floor.stamp else { return false }
        switch found.content.form {
        case .tombstone: return true
        case .value, .register: return false
        case .siblings:
            let set = SiblingSet(found.content.bytes)
            return trusted { () throws(DecodeError) in try !set.isVisible(at: 0) }
        }
    }

    /// Whether a client's write is too old to be taken, and not here already.
    mutating func isFenced(_ key: HashedKey, _ content: Content, _ version: Version) -> Bool {
        guard store.hasMarks, version.stamp < mark(of: key).fence else { return false }
        if let found = store.find(key) {
            let isHere =
                content.form == .siblings ? found.version == version : found.version >= version
            if isHere { return false }
        }
        counters.writesFenced &+= 1
        return true
    }

    /// Whether what mends was deleted long ago, and that forgotten. Deletions may come back: they
    /// bring nothing back to life, and make replicas equal.
    mutating func isObsolete(_ key: HashedKey, _ content: Content, _ version: Version) -> Bool {
        guard store.hasMarks, version.stamp < mark(of: key).floor.stamp else { return false }
        // A floor of an earlier time when this node held the shard says nothing of what it has not
        // been brought yet.
        let layout = Int(rules(of: key.keyspace).layout)
        if placements[layout].incoming(placements[0].shard(of: key.hash)) == id { return false }
        switch content.form {
        case .tombstone, .register: return false
        case .value: guard store.find(key) == nil else { return false }
        case .siblings:
            let set = SiblingSet(content.bytes)
            let isLive = trusted { () throws(DecodeError) in try set.isVisible(at: 0) }
            guard isLive else { return false }
        }
        counters.obsoleteDropped &+= 1
        return true
    }

    /// Tells who has sent something obsolete that it is deleted.
    mutating func tellDeleted(
        _ key: HashedKey, _ content: Content, to sender: NodeID, into effects: inout Effects
    ) {
        if content.form == .siblings {
            contextBuffer.removeAll()
            let version = trusted { () throws(DecodeError) in
                try SiblingSet(content.bytes).appendContext(to: &contextBuffer)
                return try SiblingSet(contextBuffer.bytes).version()
            }
            send(
                .repair(key, Content(.siblings, contextBuffer.bytes), version), to: sender,
                into: &effects)
        } else {
            send(.repair(key, .tombstone, absence(of: key)), to: sender, into: &effects)
        }
    }

    /// Stores what mends, and answers: it is here durably, or it is obsolete.
    mutating func restoreForCoordinator(
        _ key: HashedKey, _ content: Content, _ version: Version, _ ticket: Ticket,
        coordinator: NodeID, at now: Moment, into effects: inout Effects
    ) {
        if isObsolete(key, content, version) {
            let floor = mark(of: key).floor.stamp
            return send(
                .fenced(version, below: floor, ticket), to: coordinator, into: &effects)
        }
        acknowledge(
            keep(key, content, version, at: now), ticket, coordinator: coordinator,
            into: &effects)
    }

    // MARK: Coordinating

    /// A replica or stand-in, perhaps this node, has refused a write because of its stamp.
    mutating func fenced(
        _ version: Version, below fence: UInt64, _ ticket: Ticket, by replica: NodeID,
        at now: Moment, into effects: inout Effects
    ) {
        guard let index = puts.index(of: ticket), puts[index].version == version,
            let position = placements[Int(puts[index].layout)].candidatePosition(
                of: replica, in: Int(puts[index].shard))
        else { return }
        switch puts[index].purpose {
        case .handoff:
            // What was owed is obsolete: it is settled.
            stored(ticket, by: replica, at: now, into: &effects)
        case .writeBack(let read):
            guard position < Int(puts[index].writers), let get = gets.index(of: read) else {
                return
            }
            releasePut(index)
            gets[get].absent(asOf: fence, at: position)
            if gets[get].version.isNone
                || gets[get].holders.nonzeroBitCount >= Int(gets[get].goal.w)
            {
                writtenBack(read, at: now, into: &effects)
            } else {
                writeBack(get, at: now, into: &effects)
            }
        case .put, .delete:
            let place = Node.place(puts[index].key.keyspace, Int(puts[index].shard))
            collection.heardFences[place] = max(collection.heardFences[place] ?? 0, fence)
            puts[index].refused(at: position)
            refuseFenced(index, ticket, at: now, into: &effects)
        }
    }

    /// Enough have refused that the write cannot succeed. If nobody at all has stored it, it is
    /// sent with a new stamp; as soon as somebody has, its outcome is unknown.
    mutating func refuseFenced(
        _ index: Int, _ ticket: Ticket, at now: Moment, into effects: inout Effects
    ) {
        guard !puts[index].isAnswered, !puts[index].isPossible else { return }
        if puts[index].stored == 0, !puts[index].isRefusedByAll { return }
        if puts[index].isRefusedByAll, puts[index].content.form != .siblings,
            isFresh(puts[index].version, at: now)
        {
            let before = puts[index].version.stamp
            let version = nextVersion(puts[index].key, above: before, at: now)
            puts[index].restamp(version)
            counters.writesRestamped &+= 1
            sendToSilent(index, into: &effects)
            let layout = Int(puts[index].layout)
            let shard = Int(puts[index].shard)
            if let own = ownPosition(among: puts[index].targets, layout, in: shard) {
                storeForSelf(
                    puts[index].key, puts[index].content, version, ticket, at: own, at: now,
                    into: &effects)
            }
            return
        }
        counters.unknown &+= 1
        effects.respond(
            .unknown(have: puts[index].acknowledgements, need: puts[index].required),
            to: puts[index].client)
        puts[index].giveUpAnswering()
        releasePut(index)
    }
}

extension Node {
    /// Whether this node has stamped it just now: then no replica can have stored it, deleted it
    /// and forgotten that.
    private func isFresh(_ version: Version, at now: Moment) -> Bool {
        let age = UInt64((configuration.timeout / 3).nanoseconds / 1_000)
        return version.stamp >> 12 &+ age >= now.wall.microseconds
    }
}

extension Version {
    /// Stands for the deletion, forgotten since, of whatever was written before a stamp. No write
    /// has actor 0.
    static func absence(asOf stamp: UInt64) -> Version {
        Version(stamp: stamp, actor: Actor(raw: 0))
    }

    var isAbsence: Bool { stamp > 0 && actor.raw == 0 }
}
