import Basics
import Consistency
import Platform

/// Waits until all replicas of every key hold the same, and reads everything for the last time.
///
/// The store repairs what is read: keys on which replicas differ are read from all of them while
/// it waits. How many needed that is counted.
struct Settlement {
    let cluster: LocalCluster
    let keys: [String]

    /// What was found.
    struct Outcome {
        var isReached = false
        /// From the beginning until all agreed, or until patience ended.
        var time = Instant.Duration.zero
        /// Keys on which replicas differed at the first look, and at the last.
        var differingAtFirst = 0
        var differing: [String] = []
        var failure: String?
    }

    /// Looks again and again for at most `patience`.
    func wait(
        patience: Instant.Duration, isStopping: () -> Bool
    ) -> Outcome {
        var outcome = Outcome()
        let beginning = Clocks.monotonic()
        var isFirst = true
        while !isStopping() {
            do {
                let differing = try differing()
                outcome.failure = nil
                if isFirst { outcome.differingAtFirst = differing.count }
                isFirst = false
                outcome.differing = differing
                outcome.isReached = differing.isEmpty
            } catch {
                outcome.failure = "\(error)"
            }
            outcome.time = Clocks.monotonic() - beginning
            if outcome.isReached || outcome.time >= patience { break }
            repair(outcome.differing)
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(50))
        }
        return outcome
    }

    private var deadline: Instant { Clocks.monotonic() + .seconds(10) }

    /// Reads what differs from all replicas, which are given the newest version.
    private func repair(_ keys: [String]) {
        guard !keys.isEmpty else { return }
        for address in cluster.addresses {
            // A node that does not answer now is asked again at the next look.
            guard let reader = try? ReplicaReader(address, deadline: deadline) else { continue }
            defer { reader.close() }
            if (try? reader.read(keys, r: cluster.state.n)) != nil { return }
        }
    }

    /// By node: what it holds itself.
    func heldByNode() throws -> [[String: ReplicaValue]] {
        try cluster.state.nodes.map { node in
            let reader = try ReplicaReader(.loopback(node.clientPort), deadline: deadline)
            defer { reader.close() }
            return try reader.held(by: node.name, keys)
        }
    }

    /// Keys whose replicas differ, or of which fewer than N answer.
    private func differing() throws -> [String] {
        let held = try heldByNode()
        return keys.filter { key in
            let values = held.compactMap { $0[key] }
            return values.count < cluster.state.n || values.contains { $0 != values[0] }
        }
    }

    // MARK: The last reads

    /// Adds to a history that is over: a read of every key from all replicas together, and one of
    /// each replica by itself, all marked as final.
    func addFinalReads(to history: inout History) throws {
        var recorder = FinalReads(history)
        guard let address = cluster.addresses.first else { return }
        let reader = try ReplicaReader(address, deadline: deadline)
        defer { reader.close() }
        let together = try reader.read(keys, r: cluster.state.n)
        for key in keys { recorder.add(key, together[key], node: nil) }
        for (index, held) in try heldByNode().enumerated() {
            let name = cluster.state.nodes[index].name
            for key in keys {
                if let value = held[key] { recorder.add(key, value, node: name) }
            }
        }
        history = recorder.history
    }
}

/// Appends final reads to a history, one after the other, after everything else in it.
private struct FinalReads {
    var history: History
    private var time: Int64
    private var process: UInt32
    /// Values that the history knows the writes of.
    private var written: Set<ValueID> = []
    private var earlier: UInt32 = 0

    /// Sessions of final reads have numbers that no load generator gives out.
    private static let firstProcess = UInt32(1 << 23)

    init(_ history: History) {
        self.history = history
        var end: Int64 = 0
        for operation in history.operations {
            let isOver = operation.completed != Operation.never
            end = max(end, isOver ? operation.completed : operation.invoked)
            if operation.kind != .read { written.insert(operation.value) }
        }
        time = end
        process = FinalReads.firstProcess
    }

    mutating func add(_ key: String, _ found: ReplicaValue?, node: String?) {
        let place = history.key(key)
        time += 2
        var operation = Operation(
            process: process, key: place, kind: .read, outcome: found == nil ? .fail : .ok,
            invoked: time, completed: time + 1, flags: .final)
        process += 1
        if let text = found?.value {
            // The name of the write stands before the filler.
            let name = text.prefix { $0 != ";" }
            operation.value = history.value(String(name))
            addWriteBeforeAll(of: operation.value, place)
        }
        guard let node else {
            history.append(operation)
            return
        }
        var detail = Detail()
        detail.node = history.node(node)
        history.append(operation, detail: detail)
    }

    /// A record that was loaded and never touched since has a write before the run.
    private mutating func addWriteBeforeAll(of value: ValueID, _ key: UInt32) {
        guard !value.isAbsent, written.insert(value).inserted else { return }
        earlier += 1
        history.append(
            Operation(
                process: UInt32(1 << 24) + earlier, key: key, kind: .write, outcome: .ok,
                value: value, invoked: -2, completed: -1))
    }
}
