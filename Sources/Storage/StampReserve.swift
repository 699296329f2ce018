import Basics
import Causality

/// Stamps that a node may have given in a life that has ended, durable before it gives them
/// (store.md calls it the clock's ceiling).
///
/// A life begins with a reserve in its identity file; later ones are in the log. After a restart
/// the clock goes on at the wall clock's reading, unless that lies before the moment at which the
/// last reserve was made: then the wall clock was set back, and whatever was stamped must stay
/// older than what will be.
public struct StampReserve: Sendable, Hashable {
    /// The wall clock when it was made, as a stamp.
    public var moment: UInt64
    /// Every stamp that was given is below this.
    public var ceiling: UInt64

    public init(moment: UInt64 = 0, ceiling: UInt64 = 0) {
        self.moment = moment
        self.ceiling = ceiling
    }

    /// How far ahead of the present stamps are reserved.
    public static let length = Instant.Duration.seconds(5)
    /// A new one is made when the last is this old; a clock that was set back by less over a
    /// restart may go unnoticed.
    public static let renewal = Instant.Duration.milliseconds(100)

    /// Room for stamps from `stamp` on, made at a reading of the wall clock.
    public init(from stamp: UInt64, at wall: WallTime) {
        moment = HybridClock.stamp(wall)
        let length = UInt64(StampReserve.length.nanoseconds / 1_000) << 12
        ceiling = max(stamp, moment) &+ length
    }

    func joined(_ other: StampReserve) -> StampReserve {
        StampReserve(moment: max(moment, other.moment), ceiling: max(ceiling, other.ceiling))
    }

    /// The least that stamps of the next life must be above, when it begins at `wall` and
    /// `largest` is the largest that was stored.
    func floor(largest: UInt64, at wall: WallTime) -> UInt64 {
        HybridClock.stamp(wall) < moment ? max(largest, ceiling) : largest
    }

    /// As a log record's key: the moment; the record's stamp is the ceiling.
    static let encodedBytes = 8
}

extension LogStore {
    /// Reserves stamps; they may be given once the log is synced up to the position returned.
    public mutating func reserve(_ reserve: StampReserve) throws(DiskError) -> LogPosition {
        reserved = reserved.joined(reserve)
        var buffer = ByteBuffer(capacity: StampReserve.encodedBytes)
        buffer.appendInteger(reserve.moment)
        return try log?.append(
            .reserve, HashedKey(buffer.bytes, hash: 0), .tombstone,
            Version(stamp: reserve.ceiling, actor: Actor(raw: 0))) ?? .zero
    }
}
