import Basics
import Load
import Workloads

/// The JSON document of `quorumeter load` and `run`, schema `quorumeter.run/1`.
public struct RunDocument: Encodable, Sendable {
    let schema = "quorumeter.run/1"
    let target: String
    let throughput: Throughput
    let latencies: [LatencySummary]
    let errors: [String: Int]
    let check: CheckDocument?
    let online: OnlineDocument?

    public init(_ result: LoadResult, check: CheckDocument?, target: String) {
        self.target = target
        self.check = check
        online = result.online.map(OnlineDocument.init)
        throughput = Throughput(
            operations: Int(result.operationCount), failed: Int(result.errorCount),
            durationNs: result.runTime.nanoseconds)
        latencies = result.operations.flatMap { operation in
            LatencyClock.allCases.compactMap { clock in
                LatencySummary.summarize(
                    operation: operation.kind.name.lowercased(), clock: clock,
                    of: clock == .intended ? operation.latency : operation.serviceTime)
            }
        }
        var errors: [String: Int] = [:]
        for (failure, count) in result.failures { errors[failure.name] = Int(count) }
        self.errors = errors
    }
}

/// What the check behind a running load found.
struct OnlineDocument: Encodable, Sendable {
    struct Violation: Encodable, Sendable {
        let key, anomaly, explanation: String
    }

    let verdict: String
    let operations, keys, undecidedKeys, skipped: Int
    let violations: [Violation]

    enum CodingKeys: String, CodingKey {
        case verdict, operations, keys, violations, skipped
        case undecidedKeys = "undecided_keys"
    }

    init(_ findings: OnlineFindings) {
        verdict = findings.verdict
        operations = findings.operations
        keys = findings.keys
        undecidedKeys = findings.undecidedKeys
        skipped = findings.skipped
        violations = findings.violations.map {
            Violation(key: $0.key, anomaly: $0.anomaly, explanation: $0.explanation)
        }
    }
}

extension LatencySummary {
    /// The summary of a histogram; nil of an empty one.
    static func summarize(
        operation: String, clock: LatencyClock, of histogram: Histogram
    ) -> LatencySummary? {
        summarize(
            operation: operation, clock: clock, count: Int(histogram.count),
            meanNs: histogram.mean, minNs: Int64(histogram.minimum),
            maxNs: Int64(histogram.maximum), quantile: { Int64(histogram.percentile($0 * 100)) })
    }
}
