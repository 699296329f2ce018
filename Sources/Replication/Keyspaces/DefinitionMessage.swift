import Basics
import Causality

// What members say to each other about the definition, inside a message of type `definition`:
//
//   shown     1 version:u64
//   install   2 definition
//   prepare   3 ballot
//   promise   4 ballot acceptedBallot definition
//   accept    5 ballot definition
//   accepted  6 ballot
//   refused   7 ballot promised
//
//   ballot, acceptedBallot, promised   stamp:u64 actor:u64

/// A step of deciding or spreading the cluster's definition. Each is safe to lose and to repeat.
public enum DefinitionMessage {
    /// This is the version that I have.
    case shown(UInt64)
    /// This was decided; answer `shown`.
    case install(ClusterDefinition)
    /// Promise to accept nothing below this ballot, and say what you have accepted.
    case prepare(Version)
    case promise(Version, accepted: Version, ClusterDefinition)
    /// Accept this, unless you have promised more.
    case accept(Version, ClusterDefinition)
    case accepted(Version)
    /// A higher ballot was promised.
    case refused(Version, promised: Version)

    func encode(into out: inout ByteBuffer) {
        switch self {
        case .shown(let version):
            out.append(1 as UInt8)
            out.appendInteger(version)
        case .install(let definition):
            out.append(2 as UInt8)
            definition.encode(into: &out)
        case .prepare(let ballot):
            out.append(3 as UInt8)
            out.appendVersion(ballot)
        case .promise(let ballot, let accepted, let definition):
            out.append(4 as UInt8)
            out.appendVersion(ballot)
            out.appendVersion(accepted)
            definition.encode(into: &out)
        case .accept(let ballot, let definition):
            out.append(5 as UInt8)
            out.appendVersion(ballot)
            definition.encode(into: &out)
        case .accepted(let ballot):
            out.append(6 as UInt8)
            out.appendVersion(ballot)
        case .refused(let ballot, let promised):
            out.append(7 as UInt8)
            out.appendVersion(ballot)
            out.appendVersion(promised)
        }
    }

    /// Throws what is wrong with bytes from outside.
    public static func check(_ bytes: Bytes) throws(DecodeError) {
        _ = try DefinitionMessage(bytes)
    }

    init(_ bytes: Bytes) throws(DecodeError) {
        var reader = ByteReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: self = .shown(try reader.integer())
        case 2: self = .install(try ClusterDefinition(&reader))
        case 3: self = .prepare(try reader.version())
        case 4:
            let ballot = try reader.version()
            let accepted = try reader.version()
            self = .promise(ballot, accepted: accepted, try ClusterDefinition(&reader))
        case 5:
            let ballot = try reader.version()
            self = .accept(ballot, try ClusterDefinition(&reader))
        case 6: self = .accepted(try reader.version())
        case 7:
            let ballot = try reader.version()
            self = .refused(ballot, promised: try reader.version())
        default: throw .invalid("unknown type of a definition message")
        }
        guard reader.remaining == 0 else { throw .invalid("a definition message with more behind") }
    }
}

/// Bytes of messages that were sent a moment ago: they must stay until the effects that name them
/// have been carried out, and are few.
struct Outbox: ~Copyable {
    struct Parcel: Reusable, ~Copyable {
        var bytes = ByteBuffer()
        init() {}
    }

    private var parcels = Slots<Parcel>(limit: Outbox.kept)
    private var next = 0
    /// More than one event sends.
    private static let kept = 64

    init() {
        for _ in 0..<Outbox.kept { _ = parcels.insert() }
    }

    /// The bytes that `render` appends; they live until 63 more parcels were packed.
    mutating func pack(_ render: (inout ByteBuffer) -> Void) -> Bytes {
        let place = next
        next = (next + 1) % Outbox.kept
        parcels[place].bytes.removeAll()
        render(&parcels[place].bytes)
        return parcels[place].bytes.bytes
    }
}
