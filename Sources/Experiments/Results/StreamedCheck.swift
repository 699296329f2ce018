import Basics
import Consistency
import Platform

/// Linearizability of a history that is never in memory: the file is read in order, and only what
/// may still change a verdict is held. For keys that do not fit into memory by themselves.
///
/// The file may be in any order. A first pass notes the earliest invocation of every batch; what
/// then follows a batch cannot have been invoked before the smallest of those that are left, which
/// is the low-water mark behind which operations are judged. How far the order of the file is from
/// that of the invocations is what memory depends on.
public struct StreamedCheck {
    /// What was found, and the operations of the counterexample that it speaks of.
    public struct Finding {
        public let report: Consistency.Report
        public let history: History
        /// Most operations and states that were held at once.
        public let mostHeld: Int
    }

    private let path: String
    private let format: HistoryFile.Format
    private let budget: Budget

    /// `budget` caps the search of each key with repeated values, deletes or compare-and-set.
    public init(_ path: String, as format: HistoryFile.Format, budget: Budget) {
        self.path = path
        self.format = format
        self.budget = budget
    }

    /// - Throws: `HistoryError`, `SystemError` as `HistoryFile.read`.
    public func run() throws -> Finding {
        let marks = try lowWaterMarks()
        var checker = OnlineChecker(budget: budget)
        var census = Census()
        var batch = 0
        var mostHeld = 0
        try HistoryFile.stream(path, as: format) { history in
            for operation in history.operations {
                census.note(operation)
                checker.add(operation)
            }
            census.keys = history.keys.count
            batch += 1
            mostHeld = max(mostHeld, checker.held)
            let mark = batch < marks.count ? marks[batch] : Operation.never
            checker.advance(to: mark)
        }
        checker.finish()
        var report = Consistency.Report()
        report.summary = census.summary
        var model = ModelReport(model: .linearizable)
        model.keysChecked = census.keys
        model.method = .streaming
        model.violatingKeys = checker.violations.count
        model.inconclusiveKeys = checker.undecidedKeys.count
        if model.inconclusiveKeys > 0 {
            model.reason = "the search of a key reached its memory limit"
        }
        var history = History()
        if let violation = checker.violations.first {
            (model.counterexample, history) = try counterexample(violation)
        }
        report.models = [model]
        return Finding(report: report, history: history, mostHeld: mostHeld)
    }

    /// By batch: no operation of it, or of a later one, was invoked earlier.
    private func lowWaterMarks() throws -> [Int64] {
        var marks: [Int64] = []
        try HistoryFile.stream(path, as: format) { history in
            marks.append(history.operations.lazy.map(\.invoked).min() ?? Operation.never)
        }
        var least = Operation.never
        for batch in marks.indices.reversed() {
            least = min(least, marks[batch])
            marks[batch] = least
        }
        return marks
    }

    /// Operations of a counterexample's values that are looked at.
    private static let mostOfValues = 1 << 20

    /// The values that exclude each other, with everybody who wrote or read them, are a small
    /// history that violates by itself: its smallest counterexample is that of the whole.
    private func counterexample(
        _ violation: OnlineChecker.Violation
    ) throws -> (Consistency.Witness, History) {
        let values = Set([violation.operation.value, violation.other?.value].compactMap { $0 })
        var part = History.Excerpt()
        var own: [Int] = []
        try HistoryFile.stream(path, as: format) { history in
            for operation in history.operations {
                let isMember =
                    operation.key == violation.key
                    && (values.contains(operation.value) || operation == violation.operation)
                if isMember, part.history.count < StreamedCheck.mostOfValues {
                    let index = part.append(operation, of: history)
                    if operation == violation.operation { own.append(index) }
                } else {
                    part.pass(operation)
                }
            }
        }
        var options = CheckOptions()
        options.models = [.linearizable]
        options.measuresStaleness = false
        options.budget = budget
        let found = Checker.check(part.history, options: options).models[0].counterexample
        let value = own.first.map { part.history.text(part.history.operations[$0].value) } ?? ""
        let witness =
            found
            ?? Consistency.Witness(
                key: 0, anomaly: violation.anomaly, operations: Array(own.prefix(1)),
                explanation:
                    "Key \(part.history.keyText(0)) is not linearizable: an operation with "
                    + "the value \(value) fits into no order of what came before it.")
        return (witness, part.history)
    }
}

/// Counts operations as they pass.
private struct Census {
    var keys = 0
    private var operations = 0
    private var unknown = 0
    private var failed = 0
    private var processes = Set<UInt32>()
    private var start = Int64.max
    private var end = Int64.min

    mutating func note(_ operation: Operation) {
        operations += 1
        if operation.outcome == .unknown { unknown += 1 }
        if operation.outcome == .fail { failed += 1 }
        processes.insert(operation.process)
        start = min(start, operation.invoked)
        end = max(
            end, operation.completed == Operation.never ? operation.invoked : operation.completed)
    }

    var summary: HistorySummary {
        var summary = HistorySummary()
        summary.operations = operations
        summary.keys = keys
        summary.processes = processes.count
        summary.unknown = unknown
        summary.failed = failed
        summary.duration = start > end ? 0 : end - start
        return summary
    }
}
