import Basics
import Experiments
import Foundation
import Load
import Platform
import Workloads

/// How a load is going, on standard error: YCSB's status lines when asked for, else a line that
/// is redrawn on a terminal and comes every ten seconds elsewhere.
struct LoadStatus {
    private let plan: LoadPlan
    private let isYCSB: Bool
    private let interval: Double
    private var next: Double
    private var reported: UInt64 = 0
    private var reportedAt = 0.0
    private var latencies: [OperationKind: Histogram] = [:]
    private var isDrawn = false
    /// With `--tui`, on a terminal; and how many lines of it stand there.
    private var view: LiveView?
    private var height = 0
    private static let clock = {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "yyyy-MM-dd HH:mm:ss:SSS"
        return format
    }()

    init(_ plan: LoadPlan, isYCSB: Bool, isPicture: Bool = false) {
        if isPicture, Terminal.isLive {
            let threads = plan.workload.threadCount
            view = LiveView(
                title: "\(plan.target) \(threads) \(threads == 1 ? "thread" : "threads")",
                hasColour: Terminal.hasLiveColour)
        }
        self.plan = plan
        self.isYCSB = isYCSB
        interval = isYCSB ? Double(plan.workload.statusInterval) : 10
        next = interval
    }

    mutating func show(_ progress: LoadProgress) {
        for latency in progress.latencies {
            latencies[latency.kind, default: Histogram()].merge(latency.histogram)
        }
        let elapsed = progress.elapsed.seconds
        let isDue = elapsed >= next - 0.05
        if isDue { next += interval }
        if view != nil {
            view?.add(progress)
            draw()
        } else if isYCSB {
            guard isDue else { return }
            Terminal.note(ycsbLine(progress) + "\n")
            reported = progress.operations
            reportedAt = elapsed
            latencies = [:]
        } else if Terminal.isLive {
            isDrawn = true
            Terminal.note("\r\u{1B}[K\(line(progress))")
        } else if isDue {
            Terminal.note("\(line(progress))\n")
        }
    }

    /// Draws the picture over the one before.
    private mutating func draw() {
        let size = Terminal.size
        let lines = (view?.lines(width: size.columns - 1) ?? []).prefix(max(1, size.rows - 1))
        var text = height > 0 ? "\u{1B}[\(height)A" : ""
        for line in lines { text += "\r\u{1B}[K\(line)\n" }
        // What the last picture had more than this one goes away.
        text += "\u{1B}[J"
        height = lines.count
        Terminal.note(text)
    }

    /// Leaves a live line as it stands.
    mutating func end() {
        if isDrawn { Terminal.note("\n") }
        isDrawn = false
    }

    private func line(_ progress: LoadProgress) -> String {
        let phase = progress.isWarmingUp ? " warming up" : ""
        var line =
            "\(Quantities.waiting(seconds: progress.elapsed.seconds))\(phase): "
            + "\(Quantities.grouped(Int(progress.operations))) operations, "
            + "\(Quantities.significant(progress.rate)) ops/s, "
            + "p50 \(Quantities.text(nanoseconds: Int64(progress.p50))), "
            + "p99 \(Quantities.text(nanoseconds: Int64(progress.p99))), "
            + "\(progress.errors) errors"
        if let anomalies = progress.anomalies { line += ", \(anomalies) anomalies" }
        if progress.lag > .milliseconds(100) {
            line += ", \(Quantities.text(nanoseconds: progress.lag.nanoseconds)) behind"
        }
        if let left = left(progress) {
            line += ", \(Quantities.waiting(seconds: left)) left"
        }
        return line
    }

    /// Seconds that the rest will take, if it goes on like this.
    private func left(_ progress: LoadProgress) -> Double? {
        guard let share = progress.share, share > 0.001, share < 1 else { return nil }
        return progress.elapsed.seconds * (1 - share) / share
    }

    private func ycsbLine(_ progress: LoadProgress) -> String {
        let elapsed = progress.elapsed.seconds
        let rate = Double(progress.operations - reported) / max(elapsed - reportedAt, 1e-9)
        var line =
            "\(LoadStatus.clock.string(from: Date())) \(Int(elapsed.rounded())) sec: "
            + "\(progress.operations) operations; "
        if progress.operations > 0 { line += "\(LoadStatus.decimal(rate)) current ops/sec; " }
        if let left = left(progress) { line += "est completion in \(LoadStatus.remaining(left))" }
        for kind in OperationKind.allCases {
            guard let histogram = latencies[kind] else { continue }
            func microseconds(_ percentile: Double) -> UInt64 {
                histogram.percentile(percentile) / 1_000
            }
            line +=
                "[\(kind.name): Count=\(histogram.count), Max=\(histogram.maximum / 1_000), "
                + "Min=\(histogram.minimum / 1_000), "
                + "Avg=\(LoadStatus.decimal(histogram.mean / 1_000)), 90=\(microseconds(90)), "
                + "99=\(microseconds(99)), 99.9=\(microseconds(99.9)), "
                + "99.99=\(microseconds(99.99))] "
        }
        return line
    }

    /// At most two decimals, none that are zero.
    private static func decimal(_ number: Double) -> String {
        var text = number.fixed(2)
        while text.contains("."), text.hasSuffix("0") || text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// The two largest units, as YCSB words them.
    private static func remaining(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        let parts = [
            (whole / 86_400, "day"), (whole / 3_600 % 24, "hour"), (whole / 60 % 60, "minute"),
            (whole % 60, "second"),
        ]
        guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0 seconds " }
        let shown = first >= 2 ? parts[first...first] : parts[first...(first + 1)]
        return shown.map { "\($0.0) \($0.1)\($0.0 == 1 ? " " : "s ")" }.joined()
    }
}
