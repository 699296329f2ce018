import Basics
import Workloads

/// Searches the highest rate at which a store meets its objectives.
///
/// Every trial is an open loop at one rate. The rate doubles until a trial fails, then the gap
/// between the highest that held and the lowest that did not is halved until it is a twentieth.
/// That supposes that a store which fails at a rate fails at every higher one; a trial is a short
/// look at a noisy machine, so that the answer is as good as its trials are long.
public struct CapacitySearch: Sendable {
    /// One rate that was tried.
    public struct Trial: Sendable {
        /// Offered operations a second.
        public let rate: Double
        public let result: LoadResult
        /// The objectives that it missed; overload and lost targets miss all of them.
        public let missed: [Objective]

        /// Whether the store kept up and met every objective.
        public var holds: Bool { result.ending == .completed && missed.isEmpty }
    }

    /// Doublings and halvings at most.
    public static let longest = 40
    private let plan: LoadPlan
    private let objectives: [Objective]
    /// How near the two ends come: the higher over the lower one.
    private static let precision = 1.05

    /// `plan` must have a duration; its rate is where the search begins (1,000 a second without).
    /// Only steady arrivals can be searched: closed ones become `constant`.
    public init(_ plan: LoadPlan, objectives: [Objective]) throws(LoadError) {
        guard plan.phase == .transactions, plan.duration != nil else {
            throw .plan("--find-max needs the transaction phase and a duration for every trial")
        }
        guard !objectives.isEmpty else {
            throw .plan("--find-max needs an objective to hold, such as --slo 'p99<5ms'")
        }
        var plan = plan
        if plan.workload.arrivals == .closed { plan.workload.arrivals = .constant }
        guard plan.workload.arrivals.isSteady else {
            throw .plan(
                "--find-max tries one rate after the other: arrivals are constant or poisson, "
                    + "not \(plan.workload.arrivals.rawValue)")
        }
        if plan.workload.target == 0 { plan.workload.target = 1_000 }
        plan.workload.operationCount = 0
        plan.recordsHistory = false
        self.plan = plan
        self.objectives = objectives
    }

    /// Does the trials; `told` hears of each. The highest rate that held is that of the best one;
    /// nil when none did, or when `stop` was raised before.
    public func run(
        stop: StopFlag, progress: (LoadProgress) -> Void, told: (Trial) -> Void
    ) throws(LoadError) -> Trial? {
        var best: Trial?
        var low = 0.0
        var high = Double.infinity
        var rate = plan.workload.target
        for number in 0..<CapacitySearch.longest {
            let trial = try attempt(rate, number, stop, progress)
            if trial.result.ending == .interrupted { break }
            told(trial)
            if case .targetLost(let why) = trial.result.ending { throw .unreachable(why) }
            if trial.holds {
                low = rate
                best = trial
            } else {
                high = rate
            }
            if high == .infinity {
                rate = low * 2
            } else if low == 0 {
                rate = high / 4
            } else {
                rate = Elementary.squareRoot(low * high)
            }
            if high / max(low, 1e-9) < CapacitySearch.precision || rate < 1 || rate > 1e8 { break }
        }
        return best
    }

    private func attempt(
        _ rate: Double, _ number: Int, _ stop: StopFlag, _ progress: (LoadProgress) -> Void
    ) throws(LoadError) -> Trial {
        var plan = plan
        plan.workload.target = rate
        plan.seed &+= UInt64(number)
        let result = try LoadRun(plan).run(stop: stop, progress: progress)
        let missed =
            result.ending == .completed ? objectives.filter { !$0.isMet(by: result) } : objectives
        return Trial(rate: rate, result: result, missed: missed)
    }
}
