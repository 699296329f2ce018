import Basics
import Consistency
import TestSupport
import Testing

/// Anomalies planted in long histories of a perfect store: found, named, and small.
@Suite struct PlantedAnomalyTests {
    /// A store of 20 keys that answers 8 processes at one moment of each operation.
    private func perfect(_ random: inout RandomSource, cas: Bool = false) -> [Operation] {
        var operations: [Operation] = []
        var current = [ValueID](repeating: .absent, count: 20)
        var sequence: UInt64 = 0
        for i in 0..<6_000 {
            let process = i % 8
            let key = random.below(20)
            // A round takes 100 ns, a turn 10 ns: neighbours overlap, a process never itself.
            let effect = Int64(i / 8) * 100 + Int64(process) * 10
            var operation = Operation(
                process: UInt32(process), key: UInt32(key), kind: .read, outcome: .ok,
                value: current[key], invoked: effect - Int64(random.below(UInt64(12))),
                completed: effect + Int64(random.below(UInt64(12))))
            if random.chance(1, in: 3) {
                sequence += 1
                operation.kind = cas && random.chance(1, in: 2) ? .cas : .write
                operation.expected = operation.kind == .cas ? current[key] : .absent
                operation.value = .write(process: UInt32(process), sequence: sequence)
                current[key] = operation.value
            }
            operations.append(operation)
        }
        return operations
    }

    private func history(_ operations: [Operation]) -> History {
        var history = History()
        for key in 0..<24 { _ = history.key("key\(key)") }
        for operation in operations { history.append(operation) }
        return history
    }

    private func check(_ operations: [Operation], _ model: Model) -> ModelReport {
        var options = CheckOptions()
        options.models = [model]
        return Checker.check(history(operations), options: options).models[0]
    }

    /// Adds operations behind the history, on key 3 and those after it, and expects the model to
    /// name what they are. Keys from 20 on have no other operations.
    private func plant(
        _ text: String, _ model: Model, _ anomaly: Anomaly, atMost size: Int, on key: UInt32 = 3
    ) {
        Seeds.forAll(2, "planted") { random in
            var operations = perfect(&random)
            let clean = check(operations, model)
            guard clean.verdict.word != "violated" else {
                Issue.record("the history without \(text) is good, but \(clean.verdict)")
                return false
            }
            for operation in terse(text).operations {
                var operation = operation
                operation.key += key
                operation.invoked += 1_000_000
                if operation.completed != Operation.never { operation.completed += 1_000_000 }
                func renamed(_ value: ValueID) -> ValueID {
                    value.isAbsent ? value : .write(process: 900, sequence: value.sequence)
                }
                operation.value = renamed(operation.value)
                operation.expected = renamed(operation.expected)
                operations.append(operation)
            }
            let report = check(operations, model)
            guard case .violated(let witness) = report.verdict else {
                Issue.record("\(model.name) misses \(text)")
                return false
            }
            let isRight =
                witness.anomaly == anomaly && witness.operations.count <= size
                && (key..<key + 3).contains(witness.key) && report.violatingKeys == 1
                && !witness.explanation.isEmpty
            if !isRight {
                Issue.record("\(text) is \(witness.anomaly) \(witness.operations)")
            }
            return isRight
        }
    }

    @Test func staleReadsAreNamed() {
        plant("w1[0,10] w2[20,30] r1[40,50]", .linearizable, .staleRead, atMost: 3)
        plant("w1[0,10] w2[20,30] r1[40,50]", .weakRegular, .staleRead, atMost: 3)
        plant("w1[0,10] w2[20,30] r1[40,50]", .regular, .staleRead, atMost: 3)
        plant("w1[0,1] w2[2,3] w3[4,5] r1[6,7]", .kAtomic(2), .tooStale, atMost: 4)
        plant("w1[0,1] w2[2,3] r1[40,50]", .deltaAtomic(5), .tooStale, atMost: 3)
    }

    @Test func inversionsAndImpossibleReadsAreNamed() {
        plant(
            "w1[0,5] r1[6,7] w2[10,50] r2[12,14] r1[16,18]", .linearizable, .newOldInversion,
            atMost: 4)
        plant("w1[0,5] r9[6,7]", .linearizable, .thinAir, atMost: 1)
        plant("r1[0,5] w1[10,20]", .linearizable, .futureRead, atMost: 2)
        plant("w1[0,5]! r1[6,7]", .linearizable, .abortedRead, atMost: 2)
    }

    @Test func compareAndSetAnomaliesAreNamed() {
        plant(
            "w1[0,5] c1>2[6,9] c1>3[7,10]", .linearizable, .doubleCas, atMost: 3)
        plant("w5[0,1] c1>2[6,9] c2>1[7,10]", .linearizable, .casCycle, atMost: 2)
    }

    @Test func deletesThatComeBackAreNamed() {
        plant(
            "w1[0,1] r1[2,3] d[4,5] r1[6,7]", .linearizable, .resurrectedDelete, atMost: 3)
    }

    @Test func whatTheLastReadsShowIsNamed() {
        plant("w1[0,5] w2[10,20] r1[30,40] r1[50,60]", .durable, .lostWrite, atMost: 3)
        plant(
            "w1[0,5] w2[0,5] r1@901[30,40] r2@902[32,42]", .convergent, .diverged, atMost: 2)
    }

    @Test func brokenSessionsAreNamed() {
        plant(
            "w1@900[0,5] r1@901[6,9] w2@901[10,20] r1@901[30,40]", .readYourWrites,
            .readYourWrites, atMost: 4)
        plant(
            "w1@900[0,5] w2@900[10,20] r2@902[30,40] r1@902[50,60]", .monotonicReads,
            .monotonicReads, atMost: 4)
        plant(
            "x:w1@900[0,1] x:w2@900[2,3] y:w3@900[4,5] y:r3@902[6,7] x:r1@902[8,9]",
            .monotonicWrites, .monotonicWrites, atMost: 5)
        plant(
            "x:w1@900[0,1] x:r1@901[2,3] x:w2@901[4,5] x:r2@902[6,7] y:w3@902[8,9] "
                + "y:r3@903[10,11] x:r1@903[12,13]", .writesFollowReads, .writesFollowReads,
            atMost: 7)
    }

    @Test func brokenCausalityIsNamed() {
        plant(
            "w1@900[0,5] r1@901[6,9] w2@901[10,20] r2@902[30,40] r1@902[50,60]", .causal,
            .writeRead, atMost: 5)
        plant(
            "x:w1@900[0,1] y:w2@900[2,3] y:r2@901[4,5] x:r0@901[6,7]", .causal, .writeReadInitial,
            atMost: 4, on: 20)
        plant(
            "x:w2@901[10,11] y:r1@901[0,9] y:w1@902[10,11] x:r2@902[0,9]", .causal,
            .cyclicCausality, atMost: 4)
        plant(
            "w1@900[0,1] w2@901[0,1] r1@902[2,3] r2@902[4,5] r2@903[2,3] r1@903[4,5]",
            .causalConvergent, .conflictCycle, atMost: 6)
    }

    @Test func writesThatReadersOrderInTwoWaysAreNamed() {
        plant(
            "w1[0,10] w2[0,10] r1[11,12] r2[13,14] r1[15,16]", .regular, .noOrder, atMost: 5)
    }

    @Test(arguments: [
        ([1, 2], [2], Anomaly.lostSibling), ([1, 2], [1, 2, 3], .coveredSibling),
    ])
    func brokenSiblingsAreNamed(_ first: [UInt64], _ last: [UInt64], _ anomaly: Anomaly) {
        Seeds.forAll(2, "planted siblings") { random in
            var history = history(perfect(&random))
            func add(
                _ kind: Operation.Kind, _ values: [UInt64], _ time: Int64, context: Int? = nil
            ) {
                var detail = Detail()
                detail.context = context.map { UInt32($0) }
                if kind == .read {
                    detail.siblings = values.map { .write(process: 900, sequence: $0) }
                }
                history.append(
                    Operation(
                        process: 900, key: 20, kind: kind, outcome: .ok,
                        value: .write(process: 900, sequence: values[0]),
                        invoked: 1_000_000 + time, completed: 1_000_001 + time), detail: detail)
            }
            add(.write, [1], 0)
            add(.write, [2], 2)
            add(.read, first, 4)
            if last.contains(3) { add(.write, [3], 6, context: history.count - 1) }
            add(.read, last, 8)
            var options = CheckOptions()
            options.models = [.multiValue]
            let report = Checker.check(history, options: options).models[0]
            return report.counterexample?.anomaly == anomaly && report.violatingKeys == 1
        }
    }

    /// Every kind of anomaly is planted by one of these tests.
    @Test func everyKindIsPlanted() {
        let planted: Set<Anomaly> = [
            .staleRead, .tooStale, .newOldInversion, .thinAir, .futureRead, .abortedRead,
            .doubleCas, .casCycle, .resurrectedDelete, .noOrder, .cyclicCausality,
            .writeReadInitial, .writeRead, .conflictCycle, .readYourWrites, .monotonicReads,
            .monotonicWrites, .writesFollowReads, .lostWrite, .diverged, .lostSibling,
            .coveredSibling,
        ]
        #expect(Anomaly.allCases.allSatisfy(planted.contains))
    }

    @Test func aLongHistoryOfCompareAndSetHolds() {
        Seeds.forAll(2, "long cas") { random in
            check(perfect(&random, cas: true), .linearizable).verdict.isHolding
        }
    }
}
