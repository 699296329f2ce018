import Basics
import Storage

// What nodes say to each other to forget deletions. The first replica of a shard is its collector
// (C), everyone who may hold writes of the shard is a participant (P):
//
//   fence      C → P  shard:u16*              take no write of a client stamped before `stamp`
//   fenced     P → C                          so it is, durably
//   drain      C → P  shard:u16*              hand over the older writes that you hold for others
//   drained    P → C  left:u32                so many are still held
//   digest     C → P  shard:u16*              what have you that is older?
//   digests    P → C  (shard:u16 summary)*
//   floor      C → P  (shard:u16 summary)*    if it is that, take nothing older any more
//   floors     P → C  shard:u16*              of these it was, and so it is, durably
//   purge      C → P  shard:u16*              forget the older deletions
//
// of consensus registers:
//
//   confirm    C → P  (hash:u64 ballot)*      are these deleted, accepted under these ballots?
//   confirmed  P → C  (hash:u64 ballot)*      these are, durably
//   forget     C → P  (hash:u64 ballot)*      forget those that still are
//
// and for whoever was asked to have all nodes collect:
//
//   wanted     A → C                          collect what you are the collector of
//   ended      C → A  purged:u32 left:u32     shards that were purged, and that were not
//
//   ballot = stamp:u64 actor:u64
//
// Parts are safe to lose and to repeat: a collector asks again, and a round that does not get all
// its answers comes to nothing. Answers carry the round of what they answer.

/// One message about forgetting deletions.
public struct CollectionPart: Sendable {
    public enum Kind: UInt8, Sendable {
        case fence = 1
        case fenced, drain, drained, digest, digests, floor, floors, purge
        case confirm, confirmed, forget, wanted, ended
    }

    public var kind: Kind
    public var keyspace: KeyspaceID
    /// Chosen by the collector, which counts its rounds.
    public var round: UInt32
    /// What is older than this stamp is spoken of.
    public var stamp: UInt64
    /// The version of the cluster's definition that the sender goes by.
    public var definition: UInt64
    /// As above.
    public var body: Bytes

    public init(
        _ kind: Kind, keyspace: KeyspaceID, round: UInt32, stamp: UInt64, definition: UInt64,
        body: Bytes
    ) {
        self.kind = kind
        self.keyspace = keyspace
        self.round = round
        self.stamp = stamp
        self.definition = definition
        self.body = body
    }

    /// No part has a longer body.
    public static let maximumBytes = 1 << 20
}

/// A shard and the summary of what is older than the stamp of a round.
struct ShardSummary {
    var shard: UInt16
    var summary: Summary
}

extension ByteBuffer {
    mutating func append(_ item: ShardSummary) {
        appendInteger(item.shard)
        append(item.summary)
    }
}

extension ByteReader {
    mutating func shardSummary() throws(DecodeError) -> ShardSummary {
        ShardSummary(shard: try integer(), summary: try summary())
    }

    /// Shards up to the end.
    mutating func shards() throws(DecodeError) -> [UInt16] {
        try all { (reader) throws(DecodeError) in try reader.integer() }
    }
}
