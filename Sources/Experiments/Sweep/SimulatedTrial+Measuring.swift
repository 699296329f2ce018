import Basics
import Consistency
import Load
import Simulation
import Workloads

/// What is taken from a simulated run.
extension SimulatedTrial {
    /// Throughput, latency, series, faults and costs. `history`: without the final reads.
    func measure(
        _ result: SimulationResult, _ history: History, into measured: inout MeasuredCell
    ) throws {
        let operations = history.operations
        let end = SimulatedTrial.end(of: history)
        let failed = operations.count { $0.outcome != .ok }
        let beginning = operations.map(\.invoked).min() ?? 0
        let isLate = trial.configuration.mode == "siblings"
        measured.cell.throughput = Throughput(
            operations: operations.count, failed: failed,
            durationNs: isLate ? end - beginning : end)
        measured.cell.availability = Proportion(
            events: operations.count - failed, trials: operations.count)
        let unknown = operations.count { $0.outcome == .unknown }
        if unknown > 0 { measured.cell.errors["timeout"] = unknown }
        if failed > unknown { measured.cell.errors["refused"] = failed - unknown }
        for (name, isRead) in [("read", true), ("write", false)] {
            var histogram = Histogram()
            for operation in operations
            where (operation.kind == .read) == isRead && operation.outcome == .ok {
                histogram.record(
                    nanoseconds: UInt64(operation.completed - operation.invoked))
            }
            for clock in LatencyClock.allCases { measured.add(histogram, of: name, on: clock) }
        }
        let length = max(1, (end + Int64(SimulatedTrial.slices) - 1) / Int64(SimulatedTrial.slices))
        measured.cell.timeSeries = SimulatedTrial.series(operations, length: length)
        measured.files.append(
            ("latency.hlog", try SimulatedTrial.log(operations, length: length).text()))
        measured.cell.faults = result.schedule
            .filter { $0.start.nanoseconds < UInt64(end) }
            .map { fault in
                FaultWindow(
                    name: fault.fault.description, startNs: Int64(fault.start.nanoseconds),
                    endNs: min(end, Int64(clamping: fault.end.nanoseconds)))
            }
        let traffic = result.traffic
        measured.cell.costs = OperationCosts(
            operations: operations.count, clientBytes: Int(traffic.clientBytes),
            peerBytes: Int(traffic.peerBytes), messages: Int(traffic.messages),
            syncs: Int(traffic.syncs))
    }

    /// The slice in which an operation counts: by when it ended; those that never did, by when
    /// they began.
    private static func slice(_ operation: Operation, _ length: Int64) -> Int {
        let time = operation.outcome == .ok ? operation.completed : operation.invoked
        return min(slices - 1, Int(time / length))
    }

    private static func series(
        _ operations: ContiguousArray<Operation>, length: Int64
    ) -> [TimeSlice] {
        var latencies = [[Int64]](repeating: [], count: slices)
        var failed = [Int](repeating: 0, count: slices)
        for operation in operations {
            let slice = slice(operation, length)
            if operation.outcome == .ok {
                latencies[slice].append(operation.completed - operation.invoked)
            } else {
                failed[slice] += 1
            }
        }
        return (0..<slices).map { slice in
            let sorted = latencies[slice].sorted()
            func at(_ share: Double) -> Int64 {
                sorted.isEmpty
                    ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
            }
            return TimeSlice(
                startNs: Int64(slice) * length, lengthNs: length,
                operations: sorted.count + failed[slice], failed: failed[slice], p50Ns: at(0.5),
                p99Ns: at(0.99), maxNs: sorted.last ?? 0, p999Ns: at(0.999))
        }
    }

    /// The same as histograms; virtual time begins with the epoch.
    private static func log(
        _ operations: ContiguousArray<Operation>, length: Int64
    ) -> IntervalLog {
        let tags = ["READ", "WRITE"]
        var histograms = (0..<slices).map { _ in tags.map { _ in Histogram() } }
        for operation in operations where operation.outcome == .ok {
            histograms[slice(operation, length)][operation.kind == .read ? 0 : 1]
                .record(nanoseconds: UInt64(operation.completed - operation.invoked))
        }
        var entries: [IntervalLog.Entry] = []
        for slice in 0..<slices {
            for (tag, histogram) in zip(tags, histograms[slice]) where !histogram.isEmpty {
                entries.append(
                    IntervalLog.Entry(
                        tag: tag, start: .nanoseconds(Int64(slice) * length),
                        length: .nanoseconds(length), histogram: histogram))
            }
        }
        return IntervalLog(began: WallTime(microseconds: 0), entries: entries)
    }

    /// How the nodes' last answers compare.
    func convergence(_ report: Consistency.Report, _ scenario: Scenario) -> Agreement? {
        guard let judged = report.report(.convergent) else { return nil }
        return Agreement(
            converged: judged.violatingKeys == 0, afterNs: nil,
            limitNs: (scenario.timeout * 3 + .milliseconds(100)).nanoseconds,
            keys: judged.keysChecked, divergingKeys: judged.violatingKeys, hintsOwed: 0)
    }

    /// Longest story that is looked through for a counterexample, in lines.
    private static let storyLines = 20_000

    /// Runs the part of the scenario that each counterexample shows once more, and adds what the
    /// nodes did meanwhile.
    func tell(
        _ scenario: Scenario, of history: History, in cell: inout CellResult
    ) throws {
        if var witness = cell.witness {
            try SimulatedTrial.tell(scenario, in: &witness)
            cell.witness = witness
        }
        cell.otherWitnesses = try cell.otherWitnesses?.map { witness in
            var witness = witness
            try SimulatedTrial.tell(scenario, in: &witness)
            return witness
        }
    }

    /// Adds to a counterexample what nodes did with its key from its first operation to its last.
    static func tell(_ scenario: Scenario, in witness: inout Witness) throws {
        guard let from = witness.operations.map(\.invokedNs).min(),
            let until = witness.operations.compactMap(\.completedNs).max(), until > from
        else { return }
        let story = try Simulation.story(
            of: scenario, from: Instant(nanoseconds: UInt64(max(0, from - 1))),
            until: Instant(nanoseconds: UInt64(until)), limit: storyLines)
        // Half a story would mislead.
        guard story.omitted == 0 else { return }
        let key = " \(witness.key) "
        witness.events = story.entries.filter { entry in
            guard !entry.who.hasPrefix("c") else { return false }
            return "\(entry.what) ".contains(key) || isAboutNodes(entry.what)
        }.map { WitnessEvent(atNs: Int64($0.time), node: $0.who, what: $0.what) }
    }

    /// What happens to nodes and links, whatever the key.
    private static func isAboutNodes(_ what: String) -> Bool {
        ["begin: ", "end: ", "crashes", "starts", "loses ", "reaches ", "everything"]
            .contains { what.hasPrefix($0) }
    }
}

extension History {
    /// The same without the reads of the final phase.
    func withoutFinalReads() -> History {
        var rest = History()
        rest.reserve(count)
        for key in 0..<keys.count { _ = rest.key(keys.text(key)) }
        for node in 0..<nodes.count { _ = rest.node(nodes.text(node)) }
        for index in 0..<count where !operations[index].flags.contains(.final) {
            var operation = operations[index]
            if operation.value.isInterned {
                operation.value = rest.value(values.text(Int(operation.value.tableIndex)))
            }
            if let detail = detail(of: index) {
                rest.append(operation, detail: detail)
            } else {
                rest.append(operation)
            }
        }
        return rest
    }
}
