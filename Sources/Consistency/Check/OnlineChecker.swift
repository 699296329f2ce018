/// Linearizability of unique writes while the load is still running, in bounded memory.
///
/// Operations are added as they complete, in any order; unknown ones when the client gives up.
/// A low-water mark promises that everything invoked before it has been added. Behind the mark a
/// cluster that must precede an already closed one can only be violated by what comes, so that it
/// is retired; what stays is proportional to the concurrency, to unseen unknown writes, and to one
/// counter for each key and process. Verdicts equal those of the batch check on what was released.
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

    private struct Active {
        var value: ValueID
        var writeStart: Int64
        var earliestFinish: Int64
        var latestStart: Int64
        var isReported = false
        var last: Operation
    }

    private struct KeyState {
        var active: [Active] = []
        /// Reads whose write has not been released.
        var waiting: [Operation] = []
        /// Unknown writes that nobody has seen.
        var unseen: [ValueID: Operation] = [:]
        /// By process the largest sequence number released; smaller ones that are neither active
        /// nor unseen are retired.
        var marks: [UInt32: UInt64] = [:]
        var retired: Set<ValueID> = []
        var failed: Set<ValueID> = []
    }

    private var keys: [UInt32: KeyState] = [:]
    private var pending: [Operation] = []
    private var lowWater = Int64.min
    /// Operations released so far.
    public private(set) var verified = 0
    /// Keys that were violated, with the first violation of each, in order of discovery.
    public private(set) var violations: [Violation] = []
    private var violatedKeys: Set<UInt32> = []
    /// Keys with compare-and-set or deletes, which only the batch check decides.
    public private(set) var undecidedKeys: Set<UInt32> = []

    /// Every key is absent at first.
    public init() {}

    /// Adds a completed or given-up operation; it must not have been invoked before the low-water
    /// mark.
    public mutating func add(_ operation: Operation) {
        precondition(operation.invoked >= lowWater, "an operation behind the low-water mark")
        pending.append(operation)
    }

    /// Everything invoked before `mark` has been added; judges it. The mark never falls.
    public mutating func advance(to mark: Int64) {
        precondition(mark >= lowWater, "the low-water mark does not fall")
        lowWater = mark
        var ready: [Operation] = []
        var rest: [Operation] = []
        for operation in pending {
            if operation.invoked < mark { ready.append(operation) } else { rest.append(operation) }
        }
        pending = rest
        // At equal times writes come first: a read must not find its own value passed over.
        ready.sort {
            ($0.invoked, $0.kind == .read ? 1 : 0, $0.value.raw, $0.completed)
                < ($1.invoked, $1.kind == .read ? 1 : 0, $1.value.raw, $1.completed)
        }
        var touched: Set<UInt32> = []
        for operation in ready {
            verified += 1
            touched.insert(operation.key)
            release(operation)
        }
        for key in touched.sorted() { retire(key) }
        for key in keys.keys.sorted() where !(keys[key]?.waiting.isEmpty ?? true) {
            expire(key)
        }
    }

    /// No more operations will come.
    public mutating func finish() { advance(to: Operation.never) }

    /// Clusters, waiting reads and unseen writes held, a measure of memory.
    public var held: Int {
        keys.values.reduce(pending.count) {
            $0 + $1.active.count + $1.waiting.count + $1.unseen.count
        }
    }

    private mutating func report(
        _ key: UInt32, _ anomaly: Anomaly, _ operation: Operation, _ other: Operation? = nil
    ) {
        guard violatedKeys.insert(key).inserted else { return }
        violations.append(
            Violation(key: key, anomaly: anomaly, operation: operation, other: other))
    }

    private mutating func release(_ operation: Operation) {
        switch operation.kind {
        case .cas, .delete: undecidedKeys.insert(operation.key)
        case .write: releaseWrite(operation)
        case .read: if operation.outcome == .ok { releaseRead(operation) }
        }
    }

    private mutating func releaseWrite(_ operation: Operation) {
        var state = keys[operation.key] ?? KeyState()
        if operation.outcome == .fail {
            state.failed.insert(operation.value)
        } else {
            if operation.value.isInterned {
                state.retired.insert(operation.value)
            } else {
                let mark = state.marks[operation.value.process] ?? 0
                state.marks[operation.value.process] = max(mark, operation.value.sequence)
            }
            if operation.outcome == .unknown {
                state.unseen[operation.value] = operation
            } else {
                add(cluster(operation), &state)
            }
        }
        let waiting = state.waiting.filter { $0.value == operation.value }
        state.waiting.removeAll { $0.value == operation.value }
        keys[operation.key] = state
        for read in waiting { releaseRead(read) }
    }

    private func cluster(_ write: Operation) -> Active {
        Active(
            value: write.value, writeStart: write.invoked, earliestFinish: write.completed,
            latestStart: write.invoked, last: write)
    }

    private mutating func add(_ cluster: Active, _ state: inout KeyState) {
        state.active.append(cluster)
        compare(state.active.count - 1, &state)
    }

    private mutating func releaseRead(_ read: Operation) {
        var state = keys[read.key] ?? KeyState()
        defer { keys[read.key] = state }
        if state.failed.contains(read.value) {
            report(read.key, .abortedRead, read)
            return
        }
        if let unseen = state.unseen.removeValue(forKey: read.value) {
            add(cluster(unseen), &state)
        }
        if let place = state.active.firstIndex(where: { $0.value == read.value }) {
            join(read, place, &state)
        } else if read.value.isAbsent, !isRetired(read.value, state) {
            var first = cluster(read)
            first.writeStart = .min
            first.earliestFinish = .min
            add(first, &state)
        } else if isRetired(read.value, state) {
            report(read.key, .staleRead, read)
        } else {
            state.waiting.append(read)
        }
    }

    private func isRetired(_ value: ValueID, _ state: KeyState) -> Bool {
        if value.isInterned || value.isAbsent { return state.retired.contains(value) }
        return value.sequence <= state.marks[value.process] ?? 0
    }

    private mutating func join(_ read: Operation, _ place: Int, _ state: inout KeyState) {
        if read.completed < state.active[place].writeStart {
            report(read.key, .futureRead, read, state.active[place].last)
        }
        state.active[place].earliestFinish = min(
            state.active[place].earliestFinish, read.completed)
        state.active[place].latestStart = max(state.active[place].latestStart, read.invoked)
        state.active[place].last = read
        compare(place, &state)
    }

    private mutating func compare(_ place: Int, _ state: inout KeyState) {
        let own = state.active[place]
        for (i, other) in state.active.enumerated()
        where i != place && other.earliestFinish < own.latestStart
            && own.earliestFinish < other.latestStart
        {
            report(own.last.key, .staleRead, own.last, other.last)
        }
    }

    /// Retires every cluster that must precede one which is closed behind the mark.
    private mutating func retire(_ key: UInt32) {
        guard var state = keys[key] else { return }
        // The initial value is closed by any write, whether or not it was read.
        var largest = Int64.min
        var second = Int64.min
        var holder = ValueID.absent
        for cluster in state.active where cluster.earliestFinish < lowWater {
            if cluster.latestStart > largest {
                second = largest
                largest = cluster.latestStart
                holder = cluster.value
            } else {
                second = max(second, cluster.latestStart)
            }
        }
        let gone = state.active.filter {
            $0.earliestFinish < ($0.value == holder ? second : largest)
        }
        for cluster in gone where cluster.value.isAbsent { state.retired.insert(.absent) }
        if state.active.contains(where: { !$0.value.isAbsent && $0.earliestFinish < lowWater }) {
            if !state.active.contains(where: { $0.value.isAbsent }) {
                state.retired.insert(.absent)
            }
        }
        state.active.removeAll { $0.earliestFinish < ($0.value == holder ? second : largest) }
        keys[key] = state
    }

    /// Reads that completed behind the mark without their write: nobody wrote that before.
    private mutating func expire(_ key: UInt32) {
        guard var state = keys[key] else { return }
        for read in state.waiting where read.completed < lowWater { report(key, .thinAir, read) }
        state.waiting.removeAll { $0.completed < lowWater }
        keys[key] = state
    }
}
