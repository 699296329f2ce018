/// Durability and convergence: what is left when the writers have stopped.
///
/// The final reads are those that are marked; without any mark on the key, those that began after
/// every write of the key had finished (unknown writes: had begun).
extension KeyWork {
    func finalReads() -> [Int32] {
        let operations = operations.base
        let reads = (0..<Int32(count)).filter { operations[Int($0)].kind == .read }
        let marked = reads.filter { operations[Int($0)].flags.contains(.final) }
        if !marked.isEmpty { return marked }
        var end = KeyWork.beginning
        for i in 0..<count where operations[i].isEffectiveWrite {
            let isUnknown = operations[i].finish == Operation.never
            end = max(end, isUnknown ? operations[i].start : operations[i].finish)
        }
        return reads.filter { operations[Int($0)].start > end }
    }

    /// A lost acknowledged write: every final read returned a value that had certainly been
    /// overwritten. The witness is the last of them, with the write that is missing.
    func lostWrite(_ order: WriteOrder) -> Core? {
        let finals = finalReads().sorted {
            (operations.base[Int($0)].start, $0) < (operations.base[Int($1)].start, $1)
        }
        guard let last = finals.last else { return nil }
        let candidates = Candidates(self)
        for read in finals where !isOverwritten(read, candidates, order) { return nil }
        let written = written(last, candidates) ?? KeyWork.beginning
        let start = operations.base[Int(last)].start
        let missing = order.positions[order.first(startingAfter: written)...].last {
            operations.base[Int($0)].finish < start
        }
        var members = writers(of: operations.base[Int(last)].value)
        if let missing { members.append(missing) }
        return Core(members: members + [last], anomaly: .lostWrite, isFinished: true)
    }

    private func written(_ read: Int32, _ candidates: Candidates) -> Int64? {
        let operation = operations.base[Int(read)]
        return candidates.written(operation.value, before: operation.finish)
    }

    private func isOverwritten(
        _ read: Int32, _ candidates: Candidates, _ order: WriteOrder
    ) -> Bool {
        let operation = operations.base[Int(read)]
        let place = clusterOf.base[Int(read)]
        let isInitial = place == 0 || (operation.value.isAbsent && initial == .absent)
        guard let finish = written(read, candidates) ?? (isInitial ? KeyWork.beginning : nil)
        else { return false }
        return finish != Operation.never && operation.start > order.obsolete(after: finish)
    }

    enum Convergence {
        case agreed
        case diverged(Int32, Int32)
        /// No read that counts, or an unknown write that may explain the difference.
        case unknown(String)
    }

    /// Whether the last final read of every process (of every node, when the history names nodes)
    /// returned the same value.
    func convergence(node: (Int) -> UInt32?) -> Convergence {
        var last: [UInt64: Int32] = [:]
        let finals = finalReads().sorted {
            (operations.base[Int($0)].start, $0) < (operations.base[Int($1)].start, $1)
        }
        guard let newest = finals.last else { return .unknown("no key has final reads") }
        for read in finals {
            let observer =
                node(index(read)).map { 1 << 32 | UInt64($0) }
                ?? UInt64(source[index(read)].process)
            last[observer] = read
        }
        let answers = last.values.sorted {
            (operations.base[Int($0)].start, $0) < (operations.base[Int($1)].start, $1)
        }
        let value = operations.base[Int(newest)].value
        guard let other = answers.first(where: { operations.base[Int($0)].value != value }) else {
            return .agreed
        }
        let isMarked = operations.base[Int(newest)].flags.contains(.final)
        let mayChange = (0..<count).contains {
            operations.base[$0].isEffectiveWrite && operations.base[$0].finish == Operation.never
        }
        if mayChange, !isMarked {
            return .unknown("a write with an unknown outcome may explain different last reads")
        }
        return .diverged(other, newest)
    }
}
