import Basics
import Partitioning
import Replication
import Storage
import Wire

/// A connection of a client to a node, both ends in one: the node's session state machine, and
/// what the client has received and not yet understood.
struct ClientConnection: ~Copyable, Reusable {
    /// Rises with every opening; bytes of an earlier life are nobody's.
    private(set) var generation: UInt32 = 0
    private(set) var isOpen = false
    /// False once the node's end has died.
    var isServed = false
    /// R and W that the connection was told, or is being told.
    var quorum = SIMD2<UInt8>(0, 0)
    /// Replies to come that answer no operation.
    var skips = 0
    /// Commands of scripts whose replies are to come, and the replies that have come.
    var calls = 0
    var callReplies: [String] = []
    /// Commands of scripts so far.
    var callsMade: Int { calls + callReplies.count }
    /// When the last bytes reach the client.
    var lastArrival: UInt64 = 0
    /// Bytes of replies that are not complete.
    var received = ByteBuffer(capacity: 64)

    private var session = Session()
    /// Bytes of commands that are not complete.
    private var input = ByteBuffer(capacity: 64)
    /// Requests that the node has not answered: one bit each, for the last 64.
    private var unanswered: UInt64 = 0
    private var newest: UInt32 = 0

    init() {}

    mutating func open() {
        generation &+= 1
        isOpen = true
        isServed = true
        quorum = SIMD2(0, 0)
        skips = 0
        calls = 0
        received.removeAll()
        input.removeAll()
        unanswered = 0
        newest = 0
        session = Session(connectionNumber: UInt64(generation))
    }

    mutating func close() {
        isOpen = false
        isServed = false
    }

    // MARK: The node's end

    /// Takes in bytes of the client.
    mutating func add(_ bytes: Bytes) { input.append(bytes) }

    /// Appends the requests that are complete to `batch`. Their bytes are valid until `consume` is
    /// called with the result.
    mutating func receive(
        hashSeed: UInt64, facts: SimulatedFacts, into batch: inout RequestBatch
    ) -> Int {
        let first = batch.requests.count
        let consumed = session.receive(input.bytes, hashSeed, facts: facts, into: &batch)
        for (_, sequence) in batch.requests[first...] {
            let step = sequence &- newest
            unanswered = step < 64 ? unanswered << UInt64(step) | 1 : 1
            newest = sequence
        }
        return consumed
    }

    /// The requests of the last `receive` have been handled.
    mutating func consume(_ count: Int) { input.consume(count) }

    /// Turns a response into bytes. False when the request was answered before, or never asked.
    mutating func answer(
        _ response: Response, to sequence: UInt32, facts: SimulatedFacts
    ) -> Bool {
        let age = newest &- sequence
        guard age < 64, unanswered >> UInt64(age) & 1 == 1 else { return false }
        unanswered &= ~(1 << UInt64(age))
        session.respond(response, to: sequence, facts: facts)
        return true
    }

    /// Bytes for the client.
    var hasOutput: Bool { !session.output.isEmpty }

    mutating func takeOutput(into out: inout ByteBuffer) {
        out.append(session.output.bytes)
        session.output.removeAll()
    }
}

/// What a simulated server says about itself.
final class SimulatedFacts: ServerFacts {
    private let scenario: Scenario
    private let placement: Placement

    init(_ scenario: Scenario, _ placement: Placement) {
        self.scenario = scenario
        self.placement = placement
    }

    func information(section: String) -> String { "# Server\r\nsimulated:yes\r\n" }

    func parameters() -> [(name: String, value: String)] { [] }

    func replicaName(_ position: Int, of answered: Answered) -> String {
        let placement =
            Int(answered.n) == placement.n ? placement : placement.with(n: Int(answered.n))
        // Where members come and go, positions are no longer those of the founders.
        guard position < placement.candidateCount, !scenario.faults.contains(.churn) else {
            return "?"
        }
        return placement.candidate(position, of: Int(answered.shard)).description
    }

    /// By node, what it holds for others; the run keeps it.
    var owed: [[HintsOwed]] = []
    /// The node whose facts are asked.
    var node = 0

    func hintsOwed() -> [(owner: String, count: Int, bytes: Int)] {
        guard node < owed.count else { return [] }
        return owed[node].enumerated().filter { $0.element.count > 0 }
            .map { (NodeID($0.offset).description, $0.element.count, $0.element.bytes) }
    }

    /// By node, what it knows of keyspaces; the run keeps it.
    var known: [[Keyspace]] = []

    func keyspaces() -> [Keyspace] {
        node < known.count ? known[node] : [Keyspace(defaultOf: scenario.configuration)]
    }

    func recordCount() -> Int { 0 }

    func requestTimeout() -> Instant.Duration { scenario.timeout }
}
