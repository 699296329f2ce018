import Basics
import Consistency
import Load
import Platform
import Simulation
import Synchronization

/// Tries the claims of one or more files.
public struct ClaimsRun: Sendable {
    public var claims: [Claim]
    /// Moves all seeds.
    public var seed: UInt64
    /// Threads for simulated claims.
    public var jobs: Int
    /// Wall time for all simulated claims together; what is not settled by then is inconclusive.
    public var budget: Instant.Duration?
    let stop: StopFlag

    public init(_ claims: [Claim], seed: UInt64, jobs: Int, stop: StopFlag) {
        self.claims = claims
        self.seed = seed
        self.jobs = jobs
        self.stop = stop
    }

    /// Results in the order of the claims; `observe` is told of those on processes as they end.
    public func run(observe: (ClaimResult) -> Void = { _ in }) throws(SystemError) -> [ClaimResult]
    {
        var results = [ClaimResult?](repeating: nil, count: claims.count)
        let simulated = claims.indices.filter { claims[$0].place == .simulation }
        for (index, result) in zip(simulated, try simulate(simulated.map { claims[$0] })) {
            results[index] = result
        }
        for index in claims.indices where claims[index].place == .processes {
            let claim = claims[index]
            let result =
                stop.isRaised
                ? ClaimResult(claim, .inconclusive, "interrupted before it was tried")
                : ProcessTrial(claim, seed: claim.firstSeed(base: seed), stop: stop).run()
            observe(result)
            results[index] = result
        }
        return results.compactMap { $0 }
    }

    // MARK: Simulation

    private func simulate(_ claims: [Claim]) throws(SystemError) -> [ClaimResult] {
        guard !claims.isEmpty else { return [] }
        let deadline = budget.map { Clocks.monotonic() + $0 } ?? .distantFuture
        let pool = SeedPool(claims, base: seed, stop: stop, deadline: deadline)
        let tallies = try pool.run(jobs: min(jobs, claims.count * 64))
        let results = Mutex([ClaimResult?](repeating: nil, count: claims.count))
        let next = Atomic(0)
        try Parallel.run(jobs: min(jobs, claims.count)) {
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < claims.count else { return }
                let result = settle(claims[index], tallies[index])
                results.withLock { $0[index] = result }
            }
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    /// From what the runs have shown to a result, a violation shrunk.
    private func settle(_ claim: Claim, _ tally: SeedPool.Tally) -> ClaimResult {
        var result: ClaimResult
        if let failure = tally.failure {
            result = ClaimResult(claim, .inconclusive, "the runs did not start")
            result.failure = failure
        } else if let broken = tally.broken, broken.offset <= tally.firstViolation ?? .max {
            let seed = claim.firstSeed(base: seed) &+ UInt64(broken.offset)
            result = ClaimResult(
                claim, .violated, "seed \(seed) breaks an invariant: \(broken.text)")
            result.isInvariantBroken = true
            var scenario = claim.scenario
            scenario.seed = seed
            result.command = scenario.command
        } else {
            switch claim.promise {
            case .model(let model): result = settle(claim, model, tally)
            case .bound(let bound):
                result = ClaimsRun.judge(
                    claim, bound, staleReads: tally.staleReads, reads: tally.reads)
            }
        }
        // How far other threads had come when a violation was found is chance.
        result.seedsRun = tally.firstViolation.map { $0 + 1 } ?? tally.seedsRun
        result.elapsed = tally.elapsed
        return result
    }

    private func settle(_ claim: Claim, _ model: Model, _ tally: SeedPool.Tally) -> ClaimResult {
        if let offset = tally.firstViolation { return violated(claim, model, offset) }
        let run = Quantities.grouped(tally.seedsRun)
        let asked = Quantities.grouped(claim.seeds)
        if let undecided = tally.undecided {
            let seed = claim.firstSeed(base: seed) &+ UInt64(undecided.offset)
            return ClaimResult(
                claim, .inconclusive, "seed \(seed) could not be judged: \(undecided.why)")
        }
        let sample = Proportion(events: 0, trials: max(1, tally.seedsRun))
        guard tally.seedsRun == claim.seeds else {
            let left = claim.seeds - tally.seedsRun
            var result = ClaimResult(
                claim, .inconclusive,
                "no violation in \(run) of \(asked) seeds when the time was up; "
                    + "\(Quantities.grouped(left)) more seeds settle it")
            result.needed = left
            return result
        }
        let most = Quantities.bound(sample.interval?.upper ?? 1)
        var result = ClaimResult(
            claim, .holds,
            "no violation in \(run) seeds, so in at most \(most) of all (95 % confidence)")
        result.sample = sample
        return result
    }

    private func violated(_ claim: Claim, _ model: Model, _ offset: Int) -> ClaimResult {
        let seed = claim.firstSeed(base: seed) &+ UInt64(offset)
        var result = ClaimResult(claim, .violated, "")
        do {
            let search = WitnessSearch(claim.scenario, violating: model)
            guard let found = try search.firstViolation(in: seed..<seed + 1) else {
                result.failure = "seed \(seed) violated the model once and not again"
                return result
            }
            result.shrunk = found.shrunk
            result.command = "\(found.command) --model \(model.name) --shrink"
            result.witness = found.witness.map {
                CheckSummary.witness(
                    $0, model: model.name, title: "\(claim.settingText): \(claim.name)",
                    of: found.shrunk.history, replay: result.command, isDeterministic: true)
            }
        } catch { result.failure = error.description }
        let count = result.witness?.operations.count ?? 0
        result.reason =
            "seed \(seed) (number \(Quantities.grouped(offset + 1)) of "
            + "\(Quantities.grouped(claim.seeds))), \(count) operations"
        return result
    }

    /// What the ages of reads say about a bound on them.
    static func judge(
        _ claim: Claim, _ bound: Claim.Bound, staleReads: Int, reads: Int
    ) -> ClaimResult {
        let limit = 1 - bound.probability
        let found = SampleSize.judge(
            events: staleReads, trials: reads, limit: limit, confidence: bound.confidence)
        let seen =
            "\(Quantities.grouped(staleReads)) of \(Quantities.grouped(reads)) reads staler than "
            + "\(bound.staleness), allowed are \(Quantities.percent(limit))"
        var result: ClaimResult
        switch found {
        case .within: result = ClaimResult(claim, .holds, seen)
        case .beyond: result = ClaimResult(claim, .violated, seen)
        case .open(let more?):
            result = ClaimResult(
                claim, .inconclusive,
                seen + "; about \(Quantities.grouped(more)) reads more would settle it")
            result.needed = more
        case .open(nil):
            result = ClaimResult(
                claim, .inconclusive, seen + "; the rate lies too near the bound to settle it")
        }
        if reads > 0 { result.sample = Proportion(events: staleReads, trials: reads) }
        return result
    }
}
