import Basics

// What two replicas say to each other while they compare their records. The one that begins is the
// initiator (I), the other its partner (P):
//
//   roots      I → P  force:u8 preview:u8 (shard:u16 summary)*       of all shards of both
//   busy       P → I                                                 not now
//   differing  P → I  depth:u8 shard:u16*                            none: the keyspace is equal
//   nodes      I → P  level:u8 leaves:u8 (shard:u16 number:u32 summary)*
//   branches   P → I  (shard:u16 number:u32)*                        of these, compare the children
//   marks      P → I  level:u8 (shard:u16 number:u32 marks)*         of these leaves, all versions
//   versions   I → P  level:u8 count:u32 (hash:u64 stamp:u64 actor:u64)* (shard number marks)*
//                     what I has and P has not; marks that P has and I has not
//   answer     P → I  skipped:u32 owed:u32 bytes:u64 hash:u64*       what P wants of it
//   end        I → P  equal:u8
//
//   summary    low:u64 high:u64 count:u32
//   marks      count:u16 mark:u32*
//   mark       32 bits of a version's fingerprint, chosen by the round
//
// What one lacks, the other sends as `repair` messages before it goes on. The initiator numbers
// its messages, and answers carry the number of what they answer: lost and repeated ones are
// noticed. Whoever hears nothing for a while gives up, and the comparison is made anew later.

/// One message of a comparison of two replicas.
public struct ComparisonPart: Sendable {
    public enum Kind: UInt8, Sendable {
        case roots = 1
        case busy, differing, nodes, branches, marks, versions, answer, end
    }

    public var kind: Kind
    public var keyspace: KeyspaceID
    /// Chosen by the initiator, which counts its comparisons.
    public var round: UInt32
    public var step: UInt32
    /// As above.
    public var body: Bytes

    public init(
        _ kind: Kind, keyspace: KeyspaceID, round: UInt32, step: UInt32, body: Bytes
    ) {
        self.kind = kind
        self.keyspace = keyspace
        self.round = round
        self.step = step
        self.body = body
    }

    /// No part has a longer body.
    public static let maximumBytes = 8 << 20
}
