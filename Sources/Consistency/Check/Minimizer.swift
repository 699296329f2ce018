/// Makes a violating set of operations locally minimal: by removing ever smaller pieces while the
/// rest still violates (delta debugging, Zeller and Hildebrandt 2002), at last single ones.
///
/// What is left must stay a violation of the whole: an operation that saw a value stays only as
/// long as no removed write can have made it see that value. So whoever loses its write goes too.
struct Minimizer {
    private let source: UnsafePointer<Operation>
    /// The violating set, as indices into the history by invocation.
    private let all: [Int]
    private var kept: [Int]
    private let initial: InitialValue
    private let violates: ([Int]) -> Bool
    /// How many trials are left; what remains then is still a violation, only larger.
    private var trials: Int

    init(
        _ members: [Int], source: UnsafePointer<Operation>, initial: InitialValue, trials: Int,
        violates: @escaping ([Int]) -> Bool
    ) {
        self.source = source
        self.initial = initial
        self.violates = violates
        self.trials = trials
        all = members.sorted {
            (source[$0].invoked, source[$0].completed, $0)
                < (source[$1].invoked, source[$1].completed, $1)
        }
        kept = all
    }

    /// The smallest set found, by invocation.
    mutating func minimize() -> [Int] {
        for window in [16, 64, 256, 1_024] where window < kept.count {
            let rest = closed(Array(kept.suffix(window)))
            if violates(rest) {
                kept = rest
                break
            }
        }
        var size = (kept.count + 1) / 2
        while size >= 1, trials > 0 {
            let removed = sweep(size)
            if size == 1, !removed { break }
            size = max(1, min(size, kept.count) / 2)
        }
        return kept
    }

    private mutating func sweep(_ size: Int) -> Bool {
        var removed = false
        // From the end: dependents stand behind what they depend on.
        var end = kept.count
        while end > 0, trials > 0 {
            trials -= 1
            let start = max(0, end - size)
            let rest = closed(Array(kept[..<start] + kept[end...]))
            if !rest.isEmpty, violates(rest) {
                kept = rest
                removed = true
                end = min(start, kept.count)
            } else {
                end = start
            }
        }
        return removed
    }

    /// Drops whoever may have been served by a write that is not in the set.
    private func closed(_ set: [Int]) -> [Int] {
        var set = set
        // What was appended is part of every later value: no write may go.
        if all.contains(where: { source[$0].flags.contains(.append) }) {
            let members = Set(set)
            return all.filter { members.contains($0) || source[$0].kind != .read }
        }
        while true {
            let members = Set(set)
            let removed = all.filter {
                !members.contains($0) && source[$0].kind != .read && source[$0].outcome != .fail
            }
            if removed.isEmpty { return set }
            let rest = set.filter { !isOrphan($0, removed, set) }
            if rest.count == set.count { return set }
            set = rest
        }
    }

    /// Whether a removed write may matter to what this operation saw: it had begun by then, and no
    /// kept write certainly lies between.
    private func isOrphan(_ index: Int, _ removed: [Int], _ set: [Int]) -> Bool {
        let operation = source[index]
        let isRefuted = operation.flags.contains(.refuted) && operation.outcome == .fail
        guard operation.kind == .read || operation.kind == .cas else { return false }
        let wanted = operation.kind == .cas ? operation.expected : operation.value
        var latest = Int64.min
        for other in set where source[other].kind != .read && source[other].outcome == .ok {
            if source[other].value != wanted, source[other].completed < operation.invoked {
                latest = max(latest, source[other].invoked)
            }
        }
        if !isRefuted, !wanted.isAbsent,
            !set.contains(where: { source[$0].kind != .read && source[$0].value == wanted })
        {
            return removed.contains { source[$0].value == wanted }
        }
        return removed.contains { other in
            (isRefuted || source[other].value == wanted)
                && source[other].invoked <= operation.completed
                && source[other].completed >= latest
        }
    }
}
