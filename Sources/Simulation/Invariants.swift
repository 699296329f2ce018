import Basics
import Causality
import Replication

/// What must hold at every step of every run, whatever the faults.
///
/// - A request is answered exactly once, or its connection is lost.
/// - A replica never shows a coordinator an older version of a key than it has shown or
///   acknowledged before; with `synced` durability, not even across a crash.
/// - Messages and queues keep within their bounds.
/// - At rest no node has a request in flight, no message is on its way, and no node holds anything
///   for another.
public struct InvariantViolation: Sendable, Equatable, CustomStringConvertible {
    /// Virtual time and what was seen.
    public var time: Instant
    public var text: String

    public var description: String { "at \(Timeline.time(time.nanoseconds)): \(text)" }
}

/// Watches a run for violations; keeps the first hundred.
struct Invariants {
    /// Keys beyond this many are not watched, to bound memory.
    static let watchedKeys = 4_096
    static let kept = 100

    /// What a coordinator asked of a replica, found again by the ticket of the answer.
    private struct Asked {
        var generation: UInt32 = 0
        var coordinatorLife: UInt32 = 0
        var key: Int32 = -1
        var version = Version.none
    }

    private let nodes: Int
    private let keys: Int
    /// False where nodes stand in for others: what they hold is theirs for a while only.
    private let showsOnlyRecords: Bool
    /// Whether deleted registers may be forgotten: then they show no version.
    private let forgets: Bool
    private let largestMessage: Int
    private(set) var violations: [InvariantViolation] = []
    private(set) var count: UInt64 = 0
    /// By replica and key: the newest version shown or acknowledged.
    private var floors: [Version]
    /// By replica and coordinator: what was asked, by index of the ticket.
    private var fetches: [[Asked]]
    private var stores: [[Asked]]

    init(
        nodes: Int, keys: Int, largestMessage: Int, showsOnlyRecords: Bool, forgets: Bool = false
    ) {
        self.forgets = forgets
        self.showsOnlyRecords = showsOnlyRecords
        self.nodes = nodes
        self.keys = min(keys, Invariants.watchedKeys)
        self.largestMessage = largestMessage
        floors = [Version](repeating: .none, count: nodes * self.keys)
        fetches = [[Asked]](repeating: [], count: nodes * nodes)
        stores = fetches
    }

    mutating func report(_ text: @autoclosure () -> String, at time: UInt64) {
        count &+= 1
        guard violations.count < Invariants.kept else { return }
        violations.append(
            InvariantViolation(time: Instant(nanoseconds: time), text: text()))
    }

    /// A message of so many bytes is sent.
    mutating func sized(_ bytes: Int, at time: UInt64) {
        if bytes > largestMessage {
            let most = largestMessage
            report("a message of \(bytes) bytes; at most \(most) expected", at: time)
        }
    }

    /// `replica` receives a question.
    mutating func asked(
        _ message: Message, _ replica: Int, by coordinator: Int, life: UInt32
    ) {
        switch message {
        case .fetch(let key, _, let ticket):
            let asked = ask(key, .none, ticket, life)
            Invariants.note(asked, ticket, &fetches[replica &* nodes &+ coordinator])
        case .store(let key, _, let version, let ticket),
            .restore(let key, _, let version, let ticket):
            let asked = ask(key, version, ticket, life)
            Invariants.note(asked, ticket, &stores[replica &* nodes &+ coordinator])
        case .stored, .fenced, .fetched, .repair, .hint, .definition, .comparison, .collection,
            .transfer, .pass, .passed, .prepare, .promised, .accept, .accepted, .rejected, .propose,
            .proposed, .scan, .scanned:
            break
        }
    }

    private func ask(
        _ key: HashedKey, _ version: Version, _ ticket: Ticket, _ life: UInt32
    ) -> Asked {
        let isWatched = key.keyspace == .default
        let number = isWatched ? ClientCodec.keyNumber(key.bytes) ?? -1 : -1
        return Asked(
            generation: ticket.generation, coordinatorLife: life,
            key: number < keys ? Int32(number) : -1, version: version)
    }

    /// Static, because a method that reads `self` would make the table be copied.
    private static func note(_ asked: Asked, _ ticket: Ticket, _ table: inout [Asked]) {
        while table.count <= Int(ticket.index) { table.append(Asked()) }
        table[Int(ticket.index)] = asked
    }

    /// `replica` sends an answer.
    mutating func answers(
        _ message: Message, _ replica: Int, to coordinator: Int, life: UInt32, at time: UInt64
    ) {
        let version: Version
        let asked: Asked
        switch message {
        case .fetched(let shown, _, let ticket):
            let table = fetches[replica &* nodes &+ coordinator]
            guard Int(ticket.index) < table.count else { return }
            asked = table[Int(ticket.index)]
            guard asked.generation == ticket.generation else { return }
            version = shown
        case .stored(let ticket):
            let table = stores[replica &* nodes &+ coordinator]
            guard Int(ticket.index) < table.count else { return }
            asked = table[Int(ticket.index)]
            guard asked.generation == ticket.generation else { return }
            version = asked.version
        case .store, .restore, .fenced, .fetch, .repair, .hint, .definition, .comparison,
            .collection, .transfer, .pass, .passed, .prepare, .promised, .accept, .accepted,
            .rejected, .propose, .proposed, .scan, .scanned:
            return
        }
        guard asked.key >= 0, asked.coordinatorLife == life else { return }
        let place = replica &* keys &+ Int(asked.key)
        let isForgotten = forgets && version.isNone
        if showsOnlyRecords, !isForgotten, case .fetched = message, version < floors[place] {
            let floor = floors[place]
            report(
                "\(NodeID(replica)) shows version \(version.stamp) of k\(asked.key) after "
                    + "\(floor.stamp)", at: time)
        }
        floors[place] = max(floors[place], version)
    }

    /// `replica` may have forgotten everything that was not synced.
    mutating func forget(_ replica: Int) {
        for key in 0..<keys { floors[replica &* keys &+ key] = .none }
    }
}
