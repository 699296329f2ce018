/// The history by process, and which write every read saw; the ground of all models that span
/// keys. Arrays are by operation unless said otherwise. O(n) memory, about 24 bytes an operation.
struct SessionOrder {
    static let initial: Int32 = -2
    static let ambiguous: Int32 = -1

    /// Dense number of each operation's process.
    private(set) var session: [UInt32]
    /// Operations of each session by invocation; what is known to have no effect or result is left
    /// out.
    private(set) var operations: [[UInt32]] = []
    /// Place in its session.
    private(set) var place: [UInt32]
    /// For reads, and compare-and-sets that took effect, the operation whose value was read,
    /// `initial`, or `ambiguous`.
    private(set) var writer: [Int32]
    /// For reads of ambiguous values whether there are any.
    private(set) var hasAmbiguity = false
    /// Why that leaves models undecided.
    static let ambiguity = "some values repeat, so that reads do not tell their write"
    /// Reads that began no earlier than something newer than their value had finished: only they
    /// can break a session guarantee. All reads, where times do not tell.
    private(set) var suspects: [UInt32] = []
    /// A read of a value that nobody wrote, or of a failed write; and that write.
    private(set) var impossibleRead: UInt32?
    private(set) var impossibleWriter: UInt32?
    /// Whether the order of times may contradict causality: reads from the future, or clocks that
    /// may differ.
    private(set) var hasTimeTravel = false
    /// Whether two operations of a session share the only moment that both have.
    private(set) var hasTies = false
    private let history: History

    /// Whether an operation shows what the key's value was.
    func observes(_ index: Int) -> Bool {
        let operation = history.operations[index]
        return operation.outcome == .ok && (operation.kind == .read || operation.kind == .cas)
    }

    init(_ checker: Checker) {
        let history = checker.history
        self.history = history
        hasTimeTravel = checker.options.clockError > 0
        var numbers: [UInt32: UInt32] = [:]
        // Most processes have small numbers: a table answers for them, not a dictionary.
        var small = [UInt32](repeating: .max, count: 4_096)
        session = history.operations.map { operation in
            if operation.process < 4_096, small[Int(operation.process)] != .max {
                return small[Int(operation.process)]
            }
            if let known = numbers[operation.process] { return known }
            let number = UInt32(numbers.count)
            numbers[operation.process] = number
            if operation.process < 4_096 { small[Int(operation.process)] = number }
            return number
        }
        place = Array(repeating: 0, count: history.count)
        writer = Array(repeating: SessionOrder.ambiguous, count: history.count)
        operations = Array(repeating: [], count: numbers.count)
        collect(numbers.count)
        readAll(checker)
        if hasTimeTravel {
            suspects = operations.joined().filter { observes(Int($0)) }
        }
    }

    /// Files every operation under its session; one pass while they come by invocation.
    private mutating func collect(_ count: Int) {
        var latest = [Int64](repeating: .min, count: count)
        var lastKnown = [Int64](repeating: .min, count: count)
        var isUnsorted = [Bool](repeating: false, count: count)
        for (index, operation) in history.operations.enumerated() {
            let isDropped =
                operation.outcome == .fail || (operation.kind == .read && operation.outcome != .ok)
            if isDropped { continue }
            let s = Int(session[index])
            place[index] = UInt32(operations[s].count)
            operations[s].append(UInt32(index))
            if operation.invoked < latest[s] { isUnsorted[s] = true }
            if operation.invoked == lastKnown[s] { hasTies = true }
            latest[s] = operation.invoked
            if operation.outcome == .ok { lastKnown[s] = operation.invoked }
        }
        for s in 0..<count where isUnsorted[s] { sort(s) }
    }

    private mutating func readAll(_ checker: Checker) {
        history.operations.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            let work = KeyWork(source: base, checker: checker)
            checker.byKey.withUnsafeBufferPointer { byKey in
                for key in 0..<checker.keyCount {
                    work.gather(
                        UnsafeBufferPointer(
                            rebasing: byKey[checker.starts[key]..<checker.starts[key + 1]]))
                    take(work)
                }
            }
        }
    }

    private mutating func sort(_ s: Int) {
        let all = history.operations
        operations[s].sort { (all[Int($0)].invoked, $0) < (all[Int($1)].invoked, $1) }
        var last: Int64?
        for (i, index) in operations[s].enumerated() {
            place[Int(index)] = UInt32(i)
            let operation = all[Int(index)]
            if last == operation.invoked { hasTies = true }
            if operation.outcome == .ok { last = operation.invoked }
        }
    }

    private mutating func take(_ work: KeyWork) {
        guard work.profile.reads + work.profile.cas > 0 else { return }
        guard work.profile.appends == 0 else {
            hasAmbiguity = true
            return
        }
        let newer = work.effectiveOrder()
        for i in 0..<work.count where work.operations.base[i].observes {
            let read = work.operations.base[i]
            guard let cluster = source(Int32(truncatingIfNeeded: i), work) else {
                hasAmbiguity = true
                continue
            }
            // A value from nowhere or from a failed write has no place in the order.
            guard cluster >= 0, !work.clusters.base[cluster].isFailed else {
                if impossibleRead == nil { note(impossible: read.index, cluster, work) }
                continue
            }
            let value = work.clusters.base[cluster]
            if read.finish < value.writeStart || Int(value.writer) == i { hasTimeTravel = true }
            writer[Int(read.index)] =
                value.writer < 0 ? SessionOrder.initial : Int32(work.index(value.writer))
            // A cas shows its value to have been written, which the cluster does not say.
            if work.profile.cas > 0 {
                suspects.append(read.index)
            } else if value.earliestFinish != Operation.never,
                newer.isObsolete(since: value.earliestFinish, at: read.start)
            {
                suspects.append(read.index)
            }
        }
    }

    private mutating func note(impossible read: UInt32, _ cluster: Int, _ work: KeyWork) {
        impossibleRead = read
        if cluster >= 0 {
            impossibleWriter = UInt32(work.index(work.clusters.base[cluster].writer))
        }
    }

    /// The cluster whose value an operation saw, −1 when there is none; nil when several writes may
    /// have given it.
    private func source(_ position: Int32, _ work: KeyWork) -> Int? {
        if work.profile.hasDuplicates { return nil }
        let operation = work.operations.base[Int(position)]
        let value = operation.kind == .cas ? work.expected(position) : operation.value
        if value.isAbsent {
            if work.profile.deletes > 0 { return nil }
            if work.initial == .absent { return 0 }
        }
        return Int(work.find(value))
    }
}

extension KeyOperation {
    /// Whether it shows what the key's value was.
    @inline(__always) var observes: Bool {
        outcome == .ok && (kind == .read || kind == .cas)
    }
}

extension KeyWork.WriteOrder {
    /// Whether a write that began no earlier than `finish` had finished by `start`.
    func isObsolete(since finish: Int64, at start: Int64) -> Bool {
        let place = finish == .min ? 0 : first(startingAfter: finish - 1)
        return place < suffixFinish.count && start >= suffixFinish[place]
    }
}

extension KeyWork {
    /// Like `writeOrder`, of all writes that were acknowledged or seen, each finished at its first
    /// sign of life.
    func effectiveOrder() -> WriteOrder {
        let items = keyed.clear(for: count)
        var used = 0
        for i in 0..<count where operations.base[i].isEffectiveWrite {
            if end(of: i) == Operation.never { continue }
            items[used] = Keyed(
                key: Keyed.ordered(operations.base[i].start), item: Int32(truncatingIfNeeded: i))
            used &+= 1
        }
        sorter.sort(items, used)
        var order = WriteOrder()
        order.starts = [Int64](unsafeUninitializedCapacity: used) { buffer, size in
            for i in 0..<used { buffer[i] = operations.base[Int(items[i].item)].start }
            size = used
        }
        order.suffixFinish = [Int64](unsafeUninitializedCapacity: used) { buffer, size in
            for i in 0..<used { buffer[i] = end(of: Int(items[i].item)) }
            size = used
        }
        var smallest = Operation.never
        for i in order.suffixFinish.indices.reversed() {
            smallest = min(smallest, order.suffixFinish[i])
            order.suffixFinish[i] = smallest
        }
        return order
    }

    /// When a write had finished at the latest, or was first seen.
    private func end(of position: Int) -> Int64 {
        let cluster = Int(clusterOf.base[position])
        let isOwn = cluster >= 0 && Int(clusters.base[cluster].writer) == position
        return isOwn ? clusters.base[cluster].earliestFinish : operations.base[position].finish
    }
}
