import Basics

/// Names one write and orders it among all writes: last-writer-wins compares versions.
///
/// The stamp is a hybrid logical clock reading (52 bits of microseconds, 12 bits of counter),
/// strictly increasing per actor, so that no two writes share a version; the actor breaks ties.
public struct Version: Hashable, Comparable, Sendable {
    /// Hybrid logical clock reading; 0 only in `none`.
    public let stamp: UInt64
    /// Who coordinated the write.
    public let actor: Actor

    @inlinable
    public init(stamp: UInt64, actor: Actor) {
        self.stamp = stamp
        self.actor = actor
    }

    /// The version of a key that was never written; older than every other.
    public static let none = Version(stamp: 0, actor: Actor(raw: 0))

    @inlinable public var isNone: Bool { stamp == 0 }

    @inlinable
    public static func < (a: Version, b: Version) -> Bool {
        a.stamp != b.stamp ? a.stamp < b.stamp : a.actor.raw < b.actor.raw
    }
}

/// A node in one of its lives: the index in the high 16 bits, the incarnation in the low 48.
///
/// The incarnation rises whenever a node may have forgotten something, so that a name that was
/// given before is never given again.
public struct Actor: Hashable, Sendable {
    public let raw: UInt64

    @inlinable
    public init(raw: UInt64) { self.raw = raw }

    public init(node: NodeID, incarnation: UInt64) {
        raw = UInt64(node.index) << 48 | incarnation & 0xffff_ffff_ffff
    }

    public var node: NodeID { NodeID(raw >> 48) }
    public var incarnation: UInt64 { raw & 0xffff_ffff_ffff }
}
