import Basics
import Experiments

/// A small result set in which every field of every format has something to show, with numbers
/// that can be checked by eye in the golden files.
enum GoldenResults {
    static var collection: ResultStore.Collection {
        ResultStore.Collection(
            cells: [loose, strict, repeated, failed, register, struck, other],
            witnesses: [ConstructedResults.witness])
    }

    private static func cell(_ r: Int, _ w: Int, unit: Int64, fault: String = "none") -> CellResult
    {
        var configuration = ConstructedResults.configuration(r: r, w: w)
        configuration.fsync = "always"
        configuration.fault = fault
        configuration.readRepair = "async"
        var cell = CellResult(
            configuration: configuration, environment: ConstructedResults.environment,
            command: "quorumeter sweep golden.yaml --only r\(r)w\(w)-\(fault)")
        cell.throughput = Throughput(operations: 1_000, failed: 0, durationNs: 2_000_000_000)
        cell.availability = Proportion(events: 1_000, trials: 1_000)
        for (operation, factor) in [("read", Int64(1)), ("write", 2)] {
            for clock in LatencyClock.allCases {
                let base = unit * factor + (clock == .intended ? 10_000 : 0)
                cell.latencies.append(
                    LatencySummary(
                        operation: operation, clock: clock, count: 500, meanNs: Double(base) * 1.5,
                        minNs: base / 2, maxNs: base * 20,
                        percentilesNs: [
                            "50": base, "90": base * 2, "95": base * 3, "99": base * 5,
                            "99.9": base * 10, "99.99": base * 20,
                        ],
                        curve: [
                            CurvePoint(fraction: 0, ns: base / 2),
                            CurvePoint(fraction: 0.5, ns: base),
                            CurvePoint(fraction: 0.99, ns: base * 5),
                            CurvePoint(fraction: 0.998, ns: base * 20),
                        ]))
            }
        }
        cell.timeSeries = [
            TimeSlice(
                startNs: 0, lengthNs: 500_000_000, operations: 250, failed: 0, p50Ns: unit,
                p99Ns: unit * 5, maxNs: unit * 20, p999Ns: unit * 10, staleReads: 0),
            TimeSlice(
                startNs: 500_000_000, lengthNs: 500_000_000, operations: 250, failed: 0,
                p50Ns: unit, p99Ns: unit * 4, maxNs: unit * 8),
        ]
        judge(&cell, stale: 0)
        cell.processorSeconds = ProcessorTime(cluster: 0.3, load: 0.1)
        cell.memory = [
            NodeMemory(
                node: "n1", residentBytes: 16 << 20, allocatedBytes: 4 << 20,
                allocatorResidentBytes: 6 << 20)
        ]
        cell.costs = OperationCosts(
            operations: 1_250, clientBytes: 1_250_000, peerBytes: 625_000, messages: 5_000,
            syncs: 2_500, counts: ["read_repairs": 3])
        cell.convergence = Agreement(
            converged: true, afterNs: 20_000_000, limitNs: 1_000_000_000, keys: 1_000,
            divergingKeys: 0, hintsOwed: 0)
        return cell
    }

    private static func judge(_ cell: inout CellResult, stale: Int) {
        let isViolated = stale > 0
        cell.verdicts = [
            ModelVerdict(
                model: "linearizable", verdict: isViolated ? "violated" : "holds", method: "zones",
                violatingKeys: isViolated ? 2 : 0,
                explanation: isViolated ? "a read went back in time" : nil),
            ModelVerdict(
                model: "monotonic-reads", verdict: "inconclusive", method: "clocks",
                violatingKeys: 0, explanation: "values repeat"),
            ModelVerdict(
                model: "durable", verdict: "holds", method: "reads", violatingKeys: 0,
                explanation: nil),
        ]
        cell.staleReads = Proportion(events: stale, trials: 625)
        cell.staleness = StalenessSummary(
            kMax: isViolated ? 2 : 0,
            kHistogram: isViolated ? [625 - stale, stale - 1, 1] : [625],
            deltaMaxNs: isViolated ? 1_830_000 : 0,
            deltaPercentilesNs: ["50": 0, "99": isViolated ? 1_100_000 : 0],
            gammaMaxNs: isViolated ? 900_000 : 0)
        cell.freshness = [
            FreshnessBin(
                startNs: 100_000, endNs: 180_000, meanNs: 140_000, reads: 600, fresh: 600 - stale)
        ]
    }

    /// Stale at times, with a prediction, a history of what was violated and a counterexample.
    private static var loose: CellResult {
        var cell = cell(1, 1, unit: 200_000)
        judge(&cell, stale: 5)
        cell.prediction = CellPrediction(
            curve: [.init(afterNs: 0, fresh: 0.97), .init(afterNs: 180_000, fresh: 0.995)],
            visibilityNs: ["50": 0, "99.9": 400_000], readP99Ns: 900_000, writeP99Ns: 1_900_000,
            trials: 1_000, calibrationError: 0.0125)
        cell.violatingHistory = "violations.jsonl"
        var witness = ConstructedResults.witness
        witness.title = cell.configuration.store ?? "N=3 R=1 W=1, measured"
        witness.isDeterministic = false
        witness.cause = "partial-quorum"
        cell.witness = witness
        witness.model = "monotonic-reads"
        witness.cause = nil
        cell.otherWitnesses = [witness]
        return cell
    }

    private static var strict: CellResult { cell(2, 2, unit: 300_000) }

    private static var repeated: CellResult {
        var cell = cell(2, 2, unit: 320_000)
        cell.configuration.repetition = 1
        cell.environment.started = "2026-01-02T03:09:05Z"
        return cell
    }

    private static var failed: CellResult {
        var cell = CellResult(
            configuration: self.cell(2, 1, unit: 1).configuration,
            environment: ConstructedResults.environment, command: "quorumeter sweep golden.yaml")
        cell.failure = "the cluster <did not> form, \"ever\""
        return cell
    }

    /// Mode cp: of its replicas nobody knows what each holds.
    private static var register: CellResult {
        var cell = cell(2, 2, unit: 500_000)
        cell.configuration.mode = "cp"
        cell.configuration.readRepair = nil
        cell.convergence = nil
        return cell
    }

    /// Under a fault: failures, lost writes, replicas that differ, a node that ended by itself.
    private static var struck: CellResult {
        var cell = cell(1, 1, unit: 250_000, fault: "kill-one")
        judge(&cell, stale: 9)
        cell.verdicts[2] = ModelVerdict(
            model: "durable", verdict: "violated", method: "reads", violatingKeys: 3,
            explanation: "an acknowledged write is gone")
        cell.throughput.failed = 40
        cell.availability = Proportion(events: 960, trials: 1_000)
        cell.errors = ["timeout": 30, "connection-lost": 10]
        cell.faults = [
            FaultWindow(name: "kill n1", startNs: 800_000_000, endNs: 1_200_000_000)
        ]
        cell.costs?.unknownLives = 1
        cell.convergence = Agreement(
            converged: false, afterNs: nil, limitNs: 1_000_000_000, keys: 1_000,
            divergingKeys: 37, hintsOwed: 4)
        return cell
    }

    /// Another store, under a load of its own.
    private static var other: CellResult {
        var cell = cell(1, 2, unit: 150_000)
        cell.configuration.store = "redis WAIT 1, replica reads"
        cell.configuration.mode = ""
        cell.configuration.readRepair = nil
        cell.configuration.fsync = "memory"
        cell.configuration.workload = "workloadb"
        cell.costs = nil
        cell.convergence = nil
        return cell
    }
}
