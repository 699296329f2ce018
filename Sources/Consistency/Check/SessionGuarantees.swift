/// The four session guarantees (Terry, Demers, Petersen, Spreitzer, Theimer and Welch 1994) from
/// values and times alone.
///
/// Each is a shape of one pattern: a read returns a value that is older than some write of the key
/// which the session must already see. "Older" is what nobody can doubt: the older value had been
/// written, or seen, before the newer write began. Versions that the store revealed overrule it.
struct SessionGuarantees {
    private let history: History
    private let sessions: SessionOrder
    private let prose: Prose
    private(set) var witnesses: [Model: Witness] = [:]
    private(set) var violatingKeys: [Model: Set<UInt32>] = [:]
    private var trails: [UInt32: Trail] = [:]

    static let models: [Model] = [
        .readYourWrites, .monotonicReads, .monotonicWrites, .writesFollowReads,
    ]

    /// What each session wrote and read on one key, by its own order, with the operation that
    /// shows the newest write so far.
    private struct Trail {
        struct Step {
            var place: UInt32
            var newestWrite: Int32
            var newestRead: Int32
        }
        var steps: [UInt32: [Step]] = [:]
    }

    init(_ checker: Checker, _ sessions: SessionOrder) {
        history = checker.history
        prose = checker.prose
        self.sessions = sessions
        let isInScope = Set(
            sessions.suspects.filter { checker.isInShard(Int(history.operations[Int($0)].key)) })
        guard !isInScope.isEmpty else { return }
        let finish = Dictionary(
            zip(sessions.suspects, sessions.suspectFinish), uniquingKeysWith: { first, _ in first })
        for key in Set(isInScope.map { history.operations[Int($0)].key }) {
            trails[key] = trail(key, checker)
        }
        let readers = Set(isInScope.map { sessions.session[Int($0)] }).sorted()
        for session in readers { follow(session, isInScope, finish) }
    }

    private func invoked(_ index: Int32) -> Int64 { history.operations[Int(index)].invoked }

    private func trail(_ key: UInt32, _ checker: Checker) -> Trail {
        var trail = Trail()
        let range = checker.starts[Int(key)]..<checker.starts[Int(key) + 1]
        let indices = checker.order[range].filter {
            let operation = history.operations[Int($0)]
            return operation.outcome == .ok
        }.sorted { sessions.place[Int($0)] < sessions.place[Int($1)] }
        for index in indices {
            let session = sessions.session[Int(index)]
            var step =
                trail.steps[session]?.last
                ?? Trail.Step(place: 0, newestWrite: -1, newestRead: -1)
            step.place = sessions.place[Int(index)]
            if history.operations[Int(index)].kind == .read {
                let writer = sessions.writer[Int(index)]
                let known = step.newestRead < 0 ? -1 : sessions.writer[Int(step.newestRead)]
                if writer >= 0, known < 0 || invoked(writer) > invoked(known) {
                    step.newestRead = Int32(index)
                }
            } else if step.newestWrite < 0 || invoked(Int32(index)) > invoked(step.newestWrite) {
                step.newestWrite = Int32(index)
            }
            trail.steps[session, default: []].append(step)
        }
        return trail
    }

    private mutating func follow(
        _ session: UInt32, _ suspects: Set<UInt32>, _ finish: [UInt32: Int64]
    ) {
        // For each other session the read of this one that saw its latest write so far.
        var seen: [UInt32: (place: UInt32, read: Int32)] = [:]
        var sources: [UInt32] = []
        for index in sessions.operations[Int(session)] {
            let operation = history.operations[Int(index)]
            guard operation.kind == .read else { continue }
            if suspects.contains(index), let written = finish[index] {
                judge(index, written, session, seen, sources)
            }
            let writer = sessions.writer[Int(index)]
            guard writer >= 0 else { continue }
            let other = sessions.session[Int(writer)]
            let place = sessions.place[Int(writer)]
            if seen[other] == nil { sources.append(other) }
            if seen[other].map({ $0.place < place }) ?? true {
                seen[other] = (place, Int32(index))
            }
        }
    }

    private mutating func judge(
        _ read: UInt32, _ written: Int64, _ session: UInt32,
        _ seen: [UInt32: (place: UInt32, read: Int32)], _ sources: [UInt32]
    ) {
        let key = history.operations[Int(read)].key
        guard let trail = trails[key] else { return }
        if let own = step(trail, session, before: sessions.place[Int(read)]) {
            if isNewer(own.newestWrite, written, read) {
                report(.readYourWrites, read, [own.newestWrite])
            }
            let source = own.newestRead < 0 ? -1 : sessions.writer[Int(own.newestRead)]
            if isNewer(source, written, read) {
                report(.monotonicReads, read, [source, own.newestRead])
            }
        }
        for other in sources where other != session {
            guard let sight = seen[other],
                let last = step(trail, other, before: sight.place + 1)
            else { continue }
            let link = sessions.writer[Int(sight.read)]
            if isNewer(last.newestWrite, written, read), last.newestWrite != link {
                report(.monotonicWrites, read, [last.newestWrite, link, sight.read])
            }
            let source = last.newestRead < 0 ? -1 : sessions.writer[Int(last.newestRead)]
            if isNewer(source, written, read) {
                report(.writesFollowReads, read, [source, last.newestRead, link, sight.read])
            }
        }
    }

    private func step(_ trail: Trail, _ session: UInt32, before place: UInt32) -> Trail.Step? {
        guard let steps = trail.steps[session] else { return nil }
        var low = 0
        var high = steps.count
        while low < high {
            let middle = (low + high) / 2
            if steps[middle].place < place { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? steps[low - 1] : nil
    }

    /// Whether a write certainly follows the value that a read returned.
    private func isNewer(_ write: Int32, _ written: Int64, _ read: UInt32) -> Bool {
        guard write >= 0, written < invoked(write) else { return false }
        if let new = history.detail(of: Int(write))?.version,
            let old = history.detail(of: Int(read))?.version
        {
            return old < new
        }
        return true
    }

    private mutating func report(_ model: Model, _ read: UInt32, _ others: [Int32]) {
        let key = history.operations[Int(read)].key
        violatingKeys[model, default: []].insert(key)
        guard witnesses[model] == nil else { return }
        var members = others.map { Int($0) } + [Int(read)]
        let writer = sessions.writer[Int(read)]
        if writer >= 0, !members.contains(Int(writer)) { members.append(Int(writer)) }
        members = Array(Set(members)).sorted {
            (history.operations[$0].invoked, $0) < (history.operations[$1].invoked, $1)
        }
        let value = history.text(history.operations[Int(read)].value)
        let text =
            "\(prose.key(key)) breaks \(model.name): "
            + "\(prose.operation(Int(read))) returned \(value), which had been written before "
            + "\(prose.operation(Int(others[0]))) began; \(reason(model, others))."
        witnesses[model] = Witness(
            key: key, anomaly: anomaly(model), operations: members, explanation: text)
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
