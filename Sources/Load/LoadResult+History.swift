import Basics
import Consistency
import Workloads

extension LoadResult {
    /// What the operations of a history come to, as if they had been measured: reads, and writes
    /// as updates, with latencies from the intended start. What was meant to start in the first
    /// `warmup` of it is left out.
    public init(
        measuring history: History, interval: Instant.Duration,
        warmup: Instant.Duration = .zero, isOpen: Bool = false
    ) {
        self.init()
        self.history = history
        self.interval = interval
        var measurements = Measurements(interval: interval)
        var last = warmup.nanoseconds
        let order = history.operations.sorted { LoadResult.end(of: $0) < LoadResult.end(of: $1) }
        for operation in order where operation.intended >= warmup.nanoseconds {
            let kind: OperationKind = operation.kind == .read ? .read : .update
            let outcome: Recorder.Outcome =
                switch operation.outcome {
                case .ok: .ok
                case .fail: .fail
                case .unknown: .unknown
                }
            let end = LoadResult.end(of: operation)
            let latency = Instant.Duration.nanoseconds(end - operation.intended)
            let late = Instant.Duration.nanoseconds(operation.invoked - operation.intended)
            measurements.count(
                kind, outcome, latency: latency,
                service: .nanoseconds(end - operation.invoked))
            if late > .zero || isOpen { measurements.startDelay.record(late) }
            measurements.countInterval(
                kind, outcome, latency: latency,
                elapsed: .nanoseconds(end - warmup.nanoseconds))
            if outcome == .unknown { measurements.count(.storeTimeout) }
            if outcome == .fail { measurements.count(.unavailable) }
            last = max(last, end)
        }
        measurements.closeInterval(next: 0)
        operations = measurements.operations.filter { $0.count > 0 }
        failures = measurements.failures.sorted { $0.value > $1.value }
            .map { (failure: $0.key, count: $0.value) }
        intervals = Measurements.merge([measurements])
        operationCount = intervals.reduce(0) { $0 + $1.count }
        errorCount = intervals.reduce(0) { $0 + $1.errors }
        startDelay = measurements.startDelay
        self.warmup = warmup
        measuredFrom = warmup
        runTime = .nanoseconds(last - warmup.nanoseconds)
    }

    /// When an operation ended; what nobody knows the end of counts where it began.
    private static func end(of operation: Operation) -> Int64 {
        operation.completed == Operation.never ? operation.invoked : operation.completed
    }
}
