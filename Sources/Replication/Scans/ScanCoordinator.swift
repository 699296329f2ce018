import Basics
import Causality

/// One scan in flight: what it looks for, and what the members that were asked have answered.
///
/// In every round each of them sends the next of its records. What lies before the end of the
/// shortest answer is known of all, so that much is merged; a round from there follows, or the
/// client is answered.
struct ScanCoordinator: ~Copyable, Reusable {
    /// What a scan needs to end.
    struct Goal {
        var isByKey: Bool
        var extent: Scan.Extent
        var keyspace: KeyspaceID
        var hasValues: Bool
        var mode: ConflictMode
        var layout: Int
        var n: UInt8
        /// Replicas of every shard that must have answered.
        var r: UInt8
        /// A third of the timeout, which is for each round.
        var step: Instant.Duration
    }

    /// What a member has answered in this round.
    private struct Answered {
        var node: NodeID
        var state: ScanAnswer.State
        var next: UInt64
        var key: Range<Int>
        var records: Range<Int>
    }

    private(set) var client = ClientID(connection: 0, generation: 0, sequence: 0)
    private(set) var goal = Goal(
        isByKey: false, extent: .all, keyspace: .default, hasValues: false, mode: .lww, layout: 0,
        n: 0, r: 0, step: .zero)
    private(set) var asked: [NodeID] = []
    private(set) var round: UInt16 = 0
    /// The version of the cluster's definition that this round goes by.
    private(set) var definition: UInt64 = 0
    var stepsLeft = 0
    /// The hashes that this round is about.
    var hashes: ClosedRange<UInt64> = 0...UInt64.max
    /// Of a scan from anywhere: where it began, and whether it has come around.
    var wrapsTo: UInt64?
    var hasWrapped = false
    /// Rounds before this one.
    private(set) var rounds = 0
    /// The next round waits, so that a long scan does not keep the node from all else.
    var isPaused = false
    /// Keys found so far.
    private(set) var count = 0

    private var key = ByteBuffer(capacity: 64)
    private var received = ByteBuffer(capacity: 1 << 10)
    private var answers: [Answered] = []
    private var page = ByteBuffer(capacity: 1 << 10)
    private var joined = ByteBuffer(capacity: 16)
    private var joining = ByteBuffer(capacity: 16)
    private var places: [Int] = []
    private var heads: [ScanRecord?] = []

    init() {}

    mutating func begin(
        _ goal: Goal, for client: ClientID, from key: Bytes, hashes: ClosedRange<UInt64>,
        asking members: [NodeID], definition: UInt64
    ) {
        self.definition = definition
        self.goal = goal
        self.client = client
        self.hashes = hashes
        self.key.removeAll()
        self.key.append(key)
        asked.removeAll(keepingCapacity: true)
        asked += members
        page.removeAll()
        count = 0
        wrapsTo = nil
        hasWrapped = false
        isPaused = false
        rounds = 0
        round &+= 1
        beginRound()
    }

    /// What members are asked in this round. The key points into this slot.
    var question: ScanQuestion {
        let limit: UInt32
        switch goal.extent {
        case .page(let keys):
            // Where much was deleted more is looked at with every round.
            let least = rounds == 0 ? 1 : 64 << min(rounds, 8)
            limit = min(UInt32(clamping: max(least, keys - count)), ScanQuestion.mostRecords)
        case .all: limit = ScanQuestion.mostRecords
        }
        return ScanQuestion(
            definition: definition, round: round, isByKey: goal.isByKey,
            hasValues: goal.hasValues || goal.mode == .siblings, keyspace: goal.keyspace,
            limit: limit, hashes: hashes, key: key.bytes)
    }

    private mutating func beginRound() {
        stepsLeft = 3
        received.removeAll()
        answers.removeAll(keepingCapacity: true)
    }

    /// Asks anew, since the cluster is another one than when this round began.
    mutating func beginAnew(definition: UInt64) {
        self.definition = definition
        round &+= 1
        beginRound()
    }

    /// Goes on from the end of what was merged.
    mutating func goOn(from next: Scan.Place, through last: UInt64) {
        switch next {
        case .hash(let hash): hashes = hash...last
        case .key(let bytes):
            joining.removeAll()
            joining.append(bytes)
            swap(&joining, &key)
        case .anywhere: preconditionFailure("a scan goes on from a place")
        }
        round &+= 1
        rounds += 1
        beginRound()
    }

    var heldBytes: Int { received.count + page.count }

    /// Asks others besides.
    mutating func ask(_ node: NodeID) { asked.append(node) }

    func hasAnswered(_ node: NodeID) -> Bool {
        answers.contains { $0.node == node && $0.state != .ordering }
    }

    /// Whether a member that was asked is still putting keys in order.
    var isOrdering: Bool { answers.contains { $0.state == .ordering } }

    /// Takes an answer; false if it is for another round, or from nobody who was asked, or again.
    mutating func take(_ bytes: Bytes, from node: NodeID) throws(DecodeError) -> Bool {
        let answer = try ScanAnswer(bytes)
        guard answer.round == round, answer.definition == definition, asked.contains(node),
            !hasAnswered(node)
        else { return false }
        answers.removeAll { $0.node == node }
        let keyStart = received.count
        received.append(answer.key)
        let start = received.count
        received.append(bytes.slice(answer.start, bytes.count))
        answers.append(
            Answered(
                node: node, state: answer.state, next: answer.next, key: keyStart..<start,
                records: start..<received.count))
        return answer.state != .ordering
    }

    // MARK: Merging

    /// Adds what all answers cover to the page, and returns from where more would come; nil at the
    /// end of what was asked about.
    mutating func merge(at milliseconds: UInt64) -> Scan.Place? {
        let end = commonEnd()
        places.removeAll(keepingCapacity: true)
        heads.removeAll(keepingCapacity: true)
        for answer in answers where answer.state != .ordering {
            places.append(answer.records.lowerBound)
            heads.append(nil)
        }
        for i in heads.indices { advance(i) }
        var last: UInt64?
        while let least = leastHead() {
            guard let record = heads[least], isCovered(record, end) else { break }
            if isFull, goal.isByKey || record.hash != last {
                return goal.isByKey ? .key(record.key) : .hash(record.hash)
            }
            last = record.hash
            mergeRecords(of: record, at: milliseconds)
        }
        return place(end)
    }

    private var isFull: Bool {
        if page.count > Limits.valueBytes { return true }
        guard goal.isByKey, case .page(let keys) = goal.extent else { return false }
        return count >= keys
    }

    /// The answer that ends first, among those that do not go on to the end.
    private func commonEnd() -> Int? {
        var least: Int?
        for (i, answer) in answers.enumerated() where answer.state == .more {
            guard let known = least else {
                least = i
                continue
            }
            let isSooner =
                goal.isByKey ? endKey(i) < endKey(known) : answer.next < answers[known].next
            if isSooner { least = i }
        }
        return least
    }

    private func endKey(_ i: Int) -> Bytes {
        received.bytes.slice(answers[i].key.lowerBound, answers[i].key.upperBound)
    }

    private func isCovered(_ record: ScanRecord, _ end: Int?) -> Bool {
        guard let end else { return true }
        return goal.isByKey ? !(endKey(end) < record.key) : record.hash < answers[end].next
    }

    /// Behind what the answer that ends first covers.
    private mutating func place(_ end: Int?) -> Scan.Place? {
        guard let end else { return nil }
        guard goal.isByKey else { return .hash(answers[end].next) }
        joined.removeAll()
        joined.append(endKey(end))
        joined.append(0 as UInt8)
        return .key(joined.bytes)
    }

    private mutating func advance(_ i: Int) {
        var left = i
        var end = 0
        for answer in answers where answer.state != .ordering {
            if left == 0 { end = answer.records.upperBound }
            left -= 1
        }
        guard places[i] < end else {
            heads[i] = nil
            return
        }
        var reader = ByteReader(received.bytes.slice(places[i], end))
        heads[i] = trusted { () throws(DecodeError) in try ScanRecord(&reader) }
        places[i] += reader.offset
    }

    private func leastHead() -> Int? {
        var least: Int?
        for (i, head) in heads.enumerated() {
            guard let head else { continue }
            if let known = least.flatMap({ heads[$0] }), !head.isBefore(known) { continue }
            least = i
        }
        return least
    }

    /// Merges what answers say of one key, and adds it if it can be read.
    private mutating func mergeRecords(of key: ScanRecord, at milliseconds: UInt64) {
        var newest = key
        var holders = 0
        var isPresent = false
        for i in heads.indices {
            guard let record = heads[i], record.isSame(key) else { continue }
            isPresent = isPresent || !record.content.isTombstone
            if record.content.form == .siblings, newest.content.form == .siblings {
                newest.content = join(newest.content, record.content)
            } else if record.version > newest.version {
                newest = record
                holders = 1
            } else if record.version == newest.version {
                holders += 1
            }
            advance(i)
        }
        if goal.mode == .cp {
            // A deletion that no majority is known to have accepted may never be decided.
            let isDeleted = newest.content.isTombstone && holders > Int(goal.n) / 2
            if isPresent, !isDeleted { add(key.key, nil) }
        } else if newest.content.form == .siblings {
            if let value = newestSibling(newest.content, at: milliseconds) { add(key.key, value) }
        } else if let value = newest.content.value(at: milliseconds) {
            add(key.key, value)
        }
    }

    private mutating func add(_ key: Bytes, _ value: Bytes?) {
        page.appendEntry(key, goal.hasValues ? value : nil)
        count += 1
    }

    private mutating func join(_ a: Content, _ b: Content) -> Content {
        joining.removeAll()
        trusted { () throws(DecodeError) in
            try SiblingSet.join(SiblingSet(a.bytes), SiblingSet(b.bytes), into: &joining)
        }
        // What is known may be the result of the join before.
        swap(&joining, &joined)
        return Content(.siblings, joined.bytes)
    }

    /// As GET answers.
    private func newestSibling(_ content: Content, at milliseconds: UInt64) -> Bytes? {
        var newest: (stamp: UInt64, actor: UInt64, number: UInt64, value: Bytes)?
        trusted { () throws(DecodeError) in
            try SiblingSet(content.bytes).forEach { actor, number, dot in
                guard dot.isVisible(at: milliseconds) else { return }
                let rank = (dot.stamp, actor.raw, number)
                if let known = newest, rank <= (known.stamp, known.actor, known.number) { return }
                newest = (dot.stamp, actor.raw, number, dot.value)
            }
        }
        return newest?.value
    }

    /// What the client is given.
    func page(next: Scan.Place?) -> ScanPage {
        ScanPage(entries: page.bytes, count: count, next: next)
    }

    /// Whether the page may not grow any more.
    var isTooLarge: Bool { page.count > Limits.valueBytes || count > Limits.keysAtOnce }

    var isLarge: Bool { max(received.capacity, page.capacity) > slotBytesKept }

    /// Gives back what a large page took; only between turns, when no effect points here.
    mutating func shrink() {
        received.removeAll()
        received.shrink(to: slotBytesKept)
        page.removeAll()
        page.shrink(to: slotBytesKept)
    }
}
