import Basics
import Consistency
import TestSupport
import Testing

/// The weaker register models spelled out over orders of a few operations with unique values.
private enum Definition {
    static func writes(_ operations: [Operation]) -> [Operation] {
        operations.filter { $0.kind == .write && $0.outcome != .fail }
    }

    static func reads(_ operations: [Operation]) -> [Operation] {
        operations.filter { $0.kind == .read }
    }

    /// A concurrent write, or one with no other wholly between it and the read.
    static func isWeaklyRegular(_ operations: [Operation]) -> Bool {
        reads(operations).allSatisfy { read in
            let acknowledged = writes(operations).filter { $0.outcome == .ok }
            if read.value.isAbsent { return !acknowledged.contains { $0.completed < read.invoked } }
            guard let write = writes(operations).first(where: { $0.value == read.value }) else {
                return false
            }
            return write.invoked <= read.completed
                && !acknowledged.contains {
                    write.completed < $0.invoked && $0.completed < read.invoked
                }
        }
    }

    /// One order of the writes in which every read fits alone.
    static func isRegular(_ operations: [Operation]) -> Bool {
        let reads = reads(operations)
        return orders(operations) { order in
            reads.allSatisfy { read in
                let own = order.firstIndex { $0.value == read.value } ?? -1
                if own < 0, !read.value.isAbsent { return false }
                let after = order.dropFirst(own + 1)
                return !after.contains { $0.completed < read.invoked }
                    && !order.prefix(own + 1).contains { $0.invoked > read.completed }
            }
        }
    }

    /// Some order of all operations in which each read returns one of the k latest values.
    static func isAtomic(within k: Int, _ operations: [Operation]) -> Bool {
        let relevant = operations.filter { $0.outcome != .fail }
        return place(relevant, [], [.absent], k)
    }

    private static func place(
        _ operations: [Operation], _ done: Set<Int>, _ values: [ValueID], _ k: Int
    ) -> Bool {
        let left = operations.indices.filter { !done.contains($0) }
        if left.allSatisfy({ operations[$0].outcome == .unknown }) { return true }
        for i in left
        where !left.contains(where: { operations[$0].completed < operations[i].invoked }) {
            if operations[i].kind == .read {
                guard values.suffix(k).contains(operations[i].value) else { continue }
                if place(operations, done.union([i]), values, k) { return true }
            } else if place(operations, done.union([i]), values + [operations[i].value], k) {
                return true
            }
        }
        return false
    }

    private static func orders(
        _ operations: [Operation], _ passes: ([Operation]) -> Bool
    ) -> Bool {
        func extend(_ order: [Operation], _ rest: [Operation]) -> Bool {
            if rest.allSatisfy({ $0.outcome == .unknown }), passes(order) { return true }
            for (i, next) in rest.enumerated()
            where !rest.contains(where: { $0.completed < next.invoked }) {
                var others = rest
                others.remove(at: i)
                if extend(order + [next], others) { return true }
            }
            return false
        }
        return extend([], writes(operations))
    }
}

@Suite struct RegisterModelTests {
    private func verdict(_ model: Model, _ history: History) -> Verdict {
        var options = CheckOptions()
        options.models = [model]
        options.measuresStaleness = false
        return Checker.check(history, options: options).models[0].verdict
    }

    private func agrees(
        _ model: Model, _ random: inout RandomSource, _ mix: Mix,
        _ definition: ([Operation]) -> Bool
    ) -> Bool {
        let history = randomHistory(mix, &random)
        let truth = definition(Array(history.operations))
        let verdict = verdict(model, history)
        if case .inconclusive(let why) = verdict {
            Issue.record("\(model.name): \(why): \(describe(history))")
            return false
        }
        if case .violated(let witness) = verdict, !truth,
            definition(part(history, witness.operations)), witness.anomaly != .abortedRead
        {
            Issue.record("\(model.name): legal witness \(witness.operations): \(describe(history))")
            return false
        }
        if verdict.isHolding != truth {
            Issue.record("\(model.name) should be \(truth): \(describe(history))")
        }
        return verdict.isHolding == truth
    }

    @Test(arguments: Golden.all)
    func aGoldenHistoryGetsItsWeakerVerdicts(_ golden: Golden) {
        let history = terse(golden.text)
        #expect(verdict(.regular, history).isHolding == golden.isRegular)
        #expect(verdict(.weakRegular, history).isHolding == golden.isWeaklyRegular)
        for k in 1...4 {
            #expect(verdict(.kAtomic(k), history).isHolding == (golden.k <= k), "k = \(k)")
        }
        #expect(verdict(.deltaAtomic(golden.delta), history).isHolding || golden.delta > 1 << 62)
        if golden.delta > 0 {
            #expect(verdict(.deltaAtomic(golden.delta - 1), history).isViolated)
        }
    }

    @Test func weakRegularityAgreesWithItsDefinition() {
        Seeds.forAll(cases(2_000), "weak regularity") { random in
            agrees(.weakRegular, &random, Mix(writes: 5, unknown: 2)) {
                Definition.isWeaklyRegular($0)
            }
        }
    }

    @Test func regularityAgreesWithItsDefinition() {
        Seeds.forAll(cases(1_500), "regularity") { random in
            agrees(.regular, &random, Mix(writes: 5, unknown: 2)) { Definition.isRegular($0) }
        }
    }

    @Test(arguments: [2, 3])
    func kAtomicityAgreesWithItsDefinition(_ k: Int) {
        Seeds.forAll(cases(1_000), "k-atomicity") { random in
            agrees(.kAtomic(k), &random, Mix(writes: 6, unknown: 1)) {
                Definition.isAtomic(within: k, $0)
            }
        }
    }

    @Test func anAcknowledgedWriteThatNoFinalReadShowsIsLost() {
        #expect(verdict(.durable, terse("w1[0,1] w2[2,3] r1[9,10]")).isViolated)
        #expect(verdict(.durable, terse("w1[0,1] w2[2,3] r1[9,10] r2[11,12]")).isHolding)
        #expect(verdict(.durable, terse("w1[0,1] w2[2,inf] r1[9,10]")).isHolding)
        #expect(verdict(.durable, terse("w1[0,1] d[2,3] r0[9,10]")).isHolding)
        #expect(verdict(.durable, terse("w1[0,1] r0[9,10]")).isViolated)
    }

    @Test func lastReadsThatDifferHaveNotConverged() {
        #expect(verdict(.convergent, terse("w1[0,1] w2[0,3] r1@1[9,10] r2@2[9,10]")).isViolated)
        #expect(
            verdict(.convergent, terse("w1[0,1] w2[0,3] r1@1[9,10] r2@2[9,10] r2@1[11,12]"))
                .isHolding)
    }
}
