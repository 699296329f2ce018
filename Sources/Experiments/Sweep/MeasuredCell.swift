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
    /// Operations of a history that is short.
    static let shortHistory = 10_000
    /// Bytes that one search may hold in an untimed check, or in that of a short history.
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
        let hasSiblings = cell.configuration.mode == "siblings"
        var options = CheckOptions()
        // Final reads are judged apart. What holds siblings is no register: a read has several
        // values, and none of them is stale as long as no other replaces it.
        options.models =
            hasSiblings
            ? [.multiValue]
            : Model.plain.filter { ![.durable, .convergent, .multiValue].contains($0) }
        options.measuresStaleness = !hasSiblings
        options.keepsVerdicts = true
        // Searches end by memory where they must not depend on the time, and for short histories,
        // which invite the search for an interleaving that only a cap ends.
        if !isTimed || history.count <= MeasuredCell.shortHistory {
            options.budget.memory = MeasuredCell.searchMemory
        }
        if isTimed {
            options.budget.now = { Clocks.monotonic().nanoseconds }
            options.budget.deadline =
                (Clocks.monotonic() + MeasuredCell.checkLimit).nanoseconds
        }
        let report = Checker.check(history, options: options)
        if hasSiblings {
            CheckSummary.addVerdicts(to: &cell, from: report, of: history)
        } else {
            CheckSummary.fill(&cell, from: report, of: history)
            let freshness = FreshnessCurve(of: history)
            cell.freshness = freshness.bins
            count(freshness.stale, from: origin)
        }
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
        if !cell.timeSeries.isEmpty {
            files.append(("timeseries.csv", TimeSlice.csv(cell.timeSeries)))
        }
        for (name, text) in files {
            try ResultStore.write(ResultStore.bytes(text), to: "\(folder)/\(name)")
        }
        try ResultStore.write(cell, to: "\(folder)/result.json")
    }
}
