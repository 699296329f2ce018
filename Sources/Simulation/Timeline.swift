import Basics
import Causality
import Replication

/// The story of a run for people: one line an event.
///
/// Off in ordinary runs; text is built only when a timeline was asked for.
public struct Timeline: Sendable {
    /// One line of the story.
    public struct Entry: Sendable {
        /// Virtual nanoseconds since the run began.
        public var time: UInt64
        /// A node (`n1`), a client (`c0`), or `all`.
        public var who: String
        public var what: String

        /// `<time> <who> <what>`.
        public var line: String {
            let name = who + String(repeating: " ", count: max(0, 4 - who.count))
            return "\(Timeline.time(time))  \(name) \(what)"
        }
    }

    /// Oldest first.
    public private(set) var entries: [Entry] = []
    /// Later entries are counted and left out.
    public let limit: Int
    public private(set) var omitted = 0

    public init(limit: Int = 100_000) { self.limit = limit }

    /// The entries as text.
    public var lines: [String] { entries.map(\.line) }

    mutating func add(_ time: UInt64, _ who: String, _ what: String) {
        guard entries.count < limit else {
            omitted += 1
            return
        }
        entries.append(Entry(time: time, who: who, what: what))
    }

    /// Milliseconds with microseconds after the point, right-aligned.
    public static func time(_ nanoseconds: UInt64) -> String {
        let microseconds = nanoseconds / 1_000
        let rest = String(microseconds % 1_000)
        let whole = String(microseconds / 1_000)
        let padding = String(repeating: " ", count: max(0, 7 - whole.count))
        return padding + whole + "." + String(repeating: "0", count: 3 - rest.count) + rest
            + " ms"
    }

    private static func text(_ content: Content) -> String {
        switch content.form {
        case .value: content.bytes.text
        case .tombstone: "deleted"
        case .siblings: "siblings (\(content.bytes.count) bytes)"
        case .register: content.current.map { "register \($0.text)" } ?? "empty register"
        }
    }

    /// What a message says, without its ticket.
    static func describe(_ message: Message) -> String {
        switch message {
        case .store(let key, let content, let version, _):
            "store \(key.bytes.text) = \(text(content)) @\(version.stamp)"
        case .repair(let key, let content, let version):
            "repair \(key.bytes.text) = \(text(content)) @\(version.stamp)"
        case .hint(let key, let content, let version, let owner, _):
            "hint for \(owner) \(key.bytes.text) = \(text(content)) @\(version.stamp)"
        case .prepare(let key, let ballot, _, _): "prepare \(key.bytes.text) @\(ballot.stamp)"
        case .promised(let ballot, let accepted, _, _):
            "promised @\(ballot.stamp), accepted @\(accepted.stamp)"
        case .accept(let key, let state, let ballot, _):
            "accept \(key.bytes.text) (\(state.count) bytes) @\(ballot.stamp)"
        case .accepted(let ballot, _): "accepted @\(ballot.stamp)"
        case .rejected(let ballot, let seen, _):
            "rejected @\(ballot.stamp): promised @\(seen.stamp)"
        case .propose(let key, let change, _, _, _):
            "propose \(change.kind) \(key.bytes.text) \(change.value.text)"
        case .proposed: "proposed"
        case .transfer(let bytes): "transfer (\(bytes.count) bytes)"
        case .comparison(let part): "compare: \(part.kind) (\(part.body.count) bytes)"
        case .stored: "stored"
        case .scan: "scan"
        case .scanned(let answer, _): "scanned (\(answer.count) bytes)"
        case .restore(let key, let content, let version, _):
            "restore \(key.bytes.text) \(text(content)) @\(version.stamp)"
        case .fenced(let version, let below, _): "fenced @\(version.stamp) below \(below)"
        case .collection(let part): "collect: \(part.kind) (\(part.body.count) bytes)"
        case .definition: "definition"
        case .pass(let key, _, _): "pass on \(key.bytes.text)"
        case .passed: "passed"
        case .fetch(let key, _, _): "fetch \(key.bytes.text)"
        case .fetched(let version, .found(let content), _):
            "fetched \(text(content)) @\(version.stamp)"
        case .fetched(let version, .notNewer, _):
            version.isNone ? "fetched nothing" : "fetched not newer @\(version.stamp)"
        }
    }
}

extension Timeline: CustomStringConvertible {
    /// All lines, and how many were left out.
    public var description: String {
        let rest = omitted > 0 ? ["(\(omitted) later lines are left out)"] : []
        return (lines + rest).joined(separator: "\n")
    }
}
