import Basics
import Consistency
import Load
import Platform

/// A cell with the files that stand beside its `result.json`.
struct MeasuredCell {
    var cell: CellResult
    /// Names and contents.
    var files: [(name: String, text: String)] = []
    private var percentiles = ""

    init(_ cell: CellResult) { self.cell = cell }

    /// Bytes of history that are kept for keys that violate a model.
    static let historyLimit = 32 << 20
    /// Bytes that one search may hold in an untimed check.
    static let searchMemory = 64 << 20
    /// How long one cell may be checked.
    static let checkLimit = Instant.Duration.seconds(60)

    /// Adds the latencies of one kind of operation, if there were any.
    mutating func add(_ histogram: Histogram, of operation: String, on clock: LatencyClock) {
        guard
            let summary = LatencySummary.summarize(
                operation: operation, clock: clock, of: histogram)
        else { return }
        cell.latencies.append(summary)
        percentiles += "# \(operation), \(clock.rawValue), microseconds\n"
        percentiles += histogram.percentileText(scale: 1_000) + "\n"
    }

    /// Holds what clients saw against every model that it supports. `origin`: the moment of the
    /// history at which the time series begins. `isTimed`: gives up after `checkLimit`; without
    /// it the result does not depend on the machine.
    mutating func check(_ history: History, origin: Int64 = 0, isTimed: Bool = false) throws {
        var options = CheckOptions()
        // Final reads are judged apart; there are no siblings.
        options.models = Model.plain.filter { ![.durable, .convergent, .multiValue].contains($0) }
        options.keepsVerdicts = true
        // Searches end by memory where they must not depend on the time.
        if !isTimed { options.budget.memory = MeasuredCell.searchMemory }
        if isTimed {
            options.budget.now = { Clocks.monotonic().nanoseconds }
            options.budget.deadline =
                (Clocks.monotonic() + MeasuredCell.checkLimit).nanoseconds
        }
        let report = Checker.check(history, options: options)
        CheckSummary.fill(&cell, from: report, of: history)
        let freshness = FreshnessCurve(of: history)
        cell.freshness = freshness.bins
        count(freshness.stale, from: origin)
        var violating: Set<UInt32> = []
        for model in report.models {
            for verdict in model.verdicts where verdict.verdict.isViolated {
                violating.insert(verdict.key)
            }
        }
        guard !violating.isEmpty else { return }
        files.append(
            (
                "violations.jsonl",
                HistoryFile.text(history, keys: violating, limit: MeasuredCell.historyLimit)
            ))
        cell.violatingHistory = "violations.jsonl"
    }

    /// Enters stale reads, given by when they began, into the time series.
    private mutating func count(_ stale: [Int64], from origin: Int64) {
        for index in cell.timeSeries.indices { cell.timeSeries[index].staleReads = 0 }
        for time in stale {
            let place = cell.timeSeries.firstIndex {
                $0.startNs <= time - origin && time - origin < $0.startNs + $0.lengthNs
            }
            if let place { cell.timeSeries[place].staleReads? += 1 }
        }
    }

    /// Writes everything into the cell's folder, `result.json` last: it says that the rest is
    /// there.
    mutating func write(to folder: String) throws(ResultError) {
        if !percentiles.isEmpty { files.append(("latency.hgrm", percentiles)) }
        if !cell.timeSeries.isEmpty { files.append(("timeseries.csv", seriesText)) }
        for (name, text) in files {
            try ResultStore.write(ResultStore.bytes(text), to: "\(folder)/\(name)")
        }
        try ResultStore.write(cell, to: "\(folder)/result.json")
    }

    private var seriesText: String {
        var text =
            "start_ns,length_ns,operations,failed,p50_ns,p99_ns,p99.9_ns,max_ns,stale_reads\n"
        for s in cell.timeSeries {
            text += "\(s.startNs),\(s.lengthNs),\(s.operations),\(s.failed),\(s.p50Ns),\(s.p99Ns),"
            text += "\(s.p999Ns.map { "\($0)" } ?? ""),\(s.maxNs),"
            text += "\(s.staleReads.map { "\($0)" } ?? "")\n"
        }
        return text
    }
}
