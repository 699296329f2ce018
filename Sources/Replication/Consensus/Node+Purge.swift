import Basics
import Causality
import Partitioning
import Storage

/// Forgetting deleted registers, and bringing replicas up to date that have missed something.
///
/// A deletion that all replicas have accepted under one ballot may be forgotten; the floor of the
/// shard, which a register that is not here has promised, is raised first to whatever the record
/// had accepted and promised. The paper's own rule (proposers of different ages) would need every
/// proposer.
extension Node {
    /// What a register that is not here has promised.
    @inline(__always)
    func ballotFloor(of key: HashedKey) -> Ballot {
        guard store.hasMarks else { return .none }
        return store.mark(of: key.keyspace, shard: placements[0].shard(of: key.hash)).floor
    }

    /// Notes the deletions of a shard that may be forgotten; what was promised only is settled.
    mutating func lookAtRegisters(of shard: Int, _ round: inout Collection.Round) -> Bool {
        var isFound = false
        var unsettled: [UInt64] = []
        store.visit(round.keyspace, shard: shard, level: 0, 0...0) { compared in
            guard compared.found.content.form == .register else { return }
            let register = Register(compared.found.content.bytes)
            switch register.state.kind {
            case .value: return
            case .none:
                if register.promise.stamp < round.stamp { unsettled.append(compared.key.hash) }
            case .absent:
                guard compared.found.version.stamp < round.stamp,
                    register.state.sessionCount == 0,
                    round.deletions.count < Collection.registersAtOnce
                else { return }
                isFound = true
                round.deletions.append(
                    HashVersion(hash: compared.key.hash, version: compared.found.version))
                round.confirmations.append(0)
            }
        }
        for hash in unsettled { settleLater(hash, round.keyspace) }
        return isFound
    }

    /// Whether this node has accepted the deletion under that very ballot, durably.
    func holdsDeletion(_ item: HashVersion, _ keyspace: KeyspaceID) -> Bool {
        var isHeld = false
        store.visit(hash: item.hash, in: keyspace) { compared in
            guard compared.found.version == item.version, isDurable(compared.found.position),
                compared.found.content.form == .register
            else { return }
            let state = Register(compared.found.content.bytes).state
            isHeld = state.kind == .absent && state.sessionCount == 0
        }
        return isHeld
    }

    /// All replicas have answered: what all confirm is forgotten, the rest is settled.
    mutating func finishRegisters(
        _ round: Collection.Round, at now: Moment, into effects: inout Effects
    ) {
        let n = placements[round.layout].n
        let needed = isMutated(.purgeOnMajority) ? n / 2 + 1 : n
        var agreed: [HashVersion] = []
        var purged: Set<UInt16> = []
        for (place, item) in round.deletions.enumerated() {
            let shard = UInt16(self.shard(of: item))
            guard round.shards.contains(shard) else { continue }
            if Int(round.confirmations[place]) >= needed {
                agreed.append(item)
                purged.insert(shard)
            } else {
                settleLater(item.hash, round.keyspace)
            }
        }
        collection.purged += purged.count
        collection.left += round.shards.count - purged.count
        guard !agreed.isEmpty else { return dropRound(at: now) }
        collection.round?.agreed = agreed
        tellToPurge(at: now, into: &effects)
    }

    /// Raises the floors of the shards, then takes the records out that still are those deletions.
    mutating func forgetRegisters(_ items: [HashVersion], _ keyspace: KeyspaceID) {
        for item in items where holdsDeletion(item, keyspace) {
            var floor = item.version
            store.visit(hash: item.hash, in: keyspace) { compared in
                guard compared.found.version == item.version,
                    !isMutated(.floorForgetsPromise)
                else { return }
                floor = max(floor, Register(compared.found.content.bytes).promise)
            }
            do {
                if !isMutated(.purgeWithoutFloor) {
                    _ = try store.raise(
                        ShardMark(floor: floor), of: keyspace, shard: shard(of: item))
                }
            } catch {
                diskFailure = error
            }
            leases.forget(item.hash)
            forget(item.hash, item.version, keyspace)
        }
    }

    // MARK: Laggards

    /// What a comparison brings is an accept that was long on its way: it counts unless something
    /// newer was promised. Then the register is settled by a ballot of its own.
    mutating func acceptLate(
        _ key: HashedKey, _ content: Content, _ ballot: Ballot, at now: Moment
    ) {
        guard content.form == .register, !ballot.isNone else { return }
        var accepted = Ballot.none
        var promise = ballotFloor(of: key)
        if let found = store.find(key), found.content.form == .register {
            accepted = found.version
            promise = Register(found.content.bytes).promise
        }
        guard ballot > accepted else { return }
        guard ballot >= promise else {
            settleLater(key.hash, key.keyspace)
            return wakeCollection(at: collection.unsettledDue)
        }
        guard hasRoom() else { return }
        scratch.removeAll()
        Register.append(promise: ballot.successor, to: &scratch)
        scratch.append(Register(content.bytes).state.bytes)
        _ = append(key, Content(.register, scratch.bytes), ballot)
        counters.registersCaughtUp &+= 1
    }

    /// The register of this hash differs between replicas in what cannot be sent.
    mutating func settleLater(_ hash: UInt64, _ keyspace: KeyspaceID) {
        let item = Collection.Unsettled(keyspace: keyspace, hash: hash)
        guard collection.unsettled.count < 1 << 16, !collection.unsettled.contains(item) else {
            return
        }
        collection.unsettled.append(item)
        collection.unsettledDue = min(collection.unsettledDue, .origin)
    }

    /// Decides a few of them anew, unchanged: whatever a majority has is then accepted by all whom
    /// the accept reaches.
    mutating func settleNext(at now: Moment, into effects: inout Effects) {
        guard collection.unsettledDue <= now.monotonic else { return }
        collection.unsettledDue = .distantFuture
        let items = Array(collection.unsettled.prefix(Collection.settledAtOnce))
        collection.unsettled.removeFirst(items.count)
        if !collection.unsettled.isEmpty {
            collection.unsettledDue = now.monotonic + Collection.settlingStep
        }
        for item in items {
            let rules = rules(of: item.keyspace)
            guard rules.exists, rules.mode == .cp else { continue }
            var key = ByteBuffer(capacity: 64)
            var isFound = false
            store.visit(hash: item.hash, in: item.keyspace) { compared in
                if !isFound { key.append(compared.key.bytes) }
                isFound = true
            }
            guard isFound else { continue }
            counters.registersSettled &+= 1
            propose(
                HashedKey(key.bytes, hash: item.hash, in: item.keyspace), Change(.get), .settle,
                rules, from: .client(.nobody), timeout: configuration.timeout, at: now,
                into: &effects)
        }
    }
}
