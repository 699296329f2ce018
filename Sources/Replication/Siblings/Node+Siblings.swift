import Basics
import Causality
import Partitioning
import Storage

/// Keyspaces in which concurrent writes all stay until a write that has seen them replaces them.
///
/// A write is coordinated by a replica, because its dot names who stores it first: the replica adds
/// the value to what it has, in one step, and sends the whole set to the others, who join it with
/// theirs. The dot does not leave the node before it is durable there. A node that is no replica
/// passes the write on, once.
extension Node {
    mutating func takeForSiblings(
        _ request: Request, _ rules: KeyspaceRules, for client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        guard hasSecret(at: now, into: &effects) else {
            return refuse(.notReady, client, into: &effects)
        }
        switch request {
        case .get(let key, let options):
            guard options.token.isNone else {
                return refuse(.tokenOfSiblings, client, into: &effects)
            }
            read(key, options, rules, for: client, purpose: .get, at: now, into: &effects)
        case .put(let key, let value, let options):
            writeSibling(
                SiblingWrite(key: key, value: value, context: nil, options: options), rules,
                for: client, at: now, into: &effects)
        case .sibling(let write):
            writeSibling(write, rules, for: client, at: now, into: &effects)
        case .delete(let key, let options):
            guard options.token.isNone else {
                return refuse(.tokenOfSiblings, client, into: &effects)
            }
            let write = SiblingWrite(key: key, value: nil, context: nil, options: options)
            guard isReplica(of: key, rules) else {
                return passOn(write, rules, for: client, at: now, into: &effects)
            }
            read(
                key, options, rules, for: client, purpose: .delete(w: options.w), at: now,
                into: &effects)
        case .life: refuse(.unservedMode, client, into: &effects)
        case .change: refuse(.changeElsewhere, client, into: &effects)
        case .define, .scan: preconditionFailure("served where they come in")
        }
    }

    func isReplica(of key: HashedKey, _ rules: KeyspaceRules) -> Bool {
        let shard = placements[0].shard(of: key.hash)
        return placements[Int(rules.layout)].position(of: id, in: shard) != nil
    }

    /// What this node has of a key, as a replica.
    private mutating func siblings(of key: HashedKey) -> SiblingSet {
        if let found = store.find(key), found.content.form == .siblings {
            return SiblingSet(found.content.bytes)
        }
        // Deletions may have been forgotten with what this node had written: the numbers of its
        // writes go on above all of that.
        let written = mark(of: key).written
        guard written > 0 else { return .empty }
        forgottenBuffer.removeAll()
        SiblingSet.appendKnowledge(of: written, by: actor, to: &forgottenBuffer)
        return SiblingSet(forgottenBuffer.bytes)
    }

    // MARK: Coordinating

    /// A client's write, here or at a replica.
    mutating func writeSibling(
        _ write: SiblingWrite, _ rules: KeyspaceRules, for client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        guard write.options.token.isNone else {
            return refuse(.tokenOfSiblings, client, into: &effects)
        }
        guard write.value?.count ?? 0 <= rules.valueBytes else {
            return refuse(.valueTooLarge(limit: rules.valueBytes), client, into: &effects)
        }
        guard isReplica(of: write.key, rules) else {
            return passOn(write, rules, for: client, at: now, into: &effects)
        }
        var context = SiblingSet.empty
        if let token = write.context {
            guard
                let known = ContextToken.context(
                    token, of: write.key, secret: definition.secret, scratch: &contextBuffer)
            else {
                counters.badContexts &+= 1
                return refuse(.badContext, client, into: &effects)
            }
            context = known
        } else if rules.blind == .replace || isMutated(.blindWritesReplace) {
            contextBuffer.removeAll()
            let own = siblings(of: write.key)
            trusted { () throws(DecodeError) in try own.appendContext(to: &contextBuffer) }
            context = SiblingSet(contextBuffer.bytes)
        }
        let purpose = write.value == nil ? PutCoordinator.Purpose.delete(existed: true) : .put
        addSibling(
            write.key, write.value, context, write.options, rules, for: client, purpose: purpose,
            at: now, into: &effects)
    }

    /// Adds a value, or with nil a deletion, to the set of a key that this node is a replica of.
    mutating func addSibling(
        _ key: HashedKey, _ value: Bytes?, _ context: SiblingSet, _ options: RequestOptions,
        _ rules: KeyspaceRules, for client: ClientID, purpose: PutCoordinator.Purpose,
        at now: Moment, into effects: inout Effects
    ) {
        if store.housekeeping.isFull { return refuse(.readOnly, client, into: &effects) }
        let shard = placements[0].shard(of: key.hash)
        let layout = Int(rules.layout)
        let targets = writeTargets(options.kind, rules, in: shard)
        guard
            let w = quorum(
                options.w, default: rules.w, rules, reachable: targets,
                twins: placements[layout].twins(of: shard), for: client, into: &effects)
        else { return }
        let own = siblings(of: key)
        guard isOfWrites(of: own, context) else {
            counters.badContexts &+= 1
            return refuse(.badContext, client, into: &effects)
        }
        let dot = SiblingSet.Dot(
            stamp: stamp(key, above: context, at: now), value: value,
            expiry: expiry(options.expiry, rules, at: now))
        siblingBuffer.removeAll()
        trusted { () throws(DecodeError) in
            try own.written(dot, by: actor, having: context, into: &siblingBuffer)
        }
        let set = SiblingSet(siblingBuffer.bytes)
        guard hasRoom(for: set, after: own) else {
            return refuse(.siblingLimit, client, into: &effects)
        }
        guard let ticket = puts.insert() else { return refuse(.busy, client, into: &effects) }
        let version = trusted { () throws(DecodeError) in try set.version() }
        let index = Int(ticket.index)
        let step = step(options)
        let content = Content(.siblings, set.bytes)
        puts[index].begin(
            key, content, version, for: client, layout: rules.layout, placements[layout],
            shard: shard, required: w, targets: targets, kind: options.kind ?? rules.kind,
            purpose: purpose, step: step)
        heldBytes += puts[index].heldBytes
        putDeadlines.schedule(index, after: step, at: now.monotonic)
        let position = append(key, content, version)
        guard isDurable(position) else {
            puts[index].isHeld = true
            return wait(for: position, then: .stored(ticket, coordinator: id))
        }
        sendToSilent(index, into: &effects)
        stored(ticket, by: id, at: now, into: &effects)
    }

    /// Whether a context knows no more of this life's writes than there were; else this node has
    /// lost what it had written.
    private func isOfWrites(of own: SiblingSet, _ context: SiblingSet) -> Bool {
        trusted { () throws(DecodeError) in
            try context.writes(of: actor) <= own.writes(of: actor)
        }
    }

    /// A stamp above all that the context has seen. Where that is further ahead than clocks may
    /// differ, the node's own clock does not follow: siblings are ordered by what they have seen.
    private mutating func stamp(
        _ key: HashedKey, above context: SiblingSet, at now: Moment
    ) -> UInt64 {
        _ = mayStamp(at: now)
        let seen = trusted { () throws(DecodeError) in try context.stamp() }
        if !clock.merge(seen, at: now.wall) { counters.clockRejections &+= 1 }
        return max(clock.next(at: now.wall, above: fence(of: key)), seen &+ 1)
    }

    /// Whether a set may become what it would be: a write must not add to what is above a limit.
    private func hasRoom(for set: SiblingSet, after own: SiblingSet) -> Bool {
        let (count, before) = trusted { () throws(DecodeError) in
            (try set.count(), try own.count())
        }
        return (count <= Limits.siblings || count <= before)
            && (set.bytes.count <= Limits.siblingBytes || set.bytes.count <= own.bytes.count)
    }

    // MARK: Replica

    /// Joins what comes with what is here. Returns the position up to which the log must be
    /// durable; nil if the result would be too large to keep, or the disk is full.
    mutating func keepSiblings(
        _ key: HashedKey, _ content: Content, _ version: Version
    ) -> LogPosition? {
        guard let found = store.find(key), found.content.form == .siblings,
            !isMutated(.siblingsReplace)
        else { return hasRoom() ? append(key, content, version) : nil }
        if found.version == version { return found.position }
        let (joined, newVersion) = join(found.content.bytes, content.bytes)
        if newVersion == found.version { return found.position }
        guard joined.count <= Limits.valueBytes else {
            counters.siblingOverflows &+= 1
            return nil
        }
        guard hasRoom() else { return nil }
        return append(key, Content(.siblings, joined), newVersion)
    }

    /// What both sets know, in a buffer that the next join takes, and its version.
    mutating func join(_ a: Bytes, _ b: Bytes) -> (Bytes, Version) {
        siblingBuffer.removeAll()
        trusted { () throws(DecodeError) in
            try SiblingSet.join(SiblingSet(a), SiblingSet(b), into: &siblingBuffer)
        }
        let joined = siblingBuffer.bytes
        return (joined, trusted { () throws(DecodeError) in try SiblingSet(joined).version() })
    }

    // MARK: Reading

    /// A read of siblings has what it needs: the client gets all of them and their context.
    mutating func finishSiblings(_ index: Int, at now: Moment, into effects: inout Effects) {
        let goal = gets[index].goal
        let client = gets[index].client
        switch goal.purpose {
        case .get, .life:
            let secret = definition.secret
            gets[index].makeContext(secret: secret, scratch: &contextBuffer)
            effects.respond(
                .siblings(
                    gets[index].siblings.bytes, context: gets[index].context,
                    now: now.wall.milliseconds, gets[index].whoAnswered), to: client)
        case .delete(let w):
            let key = gets[index].key
            let rules = rules(of: key.keyspace)
            guard rules.exists, rules.mode == .siblings else {
                return refuse(.unknownKeyspace, client, into: &effects)
            }
            contextBuffer.removeAll()
            let known = gets[index].siblings
            let existed = trusted { () throws(DecodeError) in
                try known.appendContext(to: &contextBuffer)
                return try known.isVisible(at: now.wall.milliseconds)
            }
            var options = RequestOptions(
                w: w, timeoutMilliseconds: UInt32(clamping: goal.step.nanoseconds * 3 / 1_000_000))
            options.kind = goal.kind
            addSibling(
                key, nil, SiblingSet(contextBuffer.bytes), options, rules, for: client,
                purpose: .delete(existed: existed), at: now, into: &effects)
        case .write: preconditionFailure("only atomic registers are read before a write")
        }
    }

    // MARK: The secret

    /// Whether the cluster has decided on a secret; if it has not, this node proposes one.
    mutating func hasSecret(at now: Moment, into effects: inout Effects) -> Bool {
        if definition.secret != .none { return true }
        proposeSecret(at: now, into: &effects)
        return definition.secret != .none
    }
}

/// Runs what can fail only on bytes that were not checked when they came.
@inline(__always)
func trusted<Result>(_ body: () throws(DecodeError) -> Result) -> Result {
    do { return try body() } catch {
        preconditionFailure("a sibling set that was checked does not decode: \(error)")
    }
}

extension WallTime {
    /// Milliseconds since 1970.
    @inlinable var milliseconds: UInt64 { microseconds / 1_000 }
}
