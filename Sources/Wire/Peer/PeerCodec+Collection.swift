import Basics
import Replication

/// Messages about forgetting deletions.
extension PeerCodec {
    static func append(_ part: CollectionPart, to out: inout ByteBuffer) {
        out.append(34 as UInt8)
        out.append(part.kind.rawValue)
        out.appendInteger(part.keyspace.raw)
        out.appendInteger(part.round)
        out.appendInteger(part.stamp)
        out.appendInteger(part.definition)
        out.appendInteger(UInt32(part.body.count))
        out.append(part.body)
    }

    static func collection(_ reader: inout ByteReader) throws(DecodeError) -> CollectionPart {
        guard let kind = CollectionPart.Kind(rawValue: try reader.integer()) else {
            throw .invalid("unknown kind of a message about deletions")
        }
        let keyspace = KeyspaceID(try reader.integer(UInt16.self))
        let round: UInt32 = try reader.integer()
        let stamp: UInt64 = try reader.integer()
        let definition: UInt64 = try reader.integer()
        let count = Int(try reader.integer(UInt32.self))
        guard count <= CollectionPart.maximumBytes else {
            throw .invalid("a message about deletions longer than 1 MiB")
        }
        return CollectionPart(
            kind, keyspace: keyspace, round: round, stamp: stamp, definition: definition,
            body: try reader.take(count))
    }
}
