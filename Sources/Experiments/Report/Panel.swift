/// All configurations that differ in R and W only: one W×R matrix of the report.
public struct Panel: Sendable {
    /// What the configurations share; its r, w, seed and repetition mean nothing.
    public let shared: CellConfiguration
    /// Ordered by R, then W.
    public let configurations: [ConfigurationSummary]

    /// The R values that occur, ascending.
    public var readQuorums: [Int] { Array(Set(configurations.map(\.r))).sorted() }
    /// The W values that occur, ascending.
    public var writeQuorums: [Int] { Array(Set(configurations.map(\.w))).sorted() }

    public func configuration(r: Int, w: Int) -> ConfigurationSummary? {
        configurations.first { $0.r == r && $0.w == w }
    }

    /// A heading: `N = 3, workloada, strict, lww, no fault`.
    public var title: String {
        let fault = shared.fault == "none" ? "no fault" : shared.fault
        return
            "N = \(shared.n), \(shared.nodes) nodes, \(shared.workload), \(shared.quorum) quorum, "
            + "\(shared.mode), \(fault)" + (shared.network.map { ", simulated \($0)" } ?? "")
    }

    /// Sorts results into panels, in a fixed order whatever the order of the files.
    public static func panels(of cells: [CellResult]) -> [Panel] {
        var groups: [String: [CellResult]] = [:]
        for cell in cells { groups[key(cell.configuration), default: []].append(cell) }
        return groups.keys.sorted().compactMap { key in
            guard let cells = groups[key], let first = cells.first else { return nil }
            return Panel(
                shared: first.configuration, configurations: ConfigurationSummary.all(of: cells))
        }
    }

    private static func key(_ c: CellConfiguration) -> String {
        let load = "\(c.clients)/\(c.targetPerSecond)/\(c.arrivals)/\(c.records)/\(c.durationNs)"
        let n = c.n < 10 ? "0\(c.n)" : "\(c.n)"
        return
            "\(n)|\(c.where)|\(c.network ?? "")|\(c.nodes)|\(c.workload)|"
            + "\(c.quorum)|\(c.mode)|\(c.fault)|"
            + "\(c.fsync)|\(load)"
    }
}

/// One (R, W) with all its repeats: medians of what is measured, sums of what is counted.
public struct ConfigurationSummary: Sendable {
    public let r: Int
    public let w: Int
    /// The repeats that were measured, in order.
    public let measured: [CellResult]
    /// The repeats that failed, in order.
    public let failed: [CellResult]

    static func all(of cells: [CellResult]) -> [ConfigurationSummary] {
        var groups: [[Int]: [CellResult]] = [:]
        for cell in cells {
            groups[[cell.configuration.r, cell.configuration.w], default: []].append(cell)
        }
        return groups.keys.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }.map { key in
            let repeats = (groups[key] ?? []).sorted {
                ($0.configuration.repetition, $0.environment.started)
                    < ($1.configuration.repetition, $1.environment.started)
            }
            return ConfigurationSummary(
                r: key[0], w: key[1], measured: repeats.filter { $0.failure == nil },
                failed: repeats.filter { $0.failure != nil })
        }
    }

    /// `R=1 W=2`.
    public var name: String { "R=\(r) W=\(w)" }

    /// Operations a second: the median of the repeats.
    public var throughput: Double? { Statistics.median(measured.map(\.throughput.perSecond)) }

    /// A percentile of `read` or `write` in nanoseconds: the median of the repeats.
    public func latency(
        _ operation: String, _ percentile: String, _ clock: LatencyClock = .intended
    ) -> Double? {
        Statistics.median(
            measured.compactMap {
                $0.latency(operation, clock)?.percentilesNs[percentile].map(Double.init)
            })
    }

    /// The 99th percentile of reads and writes, each weighted by how many there were: one number
    /// by which configurations are ranked.
    public var combinedP99: Double? {
        var weighted = 0.0
        var count = 0.0
        for operation in ["read", "write"] {
            guard let p99 = latency(operation, "99") else { continue }
            let operations = Double(
                measured.compactMap { $0.latency(operation, .intended)?.count }.reduce(0, +))
            weighted += p99 * operations
            count += operations
        }
        return count > 0 ? weighted / count : nil
    }

    /// Stale reads of all repeats; nil when none was checked.
    public var staleReads: Proportion? {
        let checked = measured.compactMap(\.staleReads)
        guard !checked.isEmpty else { return nil }
        return Proportion(
            events: checked.map(\.events).reduce(0, +), trials: checked.map(\.trials).reduce(0, +))
    }

    /// The share of operations of all repeats that ended well; nil when it was not recorded.
    public var availability: Double? {
        let all = measured.compactMap(\.availability)
        return Proportion(
            events: all.map(\.events).reduce(0, +), trials: all.map(\.trials).reduce(0, +)
        ).fraction
    }

    /// Operations that did not end well in all repeats, by the name of the cause.
    public var errors: [(name: String, count: Int)] {
        var sums: [String: Int] = [:]
        for (name, count) in measured.flatMap(\.errors) { sums[name, default: 0] += count }
        return sums.keys.sorted().map { ($0, sums[$0] ?? 0) }
    }

    /// Processor time of the whole cluster for an operation, in microseconds: the median of the
    /// repeats; the warm-up is in both.
    public var processorPerOperation: Double? {
        Statistics.median(
            measured.compactMap { cell in
                let c = cell.configuration
                guard let time = cell.processorSeconds, cell.throughput.operations > 0,
                    c.durationNs > 0
                else { return nil }
                // The warm-up ran at the same pace and is in the processor time.
                let whole = Double(c.warmupNs + c.durationNs) / Double(c.durationNs)
                return time.cluster * 1e6 / (Double(cell.throughput.operations) * whole)
            })
    }

    /// Resident memory of a node at the end, in MiB: the mean of the nodes, median of the repeats.
    public var residentMiB: Double? {
        Statistics.median(
            measured.filter { !$0.memory.isEmpty }.map { cell in
                Double(cell.memory.map(\.residentBytes).reduce(0, +)) / Double(cell.memory.count)
                    / 1_048_576
            })
    }

    /// The verdict of all repeats on a model: violated once is violated; inconclusive once is
    /// inconclusive; nil when it was not checked.
    public func verdict(_ model: String) -> ModelVerdict? {
        let verdicts = measured.compactMap { $0.verdict(model) }
        return verdicts.first { $0.verdict == "violated" }
            ?? verdicts.first { $0.verdict == "inconclusive" } ?? verdicts.first
    }
}
