/// The linearizability of one gathered key by search: for values that repeat, chains of cas with
/// deletes, appends.
struct Search {
    enum Outcome {
        case holds
        /// No order fits; the position of the operation at whose completion none was left.
        case violated(Int32)
        /// A cap was reached after this many completions out of `total` had been verified.
        case exhausted(String, verified: Int, total: Int)
    }

    private struct Event {
        var time: Int64
        var isReturn: Bool
        var position: Int32
    }

    private let work: KeyWork
    private let budget: Budget

    /// The failed comparisons that say something; nil for all.
    private let refuted: Set<Int32>?

    init(_ work: KeyWork, budget: Budget, refuted: [Int32]? = nil) {
        self.work = work
        self.budget = budget
        self.refuted = refuted.map { Set($0) }
    }

    /// Runs to the end, or to the first impossible completion, or to a cap.
    func run() -> Outcome {
        var initial: UInt64 = 0
        if case .value(let value) = work.initial { initial = value.raw }
        if work.initial == .unknown { initial = work.clusters.base[0].value.raw }
        let states = JustInTime(initial: [initial], names: work.values, budget: budget)
        let events = schedule()
        var slots = [Int32](repeating: -1, count: work.count)
        let total = events.lazy.filter(\.isReturn).count
        var verified = 0
        for event in events {
            let position = Int(event.position)
            guard event.isReturn else {
                let slot = states.invoke(
                    work.operations.base[position], expected: work.expected(event.position))
                slots[position] = Int32(truncatingIfNeeded: slot)
                continue
            }
            switch states.complete(Int(slots[position])) {
            case .possible: verified += 1
            case .impossible: return .violated(event.position)
            case .exhausted(let cap):
                return .exhausted(cap, verified: verified, total: total)
            }
        }
        return .holds
    }

    private func schedule() -> [Event] {
        var events: [Event] = []
        for position in relevant() {
            let operation = work.operations.base[Int(position)]
            events.append(Event(time: operation.start, isReturn: false, position: position))
            if operation.finish != Operation.never {
                events.append(Event(time: operation.finish, isReturn: true, position: position))
            }
        }
        // At equal times invocations come first: touching operations are concurrent.
        events.sort {
            ($0.time, $0.isReturn ? 1 : 0, $0.position)
                < ($1.time, $1.isReturn ? 1 : 0, $1.position)
        }
        return events
    }

    /// Everything but failed operations and unknown ones that no one can have seen.
    private func relevant() -> [Int32] {
        let operations = work.operations.base
        let all = (0..<Int32(work.count)).filter {
            if operations[Int($0)].outcome != .fail { return true }
            return operations[Int($0)].flags.contains(.refuted) && refuted?.contains($0) ?? true
        }
        if work.profile.refuted > 0 || work.profile.appends > 0 { return all }
        var wanted = Set<ValueID>()
        for position in all where operations[Int(position)].outcome == .ok {
            if let value = wants(position) { wanted.insert(value) }
        }
        var kept = Set<Int32>()
        var changed = true
        while changed {
            changed = false
            for position in all where operations[Int(position)].outcome == .unknown {
                guard wanted.contains(operations[Int(position)].value),
                    kept.insert(position).inserted
                else { continue }
                changed = true
                if let value = wants(position) { wanted.insert(value) }
            }
        }
        return all.filter { operations[Int($0)].outcome != .unknown || kept.contains($0) }
    }

    /// The value that an operation must find.
    private func wants(_ position: Int32) -> ValueID? {
        let operation = work.operations.base[Int(position)]
        switch operation.kind {
        case .read: return operation.value
        case .cas: return operation.outcome == .fail ? nil : work.expected(position)
        case .write, .delete: return nil
        }
    }
}
