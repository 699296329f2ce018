import Basics
import Causality
import Partitioning
import Storage

/// Coordinating scans: members that together hold R replicas of every shard are asked for their
/// records in order, and what they say of a key is merged as a read merges it.
///
/// Only replicas are asked: what stand-ins hold for others is not seen. Nothing is repaired.
extension Node {
    mutating func scan(
        _ scan: Scan, for client: ClientID, at now: Moment, into effects: inout Effects
    ) {
        counters.scans &+= 1
        let rules = rules(of: scan.keyspace)
        guard rules.exists else { return refuse(.unknownKeyspace, client, into: &effects) }
        let isLinearizable = rules.mode == .abd || rules.mode == .cp
        if scan.hasValues, isLinearizable {
            return refuse(.valuesOfRegisters, client, into: &effects)
        }
        let layout = Int(rules.layout)
        let least = rules.mode == .cp ? rules.n / 2 + 1 : rules.r
        let r = max(scan.options.r == 0 ? least : scan.options.r, isLinearizable ? least : 0)
        guard r <= rules.n else {
            return refuse(.quorumTooLarge(asked: r, n: rules.n), client, into: &effects)
        }
        let (members, reachable) = cover(layout, r: r)
        guard reachable >= r else {
            return refuse(.unavailable(reachable: reachable, needed: r), client, into: &effects)
        }
        guard heldBytes <= Limits.bytesInFlight, let ticket = scans.insert() else {
            return refuse(.busy, client, into: &effects)
        }
        let index = Int(ticket.index)
        let (first, key, isByKey) = start(of: scan)
        scans[index].begin(
            ScanCoordinator.Goal(
                isByKey: isByKey, extent: scan.extent, keyspace: scan.keyspace,
                hasValues: scan.hasValues, mode: rules.mode, layout: layout, n: rules.n, r: r,
                step: step(scan.options)),
            for: client, from: key, hashes: first...(isByKey ? .max : windowEnd(first)),
            asking: members, definition: definition.version)
        if case .anywhere = scan.place { scans[index].wrapsTo = first }
        ask(index, at: now, into: &effects)
        proceedScan(index, at: now, into: &effects)
    }

    private mutating func start(of scan: Scan) -> (UInt64, Bytes, Bool) {
        switch scan.place {
        case .hash(let hash): (hash, .empty, false)
        case .key(let key): (0, key, true)
        case .anywhere: (random.next(), .empty, false)
        }
    }

    /// How far one round by hash looks. Where there are many members the rest is asked of others.
    private func windowEnd(_ first: UInt64) -> UInt64 {
        let placement = placements[0]
        guard placement.nodeCount > 16 else { return .max }
        let lastShard = placement.shard(of: first) | 15
        let width = UInt64(64 - placement.shardBits)
        return (UInt64(lastShard) << width) | ((1 << width) - 1)
    }

    /// Members that together hold R reachable replicas of every shard, this one first if it holds
    /// any; and how many replicas of the shard that has fewest can be reached.
    private mutating func cover(_ layout: Int, r: UInt8) -> ([NodeID], UInt8) {
        if let known = scanCovers.first(where: { $0.layout == layout && $0.r == r }) {
            return (known.members, known.reachable)
        }
        let placement = placements[layout]
        var isChosen = [Bool](repeating: false, count: placement.nodeCount)
        isChosen[Int(id.index)] = true
        var fewest = placement.n
        for shard in 0..<placement.shardCount {
            let replicas = (0..<placement.n).map { placement.replica($0, of: shard) }
            let reachable = replicas.filter { isReachable[Int($0.index)] }
            fewest = min(fewest, reachable.count)
            var missing = Int(r) - reachable.count { isChosen[Int($0.index)] }
            for replica in reachable where missing > 0 && !isChosen[Int(replica.index)] {
                isChosen[Int(replica.index)] = true
                missing -= 1
            }
        }
        let members = isChosen.indices.filter { isChosen[$0] }.map { NodeID($0) }
        scanCovers.append((layout, r, members, UInt8(fewest)))
        return (members, UInt8(fewest))
    }

    // MARK: Rounds

    /// Asks everyone whose answer this round lacks.
    private mutating func ask(_ index: Int, at now: Moment, into effects: inout Effects) {
        let goal = scans[index].goal
        let hashes = scans[index].hashes
        let ticket = scans.ticket(at: index)
        scanDeadlines.schedule(index, after: goal.step, at: now.monotonic)
        scanQuestion.removeAll()
        scans[index].question.encode(into: &scanQuestion)
        for node in scans[index].asked
        where !scans[index].hasAnswered(node) && holds(node, hashes, goal) {
            if node == id {
                guard answerScan(scanQuestion.bytes, ticket, coordinator: id, at: now) else {
                    continue
                }
                _ = takeScanned(scanAnswer.bytes, index, from: id)
            } else {
                send(.scan(scanQuestion.bytes, ticket), to: node, into: &effects)
            }
        }
    }

    /// Whether a member is a replica of anything that a round looks at.
    private func holds(
        _ node: NodeID, _ hashes: ClosedRange<UInt64>, _ goal: ScanCoordinator.Goal
    ) -> Bool {
        let placement = placements[goal.layout]
        for shard in placement.shard(of: hashes.lowerBound)...placement.shard(of: hashes.upperBound)
        where placement.position(of: node, in: shard) != nil {
            return true
        }
        return false
    }

    /// A member, perhaps this node, has answered.
    mutating func scanned(
        _ bytes: Bytes, _ ticket: Ticket, by node: NodeID, at now: Moment,
        into effects: inout Effects
    ) {
        guard let index = scans.index(of: ticket), takeScanned(bytes, index, from: node) else {
            return
        }
        proceedScan(index, at: now, into: &effects)
    }

    private mutating func takeScanned(_ bytes: Bytes, _ index: Int, from node: NodeID) -> Bool {
        let before = scans[index].heldBytes
        defer { heldBytes += scans[index].heldBytes - before }
        return trusted { () throws(DecodeError) in try scans[index].take(bytes, from: node) }
    }

    /// Rounds that follow each other within one event, because this node has all they need.
    private static let roundsAtOnce = 4
    /// Rounds after which a page that is not full is given to the client all the same.
    private static let roundsOfPage = 64

    /// Merges rounds for which R replicas of every shard have answered, as long as there are any.
    private mutating func proceedScan(
        _ index: Int, at now: Moment, into effects: inout Effects
    ) {
        var left = Node.roundsAtOnce
        if scans[index].definition != definition.version { return beginAnew(index, at: now) }
        while !scans[index].isPaused, answersCovering(index) >= scans[index].goal.r {
            guard let place = mergeRound(index, at: now, into: &effects) else { return }
            let held = scans[index].heldBytes
            var last = UInt64.max
            if case .hash(let hash) = place { last = scanEnd(index, from: hash) }
            scans[index].goOn(from: place, through: last)
            heldBytes += scans[index].heldBytes - held
            left -= 1
            guard left > 0 else {
                scans[index].isPaused = true
                return scanDeadlines.schedule(index, after: .milliseconds(1), at: now.monotonic)
            }
            ask(index, at: now, into: &effects)
        }
    }

    /// Members have come or gone, or keys have moved, since this round began: it begins again soon.
    private mutating func beginAnew(_ index: Int, at now: Moment) {
        let before = scans[index].heldBytes
        scans[index].beginAnew(definition: definition.version)
        heldBytes += scans[index].heldBytes - before
        for node in cover(scans[index].goal.layout, r: scans[index].goal.r).0
        where !scans[index].asked.contains(node) {
            scans[index].ask(node)
        }
        scans[index].isPaused = true
        scanDeadlines.schedule(index, after: .milliseconds(5), at: now.monotonic)
    }

    /// Adds a round to the page. Returns where the next one begins; nil when the client has its
    /// answer.
    private mutating func mergeRound(
        _ index: Int, at now: Moment, into effects: inout Effects
    ) -> Scan.Place? {
        counters.scanRounds &+= 1
        let before = scans[index].heldBytes
        let merged = scans[index].merge(at: now.wall.milliseconds)
        heldBytes += scans[index].heldBytes - before
        let goal = scans[index].goal
        let next = merged ?? placeBehindWindow(index)
        let isEnough: Bool
        switch goal.extent {
        case .all:
            if scans[index].isTooLarge {
                refuse(.tooManyKeys, scans[index].client, into: &effects)
                releaseScan(index)
                return nil
            }
            isEnough = false
        case .page(let keys):
            isEnough =
                scans[index].count >= (goal.isByKey ? keys : 1) || scans[index].isTooLarge
                || scans[index].rounds >= Node.roundsOfPage
        }
        guard isEnough || next == nil else { return next }
        effects.respond(.scanned(scans[index].page(next: next)), to: scans[index].client)
        releaseScan(index)
        return nil
    }

    /// By hash: where a round goes on when it has seen all of its window; nil at the end.
    private mutating func placeBehindWindow(_ index: Int) -> Scan.Place? {
        guard !scans[index].goal.isByKey else { return nil }
        let last = scans[index].hashes.upperBound
        if last < .max {
            if let end = scans[index].wrapsTo, last >= end, scans[index].hashes.lowerBound < end {
                return nil
            }
            return .hash(last + 1)
        }
        // Once around, if nothing was found up to the end.
        guard let end = scans[index].wrapsTo, end > 0, scans[index].count == 0,
            !scans[index].hasWrapped
        else { return nil }
        scans[index].hasWrapped = true
        return .hash(0)
    }

    private func scanEnd(_ index: Int, from first: UInt64) -> UInt64 {
        if let end = scans[index].wrapsTo, scans[index].hasWrapped {
            return max(first, min(end, windowEnd(first)))
        }
        return windowEnd(first)
    }

    /// Replicas that have answered, of the shard of which fewest have.
    private func answersCovering(_ index: Int) -> UInt8 {
        let goal = scans[index].goal
        let placement = placements[goal.layout]
        var hasAnswered = [Bool](repeating: false, count: placement.nodeCount)
        for node in scans[index].asked where scans[index].hasAnswered(node) {
            hasAnswered[Int(node.index)] = true
        }
        var fewest = placement.n
        let hashes = scans[index].hashes
        for shard in placement.shard(of: hashes.lowerBound)...placement.shard(of: hashes.upperBound)
        {
            let count = (0..<placement.n).count {
                hasAnswered[Int(placement.replica($0, of: shard).index)]
            }
            fewest = min(fewest, count)
        }
        return UInt8(fewest)
    }

    /// Frees the slot. Its bytes stay until it is taken again, which happens in a later event.
    private mutating func releaseScan(_ index: Int) {
        scanDeadlines.cancel(index)
        heldBytes -= scans[index].heldBytes
        if scans[index].isLarge { largeScans.append(index) }
        scans.remove(at: index)
    }

    // MARK: Time

    /// Asks those that are silent again, and everyone else who can be reached.
    mutating func expireScan(_ index: Int, at now: Moment, into effects: inout Effects) {
        if scans[index].isPaused {
            scans[index].isPaused = false
            ask(index, at: now, into: &effects)
            return proceedScan(index, at: now, into: &effects)
        }
        if scans[index].definition != definition.version { return beginAnew(index, at: now) }
        scans[index].stepsLeft -= 1
        guard scans[index].stepsLeft > 0 else {
            let goal = scans[index].goal
            if scans[index].isOrdering {
                refuse(.ordering, scans[index].client, into: &effects)
            } else {
                counters.unknown &+= 1
                effects.respond(
                    .unknown(have: answersCovering(index), need: goal.r), to: scans[index].client)
            }
            return releaseScan(index)
        }
        for other in isReachable.indices where isReachable[other] {
            let node = NodeID(other)
            if !scans[index].asked.contains(node) { scans[index].ask(node) }
        }
        counters.retransmissions &+= 1
        ask(index, at: now, into: &effects)
        proceedScan(index, at: now, into: &effects)
    }
}
