import Basics
import Workloads

extension LoadResult {
    /// The lines that YCSB prints at its end, so that scripts which read them go on working:
    /// `[OPERATION], Metric, value`, latencies in microseconds from the intended start.
    /// Operations that did not succeed stand under `[OPERATION-FAILED]`.
    public var ycsbText: String {
        var lines: [String] = []
        let milliseconds = UInt64(max(0, runTime.nanoseconds)) / 1_000_000
        lines.append("[OVERALL], RunTime(ms), \(milliseconds)")
        lines.append("[OVERALL], Throughput(ops/sec), \(throughput)")
        for operation in operations {
            let name = operation.kind.name
            if operation.succeeded > 0 {
                lines += LoadResult.latencies(name, operation.latency)
                lines.append("[\(name)], Return=OK, \(operation.succeeded)")
            }
            let failures = operation.failed + operation.unknown
            if failures > 0 {
                lines += LoadResult.latencies("\(name)-FAILED", operation.failedLatency)
                lines.append("[\(name)-FAILED], Return=ERROR, \(operation.failed)")
                lines.append("[\(name)-FAILED], Return=UNKNOWN, \(operation.unknown)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func latencies(_ name: String, _ histogram: Histogram) -> [String] {
        func microseconds(_ nanoseconds: UInt64) -> UInt64 { nanoseconds / 1_000 }
        return [
            "[\(name)], Operations, \(histogram.count)",
            "[\(name)], AverageLatency(us), \(histogram.mean / 1_000)",
            "[\(name)], MinLatency(us), \(microseconds(histogram.minimum))",
            "[\(name)], MaxLatency(us), \(microseconds(histogram.maximum))",
            "[\(name)], 50thPercentileLatency(us), \(microseconds(histogram.percentile(50)))",
            "[\(name)], 95thPercentileLatency(us), \(microseconds(histogram.percentile(95)))",
            "[\(name)], 99thPercentileLatency(us), \(microseconds(histogram.percentile(99)))",
        ]
    }
}
