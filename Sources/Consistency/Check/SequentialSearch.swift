/// Sequential consistency of a whole history by a search over interleavings, capped: the problem
/// is NP-complete (Gibbons and Korach 1997).
///
/// A state is how far each session has come, which unknown writes have taken effect, and the value
/// of every key. Reads that fit are taken at once, which never hurts.
struct SequentialSearch {
    private let history: History
    private let sessions: SessionOrder
    private let budget: Budget
    private let start: [ValueID]
    private let prose: Prose

    /// Most operations a search is tried on; a state holds every key's value.
    static let maximumOperations = 5_000

    init(_ checker: Checker, _ sessions: SessionOrder) {
        history = checker.history
        self.sessions = sessions
        budget = checker.options.budget
        prose = checker.prose
        var initial = ValueID.absent
        if case .value(let value) = checker.options.initial { initial = value }
        start = Array(repeating: initial, count: checker.keyCount)
    }

    private struct State: Hashable {
        var places: [Int]
        /// Unknown writes that were passed by and have not taken effect.
        var pending: [UInt32]
        var values: [ValueID]
    }

    mutating func run() -> Verdict {
        guard history.count <= SequentialSearch.maximumOperations else {
            return .inconclusive(
                "the history has more than \(SequentialSearch.maximumOperations) operations")
        }
        guard !history.operations.contains(where: { $0.flags.contains(.append) }) else {
            return .inconclusive("the history has appends")
        }
        let began = budget.now()
        var stack = [
            State(
                places: Array(repeating: 0, count: sessions.operations.count), pending: [],
                values: start)
        ]
        var seen = Set<State>()
        var bytes = 0
        while var state = stack.popLast() {
            advance(&state)
            if isDone(state) { return .holds }
            guard seen.insert(state).inserted else { continue }
            bytes += 64 + state.places.count * 8 + state.values.count * 8 + state.pending.count * 4
            let now = seen.count & 63 == 0 ? budget.now() : 0
            if bytes > budget.memory || now > budget.deadline
                || (now > began && now - began > budget.perKey)
            {
                return .inconclusive("the search for an interleaving reached its limits")
            }
            expand(state, &stack)
        }
        let all = sessions.operations.joined().map { Int($0) }
        return .violated(
            Witness(
                key: history.operations[all.first ?? 0].key, anomaly: .noOrder, operations: all,
                explanation: "No interleaving of the processes gives every read its value."))
    }

    private func next(_ state: State, _ session: Int) -> UInt32? {
        let operations = sessions.operations[session]
        return state.places[session] < operations.count ? operations[state.places[session]] : nil
    }

    private func isDone(_ state: State) -> Bool {
        state.places.indices.allSatisfy { next(state, $0) == nil }
    }

    private func advance(_ state: inout State) {
        var changed = true
        while changed {
            changed = false
            for session in state.places.indices {
                while let index = next(state, session) {
                    let operation = history.operations[Int(index)]
                    if operation.outcome == .unknown {
                        state.pending.append(index)
                        state.pending.sort()
                    } else if operation.kind != .read
                        || operation.value != state.values[Int(operation.key)]
                    {
                        break
                    }
                    state.places[session] += 1
                    changed = true
                }
            }
        }
    }

    private func expand(_ state: State, _ stack: inout [State]) {
        func applied(_ index: UInt32) -> State? {
            let operation = history.operations[Int(index)]
            if operation.kind == .cas, operation.expected != state.values[Int(operation.key)] {
                return nil
            }
            var grown = state
            grown.values[Int(operation.key)] = operation.value
            return grown
        }
        for (i, index) in state.pending.enumerated() {
            guard var grown = applied(index) else { continue }
            grown.pending.remove(at: i)
            stack.append(grown)
        }
        for session in state.places.indices {
            guard let index = next(state, session),
                history.operations[Int(index)].kind != .read, var grown = applied(index)
            else { continue }
            grown.places[session] += 1
            stack.append(grown)
        }
    }
}
