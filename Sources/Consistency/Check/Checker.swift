/// Checks a history against models.
///
/// Preparing groups the operations by key once, O(n). Then any number of threads may each check
/// a range of keys, and one of them what spans keys; merged, the reports are the same as those of
/// one thread. `check()` does all of it in place.
public struct Checker: Sendable {
    public let history: History
    public let options: CheckOptions
    /// Operations of key `k`: `byKey[starts[k] ..< starts[k + 1]]`, in the history's order, with
    /// their times as recorded. A copy: what a key's algorithms read lies together.
    let byKey: ContiguousArray<KeyOperation>
    let starts: ContiguousArray<Int>
    private let counts: HistorySummary
    let prose: Prose

    public init(_ history: History, options: CheckOptions = CheckOptions()) {
        self.history = history
        self.options = options
        precondition(
            options.clockError >= 0 && options.clockError <= 1 << 60,
            "a clock error lies between 0 and 2^60 ns")
        var starts = ContiguousArray<Int>(repeating: 0, count: history.keys.count + 1)
        for operation in history.operations { starts[Int(operation.key) &+ 1] &+= 1 }
        for key in 0..<history.keys.count { starts[key + 1] += starts[key] }
        var census = Census(history, isOwn: Checker.ownKeys(history, options.shard))
        var places = starts
        byKey = ContiguousArray(unsafeUninitializedCapacity: history.count) { buffer, count in
            for (index, operation) in history.operations.enumerated() {
                census.note(operation)
                let place = places[Int(operation.key)]
                places[Int(operation.key)] = place &+ 1
                buffer[place] = KeyOperation(operation, UInt32(truncatingIfNeeded: index))
            }
            count = history.count
        }
        self.starts = starts
        counts = census.summary
        prose = Prose(history, start: census.start, end: census.end)
    }

    private static func ownKeys(_ history: History, _ shard: Shard?) -> [Bool] {
        (0..<history.keys.count).map { key in
            shard.map { shard in history.keys.withBytes(key) { shard.holds($0) } } ?? true
        }
    }

    /// Checks the whole history.
    public static func check(
        _ history: History, options: CheckOptions = CheckOptions()
    ) -> Report {
        Checker(history, options: options).check()
    }

    /// Checks everything on this thread.
    public func check() -> Report { finish([check(keys: 0..<keyCount), checkAcrossKeys()]) }

    /// How many keys there are to divide among threads.
    public var keyCount: Int { history.keys.count }

    /// How many operations the key has, for dividing keys evenly.
    public func operationCount(key: Int) -> Int { starts[key + 1] - starts[key] }

    /// Operations of a part, unless one key alone has more.
    static let partOperations = 1 << 17

    /// The keys in order, cut into parts of about the same number of operations for threads to
    /// take. The cut depends on the history alone; so do the results, whoever takes which part.
    public var parts: [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = 0
        for key in 0..<keyCount where starts[key + 1] - starts[start] >= Checker.partOperations {
            parts.append(start..<key + 1)
            start = key + 1
        }
        if start < keyCount { parts.append(start..<keyCount) }
        return parts
    }

    /// Checks each of these keys, which are one or several of the `parts`, by itself; a part of
    /// the result for `finish`.
    public func check(keys: Range<Int>) -> Report {
        precondition(
            keys.lowerBound >= 0 && keys.upperBound <= keyCount, "the history has no such keys")
        var weight = 0
        return history.operations.withUnsafeBufferPointer { operations in
            guard let base = operations.baseAddress else { return emptyReport() }
            var run = KeyRun(checker: self, source: base, report: emptyReport())
            byKey.withUnsafeBufferPointer { byKey in
                for key in keys {
                    if weight >= Checker.partOperations {
                        run.beginPart()
                        weight = 0
                    }
                    weight += starts[key + 1] - starts[key]
                    guard isInShard(key) else { continue }
                    run.check(
                        UInt32(key),
                        UnsafeBufferPointer(rebasing: byKey[starts[key]..<starts[key + 1]]))
                }
            }
            return run.report
        }
    }

    /// One report from those of all parts, whatever their order.
    public func finish(_ parts: [Report]) -> Report {
        var report = emptyReport()
        for part in parts { report.merge(part) }
        report.summary = counts
        report.settle()
        guard report.summary.keys > 0 else { return report }
        if options.models.isEmpty {
            report.models.removeAll { $0.keysChecked == 0 }
        } else {
            for i in report.models.indices where report.models[i].keysChecked == 0 {
                report.models[i].settle(
                    .inconclusive("the history has no operations that this model judges"),
                    keys: 0, violating: 0, .reads)
                report.models[i].inconclusiveKeys = report.summary.keys
            }
        }
        return report
    }

    /// The models of the options, or all that the history supports. Models that span keys need
    /// all of them: a shard has them only when they are asked for by name.
    public var models: [Model] {
        guard options.models.isEmpty else { return options.models }
        return options.shard == nil ? Model.plain : Model.plain.filter(\.isPerKey)
    }

    func emptyReport() -> Report {
        var report = Report()
        report.models = models.map(ModelReport.init)
        return report
    }

    func isInShard(_ key: Int) -> Bool {
        guard let shard = options.shard else { return true }
        return history.keys.withBytes(key) { shard.holds($0) }
    }
}

/// Counts a history while it is read through: operations of the shard, processes of the whole.
private struct Census {
    var summary = HistorySummary()
    private(set) var start: Int64
    private(set) var end: Int64
    private var processes: ProcessSet
    private let isOwn: [Bool]

    init(_ history: History, isOwn: [Bool]) {
        self.isOwn = isOwn
        processes = history.excluded.processes
        start = history.excluded.start
        end = history.excluded.end
        summary.keys = isOwn.lazy.filter { $0 }.count
        settle()
    }

    private mutating func settle() {
        summary.processes = processes.count
        summary.duration = start > end ? 0 : end - start
    }

    @inline(__always)
    mutating func note(_ operation: Operation) {
        processes.insert(operation.process)
        summary.processes = processes.count
        start = min(start, operation.invoked)
        end = max(
            end, operation.completed == Operation.never ? operation.invoked : operation.completed)
        summary.duration = end &- start
        guard isOwn[Int(operation.key)] else { return }
        summary.operations &+= 1
        if operation.outcome == .unknown { summary.unknown &+= 1 }
        if operation.outcome == .fail { summary.failed &+= 1 }
    }
}
