import Basics

/// A set of keys with rules of their own: how many replicas, which quorums, and what concurrent
/// writes come to. Keys of two keyspaces never meet.
public struct Keyspace: Sendable, Hashable {
    public let id: KeyspaceID
    public let name: String
    /// Replicas of every key; at most the members of the cluster. Fixed for its life.
    public let n: UInt8
    /// What concurrent writes of one key come to. Fixed for its life.
    public let mode: ConflictMode
    /// Replicas that must answer a read when the request does not say; 1…n.
    public var r: UInt8
    /// Replicas that must have stored a write when the request does not say; 1…n.
    public var w: UInt8
    /// Who may be asked in place of replicas that cannot be reached.
    public var kind = QuorumKind.strict
    /// What a read does about replicas that are behind.
    public var readRepair = ReadRepair.asynchronous
    /// Milliseconds after which a write reads as absent when the request does not say; 0: never.
    public var timeToLive: UInt64 = 0
    /// What a write without a context does to siblings.
    public var blind = BlindWrite.sibling
    /// Longest value, in bytes.
    public var valueBytes = UInt32(Limits.valueBytes)

    /// R and W are majorities of N unless given.
    public init(
        id: KeyspaceID, name: String, n: UInt8, mode: ConflictMode = .lww, r: UInt8? = nil,
        w: UInt8? = nil
    ) {
        self.id = id
        self.name = name
        self.n = n
        self.mode = mode
        self.r = r ?? n / 2 + 1
        self.w = w ?? n / 2 + 1
    }

    /// The keyspace that every cluster has, as a node's configuration says.
    public init(defaultOf configuration: Configuration) {
        self.init(
            id: .default, name: Keyspace.defaultName, n: configuration.n,
            mode: configuration.mode, r: configuration.r, w: configuration.w)
        kind = configuration.quorumKind
        readRepair = configuration.readRepair
    }

    public static let defaultName = "default"
    /// Longest name, in bytes.
    public static let nameBytes = 64

    /// Letters, digits, `_`, `-` and `.`, 1 to 64 of them.
    public static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= nameBytes
            && name.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || byte == 95 || byte == 45 || byte == 46
            }
    }
}

/// What a write without a context does to the siblings that are there.
public enum BlindWrite: String, Sendable, Hashable, CaseIterable {
    /// It becomes one more sibling.
    case sibling
    /// It replaces what its coordinator knows; racy, since another coordinator may know more.
    case replace
}

/// What every request needs to know of its keyspace: a few plain bytes, found by the keyspace's
/// number.
struct KeyspaceRules {
    /// False for a number that names nothing: never given, or dropped.
    var exists = false
    var n: UInt8 = 0
    var r: UInt8 = 0
    var w: UInt8 = 0
    var mode = ConflictMode.lww
    var kind = QuorumKind.strict
    var readRepair = ReadRepair.none
    var blind = BlindWrite.sibling
    /// Which of the node's placements it uses; one for each N.
    var layout: UInt8 = 0
    var valueBytes: UInt32 = 0
    /// Milliseconds; 0: never ends.
    var timeToLive: UInt64 = 0

    init() {}

    init(_ keyspace: Keyspace, layout: Int) {
        exists = true
        n = keyspace.n
        r = keyspace.r
        w = keyspace.w
        mode = keyspace.mode
        kind = keyspace.kind
        readRepair = keyspace.readRepair
        blind = keyspace.blind
        self.layout = UInt8(layout)
        valueBytes = keyspace.valueBytes
        timeToLive = keyspace.timeToLive
    }
}
