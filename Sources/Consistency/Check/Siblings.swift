/// Multi-value registers (Burckhardt, Gotsman, Yang and Zawirski 2014): a read returns the values
/// of the visible writes that no other visible write supersedes.
///
/// What a write supersedes follows from the read whose context it carried, without trusting the
/// server: that read's siblings and all that they supersede. A write without a context supersedes
/// nothing.
struct Siblings {
    private let history: History
    /// Operations of one key, by invocation.
    private let operations: [Int]
    private var writer: [ValueID: Int] = [:]
    /// By write: every write in the causal past of its context.
    private var superseded: [Int: Set<Int>] = [:]

    /// Most operations of a key that are judged; sets of superseded writes are held in full.
    static let maximumOperations = 20_000

    /// Nil for a key without sibling sets.
    init?(_ history: History, _ recorded: UnsafeBufferPointer<KeyOperation>) {
        guard !history.details.isEmpty else { return nil }
        let all = recorded.map { Int($0.index) }
        guard
            all.contains(where: {
                !(history.detail(of: $0)?.siblings.isEmpty ?? true)
                    || history.detail(of: $0)?.context != nil
            })
        else { return nil }
        self.history = history
        operations = all.sorted {
            (history.operations[$0].invoked, $0) < (history.operations[$1].invoked, $1)
        }
    }

    enum Answer {
        case holds
        case violated(Anomaly, [Int], String)
        case inconclusive(String)
    }

    private func siblings(_ read: Int) -> [ValueID] {
        if let list = history.detail(of: read)?.siblings, !list.isEmpty { return list }
        let value = history.operations[read].value
        return value.isAbsent ? [] : [value]
    }

    /// Judges every read: no sibling from nowhere or from a failed write, none that another one
    /// supersedes, and every write acknowledged before the read is returned or superseded by what
    /// is returned.
    mutating func judge() -> Answer {
        guard operations.count <= Siblings.maximumOperations else {
            return .inconclusive("the key has more than \(Siblings.maximumOperations) operations")
        }
        for index in operations
        where history.operations[index].kind == .write
            && writer.updateValue(index, forKey: history.operations[index].value) != nil
        {
            return .inconclusive("values repeat")
        }
        for index in operations where history.operations[index].kind != .read {
            superseded[index] = context(of: index)
        }
        for read in operations
        where history.operations[read].kind == .read && history.operations[read].outcome == .ok {
            if let answer = judge(read) { return answer }
        }
        return .holds
    }

    /// Writes come by invocation, so that what a context holds has its own set already.
    private func context(of write: Int) -> Set<Int> {
        var result = Set<Int>()
        guard let read = history.detail(of: write)?.context, Int(read) < history.count,
            history.operations[Int(read)].key == history.operations[write].key
        else { return result }
        for value in siblings(Int(read)) {
            guard let source = writer[value], source != write else { continue }
            result.insert(source)
            result.formUnion(superseded[source] ?? [])
        }
        return result
    }

    private func judge(_ read: Int) -> Answer? {
        var cover = Set<Int>()
        var returned: [Int] = []
        for value in siblings(read) {
            guard let source = writer[value] else {
                return .violated(.thinAir, [read], "returned a sibling that nobody wrote")
            }
            if history.operations[source].outcome == .fail {
                return .violated(
                    .abortedRead, [source, read], "returned the sibling of a failed write")
            }
            if history.operations[source].invoked > history.operations[read].completed {
                return .violated(
                    .futureRead, [read, source], "returned a sibling before it was written")
            }
            returned.append(source)
            cover.insert(source)
            cover.formUnion(superseded[source] ?? [])
        }
        for old in returned {
            if let new = returned.first(where: { superseded[$0]?.contains(old) ?? false }) {
                return .violated(
                    .coveredSibling, [old, new, read],
                    "returned a sibling together with one that supersedes it")
            }
        }
        return missing(read, cover)
    }

    private func missing(_ read: Int, _ cover: Set<Int>) -> Answer? {
        let start = history.operations[read].invoked
        // A delete supersedes what its context held; what else was acknowledged must be there.
        let deleted = operations.filter {
            history.operations[$0].kind == .delete && history.operations[$0].outcome != .fail
                && history.operations[$0].invoked <= history.operations[read].completed
        }.reduce(into: Set<Int>()) { $0.formUnion(superseded[$1] ?? []) }
        let unknown = operations.filter {
            history.operations[$0].kind == .write && history.operations[$0].outcome == .unknown
        }.reduce(into: Set<Int>()) { $0.formUnion(superseded[$1] ?? []) }
        for write in operations
        where history.operations[write].kind == .write
            && history.operations[write].outcome == .ok
            && history.operations[write].completed < start
            && !cover.contains(write) && !deleted.contains(write) && !unknown.contains(write)
        {
            let isSuperseded = operations.contains {
                history.operations[$0].kind == .write
                    && history.operations[$0].invoked <= history.operations[read].completed
                    && history.operations[$0].completed >= start
                    && superseded[$0]?.contains(write) ?? false
            }
            if isSuperseded { continue }
            return .violated(
                .lostSibling, [write, read],
                "neither returned nor superseded an acknowledged write")
        }
        return nil
    }
}
