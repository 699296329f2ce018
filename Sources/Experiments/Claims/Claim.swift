import Basics
import Consistency
import Replication
import Simulation
import Workloads

/// A promise about a store: a configuration, faults, what must or must not hold, and where it is
/// tried.
public struct Claim: Sendable {
    /// Where a claim is tried.
    public enum Place: String, Sendable, CaseIterable {
        /// Virtual time, ruled by seeds.
        case simulation
        /// Real nodes, real TCP.
        case processes
    }

    /// What the claim is about.
    public enum Promise: Sendable, Equatable {
        case model(Model)
        case bound(Bound)
    }

    /// Reads are at most this stale with at least this probability.
    public struct Bound: Sendable, Equatable {
        /// Longest time between the acknowledgement of a newer write and the beginning of a read
        /// that misses it.
        public var staleness: Instant.Duration
        /// Share of reads that must be no staler, above 0 and below 1.
        public var probability: Double
        /// How sure the verdict must be, above 0 and below 1.
        public var confidence: Double
    }

    /// What the author of the claim says will be found.
    public enum Expectation: String, Sendable, CaseIterable { case holds, violated }

    public var name: String
    /// Where it stands.
    public var file: String
    public var line: Int
    public var promise: Promise
    public var expectation: Expectation
    public var place: Place
    /// Everything but the seed; for processes too, which take the quorum, keys and clients of it.
    public var scenario: Scenario
    /// Runs of a simulated claim.
    public var seeds: Int
    /// How long a claim on processes measures.
    public var duration: Instant.Duration
    /// `memory`, `always`, `everysec` or `never`.
    public var fsync: String
    /// A store that is not ours and runs already; nil for quorumeter's own.
    public var target: String?
    /// Where the claim stands in a table of guarantees, if it stands in one.
    public var row: String?
    public var column: String?

    /// The first seed of its runs: it follows from the claim's content and not from its place in
    /// the file, so that a claim that is added leaves the others as they were. 53 bits, so that
    /// every reader of JSON gets the same number.
    public func firstSeed(base: UInt64) -> UInt64 {
        var state = base
        _ = RandomSource.splitMix(&state)
        for byte in content.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return RandomSource.splitMix(&state) >> 11
    }

    private var content: String { "\(promiseText)|\(scenario.command)|\(place.rawValue)|\(fsync)" }

    /// `linearizable`, or `reads at most 50ms stale with probability 0.999`.
    public var promiseText: String {
        switch promise {
        case .model(let model): model.name
        case .bound(let bound):
            "reads at most \(bound.staleness) stale with probability \(bound.probability)"
        }
    }

    /// `N=3 R=2 W=2, faults partition,crash, in simulation`.
    public var settingText: String {
        if let target { return "\(target), on processes" }
        return "N=\(scenario.n) R=\(scenario.r) W=\(scenario.w), "
            + "\(scenario.mode == .lww ? "" : "mode \(scenario.mode.rawValue), ")"
            + "\(scenario.quorumKind == .strict ? "" : "sloppy, ")"
            + "read repair \(scenario.readRepair.rawValue), "
            + "\(scenario.antiEntropy ? "anti-entropy, " : "")"
            + "\(scenario.collects ? "deletions are collected, " : "")"
            + "faults \(scenario.faultSchedule?.name ?? scenario.faults.description), "
            + (place == .simulation ? "in simulation" : "on processes")
    }
}
