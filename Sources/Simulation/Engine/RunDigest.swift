/// A rolling 64-bit digest over every step of a run: two runs are the same run when their
/// digests are equal.
///
/// Checkpoints every 16,384 steps let two runs that differ be bisected: the first checkpoint
/// that differs bounds the window of the first event that does.
public struct RunDigest: Sendable, Equatable {
    /// Steps between checkpoints.
    public static let checkpointInterval: UInt64 = 16_384

    /// The digest of everything so far.
    public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Steps taken in.
    public private(set) var steps: UInt64 = 0
    /// The digest after every `checkpointInterval` steps.
    public private(set) var checkpoints: [UInt64] = []

    public init() {}

    /// Takes in one step.
    @inline(__always)
    mutating func step(
        time: UInt64, sequence: UInt64, node: UInt16, code: UInt8, a: UInt64, b: UInt64
    ) {
        var hash = value
        hash = RunDigest.mix(hash ^ time)
        hash = RunDigest.mix(hash ^ (sequence << 24 | UInt64(node) << 8 | UInt64(code)))
        hash = RunDigest.mix(hash ^ a)
        hash = RunDigest.mix(hash ^ b)
        value = hash
        steps &+= 1
        if steps & (RunDigest.checkpointInterval &- 1) == 0 { checkpoints.append(hash) }
    }

    /// The window of steps in which two runs part, nil when they agree. Half-open; O(checkpoints).
    public func divergence(from other: RunDigest) -> Range<UInt64>? {
        if self == other { return nil }
        let shared = min(checkpoints.count, other.checkpoints.count)
        let same = (0..<shared).first { checkpoints[$0] != other.checkpoints[$0] } ?? shared
        let start = UInt64(same) * RunDigest.checkpointInterval
        let end = max(steps, other.steps)
        return start..<max(start + 1, min(start + RunDigest.checkpointInterval, end))
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return product.low ^ product.high
    }
}
