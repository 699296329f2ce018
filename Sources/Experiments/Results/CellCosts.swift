/// What the operations of a cell cost the cluster, the warm-up's included.
public struct OperationCosts: Codable, Sendable, Equatable {
    /// Reads and writes that clients asked for; a read-modify-write is both.
    public var operations: Int
    /// Bytes between clients and nodes, both ways, without headers of the network.
    public var clientBytes: Int
    /// Bytes between nodes, each counted once.
    public var peerBytes: Int
    /// Messages between nodes.
    public var messages: Int
    /// Times that some node synced its log.
    public var syncs: Int
    /// What else nodes count, by name: `read_repairs`, `hints_kept`, …; those above zero.
    public var counts: [String: Int]
    /// Processes of nodes that ended without having been asked, whose counts are missing; nil when
    /// there are none.
    public var unknownLives: Int?

    public init(
        operations: Int, clientBytes: Int, peerBytes: Int, messages: Int, syncs: Int,
        counts: [String: Int] = [:]
    ) {
        self.operations = operations
        self.clientBytes = clientBytes
        self.peerBytes = peerBytes
        self.messages = messages
        self.syncs = syncs
        self.counts = counts
    }

    enum CodingKeys: String, CodingKey {
        case operations, messages, syncs, counts
        case clientBytes = "client_bytes"
        case peerBytes = "peer_bytes"
        case unknownLives = "unknown_lives"
    }
}

/// Whether the replicas agreed when the load was over and every fault had ended.
public struct Agreement: Codable, Sendable, Equatable {
    /// No hint was owed and every node gave the same value for every key.
    public var converged: Bool
    /// From the end of the load, or of the last fault if that was later, until they agreed; nil
    /// when they did not, or when it was not timed (simulation looks once, at rest).
    public var afterNs: Int64?
    /// How long was waited at most.
    public var limitNs: Int64
    /// Keys that were read through every node.
    public var keys: Int
    /// Those of them for which nodes gave different values in the last look.
    public var divergingKeys: Int
    /// Writes that nodes still held for others in the last look.
    public var hintsOwed: Int

    public init(
        converged: Bool, afterNs: Int64?, limitNs: Int64, keys: Int, divergingKeys: Int,
        hintsOwed: Int
    ) {
        self.converged = converged
        self.afterNs = afterNs
        self.limitNs = limitNs
        self.keys = keys
        self.divergingKeys = divergingKeys
        self.hintsOwed = hintsOwed
    }

    enum CodingKeys: String, CodingKey {
        case converged, keys
        case afterNs = "after_ns"
        case limitNs = "limit_ns"
        case divergingKeys = "diverging_keys"
        case hintsOwed = "hints_owed"
    }
}
