import Basics
import Causality
import Partitioning

/// Reads that ask less: fewer replicas, and versions in place of values.
///
/// Neither changes what a read may return: R replicas tell their newest version, and the newest of
/// these is returned with its value. What is asked later than usual is only who is not needed.
extension Node {
    // MARK: Hedged reads

    /// Takes out of the targets whoever the quorum does not need, those whose answers take longest
    /// first; returns them.
    mutating func holdBack(
        _ goal: inout GetCoordinator.Goal, _ own: Int?, _ rules: KeyspaceRules
    ) -> UInt32 {
        let need = Int(max(goal.r, goal.repair == .blocking ? goal.w : 0))
        guard rules.mode != .abd, goal.targets.nonzeroBitCount > need else { return 0 }
        var asked: UInt32 = own.map { 1 << UInt32($0) } ?? 0
        while asked.nonzeroBitCount < need,
            let next = closest(among: goal.targets & ~asked, goal)
        {
            asked |= 1 << UInt32(next)
        }
        let reserve = goal.targets & ~asked
        goal.targets = asked
        return reserve
    }

    /// The position whose answers take least.
    private func closest(among positions: UInt32, _ goal: GetCoordinator.Goal) -> Int? {
        var best: (position: Int, delay: Instant.Duration)?
        var left = positions
        while left != 0 {
            let position = left.trailingZeroBitCount
            left &= left &- 1
            let delay = delay(of: position, goal)
            if best.map({ delay < $0.delay }) ?? true { best = (position, delay) }
        }
        return best?.position
    }

    private func delay(of position: Int, _ goal: GetCoordinator.Goal) -> Instant.Duration {
        guard !latencies.isEmpty else { return .zero }
        let node = placements[goal.layout].candidate(position, of: goal.shard)
        let index = Int(node.index)
        return index < latencies.count ? latencies[index].delay : LinkLatency.assumed
    }

    /// Waits as long as the slowest of those who were asked usually takes at most.
    mutating func scheduleHedge(_ index: Int, at now: Moment) {
        let goal = gets[index].goal
        var longest = Instant.Duration.milliseconds(1)
        var left = gets[index].silent
        while left != 0 {
            longest = max(longest, delay(of: left.trailingZeroBitCount, goal))
            left &= left &- 1
        }
        getDeadlines.schedule(index, after: min(longest, goal.step), at: now.monotonic)
    }

    /// Somebody is late: one more is asked.
    mutating func hedge(_ index: Int, at now: Moment, into effects: inout Effects) {
        let goal = gets[index].goal
        guard let next = closest(among: gets[index].reserve, goal) else { return }
        counters.hedges &+= 1
        gets[index].ask(next)
        send(
            .fetch(gets[index].key, known: gets[index].version, gets.ticket(at: index)),
            to: placements[goal.layout].candidate(next, of: goal.shard), into: &effects)
        if gets[index].reserve == 0 {
            getDeadlines.schedule(index, after: goal.step, at: now.monotonic)
        } else {
            scheduleHedge(index, at: now)
        }
    }

    /// Notes how long an answer took, unless the question was asked more than once.
    mutating func time(_ replica: NodeID, _ index: Int, at now: Moment) {
        guard gets[index].stepsLeft == 3, let share = configuration.hedge else { return }
        while latencies.count <= Int(replica.index) { latencies.append(LinkLatency()) }
        latencies[Int(replica.index)].note(now.monotonic - gets[index].begun, share: share)
    }

    // MARK: Versions in place of values

    /// Of whom the value is asked, if the others are asked for versions only.
    mutating func positionForValue(
        _ goal: inout GetCoordinator.Goal, _ rules: KeyspaceRules
    ) -> Int? {
        guard let least = configuration.digestBytes, fetchedBytesTimes16 / 16 >= least, goal.r > 1,
            rules.mode == .lww
        else { return nil }
        switch goal.purpose {
        case .get, .life: break
        case .delete, .write: return nil
        }
        let replicas = goal.targets & replicaPositions(goal.layout)
        goal.isDigest = true
        return closest(among: replicas, goal)
    }

    /// Some have told versions: counts them as far as the value is known, and asks for a newer one.
    mutating func settleMarked(_ index: Int, into effects: inout Effects) {
        gets[index].countMarked()
        guard let position = gets[index].positionToRefetch() else { return }
        let goal = gets[index].goal
        counters.digestRefetches &+= 1
        send(
            .fetch(gets[index].key, known: gets[index].version, gets.ticket(at: index)),
            to: placements[goal.layout].candidate(position, of: goal.shard), into: &effects)
    }
}
