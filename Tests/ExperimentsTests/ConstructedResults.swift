import Basics
import Experiments

/// Results with known numbers, for tests of everything that reads results.
enum ConstructedResults {
    static let environment = ResultEnvironment(
        version: "0.1.0", commit: "0123abc", cores: 2, memoryBytes: 8 << 30,
        kernel: "Linux 6.1", processor: "Test <CPU> & Co", started: "2026-01-02T03:04:05Z")

    /// Nine cells of N = 3. Latency grows with R and W; reads with R + W ≤ 3 are stale at times.
    static func sweep() -> ResultStore.Collection {
        ResultStore.Collection(cells: cells, witnesses: [witness])
    }

    private static let cells = (1...3).flatMap { r in (1...3).map { w in made(r: r, w: w) } }

    static func cell(r: Int, w: Int) -> CellResult { cells[(r - 1) * 3 + w - 1] }

    static func configuration(r: Int, w: Int, repetition: Int = 0) -> CellConfiguration {
        CellConfiguration(
            n: 3, r: r, w: w, quorum: "strict", mode: "lww", nodes: 5, workload: "workloada",
            fault: "none", fsync: "memory", where: "processes", arrivals: "poisson",
            targetPerSecond: 4_000, clients: 16, records: 1_000, warmupNs: 1_000_000_000,
            durationNs: 8_000_000_000, seed: UInt64(100 * r + w), repetition: repetition)
    }

    private static func made(r: Int, w: Int, repetition: Int = 0) -> CellResult {
        var random = RandomSource(seed: UInt64(r * 10 + w))
        var cell = CellResult(
            configuration: configuration(r: r, w: w, repetition: repetition),
            environment: environment,
            command: "quorumeter sweep demo.yaml --only n3-r\(r)-w\(w)")
        cell.throughput = Throughput(operations: 32_000, failed: 0, durationNs: 8_000_000_000)
        let reads = distribution(&random, typical: 180_000 + 70_000 * r, count: 16_000)
        let writes = distribution(&random, typical: 190_000 + 90_000 * w, count: 16_000)
        for clock in LatencyClock.allCases {
            let extra: Int64 = clock == .intended ? 20_000 : 0
            cell.latencies += [
                summary("read", clock, reads.map { $0 + extra }),
                summary("write", clock, writes.map { $0 + extra }),
            ].compactMap { $0 }
        }
        let isLoose = r + w <= 3
        let stale = isLoose ? 40 / (r * w) : 0
        cell.staleReads = Proportion(events: stale, trials: 16_000)
        cell.availability = Proportion(events: 32_000, trials: 32_000)
        cell.verdicts = [
            ModelVerdict(
                model: "linearizable", verdict: isLoose ? "violated" : "holds", method: "zones",
                violatingKeys: isLoose ? 3 : 0,
                explanation: isLoose ? "a read returned a value after a newer one was read" : nil)
        ]
        cell.staleness = StalenessSummary(
            kMax: isLoose ? 2 : 0, kHistogram: isLoose ? [16_000 - stale, stale - 4, 4] : [16_000],
            deltaMaxNs: isLoose ? 1_830_000 : 0, deltaPercentilesNs: ["99": 0])
        cell.timeSeries = (0..<16).map { index in
            let p50 = Int64(250_000 + 40_000 * r + random.below(30_000))
            return TimeSlice(
                startNs: Int64(index) * 500_000_000, lengthNs: 500_000_000,
                operations: 1_950 + random.below(100), failed: r == 3 && index == 9 ? 3 : 0,
                p50Ns: p50, p99Ns: p50 * 4, maxNs: p50 * (8 + Int64(random.below(20))))
        }
        cell.processorSeconds = ProcessorTime(cluster: 4.1, load: 1.9)
        return cell
    }

    private static func distribution(
        _ random: inout RandomSource, typical: Int, count: Int
    ) -> [Int64] {
        (0..<count).map { _ in
            let base = random.exponential(mean: .nanoseconds(typical / 2)).nanoseconds
            let tail = random.chance(1, in: 150) ? base * 9 : 0
            return Int64(typical / 2) + base + tail
        }.sorted()
    }

    private static func summary(
        _ operation: String, _ clock: LatencyClock, _ sorted: [Int64]
    ) -> LatencySummary? {
        LatencySummary.summarize(
            operation: operation, clock: clock, count: sorted.count,
            meanNs: Double(sorted.reduce(0, +)) / Double(sorted.count), minNs: sorted.first ?? 0,
            maxNs: sorted.last ?? 0,
            quantile: { sorted[min(sorted.count - 1, Int($0 * Double(sorted.count)))] })
    }

    static let witness = Witness(
        model: "linearizable", title: "A stale read at R = 1, W = 1 under a partition (simulated)",
        key: "user<7>",
        explanation: "Process 2 read w:1:1 although w:1:2 had been acknowledged before it began: "
            + "n3 was cut off and answered alone (partial quorum).",
        operations: [
            operation(3, process: 1, "write", "w:1:1", 0, 900_000),
            operation(5, process: 1, "write", "w:1:2", 1_200_000, 2_400_000, note: "acks n1"),
            operation(6, process: 3, "write", "w:3:9", 1_300_000, nil, fault: false),
            operation(8, process: 2, "read", "w:1:1", 3_000_000, 3_300_000, note: "from n3"),
        ], replay: "quorumeter simulate --seed 17 --r 1 --w 1 --faults partition",
        isDeterministic: true)

    private static func operation(
        _ index: Int, process: Int, _ op: String, _ value: String, _ invoked: Int64,
        _ completed: Int64?, fault: Bool = true, note: String? = nil
    ) -> WitnessOperation {
        WitnessOperation(
            index: index, process: process, op: op, value: value, invokedNs: invoked,
            completedNs: completed, outcome: completed == nil ? "unknown" : "ok",
            isAtFault: fault && index > 3, note: note)
    }
}
