import Basics
import Causality
import Partitioning
import Storage

/// The node in the role of coordinator: a client's request becomes messages to the replicas of
/// its key, and their answers become one answer (DeCandia et al. 2007, §4.5).
extension Node {
    /// By shard, the positions of its preference list that can be asked, a bit each. Kept ready,
    /// since reachability changes seldom and every request needs it.
    mutating func updateReachablePositions() {
        scanCovers.removeAll()
        for layout in placements.indices {
            let placement = placements[layout]
            for shard in 0..<placement.shardCount {
                var mask: UInt32 = 0
                for position in 0..<placement.candidateCount
                where isReachable[Int(placement.candidate(position, of: shard).index)] {
                    mask |= 1 << UInt32(position)
                }
                reachablePositions[layout * placement.shardCount + shard] = mask
            }
        }
    }

    /// Positions of the replicas in the preference lists of a layout, a bit each: those that reads
    /// ask.
    @inline(__always)
    func replicaPositions(_ layout: Int) -> UInt32 {
        (1 << UInt32(truncatingIfNeeded: placements[layout].n)) &- 1
    }

    /// Positions of those that writes go to: the replicas, and whoever changes hands with one.
    @inline(__always)
    func writerPositions(_ layout: Int, _ shard: Int) -> UInt32 {
        (1 << UInt32(truncatingIfNeeded: placements[layout].writers(of: shard))) &- 1
    }

    /// Whom a read asks: the replicas that can be reached, and, in a sloppy quorum, as many
    /// stand-ins as make it N.
    @inline(__always)
    func readTargets(_ kind: QuorumKind?, _ rules: KeyspaceRules, in shard: Int) -> UInt32 {
        targets(kind, rules, in: shard, among: replicaPositions(Int(rules.layout)))
    }

    /// Whom a write is sent to: as a read, and whoever changes hands with a replica.
    @inline(__always)
    func writeTargets(_ kind: QuorumKind?, _ rules: KeyspaceRules, in shard: Int) -> UInt32 {
        targets(kind, rules, in: shard, among: writerPositions(Int(rules.layout), shard))
    }

    @inline(__always)
    private func targets(
        _ kind: QuorumKind?, _ rules: KeyspaceRules, in shard: Int,
        among replicaPositions: UInt32
    ) -> UInt32 {
        let layout = Int(rules.layout)
        let reachable = reachablePositions[layout &* placements[0].shardCount &+ shard]
        let replicas = reachable & replicaPositions
        guard replicas != replicaPositions, rules.mode != .abd,
            (kind ?? rules.kind) == .sloppy
        else { return replicas }
        var targets = replicas
        var others = reachable & ~writerPositions(layout, shard)
        while others != 0, targets.nonzeroBitCount < Int(rules.n) {
            targets |= others & (~others &+ 1)
            others &= others &- 1
        }
        return targets
    }

    /// The replica that the stand-in at `position` stands in for: the first stand-in for the first
    /// replica that is not asked, and so on.
    func replicaBehind(
        _ position: Int, among targets: UInt32, _ layout: Int, in shard: Int
    ) -> Int {
        let replicaPositions = writerPositions(layout, shard)
        let below = (UInt32(1) << UInt32(position)) &- 1
        let earlier = (targets & ~replicaPositions & below).nonzeroBitCount
        var missing = replicaPositions & ~targets
        for _ in 0..<earlier { missing &= missing &- 1 }
        return missing.trailingZeroBitCount
    }

    /// Where this node stands among those who are asked; nil if it is none of them.
    @inline(__always)
    func ownPosition(among targets: UInt32, _ layout: Int, in shard: Int) -> Int? {
        guard let own = placements[layout].candidatePosition(of: id, in: shard),
            targets & (1 << UInt32(truncatingIfNeeded: own)) != 0
        else { return nil }
        return own
    }

    /// The quorum that counts: the request's, else the default; nil after refusing.
    mutating func quorum(
        _ asked: UInt8, default fallback: UInt8, _ rules: KeyspaceRules, reachable: UInt32,
        twins: UInt32 = 0, for client: ClientID, into effects: inout Effects
    ) -> UInt8? {
        let needed = asked == 0 ? fallback : asked
        let refusal: Refusal
        let count = UInt8(truncatingIfNeeded: reachable.countOfBothSides(twins))
        if needed > rules.n {
            refusal = .quorumTooLarge(asked: needed, n: rules.n)
        } else if rules.mode == .abd, needed < fallback {
            refusal = .quorumTooSmall(asked: needed, least: fallback)
        } else if count < needed {
            refusal = .unavailable(reachable: count, needed: needed)
        } else if heldBytes > Limits.bytesInFlight {
            refusal = .busy
        } else {
            return needed
        }
        refuse(refusal, client, into: &effects)
        return nil
    }

    mutating func refuse(
        _ refusal: Refusal, _ client: ClientID, into effects: inout Effects
    ) {
        counters.refused &+= 1
        effects.respond(.failed(refusal), to: client)
    }

    /// Lets the session's token push the clock forward, so that what is stamped now is newer than
    /// all that the session has seen. False after refusing a token of the far future.
    mutating func honour(
        _ token: Version, for client: ClientID, at now: Moment, into effects: inout Effects
    ) -> Bool {
        if token.isNone || clock.merge(token.stamp, at: now.wall) { return true }
        counters.clockRejections &+= 1
        refuse(.clockSkew, client, into: &effects)
        return false
    }

    func step(_ options: RequestOptions) -> Instant.Duration {
        let timeout =
            options.timeoutMilliseconds == 0
            ? configuration.timeout : .milliseconds(options.timeoutMilliseconds)
        return timeout / 3
    }

    /// Sends again what was not answered, and gives up what has had its time.
    mutating func expire(at now: Moment, into effects: inout Effects) {
        while let index = putDeadlines.popDue(at: now.monotonic) {
            expirePut(index, at: now, into: &effects)
        }
        while let index = getDeadlines.popDue(at: now.monotonic) {
            expireGet(index, at: now, into: &effects)
        }
        while let index = roundDeadlines.popDue(at: now.monotonic) {
            expireRound(index, at: now, into: &effects)
        }
        while let index = proposalDeadlines.popDue(at: now.monotonic) {
            expireProposal(index, at: now, into: &effects)
        }
        while let index = scanDeadlines.popDue(at: now.monotonic) {
            expireScan(index, at: now, into: &effects)
        }
        if handoffDue <= now.monotonic { handOff(at: now, into: &effects) }
        if antiEntropy.due <= now.monotonic { tendAntiEntropy(at: now, into: &effects) }
        if collection.due <= now.monotonic { tendCollection(at: now, into: &effects) }
        expirePassed(at: now, into: &effects)
        if definitionDue <= now.monotonic { tendDefinition(at: now, into: &effects) }
        if leftoverDue <= now.monotonic { purgeLeftovers(at: now) }
        if streaming.due <= now.monotonic { tendRing(at: now, into: &effects) }
        if store.needsTending, tendDue <= now.monotonic {
            store.tend()
            tendDue = now.monotonic + .milliseconds(2)
        }
    }
}

extension UInt32 {
    /// How many count in a quorum of the old replicas and in one of the new ones, whichever are
    /// fewer, where `twins` are the one that goes and the one that comes, if anything moves.
    @inline(__always)
    func countOfBothSides(_ twins: UInt32) -> Int {
        (self & ~twins).nonzeroBitCount &+ (twins != 0 && self & twins == twins ? 1 : 0)
    }
}
