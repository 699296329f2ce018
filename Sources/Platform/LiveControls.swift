import Basics

// What tests may change in a running process, in words of 64 bits:
//
//   magic  clockOffset  driftPartsPerMillion  driftSince
//   syncDelay  syncFailures  isDiskFull  (9 reserved)
//   syncsDelayed  syncsFailed  writesRefused  (5 reserved)
//
// Offsets and drifts are signed; the offset and `driftSince` are microseconds, the delay is
// nanoseconds.

/// Clock and disk of one process as somebody else wants them to be, changed while it runs.
public final class LiveControls: Sendable {
    private static let magic: UInt64 = 0x31_6c72_7463_4d51  // "QMctrl1"
    private static let words = 24

    private let shared: SharedWords

    /// Opens or creates the file. What it says stays, except for failures that are still due.
    public init(_ path: String) throws(SystemError) {
        shared = try SharedWords(path, count: LiveControls.words)
        if shared[0] != LiveControls.magic { shared[0] = LiveControls.magic }
    }

    /// How far the wall clock is ahead.
    public var clockOffset: Instant.Duration {
        get { .microseconds(Int64(bitPattern: shared[1])) }
        set { shared[1] = UInt64(bitPattern: newValue.nanoseconds / 1_000) }
    }

    /// Parts per million by which the wall clock runs fast. Setting it keeps what was gained.
    public var drift: Int {
        get { Int(Int64(bitPattern: shared[2])) }
        set {
            let now = Clocks.wall()
            clockOffset = clockOffset + gained(at: now)
            shared[3] = now.microseconds
            shared[2] = UInt64(bitPattern: Int64(newValue))
        }
    }

    /// What every sync takes longer.
    public var syncDelay: Instant.Duration {
        get { .nanoseconds(shared[4]) }
        set { shared[4] = UInt64(max(0, newValue.nanoseconds)) }
    }

    /// Syncs that shall fail, from the next one on.
    public var syncFailures: UInt64 {
        get { shared[5] }
        set { shared[5] = newValue }
    }

    /// Whether no byte may be written.
    public var isDiskFull: Bool {
        get { shared[6] != 0 }
        set { shared[6] = newValue ? 1 : 0 }
    }

    /// What was done, since the file was made.
    public var syncsDelayed: UInt64 { shared[16] }
    public var syncsFailed: UInt64 { shared[17] }
    public var writesRefused: UInt64 { shared[18] }

    private func gained(at now: WallTime) -> Instant.Duration {
        let drift = Int64(bitPattern: shared[2])
        guard drift != 0 else { return .zero }
        let elapsed = Int64(now.microseconds) - Int64(clamping: shared[3])
        let (whole, rest) = elapsed.quotientAndRemainder(dividingBy: 1_000_000)
        return .microseconds(whole * drift + rest * drift / 1_000_000)
    }

    /// How far the wall clock is ahead at this time, drift included.
    public func offset(at real: WallTime) -> Instant.Duration { clockOffset + gained(at: real) }

    /// The wall clock as it is to be, given what it is.
    public func wall(_ real: WallTime) -> WallTime {
        let offset = offset(at: real)
        let wall = Int64(clamping: real.microseconds) + offset.nanoseconds / 1_000
        return WallTime(microseconds: UInt64(max(1, wall)))
    }

    /// Both clocks; only the wall clock is touched.
    public func moment() -> Moment {
        let real = Clocks.moment()
        return Moment(monotonic: real.monotonic, wall: wall(real.wall))
    }

    // MARK: Asked by the file layer

    /// Takes one of the failures that are due.
    func takesSyncFailure() -> Bool {
        guard syncFailures > 0 else { return false }
        syncFailures -= 1
        shared.add(1, at: 17)
        return true
    }

    func noteDelayedSync() { shared.add(1, at: 16) }
    func noteRefusedWrite() { shared.add(1, at: 18) }
}
