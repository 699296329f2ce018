import Basics
import Workloads

/// A service level that a run is held to: `p99<5ms`, `read_p99.9<=20ms`, `errors<0.1%`.
public struct Objective: Sendable, Equatable, CustomStringConvertible {
    enum Quantity: Sendable, Equatable {
        /// A latency's percentile from the intended start, of one kind of operation or of all.
        case percentile(Double, OperationKind?)
        /// The largest latency.
        case maximum(OperationKind?)
        /// The part of operations that did not succeed.
        case errors
    }

    let quantity: Quantity
    /// Nanoseconds, or a part of 1.
    let limit: Double
    /// Whether the limit itself is still allowed.
    let includesLimit: Bool
    public let description: String

    /// Reads an objective. Kinds are `read`, `update`, `insert`, `scan`, `readmodifywrite`.
    public init(_ text: String) throws(ObjectiveError) {
        let plain = text.filter { $0 != " " }
        guard let sign = plain.firstIndex(of: "<") else { throw ObjectiveError(text) }
        var right = plain[plain.index(after: sign)...]
        includesLimit = right.hasPrefix("=")
        if includesLimit { right = right.dropFirst() }
        description = plain
        var left = plain[..<sign]
        guard left != "errors" else {
            let isPercent = right.hasSuffix("%")
            guard let number = Double(isPercent ? right.dropLast() : right), number >= 0 else {
                throw ObjectiveError(text)
            }
            quantity = .errors
            limit = isPercent ? number / 100 : number
            return
        }
        var kind: OperationKind?
        if let line = left.firstIndex(of: "_") {
            let name = left[..<line].uppercased()
            kind = OperationKind.allCases.first {
                $0.name.filter { $0 != "-" } == name
            }
            guard kind != nil else { throw ObjectiveError(text) }
            left = left[left.index(after: line)...]
        }
        guard let duration = Instant.Duration(String(right)) else { throw ObjectiveError(text) }
        limit = Double(duration.nanoseconds)
        if left == "max" {
            quantity = .maximum(kind)
        } else if left.hasPrefix("p"), let percentile = Double(left.dropFirst()),
            (0...100).contains(percentile)
        {
            quantity = .percentile(percentile, kind)
        } else {
            throw ObjectiveError(text)
        }
    }

    /// What a run came to: nanoseconds or a part of 1; nil without such operations.
    func measured(_ result: LoadResult) -> Double? {
        let kind: OperationKind?
        switch quantity {
        case .errors:
            return result.operationCount == 0
                ? nil : Double(result.errorCount) / Double(result.operationCount)
        case .percentile(_, let only), .maximum(let only): kind = only
        }
        var latency = Histogram()
        // The intervals hold whole operations of any outcome, no halves of read-modify-writes.
        for interval in result.intervals {
            for part in interval.latencies where kind == nil || part.kind == kind {
                latency.merge(part.histogram)
            }
        }
        guard !latency.isEmpty else { return nil }
        if case .percentile(let percentile, _) = quantity {
            return Double(latency.percentile(percentile))
        }
        return Double(latency.maximum)
    }

    /// Whether a run meets it; without the operations that it is about it does not.
    public func isMet(by result: LoadResult) -> Bool {
        guard let measured = measured(result) else { return false }
        return includesLimit ? measured <= limit : measured < limit
    }
}

/// Text that is not an objective.
public struct ObjectiveError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ text: String) {
        description =
            "'\(text)' is not an objective; expected for example p99<5ms, read_p99.9<=20ms, "
            + "max<1s or errors<0.1%"
    }
}
