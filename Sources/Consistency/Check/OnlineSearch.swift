/// One key of a growing history whose values repeat, or that has compare-and-set or deletes:
/// invocations and completions are given to a search in order of time, as far as the mark allows.
final class OnlineSearch {
    /// A completion that is not yet behind the mark, or behind the next invocation.
    private struct Completion {
        var time: Int64
        var slot: Int
        var operation: Operation
    }

    private let states: JustInTime
    /// By time, latest first.
    private var completions: ContiguousArray<Completion> = []
    private var failed: Set<ValueID> = []
    private var wasReleased: (ValueID) -> Bool = { _ in false }
    /// Earlier values that a read has shown.
    private var shown: Set<ValueID> = []

    init(initial: [ValueID], budget: Budget) {
        states = JustInTime(initial: initial.map(\.raw), names: NameTable(), budget: budget)
    }

    var isOpen: Bool { !completions.isEmpty }
    var held: Int { completions.count + failed.count + states.count }

    /// A value that may be written once at any time from now on, or never.
    func allow(_ value: ValueID, since start: Int64) {
        _ = states.invoke(
            KeyOperation(
                value: value, start: start, finish: Operation.never, index: 0, kind: .write,
                outcome: .unknown, flags: []), expected: .absent)
    }

    /// What was known of the key before: values of failed writes, and which ones were released.
    func note(failed: Set<ValueID>, released: @escaping (ValueID) -> Bool) {
        self.failed = failed
        wasReleased = released
    }

    /// Takes the next operation by invocation.
    func release(
        _ operation: Operation, _ isEarlier: (ValueID) -> Bool
    ) -> OnlineKey.Finding {
        // At equal times invocations come first.
        let finding = complete(before: operation.invoked)
        if case .none = finding {} else { return finding }
        if operation.outcome == .fail {
            if operation.kind == .write || operation.kind == .cas {
                failed.insert(operation.value)
            }
            guard operation.flags.contains(.refuted) else { return .none }
        }
        if operation.kind == .read {
            guard operation.outcome == .ok else { return .none }
            if isEarlier(operation.value), !wasReleased(operation.value),
                shown.insert(operation.value).inserted
            {
                allow(operation.value, since: .min)
            }
        }
        open(operation)
        return .none
    }

    func open(_ operation: Operation) {
        let isOpen = operation.outcome == .unknown || operation.completed == Operation.never
        let slot = states.invoke(
            KeyOperation(
                value: operation.value, start: operation.invoked,
                finish: isOpen ? Operation.never : operation.completed, index: 0,
                kind: operation.kind, outcome: operation.outcome, flags: operation.flags),
            expected: operation.expected)
        guard !isOpen else { return }
        let completion = Completion(time: operation.completed, slot: slot, operation: operation)
        var place = completions.count
        while place > 0, completions[place - 1].time < completion.time { place -= 1 }
        completions.insert(completion, at: place)
    }

    /// Everything invoked before the mark is known, so that what completed before it can be judged.
    func advance(to mark: Int64) -> OnlineKey.Finding { complete(before: mark) }

    private func complete(before time: Int64) -> OnlineKey.Finding {
        while let next = completions.last, next.time < time {
            completions.removeLast()
            switch states.complete(next.slot) {
            case .possible: continue
            case .impossible:
                let isAborted =
                    next.operation.kind == .read && failed.contains(next.operation.value)
                return .violated(isAborted ? .abortedRead : .noOrder, next.operation, nil)
            case .exhausted: return .undecided
            }
        }
        return .none
    }
}
