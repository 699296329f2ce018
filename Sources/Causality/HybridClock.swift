import Basics

/// A hybrid logical clock (Kulkarni et al. 2014): follows the wall clock, never goes back, and
/// gives each caller a larger stamp than the one before.
///
/// A stamp is `microseconds << 12 | counter`. A millisecond clock would let two writes that one
/// client sends through different coordinators fall into one tick and lose the later one.
public struct HybridClock: Sendable {
    /// The largest stamp given or merged so far.
    public private(set) var latest: UInt64
    /// Stamps further ahead of the wall clock than this are not merged.
    public let maximumOffset: Instant.Duration

    /// `floor` is the largest stamp known to have been given in an earlier life.
    public init(floor: UInt64 = 0, maximumOffset: Instant.Duration = .milliseconds(500)) {
        latest = floor
        self.maximumOffset = maximumOffset
    }

    /// The wall clock's reading as a stamp with counter zero.
    @inlinable
    public static func stamp(_ wall: WallTime) -> UInt64 { wall.microseconds << 12 }

    /// A stamp larger than every one before. The counter overflows into the microseconds, which
    /// keeps the order and lets the clock run ahead by a microsecond per 4,096 stamps.
    @inlinable
    public mutating func next(at wall: WallTime) -> UInt64 {
        advance(to: max(latest &+ 1, HybridClock.stamp(wall)))
        return latest
    }

    /// A stamp larger than every one before and than `floor`, however far that is ahead of the
    /// wall clock.
    @inlinable
    public mutating func next(at wall: WallTime, above floor: UInt64) -> UInt64 {
        advance(to: max(max(latest, floor) &+ 1, HybridClock.stamp(wall)))
        return latest
    }

    /// The same, with a counter of zero.
    public mutating func nextTick(at wall: WallTime, above floor: UInt64) -> UInt64 {
        let tick = ((max(latest, floor) >> 12) &+ 1) << 12
        advance(to: max(tick, HybridClock.stamp(wall)))
        return latest
    }

    /// Takes note of another node's stamp. Returns false, and changes nothing, when the stamp is
    /// further in the future than the maximum offset allows.
    @inlinable
    public mutating func merge(_ stamp: UInt64, at wall: WallTime) -> Bool {
        if stamp <= latest { return true }
        let limit = wall.microseconds &+ UInt64(maximumOffset.nanoseconds / 1_000)
        guard stamp >> 12 <= limit else { return false }
        advance(to: stamp)
        return true
    }

    @usableFromInline
    mutating func advance(to stamp: UInt64) { latest = stamp }
}
