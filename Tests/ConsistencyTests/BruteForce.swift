import Consistency

/// Definitions spelled out over all orders of a few operations of one key; what the fast
/// algorithms are held against.
enum BruteForce {
    /// Some order respects real time and every operation's answer; unknown ones may be left out.
    static func isLinearizable(
        _ operations: [Operation], initial: ValueID = .absent,
        isBefore: (Operation, Operation) -> Bool = { $0.completed < $1.invoked }
    ) -> Bool {
        let relevant = operations.filter {
            $0.outcome == .ok || ($0.outcome == .unknown && $0.kind != .read)
                || $0.flags.contains(.refuted)
        }
        var seen = Set<[UInt64]>()
        return extend(relevant, 0, initial, &seen, isBefore)
    }

    private static func extend(
        _ operations: [Operation], _ done: UInt64, _ value: ValueID, _ seen: inout Set<[UInt64]>,
        _ isBefore: (Operation, Operation) -> Bool
    ) -> Bool {
        if operations.indices.allSatisfy({
            done >> UInt64($0) & 1 == 1 || operations[$0].outcome == .unknown
        }) {
            return true
        }
        guard seen.insert([done, value.raw]).inserted else { return false }
        for i in operations.indices where done >> UInt64(i) & 1 == 0 {
            let operation = operations[i]
            let isBlocked = operations.indices.contains {
                done >> UInt64($0) & 1 == 0 && $0 != i && isBefore(operations[$0], operation)
            }
            if isBlocked { continue }
            guard let next = apply(operation, to: value) else { continue }
            if extend(operations, done | 1 << UInt64(i), next, &seen, isBefore) { return true }
        }
        return false
    }

    /// The value after an operation, or nil if its answer does not fit.
    static func apply(_ operation: Operation, to value: ValueID) -> ValueID? {
        if operation.outcome == .fail {
            return operation.kind == .cas && operation.expected != value ? value : nil
        }
        switch operation.kind {
        case .read: return operation.value == value ? value : nil
        case .write: return operation.value
        case .delete: return .absent
        case .cas: return operation.expected == value ? operation.value : nil
        }
    }
}
