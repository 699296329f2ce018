import Basics
import Workloads

/// The faults of a cell on real processes: its schedule's, over the measured time, which begins
/// after the warm-up.
struct CellFaults {
    /// What could not be brought about; nil while all is well.
    private(set) var failure: String?
    private var injector: FaultInjector
    private let warmup: Instant.Duration

    init(_ plan: FaultPlan, on cluster: LocalCluster, warmup: Instant.Duration) {
        injector = FaultInjector(plan, on: cluster)
        self.warmup = warmup
    }

    /// What strikes a trial: nothing, the first node for the fifth in the middle, or what its
    /// schedule says.
    static func plan(of trial: Trial) throws(TreeError) -> FaultPlan {
        let c = trial.configuration
        let length = Instant.Duration.nanoseconds(c.durationNs)
        if let schedule = trial.schedule {
            return try schedule.plan(nodes: c.nodes, length: length, seed: c.seed)
        }
        let middle = (start: length * 2 / 5, end: length * 3 / 5)
        switch c.fault {
        case "kill-one":
            return FaultPlan([PlannedFault(.kill([0]), from: middle.start, until: middle.end)])
        case "pause-one":
            return FaultPlan([PlannedFault(.pause([0]), from: middle.start, until: middle.end)])
        default: return FaultPlan()
        }
    }

    /// Does what is due `elapsed` after the beginning of the warm-up.
    mutating func advance(to elapsed: Instant.Duration) {
        guard failure == nil, elapsed >= warmup else { return }
        do throws(ClusterError) {
            try injector.advance(to: elapsed + warmup * -1)
        } catch {
            failure = "a fault failed: \(error)"
        }
    }

    /// After the run: everything heals. Returns what went wrong with the faults themselves.
    mutating func finish(at end: Instant.Duration) -> String? {
        do throws(ClusterError) {
            try injector.heal(at: end)
        } catch {
            failure = failure ?? "a fault could not be ended: \(error)"
        }
        if let exit = injector.unexplained.first {
            failure = failure ?? "a node ended without a fault: \(exit)"
        }
        return failure
    }

    /// What happened within the measured time, as the report shades it.
    func windows(in duration: Int64) -> [FaultWindow] {
        injector.struck.map { fault in
            FaultWindow(
                name: "\(fault)", startNs: min(duration, fault.start.nanoseconds),
                endNs: min(duration, fault.end.nanoseconds))
        }
    }
}
