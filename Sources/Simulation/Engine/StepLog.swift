/// The digest after every step of a run: what tells two runs of one seed apart to the step.
///
/// Eight bytes a step, so it is kept only when it is asked for, and only so many.
public struct StepLog: Sendable, Equatable {
    /// Steps that are kept at most: 64 MiB.
    public static let limit = 8 << 20

    /// By step: the digest of everything up to and including it.
    public private(set) var digests: [UInt64] = []
    /// Steps taken, those that were not kept included.
    public private(set) var steps: UInt64 = 0

    public init() {}

    /// A log that was written earlier.
    public init(digests: [UInt64], steps: UInt64) {
        self.digests = digests
        self.steps = steps
    }

    mutating func append(_ digest: UInt64) {
        steps &+= 1
        if digests.count < StepLog.limit { digests.append(digest) }
    }

    /// The first step whose digest is not that of the other run; nil when none is known to
    /// differ. A run that ends earlier parts at the step that it does not have. O(steps).
    public func firstDifference(from other: StepLog) -> UInt64? {
        let shared = min(digests.count, other.digests.count)
        for step in 0..<shared where digests[step] != other.digests[step] { return UInt64(step) }
        return steps == other.steps ? nil : min(steps, other.steps)
    }
}
