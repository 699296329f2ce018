import Basics
import Causality
import Storage

/// Stamps are given only as far as they are reserved durably, so that none is given again, or
/// undercut, when the wall clock has been set back before the next start.
extension Node {
    /// Whether a stamp may be given now; reserves more in time.
    @inline(__always)
    mutating func mayStamp(at now: Moment) -> Bool {
        guard store.reservesStamps, configuration.durability == .synced else { return true }
        let wall = HybridClock.stamp(now.wall)
        if wall >= reserveRenewal || clock.latest >= reserveSoon { renewReserve(at: now) }
        return max(wall, clock.latest) < reserveDurable
    }

    private mutating func renewReserve(at now: Moment) {
        let wall = HybridClock.stamp(now.wall)
        let renewal = UInt64(StampReserve.renewal.nanoseconds / 1_000) << 12
        let reserve = StampReserve(from: clock.latest, at: now.wall)
        do {
            let position = try store.reserve(reserve)
            pendingReserve = (position, reserve.ceiling)
        } catch {
            diskFailure = error
        }
        reserveRenewal = wall &+ renewal
        reserveSoon = reserve.ceiling - (reserve.ceiling &- max(wall, clock.latest)) / 2
    }

    /// The log is synced: what was reserved may be given.
    mutating func noteReserve(upTo position: LogPosition) {
        guard let pending = pendingReserve, pending.position <= position else { return }
        reserveDurable = max(reserveDurable, pending.ceiling)
        pendingReserve = nil
    }
}
