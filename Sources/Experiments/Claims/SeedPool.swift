import Basics
import Consistency
import Load
import Platform
import Simulation
import Synchronization

/// Runs the seeds of many simulated claims on several threads.
///
/// Work is handed out in rounds, a chunk of seeds of every claim before the next chunk of any, so
/// that a budget that ends early has reached all of them alike. The first violating seed in the
/// order of seeds counts, whichever thread came first: results do not depend on threads.
final class SeedPool: Sendable {
    /// What the runs of one claim have shown so far.
    struct Tally: Sendable {
        /// Seeds below this offset were run or are being run.
        var handedOut = 0
        var seedsRun = 0
        /// Offset of the first seed that violates the model.
        var firstViolation: Int?
        /// Offset and words of the first broken invariant.
        var broken: (offset: Int, text: String)?
        /// Why a run could not be judged, with its offset.
        var undecided: (offset: Int, why: String)?
        /// For bounds: reads that were too stale, among all.
        var staleReads = 0
        var reads = 0
        var elapsed = Instant.Duration.zero
        var failure: String?
    }

    static let chunk = 8

    private let claims: [Claim]
    private let base: UInt64
    private let stop: StopFlag
    private let deadline: Instant
    private let state: Mutex<State>

    private struct State {
        var tallies: [Tally]
        /// The claim that is served next.
        var turn = 0
    }

    init(_ claims: [Claim], base: UInt64, stop: StopFlag, deadline: Instant) {
        self.claims = claims
        self.base = base
        self.stop = stop
        self.deadline = deadline
        state = Mutex(State(tallies: [Tally](repeating: Tally(), count: claims.count)))
    }

    /// Runs everything on so many threads, this one among them.
    func run(jobs: Int) throws(SystemError) -> [Tally] {
        try Parallel.run(jobs: jobs) { [self] in work() }
        return state.withLock { $0.tallies }
    }

    private func work() {
        while !stop.isRaised, Clocks.monotonic() < deadline, let (index, offsets) = take() {
            let start = Clocks.monotonic()
            var tally = Tally()
            for offset in offsets where !stop.isRaised {
                let isSettled = state.withLock { state in
                    (state.tallies[index].firstViolation ?? .max) < offset
                }
                if isSettled { break }
                run(claims[index], offset, &tally)
                if tally.firstViolation != nil || tally.failure != nil { break }
            }
            tally.elapsed = Clocks.monotonic() - start
            state.withLock { $0.tallies[index].merge(tally) }
        }
    }

    /// The next chunk of seeds; nil when all have been handed out.
    private func take() -> (index: Int, offsets: Range<Int>)? {
        state.withLock { state in
            for _ in claims.indices {
                let index = state.turn
                state.turn = (state.turn + 1) % claims.count
                let tally = state.tallies[index]
                guard tally.firstViolation == nil, tally.broken == nil, tally.failure == nil,
                    tally.handedOut < claims[index].seeds
                else { continue }
                let end = min(tally.handedOut + SeedPool.chunk, claims[index].seeds)
                state.tallies[index].handedOut = end
                return (index, tally.handedOut..<end)
            }
            return nil
        }
    }

    private func run(_ claim: Claim, _ offset: Int, _ tally: inout Tally) {
        var scenario = claim.scenario
        scenario.seed = claim.firstSeed(base: base) &+ UInt64(offset)
        do {
            switch claim.promise {
            case .model(let model):
                let result = try Simulation.run(
                    scenario, models: [model], measuresStaleness: false)
                tally.note(result, offset)
                guard let verdict = result.report?.report(model)?.verdict else { return }
                if verdict.isViolated { tally.firstViolation = offset }
                if case .inconclusive(let why) = verdict, tally.undecided == nil {
                    tally.undecided = (offset, why)
                }
            case .bound(let bound):
                let result = try Simulation.run(scenario, models: [.weakRegular])
                tally.note(result, offset)
                guard let staleness = result.report?.staleness else { return }
                tally.reads += staleness.reads
                tally.staleReads += staleness.reads(staler: bound.staleness)
            }
        } catch {
            tally.failure = error.description
        }
    }
}

extension SeedPool.Tally {
    mutating func note(_ result: SimulationResult, _ offset: Int) {
        seedsRun += 1
        if let violation = result.invariants.first, broken == nil {
            broken = (offset, "\(violation)")
        }
    }

    mutating func merge(_ other: SeedPool.Tally) {
        seedsRun += other.seedsRun
        staleReads += other.staleReads
        reads += other.reads
        elapsed = elapsed + other.elapsed
        failure = failure ?? other.failure
        if let offset = other.firstViolation {
            firstViolation = min(firstViolation ?? offset, offset)
        }
        if let entry = other.broken, entry.offset < broken?.offset ?? .max { broken = entry }
        if let entry = other.undecided, entry.offset < undecided?.offset ?? .max {
            undecided = entry
        }
    }
}

extension Staleness {
    /// Reads that were staler than this.
    func reads(staler limit: Instant.Duration) -> Int {
        ages.count { $0 > limit.nanoseconds }
    }
}
