import Basics
import Causality
import Partitioning
import Replication
import Storage
import Testing

/// A few nodes in one thread, joined by queues that a test empties as it likes.
final class Cluster {
    struct Parcel {
        var from: NodeID
        var to: NodeID
        var kind = ""
        var key: [UInt8] = []
        var value: [UInt8]?
        var version = Version.none
        var ticket = Ticket(index: 0, generation: 0)
        var owner: NodeID?
        var keyspace = KeyspaceID.default
        /// Its body is in `value`.
        var part: ComparisonPart?
        /// Its body is in `value`.
        var collection: CollectionPart?
        var below: UInt64 = 0
        var response: Response?
        var form = Content.Form.value
        var expiry: UInt64 = 0
        var epoch: UInt32 = 0

        init(_ message: Message, from: NodeID, to: NodeID) {
            self.from = from
            self.to = to
            epoch = message.key?.epoch ?? 0
            switch message {
            case .store(let key, let content, let version, let ticket):
                write("store", key, content, version, ticket)
            case .restore(let key, let content, let version, let ticket):
                write("restore", key, content, version, ticket)
            case .fenced(let version, let below, let ticket):
                (kind, self.version, self.below, self.ticket) = ("fenced", version, below, ticket)
            case .collection(let part):
                (kind, value, collection) = ("collection", part.body.copied(), part)
            case .hint(let key, let content, let version, let owner, let ticket):
                write("hint", key, content, version, ticket)
                self.owner = owner
            case .repair(let key, let content, let version):
                write("repair", key, content, version, ticket)
            case .prepare, .promised, .accept, .accepted, .rejected, .propose, .proposed:
                kind = "register"
            case .pass(let key, let rest, let ticket):
                write("pass", key, Content(rest), .none, ticket)
            case .passed(let response, let ticket):
                (kind, self.response, self.ticket) = ("passed", response, ticket)
            case .definition(let bytes): (kind, key) = ("definition", bytes.copied())
            case .transfer(let bytes): (kind, key) = ("transfer", bytes.copied())
            case .comparison(let part):
                (kind, value, self.part) = ("comparison", part.body.copied(), part)
            case .scan(let body, let ticket):
                (kind, value, self.ticket) = ("scan", body.copied(), ticket)
            case .scanned(let body, let ticket):
                (kind, value, self.ticket) = ("scanned", body.copied(), ticket)
            case .stored(let ticket): (kind, self.ticket) = ("stored", ticket)
            case .fetch(let key, let known, let ticket):
                write("fetch", key, .tombstone, known, ticket)
            case .fetched(let version, let fetched, let ticket):
                kind = "fetched-same"
                self.version = version
                self.ticket = ticket
                guard case .found(let content) = fetched else { return }
                kind = content.isTombstone ? "fetched-tombstone" : "fetched"
                value = content.value?.copied()
                form = content.form
                expiry = content.expiry
            }
        }

        private mutating func write(
            _ kind: String, _ key: HashedKey, _ content: Content, _ version: Version,
            _ ticket: Ticket
        ) {
            self.kind = kind
            self.key = key.bytes.copied()
            keyspace = key.keyspace
            value = content.value?.copied()
            form = content.form
            expiry = content.expiry
            self.version = version
            self.ticket = ticket
        }
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
    private let configuration: Configuration
    private let founders: [RingMember]
    /// Nodes that are no more.
    private var dead: Set<Int> = []

    init(
        nodes: Int, n: UInt8, r: UInt8, w: UInt8, readRepair: ReadRepair = .asynchronous,
        quorumKind: QuorumKind = .strict, hints: HintLimits = HintLimits(),
        antiEntropy: AntiEntropyLimits? = nil, collection: CollectionLimits? = nil,
        mode: ConflictMode = .lww, digestBytes: Int? = 4 << 10, hedge: UInt16? = nil
    ) {
        placement = Placement(
            members: (1...nodes).map { "n\($0)" }, clusterSeed: 1, n: Int(n))
        founders = (1...nodes).map { RingMember(name: "n\($0)", address: "h:\($0)") }
        configuration = Configuration(
            n: n, r: r, w: w, readRepair: readRepair, quorumKind: quorumKind,
            hints: hints, antiEntropy: antiEntropy, collection: collection, mode: mode,
            digestBytes: digestBytes, hedge: hedge)
        for _ in 0..<nodes { add() }
        for i in 0..<nodes {
            for j in 0..<nodes { handle(.reachable(NodeID(j), true), at: NodeID(i)) }
        }
    }

    private func add(_ register: DefinitionRegister = DefinitionRegister()) {
        let i = places.count
        places.append(
            Place(
                Node(
                    id: NodeID(i), incarnation: 1, configuration: configuration,
                    placement: placement, store: LogStore(hashSeed: 1), register: register,
                    secret: SipHash.Key(low: UInt64(i) + 1, high: 7), founders: founders)))
    }

    /// Starts the node that a change of the members has named last; it knows what node 0 knows.
    func startJoiner() {
        add(DefinitionRegister(joining: definition(0)))
        let joiner = places.count - 1
        for i in 0..<joiner where !dead.contains(i) {
            handle(.reachable(NodeID(joiner), true), at: NodeID(i))
            handle(.reachable(NodeID(i), true), at: NodeID(joiner))
        }
    }

    /// A node is gone, and the others know it.
    func kill(_ node: Int) {
        dead.insert(node)
        parcels.removeAll { Int($0.to.index) == node || Int($0.from.index) == node }
        for i in places.indices where !dead.contains(i) {
            handle(.reachable(NodeID(node), false), at: NodeID(i))
        }
    }

    func progress(_ node: Int) -> RingProgress { places[node].node.ringProgress }
    func hasLeft(_ node: Int) -> Bool { places[node].node.hasLeft }

    /// Delivers everything and lets time pass until the change of the members is over.
    func settleRing(_ milliseconds: Int = 20_000) {
        for _ in 0..<milliseconds / 10 {
            deliverAll()
            let isOver = places.indices.allSatisfy {
                dead.contains($0) || places[$0].node.ring.current == nil
            }
            if isOver, parcels.isEmpty { return }
            pass(10)
        }
    }

    func handle(_ event: Event, at id: NodeID) {
        var effects = Effects()
        places[Int(id.index)].node.handle(
            event, at: Moment(monotonic: time, wall: WallTime(microseconds: wall)), into: &effects)
        for (message, to) in effects.messages { parcels.append(Parcel(message, from: id, to: to)) }
        for (response, client) in effects.responses {
            let text =
                switch response {
                case .value(let v, let version, _):
                    note(version, v.map { "value \($0.text)" } ?? "absent")
                case .siblings(let set, let context, let time, _):
                    note(siblings: set, context, at: time)
                case .stored(let version, _): note(version, "stored")
                case .deleted(let existed, _, _): "deleted \(existed)"
                case .changed(let result, _, _): "changed \(result)"
                case .life(let life): "\(life)"
                case .scanned(let page): note(page)
                case .defined(let version): "defined \(version)"
                case .failed(let refusal): "failed \(refusal)"
                case .unknown(let have, let need): "unknown \(have)/\(need)"
                }
            answers[client.sequence, default: []].append(text)
        }
    }

    /// Contexts of all answers with siblings, in order.
    var contexts: [[UInt8]] = []
    var lastSiblings: [Set<String>] = []

    private func note(siblings: Bytes, _ context: Bytes, at time: UInt64) -> String {
        contexts.append(context.copied())
        var values: [String] = []
        do {
            try SiblingSet(siblings).forEach { _, _, dot in
                if dot.isVisible(at: time) { values.append(dot.value.text) }
            }
        } catch { return "malformed" }
        lastSiblings.append(Set(values))
        return "siblings " + values.sorted().joined(separator: ",")
    }

    private func note(_ version: Version, _ text: String) -> String {
        versions.append(version)
        return text
    }

    /// Pages of scans, in order.
    var pages: [(keys: [String], next: PlaceOfTest?)] = []

    enum PlaceOfTest: Equatable {
        case hash(UInt64)
        case key([UInt8])
    }

    private func note(_ page: ScanPage) -> String {
        var keys: [String] = []
        var text: [String] = []
        page.forEach { key, value in
            keys.append(key.text)
            text.append(value.map { "\(key.text)=\($0.text)" } ?? key.text)
        }
        let next: PlaceOfTest? =
            switch page.next {
            case .hash(let hash)?: .hash(hash)
            case .key(let key)?: .key(key.copied())
            default: nil
            }
        pages.append((keys, next))
        return "scanned " + text.joined(separator: " ")
    }

    func scan(_ scan: Scan, at node: Int, _ sequence: UInt32) {
        handle(
            .request(
                .scan(scan), from: ClientID(connection: 0, generation: 0, sequence: sequence)),
            at: NodeID(node))
    }

    func request(
        _ make: (HashedKey) -> Request, _ key: String, at node: Int, _ sequence: UInt32,
        in keyspace: KeyspaceID = .default
    ) {
        wall += 10
        Bytes.lending(Array(key.utf8)) { bytes in
            let hashed = HashedKey(bytes, seed: 1, in: keyspace)
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

    /// A change of the cluster's definition.
    func define(_ change: DefinitionChange, at node: Int, _ sequence: UInt32) {
        var out = ByteBuffer()
        change.encode(into: &out)
        handle(
            .request(
                .define(out.bytes),
                from: ClientID(connection: 0, generation: 0, sequence: sequence)),
            at: NodeID(node))
    }

    func keyspaces(_ node: Int) -> [Keyspace] { places[node].node.keyspaces }
    func definition(_ node: Int) -> ClusterDefinition { places[node].node.definition }

    /// A write, or a deletion, under a context.
    func write(
        _ key: String, _ value: String?, context: [UInt8], at node: Int, _ sequence: UInt32,
        w: UInt8 = 0
    ) {
        Bytes.lending(context) { context in
            Bytes.lending(Array((value ?? "").utf8)) { bytes in
                request(
                    {
                        .sibling(
                            SiblingWrite(
                                key: $0, value: value == nil ? nil : bytes, context: context,
                                options: RequestOptions(w: w)))
                    }, key, at: node, sequence)
            }
        }
    }

    func delete(_ key: String, at node: Int, _ sequence: UInt32) {
        request({ .delete($0, RequestOptions()) }, key, at: node, sequence)
    }

    func deliver(_ parcel: Parcel) {
        Bytes.lending(parcel.key) { key in
            Bytes.lending(parcel.value ?? []) { value in
                let hashed = HashedKey(key, seed: 1, in: parcel.keyspace)
                var part = parcel.part
                part?.body = value
                var collection = parcel.collection
                collection?.body = value
                let content =
                    parcel.value == nil
                    ? Content.tombstone : Content(parcel.form, value, expiry: parcel.expiry)
                let message: Message =
                    switch parcel.kind {
                    case "comparison":
                        part.map { .comparison($0) } ?? .stored(parcel.ticket)
                    case "store":
                        .store(
                            hashed, content, parcel.version,
                            parcel.ticket
                        )
                    case "restore": .restore(hashed, content, parcel.version, parcel.ticket)
                    case "fenced":
                        .fenced(parcel.version, below: parcel.below, parcel.ticket)
                    case "collection":
                        collection.map { .collection($0) } ?? .stored(parcel.ticket)
                    case "hint":
                        .hint(
                            hashed, content, parcel.version,
                            for: parcel.owner ?? parcel.to, parcel.ticket)
                    case "repair":
                        .repair(hashed, content, parcel.version)
                    case "scan": .scan(value, parcel.ticket)
                    case "scanned": .scanned(value, parcel.ticket)
                    case "definition": .definition(key)
                    case "transfer": .transfer(key)
                    case "stored": .stored(parcel.ticket)
                    case "fetch": .fetch(hashed, known: parcel.version, parcel.ticket)
                    case "fetched-same": .fetched(parcel.version, .notNewer, parcel.ticket)
                    case "fetched-tombstone":
                        .fetched(parcel.version, .found(.tombstone), parcel.ticket)
                    case "pass": .pass(hashed, value, parcel.ticket)
                    case "passed":
                        .passed(parcel.response ?? .failed(.busy), parcel.ticket)
                    default: .fetched(parcel.version, .found(content), parcel.ticket)
                    }
                handle(.message(message.at(parcel.epoch), from: parcel.from), at: parcel.to)
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
                if dead.contains(Int(place.node.id.index)) { continue }
                handle(.deadline, at: place.node.id)
            }
        }
    }

    /// Time passes in one leap.
    func skip(_ milliseconds: Int) {
        time = time + .milliseconds(Int64(milliseconds))
        wall += UInt64(milliseconds) * 1_000
        for place in places {
            for _ in 0..<50 where place.node.nextDeadline <= time {
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
    func records(_ node: Int) -> Int { places[node].node.recordCount }
    func collection(_ node: Int) -> CollectionResult { places[node].node.collectionResult }
    func isCollecting(_ node: Int) -> Bool { places[node].node.isCollecting }
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
