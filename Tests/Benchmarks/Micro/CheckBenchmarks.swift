import Basics
import Consistency
import Experiments
import Platform

/// The checker at the sizes that its goals name: `make bench-check`, two to three minutes.
enum CheckBenchmarks {
    /// Runs all parts, or the one of this name: large, json, hot, cas or
    /// online.
    static func run(_ part: String?) throws {
        let folder = try FileSystem.temporaryFolder("quorumeter-bench")
        if part == nil || part == "large" { try large(folder) }
        if part == nil || part == "json" { try jsonLines() }
        if part == nil || part == "hot" { hotKey() }
        if part == nil || part == "cas" { compareAndSet() }
        if part == nil || part == "online" { online() }
        try FileSystem.removeTree(folder)
    }

    private static func large(_ folder: String) throws {
        var costs: [(operations: Int, time: Double)] = []
        print("linearizability alone, one core, after loading: 100 keys, 64 processes")
        for operations in [100_000, 1_000_000, 10_000_000] {
            let path = "\(folder)/\(operations).qh"
            try HistoryFile.writeBinary(
                RecordedLoad(keys: 100, processes: 64).history(operations: operations), to: path)
            costs.append((operations, try alone(path)))
        }
        growth(costs)
        try together("\(folder)/10000000.qh")
    }

    private static func seconds<Result>(
        _ body: () throws -> Result
    ) rethrows -> (Double, Result) {
        let start = Clocks.monotonic()
        let result = try body()
        return ((Clocks.monotonic() - start).seconds, result)
    }

    /// Seconds of the best of three.
    private static func alone(_ path: String) throws -> Double {
        let history = try HistoryFile.read(path, as: .binary)
        var options = CheckOptions()
        options.models = [.linearizable]
        options.measuresStaleness = false
        var best = Double.infinity
        for _ in 0..<3 {
            let (time, report) = seconds { Checker.check(history, options: options) }
            precondition(report.models[0].verdict.isHolding, "the history is linearizable")
            best = min(best, time)
        }
        let rate = Int(Double(history.count) / best / 1_000)
        print(
            "  \(history.count) operations: \(text(best)) s, \(rate) k operations/s", terminator: ""
        )
        print(history.count == 10_000_000 ? " (goal 8,000)" : "")
        return best
    }

    private static func growth(_ costs: [(operations: Int, time: Double)]) {
        guard let first = costs.first, let last = costs.last else { return }
        func work(_ n: Int) -> Double {
            var bits = 0.0
            while 1 << (Int(bits) + 1) <= n { bits += 1 }
            return Double(n) * bits
        }
        let factor = last.time / first.time / (work(last.operations) / work(first.operations))
        print("  growth: \(text(factor)) times n log n (goal at most 1.2)")
    }

    private static func together(_ path: String) throws {
        // The peak counts from here: what generated the history is gone.
        if let file = try? File("/proc/self/clear_refs", .truncate) {
            try Bytes.lending([UInt8]("5".utf8)) { (bytes) throws(SystemError) in
                try file.write(bytes)
            }
        }
        var options = CheckOptions()
        options.models = [
            .linearizable, .regular, .weakRegular, .readYourWrites, .monotonicReads,
            .monotonicWrites, .writesFollowReads,
        ]
        let start = Clocks.monotonic()
        let history = try HistoryFile.read(path, as: .binary)
        let loaded = Clocks.monotonic()
        let report = try ParallelCheck.run(Checker(history, options: options), jobs: 2)
        let end = Clocks.monotonic()
        precondition(report.models.allSatisfy { $0.verdict.isHolding }, "the history is atomic")
        print("linearizability, staleness, regularity, session guarantees: 10^7, two cores")
        print(
            "  \(text((end - start).seconds)) s, of which loading "
                + "\(text((loaded - start).seconds)) s (goal 6); peak \(peak()) MiB (goal 1536)")
    }

    /// The largest resident memory in MiB since it was last reset.
    private static func peak() -> Int {
        let status = (try? FileSystem.text("/proc/self/status")) ?? ""
        for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) >> 10
        }
        return 0
    }

    private static func jsonLines() throws {
        let history = RecordedLoad(keys: 100, processes: 64).history(operations: 1_000_000)
        var lines = ByteBuffer()
        for index in 0..<history.count { JSONLinesWriter.append(index, of: history, to: &lines) }
        let bytes = UnsafeRawBufferPointer(start: lines.bytes.base, count: lines.count)
        var best = Double.infinity
        for _ in 0..<3 {
            let (time, parsed) = try seconds { try JSONLinesParser.parse(bytes, file: "lines") }
            precondition(parsed.count == history.count, "every line is an operation")
            best = min(best, time)
        }
        let rate = Int(Double(bytes.count) / best / 1e6)
        print(
            "JSON lines: \(rate) MB/s a core (goal 300), "
                + "\(bytes.count / history.count) bytes a line"
        )
    }

    private static func hotKey() {
        let history = RecordedLoad(keys: 1, processes: 1_000, unknownOneIn: 10)
            .history(operations: 1_000_000)
        let (time, report) = seconds { Checker.check(history) }
        let words = report.models.filter { !$0.verdict.isHolding }.map {
            "\($0.model.name) \($0.verdict.word)"
        }
        print("hot key, 1,000 clients, 10 % unknown, 10^6: all models in \(text(time)) s \(words)")
    }

    /// The check behind a running load: operations in order of completion, the mark moved every
    /// thousand operations.
    private static func online() {
        for keys in [1, 100, 1_000_000] {
            let history = RecordedLoad(keys: keys, processes: 64, unknownOneIn: 1_000)
                .history(operations: 2_000_000)
            var marks = [Int64](repeating: Operation.never, count: history.count / 1_000 + 1)
            for chunk in (0..<marks.count - 1).reversed() {
                let rest = history.operations[chunk * 1_000..<chunk * 1_000 + 1_000]
                marks[chunk] = rest.reduce(marks[chunk + 1]) { min($0, $1.invoked) }
            }
            var most = 0
            let (time, checker) = seconds {
                var checker = OnlineChecker()
                for (i, operation) in history.operations.enumerated() {
                    checker.add(operation)
                    guard i % 1_000 == 999 else { continue }
                    checker.advance(to: marks[(i + 1) / 1_000])
                    most = max(most, checker.held)
                }
                checker.finish()
                return checker
            }
            precondition(checker.violations.isEmpty, "the history is linearizable")
            let rate = Int(Double(history.count) / time / 1_000)
            print(
                "online, \(keys) keys, 2 x 10^6 operations: \(rate) k operations/s, at most "
                    + "\(most) clusters, reads and writes held")
        }
    }

    private static func compareAndSet() {
        var times: [Double] = []
        var words: [String: Int] = [:]
        for seed in 0..<100 {
            let history = RecordedLoad.compareAndSet(seed: UInt64(seed), isBroken: seed % 4 != 0)
            var options = CheckOptions()
            options.models = [.linearizable]
            let (time, report) = seconds { Checker.check(history, options: options) }
            times.append(time)
            words[report.models[0].verdict.word, default: 0] += 1
        }
        let counts = words.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        times.sort()
        print(
            "compare-and-set, 170 events, five clients: slowest of 100 "
                + "\(text(times[99] * 1e3)) ms, median \(text(times[50] * 1e3))")
        print("  (goal 50; \(counts.joined(separator: ", ")))")
    }

    private static func text(_ value: Double) -> String { "\(Double(Int(value * 1_000)) / 1_000)" }
}
