import Basics
import Causality

/// One read in flight: keeps the newest answer so far, and who has it.
///
/// The local answer is copied when it counts: looking the record up again later could return a
/// write that came after the read. When the client has been answered, the slot may stay taken for
/// a while to learn which replicas are behind.
struct GetCoordinator: ~Copyable, Reusable {
    /// What is done with the result.
    enum Purpose {
        case get
        /// Tell when the key ends.
        case life
        /// Write a tombstone with this W, and report whether there was a value.
        case delete(w: UInt8)
        /// Learn the newest version, and write something newer with this W.
        case write(w: UInt8)
    }

    /// What a read needs to end.
    struct Goal {
        var purpose: Purpose
        /// Which of the node's placements holds the key.
        var layout: Int
        var shard: Int
        /// Replicas of the key.
        var n: UInt8
        /// Replicas that are asked, a bit per position of the preference list.
        var targets: UInt32
        /// Answers that make the read quorum.
        var r: UInt8
        /// Positions of the replica that goes and the one that comes, if the shard is moving.
        var twins: UInt32 = 0
        /// Replicas that must hold what is returned, if repair is blocking.
        var w: UInt8
        var repair: ReadRepair
        /// The records are consensus registers: W replicas must hold one and the same.
        var isRegister = false
        /// What the replicas know is joined, instead of the newest being taken.
        var isSiblings = false
        /// Some are asked for the version only.
        var isDigest = false
        /// As the request said, for the write that may follow.
        var kind: QuorumKind?
        /// Nothing older may be returned.
        var token: Version
        /// A third of the timeout.
        var step: Instant.Duration
    }

    /// What the answers so far allow.
    enum Verdict {
        case wait
        case answer
        /// The newest version is known, and fewer than W replicas are known to hold it.
        case writeBack
        /// Everyone has answered, and too few hold the same.
        case split
    }

    private(set) var client = ClientID(connection: 0, generation: 0, sequence: 0)
    private(set) var goal = Goal(
        purpose: .get, layout: 0, shard: 0, n: 0, targets: 0, r: 0, w: 0, repair: .none,
        kind: nil, token: .none, step: .zero)
    private(set) var answered: UInt32 = 0
    /// Those that answered and hold the newest version among the answers.
    private(set) var holders: UInt32 = 0
    /// The newest version among the answers.
    private(set) var version = Version.none
    /// Of answers that had nothing: as of when that is the newest, and who has it so.
    private var floor: UInt64 = 0
    private var absentees: UInt32 = 0
    private var form = Content.Form.tombstone
    private var expiry: UInt64 = 0
    /// True once the client has its answer: what still comes tells who is behind.
    private(set) var isAnswered = false
    /// True while a put coordinator carries the newest version to replicas that lack it.
    private(set) var isWritingBack = false
    var stepsLeft = 0
    /// Replicas that may be asked besides, when one that was asked is late.
    var reserve: UInt32 = 0
    /// When the question was asked, for those who answer it at once.
    private(set) var begun = Instant.origin
    /// Those that have told their version, which is newer than what is known here; and whom of
    /// them the value was asked of.
    private(set) var marked: UInt32 = 0
    private var refetching: UInt32 = 0

    private var hash: UInt64 = 0
    private var keyspace = KeyspaceID.default
    private var keyBytes = ByteBuffer()
    private var valueBytes = ByteBuffer()
    /// What is to be written after the read.
    private var pendingForm = Content.Form.tombstone
    private var pendingExpiry: UInt64 = 0
    private var pendingBytes = ByteBuffer()
    /// Of siblings: the version of what each position has shown.
    private var shown: [Version] = []
    private var joined = ByteBuffer(capacity: 16)
    private var contextBytes = ByteBuffer(capacity: 16)

    init() {}

    mutating func begin(
        _ key: HashedKey, for client: ClientID, goal: Goal, pending: Content = .tombstone,
        at now: Instant = .origin
    ) {
        self.client = client
        self.goal = goal
        answered = 0
        holders = 0
        version = .none
        floor = 0
        absentees = 0
        form = .tombstone
        expiry = 0
        isAnswered = false
        isWritingBack = false
        stepsLeft = 3
        reserve = 0
        marked = 0
        refetching = 0
        begun = now
        hash = key.hash
        keyspace = key.keyspace
        keyBytes.removeAll()
        keyBytes.append(key.bytes)
        valueBytes.removeAll()
        pendingForm = pending.form
        pendingExpiry = pending.expiry
        pendingBytes.removeAll()
        pendingBytes.append(pending.bytes)
        guard goal.isSiblings || goal.isDigest else { return }
        shown.removeAll(keepingCapacity: true)
        for _ in 0..<2 * Limits.replicas { shown.append(.none) }
    }

    /// What is to be written after the read.
    var pending: Content { Content(pendingForm, pendingBytes.bytes, expiry: pendingExpiry) }
    var key: HashedKey { HashedKey(keyBytes.bytes, hash: hash, in: keyspace) }
    /// The newest content among the answers; a tombstone when there is none.
    var content: Content { Content(form, valueBytes.bytes, expiry: expiry) }
    var answers: UInt8 { UInt8(truncatingIfNeeded: answered.nonzeroBitCount) }
    var silent: UInt32 { goal.targets & ~answered }
    /// Those that answered with something older than the newest.
    var stale: UInt32 { answered & ~holders }
    var whoAnswered: Answered {
        Answered(shard: UInt16(truncatingIfNeeded: goal.shard), n: goal.n, mask: answered)
    }
    var heldBytes: Int { keyBytes.count + valueBytes.count + pendingBytes.count }
    /// Everyone who was asked has answered.
    var isComplete: Bool { answered == goal.targets }
    /// Something was found, and it is older than the session has seen.
    var isBehindToken: Bool { max(version, .absence(asOf: floor)) < goal.token }

    /// Takes note of an answer. False if it does not count: from nobody who was asked, or again.
    mutating func fetched(_ version: Version, _ fetched: Fetched, at position: Int) -> Bool {
        let bit = UInt32(1) << UInt32(truncatingIfNeeded: position)
        guard goal.targets & bit != 0, answered & bit == 0 else { return false }
        if version.isAbsence, case .notNewer = fetched {
            if case .write = goal.purpose { self.version = max(self.version, version) }
            answered |= bit
            if goal.isSiblings { shown[position] = .none }
            absent(asOf: version.stamp, at: position)
            return true
        }
        if goal.isSiblings {
            answered |= bit
            shown[position] = version
            if case .found(let content) = fetched, version.stamp >= floor {
                join(content, version)
            }
            noteHolders()
            return true
        }
        if version > self.version {
            switch fetched {
            // Not newer than what was known when it was asked: that is the newest there is, or it
            // was forgotten since; asked again, it will say more.
            case .notNewer:
                // A write needs the version only.
                guard case .write = goal.purpose else {
                    guard goal.isDigest else { return false }
                    shown[position] = version
                    marked |= bit
                    return true
                }
            case .found(let content):
                form = content.form
                expiry = content.expiry
                valueBytes.removeAll()
                valueBytes.append(content.bytes)
            }
            self.version = version
            holders = 0
        }
        answered |= bit
        marked &= ~bit
        refetching &= ~bit
        if version == self.version { holders |= bit }
        settleFloor()
        return true
    }

    // MARK: Versions without values

    /// Counts those whose version is not newer than the value that has come.
    mutating func countMarked() {
        var left = marked
        while left != 0 {
            let position = left.trailingZeroBitCount
            left &= left &- 1
            guard shown[position] <= version else { continue }
            let bit = UInt32(1) << UInt32(position)
            marked &= ~bit
            answered |= bit
            if shown[position] == version { holders |= bit }
        }
    }

    /// Whom the value must be asked of now: the one with the newest version, when enough have
    /// answered and the value is all that is missing.
    mutating func positionToRefetch() -> Int? {
        let known = Int(answers) + marked.nonzeroBitCount
        guard marked != 0, refetching == 0, known >= Int(goal.r) else { return nil }
        var newest: Int?
        var left = marked
        while left != 0 {
            let position = left.trailingZeroBitCount
            left &= left &- 1
            if newest.map({ shown[$0] < shown[position] }) ?? true { newest = position }
        }
        if let newest { refetching = 1 << UInt32(newest) }
        return newest
    }

    /// Asks one of the reserve, too.
    mutating func ask(_ position: Int) {
        let bit = UInt32(1) << UInt32(position)
        reserve &= ~bit
        goal.targets |= bit
    }

    // MARK: Deletions that are forgotten

    /// Someone has nothing, which as of `stamp` is the newest.
    mutating func absent(asOf stamp: UInt64, at position: Int) {
        let bit = UInt32(1) << UInt32(truncatingIfNeeded: position)
        if stamp > floor {
            floor = stamp
            absentees = 0
        }
        if stamp == floor { absentees |= bit }
        if version.isNone { holders |= bit }
        settleFloor()
    }

    /// What was written before the floor is deleted. If nobody has anything, nothing is to be
    /// said of when.
    private mutating func settleFloor() {
        guard floor > 0, !version.isNone, version.stamp <= floor else { return }
        if goal.isSiblings {
            guard version.stamp < floor else { return }
            version = .none
            valueBytes.removeAll()
            form = .tombstone
            return noteHolders()
        }
        version = .absence(asOf: floor)
        form = .tombstone
        expiry = 0
        valueBytes.removeAll()
        holders = absentees
    }

    // MARK: Siblings

    /// What the answers know together.
    var siblings: SiblingSet {
        SiblingSet(form == .siblings ? valueBytes.bytes : .empty)
    }
    /// The token that was made last.
    var context: Bytes { contextBytes.bytes }

    private mutating func join(_ content: Content, _ version: Version) {
        guard content.form == .siblings else { return }
        if form == .tombstone || version == self.version {
            form = .siblings
            valueBytes.removeAll()
            valueBytes.append(content.bytes)
            self.version = version
            return
        }
        joined.removeAll()
        let (known, other) = (siblings, SiblingSet(content.bytes))
        trusted { () throws(DecodeError) in
            try SiblingSet.join(known, other, into: &joined)
        }
        swap(&joined, &valueBytes)
        self.version = trusted { () throws(DecodeError) in try siblings.version() }
    }

    /// Those who have shown all that is known now.
    private mutating func noteHolders() {
        holders = 0
        var left = answered
        while left != 0 {
            let position = left.trailingZeroBitCount
            if shown[position] == version { holders |= 1 << UInt32(position) }
            left &= left &- 1
        }
    }

    /// Makes the token for writing with the context of what is known.
    mutating func makeContext(secret: SipHash.Key, scratch: inout ByteBuffer) {
        contextBytes.removeAll()
        let (known, key) = (siblings, key)
        trusted { () throws(DecodeError) in
            try ContextToken.append(
                known, of: key, secret: secret, scratch: &scratch, to: &contextBytes)
        }
    }

    /// Whether the client can be answered now.
    var verdict: Verdict {
        if goal.isRegister {
            if answers >= goal.r, holders.countOfBothSides(goal.twins) >= goal.w {
                return .answer
            }
            return isComplete ? .split : .wait
        }
        guard answers >= goal.r, !isBehindToken else { return .wait }
        guard goal.repair == .blocking, !version.isNone,
            holders.countOfBothSides(goal.twins) < goal.w
        else { return .answer }
        // The one that comes is asked for nothing, but may take what is written back.
        return answers >= goal.w || goal.twins != 0 ? .writeBack : .wait
    }

    mutating func answer() { isAnswered = true }
    mutating func beginWriteBack() { isWritingBack = true }

    /// Forgets who has answered, so that all are asked again: what they had was too old.
    mutating func startOver() {
        goal.targets |= reserve
        reserve = 0
        marked = 0
        refetching = 0
        answered = 0
        holders = 0
        absentees = 0
    }

    /// The ring has changed: others are asked, and nothing that was said counts as an answer.
    mutating func restart(targets: UInt32, twins: UInt32) {
        goal.targets = targets
        goal.twins = twins
        startOver()
    }

    /// True when a large value has grown the slot's buffer.
    var isLarge: Bool { max(valueBytes.capacity, pendingBytes.capacity) > slotBytesKept }

    /// Gives back what a large value took; only between turns, when no effect points here.
    mutating func shrink() {
        valueBytes.removeAll()
        valueBytes.shrink(to: slotBytesKept)
        pendingBytes.removeAll()
        pendingBytes.shrink(to: slotBytesKept)
    }
}
