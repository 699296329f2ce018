import Basics

// The first bytes on a connection between nodes, both ways, before any frame:
//
//   magic:8 "QMPEER\r\n"  lowest:u16 highest:u16  cluster:u64  configuration:u64
//   node:u16 reserved:u16 incarnation:u64 nonce:u64 checksum:u32
//
//   lowest, highest  versions of the peer protocol that the sender speaks
//   checksum         low half of XXH3-64 over what stands before it

/// Who is at the other end of a peer connection, and whether the two may talk.
public struct Handshake: Equatable, Sendable {
    public static let bytes = 8 + 2 + 2 + 8 + 8 + 2 + 2 + 8 + 8 + 4
    /// The versions of the peer protocol that this code speaks.
    public static let versions: ClosedRange<UInt16> = 3...3

    private static let magic: StaticString = "QMPEER\r\n"

    public var versions: ClosedRange<UInt16>
    /// Hash of the cluster's name and member list.
    public var cluster: UInt64
    /// Hash of what all nodes must agree on besides: N, shards, virtual nodes.
    public var configuration: UInt64
    public var node: NodeID
    public var incarnation: UInt64
    /// Random, drawn at every start of the process.
    public var nonce: UInt64

    public init(
        versions: ClosedRange<UInt16> = Handshake.versions, cluster: UInt64,
        configuration: UInt64, node: NodeID, incarnation: UInt64, nonce: UInt64
    ) {
        self.versions = versions
        self.cluster = cluster
        self.configuration = configuration
        self.node = node
        self.incarnation = incarnation
        self.nonce = nonce
    }

    public func encode(into out: inout ByteBuffer) {
        let start = out.count
        out.append(Handshake.magic)
        out.appendInteger(versions.lowerBound)
        out.appendInteger(versions.upperBound)
        out.appendInteger(cluster)
        out.appendInteger(configuration)
        out.appendInteger(node.index)
        out.appendInteger(0 as UInt16)
        out.appendInteger(incarnation)
        out.appendInteger(nonce)
        let checksum = XXH3.hash64(out.bytes.slice(start, out.count), seed: 0)
        out.appendInteger(UInt32(truncatingIfNeeded: checksum))
    }

    /// Reads a handshake from exactly `Handshake.bytes` bytes.
    public static func decode(_ input: Bytes) throws(DecodeError) -> Handshake {
        var reader = ByteReader(input)
        let magic = try reader.take(8)
        for i in 0..<8 where magic[i] != (Handshake.magic.utf8Start + i).pointee {
            throw .invalid("not a Quorumeter peer (the magic number differs)")
        }
        let lowest = try reader.integer(UInt16.self)
        let highest = try reader.integer(UInt16.self)
        let cluster = try reader.integer(UInt64.self)
        let configuration = try reader.integer(UInt64.self)
        let node = try reader.integer(UInt16.self)
        _ = try reader.integer(UInt16.self)
        let incarnation = try reader.integer(UInt64.self)
        let nonce = try reader.integer(UInt64.self)
        let end = reader.offset
        let checksum = try reader.integer(UInt32.self)
        let expected = XXH3.hash64(input.slice(0, end), seed: 0)
        guard checksum == UInt32(truncatingIfNeeded: expected) else {
            throw .invalid("a handshake whose checksum does not match")
        }
        guard lowest <= highest else { throw .invalid("an empty range of protocol versions") }
        return Handshake(
            versions: lowest...highest, cluster: cluster, configuration: configuration,
            node: NodeID(node), incarnation: incarnation, nonce: nonce)
    }

    /// Why this node must not talk to `other`; nil when it may.
    public func objection(to other: Handshake) -> String? {
        if !versions.overlaps(other.versions) {
            return "peer protocol versions differ: this node speaks \(versions), "
                + "the other \(other.versions)"
        }
        if cluster != other.cluster {
            return "the other node belongs to another cluster (name or member list differ)"
        }
        if configuration != other.configuration {
            return "the other node has another configuration (N, shards or virtual nodes)"
        }
        if node == other.node {
            return "the other node has the same place in the member list (\(node))"
        }
        return nil
    }

    /// The seed of frame checksums in a session of two nodes; the same at both ends.
    public func sessionSeed(with other: Handshake) -> UInt64 {
        var state = nonce ^ other.nonce
        return RandomSource.splitMix(&state)
    }
}
