import Basics
import Causality
import Partitioning
import Storage

/// A change of the ring, as every member lives through it: whatever is under way for a shard whose
/// epoch has changed begins anew, with the version that it had.
///
/// A replica does nothing for a coordinator that knows an older ring. That is what keeps a write
/// from being counted by replicas of which one has given its data away already.
extension Node {
    /// Who the members are, and what is moving.
    public var ring: RingState { register.installed.ring }

    /// Whether this node has left the cluster for good.
    public var hasLeft: Bool { hasLeft(id) }

    /// Whether this node has left, and nobody whom it reaches waits to hear of it from it.
    public var hasLeftAndToldSo: Bool {
        guard hasLeft else { return false }
        let version = register.installed.version
        return isReachable.indices.allSatisfy {
            $0 == Int(id.index) || !isReachable[$0] || shownVersions[$0] >= version
                || hasLeft(NodeID($0))
        }
    }

    func hasLeft(_ node: NodeID) -> Bool {
        let members = ring.members
        return Int(node.index) < members.count && members[Int(node.index)].role == .removed
    }

    /// How far the change is that is going on.
    public var ringProgress: RingProgress {
        var progress = RingProgress()
        guard ring.current != nil else { return progress }
        for shard in 0..<placements[0].shardCount where placements[0].isMoving(shard) {
            progress.moving += 1
            if placements[0].isReady(shard) { progress.ready += 1 }
        }
        progress.shards = streaming.pieces.count
        progress.shardsDone = streaming.pieces.count { $0.isDone }
        progress.records = streaming.records
        progress.bytes = streaming.bytes
        return progress
    }

    /// Room for members up to an index.
    mutating func grow(to count: Int) {
        while isReachable.count < count {
            isReachable.append(false)
            sessions.append(0)
            shownVersions.append(0)
            noticed.append(.origin)
            takenNumbers.append(TakenNumbers())
            takenTickets.append(TakenTickets())
            antiEntropy.peers.append(AntiEntropy.Peer())
            collection.isAwaited.append(false)
        }
    }

    // MARK: Epochs

    func epoch(of key: HashedKey) -> UInt32 {
        let layout = Int(rules(of: key.keyspace).layout)
        return placements[layout].epoch(of: placements[0].shard(of: key.hash))
    }

    /// Whether a message to this node as a replica was sent under the ring that it knows. If not,
    /// nothing is done, and whoever knows less is told: the coordinator begins anew.
    @inline(__always)
    mutating func isCurrent(
        _ message: Message, _ key: HashedKey, from sender: NodeID, at now: Moment,
        into effects: inout Effects
    ) -> Bool {
        if key.epoch == 0, laidOut.isFounding { return true }
        guard message.isForReplica else { return true }
        let own = epoch(of: key)
        if key.epoch == own { return isComplete(for: message, key) }
        if key.epoch < own, isMutated(.countStaleEpochs) { return true }
        counters.staleEpochs &+= 1
        if noticed[Int(sender.index)] <= now.monotonic {
            noticed[Int(sender.index)] = now.monotonic + .milliseconds(10)
            askForDefinition(sender, into: &effects)
        }
        return false
    }

    /// A replica that comes keeps writes, but says and promises nothing before it has everything.
    private func isComplete(for message: Message, _ key: HashedKey) -> Bool {
        switch message {
        case .fetch, .prepare, .accept:
            let layout = Int(rules(of: key.keyspace).layout)
            let shard = placements[0].shard(of: key.hash)
            return placements[layout].isReady(shard) || placements[layout].incoming(shard) != id
        default: return true
        }
    }

    /// A member has learnt of the ring that this node has known for a while: what it had to leave
    /// alone until now is sent to it again.
    mutating func sendAgain(toLatecomer node: NodeID, into effects: inout Effects) {
        for index in 0..<puts.allocatedCount where puts.isInUse(index) && !puts[index].isHeld {
            let placement = placements[Int(puts[index].layout)]
            let position = placement.candidatePosition(of: node, in: Int(puts[index].shard))
            guard let position, puts[index].silent & 1 << UInt32(position) != 0 else { continue }
            counters.retransmissions &+= sendToSilent(index, into: &effects)
        }
        for index in 0..<gets.allocatedCount where gets.isInUse(index) {
            let placement = placements[gets[index].goal.layout]
            let position = placement.candidatePosition(of: node, in: gets[index].goal.shard)
            guard let position, !gets[index].isWritingBack,
                gets[index].silent & 1 << UInt32(position) != 0
            else { continue }
            askAgain(index, into: &effects)
        }
        for index in 0..<rounds.allocatedCount where rounds.isInUse(index) {
            sendAgain(index, into: &effects)
        }
    }

    // MARK: Entering

    /// The placements have changed from `former` to what they are now.
    mutating func enterRing(
        from former: [Placement], at now: Moment, into effects: inout Effects
    ) {
        counters.ringEpochs &+= 1
        leases.forgetAll()
        if antiEntropy.exchange != nil { abandon(at: now) }
        let isBegun = streaming.change != ring.begun
        planStreaming(at: now)
        if isBegun { purgeIncoming() }
        scheduleLeftovers(at: now)
        func hasMoved(_ layout: Int, _ shard: Int) -> Bool {
            former[layout].epoch(of: shard) != placements[layout].epoch(of: shard)
        }
        for index in 0..<puts.allocatedCount where puts.isInUse(index) {
            guard hasMoved(Int(puts[index].layout), Int(puts[index].shard)) else { continue }
            restartPut(index, at: now, into: &effects)
        }
        for index in 0..<gets.allocatedCount where gets.isInUse(index) {
            guard hasMoved(gets[index].goal.layout, gets[index].goal.shard) else { continue }
            restartGet(index, at: now, into: &effects)
        }
        for index in 0..<rounds.allocatedCount where rounds.isInUse(index) {
            guard hasMoved(Int(rounds[index].layout), Int(rounds[index].shard)) else { continue }
            restartRound(index, at: now, into: &effects)
        }
        if store.hintCount > 0 { handoffDue = min(handoffDue, now.monotonic + .milliseconds(100)) }
    }
}
