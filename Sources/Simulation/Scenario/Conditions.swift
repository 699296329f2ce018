import Basics
import Replication

/// The weather of a run: every rate, delay and error that holds throughout it.
///
/// Rates are whole numbers per thousand: nothing here is ever a fraction of floating point.
public struct Conditions: Sendable, Equatable {
    /// Every message between nodes takes at least this long.
    public var minimumDelay: Instant.Duration = .microseconds(50)
    /// Mean of the exponential part that is added.
    public var meanDelay: Instant.Duration = .microseconds(250)
    /// Messages per thousand whose exponential part is `tailFactor` times as long.
    public var tailPerThousand: UInt64 = 2
    public var tailFactor: Int64 = 10
    /// Mean of the extra delay that each ordered pair of nodes is given once and for all.
    public var meanPairDelay: Instant.Duration = .zero
    /// Delays in nanoseconds from which every message between nodes draws one, each as likely as
    /// the others; empty: the minimum and the exponential part above. With it, `minimumDelay` and
    /// `meanDelay` serve estimates only.
    public var delayDraws: [UInt32] = []
    /// By ordered pair (from · nodes + to): nanoseconds that every message takes longer, instead
    /// of what `meanPairDelay` draws; empty: nothing is said.
    public var pairDelays: [Int64] = []
    /// Messages per thousand that are lost.
    public var lossPerThousand: UInt64 = 0
    /// Messages per thousand that arrive twice.
    public var duplicatePerThousand: UInt64 = 0
    /// Mean of how much later a second copy arrives.
    public var meanDuplicateDelay: Instant.Duration = .zero
    /// Largest delay between a client and a node, one way. Nearly nothing, because the delay of
    /// clients masks anomalies (Maelstrom does the same).
    public var maximumClientDelay: Instant.Duration = .microseconds(20)
    /// Mean pause of a client between two operations.
    public var meanThinkTime: Instant.Duration = .microseconds(500)
    /// A sync takes at least this long, and on average `meanSync` more.
    public var minimumSync: Instant.Duration = .microseconds(100)
    public var meanSync: Instant.Duration = .microseconds(400)
    /// What a crash does to unsynced appends.
    public var crashOutcome: SimulatedDisk.CrashOutcome = .losesSuffix
    /// By node: parts per million by which its clocks run fast. Missing entries are zero.
    public var clockDrifts: [Int64] = []
    /// By node: microseconds by which its wall clock is ahead at the start.
    public var clockOffsets: [Int64] = []

    public init() {}

    /// Takes the weather of one family away.
    mutating func calm(_ family: FaultFamilies) {
        if family == .loss { lossPerThousand = 0 }
        if family == .duplicate { duplicatePerThousand = 0 }
        if family == .clockSkew {
            clockDrifts = []
            clockOffsets = []
        }
        if family == .delay {
            tailPerThousand = 0
            meanPairDelay = .zero
        }
    }

    /// How long an operation takes when all goes well; an estimate.
    public var expectedOperation: Instant.Duration {
        (minimumDelay + meanDelay + meanPairDelay) * 2 + minimumSync + meanSync
    }

    /// The same with the pause after it. The length of a run's faulty phase follows from it.
    public var expectedTurn: Instant.Duration { expectedOperation + meanThinkTime }
}
