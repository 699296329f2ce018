/// Linearizability of unique writes that several clocks timed, each within the clock error of true
/// time: a precedes b iff the same clock says so, or any two clocks do by more than twice the
/// error. Widening every interval keeps only the latter.
///
/// Clusters are compared once by each clock alone, once by all of them widened. Pairs do not
/// suffice then: three clusters on three machines can form a cycle. So clusters that nothing must
/// precede are taken away until none is left; what stays contains a cycle. O(c m log m) for c
/// clocks.
extension KeyWork {
    /// What the clocks together refute, or nil; the key must pass the test by zones.
    func clockViolation() -> Core? {
        let clocks = clocksSeen()
        guard clockError > 0, !clocks.isEmpty else { return nil }
        if let read = futureReadOfOneClock() {
            return Core(members: withWriters([read]), anomaly: .futureRead, isFinished: true)
        }
        let alive = (0..<clusterCount).filter(isAlive)
        var relations = clocks.map { clock in times(of: alive) { $0.clock == clock } }
        relations.append(
            (
                alive.map { clusters.base[$0].earliestFinish },
                alive.map { clusters.base[$0].latestStart }
            ))
        var peeling = Peeling(count: alive.count)
        for relation in relations { peeling.relate(finish: relation.finish, start: relation.start) }
        let rest = peeling.peel()
        guard !rest.isEmpty else { return nil }
        let cycle = KeyWork.cycle(among: rest, relations)
        return Core(members: members(of: cycle.map { Int32(alive[$0]) }), anomaly: .noOrder)
    }

    private func clocksSeen() -> [UInt8] {
        var isSeen = [Bool](repeating: false, count: 256)
        for i in 0..<count { isSeen[Int(operations.base[i].clock)] = true }
        return (1...255).filter { isSeen[Int($0)] }
    }

    /// Times as one clock showed them.
    private func recorded(_ operation: KeyOperation) -> (start: Int64, finish: Int64) {
        let finish = operation.finish
        return (
            operation.start + clockError, finish == Operation.never ? finish : finish - clockError
        )
    }

    private func futureReadOfOneClock() -> Int32? {
        for i in 0..<count where operations.base[i].kind == .read {
            let place = clusterOf.base[i]
            guard place >= 0, clusters.base[Int(place)].writer >= 0 else { continue }
            let write = operations.base[Int(clusters.base[Int(place)].writer)]
            let read = operations.base[i]
            if read.clock != 0, read.clock == write.clock,
                recorded(read).finish < recorded(write).start
            {
                return Int32(i)
            }
        }
        return nil
    }

    /// By cluster the smallest completion and the largest invocation of some of its operations.
    private func times(
        of alive: [Int], _ isIncluded: (KeyOperation) -> Bool
    ) -> (finish: [Int64], start: [Int64]) {
        var finish = [Int64](repeating: Operation.never, count: clusterCount)
        var start = [Int64](repeating: KeyWork.beginning, count: clusterCount)
        for i in 0..<count {
            let place = Int(clusterOf.base[i])
            guard place >= 0, isIncluded(operations.base[i]) else { continue }
            let times = recorded(operations.base[i])
            finish[place] = min(finish[place], times.finish)
            start[place] = max(start[place], times.start)
        }
        return (alive.map { finish[$0] }, alive.map { start[$0] })
    }

    /// A cycle among elements each of which some other one must precede.
    private static func cycle(
        among rest: [Int], _ relations: [(finish: [Int64], start: [Int64])]
    ) -> [Int] {
        // By relation the two elements that finish first.
        let least = relations.map { relation -> (Int, Int) in
            var pair = (rest[0], rest[0])
            for element in rest where relation.finish[element] < relation.finish[pair.0] {
                pair.0 = element
            }
            if pair.1 == pair.0, let other = rest.first(where: { $0 != pair.0 }) { pair.1 = other }
            for element in rest
            where element != pair.0 && relation.finish[element] < relation.finish[pair.1] {
                pair.1 = element
            }
            return pair
        }
        var walk = [rest[0]]
        while true {
            let current = walk[walk.count - 1]
            var before = current
            for (relation, pair) in zip(relations, least) {
                let first = pair.0 == current ? pair.1 : pair.0
                if first != current, relation.finish[first] < relation.start[current] {
                    before = first
                    break
                }
            }
            precondition(before != current, "what cannot be taken away has a predecessor")
            if let place = walk.firstIndex(of: before) { return Array(walk[place...]) }
            walk.append(before)
        }
    }
}
