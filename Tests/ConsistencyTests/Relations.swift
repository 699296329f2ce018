import Consistency

/// The models that span keys, spelled out with relations as tables.
struct Relations {
    let operations: [Operation]
    /// Session order; an operation with an unknown outcome comes before nothing.
    private var sessions: [[Bool]]
    /// Causal order: the transitive closure of session order and reads-from.
    private(set) var causal: [[Bool]]
    /// By operation that shows a value: the write that gave it, −2 the initial value, −1 nobody.
    private let writer: [Int]

    /// Every way in which the values of a history can have come about: one, unless values repeat.
    static func all(_ history: History) -> [Relations] {
        let operations = Array(history.operations).filter {
            $0.outcome == .ok || ($0.outcome == .unknown && $0.kind != .read)
        }
        var choices: [[Int]] = [[]]
        for operation in operations {
            let own = sources(of: operation, operations)
            choices = choices.flatMap { choice in own.map { choice + [$0] } }
        }
        return choices.map { Relations(operations, $0) }
    }

    static func shown(_ operation: Operation) -> ValueID? {
        guard operation.outcome == .ok else { return nil }
        switch operation.kind {
        case .read: return operation.value
        case .cas: return operation.expected
        case .write, .delete: return nil
        }
    }

    private static func sources(
        of operation: Operation, _ all: [Operation]
    ) -> [Int] {
        guard let value = shown(operation) else { return [-3] }
        var found = all.indices.filter {
            all[$0].kind != .read && all[$0].key == operation.key && all[$0].value == value
        }
        if value.isAbsent { found.append(-2) }
        return found.isEmpty ? [-1] : found
    }

    private init(_ all: [Operation], _ writer: [Int]) {
        operations = all
        self.writer = writer
        let n = all.count
        sessions = Array(repeating: Array(repeating: false, count: n), count: n)
        for i in 0..<n {
            for j in 0..<n where all[i].process == all[j].process && all[i].outcome == .ok {
                if (all[i].invoked, i) < (all[j].invoked, j) { sessions[i][j] = true }
            }
        }
        var edge = sessions
        for i in 0..<n where writer[i] >= 0 { edge[writer[i]][i] = true }
        causal = Relations.closure(edge)
    }

    static func closure(_ edge: [[Bool]]) -> [[Bool]] {
        var edge = edge
        for k in edge.indices {
            for i in edge.indices where edge[i][k] {
                for j in edge.indices where edge[k][j] { edge[i][j] = true }
            }
        }
        return edge
    }

    /// Writes of a reader's key other than the one that it shows.
    private func rivals(of reader: Int) -> [Int] {
        operations.indices.filter {
            operations[$0].kind != .read && operations[$0].key == operations[reader].key
                && $0 != writer[reader] && $0 != reader
        }
    }

    private var readers: [Int] { operations.indices.filter { writer[$0] > -3 } }

    var isCausal: Bool {
        let n = operations.indices
        if n.contains(where: { causal[$0][$0] }) { return false }
        for r in readers {
            if writer[r] == -1 { return false }
            for w in rivals(of: r) where causal[w][r] {
                if writer[r] == -2 || causal[writer[r]][w] { return false }
            }
        }
        return true
    }

    var isConvergent: Bool {
        guard isCausal else { return false }
        var edge = causal
        for r in readers where writer[r] >= 0 {
            for w in rivals(of: r) where causal[w][r] { edge[w][writer[r]] = true }
        }
        let closed = Relations.closure(edge)
        return !operations.indices.contains { closed[$0][$0] }
    }

    /// Whether one of the four session guarantees is kept: no read shows a value that is causally
    /// older than a write which comes before the read in the way that the guarantee names.
    func keeps(_ model: Model) -> Bool {
        for r in readers where writer[r] != -1 {
            for w in rivals(of: r) where writer[r] == -2 || causal[writer[r]][w] {
                if isSeen(w, r, model) { return false }
            }
        }
        return true
    }

    private func isSeen(_ w: Int, _ r: Int, _ model: Model) -> Bool {
        let n = operations.indices
        switch model {
        case .readYourWrites: return sessions[w][r]
        case .monotonicReads: return n.contains { writer[$0] == w && sessions[$0][r] }
        default:
            // The later write of another process, and the read that saw it.
            return n.contains { later in
                operations[later].process != operations[r].process
                    && n.contains { writer[$0] == later && sessions[$0][r] }
                    && (model == .monotonicWrites
                        ? sessions[w][later]
                        : n.contains { writer[$0] == w && sessions[$0][later] })
            }
        }
    }

    /// Some interleaving of the sessions gives every read its value.
    var isSequential: Bool {
        var seen = Set<[UInt64]>()
        return extend(0, [:], &seen)
    }

    private func extend(
        _ done: UInt64, _ values: [UInt32: ValueID], _ seen: inout Set<[UInt64]>
    ) -> Bool {
        let n = operations.indices
        if n.allSatisfy({ done >> UInt64($0) & 1 == 1 || operations[$0].outcome == .unknown }) {
            return true
        }
        let keys = (0..<4).map { (values[$0] ?? .absent).raw }
        guard seen.insert([done] + keys).inserted else { return false }
        for i in n where done >> UInt64(i) & 1 == 0 {
            let isBlocked = n.contains {
                done >> UInt64($0) & 1 == 0 && sessions[$0][i]
            }
            if isBlocked { continue }
            let key = operations[i].key
            guard
                let next = BruteForce.apply(operations[i], to: values[key] ?? .absent)
            else { continue }
            var grown = values
            grown[key] = next
            if extend(done | 1 << UInt64(i), grown, &seen) { return true }
        }
        return false
    }
}
