import Basics

// Messages, little-endian; a count of updates is what fits:
//
//   message  = kind:u8 sequence:u32 target:u16 update*
//   kind     = 1 ping | 2 ack | 3 ask (please ping the target) | 4 nack (it does not answer me)
//            | 5 gossip | 6 state (of all members; please answer) | 7 state (the answer)
//   update   = node:u16 status:u8 incarnation:u32 source:u16

/// Whether a member lives, as far as is known.
public enum MemberStatus: UInt8, Sendable, Comparable {
    case alive = 0
    /// It did not answer a probe, and has some time to say that it lives.
    case suspect = 1
    /// It did not.
    case dead = 2

    public static func < (a: MemberStatus, b: MemberStatus) -> Bool { a.rawValue < b.rawValue }
}

/// What one member says about another.
public struct MemberUpdate: Sendable, Equatable {
    public var node: NodeID
    public var status: MemberStatus
    /// Of the member that it is about, which alone raises it.
    public var incarnation: UInt32
    /// Who suspects it, or has found it dead; itself, if it lives.
    public var source: NodeID

    public init(_ node: NodeID, _ status: MemberStatus, incarnation: UInt32, source: NodeID) {
        self.node = node
        self.status = status
        self.incarnation = incarnation
        self.source = source
    }

    public static let bytes = 9

    func encode(into out: inout ByteBuffer) {
        out.appendInteger(node.index)
        out.append(status.rawValue)
        out.appendInteger(incarnation)
        out.appendInteger(source.index)
    }

    static func decode(_ reader: inout ByteReader) throws(DecodeError) -> MemberUpdate {
        let node = try node(&reader)
        guard let status = MemberStatus(rawValue: try reader.integer()) else {
            throw .invalid("unknown status of a member")
        }
        let incarnation: UInt32 = try reader.integer()
        return MemberUpdate(node, status, incarnation: incarnation, source: try self.node(&reader))
    }

    static func node(_ reader: inout ByteReader) throws(DecodeError) -> NodeID {
        let index: UInt16 = try reader.integer()
        guard index < Limits.nodes else { throw .invalid("a member with an index above 999") }
        return NodeID(index)
    }
}

/// What a message is for; its updates follow it.
struct MembershipHead {
    enum Kind: UInt8 {
        case ping = 1
        case ack, ask, nack, gossip, stateAsked, state
    }

    var kind: Kind
    /// Names the probe that this belongs to, for whoever began it.
    var sequence: UInt32 = 0
    /// Whom an `ask` is about.
    var target = NodeID(0)

    static let bytes = 7

    func encode(into out: inout ByteBuffer) {
        out.append(kind.rawValue)
        out.appendInteger(sequence)
        out.appendInteger(target.index)
    }

    static func decode(_ reader: inout ByteReader) throws(DecodeError) -> MembershipHead {
        guard let kind = Kind(rawValue: try reader.integer()) else {
            throw .invalid("unknown kind of a membership message")
        }
        let sequence: UInt32 = try reader.integer()
        return MembershipHead(
            kind: kind, sequence: sequence, target: try MemberUpdate.node(&reader))
    }
}
