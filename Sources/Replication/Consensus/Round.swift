import Basics
import Causality
import Storage

/// One key at its proposer: the changes that wait for it, and the ballot that is under way.
///
/// A register has one round at a time at a proposer. All changes that wait when a ballot begins
/// are applied in order and decided together. Knows nothing of networks, timers, or the node.
struct Round: ~Copyable, Reusable {
    enum Phase {
        case idle
        /// Another proposer was faster: the next ballot begins after a pause.
        case pausing
        case preparing
        case accepting
    }

    var phase = Phase.idle
    private(set) var layout: UInt8 = 0
    private(set) var shard: UInt16 = 0
    private(set) var majority: UInt8 = 0
    /// Positions of the replica that goes and the one that comes, if the shard is moving.
    private(set) var twins: UInt32 = 0
    private(set) var ballot = Ballot.none
    /// Those that promised, or accepted, in the present phase; a bit per position.
    private(set) var agreed: UInt32 = 0
    /// Those that refused in the present phase.
    private(set) var refused: UInt32 = 0
    /// The largest ballot that was heard of.
    private(set) var highest = Ballot.none
    /// The largest accepted ballot among the promises, and those who accepted that one.
    private(set) var base = Ballot.none
    private(set) var holders: UInt32 = 0
    /// The first and the last ballot of this batch that someone may have accepted and that was not
    /// decided; none when there is no doubt.
    private(set) var firstDoubt = Ballot.none
    private(set) var lastDoubt = Ballot.none
    /// What is decided must be accepted anew, even if a majority has it already.
    var isSettling = false
    /// Ballots in a row that did not come through.
    private(set) var failures = 0
    /// Changes that the state has in excess of the base.
    private var changes = 0
    /// Whether the state differs from the base.
    var isChanged: Bool { changes > 0 }

    /// Changes of the present ballot, and those that wait for the next; −1 for none.
    var batch: Int32 = -1
    var waiting: Int32 = -1
    var lastWaiting: Int32 = -1

    private var hash: UInt64 = 0
    private var keyspace = KeyspaceID.default
    private var keyBytes = ByteBuffer()
    /// The state under the base ballot.
    private var baseState = ByteBuffer()
    /// The state that is to be accepted.
    private var draft = ByteBuffer()
    private var spare = ByteBuffer()
    /// Bytes that the node counts as held.
    private var counted = 0

    init() {}

    mutating func begin(
        _ key: HashedKey, layout: UInt8, shard: UInt16, majority: Int, twins: UInt32
    ) {
        phase = .idle
        self.twins = twins
        self.layout = layout
        self.shard = shard
        self.majority = UInt8(majority)
        hash = key.hash
        keyspace = key.keyspace
        keyBytes.removeAll()
        keyBytes.append(key.bytes)
        batch = -1
        waiting = -1
        lastWaiting = -1
        highest = .none
        failures = 0
        isSettling = false
        settleDoubt()
    }

    var key: HashedKey { HashedKey(keyBytes.bytes, hash: hash, in: keyspace) }
    /// What is to be accepted, without a promise.
    var state: Bytes { draft.bytes }
    var hasMajority: Bool { agreed.countOfBothSides(twins) >= Int(majority) }
    /// The base is accepted by a majority: it is what the register holds.
    var isUnanimous: Bool { holders.countOfBothSides(twins) >= Int(majority) }
    var isInDoubt: Bool { !firstDoubt.isNone }

    // MARK: Promises

    /// `found`: this node's own record. Whatever was proposed before at the ballot that it accepted
    /// may be built on like a promise's, though it promises nothing yet.
    mutating func prepare(_ ballot: Ballot, knowing found: LogStore.Found?) {
        phase = .preparing
        self.ballot = ballot
        highest = max(highest, ballot)
        agreed = 0
        refused = 0
        base = .none
        holders = 0
        baseState.removeAll()
        if let found, found.content.form == .register {
            base = found.version
            baseState.append(Register(found.content.bytes).state.bytes)
        } else {
            Register.appendNothing(to: &baseState)
        }
    }

    /// Someone promises, and says what it has accepted. False if it does not count.
    mutating func promised(_ accepted: Ballot, _ content: Content?, at position: Int) -> Bool {
        let bit = UInt32(1) << UInt32(position)
        guard agreed & bit == 0 else { return false }
        if accepted > base {
            // Not newer than what this node knew when it asked: that is its own promise's base,
            // which has yet to come.
            guard let content, content.form == .register else { return false }
            base = accepted
            holders = 0
            baseState.removeAll()
            baseState.append(Register(content.bytes).state.bytes)
        }
        agreed |= bit
        if accepted == base { holders |= bit }
        return true
    }

    /// The base is this node's own record, whose successor a majority has promised.
    mutating func begin(from own: Register, accepted: Ballot) {
        ballot = accepted.successor
        highest = max(highest, ballot)
        base = accepted
        holders = 0
        baseState.removeAll()
        baseState.append(own.state.bytes)
    }

    // MARK: The state

    /// The state is the base; changes follow.
    mutating func startDraft() {
        draft.removeAll()
        draft.append(baseState.bytes)
        changes = 0
    }

    /// Applies one more change. The result's bytes are valid until the next; the version is that
    /// of what the register then holds.
    mutating func apply(_ change: Change) -> (ChangeResult, Version) {
        let version = ballot.version(ofChange: changes)
        switch change.apply(
            to: RegisterState(draft.bytes), version: version, into: &spare)
        {
        case .unchanged(let result): return (result, RegisterState(draft.bytes).version)
        case .changed(let result):
            swap(&draft, &spare)
            changes += 1
            return (result, RegisterState(draft.bytes).version)
        }
    }

    /// What was proposed before stays proposed: the base is it.
    mutating func keepDraft() {
        draft.removeAll()
        draft.append(baseState.bytes)
    }

    // MARK: Accepting

    mutating func propose() {
        phase = .accepting
        agreed = 0
        refused = 0
        if draft.isEmpty || RegisterState(draft.bytes).kind == .none { draftAbsent() }
    }

    /// Nothing was ever accepted; what is accepted now is that.
    private mutating func draftAbsent() {
        draft.removeAll()
        RegisterState.appendHead(.absent, sessions: 0, .none, to: &draft)
    }

    mutating func accepted(at position: Int) { agreed |= 1 << UInt32(position) }

    // MARK: Refusals

    mutating func heard(of ballot: Ballot) { highest = max(highest, ballot) }

    /// Someone has promised a larger ballot. True when no majority can come any more.
    mutating func refused(at position: Int, highest: Ballot, replicas: Int) -> Bool {
        heard(of: highest)
        refused |= 1 << UInt32(position)
        return replicas - refused.nonzeroBitCount < Int(majority)
    }

    /// The ballot did not come through.
    mutating func fail() {
        if case .accepting = phase {
            if firstDoubt.isNone { firstDoubt = ballot }
            lastDoubt = ballot
        }
        failures += 1
        phase = .pausing
    }

    /// The ring has changed: what was under way may have been accepted by anyone, and other
    /// quorums count from now on.
    mutating func restart(twins: UInt32) {
        self.twins = twins
        fail()
        failures = 0
    }

    mutating func settleDoubt() {
        firstDoubt = .none
        lastDoubt = .none
    }

    mutating func succeed() {
        settleDoubt()
        failures = 0
        isSettling = false
        phase = .idle
    }

    /// Bytes that are held and were not counted yet; negative if fewer are held.
    mutating func accountBytes() -> Int {
        let held = keyBytes.count + baseState.count + draft.count
        defer { counted = held }
        return held - counted
    }

    /// Minus the bytes that were counted.
    mutating func giveBackBytes() -> Int {
        defer { counted = 0 }
        return -counted
    }

    var isLarge: Bool {
        max(baseState.capacity, draft.capacity, spare.capacity) > slotBytesKept
    }

    /// Gives back what a large value took; only between turns, when no effect points here.
    mutating func shrink() {
        for path in 0..<3 {
            switch path {
            case 0: Round.shrink(&baseState)
            case 1: Round.shrink(&draft)
            default: Round.shrink(&spare)
            }
        }
    }

    private static func shrink(_ buffer: inout ByteBuffer) {
        buffer.removeAll()
        buffer.shrink(to: slotBytesKept)
    }
}
