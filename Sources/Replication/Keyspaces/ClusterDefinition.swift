import Basics
import Partitioning

/// What all members must agree on and may change while they run: the keyspaces, and the members.
///
/// A definition with a higher version replaces one with a lower; each is decided by a majority of
/// the members, on top of the one before (`DefinitionRegister`).
public struct ClusterDefinition: Sendable, Hashable {
    /// Counts the changes; 0: nothing was ever decided.
    public private(set) var version: UInt64 = 0
    /// In order of their numbers. The default keyspace is among them once it was altered.
    public private(set) var keyspaces: [Keyspace] = []
    /// The number of the next keyspace: none is given twice.
    public private(set) var nextKeyspace: UInt16 = 1
    /// What contexts are signed with; none before anything was decided.
    private(set) var secret = SipHash.Key.none
    /// Who the members are, and what is moving between them.
    public private(set) var ring = RingState()

    public init() {}

    init(
        version: UInt64, keyspaces: [Keyspace], nextKeyspace: UInt16, secret: SipHash.Key,
        ring: RingState
    ) {
        self.secret = secret
        self.ring = ring
        self.version = version
        self.keyspaces = keyspaces
        self.nextKeyspace = nextKeyspace
    }

    public func keyspace(named name: String) -> Keyspace? {
        keyspaces.first { $0.name == name }
    }

    /// The definition after a change; throws why it cannot be. `fallback` is the default keyspace
    /// as the configuration has it, `members` the number of its members, `founders` those if they
    /// have names, `secret` a random number for a cluster that has none.
    func applying(
        _ change: DefinitionChange, default fallback: Keyspace, members: Int,
        founders: [RingMember], secret offered: SipHash.Key
    ) throws(DefinitionRefusal) -> ClusterDefinition {
        var next = self
        next.version += 1
        if secret == .none { next.secret = offered }
        switch change {
        case .create(let name, let settings):
            // Placement begins with the founders, whatever their number has become.
            let now = ring.members.isEmpty ? members : ring.members.count { $0.role == .member }
            try next.create(name, settings, default: fallback, members: min(members, now))
        case .alter(let name, let settings):
            try next.alter(name, settings, default: fallback)
        case .secret:
            guard secret == .none else { throw .exists }
        case .drop(let name):
            guard name != Keyspace.defaultName else { throw .defaultKeyspace }
            guard let place = keyspaces.firstIndex(where: { $0.name == name }) else {
                throw .unknown
            }
            next.keyspaces.remove(at: place)
        case .ring(let step):
            let largest = keyspaces.reduce(fallback.n) { max($0, $1.n) }
            try next.changeRing { (ring) throws(RingRefusal) in
                try ring.begin(step, founders: founders, largestN: Int(largest))
            }
        case .arrive(let change, let arrivals):
            try next.changeRing { (ring) throws(RingRefusal) in
                for arrival in arrivals {
                    try ring.arrive(arrival.shards.map(Int.init), n: Int(arrival.n), in: change)
                }
            }
        case .finish(let change):
            try next.changeRing { (ring) throws(RingRefusal) in try ring.finish(change) }
        case .callOff:
            try next.changeRing { (ring) throws(RingRefusal) in try ring.callOff() }
        }
        return next
    }

    private mutating func changeRing(
        _ change: (inout RingState) throws(RingRefusal) -> Void
    ) throws(DefinitionRefusal) {
        do throws(RingRefusal) { try change(&ring) } catch { throw .ring(error) }
    }

    private mutating func create(
        _ name: String, _ settings: KeyspaceSettings, default fallback: Keyspace, members: Int
    ) throws(DefinitionRefusal) {
        guard name != fallback.name, keyspace(named: name) == nil else { throw .exists }
        guard keyspaces.count < Limits.keyspaces, nextKeyspace < .max else { throw .tooMany }
        let n = settings.n ?? fallback.n
        // Whoever is coming would have to be given its shards, too.
        guard ring.current == nil else { throw .ring(.changing) }
        guard Int(n) <= members else { throw .tooFewMembers(n: n, members: UInt16(members)) }
        var keyspace = Keyspace(
            id: KeyspaceID(nextKeyspace), name: name, n: n, mode: settings.mode ?? .lww)
        try settings.set(&keyspace)
        nextKeyspace += 1
        keyspaces.append(keyspace)
    }

    private mutating func alter(
        _ name: String, _ settings: KeyspaceSettings, default fallback: Keyspace
    ) throws(DefinitionRefusal) {
        guard settings.n == nil, settings.mode == nil else { throw .fixed }
        // Requests in flight still use the quorums of before, and the new ones need not meet those.
        let mode = keyspaces.first { $0.name == name }?.mode ?? fallback.mode
        if mode == .abd, settings.r != nil || settings.w != nil { throw .fixed }
        if let place = keyspaces.firstIndex(where: { $0.name == name }) {
            try settings.set(&keyspaces[place])
        } else if name == fallback.name {
            var keyspace = fallback
            try settings.set(&keyspace)
            keyspaces.insert(keyspace, at: 0)
        } else {
            throw .unknown
        }
    }
}

/// A change of the definition, as a client asks for it.
public enum DefinitionChange: Sendable, Hashable {
    case create(String, KeyspaceSettings)
    case alter(String, KeyspaceSettings)
    case drop(String)
    /// Choose a secret, if there is none.
    case secret
    /// Begin to change the members.
    case ring(RingStep)
    /// The new replicas of these shards have everything, in the change of that number.
    case arrive(UInt32, [Arrival])
    /// All shards have arrived: the change of that number is over.
    case finish(UInt32)
    /// Give up the change that is going on.
    case callOff

    /// Shards of one N.
    public struct Arrival: Sendable, Hashable {
        public var n: UInt8
        public var shards: [UInt16]
    }
}

/// What a change says of a keyspace; nil where it says nothing.
public struct KeyspaceSettings: Sendable, Hashable {
    public var n: UInt8?
    public var r: UInt8?
    public var w: UInt8?
    public var mode: ConflictMode?
    public var kind: QuorumKind?
    public var readRepair: ReadRepair?
    public var timeToLive: UInt64?
    public var blind: BlindWrite?
    public var valueBytes: UInt32?

    public init() {}

    fileprivate func set(_ keyspace: inout Keyspace) throws(DefinitionRefusal) {
        keyspace.r = r ?? keyspace.r
        keyspace.w = w ?? keyspace.w
        keyspace.kind = kind ?? keyspace.kind
        keyspace.readRepair = readRepair ?? keyspace.readRepair
        keyspace.timeToLive = timeToLive ?? keyspace.timeToLive
        keyspace.blind = blind ?? keyspace.blind
        keyspace.valueBytes = valueBytes ?? keyspace.valueBytes
        let largest = max(keyspace.r, keyspace.w)
        guard largest <= keyspace.n else {
            throw .quorumTooLarge(asked: largest, n: keyspace.n)
        }
        guard keyspace.mode == .abd || keyspace.mode == .cp else { return }
        guard keyspace.r + keyspace.w > keyspace.n, keyspace.kind == .strict,
            keyspace.timeToLive == 0
        else { throw .unsafeForMode }
    }
}

/// Why a definition was not changed; certainly without effect.
public enum DefinitionRefusal: Error, Sendable, Hashable {
    case exists
    case unknown
    /// The default keyspace cannot be dropped.
    case defaultKeyspace
    /// N and the mode cannot be altered.
    case fixed
    case tooMany
    case tooFewMembers(n: UInt8, members: UInt16)
    case quorumTooLarge(asked: UInt8, n: UInt8)
    /// A linearizable keyspace needs strict, overlapping quorums, and its values do not end.
    case unsafeForMode
    /// The mode is not served by this release.
    case unservedMode
    /// Another change is being decided: the same request may succeed when it is.
    case conflict
    /// Fewer than a majority of the members can be reached.
    case noMajority(reachable: UInt16, members: UInt16)
    /// The members were not changed.
    case ring(RingRefusal)
    /// The node has not been told who the members are.
    case unnamedMembers
}
