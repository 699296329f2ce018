import Basics
import Workloads

extension LoadResult {
    /// The lines that YCSB prints at its end, so that scripts which read them go on working:
    /// `[OPERATION], Metric, value`, latencies in microseconds. Operations that did not succeed
    /// stand under `[OPERATION-FAILED]`.
    ///
    /// Latencies count from the intended start unless `measurement.interval` says otherwise:
    /// `op` counts from the actual one, `both` prints the intended ones under
    /// `[Intended-OPERATION]`. Without a rate to be kept the two are the same. With one,
    /// `[SCHEDULE]` tells how late operations started.
    public func ycsbText(_ workload: Workload) -> String {
        var lines: [String] = []
        let milliseconds = UInt64(max(0, runTime.nanoseconds)) / 1_000_000
        lines.append("[OVERALL], RunTime(ms), \(milliseconds)")
        lines.append("[OVERALL], Throughput(ops/sec), \(throughput)")
        if let becameSteady {
            lines.append("[WARMUP], RunTime(ms), \(warmup.nanoseconds / 1_000_000)")
            lines.append("[WARMUP], Steady, \(becameSteady)")
        }
        let origin = workload.latencyOrigin ?? .intended
        func latencies(_ name: String, _ histogram: Histogram) -> [String] {
            LoadResult.latencies(name, histogram, workload.percentiles)
        }
        for operation in operations {
            let name = operation.kind.name
            if operation.succeeded > 0 {
                lines += latencies(
                    name, origin == .intended ? operation.latency : operation.serviceTime)
                lines.append("[\(name)], Return=OK, \(operation.succeeded)")
                if origin == .both {
                    lines += latencies("Intended-\(name)", operation.latency)
                }
            }
            if operation.failedLatency.count > 0 {
                lines += latencies("\(name)-FAILED", operation.failedLatency)
                lines.append("[\(name)-FAILED], Return=ERROR, \(operation.failed)")
                lines.append("[\(name)-FAILED], Return=UNKNOWN, \(operation.unknown)")
                if operation.retried > 0 {
                    lines.append("[\(name)-FAILED], Return=RETRIED, \(operation.retried)")
                }
            }
        }
        if startDelay.count > 0 { lines += latencies("SCHEDULE", startDelay) }
        lines += verification(workload)
        return lines.joined(separator: "\n") + "\n"
    }

    /// What became of the values that were compared byte by byte.
    private func verification(_ workload: Workload) -> [String] {
        let corrupt =
            failures.first { $0.failure == .corruptValue }.map(\.count) ?? 0
        guard workload.dataIntegrity, verified + corrupt > 0 else { return [] }
        // Stale reads are of all operations, and their bytes may be right.
        var lines = ["[VERIFY], Operations, \(verified + corrupt)"]
        if verified > 0 { lines.append("[VERIFY], Return=OK, \(verified)") }
        if corrupt > 0 { lines.append("[VERIFY], Return=UNEXPECTED_STATE, \(corrupt)") }
        if let stale = staleReads {
            lines.append("[VERIFY], Reads, \(stale.trials)")
            lines.append("[VERIFY], Return=STALE, \(stale.events)")
        }
        return lines
    }

    private static func latencies(
        _ name: String, _ histogram: Histogram, _ percentiles: [Double]
    ) -> [String] {
        func microseconds(_ nanoseconds: UInt64) -> UInt64 { nanoseconds / 1_000 }
        var lines = [
            "[\(name)], Operations, \(histogram.count)",
            "[\(name)], AverageLatency(us), \(histogram.mean / 1_000)",
            "[\(name)], MinLatency(us), \(microseconds(histogram.minimum))",
            "[\(name)], MaxLatency(us), \(microseconds(histogram.maximum))",
        ]
        for percentile in percentiles {
            let value = microseconds(histogram.percentile(percentile))
            lines.append("[\(name)], \(ordinal(percentile))PercentileLatency(us), \(value)")
        }
        return lines
    }

    /// As YCSB spells them: `95th`, `1st`, and `99.9` for what is no whole number.
    private static func ordinal(_ percentile: Double) -> String {
        guard percentile == percentile.rounded(.towardZero) else { return "\(percentile)" }
        let number = Int(percentile)
        if (11...13).contains(number % 100) { return "\(number)th" }
        switch number % 10 {
        case 1: return "\(number)st"
        case 2: return "\(number)nd"
        case 3: return "\(number)rd"
        default: return "\(number)th"
        }
    }
}
