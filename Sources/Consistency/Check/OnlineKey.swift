/// One key of a history that is checked while it grows: its clusters that are not closed, or the
/// states of a search.
struct OnlineKey {
    struct Settings: Sendable {
        var budget: Budget
        var isEarlier: @Sendable (ValueID) -> Bool
    }

    enum Finding {
        case none
        case undecided
        case violated(Anomaly, Operation, Operation?)
    }

    private struct Active {
        var value: ValueID
        var writeStart: Int64
        var earliestFinish: Int64
        var latestStart: Int64
        /// The same without reads that are not yet behind the mark: a write of the same value that
        /// is still to come may turn out to be theirs.
        var settledStart: Int64
        var last: Operation
    }

    /// A read that is not yet behind the mark.
    private struct Unsettled {
        var value: ValueID
        var start: Int64
        var finish: Int64
    }

    /// A process and the largest sequence number of it that was released; smaller ones that are
    /// neither active nor unseen are retired.
    private struct Mark {
        var process: UInt32
        var sequence: UInt64
    }

    private(set) var key: UInt32 = 0
    private var active: ContiguousArray<Active> = []
    private var unsettled: ContiguousArray<Unsettled> = []
    /// Reads whose write has not been released.
    private var waiting: ContiguousArray<Operation> = []
    /// Unknown writes that nobody has seen.
    private var unseen: [ValueID: Operation] = [:]
    /// By process, ascending.
    private var marks: ContiguousArray<Mark> = []
    private var retired: Set<ValueID> = []
    private var failed: Set<ValueID> = []
    private var search: OnlineSearch?
    /// A violation unless a delete or a write of the same value turns up that began before the
    /// read at fault ended; and when that was.
    private var suspicion: (finding: Finding, until: Int64)?
    /// Violated or given up: nothing more is looked at.
    private var isClosed = false
    /// The round of the checker in which this key was last touched.
    var touchedIn: UInt64 = 0
    var isListed = false
    var counted = 0

    /// Whether time alone can bring news of this key.
    var isOpen: Bool { !waiting.isEmpty || suspicion != nil || (search?.isOpen ?? false) }

    var held: Int {
        active.count + unsettled.count + waiting.count + unseen.count + failed.count
            + (search?.held ?? 0)
    }

    // MARK: Release

    /// Takes the next operation by invocation.
    mutating func release(_ operation: Operation, _ settings: Settings) -> Finding {
        key = operation.key
        guard !isClosed else { return .none }
        if operation.flags.contains(.append) { return close(.undecided) }
        if search == nil, needsSearch(operation) { beginSearch(settings) }
        if let search {
            return close(search.release(operation, settings.isEarlier))
        }
        switch operation.kind {
        case .write: suspect(releaseWrite(operation, settings))
        case .read where operation.outcome == .ok: suspect(releaseRead(operation, settings))
        default: break
        }
        return .none
    }

    private mutating func suspect(_ finding: Finding) {
        guard suspicion == nil, case .violated(_, let operation, _) = finding else { return }
        suspicion = (finding, operation.completed)
    }

    private func needsSearch(_ operation: Operation) -> Bool {
        switch operation.kind {
        case .cas: operation.outcome != .fail || operation.flags.contains(.refuted)
        case .delete: operation.outcome != .fail
        case .read: false
        case .write: operation.outcome != .fail && isReleased(operation.value)
        }
    }

    /// Whether a write of this value was released before.
    private func isReleased(_ value: ValueID) -> Bool {
        unseen[value] != nil || isRetired(value) || active.contains { $0.value == value }
    }

    private mutating func close(_ finding: Finding) -> Finding {
        if case .none = finding { return finding }
        let key = key
        let (touched, listed, counted) = (touchedIn, isListed, counted)
        self = OnlineKey()
        (self.key, touchedIn, isListed, self.counted) = (key, touched, listed, counted)
        isClosed = true
        return finding
    }

    private mutating func releaseWrite(_ operation: Operation, _ settings: Settings) -> Finding {
        if operation.outcome == .fail {
            // The same value may have been written again, and then not have failed.
            if !isReleased(operation.value) { failed.insert(operation.value) }
        } else {
            failed.remove(operation.value)
            mark(operation.value)
            if operation.outcome == .unknown {
                unseen[operation.value] = operation
            } else if let other = add(cluster(operation)) {
                return .violated(.staleRead, operation, other)
            }
        }
        guard waiting.contains(where: { $0.value == operation.value }) else { return .none }
        let own = waiting.filter { $0.value == operation.value }
        waiting.removeAll { $0.value == operation.value }
        for read in own {
            let finding = releaseRead(read, settings)
            if case .none = finding { continue }
            return finding
        }
        return .none
    }

    private mutating func mark(_ value: ValueID) {
        if value.isInterned {
            retired.insert(value)
            return
        }
        let place = markPlace(value.process)
        if place < marks.count, marks[place].process == value.process {
            marks[place].sequence = max(marks[place].sequence, value.sequence)
        } else {
            marks.insert(Mark(process: value.process, sequence: value.sequence), at: place)
        }
    }

    private func markPlace(_ process: UInt32) -> Int {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].process < process { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func cluster(_ write: Operation) -> Active {
        Active(
            value: write.value, writeStart: write.invoked, earliestFinish: write.completed,
            latestStart: write.invoked, settledStart: write.invoked, last: write)
    }

    /// A value that was there before everything, known from this read.
    private func earlier(_ read: Operation) -> Active {
        Active(
            value: read.value, writeStart: .min, earliestFinish: .min, latestStart: read.invoked,
            settledStart: .min, last: read)
    }

    private mutating func releaseRead(_ read: Operation, _ settings: Settings) -> Finding {
        if let write = unseen.removeValue(forKey: read.value),
            let other = add(cluster(write))
        {
            return .violated(.staleRead, write, other)
        }
        if let place = active.firstIndex(where: { $0.value == read.value }) {
            return join(read, place)
        }
        if isRetired(read.value) { return .violated(.staleRead, read, nil) }
        guard read.value.isAbsent || settings.isEarlier(read.value) else {
            waiting.append(read)
            return .none
        }
        note(read)
        return add(earlier(read)).map { .violated(.staleRead, read, $0) } ?? .none
    }

    private func isRetired(_ value: ValueID) -> Bool {
        if value.isInterned || value.isAbsent { return retired.contains(value) }
        let place = markPlace(value.process)
        if place < marks.count, marks[place].process == value.process,
            value.sequence <= marks[place].sequence
        {
            return true
        }
        return !retired.isEmpty && retired.contains(value)
    }

    private mutating func join(_ read: Operation, _ place: Int) -> Finding {
        if read.completed < active[place].writeStart {
            return .violated(.futureRead, read, active[place].last)
        }
        note(read)
        active[place].earliestFinish = min(active[place].earliestFinish, read.completed)
        active[place].latestStart = max(active[place].latestStart, read.invoked)
        active[place].last = read
        return conflict(of: place).map { .violated(.staleRead, read, $0) } ?? .none
    }

    private mutating func note(_ read: Operation) {
        unsettled.append(
            Unsettled(value: read.value, start: read.invoked, finish: read.completed))
    }

    /// Adds a cluster; something of one that it excludes, if there is one.
    private mutating func add(_ cluster: Active) -> Operation? {
        active.append(cluster)
        return conflict(of: active.count - 1)
    }

    private func conflict(of place: Int) -> Operation? {
        let own = active[place]
        for (i, other) in active.enumerated()
        where i != place && other.earliestFinish < own.latestStart
            && own.earliestFinish < other.latestStart
        {
            return other.last
        }
        return nil
    }

    // MARK: The mark

    /// Retires every cluster that must precede one which is closed behind the mark.
    mutating func retire(behind mark: Int64) {
        settle(behind: mark)
        // Clusters that exclude each other would retire each other, and one of them may be right.
        guard active.count > 0, suspicion == nil else { return }
        var largest = Int64.min
        var second = Int64.min
        var holder = ValueID.absent
        for cluster in active where cluster.earliestFinish < mark {
            if cluster.settledStart > largest {
                second = largest
                largest = cluster.settledStart
                holder = cluster.value
            } else {
                second = max(second, cluster.settledStart)
            }
        }
        // The initial value is closed by any write, whether or not it was read.
        var hasAbsent = false
        var hasClosed = false
        var kept = 0
        for i in active.indices {
            let cluster = active[i]
            let isGone = cluster.earliestFinish < (cluster.value == holder ? second : largest)
            let isEarlier = cluster.writeStart == .min
            if cluster.value.isAbsent, !isGone { hasAbsent = true }
            if !cluster.value.isAbsent, cluster.earliestFinish < mark { hasClosed = true }
            if isGone {
                if isEarlier { retired.insert(cluster.value) }
                continue
            }
            active[kept] = cluster
            kept += 1
        }
        active.removeLast(active.count - kept)
        if hasClosed, !hasAbsent { retired.insert(.absent) }
    }

    /// Counts the reads that completed behind the mark.
    private mutating func settle(behind mark: Int64) {
        var kept = 0
        for i in unsettled.indices {
            let read = unsettled[i]
            guard read.finish < mark else {
                unsettled[kept] = read
                kept += 1
                continue
            }
            if let place = active.firstIndex(where: { $0.value == read.value }) {
                active[place].settledStart = max(active[place].settledStart, read.start)
            }
        }
        unsettled.removeLast(unsettled.count - kept)
    }

    /// Judges what completed behind the mark.
    mutating func expire(behind mark: Int64) -> Finding {
        if let search { return close(search.advance(to: mark)) }
        if let suspicion, suspicion.until < mark { return close(suspicion.finding) }
        if let read = waiting.first(where: { $0.completed < mark }) {
            let isAborted = failed.contains(read.value)
            return close(.violated(isAborted ? .abortedRead : .thinAir, read, nil))
        }
        return .none
    }

    // MARK: Search

    /// Goes over to a search: any value that is not retired may be the current one, and may still
    /// come back.
    private mutating func beginSearch(_ settings: Settings) {
        var values = active.map(\.value)
        if !values.contains(.absent), !isRetired(.absent) { values.append(.absent) }
        let search = OnlineSearch(initial: values, budget: settings.budget)
        if values.count > 1 {
            for value in values { search.allow(value, since: .min) }
        }
        for write in unseen.values.sorted(by: { $0.value.raw < $1.value.raw }) {
            search.allow(write.value, since: write.invoked)
        }
        search.note(
            failed: failed,
            released: { [retired, marks] value in
                retired.contains(value)
                    || marks.contains {
                        $0.process == value.process && value.sequence <= $0.sequence
                    }
            })
        for read in waiting { search.open(read) }
        active = []
        unsettled = []
        waiting = []
        unseen = [:]
        marks = []
        retired = []
        failed = []
        suspicion = nil
        self.search = search
    }
}
