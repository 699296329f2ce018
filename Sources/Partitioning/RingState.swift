import Basics

/// A member as the whole cluster knows it; its index in the list of members is its `NodeID`.
public struct RingMember: Sendable, Hashable {
    public enum Role: UInt8, Sendable, CaseIterable {
        case member
        /// It is being given its shards, and has no vote yet.
        case joining
        /// Its shards are being given to others.
        case leaving
        /// It has left for good: its index and its name are never given again.
        case removed
    }

    public var name: String
    /// Where other members reach it; nothing in here reads it.
    public var address: String
    /// What fails together with it; empty: nothing.
    public var rack: String
    public var role: Role

    public init(name: String, address: String = "", rack: String = "", role: Role = .member) {
        self.name = name
        self.address = address
        self.rack = rack
        self.role = role
    }
}

/// One step from a set of members to the next. Of every shard at most one replica changes.
public struct RingChange: Sendable, Hashable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// `node` comes, and takes shards from those that have most.
        case join
        /// `node` goes, and those that have least take its shards.
        case leave
        /// `node` comes, and takes the place of `other` in all of its shards.
        case replace
    }

    public var kind: Kind
    public var node: NodeID
    /// Whose place `node` takes; `node` itself unless it replaces.
    public var other: NodeID
    /// The one that goes is not asked: it is dead.
    public var isForced: Bool

    public init(
        _ kind: Kind, _ node: NodeID, replacing other: NodeID? = nil, isForced: Bool = false
    ) {
        self.kind = kind
        self.node = node
        self.other = other ?? node
        self.isForced = isForced
    }

    /// Who comes, if anybody does.
    public var incoming: NodeID? { kind == .leave ? nil : node }
    /// Who goes, if anybody does.
    public var outgoing: NodeID? {
        switch kind {
        case .join: nil
        case .leave: node
        case .replace: other
        }
    }
}

/// Who the members are, and how they came to be that: everything that placement follows from
/// besides the founders' ring. A value that the members decide together.
///
/// A change goes through three epochs. In the first the shards that move have a replica more:
/// writes need their quorum of the old replicas and of the new ones, and reads ask the old ones,
/// while the new replica is brought what the old ones have. In the second, shard by shard, reads
/// ask the new ones. In the third there are only the new ones.
public struct RingState: Sendable, Hashable {
    /// By node index; empty: the founders, as every node's configuration has them.
    public private(set) var members: [RingMember] = []
    /// How many of the members were there from the beginning.
    public private(set) var founders = 0
    /// Changes that were begun, those that were called off included: the number of the last.
    public private(set) var begun: UInt32 = 0
    /// Changes that were carried through, in their order.
    public private(set) var completed: [RingChange] = []
    /// The change that is being carried through.
    public private(set) var current: RingChange?
    /// For each N, the shards whose new replica has everything; ascending by N.
    public private(set) var ready: [ReadyShards] = []

    /// Shards of one N, a bit each.
    public struct ReadyShards: Sendable, Hashable {
        public var n: UInt8
        public var words: [UInt64] = []

        public init(n: UInt8) { self.n = n }

        public func contains(_ shard: Int) -> Bool {
            shard >> 6 < words.count && words[shard >> 6] & 1 << UInt64(shard & 63) != 0
        }

        mutating func insert(_ shard: Int) {
            while words.count <= shard >> 6 { words.append(0) }
            words[shard >> 6] |= 1 << UInt64(shard & 63)
        }
    }

    public init() {}

    public init(
        members: [RingMember], founders: Int, begun: UInt32, completed: [RingChange],
        current: RingChange?, ready: [ReadyShards]
    ) {
        self.members = members
        self.founders = founders
        self.begun = begun
        self.completed = completed
        self.current = current
        self.ready = ready
    }

    /// Whether the ring is anything else than the founders'.
    public var isFounding: Bool { begun == 0 }

    /// Rises with every step of a change. Shards that are ready are one further.
    public var epoch: UInt32 { begun == 0 ? 0 : begun &* 3 &+ (current == nil ? 2 : 0) }

    /// Whether the new replica of a shard of this N has everything.
    public func isReady(_ shard: Int, n: Int) -> Bool {
        ready.first { $0.n == n }?.contains(shard) ?? false
    }

    public func index(named name: String) -> NodeID? {
        members.firstIndex { $0.name == name }.map { NodeID($0) }
    }

    /// Members that have not left, those that are joining included.
    public var presentCount: Int { members.count { $0.role != .removed } }

    // MARK: Steps

    /// What everybody's configuration says stands at the beginning.
    mutating func found(_ founders: [RingMember]) {
        guard members.isEmpty else { return }
        members = founders
        self.founders = founders.count
    }

    /// Begins a change.
    public mutating func begin(
        _ step: RingStep, founders: [RingMember], largestN: Int
    ) throws(RingRefusal) {
        found(founders)
        guard current == nil else { throw .changing }
        switch step {
        case .join(let member):
            current = RingChange(.join, try add(member))
        case .replace(let name, let member):
            let other = try present(name)
            let node = try add(member)
            members[Int(other.index)].role = .leaving
            current = RingChange(.replace, node, replacing: other, isForced: true)
        case .leave(let name, let isForced):
            let node = try present(name)
            guard presentCount > largestN else { throw .tooFew(needed: largestN) }
            members[Int(node.index)].role = .leaving
            current = RingChange(.leave, node, isForced: isForced)
        }
        begun += 1
        ready = []
    }

    private mutating func add(_ member: RingMember) throws(RingRefusal) -> NodeID {
        if let known = index(named: member.name) {
            throw members[Int(known.index)].role == .removed ? .hasLeft : .exists
        }
        guard
            !members.contains(where: {
                $0.role != .removed && $0.address == member.address && !member.address.isEmpty
            })
        else { throw .addressTaken }
        guard presentCount < Limits.nodes, members.count < Limits.nodeIndexes else {
            throw .tooMany
        }
        var member = member
        member.role = .joining
        members.append(member)
        return NodeID(members.count - 1)
    }

    private func present(_ name: String) throws(RingRefusal) -> NodeID {
        guard let node = index(named: name) else { throw .unknown }
        guard members[Int(node.index)].role != .removed else { throw .hasLeft }
        return node
    }

    /// The new replicas of these shards have everything that the old ones had.
    public mutating func arrive(
        _ shards: [Int], n: Int, in change: UInt32
    ) throws(RingRefusal) {
        guard current != nil, change == begun else { throw .over }
        let place = ready.firstIndex { $0.n >= n } ?? ready.count
        if place == ready.count || ready[place].n != n {
            ready.insert(ReadyShards(n: UInt8(n)), at: place)
        }
        for shard in shards { ready[place].insert(shard) }
    }

    /// All shards are ready, and everybody who could have served the old ones knows it.
    public mutating func finish(_ change: UInt32) throws(RingRefusal) {
        guard let done = current, change == begun else { throw .over }
        if let node = done.incoming { members[Int(node.index)].role = .member }
        if let node = done.outgoing { members[Int(node.index)].role = .removed }
        completed.append(done)
        current = nil
        ready = []
    }

    /// The change does not come about. Who was to come has left; who was to go stays.
    public mutating func callOff() throws(RingRefusal) {
        guard let current else { throw .over }
        if let node = current.incoming { members[Int(node.index)].role = .removed }
        if let node = current.outgoing { members[Int(node.index)].role = .member }
        self.current = nil
        ready = []
    }
}

/// How a change begins, as somebody asks for it.
public enum RingStep: Sendable, Hashable {
    case join(RingMember)
    case replace(String, RingMember)
    case leave(String, isForced: Bool)
}

/// Why the ring was not changed; certainly without effect.
public enum RingRefusal: Error, Sendable, Hashable {
    /// Another change is being carried through.
    case changing
    /// There is no member of that name.
    case unknown
    /// There is a member of that name.
    case exists
    case addressTaken
    /// The member has left for good.
    case hasLeft
    /// As many members must stay as a keyspace has replicas.
    case tooFew(needed: Int)
    case tooMany
    /// The change that is spoken of is not the one that is being carried through.
    case over
}
