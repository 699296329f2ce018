/// A member of the cluster, named by its index in the member list that every node shares.
///
/// The index is stable for the life of a cluster configuration, fits every bit set and table
/// without hashing, and is what travels on the wire.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Zero-based position in the cluster's member list.
    public let index: UInt16

    public init(_ index: some BinaryInteger) { self.index = UInt16(index) }

    public static func < (a: NodeID, b: NodeID) -> Bool { a.index < b.index }

    /// People count from one: node 0 is `n1`.
    public var description: String { "n\(Int(index) + 1)" }
}

/// A client's request in flight: which connection of a node asked, and which of its requests.
public struct ClientID: Hashable, Sendable {
    /// Slot of the connection in the runtime that owns it.
    public var connection: UInt32
    /// Tells a connection from an earlier one in the same slot.
    public var generation: UInt32
    /// Position of the request in its connection's order of requests.
    public var sequence: UInt32

    public init(connection: UInt32, generation: UInt32, sequence: UInt32) {
        self.connection = connection
        self.generation = generation
        self.sequence = sequence
    }
}

/// Position in a node's log, in bytes written since its first segment began; monotone.
public struct LogPosition: Hashable, Comparable, Sendable {
    public var offset: UInt64

    public init(_ offset: UInt64) { self.offset = offset }

    /// Before everything that was ever appended.
    public static let zero = LogPosition(0)

    public static func < (a: LogPosition, b: LogPosition) -> Bool { a.offset < b.offset }
}
