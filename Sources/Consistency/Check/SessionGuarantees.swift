/// The four session guarantees (Terry, Demers, Petersen, Spreitzer, Theimer and Welch 1994) from
/// values and the order of processes alone.
///
/// Each is a shape of one pattern: a read returns w1 although a write w2 of the key comes causally
/// after w1 and before the read. By how w2 comes before the read: the process wrote it (read your
/// writes), had read it (monotonic reads), had read a later write of its process (monotonic
/// writes), or a later write of a process that had read it (writes follow reads). Real time is no
/// evidence: a store may order concurrent writes as it likes. Versions that the store revealed
/// are.
struct SessionGuarantees {
    private let history: History
    private let sessions: SessionOrder
    private let order: CausalOrder?
    private let prose: Prose
    private var witnesses: [Model: Witness] = [:]
    private(set) var violatingKeys: [Model: Set<UInt32>] = [:]
    private var trails: [UInt32: Trail] = [:]
    private let budget: Budget
    /// The time was up before every suspect had been judged.
    private var isExhausted = false

    static let models: [Model] = [
        .readYourWrites, .monotonicReads, .monotonicWrites, .writesFollowReads,
    ]

    /// What each session wrote and read on one key, by its own order.
    private struct Trail {
        var writes: [UInt32: [UInt32]] = [:]
        var reads: [UInt32: [UInt32]] = [:]
    }

    /// `order` may be missing when no read is suspect.
    init(_ checker: Checker, _ sessions: SessionOrder, _ order: CausalOrder?) {
        history = checker.history
        prose = checker.prose
        self.sessions = sessions
        self.order = order
        budget = checker.options.budget
        let suspects = Set(
            sessions.suspects.filter { checker.isInShard(Int(history.operations[Int($0)].key)) })
        guard order != nil, !suspects.isEmpty else { return }
        for key in Set(suspects.map { history.operations[Int($0)].key }) {
            trails[key] = trail(key, checker)
        }
        for session in Set(suspects.map { sessions.session[Int($0)] }).sorted() {
            follow(session, suspects)
        }
    }

    /// The verdict on one of the four.
    func verdict(_ model: Model) -> Verdict {
        if let witness = witnesses[model] { return .violated(witness) }
        if sessions.hasAmbiguity { return .inconclusive(SessionOrder.ambiguity) }
        if isExhausted || order?.isExhausted ?? false {
            return .inconclusive("the search for causes reached its limits")
        }
        return .holds
    }

    private func trail(_ key: UInt32, _ checker: Checker) -> Trail {
        var trail = Trail()
        let range = checker.starts[Int(key)]..<checker.starts[Int(key) + 1]
        let indices = checker.byKey[range].filter { $0.outcome == .ok }.map(\.index)
            .sorted { sessions.place[Int($0)] < sessions.place[Int($1)] }
        for index in indices {
            let session = sessions.session[Int(index)]
            if history.operations[Int(index)].kind != .read {
                trail.writes[session, default: []].append(index)
            }
            if sessions.observes(Int(index)), sessions.writer[Int(index)] >= 0 {
                trail.reads[session, default: []].append(index)
            }
        }
        return trail
    }

    private mutating func follow(_ session: UInt32, _ suspects: Set<UInt32>) {
        // For each other session the read of this one that saw its latest write so far.
        var seen: [UInt32: (place: UInt32, read: UInt32)] = [:]
        var sources: [UInt32] = []
        for index in sessions.operations[Int(session)] where sessions.observes(Int(index)) {
            let writer = sessions.writer[Int(index)]
            if suspects.contains(index), writer != SessionOrder.ambiguous {
                if budget.now() > budget.deadline {
                    isExhausted = true
                    return
                }
                judge(index, writer, session, seen, sources)
            }
            guard writer >= 0 else { continue }
            let other = sessions.session[Int(writer)]
            let place = sessions.place[Int(writer)]
            if seen[other] == nil { sources.append(other) }
            if seen[other].map({ $0.place < place }) ?? true { seen[other] = (place, index) }
        }
    }

    private mutating func judge(
        _ read: UInt32, _ own: Int32, _ session: UInt32,
        _ seen: [UInt32: (place: UInt32, read: UInt32)], _ sources: [UInt32]
    ) {
        let key = history.operations[Int(read)].key
        guard let trail = trails[key] else { return }
        let place = sessions.place[Int(read)]
        // A key is violated once; further reads of it add nothing.
        if isOpen(.readYourWrites, key),
            let write = newer(than: own, trail.writes[session], before: place, read)
        {
            report(.readYourWrites, read, [write])
        }
        if isOpen(.monotonicReads, key),
            let (write, sight) = newer(trail.reads[session], place, own, read)
        {
            report(.monotonicReads, read, [write, Int32(sight)])
        }
        for other in sources where other != session {
            guard let sight = seen[other] else { continue }
            let link = sessions.writer[Int(sight.read)]
            if isOpen(.monotonicWrites, key),
                let write = newer(than: own, trail.writes[other], before: sight.place, read)
            {
                report(.monotonicWrites, read, [write, link, Int32(sight.read)])
            }
            if isOpen(.writesFollowReads, key),
                let (write, first) = newer(trail.reads[other], sight.place, own, read)
            {
                report(
                    .writesFollowReads, read, [write, Int32(first), link, Int32(sight.read)])
            }
        }
    }

    private func isOpen(_ model: Model, _ key: UInt32) -> Bool {
        !(violatingKeys[model]?.contains(key) ?? false)
    }

    /// How many operations of an ascending list stand before a place of their session.
    private func count(_ list: [UInt32], before place: UInt32) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if sessions.place[Int(list[middle])] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The last write before a place, if it is newer than a value: if an earlier one is, so is it,
    /// unless causality runs in a circle.
    private func newer(
        than own: Int32, _ list: [UInt32]?, before place: UInt32, _ read: UInt32
    ) -> Int32? {
        guard let list else { return nil }
        let before = list[..<count(list, before: place)]
        for write in order?.cycle == nil ? before.suffix(1) : before
        where isOlder(own, Int32(write), read) {
            return Int32(write)
        }
        return nil
    }

    /// A read before a place that saw something newer, and what it saw.
    private func newer(
        _ list: [UInt32]?, _ place: UInt32, _ own: Int32, _ read: UInt32
    ) -> (Int32, UInt32)? {
        guard let list else { return nil }
        // Who saw something newer did not end before the older value was being written.
        let start =
            own < 0 || sessions.hasTimeTravel || order?.cycle != nil
            ? .min : history.operations[Int(own)].invoked
        var last: Int32 = -1
        for sight in list[..<count(list, before: place)].reversed() {
            if history.operations[Int(sight)].completed < start { return nil }
            let write = sessions.writer[Int(sight)]
            if write != last, isOlder(own, write, read) { return (write, sight) }
            last = write
        }
        return nil
    }

    /// Whether the value that a read returned certainly comes before a write: it is the initial
    /// one, causality says so, or the store's versions do.
    private func isOlder(_ own: Int32, _ write: Int32, _ read: UInt32) -> Bool {
        guard own != write, write != Int32(read) else { return false }
        if own == SessionOrder.initial { return true }
        if let new = history.detail(of: Int(write))?.version,
            let old = history.detail(of: Int(read))?.version
        {
            return old < new
        }
        return order?.isBefore(own, write) ?? false
    }

    private mutating func report(_ model: Model, _ read: UInt32, _ others: [Int32]) {
        let key = history.operations[Int(read)].key
        violatingKeys[model, default: []].insert(key)
        guard witnesses[model] == nil, let order else { return }
        let chain = others.map { Int($0) } + [Int(read)]
        let writer = sessions.writer[Int(read)]
        var members = Set(chain)
        var edges = zip(chain, chain.dropFirst()).map { order.edge(from: $0, to: $1) }
        if writer >= 0 {
            // Why the value is older: the path from its write to the newer one.
            if order.isBefore(writer, others[0]) {
                let path = order.path(writer, others[0])
                members.formUnion(path)
                edges += zip(path, path.dropFirst()).map { order.edge(from: $0, to: $1) }
            } else {
                members.insert(Int(writer))
                edges.append(
                    Witness.Edge(
                        from: Int(writer), to: Int(others[0]), label: "has a smaller version than"))
            }
            edges.append(order.edge(from: Int(writer), to: Int(read)))
        }
        let value = history.text(history.operations[Int(read)].value)
        let text =
            "\(prose.key(key)) breaks \(model.name): "
            + "\(prose.operation(Int(read))) returned \(value), which "
            + (writer < 0 ? "is the initial value, " : "comes before ")
            + (writer < 0
                ? "although \(prose.operation(Int(others[0]))) must be seen: "
                : "\(prose.operation(Int(others[0]))): ") + "\(reason(model, others))."
        witnesses[model] = Witness(
            key: key, anomaly: anomaly(model),
            operations: members.sorted {
                (history.operations[$0].invoked, $0) < (history.operations[$1].invoked, $1)
            }, explanation: text, edges: edges)
    }

    private func reason(_ model: Model, _ others: [Int32]) -> String {
        func operation(_ i: Int) -> String { prose.operation(Int(others[i])) }
        switch model {
        case .readYourWrites: return "that write is the process's own"
        case .monotonicReads: return "the process had seen that write in \(operation(1))"
        case .monotonicWrites:
            return "its process later did \(operation(1)), which \(operation(2)) had seen"
        default:
            return "a process had seen it in \(operation(1)) and then did \(operation(2)), which "
                + "\(operation(3)) had seen"
        }
    }

    private func anomaly(_ model: Model) -> Anomaly {
        switch model {
        case .readYourWrites: .readYourWrites
        case .monotonicReads: .monotonicReads
        case .monotonicWrites: .monotonicWrites
        default: .writesFollowReads
        }
    }
}
