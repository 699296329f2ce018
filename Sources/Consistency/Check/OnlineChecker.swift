/// Linearizability while the load is still running, in bounded memory.
///
/// Operations are added as they complete, in any order; unknown ones when the client gives up.
/// A low-water mark promises that everything invoked before it has been added. Behind the mark a
/// cluster that must precede an already closed one can only be violated by what comes, so that it
/// is retired; what stays is proportional to the concurrency, to unseen unknown writes, and to one
/// counter for each key and process. Verdicts equal those of the batch check on what was released.
///
/// Keys with compare-and-set, deletes or repeated values are judged by a search over states, which
/// is exact for a key that has them from its first operation on. A key that begins with unique
/// writes goes over to it with what was not retired by then; from there on it is never accused
/// wrongly, though something may be missed among the operations that overlap the change.
public struct OnlineChecker {
    /// A violation found while the history grows.
    public struct Violation: Sendable {
        public var key: UInt32
        public var anomaly: Anomaly
        /// The read that cannot be, or one of two values that exclude each other.
        public var operation: Operation
        /// The other side, when there is one.
        public var other: Operation?
    }

    private var places: [UInt32: Int] = [:]
    private var keys: ContiguousArray<OnlineKey> = []
    private var pending = Arrivals()
    private var lowWater = Int64.min
    private var round: UInt64 = 0
    private var touched: ContiguousArray<Int> = []
    /// Keys with reads that wait for their write, or with completions ahead of the mark.
    private var open: ContiguousArray<Int> = []
    private var heldByKeys = 0
    private let settings: OnlineKey.Settings

    /// Operations released so far.
    public private(set) var verified = 0
    /// Keys that were violated, with the first violation of each, in order of discovery.
    public private(set) var violations: [Violation] = []
    /// Keys whose search reached a cap, or that have appends: only the batch check decides them.
    public private(set) var undecidedKeys: Set<UInt32> = []

    /// Every key is absent at first, or has a value for which `isEarlier` is true: the value of a
    /// write that ended before the first operation. `budget` caps the search of each key.
    public init(
        budget: Budget = OnlineChecker.defaultBudget,
        isEarlier: @escaping @Sendable (ValueID) -> Bool = { _ in false }
    ) {
        settings = OnlineKey.Settings(budget: budget, isEarlier: isEarlier)
    }

    /// Sixteen MiB of states a key.
    public static var defaultBudget: Budget {
        var budget = Budget()
        budget.memory = 16 << 20
        return budget
    }

    /// Adds a completed or given-up operation; it must not have been invoked before the low-water
    /// mark. O(log p) for p operations ahead of the mark.
    public mutating func add(_ operation: Operation) {
        precondition(operation.invoked >= lowWater, "an operation behind the low-water mark")
        pending.push(operation)
    }

    /// Everything invoked before `mark` has been added; judges it. The mark never falls.
    public mutating func advance(to mark: Int64) {
        precondition(mark >= lowWater, "the low-water mark does not fall")
        guard mark > lowWater else { return }
        lowWater = mark
        round += 1
        while let operation = pending.pop(before: mark) {
            verified += 1
            release(operation)
        }
        for place in touched { settle(place) }
        touched.removeAll(keepingCapacity: true)
        expire()
    }

    /// No more operations will come.
    public mutating func finish() { advance(to: Operation.never) }

    /// Clusters, waiting reads, states and unseen writes held, a measure of memory. O(1).
    public var held: Int { pending.count + heldByKeys }

    private mutating func release(_ operation: Operation) {
        let place: Int
        if let known = places[operation.key] {
            place = known
        } else {
            place = keys.count
            places[operation.key] = place
            keys.append(OnlineKey())
        }
        if keys[place].touchedIn != round {
            keys[place].touchedIn = round
            touched.append(place)
        }
        note(keys[place].release(operation, settings), operation.key)
    }

    private mutating func settle(_ place: Int) {
        keys[place].retire(behind: lowWater)
        count(place)
        if keys[place].isOpen, !keys[place].isListed {
            keys[place].isListed = true
            open.append(place)
        }
    }

    /// Reads that completed behind the mark without their write: nobody wrote that before.
    private mutating func expire() {
        var kept = 0
        for place in open {
            note(keys[place].expire(behind: lowWater), keys[place].key)
            count(place)
            if keys[place].isOpen {
                open[kept] = place
                kept += 1
            } else {
                keys[place].isListed = false
            }
        }
        open.removeLast(open.count - kept)
    }

    private mutating func count(_ place: Int) {
        let held = keys[place].held
        heldByKeys += held - keys[place].counted
        keys[place].counted = held
    }

    private mutating func note(_ finding: OnlineKey.Finding, _ key: UInt32) {
        switch finding {
        case .none: break
        case .undecided: undecidedKeys.insert(key)
        case .violated(let anomaly, let operation, let other):
            violations.append(
                Violation(key: key, anomaly: anomaly, operation: operation, other: other))
        }
    }
}

/// Operations ahead of the low-water mark: a binary heap by invocation. At equal times writes come
/// first: a read must not find its own value passed over.
struct Arrivals {
    private var items: ContiguousArray<Operation> = []

    var count: Int { items.count }

    mutating func push(_ operation: Operation) {
        items.append(operation)
        var i = items.count - 1
        while i > 0 {
            let parent = (i - 1) / 2
            guard Arrivals.isBefore(operation, items[parent]) else { break }
            items[i] = items[parent]
            i = parent
        }
        items[i] = operation
    }

    /// The next operation that was invoked before `mark`, if there is one.
    mutating func pop(before mark: Int64) -> Operation? {
        guard let first = items.first, first.invoked < mark, let last = items.popLast() else {
            return nil
        }
        let count = items.count
        guard count > 0 else { return first }
        var i = 0
        while true {
            var child = 2 * i + 1
            guard child < count else { break }
            if child + 1 < count, Arrivals.isBefore(items[child + 1], items[child]) { child += 1 }
            guard Arrivals.isBefore(items[child], last) else { break }
            items[i] = items[child]
            i = child
        }
        items[i] = last
        return first
    }

    @inline(__always)
    private static func isBefore(_ a: Operation, _ b: Operation) -> Bool {
        if a.invoked != b.invoked { return a.invoked < b.invoked }
        let (first, second) = (a.kind == .read ? 1 : 0, b.kind == .read ? 1 : 0)
        if first != second { return first < second }
        return (a.value.raw, a.completed) < (b.value.raw, b.completed)
    }
}
