import Basics
import Experiments
import Load

/// `quorumeter run --find-max`: a line a trial, then the highest rate that held.
func findMaximum(_ plan: LoadPlan, _ arguments: Arguments) throws -> ExitCode {
    for option in ["--history", "--check", "--out", "--json", "--start-at"]
    where arguments.has(option) {
        throw CommandFailure(.misuse, "\(option) cannot be given with --find-max")
    }
    var plan = plan
    if plan.duration == nil { plan.duration = .seconds(5) }
    let best: CapacitySearch.Trial?
    do {
        let objectives = try arguments.values("--slo").map { try Load.Objective($0) }
        let search = try CapacitySearch(plan, objectives: objectives)
        var status = LoadStatus(plan, isYCSB: arguments.has("-s"))
        best = try search.run(stop: Interruption.watch()) {
            status.show($0)
        } told: { trial in
            status.end()
            Terminal.result(line(trial) + "\n")
        }
        status.end()
    } catch let error as ObjectiveError {
        throw CommandFailure(.misuse, "--slo: \(error)")
    } catch let error as LoadError {
        if case .plan = error { throw CommandFailure(.misuse, error.description) }
        throw CommandFailure(.environment, error.description)
    }
    guard let best else {
        Terminal.error("no rate that was tried meets \(arguments.values("--slo"))")
        return .inconclusive
    }
    Terminal.result("[FIND-MAX], Rate(ops/sec), \(best.rate)\n")
    Terminal.result(best.result.ycsbText(plan.workload))
    return .held
}

private func line(_ trial: CapacitySearch.Trial) -> String {
    var latency = Histogram()
    for operation in trial.result.operations { latency.merge(operation.latency) }
    let p99 = Quantities.text(nanoseconds: Int64(latency.percentile(99)))
    let verdict: String
    switch trial.result.ending {
    case .completed where trial.missed.isEmpty: verdict = "holds"
    case .completed: verdict = "misses " + trial.missed.map(\.description).joined(separator: ", ")
    case .overloaded: verdict = "overloaded"
    case .interrupted, .targetLost, .processesExhausted: verdict = "ended early"
    }
    return "[TRIAL], \(Quantities.grouped(Int(trial.rate))) ops/sec offered, "
        + "\(Quantities.grouped(Int(trial.result.throughput))) done, p99 \(p99), \(verdict)"
}
