import Basics
import Glibc

/// The machine's clocks.
public enum Clocks {
    /// Nanoseconds since the machine started; never goes back, does not count sleep.
    public static func monotonic() -> Instant {
        var time = timespec()
        let result = clock_gettime(CLOCK_MONOTONIC, &time)
        precondition(result == 0, "CLOCK_MONOTONIC cannot be read")
        return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }

    /// Microseconds since 1970; may jump either way.
    public static func wall() -> WallTime {
        var time = timespec()
        let result = clock_gettime(CLOCK_REALTIME, &time)
        precondition(result == 0, "CLOCK_REALTIME cannot be read")
        return WallTime(
            microseconds: UInt64(time.tv_sec) &* 1_000_000 &+ UInt64(time.tv_nsec) / 1_000)
    }

    /// Both clocks, one after the other.
    public static func moment() -> Moment { Moment(monotonic: monotonic(), wall: wall()) }

    /// Blocks the calling thread until `instant`; for threads that have nothing else to wait for.
    public static func sleep(until instant: Instant) {
        var time = timespec(
            tv_sec: Int(instant.nanoseconds / 1_000_000_000),
            tv_nsec: Int(instant.nanoseconds % 1_000_000_000))
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }
}
