import Basics
import Causality
import Partitioning
import Replication
import Storage
import TestSupport
import Testing

/// A few nodes in one thread, joined by queues that a test empties as it likes.
private final class Cluster {
    struct Parcel {
        var from: NodeID
        var to: NodeID
        var kind: String
        var key: [UInt8]
        var value: [UInt8]?
        var version: Version
        var ticket: Ticket
    }

    private final class Place {
        var node: Node
        init(_ node: consuming Node) { self.node = node }
    }

    private var places: [Place] = []
    var parcels: [Parcel] = []
    var answers: [UInt32: [String]] = [:]
    var wall: UInt64 = 1_000_000
    var time = Instant(nanoseconds: 1_000)
    let placement: Placement

    init(nodes: Int, n: UInt8, r: UInt8, w: UInt8) {
        placement = Placement(
            members: (1...nodes).map { "n\($0)" }, clusterSeed: 1, n: Int(n))
        for i in 0..<nodes {
            places.append(
                Place(
                    Node(
                        id: NodeID(i), incarnation: 1,
                        configuration: Configuration(n: n, r: r, w: w), placement: placement,
                        store: LogStore())))
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
                        value: v?.copied(), version: n, ticket: t))
            case .stored(let t):
                parcels.append(
                    Parcel(
                        from: id, to: to, kind: "stored", key: [], value: nil, version: .none,
                        ticket: t))
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
                case .tombstone: kind = "fetched-tombstone"
                case .value(let v):
                    kind = "fetched"
                    value = v.copied()
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
                case .value(let v, _, _): v.map { "value \($0.text)" } ?? "absent"
                case .stored: "stored"
                case .deleted(let existed, _, _): "deleted \(existed)"
                case .failed(let refusal): "failed \(refusal)"
                case .unknown(let have, let need): "unknown \(have)/\(need)"
                }
            answers[client.sequence, default: []].append(text)
        }
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

    func put(_ key: String, _ value: String, at node: Int, _ sequence: UInt32, w: UInt8 = 0) {
        Bytes.lending(Array(value.utf8)) { value in
            request({ .put($0, value, RequestOptions(w: w)) }, key, at: node, sequence)
        }
    }

    func get(_ key: String, at node: Int, _ sequence: UInt32, r: UInt8 = 0) {
        request({ .get($0, RequestOptions(r: r)) }, key, at: node, sequence)
    }

    func delete(_ key: String, at node: Int, _ sequence: UInt32) {
        request({ .delete($0, RequestOptions()) }, key, at: node, sequence)
    }

    func deliver(_ parcel: Parcel) {
        Bytes.lending(parcel.key) { key in
            Bytes.lending(parcel.value ?? []) { value in
                let hashed = HashedKey(key, hash: XXH3.hash64(key, seed: 1))
                let message: Message =
                    switch parcel.kind {
                    case "store":
                        .store(
                            hashed, parcel.value == nil ? nil : value, parcel.version, parcel.ticket
                        )
                    case "stored": .stored(parcel.ticket)
                    case "fetch": .fetch(hashed, known: parcel.version, parcel.ticket)
                    case "fetched-same": .fetched(parcel.version, .notNewer, parcel.ticket)
                    case "fetched-tombstone": .fetched(parcel.version, .tombstone, parcel.ticket)
                    default: .fetched(parcel.version, .value(value), parcel.ticket)
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
            for place in places where place.node.nextDeadline <= time {
                handle(.deadline, at: place.node.id)
            }
        }
    }

    func inFlight(_ node: Int) -> Int { places[node].node.requestsInFlight }
    func retransmissions(_ node: Int) -> UInt64 { places[node].node.counters.retransmissions }

    /// Nodes that hold `key`, in the order of its preference list, and one that does not.
    func roles(_ key: String) -> (replicas: [NodeID], other: NodeID?) {
        let hash = Bytes.lending(Array(key.utf8)) { XXH3.hash64($0, seed: 1) }
        let list = placement.preferenceList(of: placement.shard(of: hash))
        return (Array(list.prefix(placement.n)), list.dropFirst(placement.n).first)
    }
}

@Test func aWriteIsAnsweredOnceWhenWReplicasHaveIt() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.put("k", "v", at: 0, 1)
    #expect(cluster.answers[1] == nil)
    #expect(cluster.parcels.map(\.kind) == ["store", "store"])
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    #expect(cluster.inFlight(0) == 0)
    cluster.get("k", at: 1, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["value v"])
}

@Test func aNodeThatIsNoReplicaCoordinatesItself() throws {
    let cluster = Cluster(nodes: 5, n: 3, r: 2, w: 2)
    let other = try #require(cluster.roles("k").other)
    cluster.put("k", "v", at: Int(other.index), 1)
    #expect(cluster.parcels.count == 3)
    cluster.deliverAll()
    cluster.get("k", at: Int(other.index), 2)
    cluster.get("nothing", at: 0, 3)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    #expect(cluster.answers[2] == ["value v"])
    #expect(cluster.answers[3] == ["absent"])
}

@Test func silentReplicasAreAskedAgainAndThenTheOutcomeIsUnknown() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 3)
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll { $0.to == NodeID(2) }
    cluster.deliverAll()
    cluster.pass(700)
    #expect(cluster.retransmissions(0) == 2)
    #expect(cluster.answers[1] == nil)
    cluster.parcels.removeAll()
    cluster.pass(700)
    #expect(cluster.answers[1] == ["unknown 2/3"])
    #expect(cluster.inFlight(0) == 0)
}

@Test func aLostMessageIsMadeGoodByTheSecond() {
    let cluster = Cluster(nodes: 3, n: 3, r: 3, w: 3)
    cluster.put("k", "v", at: 0, 1)
    cluster.parcels.removeAll()
    cluster.pass(400)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    cluster.get("k", at: 2, 2)
    cluster.parcels.removeAll()
    cluster.pass(400)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["value v"])
}

@Test func tooFewReachableReplicasRefuseBeforeAnythingIsSent() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.handle(.reachable(NodeID(1), false), at: NodeID(0))
    cluster.handle(.reachable(NodeID(2), false), at: NodeID(0))
    cluster.put("k", "v", at: 0, 1)
    cluster.get("k", at: 0, 2)
    cluster.delete("k", at: 0, 3)
    cluster.put("k", "v", at: 0, 4, w: 1)
    cluster.put("k", "v", at: 0, 5, w: 4)
    #expect(cluster.parcels.isEmpty)
    for i in 1...3 {
        #expect(cluster.answers[UInt32(i)]?.first?.hasPrefix("failed unavailable") == true)
        #expect(cluster.answers[UInt32(i)]?.count == 1)
    }
    #expect(cluster.answers[4] == ["stored"])
    #expect(cluster.answers[5]?.first?.hasPrefix("failed quorumTooLarge") == true)
}

@Test func aDeleteLeavesATombstoneThatBeatsALateWrite() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.put("k", "v", at: 0, 1)
    let late = cluster.parcels.first { $0.to == NodeID(2) }
    cluster.parcels.removeAll { $0.to == NodeID(2) }
    cluster.deliverAll()
    cluster.delete("k", at: 1, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["deleted true"])
    if let late { cluster.deliver(late) }
    cluster.deliverAll()
    cluster.get("k", at: 2, 3, r: 3)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["absent"])
    cluster.delete("k", at: 0, 4)
    cluster.deliverAll()
    #expect(cluster.answers[4] == ["deleted false"])
}

@Test func duplicatesAndReorderingChangeNothing() {
    Seeds.forAll(60, "every request is answered exactly once") { random in
        let cluster = Cluster(nodes: 4, n: 3, r: 2, w: 2)
        for i in 0..<40 {
            let node = random.below(4)
            let key = "k\(random.below(3))"
            switch random.below(3) {
            case 0: cluster.put(key, "v\(i)", at: node, UInt32(i))
            case 1: cluster.get(key, at: node, UInt32(i))
            default: cluster.delete(key, at: node, UInt32(i))
            }
            for _ in 0..<random.below(8) where !cluster.parcels.isEmpty {
                let index = random.below(cluster.parcels.count)
                let parcel = cluster.parcels[index]
                if !random.chance(1, in: 4) { cluster.parcels.remove(at: index) }
                if !random.chance(1, in: 10) { cluster.deliver(parcel) }
            }
        }
        cluster.pass(2_500)
        cluster.deliverAll()
        cluster.pass(2_500)
        return (0..<40).allSatisfy { cluster.answers[UInt32($0)]?.count == 1 }
            && (0..<4).allSatisfy { cluster.inFlight($0) == 0 }
    }
}
