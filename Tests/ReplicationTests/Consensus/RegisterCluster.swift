import Basics
import Causality
import Partitioning
import Replication
import Storage

/// Nodes whose keys are consensus registers, in one thread; messages are delivered at once, in
/// order, except over links that a test has cut.
final class RegisterCluster {
    private final class Place {
        var node: Node
        init(_ node: consuming Node) { self.node = node }
    }

    private var places: [Place] = []
    private var answers: [UInt32: String] = [:]
    private var sequence: UInt32 = 0
    /// Messages that were sent, by name, cut ones included.
    private(set) var sent: [String] = []
    /// Links over which messages are lost, though nodes believe that they can be delivered.
    var cut: Set<[Int]> = []
    private var time = Instant(nanoseconds: 1_000)
    /// The version that the last answer told.
    private(set) var version = Version.none

    init(nodes: Int, mode: ConflictMode = .cp) {
        let placement = Placement(
            members: (1...nodes).map { "n\($0)" }, clusterSeed: 1, n: nodes)
        let majority = UInt8(nodes / 2 + 1)
        for i in 0..<nodes {
            let configuration = Configuration(
                n: UInt8(nodes), r: majority, w: majority, mode: mode)
            places.append(
                Place(
                    Node(
                        id: NodeID(i), incarnation: 1, configuration: configuration,
                        placement: placement, store: LogStore())))
        }
        for i in 0..<nodes {
            for j in 0..<nodes where i != j { handle(.reachable(NodeID(j), true), at: i) }
        }
        sent.removeAll()
    }

    func counters(_ node: Int) -> Counters { places[node].node.counters }
    func inFlight(_ node: Int) -> Int { places[node].node.requestsInFlight }

    private func handle(_ event: Event, at node: Int) {
        var effects = Effects()
        places[node].node.handle(
            event, at: Moment(monotonic: time, wall: WallTime(microseconds: 1_000_000)),
            into: &effects)
        for (response, client) in effects.responses { note(response, client) }
        for (message, to) in effects.messages {
            sent.append(String("\(message)".prefix { $0 != "(" }))
            let target = Int(to.index)
            if cut.contains([node, target]) { continue }
            handle(.message(message, from: NodeID(node)), at: target)
        }
    }

    private func note(_ response: Response, _ client: ClientID) {
        let text: String
        switch response {
        case .value(let value, let version, _):
            self.version = version
            text = value.map { "value \($0.text)" } ?? "absent"
        case .stored(let version, _):
            self.version = version
            text = "stored"
        case .deleted(let existed, _, _): text = "deleted \(existed)"
        case .changed(let result, let version, _):
            self.version = version
            switch result {
            case .done: text = "done"
            case .refuted: text = "refuted"
            case .integer(let integer): text = "integer \(integer)"
            case .value(let value): text = value.map { "value \($0.text)" } ?? "absent"
            case .failed(let failure): text = "failed \(failure)"
            }
        case .life(let life): text = "life \(life)"
        case .siblings: text = "siblings"
        case .scanned: text = "scanned"
        case .defined(let version): text = "defined \(version)"
        case .failed(let refusal): text = "refused \(refusal)"
        case .unknown: text = "unknown"
        }
        precondition(answers[client.sequence] == nil, "a request is answered twice")
        answers[client.sequence] = text
    }

    /// Asks and returns what was answered; nil when nothing was yet.
    @discardableResult
    func ask(_ key: String, at node: Int = 0, _ make: (HashedKey) -> Request) -> String? {
        sequence += 1
        let client = ClientID(connection: 1, generation: 1, sequence: sequence)
        Bytes.lending(Array(key.utf8)) { bytes in
            handle(.request(make(HashedKey(bytes, seed: 1)), from: client), at: node)
        }
        return answers[sequence]
    }

    /// What the request asked last was answered.
    var answer: String? { answers[sequence] }

    /// Asks for a change.
    @discardableResult
    func change(
        key: String = "k", at node: Int = 0, _ kind: Change.Kind, _ value: String = "",
        expected: String = "", integer: Int64 = 0, version: Version = .none,
        returnsOld: Bool = false, operation: OperationID = .none
    ) -> String? {
        Bytes.lending(Array(value.utf8)) { value in
            Bytes.lending(Array(expected.utf8)) { expected in
                ask(key, at: node) {
                    .change(
                        $0,
                        Change(
                            kind, value: value, expected: expected, integer: integer,
                            version: version, returnsOld: returnsOld, operation: operation),
                        RequestOptions())
                }
            }
        }
    }

    func get(_ key: String = "k", at node: Int = 0) -> String? {
        ask(key, at: node) { .get($0, RequestOptions()) }
    }

    /// Lets time pass at every node, deadline by deadline.
    func pass(_ duration: Instant.Duration) {
        let end = time + duration
        while let next = places.map({ $0.node.nextDeadline }).min(), next <= end {
            time = max(time, next)
            for node in places.indices where places[node].node.nextDeadline <= time {
                handle(.deadline, at: node)
            }
        }
        time = end
    }
}
