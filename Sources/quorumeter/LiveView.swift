import Basics
import Experiments
import Load

/// The picture of a running load that `--tui` draws: numbers with sparklines, and a heat strip of
/// latencies with a column a second. A function of the reports; the terminal is not its business.
public struct LiveView {
    private let title: String
    private let hasColour: Bool
    private var rates: [Double] = []
    private var medians: [Double] = []
    private var tails: [Double] = []
    /// By second: operations by row of the strip.
    private var columns: [[UInt64]] = []
    private var last: LoadProgress?
    private var errors: [Double] = []

    /// Rows of the strip: the lowest holds latencies below 31.6 µs, each above it about three
    /// times as much, the highest everything from 3.16 s on.
    private static let limits: [UInt64] = [
        31_600, 100_000, 316_000, 1_000_000, 3_160_000, 10_000_000, 31_600_000, 100_000_000,
        316_000_000, 1_000_000_000, 3_160_000_000,
    ]
    private static let labels = [
        "", "32 µs", "0.1 ms", "0.3 ms", "1 ms", "3.2 ms", "10 ms", "32 ms", "0.1 s", "0.3 s",
        "1 s", "3.2 s",
    ]
    private static let most = 400

    public init(title: String, hasColour: Bool) {
        self.title = title
        self.hasColour = hasColour
    }

    /// Takes one more second.
    public mutating func add(_ progress: LoadProgress) {
        let before = last?.errors ?? 0
        last = progress
        rates.append(progress.rate)
        medians.append(Double(progress.p50))
        tails.append(Double(progress.p99))
        errors.append(Double(progress.errors - min(before, progress.errors)))
        var column = [UInt64](repeating: 0, count: LiveView.limits.count + 1)
        for bucket in progress.latencies.flatMap(\.buckets) {
            let row = LiveView.limits.firstIndex { bucket.highest < $0 } ?? LiveView.limits.count
            column[row] += bucket.count
        }
        columns.append(column)
        guard columns.count > LiveView.most else { return }
        rates.removeFirst()
        medians.removeFirst()
        tails.removeFirst()
        errors.removeFirst()
        columns.removeFirst()
    }

    /// The lines of the picture, none wider than `width` (at least 40).
    public func lines(width: Int) -> [String] {
        guard let last else { return [] }
        let width = max(40, width)
        let room = width - 28
        var lines = [heading(last, width)]
        lines.append(row("rate", Quantities.significant(last.rate) + " ops/s", rates, room))
        lines.append(row("p50", time(last.p50), medians, room))
        lines.append(row("p99", time(last.p99), tails, room))
        lines.append(row("errors", Quantities.grouped(Int(last.errors)), errors, room))
        lines.append(note(last))
        lines.append("")
        return lines + strip(width - 9)
    }

    private func time(_ nanoseconds: UInt64) -> String {
        Quantities.text(nanoseconds: Int64(clamping: nanoseconds))
    }

    private func heading(_ last: LoadProgress, _ width: Int) -> String {
        var text = "\(title)  \(Quantities.waiting(seconds: last.elapsed.seconds))"
        if last.isWarmingUp { text += ", warming up" }
        guard let share = last.share, share <= 1 else { return String(text.prefix(width)) }
        let percent = " \(Int(share * 100)) %"
        let room = min(30, width - text.count - percent.count - 2)
        guard room >= 8 else { return String(text.prefix(width)) }
        let done = Int(Double(room) * share)
        return text + "  " + String(repeating: "█", count: done)
            + String(repeating: "░", count: room - done) + percent
    }

    private func row(_ name: String, _ value: String, _ series: [Double], _ room: Int) -> String {
        let left = name.padded(to: 8) + value.padded(to: 18)
        return left + paint(LiveView.sparkline(series, width: room), 36)
    }

    private func note(_ last: LoadProgress) -> String {
        var parts = ["\(Quantities.grouped(Int(last.operations))) operations"]
        parts.append("\(last.connected) connections")
        if last.lag > .milliseconds(1) {
            parts.append("\(Quantities.text(nanoseconds: last.lag.nanoseconds)) behind")
        }
        if let anomalies = last.anomalies {
            let judged = Quantities.grouped(last.judged)
            let text = "\(anomalies) anomalies in \(judged) judged"
            parts.append(anomalies > 0 ? paint(text, 31) : text)
        }
        return parts.joined(separator: ", ")
    }

    /// The last samples as bars from zero to their highest.
    public static func sparkline(_ series: [Double], width: Int) -> String {
        let shown = series.suffix(max(1, width))
        let top = shown.max() ?? 0
        let bars = Array("▁▂▃▄▅▆▇█")
        return String(
            shown.map { sample -> Character in
                guard top > 0, sample > 0 else { return " " }
                return bars[min(7, Int(sample / top * 7.999))]
            })
    }

    /// Latency upwards, seconds to the right; the darker, the larger a part of its second.
    private func strip(_ room: Int) -> [String] {
        let shown = columns.suffix(max(1, room))
        let rows = LiveView.limits.count + 1
        let used = (0..<rows).filter { row in shown.contains { $0[row] > 0 } }
        guard let lowest = used.first, let highest = used.last else { return [] }
        return (lowest...highest).reversed().map { row in
            let label = LiveView.labels[row].leftPadded(to: 7)
            let cells = shown.map { column -> Character in
                let whole = column.reduce(0, +)
                guard column[row] > 0, whole > 0 else { return " " }
                let part = Double(column[row]) / Double(whole)
                return part > 0.3 ? "█" : part > 0.05 ? "▓" : part > 0.005 ? "▒" : "░"
            }
            return "\(label) ┤" + paint(String(cells), 33)
        }
    }

    private func paint(_ text: String, _ colour: Int) -> String {
        hasColour ? "\u{1B}[\(colour)m\(text)\u{1B}[0m" : text
    }
}

extension String {
    fileprivate func padded(to count: Int) -> String {
        self + String(repeating: " ", count: max(0, count - self.count))
    }

    fileprivate func leftPadded(to count: Int) -> String {
        String(repeating: " ", count: max(0, count - self.count)) + self
    }
}
