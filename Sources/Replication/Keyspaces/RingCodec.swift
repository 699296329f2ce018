import Basics
import Partitioning

// Little-endian (docs/formats/definition.md):
//
//   ring     = members:u16 member* founders:u16 begun:u32 completed:u16 step* current:u8 step?
//              layouts:u8 ready*
//   member   = role:u8 name address rack
//   step     = kind:u8 node:u16 other:u16 forced:u8
//   ready    = n:u8 words:u16 u64*           ; a bit for each shard
//   change   = 5 name address rack (join) | 6 name name address rack (replace the first)
//              | 7 forced:u8 name (leave) | 8 change:u32 layouts:u8 arrival* (arrive)
//              | 9 change:u32 (finish) | 10 (call off)
//   arrival  = n:u8 count:u16 shard:u16*

extension RingState {
    func encode(into out: inout ByteBuffer) {
        out.appendInteger(UInt16(members.count))
        for member in members {
            out.append(member.role.rawValue)
            out.append(member)
        }
        out.appendInteger(UInt16(founders))
        out.appendInteger(begun)
        out.appendInteger(UInt16(completed.count))
        for change in completed { out.append(change) }
        out.append((current == nil ? 0 : 1) as UInt8)
        if let current { out.append(current) }
        out.append(UInt8(ready.count))
        for shards in ready {
            out.append(shards.n)
            out.appendInteger(UInt16(shards.words.count))
            for word in shards.words { out.appendInteger(word) }
        }
    }

    init(_ reader: inout ByteReader) throws(DecodeError) {
        var members: [RingMember] = []
        for _ in 0..<(try reader.integer(UInt16.self)) {
            guard let role = RingMember.Role(rawValue: try reader.integer()) else {
                throw .invalid("a role that this release does not know")
            }
            var member = try reader.member()
            member.role = role
            members.append(member)
        }
        let founders = Int(try reader.integer(UInt16.self))
        let begun = try reader.integer(UInt32.self)
        var completed: [RingChange] = []
        for _ in 0..<(try reader.integer(UInt16.self)) {
            completed.append(try reader.step(members.count))
        }
        let current =
            try reader.integer(UInt8.self) == 0 ? nil : try reader.step(members.count)
        var ready: [ReadyShards] = []
        for _ in 0..<(try reader.integer(UInt8.self)) {
            var shards = ReadyShards(n: try reader.integer())
            for _ in 0..<(try reader.integer(UInt16.self)) {
                shards.words.append(try reader.integer())
            }
            ready.append(shards)
        }
        guard founders <= members.count, members.count <= Limits.nodeIndexes,
            completed.count + (current == nil ? 0 : 1) <= Int(begun)
        else { throw .invalid("a ring that no changes lead to") }
        self.init(
            members: members, founders: founders, begun: begun, completed: completed,
            current: current, ready: ready)
    }
}

extension DefinitionChange {
    func encodeRing(into out: inout ByteBuffer) {
        switch self {
        case .ring(.join(let member)):
            out.append(5 as UInt8)
            out.append(member)
        case .ring(.replace(let name, let member)):
            out.append(6 as UInt8)
            out.appendName(name)
            out.append(member)
        case .ring(.leave(let name, let isForced)):
            out.append(7 as UInt8)
            out.append((isForced ? 1 : 0) as UInt8)
            out.appendName(name)
        case .arrive(let change, let arrivals):
            out.append(8 as UInt8)
            out.appendInteger(change)
            out.append(UInt8(arrivals.count))
            for arrival in arrivals {
                out.append(arrival.n)
                out.appendInteger(UInt16(arrival.shards.count))
                for shard in arrival.shards { out.appendInteger(shard) }
            }
        case .finish(let change):
            out.append(9 as UInt8)
            out.appendInteger(change)
        case .callOff: out.append(10 as UInt8)
        case .create, .alter, .drop, .secret: preconditionFailure("not a change of the ring")
        }
    }

    init(ofRing kind: UInt8, _ reader: inout ByteReader) throws(DecodeError) {
        switch kind {
        case 5: self = .ring(.join(try reader.member()))
        case 6:
            let name = try reader.name()
            self = .ring(.replace(name, try reader.member()))
        case 7:
            let isForced = try reader.integer(UInt8.self) != 0
            self = .ring(.leave(try reader.name(), isForced: isForced))
        case 8:
            let change: UInt32 = try reader.integer()
            var arrivals: [Arrival] = []
            for _ in 0..<(try reader.integer(UInt8.self)) {
                var arrival = Arrival(n: try reader.integer(), shards: [])
                for _ in 0..<(try reader.integer(UInt16.self)) {
                    arrival.shards.append(try reader.integer())
                }
                arrivals.append(arrival)
            }
            self = .arrive(change, arrivals)
        case 9: self = .finish(try reader.integer())
        case 10: self = .callOff
        default: throw .invalid("unknown kind of a change")
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func append(_ member: RingMember) {
        appendName(member.name)
        appendName(member.address)
        appendName(member.rack)
    }

    fileprivate mutating func append(_ change: RingChange) {
        append(change.kind.rawValue)
        appendInteger(change.node.index)
        appendInteger(change.other.index)
        append((change.isForced ? 1 : 0) as UInt8)
    }
}

extension ByteReader {
    fileprivate mutating func member() throws(DecodeError) -> RingMember {
        let name = try name()
        let address = try self.name()
        guard !name.isEmpty else { throw .invalid("a member without a name") }
        return RingMember(name: name, address: address, rack: try self.name())
    }

    fileprivate mutating func step(_ members: Int) throws(DecodeError) -> RingChange {
        guard let kind = RingChange.Kind(rawValue: try integer()) else {
            throw .invalid("a change of members that this release does not know")
        }
        let node = NodeID(try integer(UInt16.self))
        let other = NodeID(try integer(UInt16.self))
        let isForced = try integer(UInt8.self) != 0
        guard node.index < members, other.index < members else {
            throw .invalid("a change of members that do not exist")
        }
        return RingChange(kind, node, replacing: other, isForced: isForced)
    }
}
