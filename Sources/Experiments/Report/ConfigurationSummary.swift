/// One configuration with all its repeats: medians of what is measured, sums of what is counted.
public struct ConfigurationSummary: Sendable {
    public let r: Int
    public let w: Int
    /// Replicas of each key; of another store, as many as hold the data.
    public let n: Int
    /// `R=1 W=2` in a matrix, `cp`, with mode and quorum kind among variants, or with the store's
    /// name in a list of stores.
    public let name: String
    /// Of the first repeat; its seed and repetition mean nothing.
    public let configuration: CellConfiguration
    /// Whether this is our own store.
    public var isOwn: Bool { configuration.store == nil }
    /// Colour and dash of its lines.
    let hue: Int
    let dash: Int
    /// The repeats that were measured, in order.
    public let measured: [CellResult]
    /// The repeats that failed, in order.
    public let failed: [CellResult]

    init(
        _ configuration: CellConfiguration, name: String, hue: Int, dash: Int,
        measured: [CellResult], failed: [CellResult]
    ) {
        self.configuration = configuration
        r = configuration.r
        w = configuration.w
        n = configuration.n
        self.name = name
        self.hue = hue % Series.hues
        self.dash = dash % Series.dashes
        self.measured = measured
        self.failed = failed
    }

    static func all(of cells: [CellResult], kind: Panel.Kind) -> [ConfigurationSummary] {
        let isMatrix = kind != .stores
        var groups: [String: [CellResult]] = [:]
        for cell in cells {
            groups[key(cell.configuration, isMatrix: isMatrix), default: []].append(cell)
        }
        return groups.keys.sorted().enumerated().compactMap { place, key in
            let repeats = (groups[key] ?? []).sorted {
                ($0.configuration.repetition, $0.environment.started)
                    < ($1.configuration.repetition, $1.environment.started)
            }
            guard let c = repeats.first?.configuration else { return nil }
            return ConfigurationSummary(
                c, name: isMatrix ? quorumName(c) : listName(c),
                hue: isMatrix ? c.r - 1 : place,
                dash: isMatrix ? c.w - 1 : place / Series.hues,
                measured: repeats.filter { $0.failure == nil },
                failed: repeats.filter { $0.failure != nil })
        }
    }

    /// The same among others of other modes and quorums, each with a look of its own.
    func asVariant(_ place: Int) -> ConfigurationSummary {
        ConfigurationSummary(
            configuration,
            name: ConfigurationSummary.quorumName(configuration)
                + ConfigurationSummary.marks(configuration), hue: place,
            dash: place / Series.hues, measured: measured, failed: failed)
    }

    /// One repeat alone.
    func repeated(_ cell: CellResult) -> ConfigurationSummary {
        ConfigurationSummary(
            configuration, name: name, hue: hue, dash: dash, measured: [cell], failed: [])
    }

    /// Sorts as the configurations shall stand.
    private static func key(_ c: CellConfiguration, isMatrix: Bool) -> String {
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let quorum = "\(padded(c.r))|\(padded(c.w))"
        if isMatrix { return quorum }
        if let store = c.store { return "2|\(store)" }
        return "1|\(padded(c.n))|\(quorum)|\(listName(c))"
    }

    private static func quorumName(_ c: CellConfiguration) -> String {
        c.mode == "cp" ? "cp" : "R=\(c.r) W=\(c.w)"
    }

    /// What is not as it usually is.
    private static func marks(_ c: CellConfiguration) -> String {
        var marks = ["lww", "cp"].contains(c.mode) ? "" : " \(c.mode)"
        if c.quorum != "strict" { marks += " \(c.quorum)" }
        if let repair = c.readRepair, repair != "async" { marks += " repair=\(repair)" }
        return marks
    }

    private static func listName(_ c: CellConfiguration) -> String {
        if let store = c.store { return store }
        return "quorumeter N=\(c.n) " + quorumName(c) + marks(c)
            + (c.fsync == "memory" ? "" : " fsync=\(c.fsync)")
    }

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

    /// What nodes' allocators had handed out at the end, in MiB: as `residentMiB`.
    public var allocatedMiB: Double? {
        Statistics.median(
            measured.compactMap { cell in
                let known = cell.memory.compactMap(\.allocatedBytes)
                guard !known.isEmpty else { return nil }
                return Double(known.reduce(0, +)) / Double(known.count) / 1_048_576
            })
    }

    /// The longest lag of a read in all repeats; nil when it was not measured.
    var deltaMaxNs: Int64? { measured.compactMap(\.staleness?.deltaMaxNs).max() }
    /// The largest Γ of all repeats; nil when it was not measured.
    var gammaMaxNs: Int64? { measured.compactMap { $0.staleness?.gammaMaxNs }.max() }

    /// The verdict of all repeats on a model: violated once is violated; inconclusive once is
    /// inconclusive; nil when it was not checked.
    public func verdict(_ model: String) -> ModelVerdict? {
        let verdicts = measured.compactMap { $0.verdict(model) }
        return verdicts.first { $0.verdict == "violated" }
            ?? verdicts.first { $0.verdict == "inconclusive" } ?? verdicts.first
    }

    /// Models that some repeat violated, in the order of the checker.
    public var violatedModels: [String] {
        let named = measured.flatMap(\.verdicts).filter { $0.verdict == "violated" }.map(\.model)
        var seen: [String] = []
        for model in named where !seen.contains(model) { seen.append(model) }
        return seen
    }

    /// The models of all repeats, each with the verdict of `verdict(_:)`.
    var verdicts: [ModelVerdict] {
        var seen: Set<String> = []
        return measured.flatMap(\.verdicts).filter { seen.insert($0.model).inserted }
            .compactMap { verdict($0.model) }
    }

    /// Keys that violated a model in all repeats together; nil when no repeat judged it.
    func violatingKeys(_ model: String) -> Int? {
        let all = measured.compactMap { $0.verdict(model) }.filter { $0.verdict != "inconclusive" }
        return all.isEmpty ? nil : all.map(\.violatingKeys).reduce(0, +)
    }

    /// Whether a repeat lacks counts of a node that ended by itself, so that costs are bounds.
    var hasUnknownCosts: Bool { measured.contains { $0.costs?.unknownLives != nil } }

    /// The middle of a cost for an operation over the repeats; nil where it is not known.
    func cost(_ part: (OperationCosts) -> Int) -> Double? {
        Statistics.median(
            measured.compactMap { cell in
                guard let costs = cell.costs, costs.operations > 0 else { return nil }
                return Double(part(costs)) / Double(costs.operations)
            })
    }

    /// How nodes agreed in the end: the worst of the repeats.
    var convergence: Agreement? {
        measured.compactMap(\.convergence).max {
            ($0.divergingKeys, $0.converged ? 0 : 1, $0.afterNs ?? 0)
                < ($1.divergingKeys, $1.converged ? 0 : 1, $1.afterNs ?? 0)
        }
    }

    /// `12.3 ms`, `agreed`, or how many keys still differed.
    var convergenceText: String? {
        guard let convergence else { return nil }
        if convergence.converged {
            return convergence.afterNs.map { Quantities.text(nanoseconds: $0) } ?? "agreed"
        }
        if convergence.divergingKeys == 0 {
            return "\(Quantities.grouped(convergence.hintsOwed)) hints owed"
        }
        return "\(Quantities.grouped(convergence.divergingKeys)) of "
            + "\(Quantities.grouped(convergence.keys)) keys differ"
    }
}
