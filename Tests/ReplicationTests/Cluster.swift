import Basics
import Causality
import Partitioning
import Replication
import Storage

/// A few nodes in one thread, joined by queues that a test empties as it likes.
final class Cluster {
    struct Parcel {
        var from: NodeID
        var to: NodeID
        var kind: String
        var key: [UInt8]
        var value: [UInt8]?
        var version: Version
        var ticket: Ticket
        var owner: NodeID?
        /// Its body is in `value`.
        var part: ComparisonPart?
    }

    private final class Place {
        var node: Node
        init(_ node: consuming Node) { self.node = node }
    }

    private var places: [Place] = []
    var parcels: [Parcel] = []
    var answers: [UInt32: [String]] = [:]
    /// Versions of all answers, in order.
    var versions: [Version] = []
    var wall: UInt64 = 1_000_000
    var time = Instant(nanoseconds: 1_000)
    let placement: Placement

    init(
        nodes: Int, n: UInt8, r: UInt8, w: UInt8, readRepair: ReadRepair = .asynchronous,
        quorumKind: QuorumKind = .strict, hints: HintLimits = HintLimits(),
        antiEntropy: AntiEntropyLimits? = nil
    ) {
        placement = Placement(
            members: (1...nodes).map { "n\($0)" }, clusterSeed: 1, n: Int(n))
        for i in 0..<nodes {
            places.append(
                Place(
                    Node(
                        id: NodeID(i), incarnation: 1,
                        configuration: Configuration(
                            n: n, r: r, w: w, readRepair: readRepair, quorumKind: quorumKind,
                            hints: hints, antiEntropy: antiEntropy),
                        placement: placement, store: LogStore(hashSeed: 1))))
        }
        for i in 0..<nodes {
            for j in 0..<nodes { handle(.reachable(NodeID(j), true), at: NodeID(i)) }
        }
    }

    func handle(_ event: Event, at id: NodeID) {
        var effects = Effects()
        places[Int(id.index)].node.handle(
            event, at: Moment(monotonic: time, wall: WallTime(microseconds: wall)), into: &effects)
        for (message, to) in effects.messages {
            switch message {
            case .store(let k, let v, let n, let t):
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: "store", key: k.bytes.copied(),
                        value: v.value?.copied(), version: n, ticket: t))
            case .hint(let k, let v, let n, let owner, let t):
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: "hint", key: k.bytes.copied(),
                        value: v.value?.copied(), version: n, ticket: t, owner: owner))
            case .repair(let k, let v, let n):
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: "repair", key: k.bytes.copied(),
                        value: v.value?.copied(), version: n,
                        ticket: Ticket(index: 0, generation: 0)))
            case .stored(let t):
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: "stored", key: [], value: nil, version: .none,
                        ticket: t))
            case .comparison(let part):
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: "comparison", key: [],
                        value: part.body.copied(), version: .none,
                        ticket: Ticket(index: part.round, generation: part.step), part: part))
            case .fetch(let k, let n, let t):
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: "fetch", key: k.bytes.copied(), value: nil,
                        version: n, ticket: t))
            case .fetched(let n, let f, let t):
                let kind: String
                var value: [UInt8]?
                switch f {
                case .notNewer: kind = "fetched-same"
                case .found(let content):
                    kind = content.isTombstone ? "fetched-tombstone" : "fetched"
                    value = content.value?.copied()
                }
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: kind, key: [], value: value, version: n,
                        ticket: t))
            }
        }
        for (response, client) in effects.responses {
            let text =
                switch response {
                case .value(let v, let version, _):
                    note(version, v.map { "value \($0.text)" } ?? "absent")
                case .stored(let version, _): note(version, "stored")
                case .deleted(let existed, _, _): "deleted \(existed)"
                case .failed(let refusal): "failed \(refusal)"
                case .unknown(let have, let need): "unknown \(have)/\(need)"
                }
            answers[client.sequence, default: []].append(text)
        }
    }

    private func note(_ version: Version, _ text: String) -> String {
        versions.append(version)
        return text
    }

    func request(_ make: (HashedKey) -> Request, _ key: String, at node: Int, _ sequence: UInt32) {
        wall += 10
        Bytes.lending(Array(key.utf8)) { bytes in
            let hashed = HashedKey(bytes, hash: XXH3.hash64(bytes, seed: 1))
            handle(
                .request(
                    make(hashed), from: ClientID(connection: 0, generation: 0, sequence: sequence)),
                at: NodeID(node))
        }
    }

    func put(
        _ key: String, _ value: String, at node: Int, _ sequence: UInt32, w: UInt8 = 0,
        token: Version = .none
    ) {
        Bytes.lending(Array(value.utf8)) { value in
            request(
                { .put($0, value, RequestOptions(w: w, token: token)) }, key, at: node, sequence)
        }
    }

    func get(
        _ key: String, at node: Int, _ sequence: UInt32, r: UInt8 = 0, repair: ReadRepair? = nil,
        token: Version = .none
    ) {
        request(
            { .get($0, RequestOptions(r: r, repair: repair, token: token)) }, key, at: node,
            sequence)
    }

    func delete(_ key: String, at node: Int, _ sequence: UInt32) {
        request({ .delete($0, RequestOptions()) }, key, at: node, sequence)
    }

    func deliver(_ parcel: Parcel) {
        Bytes.lending(parcel.key) { key in
            Bytes.lending(parcel.value ?? []) { value in
                let hashed = HashedKey(key, hash: XXH3.hash64(key, seed: 1))
                var part = parcel.part
                part?.body = value
                let message: Message =
                    switch parcel.kind {
                    case "comparison":
                        part.map { .comparison($0) } ?? .stored(parcel.ticket)
                    case "store":
                        .store(
                            hashed, Content(parcel.value == nil ? nil : value), parcel.version,
                            parcel.ticket
                        )
                    case "hint":
                        .hint(
                            hashed, Content(parcel.value == nil ? nil : value), parcel.version,
                            for: parcel.owner ?? parcel.to, parcel.ticket)
                    case "repair":
                        .repair(hashed, Content(parcel.value == nil ? nil : value), parcel.version)
                    case "stored": .stored(parcel.ticket)
                    case "fetch": .fetch(hashed, known: parcel.version, parcel.ticket)
                    case "fetched-same": .fetched(parcel.version, .notNewer, parcel.ticket)
                    case "fetched-tombstone":
                        .fetched(parcel.version, .found(.tombstone), parcel.ticket)
                    default: .fetched(parcel.version, .found(Content(value)), parcel.ticket)
                    }
                handle(.message(message, from: parcel.from), at: parcel.to)
            }
        }
    }

    func deliverAll(where isWanted: (Parcel) -> Bool = { _ in true }) {
        while let index = parcels.firstIndex(where: isWanted) {
            deliver(parcels.remove(at: index))
        }
    }

    func pass(_ milliseconds: Int) {
        for _ in 0..<milliseconds {
            time = time + .milliseconds(1)
            wall += 1_000
            for place in places where place.node.nextDeadline <= time {
                handle(.deadline, at: place.node.id)
            }
        }
    }

    func owed(_ node: Int) -> Int {
        places[node].node.hintsOwed.reduce(0) { $0 + $1.count }
    }
    func comparison(_ node: Int, with peer: Int) -> PeerComparison {
        places[node].node.comparisons[peer]
    }
    func isComparing(_ node: Int) -> Bool { places[node].node.isComparing }
    func summaries(_ node: Int) -> [Summary] {
        (0..<placement.shardCount).map { places[node].node.summary(of: .default, shard: $0) }
    }
    func inFlight(_ node: Int) -> Int { places[node].node.requestsInFlight }
    func counters(_ node: Int) -> Counters { places[node].node.counters }
    func retransmissions(_ node: Int) -> UInt64 { places[node].node.counters.retransmissions }

    /// Nodes that hold `key`, in the order of its preference list, and one that does not.
    func roles(_ key: String) -> (replicas: [NodeID], other: NodeID?) {
        let hash = Bytes.lending(Array(key.utf8)) { XXH3.hash64($0, seed: 1) }
        let list = placement.preferenceList(of: placement.shard(of: hash))
        return (Array(list.prefix(placement.n)), list.dropFirst(placement.n).first)
    }
}
