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
    /// For reads the operation whose value was read, `initial`, or `ambiguous`.
    private(set) var writer: [Int32]
    /// For reads of ambiguous values whether there are any.
    private(set) var hasAmbiguity = false
    /// Reads that began after something newer than their value had finished: only they can break
    /// a session guarantee.
    private(set) var suspects: [UInt32] = []
    /// When the value of a suspect had been written at the latest.
    private(set) var suspectFinish: [Int64] = []
    /// A read of a value that nobody wrote, or of a failed write.
    private(set) var impossibleRead: UInt32?

    init(_ checker: Checker) {
        let history = checker.history
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
        for (index, operation) in history.operations.enumerated() {
            let isDropped =
                operation.outcome == .fail || (operation.kind == .read && operation.outcome != .ok)
            if !isDropped { operations[Int(session[index])].append(UInt32(index)) }
        }
        for s in operations.indices { sort(s, history) }
        history.operations.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            let work = KeyWork(source: base, checker: checker)
            checker.order.withUnsafeBufferPointer { order in
                for key in 0..<checker.keyCount {
                    work.gather(
                        UnsafeBufferPointer(
                            rebasing: order[checker.starts[key]..<checker.starts[key + 1]]))
                    take(work)
                }
            }
        }
    }

    private mutating func sort(_ s: Int, _ history: History) {
        let isSorted = zip(operations[s], operations[s].dropFirst()).allSatisfy {
            history.operations[Int($0)].invoked <= history.operations[Int($1)].invoked
        }
        if !isSorted {
            operations[s].sort {
                (history.operations[Int($0)].invoked, $0)
                    < (history.operations[Int($1)].invoked, $1)
            }
        }
        for (i, index) in operations[s].enumerated() { place[Int(index)] = UInt32(i) }
    }

    private mutating func take(_ work: KeyWork) {
        guard work.profile.reads > 0 else { return }
        guard work.profile.appends == 0 else {
            hasAmbiguity = true
            return
        }
        if work.profile.thinAir >= 0 {
            impossibleRead = impossibleRead ?? UInt32(work.index(work.profile.thinAir))
        }
        if work.profile.aborted >= 0 {
            impossibleRead = impossibleRead ?? UInt32(work.index(work.profile.aborted))
        }
        let isUnique = !work.profile.hasDuplicates && work.profile.deletes == 0
        let newer = work.effectiveOrder()
        let candidates = isUnique ? nil : KeyWork.Candidates(work)
        for i in 0..<work.count where work.operations.base[i].kind == .read {
            let read = work.operations.base[i]
            let cluster = Int(work.clusterOf.base[i])
            var written: Int64
            if let candidates {
                writer[Int(read.index)] = SessionOrder.ambiguous
                hasAmbiguity = true
                let isInitial = read.value.isAbsent && work.initial == .absent || cluster == 0
                guard
                    let finish = candidates.written(read.value, before: read.finish)
                        ?? (isInitial ? KeyWork.beginning : nil)
                else { continue }
                written = finish
            } else {
                guard cluster >= 0 else { continue }
                let value = work.clusters.base[cluster]
                writer[Int(read.index)] =
                    value.writer < 0 ? SessionOrder.initial : Int32(work.index(value.writer))
                written = cluster == 0 ? KeyWork.beginning : value.earliestFinish
            }
            if written != Operation.never, read.start > newer.obsolete(after: written) {
                suspects.append(read.index)
                suspectFinish.append(written)
            }
        }
    }
}

extension KeyWork {
    /// Like `writeOrder`, of all writes that were acknowledged or seen, each finished at its first
    /// sign of life.
    func effectiveOrder() -> WriteOrder {
        var ends: [(start: Int64, finish: Int64)] = []
        for i in 0..<count where operations.base[i].isEffectiveWrite {
            let operation = operations.base[i]
            let cluster = Int(clusterOf.base[i])
            let isOwn = cluster >= 0 && Int(clusters.base[cluster].writer) == i
            let finish = isOwn ? clusters.base[cluster].earliestFinish : operation.finish
            if finish != Operation.never { ends.append((operation.start, finish)) }
        }
        ends.sort { $0.start < $1.start }
        var order = WriteOrder()
        order.starts = ends.map(\.start)
        order.suffixFinish = ends.map(\.finish)
        var smallest = Operation.never
        for i in order.suffixFinish.indices.reversed() {
            smallest = min(smallest, order.suffixFinish[i])
            order.suffixFinish[i] = smallest
        }
        return order
    }
}
