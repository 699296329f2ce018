import Consistency

/// The oracle of weak regularity: reads of a value that was certainly overwritten before they
/// began, or that nobody could have written yet. Quadratic, and shares nothing with the checker.
func staleReads(_ history: History) -> [Operation] {
    let reads = history.operations.filter { $0.kind == .read && $0.outcome == .ok }
    let writes = history.operations.filter { $0.kind == .write && $0.outcome != .fail }
    return reads.filter { read in
        let source = writes.first { $0.value == read.value && $0.key == read.key }
        if source == nil, !read.value.isAbsent { return true }
        if let source, source.invoked > read.completed { return true }
        let sourceEnd = source.map { $0.outcome == .ok ? $0.completed : .max } ?? .min
        return writes.contains {
            $0.key == read.key && $0.outcome == .ok && $0.invoked > sourceEnd
                && $0.completed < read.invoked
        }
    }
}
