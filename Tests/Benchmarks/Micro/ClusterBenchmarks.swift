import Basics
import Causality
import Membership
import Partitioning
import Platform
import Replication
import Simulation
import Storage
import Wire

/// Membership of many nodes, and mending a replica that has missed writes: `benchmarks cluster`.
enum ClusterBenchmarks {
    static func run() {
        membership()
        repair()
    }

    // MARK: Membership

    private static func membership() {
        let start = Clocks.monotonic()
        var cluster = MembershipSimulation(nodes: 1_000, seed: 42, lossPerThousand: 10)
        let joined = cluster.runUntilAgreed(within: .seconds(30))
        cluster.run(for: .seconds(20))
        for node in [17, 400, 803] { cluster.stop(node) }
        cluster.run(for: .seconds(max(0, 120 - Int64(cluster.time.nanoseconds / 1_000_000_000))))
        let found = [17, 400, 803].allSatisfy { cluster.status(of: $0, at: 1) == .dead }
        let seconds = (Clocks.monotonic() - start).seconds
        let text = { (value: Double) in "\(Double(Int(value * 10)) / 10)" }
        print(
            "membership, 1,000 nodes, 120 virtual seconds, 1 % loss: \(text(seconds)) s"
                + " (goal 20 s), \(cluster.events) events, \(cluster.messages) messages,"
                + " all know all after \(joined.map { text($0.seconds) } ?? "more than 30") s,"
                + " three that end are dead to others: \(found),"
                + " false deaths: \(cluster.falseDeaths),"
                + " \((ProcessIdentity.own?.residentBytes ?? 0) >> 20) MiB (goal 4096)")
    }

    // MARK: Repair

    private final class Place {
        var node: Node
        init(_ node: consuming Node) { self.node = node }
    }

    private static let keys = 1_000_000
    private static let missed = 100_000
    private static let valueBytes = 100

    /// Two replicas in one process; what one sends arrives a tenth of a millisecond later.
    private static func repair() {
        let placement = Placement(members: ["n1", "n2"], clusterSeed: 1, n: 2)
        let places = (0..<2).map { index in
            var store = LogStore(hashSeed: 1, shardBits: placement.shardBits)
            fill(&store, isBehind: index == 1)
            return Place(
                Node(
                    id: NodeID(index), incarnation: 1,
                    configuration: Configuration(
                        n: 2, r: 1, w: 1, antiEntropy: AntiEntropyLimits(interval: nil)),
                    placement: placement, store: store))
        }
        var queue: [(to: Int, from: Int, bytes: [UInt8])] = []
        var now = Moment(
            monotonic: Instant(nanoseconds: 1_000), wall: WallTime(microseconds: 1 << 50))
        var moved = 0
        func handle(_ event: Event, at index: Int) {
            var effects = Effects()
            places[index].node.handle(event, at: now, into: &effects)
            for (message, to) in effects.messages {
                var out = ByteBuffer()
                PeerCodec.encode(message, into: &out)
                moved += out.count
                queue.append((Int(to.index), index, out.bytes.copied()))
            }
        }
        let start = Clocks.monotonic()
        let began = now.monotonic
        for index in 0..<2 { handle(.reachable(NodeID(1 - index), true), at: index) }
        var longest = Instant.Duration.zero
        while summaries(places[0].node, placement) != summaries(places[1].node, placement) {
            for _ in 0..<1_000 {
                now.monotonic = now.monotonic + .microseconds(100)
                now.wall = WallTime(microseconds: now.wall.microseconds + 100)
                let arrived = queue
                queue.removeAll()
                for parcel in arrived {
                    Bytes.lending(parcel.bytes) { bytes in
                        let before = Clocks.monotonic()
                        var reader = ByteReader(bytes)
                        if let message = try? PeerCodec.decode(&reader, clusterSeed: 1) {
                            handle(.message(message, from: NodeID(parcel.from)), at: parcel.to)
                        }
                        longest = max(longest, Clocks.monotonic() - before)
                    }
                }
                for index in 0..<2 where places[index].node.nextDeadline <= now.monotonic {
                    handle(.deadline, at: index)
                }
            }
        }
        let bytes = missed * (valueBytes + "key:123456".utf8.count + 16)
        let ratio = Double(Int(Double(moved) / Double(bytes) * 100)) / 100
        print(
            "repair, 1,000,000 keys of 100 bytes, 100,000 missed: equal after "
                + "\((now.monotonic - began).seconds) virtual s (goal 20), "
                + "\((Clocks.monotonic() - start).seconds) s of work, \(ratio) x the bytes missed "
                + "(goal 2), longest event \(longest.milliseconds) ms")
    }

    private static func fill(_ store: inout LogStore, isBehind: Bool) {
        let value = [UInt8](repeating: 65, count: valueBytes)
        let actor = Actor(node: NodeID(0), incarnation: 1)
        var random = RandomSource(seed: 7)
        for number in 0..<(keys + missed) {
            if isBehind, number >= keys { break }
            let key = number < keys ? number : random.below(keys)
            Bytes.lending(Array("key:\(key)".utf8)) { bytes in
                Bytes.lending(value) { value in
                    let version = Version(stamp: UInt64(number + 1) << 12, actor: actor)
                    _ = try? store.put(HashedKey(bytes, seed: 1), Content(value), version)
                }
            }
            if number & 1_023 == 0 { _ = try? store.seal() }
        }
    }

    private static func summaries(
        _ node: borrowing Node, _ placement: Placement
    ) -> [Summary] {
        (0..<placement.shardCount).map { node.summary(of: .default, shard: $0) }
    }
}
