import Basics
import Causality
import Consistency
import Partitioning
import Platform
import Replication
import Simulation
import Storage

/// Speed of the rooms that can be measured in one process: `make bench-micro`.
///
/// Each line names what was measured, the median of five rounds, the best round, and the goal.
/// These are figures for people; no test depends on them.
@main
struct Benchmarks {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "cluster" { return ClusterBenchmarks.run() }
        if arguments.first == "check" {
            return try CheckBenchmarks.run(arguments.dropFirst().first)
        }
        if arguments.first == "storage" { return try StorageBenchmarks.run() }
        if arguments.first == "relay" { return try RelayBenchmarks.run() }
        print("what                                                     median         best   goal")
        try simulator()
        checker()
        hotPath()
    }

    private static func line(
        _ name: String, _ unit: String, _ goal: String, rounds: Int = 5, _ run: () throws -> Double
    ) rethrows {
        var rates: [Double] = []
        for _ in 0..<rounds { rates.append(try run()) }
        rates.sort()
        let isCost = unit.hasPrefix("ns") || unit.hasPrefix("alloc")
        let best = isCost ? rates[0] : rates[rounds - 1]
        let padded = name + String(repeating: " ", count: max(0, 50 - name.count))
        print("\(padded) \(text(rates[rounds / 2])) \(text(best))   \(unit), goal \(goal)")
    }

    private static func text(_ value: Double) -> String {
        let rounded = value >= 100 ? "\(Int(value))" : "\(Double(Int(value * 1_000)) / 1_000)"
        var grouped = ""
        for (i, character) in rounded.enumerated() {
            let left = rounded.count - i
            if value >= 100, i > 0, left % 3 == 0 { grouped += "," }
            grouped.append(character)
        }
        return String(repeating: " ", count: max(0, 12 - grouped.count)) + grouped
    }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = Clocks.monotonic()
        try body()
        return max(1e-9, (Clocks.monotonic() - start).seconds)
    }

    // MARK: Simulator

    private static func simulator() throws {
        for (name, kind, goal) in [
            ("simulator, real node, no faults", Throughput.bare, "1,000,000"),
            ("simulator, disk, faults, history, invariants", .full, "300,000"),
        ] {
            try line(name, "events/s", goal) {
                var events: UInt64 = 0
                let time = try seconds {
                    events = try Simulation.run(kind.scenario(operations: 100_000)).events
                }
                return Double(events) / time
            }
        }
    }

    // MARK: Checker

    private static func checker() {
        let history = RecordedLoad(keys: 100, processes: 64).history(operations: 2_000_000)
        var options = CheckOptions()
        options.models = [.linearizable]
        line("linearizability by zones, 100 keys, one core", "operations/s", "1,000,000") {
            var verdict = ""
            let time = seconds {
                let report = Checker.check(history, options: options)
                verdict = "\(report.models.map(\.verdict))"
            }
            precondition(!verdict.contains("violated"), "the history is linearizable by design")
            return Double(history.count) / time
        }
    }

    // MARK: The node

    private static func hotPath() {
        let placement = Placement(members: ["n1"], clusterSeed: 1, n: 1)
        var node = Node(
            id: NodeID(0), incarnation: 1, configuration: Configuration(n: 1, r: 1, w: 1),
            placement: placement, store: LogStore())
        var effects = Effects()
        let value = [UInt8](repeating: 65, count: 100)
        let keys = (0..<100_000).map { Array("key:\($0)".utf8) }
        var random = RandomSource(seed: 3)
        let moment = Moment(monotonic: .origin, wall: WallTime(microseconds: 1 << 40))
        let client = ClientID(connection: 0, generation: 0, sequence: 0)

        func drive(_ count: Int, puts: Bool) {
            for i in 0..<count {
                Bytes.lending(keys[random.below(keys.count)]) { bytes in
                    let key = HashedKey(bytes, hash: XXH3.hash64(bytes, seed: 1))
                    if puts {
                        Bytes.lending(value) { value in
                            node.handle(
                                .request(.put(key, value, RequestOptions()), from: client),
                                at: moment, into: &effects)
                        }
                    } else {
                        node.handle(
                            .request(.get(key, RequestOptions()), from: client), at: moment,
                            into: &effects)
                    }
                }
                effects.removeAll()
                if i & 31 == 0 { try? node.endTurn(into: &effects) }
            }
        }

        drive(300_000, puts: true)
        for (name, puts) in [("node, put over 100,000 keys", true), ("node, get", false)] {
            line(name, "ns", "none") {
                seconds { drive(500_000, puts: puts) } * 1e9 / 500_000
            }
            let before = JemallocStatistics.allocatedByThread
            drive(500_000, puts: puts)
            let allocated = Double(JemallocStatistics.allocatedByThread - before) / 500_000
            line("\(name), allocated per operation", "alloc. bytes", "0", rounds: 1) { allocated }
        }
    }
}
