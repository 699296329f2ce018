/// One operation of the key at hand, as the algorithms see it. 32 bytes.
struct KeyOperation: BitwiseCopyable {
    var value: ValueID
    /// Invocation and completion, widened by the clock error; `Operation.never` when unknown.
    var start: Int64
    var finish: Int64
    /// Index into the history.
    var index: UInt32
    var kind: Operation.Kind
    var outcome: Operation.Outcome
    var flags: Operation.Flags

    /// As recorded; `KeyWork` drops what says nothing and widens the times.
    @inline(__always)
    init(_ operation: Operation, _ index: UInt32) {
        self.init(
            value: operation.value, start: operation.invoked,
            finish: operation.outcome == .unknown ? Operation.never : operation.completed,
            index: index, kind: operation.kind, outcome: operation.outcome,
            flags: operation.flags)
    }

    @inline(__always)
    init(
        value: ValueID, start: Int64, finish: Int64, index: UInt32, kind: Operation.Kind,
        outcome: Operation.Outcome, flags: Operation.Flags
    ) {
        self.value = value
        self.start = start
        self.finish = finish
        self.index = index
        self.kind = kind
        self.outcome = outcome
        self.flags = flags
    }

    @inline(__always) var clock: UInt8 { flags.clock }

    /// Whether it may have changed the key.
    @inline(__always) var isEffectiveWrite: Bool { kind != .read && outcome != .fail }
}

/// A write with the reads that returned its value.
struct Cluster: BitwiseCopyable {
    /// The write's own interval; for the initial value both are the beginning of time.
    var writeStart: Int64
    var writeFinish: Int64
    /// Smallest completion and largest invocation of the whole cluster (p and q of the theory).
    var earliestFinish: Int64
    var latestStart: Int64
    /// Largest invocation of a read; the beginning of time without reads.
    var latestReadStart: Int64
    /// Smallest completion of a read; the end of time without reads.
    var earliestReadFinish = Operation.never
    /// The write, the read with the earliest completion, the read with the latest invocation:
    /// positions among the key's operations, −1 for none.
    var writer: Int32
    var earliestRead: Int32
    var latestRead: Int32
    var reads: Int32
    var value: ValueID
    var isFailed: Bool

    @inline(__always) var isForward: Bool { earliestFinish < latestStart }
    @inline(__always) var low: Int64 { min(earliestFinish, latestStart) }
    @inline(__always) var high: Int64 { max(earliestFinish, latestStart) }
}

/// What kinds of operations a key has; decides which algorithm is exact for it.
struct KeyProfile {
    var reads = 0
    var hasDuplicates = false
    var cas = 0
    var deletes = 0
    var absentReads = 0
    var refuted = 0
    var appends = 0
    /// First read of a value that nobody wrote, as a position among the key's operations.
    var thinAir: Int32 = -1
    /// First read of the value of a failed write.
    var aborted: Int32 = -1
    /// First read that completed before the write of its value was invoked.
    var future: Int32 = -1
    /// Largest distance by which a read completed before its write was invoked.
    var futureGap: Int64 = 0
}

/// The initial value of every key.
public enum InitialValue: Hashable, Sendable {
    /// No value.
    case absent
    case value(ValueID)
    /// The history was attached to a running store: at most one unwritten value per key is taken
    /// as its initial value.
    case unknown
}

/// The operations of one key at a time, gathered into contiguous memory and clustered, with the
/// scratch memory of all per-key algorithms. One thread uses it; the next key reuses it.
final class KeyWork {
    static let beginning = Int64.min

    let source: UnsafePointer<Operation>
    let initial: InitialValue
    let clockError: Int64
    /// The history's values, for appending to them.
    let values: NameTable

    var operations = Scratch<KeyOperation>()
    var count = 0
    var clusters = Scratch<Cluster>()
    var clusterCount = 0
    /// The cluster of each operation; −1 for none.
    var clusterOf = Scratch<Int32>()
    var profile = KeyProfile()
    var keyed = Scratch<Keyed>()
    var sorter = KeyedSorter()
    var marks = Scratch<UInt8>()
    private var table = Scratch<TableEntry>()
    private var tableMask = 0

    /// Eight bytes: the table of a hot key stays in the cache.
    struct TableEntry: BitwiseCopyable {
        /// Tells most other values apart without looking at their clusters.
        var tag: UInt32
        var cluster: Int32
    }

    /// Intervals end a nanosecond early, so that operations that touch are in order.
    let endsEarly: Bool

    /// `source` must stay valid while this object is used.
    init(source: UnsafePointer<Operation>, checker: Checker, endsEarly: Bool = false) {
        self.source = source
        self.endsEarly = endsEarly
        initial = checker.options.initial
        clockError = checker.options.clockError
        values = checker.history.values
    }

    /// Takes the operations that matter: reads without a result say nothing and are dropped.
    func gather(_ recorded: UnsafeBufferPointer<KeyOperation>) {
        let target = operations.clear(for: recorded.count)
        var taken = 0
        for operation in recorded where operation.kind != .read || operation.outcome == .ok {
            target[taken] = timed(operation)
            taken &+= 1
        }
        count = taken
        buildClusters()
    }

    /// Takes the operations of these indices.
    func gather(_ indices: UnsafeBufferPointer<UInt32>) {
        let target = operations.clear(for: indices.count)
        var taken = 0
        for index in indices {
            let operation = KeyOperation(source[Int(index)], index)
            if operation.kind == .read, operation.outcome != .ok { continue }
            target[taken] = timed(operation)
            taken &+= 1
        }
        count = taken
        buildClusters()
    }

    @inline(__always)
    private func timed(_ operation: KeyOperation) -> KeyOperation {
        var operation = operation
        if operation.finish != Operation.never {
            let finish = operation.finish &- (endsEarly ? 1 : 0)
            operation.finish = max(operation.start, finish) &+ clockError
        }
        operation.start &-= clockError
        return operation
    }

    /// The history's index of the operation at a position of this key.
    func index(_ position: Int32) -> Int { Int(operations.base[Int(position)].index) }

    func expected(_ position: Int32) -> ValueID { source[index(position)].expected }

    // Values of one process lie next to each other in groups of four, so that a hot key's
    // writers, which advance together, stay in the cache.
    @inline(__always)
    private func place(_ value: ValueID) -> (slot: Int, tag: UInt32) {
        let mixed = (value.raw >> 2) &* 0x9e37_79b9_7f4a_7c15
        let slot = Int(truncatingIfNeeded: (mixed >> 29) << 2 | value.raw & 3) & tableMask
        return (slot, UInt32(truncatingIfNeeded: (mixed &+ value.raw) >> 16))
    }

    /// The cluster of a value, or −1.
    @inline(__always)
    func find(_ value: ValueID) -> Int32 {
        let entries = table.base
        let (first, tag) = place(value)
        var slot = first
        while entries[slot].cluster >= 0 {
            if entries[slot].tag == tag,
                clusters.base[Int(entries[slot].cluster)].value == value
            {
                return entries[slot].cluster
            }
            slot = (slot &+ 1) & tableMask
        }
        return -1
    }

    /// `cluster` gets this value before anything is looked up.
    @inline(__always)
    private func insert(_ value: ValueID, _ cluster: Int32) {
        let entries = table.base
        let (first, tag) = place(value)
        var slot = first
        while entries[slot].cluster >= 0 { slot = (slot &+ 1) & tableMask }
        entries[slot] = TableEntry(tag: tag, cluster: cluster)
    }

    private func buildClusters() {
        profile = KeyProfile()
        let operations = operations.base
        var writes = 1
        for i in 0..<count where operations[i].kind == .write || operations[i].kind == .cas {
            writes &+= 1
        }
        var size = 16
        while size < writes * 2 { size *= 2 }
        tableMask = size - 1
        let entries = table.clear(for: size)
        for i in 0..<size { entries[i] = TableEntry(tag: 0, cluster: -1) }
        // One more for an unknown initial value.
        _ = clusters.clear(for: writes + 1)
        _ = clusterOf.clear(for: count)
        clusters.base[0] = Cluster(
            writeStart: KeyWork.beginning, writeFinish: KeyWork.beginning,
            earliestFinish: KeyWork.beginning, latestStart: KeyWork.beginning,
            latestReadStart: KeyWork.beginning, writer: -1, earliestRead: -1, latestRead: -1,
            reads: 0, value: .absent, isFailed: false)
        clusterCount = 1
        if case .value(let value) = initial {
            clusters.base[0].value = value
            insert(value, 0)
        }
        addWrites()
        addReads()
    }

    private func addWrites() {
        let operations = operations.base
        let clusterOf = clusterOf.base
        let clusters = clusters.base
        for i in 0..<count {
            let operation = operations[i]
            clusterOf[i] = -1
            switch operation.kind {
            case .read: continue
            case .delete:
                if operation.outcome != .fail { profile.deletes &+= 1 }
                continue
            case .cas:
                if operation.outcome != .fail { profile.cas &+= 1 }
                if operation.flags.contains(.refuted) { profile.refuted &+= 1 }
            case .write: if operation.flags.contains(.append) { profile.appends &+= 1 }
            }
            let isFailed = operation.outcome == .fail
            let known = find(operation.value)
            if known >= 0 {
                if isFailed { continue }
                guard clusters[Int(known)].isFailed else {
                    profile.hasDuplicates = true
                    continue
                }
            } else {
                insert(operation.value, Int32(truncatingIfNeeded: clusterCount))
                clusterCount &+= 1
            }
            let place = known >= 0 ? Int(known) : clusterCount &- 1
            clusterOf[i] = Int32(truncatingIfNeeded: place)
            clusters[place] = Cluster(
                writeStart: operation.start, writeFinish: operation.finish,
                earliestFinish: operation.finish, latestStart: operation.start,
                latestReadStart: KeyWork.beginning, writer: Int32(truncatingIfNeeded: i),
                earliestRead: -1, latestRead: -1, reads: 0, value: operation.value,
                isFailed: isFailed)
        }
    }

    private func addReads() {
        let operations = operations.base
        let clusterOf = clusterOf.base
        let clusters = clusters.base
        var hasInitial = initial != .unknown
        for i in 0..<count where operations[i].kind == .read {
            let read = operations[i]
            profile.reads &+= 1
            var place: Int32
            if read.value.isAbsent {
                profile.absentReads &+= 1
                if profile.deletes > 0 { continue }
                place = initial == .absent ? 0 : find(.absent)
            } else {
                place = find(read.value)
            }
            if place < 0 {
                guard !hasInitial else {
                    if profile.thinAir < 0 { profile.thinAir = Int32(truncatingIfNeeded: i) }
                    continue
                }
                hasInitial = true
                clusters[0].value = read.value
                insert(read.value, 0)
                place = 0
            }
            clusterOf[i] = place
            clusters[Int(place)].add(read, at: Int32(truncatingIfNeeded: i))
            note(read, Int32(truncatingIfNeeded: i), clusters[Int(place)])
        }
    }

    @inline(__always)
    private func note(_ read: KeyOperation, _ position: Int32, _ cluster: Cluster) {
        if cluster.isFailed {
            if profile.aborted < 0 { profile.aborted = position }
        } else if read.finish < cluster.writeStart {
            if profile.future < 0 { profile.future = position }
            profile.futureGap = max(profile.futureGap, cluster.writeStart - read.finish)
        }
    }

    /// Whether the zone algorithms look at a cluster: someone saw it, or it certainly happened.
    @inline(__always)
    func isAlive(_ place: Int) -> Bool {
        let cluster = clusters.base[place]
        if place == 0 { return cluster.reads > 0 }
        return !cluster.isFailed && (cluster.reads > 0 || cluster.writeFinish != Operation.never)
    }
}

extension Cluster {
    @inline(__always)
    mutating func add(_ read: KeyOperation, at position: Int32) {
        reads &+= 1
        if read.finish < earliestFinish { earliestFinish = read.finish }
        if read.start > latestStart { latestStart = read.start }
        if read.start > latestReadStart || latestRead < 0 {
            latestReadStart = read.start
            latestRead = position
        }
        if read.finish < earliestReadFinish || earliestRead < 0 {
            earliestReadFinish = read.finish
            earliestRead = position
        }
    }
}
