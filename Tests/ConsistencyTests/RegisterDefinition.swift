import Consistency

/// The weaker register models spelled out over orders of a few operations of one key.
enum RegisterDefinition {
    /// What may have changed the key: writes, compare-and-sets and deletes that did not fail.
    static func writes(_ operations: [Operation]) -> [Operation] {
        operations.filter { $0.kind != .read && $0.outcome != .fail }
    }

    static func reads(_ operations: [Operation]) -> [Operation] {
        operations.filter { $0.kind == .read }
    }

    /// An acknowledged write lies wholly between a write that ended at `end` and a read.
    private static func isPassed(
        since end: Int64, _ read: Operation, _ operations: [Operation]
    ) -> Bool {
        writes(operations).contains {
            $0.outcome == .ok && end < $0.invoked && $0.completed < read.invoked
        }
    }

    /// Some write that can have given the value is not passed by another one.
    private static func isFresh(_ read: Operation, _ operations: [Operation]) -> Bool {
        var ends = writes(operations).filter {
            $0.value == read.value && $0.invoked <= read.completed
        }.map(\.completed)
        if read.value.isAbsent { ends.append(.min) }
        return ends.contains { !isPassed(since: $0, read, operations) }
    }

    /// A concurrent write, or one with no other wholly between it and the read.
    static func isWeaklyRegular(_ operations: [Operation]) -> Bool {
        reads(operations).allSatisfy { isFresh($0, operations) }
    }

    /// One order of the writes in which every read fits alone.
    static func isRegular(_ operations: [Operation]) -> Bool {
        let reads = reads(operations)
        return orders(operations) { order in
            reads.allSatisfy { read in
                var places = order.indices.filter { order[$0].value == read.value }
                if read.value.isAbsent { places.append(-1) }
                return places.contains { own in
                    !order.dropFirst(own + 1).contains { $0.completed < read.invoked }
                        && !order.prefix(own + 1).contains { $0.invoked > read.completed }
                }
            }
        }
    }

    /// Some order of all operations in which each read returns one of the k latest values.
    static func isAtomic(within k: Int, _ operations: [Operation]) -> Bool {
        place(operations.filter { $0.outcome != .fail }, [], [.absent], k)
    }

    private static func place(
        _ operations: [Operation], _ done: Set<Int>, _ values: [ValueID], _ k: Int
    ) -> Bool {
        let left = operations.indices.filter { !done.contains($0) }
        if left.allSatisfy({ operations[$0].outcome == .unknown }) { return true }
        for i in left
        where !left.contains(where: { operations[$0].completed < operations[i].invoked }) {
            let operation = operations[i]
            if operation.kind == .read {
                guard values.suffix(k).contains(operation.value) else { continue }
                if place(operations, done.union([i]), values, k) { return true }
            } else {
                if operation.kind == .cas, values.last != operation.expected { continue }
                if place(operations, done.union([i]), values + [operation.value], k) {
                    return true
                }
            }
        }
        return false
    }

    private static func orders(
        _ operations: [Operation], _ passes: ([Operation]) -> Bool
    ) -> Bool {
        func extend(_ order: [Operation], _ rest: [Operation]) -> Bool {
            if rest.allSatisfy({ $0.outcome == .unknown }), passes(order) { return true }
            for (i, next) in rest.enumerated()
            where !rest.contains(where: { $0.completed < next.invoked }) {
                var others = rest
                others.remove(at: i)
                if extend(order + [next], others) { return true }
            }
            return false
        }
        return extend([], writes(operations))
    }

    // MARK: Last reads

    /// Marked reads, else those that began when every write had ended or, unknown, had begun.
    static func lastReads(_ operations: [Operation]) -> [Operation] {
        let reads = reads(operations)
        let marked = reads.filter { $0.flags.contains(.final) }
        if !marked.isEmpty { return marked }
        let end = writes(operations).map { $0.outcome == .unknown ? $0.invoked : $0.completed }
        return reads.filter { read in end.allSatisfy { $0 < read.invoked } }
    }

    /// Whether some last read shows a value that need not have been overwritten; nil without any.
    /// A value from nowhere proves no loss.
    static func isDurable(_ operations: [Operation]) -> Bool? {
        let last = lastReads(operations)
        if last.isEmpty { return nil }
        return last.contains { read in
            let hasSource =
                read.value.isAbsent
                || writes(operations).contains {
                    $0.value == read.value && $0.invoked <= read.completed
                }
            return !hasSource || isFresh(read, operations)
        }
    }

    /// The verdict on whether the last last read of every process shows the same.
    static func isConvergent(_ operations: [Operation]) -> String {
        let last = lastReads(operations)
        if last.isEmpty { return "inconclusive" }
        var byProcess: [UInt32: ValueID] = [:]
        for read in last.enumerated().sorted(by: {
            ($0.element.invoked, $0.offset) < ($1.element.invoked, $1.offset)
        }) {
            byProcess[read.element.process] = read.element.value
        }
        if Set(byProcess.values).count == 1 { return "holds" }
        let mayChange = writes(operations).contains { $0.outcome == .unknown }
        let isMarked = last.contains { $0.flags.contains(.final) }
        return mayChange && !isMarked ? "inconclusive" : "violated"
    }
}
