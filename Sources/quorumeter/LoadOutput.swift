import Basics
import Consistency
import Experiments
import Foundation
import Load
import Platform
import Workloads

/// What becomes of a load's results: text or JSON, files, verdicts, the exit code.
struct LoadOutput {
    private let plan: LoadPlan
    private let arguments: Arguments
    private let allowedFailures: Double

    /// `allowedFailures` is the fraction of operations that may fail.
    init(_ plan: LoadPlan, _ arguments: Arguments, allowedFailures: Double) {
        self.plan = plan
        self.arguments = arguments
        self.allowedFailures = allowedFailures
    }

    /// Prints and writes everything. Results are printed even when a file cannot be written.
    func report(_ result: LoadResult) throws -> ExitCode {
        let report =
            arguments.has("--check") && !plan.checksOnline ? checked(result.history) : nil
        let check = report.map { CheckDocument($0, of: result.history) }
        if arguments.has("--json") {
            let document = RunDocument(result, check: check, target: "\(plan.target)")
            Terminal.result(String(decoding: try ResultStore.encode(document), as: UTF8.self))
        } else {
            Terminal.result(result.ycsbText(plan.workload))
            for (failure, count) in result.failures {
                Terminal.note("\(failure.name): \(count) operations\n")
            }
            if let check { Terminal.result(check.text) }
            if let online = result.online { Terminal.result(LoadOutput.text(online)) }
        }
        try write(result, anomalies: LoadOutput.anomalies(result, report))
        return try code(result, check)
    }

    private func checked(_ history: History) -> Consistency.Report {
        var options = CheckOptions()
        options.models = [.linearizable]
        options.keepsStaleReads = true
        options.budget.now = { Clocks.monotonic().nanoseconds }
        options.budget.deadline = (Clocks.monotonic() + .seconds(60)).nanoseconds
        return Checker.check(history, options: options)
    }

    /// When operations that showed an anomaly ended, since measuring began: stale reads, or what
    /// the online check found. Nil when nobody looked.
    private static func anomalies(
        _ result: LoadResult, _ report: Consistency.Report?
    ) -> [Instant.Duration]? {
        let times: [Int64]
        if let report {
            times = report.staleness.staleIndices.map {
                result.history.operations[Int($0)].completed
            }
        } else if let online = result.online {
            times = online.violations.map(\.time.nanoseconds)
        } else {
            return nil
        }
        return times.map { .nanoseconds($0 - result.measuredFrom.nanoseconds) }
    }

    private static func text(_ online: OnlineFindings) -> String {
        var text = "\(Quantities.grouped(online.operations)) operations on "
        text += "\(Quantities.grouped(online.keys)) keys checked while they ran\n"
        text += "linearizable: \(online.verdict)"
        if !online.violations.isEmpty { text += " on \(online.violations.count) keys" }
        if online.skipped > 0 {
            text +=
                "; \(Quantities.grouped(online.skipped)) operations were not judged, for the "
                + "check fell behind the load"
        }
        if online.undecidedKeys > 0 { text += "; \(online.undecidedKeys) keys are undecided" }
        text += "\n"
        for violation in online.violations.prefix(5) {
            text += "  \(violation.key): \(violation.anomaly): \(violation.explanation)\n"
        }
        if online.violations.count > 5 {
            text += "  and \(online.violations.count - 5) more keys\n"
        }
        return text
    }

    private func write(_ result: LoadResult, anomalies: [Instant.Duration]?) throws {
        do {
            if let path = arguments.value("--history") {
                if HistoryFile.Format(path: path) == .binary {
                    try HistoryFile.writeBinary(result.history, to: path)
                } else {
                    try HistoryFile.write(result.history, to: path)
                }
            }
            if let folder = arguments.value("--out") {
                try ResultStore.createFolder(folder)
                var text = ""
                for operation in result.operations {
                    text += "# \(operation.kind.name), microseconds from the intended start\n"
                    text += operation.latency.percentileText(scale: 1_000) + "\n"
                }
                var log = IntervalLog(result)
                if let anomalies { log.count(anomalies: anomalies) }
                for (name, text) in [
                    ("latency.hgrm", text), ("latency.hlog", try log.text()),
                    ("timeseries.csv", log.csv),
                ] { try ResultStore.write(ResultStore.bytes(text), to: "\(folder)/\(name)") }
            }
        } catch {
            throw CommandFailure(.environment, "\(error)")
        }
    }

    private func code(_ result: LoadResult, _ check: CheckDocument?) throws -> ExitCode {
        switch result.ending {
        case .completed: break
        case .interrupted: return .inconclusive
        case .overloaded(let lag):
            throw CommandFailure(
                .inconclusive, "offered load exceeds capacity: the schedule fell \(lag) behind")
        case .processesExhausted:
            throw CommandFailure(
                .inconclusive,
                "so many operations have unknown outcomes that the numbers of client processes ran "
                    + "out")
        case .targetLost(let why):
            throw CommandFailure(.environment, "the target was lost: \(why)")
        }
        if Double(result.errorCount) > allowedFailures * Double(result.operationCount) {
            Terminal.error(
                "\(result.errorCount) of \(result.operationCount) operations did not succeed")
            return .violated
        }
        if let stale = result.staleReads, stale.events > 0 {
            Terminal.error(
                "dataintegrity: \(stale.events) of \(stale.trials) reads were stale")
            return .violated
        }
        switch check?.verdict ?? result.online?.verdict {
        case "violated": return .violated
        case "inconclusive": return .inconclusive
        default: return .held
        }
    }
}
