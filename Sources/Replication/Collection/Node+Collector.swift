import Basics
import Causality
import Partitioning
import Storage

/// Forgetting deletions: a tombstone may go when nothing older can come back.
///
/// Neither age nor that all replicas have the tombstone is enough: what is late, or held for
/// someone, would bring the value back. For its shards the collector makes everyone refuse older
/// writes of clients (fence), makes those who hold writes for others hand them over (drain), makes
/// sure that all replicas have the same of everything older (digest, and comparisons where they
/// differ), makes them refuse whatever else may still come (floor), and lets them forget (purge).
/// Whoever is away ends the round for the shard; what was reached does no harm.
extension Node {
    /// What came of the last time this node was asked to have all nodes forget.
    public var collectionResult: CollectionResult { collection.result }
    /// Whether this node collects, or waits for others whom it has asked to.
    public var isCollecting: Bool { collection.isRunning || collection.result.waiting > 0 }
    /// Since when something may be forgotten but cannot be; nil: nothing is.
    public var collectionBlockedSince: Instant? { collection.blockedSince }

    // MARK: Schedule

    mutating func wakeCollection(at due: Instant) { collection.due = min(collection.due, due) }

    /// Somebody wants all nodes to collect.
    mutating func collectEverywhere(at now: Moment, into effects: inout Effects) {
        if isMutated(.collectByGrace) { purgeByAge(at: now) }
        collection.result = CollectionResult()
        collection.scratch.removeAll()
        for index in collection.isAwaited.indices {
            let isAsked = isReachable[index]
            collection.isAwaited[index] = isAsked
            guard isAsked else { continue }
            collection.result.waiting += 1
            let node = NodeID(index)
            if node == id {
                collection.askers.append(id)
            } else {
                say(.wanted, to: node, keyspace: .default, 0, 0, at: now, into: &effects)
            }
        }
        collection.resultDue = now.monotonic + .seconds(300)
        wakeCollection(at: collection.resultDue)
        collectSoon(at: now)
    }

    mutating func collectSoon(at now: Moment) {
        if collection.isRunning {
            collection.isWantedAgain = true
        } else {
            collection.nextRun = now.monotonic
            wakeCollection(at: now.monotonic)
        }
    }

    /// A bug: what is old enough is forgotten, whoever has it.
    private mutating func purgeByAge(at now: Moment) {
        let stamp = collectionStamp(at: now)
        for keyspace in keyspaces where keyspace.mode != .cp {
            for shard in 0..<placement.shardCount {
                collection.purges.append(
                    Collection.Purge(keyspace: keyspace.id, shard: UInt16(shard), stamp: stamp))
            }
        }
    }

    /// What is older may be forgotten.
    func collectionStamp(at now: Moment) -> UInt64 {
        let margin = configuration.collection?.margin ?? configuration.timeout * 2
        let age = UInt64(max(0, margin.nanoseconds) / 1_000) << 12
        let present = max(clock.latest, HybridClock.stamp(now.wall))
        return present > age ? present - age : 0
    }

    /// Its time has come.
    mutating func tendCollection(at now: Moment, into effects: inout Effects) {
        collection.due = .distantFuture
        purgeNext(at: now)
        settleNext(at: now, into: &effects)
        purgeDropped(at: now)
        if collection.nextRun == .origin {
            // The node has just begun.
            let interval = configuration.collection?.interval
            collection.nextRun =
                interval.map { now.monotonic + collection.about($0) } ?? .distantFuture
        }
        if !collection.isRunning, collection.nextRun <= now.monotonic { beginRun(at: now) }
        if collection.isRunning {
            if collection.round == nil {
                beginRound(at: now, into: &effects)
            } else {
                tendRound(at: now, into: &effects)
            }
        }
        if collection.result.waiting > 0, collection.resultDue <= now.monotonic {
            collection.result.waiting = 0
        }
        wakeCollection(
            at: collection.isRunning ? .distantFuture : collection.nextRun)
        if collection.result.waiting > 0 { wakeCollection(at: collection.resultDue) }
        wakeCollection(at: min(collection.unsettledDue, collection.droppedDue))
        if let round = collection.round { wakeCollection(at: min(round.again, round.deadline)) }
        if collection.isRunning, collection.round == nil { wakeCollection(at: now.monotonic) }
        if !collection.purges.isEmpty {
            wakeCollection(at: now.monotonic + .milliseconds(1))
        }
    }

    private mutating func beginRun(at now: Moment) {
        collection.isRunning = true
        collection.nextRun = .distantFuture
        collection.purged = 0
        collection.left = 0
        collection.keyspacesLeft = keyspaces.map(\.id)
        noteDropped(at: now)
    }

    mutating func endRun(at now: Moment, into effects: inout Effects) {
        collection.isRunning = false
        counters.collections &+= 1
        if collection.left == 0 {
            collection.blockedSince = nil
        } else if collection.blockedSince == nil {
            collection.blockedSince = now.monotonic
        }
        if collection.isWantedAgain {
            collection.isWantedAgain = false
            collection.nextRun = now.monotonic
            return wakeCollection(at: now.monotonic)
        }
        let interval = configuration.collection?.interval
        collection.nextRun = interval.map { now.monotonic + collection.about($0) } ?? .distantFuture
        let askers = collection.askers
        collection.askers = []
        collection.scratch.removeAll()
        collection.scratch.appendInteger(UInt32(clamping: collection.purged))
        collection.scratch.appendInteger(UInt32(clamping: collection.left))
        for asker in askers {
            if asker == id {
                noteEnd(of: id, purged: collection.purged, left: collection.left)
            } else {
                say(.ended, to: asker, keyspace: .default, 0, 0, at: now, into: &effects)
            }
        }
    }

    mutating func receiveEnd(_ part: CollectionPart, from sender: NodeID) throws(DecodeError) {
        var reader = ByteReader(part.body)
        let purged = Int(try reader.integer(UInt32.self))
        noteEnd(of: sender, purged: purged, left: Int(try reader.integer(UInt32.self)))
    }

    private mutating func noteEnd(of node: NodeID, purged: Int, left: Int) {
        guard collection.isAwaited[Int(node.index)] else { return }
        collection.isAwaited[Int(node.index)] = false
        collection.result.waiting = max(0, collection.result.waiting - 1)
        collection.result.purged += purged
        collection.result.left += left
    }

    // MARK: Saying

    /// Sends the part whose body is in the scratch buffer; to this node, does it.
    mutating func say(
        _ kind: CollectionPart.Kind, to node: NodeID, keyspace: KeyspaceID, _ round: UInt32,
        _ stamp: UInt64, at now: Moment, into effects: inout Effects
    ) {
        let part = CollectionPart(
            kind, keyspace: keyspace, round: round, stamp: stamp,
            definition: register.installed.version, body: collection.scratch.bytes)
        if node == id {
            receive(part, from: id, at: now, into: &effects)
        } else {
            // The scratch buffer is used again in this event: what is sent has bytes of its own.
            let copy = outbox.pack { $0.append(part.body) }
            var packed = part
            packed.body = copy
            send(.collection(packed), to: node, into: &effects)
        }
    }
}
