import Basics
import Consistency
import Platform
import Workloads

/// Runs a plan: starts its generators, reports progress, brings the results together.
public struct LoadRun: Sendable {
    public let plan: LoadPlan

    public init(_ plan: LoadPlan) { self.plan = plan }

    /// Does the whole run and returns what was measured, also when `stop` was raised meanwhile.
    /// `progress` is called about once a second on the calling thread, which waits; `meanwhile`
    /// about every 10 ms, with the time since the beginning of the warm-up.
    public func run(
        stop: StopFlag = StopFlag(), progress: (LoadProgress) -> Void = { _ in },
        meanwhile: (Instant.Duration) -> Void = { _ in }
    ) throws(LoadError) -> LoadResult {
        try plan.refuseContradictions()
        let first = plan.firstProcess ?? LoadRun.chosenProcess(plan)
        let clients = UInt64(plan.sessionCount) * UInt64(plan.workers)
        guard UInt64(first) + clients < UInt64(WriteID.loader) else {
            throw .plan("process numbers end below \(WriteID.loader); \(first) is too high")
        }
        let conductor = Conductor(generators: plan.generators, stop: stop)
        var generators: [Generator] = []
        var threads = Threads(count: plan.generators)
        do {
            for share in 0..<plan.generators {
                let generator = try Generator(
                    plan, share: share, firstProcess: first, conductor: conductor)
                generators.append(generator)
            }
            for (share, generator) in generators.enumerated() {
                try threads.start(share) { generator.run() }
            }
        } catch {
            let failure = error as? LoadError ?? .system("cannot start a generator: \(error)")
            conductor.fail(failure)
            threads.join()
            throw failure
        }
        let findings = conduct(conductor, firstProcess: first, progress, meanwhile)
        threads.join()
        if let failure = conductor.failure { throw failure }
        guard let beginning = conductor.beginning else {
            var result = LoadResult()
            result.ending = .interrupted
            return result
        }
        let measuringFrom = conductor.measuringFrom ?? beginning + plan.warmup
        var result = collect(
            generators, beginning: beginning, measuringFrom: measuringFrom, firstProcess: first)
        if plan.warmsUpUntilSteady { result.becameSteady = conductor.measuringFrom != nil }
        result.online = findings
        return result
    }

    /// Begins when all are prepared, and passes reports on until all have ended; with
    /// `checksOnline` it judges what is recorded meanwhile.
    private func conduct(
        _ conductor: Conductor, firstProcess: UInt32, _ progress: (LoadProgress) -> Void,
        _ meanwhile: (Instant.Duration) -> Void
    ) -> OnlineFindings? {
        let generators = plan.generators
        var check: OnlineCheck?
        var steady = SteadyState()
        var next = Instant.distantFuture
        while conductor.endedCount < generators {
            let now = Clocks.monotonic()
            if conductor.beginning == nil, conductor.preparedCount == generators {
                conductor.begin(at: max(plan.beginning ?? .origin, now + .milliseconds(2)))
                next = max(plan.beginning ?? .origin, now) + .milliseconds(1_050)
            }
            if plan.checksOnline, check == nil, let beginning = conductor.beginning {
                check = OnlineCheck(plan, beginning: beginning, firstProcess: firstProcess)
            }
            if let beginning = conductor.beginning, now >= beginning { meanwhile(now - beginning) }
            if now >= next {
                var report = conductor.takeProgress()
                report.anomalies = check?.anomalies
                report.judged = check?.judged ?? 0
                if plan.warmsUpUntilSteady, conductor.measuringFrom == nil,
                    steady.isReached(rate: report.rate, median: Double(report.p50))
                {
                    // Generators look every 50 ms: all of them know before it comes.
                    conductor.measure(from: now + .milliseconds(250))
                }
                progress(report)
                next = next + .seconds(1)
            }
            check?.judge(conductor.takePublished())
            Clocks.sleep(until: now + .milliseconds(next == .distantFuture ? 1 : 10))
        }
        check?.judge(conductor.takePublished())
        return check?.finish()
    }

    private func collect(
        _ generators: [Generator], beginning: Instant, measuringFrom: Instant, firstProcess: UInt32
    ) -> LoadResult {
        var result = LoadResult()
        var operations = OperationKind.allCases.map(OperationMeasurement.init(kind:))
        var failures: [Failure: UInt64] = [:]
        var last = beginning
        for generator in generators {
            for index in operations.indices {
                operations[index].merge(generator.ledger.measurements.operations[index])
            }
            failures.merge(generator.ledger.measurements.failures, uniquingKeysWith: +)
            result.startDelay.merge(generator.ledger.measurements.startDelay)
            result.verified += generator.ledger.measurements.verified
            last = max(last, generator.ledger.lastCompletion)
            if result.ending == .completed { result.ending = generator.ending }
            if case .overloaded = generator.ending { result.ending = generator.ending }
        }
        result.operations = operations.filter { $0.count + $0.retried > 0 }
        result.failures = failures.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key.name < $1.key.name
        }.map { (failure: $0.key, count: $0.value) }
        result.intervals = Measurements.merge(generators.map(\.ledger.measurements))
        result.operationCount = result.intervals.reduce(0) { $0 + $1.count }
        result.errorCount = result.intervals.reduce(0) { $0 + $1.errors }
        result.warmup = measuringFrom - beginning
        result.interval = plan.interval
        result.measuredFrom = measuringFrom - origin(beginning)
        let moment = Clocks.moment()
        let since = UInt64(max(0, (moment.monotonic - measuringFrom).nanoseconds)) / 1_000
        result.began = WallTime(
            microseconds: moment.wall.microseconds - min(since, moment.wall.microseconds))
        result.runTime = last > measuringFrom ? last - measuringFrom : .zero
        if plan.recordsHistory {
            let end = generators.map(\.numbers.next).max() ?? firstProcess
            var own = OwnNumbers(plan, first: firstProcess)
            own.end = max(end, firstProcess)
            var builder = HistoryBuilder(
                plan.workload, beginning: origin(beginning), own: own, nodes: plan.nodeNames)
            result.history = builder.build(
                generators.map { ($0.ledger.recorder, $0.replicas) }, phase: plan.phase)
            result.earlierWrites = builder.earlierWrites
            if plan.workload.dataIntegrity, plan.phase == .transactions, plan.workers == 1 {
                result.staleReads = LoadRun.staleReads(of: result.history)
            }
        }
        return result
    }

    private static func staleReads(of history: History) -> (events: Int, trials: Int) {
        var options = CheckOptions()
        options.models = [.linearizable]
        let staleness = Checker.check(history, options: options).staleness
        return (staleness.staleReads, staleness.reads)
    }

    /// Where the times of the history count from: of several generators that begin together, the
    /// moment that was agreed upon, so that their histories merge.
    private func origin(_ beginning: Instant) -> Instant { plan.beginning ?? beginning }

    /// Far from the numbers of recent runs, with all likelihood; the same for generators that begin
    /// together.
    private static func chosenProcess(_ plan: LoadPlan) -> UInt32 {
        var state = plan.agreedStart?.microseconds ?? Clocks.wall().microseconds
        return 1 + UInt32(RandomSource.splitMix(&state) % UInt64(WriteID.loader / 2))
    }
}

/// The generators' threads, each joined once.
private struct Threads: ~Copyable {
    private var threads: [Int: Joinable] = [:]

    private final class Joinable {
        private var thread: WorkerThread?
        init(_ thread: consuming WorkerThread) { self.thread = consume thread }
        func join() {
            guard let thread = thread.take() else { return }
            thread.join()
        }
    }

    init(count: Int) { threads.reserveCapacity(count) }

    mutating func start(
        _ number: Int, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        threads[number] = Joinable(try WorkerThread(body))
    }

    func join() { for number in threads.keys.sorted() { threads[number]?.join() } }
}
