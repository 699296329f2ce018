import Basics
import Causality

/// Names one version of one key in 128 bits, so that sets of versions can be compared by the
/// exclusive or of their fingerprints.
public enum Fingerprint {
    /// `hash` is the key's, seeded by the cluster, as the fingerprint itself is: whoever does not
    /// know the seed cannot choose keys whose fingerprints cancel out. A version names its value;
    /// only siblings can differ in content under one version.
    @inline(__always)
    public static func of(
        _ hash: UInt64, _ version: Version, _ content: Content, seed: UInt64
    ) -> Hash128 {
        let more = content.form == .siblings ? XXH3.hash64(content.bytes, seed: seed) : 0
        return XXH3.hash128(SIMD4(hash, version.stamp, version.actor.raw, more), seed: seed)
    }
}

/// A set of versions in one word: how many, and the exclusive or of their fingerprints.
public struct Summary: Hashable, Sendable {
    public var fingerprints = Hash128.zero
    public var count: UInt32 = 0

    public init() {}

    public init(fingerprints: Hash128, count: UInt32) {
        self.fingerprints = fingerprints
        self.count = count
    }

    @inline(__always)
    mutating func change(by difference: Hash128, adding count: UInt32) {
        fingerprints = fingerprints ^ difference
        self.count = self.count &+ count
    }

    mutating func merge(_ other: Summary) { change(by: other.fingerprints, adding: other.count) }
}
