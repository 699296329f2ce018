import Basics

/// Both clocks of one simulated machine, as functions of virtual time.
///
/// The monotonic clock drifts and never goes back; the wall clock drifts too, starts with an
/// offset, and may be stepped either way. Integer arithmetic only.
struct SimulatedClock {
    /// Wall time at virtual time zero on a perfect clock: 2026-01-01, in microseconds.
    static let epoch: Int64 = 1_767_225_600_000_000

    /// Parts per million by which both clocks run fast (positive) or slow.
    var drift: Int64 = 0
    /// Microseconds that the wall clock is ahead: initial error and all steps so far.
    var offset: Int64 = 0
    /// Parts per million by which the wall clock alone runs fast, and since when.
    private var wallDrift: Int64 = 0
    private var wallDriftSince: UInt64 = 0

    /// The machine's monotonic reading at virtual time `time`, in nanoseconds.
    func monotonic(at time: UInt64) -> Instant {
        let elapsed = Int64(clamping: time)
        return Instant(nanoseconds: UInt64(elapsed + SimulatedClock.scaled(elapsed, by: drift)))
    }

    /// Both readings at virtual time `time`.
    func moment(at time: UInt64) -> Moment {
        let monotonic = monotonic(at: time)
        let elapsed = Int64(clamping: monotonic.nanoseconds / 1_000)
        let wall = max(1, SimulatedClock.epoch + elapsed + offset + gained(at: time))
        return Moment(monotonic: monotonic, wall: WallTime(microseconds: UInt64(wall)))
    }

    /// From virtual time `time` on the wall clock runs so much faster; what it has gained stays.
    mutating func driftWall(by ppm: Int64, at time: UInt64) {
        offset += gained(at: time)
        wallDriftSince = time
        wallDrift += ppm
    }

    /// Microseconds that the drift of the wall clock has added so far.
    private func gained(at time: UInt64) -> Int64 {
        if wallDrift == 0 { return 0 }
        let elapsed = Int64(clamping: (time - min(time, wallDriftSince)) / 1_000)
        return SimulatedClock.scaled(elapsed, by: wallDrift)
    }

    /// The first virtual time at which the monotonic clock shows `instant` or later.
    func time(of instant: Instant) -> UInt64 {
        guard instant != .distantFuture else { return .max }
        let shown = Int64(clamping: instant.nanoseconds)
        var time = UInt64(max(0, shown - SimulatedClock.scaled(shown, by: drift)))
        // The inverse is exact to second order in the drift; the last steps are searched.
        var error = instant - monotonic(at: time)
        while error.nanoseconds > 0 {
            time += UInt64(max(1, error.nanoseconds / 2))
            error = instant - monotonic(at: time)
        }
        return time
    }

    private static func scaled(_ elapsed: Int64, by ppm: Int64) -> Int64 {
        if ppm == 0 { return 0 }
        let (whole, rest) = elapsed.quotientAndRemainder(dividingBy: 1_000_000)
        return whole * ppm + rest * ppm / 1_000_000
    }
}
