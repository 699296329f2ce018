/// A point on a monotonic clock, in nanoseconds since an arbitrary origin.
///
/// The standard library's `Duration` is 128 bits wide and measured 30 times slower to add; the
/// store counts nanoseconds in 64 bits, which last 584 years.
public struct Instant: Hashable, Comparable, Sendable {
    public var nanoseconds: UInt64

    @inlinable
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The clock's origin.
    public static let origin = Instant(nanoseconds: 0)
    /// Later than every instant that a clock can show.
    public static let distantFuture = Instant(nanoseconds: .max)

    @inlinable
    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Saturates at `distantFuture` and at `origin`.
    @inlinable
    public static func + (instant: Instant, duration: Duration) -> Instant {
        if duration.nanoseconds >= 0 {
            let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(
                UInt64(duration.nanoseconds))
            return overflow ? .distantFuture : Instant(nanoseconds: sum)
        }
        let magnitude = duration.nanoseconds.magnitude
        return Instant(
            nanoseconds: instant.nanoseconds < magnitude ? 0 : instant.nanoseconds - magnitude)
    }

    /// Signed distance; saturates beyond 292 years.
    @inlinable
    public static func - (later: Instant, earlier: Instant) -> Duration {
        if later >= earlier {
            return Duration(
                nanoseconds: Int64(clamping: later.nanoseconds - earlier.nanoseconds))
        }
        return Duration(nanoseconds: -Int64(clamping: earlier.nanoseconds - later.nanoseconds))
    }

    /// A signed length of time in nanoseconds.
    public struct Duration: Hashable, Comparable, Sendable {
        public var nanoseconds: Int64

        @inlinable
        public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

        public static let zero = Duration(nanoseconds: 0)

        @inlinable
        public static func nanoseconds(_ count: some BinaryInteger) -> Duration {
            Duration(nanoseconds: Int64(clamping: count))
        }
        @inlinable
        public static func microseconds(_ count: some BinaryInteger) -> Duration {
            scaled(Int64(clamping: count), by: 1_000)
        }
        @inlinable
        public static func milliseconds(_ count: some BinaryInteger) -> Duration {
            scaled(Int64(clamping: count), by: 1_000_000)
        }
        @inlinable
        public static func seconds(_ count: some BinaryInteger) -> Duration {
            scaled(Int64(clamping: count), by: 1_000_000_000)
        }

        @inlinable
        static func scaled(_ count: Int64, by factor: Int64) -> Duration {
            let (product, overflow) = count.multipliedReportingOverflow(by: factor)
            return Duration(nanoseconds: overflow ? (count < 0 ? .min : .max) : product)
        }

        @inlinable
        public static func < (a: Duration, b: Duration) -> Bool { a.nanoseconds < b.nanoseconds }
        @inlinable
        public static func + (a: Duration, b: Duration) -> Duration {
            let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
            return Duration(nanoseconds: overflow ? (a.nanoseconds < 0 ? .min : .max) : sum)
        }
        @inlinable
        public static func * (a: Duration, factor: Int64) -> Duration {
            scaled(a.nanoseconds, by: factor)
        }
        @inlinable
        public static func / (a: Duration, divisor: Int64) -> Duration {
            Duration(nanoseconds: a.nanoseconds / divisor)
        }
        /// Whole and fractional seconds, for people and for statistics; never for decisions.
        public var seconds: Double { Double(nanoseconds) / 1e9 }
        /// Whole and fractional milliseconds, for people and for statistics.
        public var milliseconds: Double { Double(nanoseconds) / 1e6 }
    }
}

/// A reading of a wall clock: microseconds since 1970. It may jump either way.
///
/// Only last-writer-wins stamps may use it; deadlines use `Instant`.
public struct WallTime: Hashable, Comparable, Sendable {
    public var microseconds: UInt64

    @inlinable
    public init(microseconds: UInt64) { self.microseconds = microseconds }

    @inlinable
    public static func < (a: WallTime, b: WallTime) -> Bool { a.microseconds < b.microseconds }
}

/// Both clocks of a machine, read once per turn of its loop.
public struct Moment: Sendable {
    public var monotonic: Instant
    public var wall: WallTime

    @inlinable
    public init(monotonic: Instant, wall: WallTime) {
        self.monotonic = monotonic
        self.wall = wall
    }
}
