import Basics
import Consistency
import Synchronization
import Workloads

/// What the check behind a running load found.
public struct OnlineFindings: Sendable {
    /// One key that is not linearizable.
    public struct Violation: Sendable {
        public let key: String
        /// A sentence: what was seen, when, by whom.
        public let explanation: String
        /// The kind of anomaly, as `check` names it.
        public let anomaly: String
        /// When the operation at fault ended, in the time of the history.
        public let time: Instant.Duration
    }

    /// Operations that were judged, on so many keys.
    public let operations: Int
    public let keys: Int
    /// The first violation of each key that has one, in order of discovery.
    public let violations: [Violation]
    /// Keys whose search reached a cap.
    public let undecidedKeys: Int
    /// Operations that could not be judged, because the check fell too far behind the load.
    public let skipped: Int

    /// `violated`, `inconclusive` or `holds`.
    public var verdict: String {
        if !violations.isEmpty { return "violated" }
        return undecidedKeys + skipped > 0 ? "inconclusive" : "holds"
    }
}

/// The numbers of processes that this run has given out, and will before they are next heard of:
/// after every unknown outcome a session goes on under a new one.
private final class OwnProcesses: Sendable {
    private let numbers: OwnNumbers
    private let ahead: UInt32
    private let highest: Atomic<UInt32>

    /// `ahead` is more than a run can give out between two reports of its generators.
    init(_ numbers: OwnNumbers, ahead: UInt32) {
        self.numbers = numbers
        self.ahead = ahead
        highest = Atomic(numbers.first)
    }

    func note(_ process: UInt32) {
        if process > highest.load(ordering: .relaxed) {
            highest.store(process, ordering: .relaxed)
        }
    }

    func contains(_ process: UInt32) -> Bool {
        numbers.contains(process) && process <= highest.load(ordering: .relaxed) &+ ahead
    }
}

/// Checks a load's history for linearizability while it grows, on the thread that waits for the
/// generators. Values that other runs wrote count as written before the beginning.
struct OnlineCheck {
    private let workload: Workload
    private let beginning: Instant
    private let own: OwnProcesses
    private var checker: OnlineChecker
    private var keys: [UInt64: UInt32] = [:]
    /// Names of keys, by index.
    private var names: [UInt64] = []
    /// Values that no load generator wrote: their hashes, by index.
    private var foreign: [UInt64: UInt32] = [:]
    private var strangers = Strangers()
    private var skipped = 0

    /// Beyond this many operations behind the mark, about 4 GiB, the check gives up.
    private static let mostHeld = 64 << 20

    init(_ plan: LoadPlan, beginning: Instant, firstProcess: UInt32) {
        workload = plan.workload
        self.beginning = beginning
        let own = OwnProcesses(
            OwnNumbers(plan, first: firstProcess),
            ahead: UInt32(65_536 + plan.sessionCount * plan.workers * 8))
        self.own = own
        let loads = plan.phase == .load
        checker = OnlineChecker(isEarlier: { value in
            if value.isInterned { return true }
            return value.process == WriteID.loader ? !loads : !own.contains(value.process)
        })
    }

    /// Keys that were violated, and operations that were judged so far.
    var anomalies: Int { checker.violations.count }
    var judged: Int { checker.verified }

    /// Takes what was recorded; everything that was invoked before the mark has come.
    mutating func judge(_ published: (segments: [Recorder.Segment], mark: Instant)) {
        for segment in published.segments {
            if checker.held < OnlineCheck.mostHeld, skipped == 0 {
                for entry in segment.entries { add(entry) }
            } else {
                skipped += segment.entries.count
            }
            segment.release()
        }
        guard published.mark > .origin, published.mark < .distantFuture else { return }
        checker.advance(to: (published.mark - beginning).nanoseconds)
    }

    private mutating func add(_ entry: Recorder.Entry) {
        let number = KeyName(of: entry, workload).number
        let key = keys[number] ?? UInt32(names.count)
        if Int(key) == names.count {
            keys[number] = key
            names.append(number)
        }
        let process = entry.isScanned ? strangers.take() : entry.process
        own.note(entry.process)
        checker.add(
            Operation(entry, process: process, key, value(entry.value), beginning: beginning))
    }

    private mutating func value(_ number: UInt64) -> ValueID {
        guard number & Recorder.opaque != 0 else { return ValueID(raw: number) }
        let index = foreign[number] ?? UInt32(foreign.count)
        foreign[number] = index
        return .interned(index)
    }

    /// Judges the rest: no more will come.
    consuming func finish() -> OnlineFindings {
        checker.finish()
        let violations = checker.violations.map { violation in
            let name = KeyName(
                number: names[Int(violation.key)], zeroPadding: workload.zeroPadding)
            return OnlineFindings.Violation(
                key: name.text, explanation: OnlineCheck.explain(violation),
                anomaly: violation.anomaly.rawValue,
                time: .nanoseconds(OnlineCheck.end(of: violation.operation)))
        }
        return OnlineFindings(
            operations: checker.verified, keys: names.count, violations: violations,
            undecidedKeys: checker.undecidedKeys.count, skipped: skipped)
    }

    private static func end(of operation: Operation) -> Int64 {
        operation.completed == Operation.never ? operation.invoked : operation.completed
    }

    private static func explain(_ violation: OnlineChecker.Violation) -> String {
        var text = describe(violation.operation)
        if let other = violation.other { text += ", against: " + describe(other) }
        return text
    }

    private static func describe(_ operation: Operation) -> String {
        let value =
            operation.value.isAbsent
            ? "no value"
            : operation.value.isInterned
                ? "a value of another program"
                : "w:\(operation.value.process):\(operation.value.sequence)"
        let done = operation.kind == .read ? "read" : "wrote"
        let end =
            operation.completed == Operation.never
            ? "with an unknown outcome" : "to \(milliseconds(operation.completed))"
        return "process \(operation.process) \(done) \(value) from "
            + "\(milliseconds(operation.invoked)) \(end)"
    }

    private static func milliseconds(_ nanoseconds: Int64) -> String {
        let thousandths = nanoseconds / 1_000 % 1_000
        let digits = String(thousandths.magnitude)
        return "\(nanoseconds / 1_000_000).\(String(repeating: "0", count: 3 - digits.count))"
            + "\(digits) ms"
    }
}
