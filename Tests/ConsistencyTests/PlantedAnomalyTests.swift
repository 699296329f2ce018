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
        for key in 0..<20 { _ = history.key("key\(key)") }
        for operation in operations { history.append(operation) }
        return history
    }

    private func check(_ operations: [Operation], _ model: Model) -> ModelReport {
        var options = CheckOptions()
        options.models = [model]
        return Checker.check(history(operations), options: options).models[0]
    }

    /// Adds operations behind the history, on key 3, and expects the model to name what they are.
    private func plant(
        _ text: String, _ model: Model, _ anomaly: Anomaly, atMost size: Int
    ) {
        Seeds.forAll(cases(2), "planted") { random in
            var operations = perfect(&random)
            let clean = check(operations, model)
            guard clean.verdict.word != "violated" else {
                Issue.record("the history without \(text) is good, but \(clean.verdict)")
                return false
            }
            for operation in terse(text).operations {
                var operation = operation
                operation.key = 3
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
                && witness.key == 3 && report.violatingKeys == 1
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
            "w1@900[0,5] w2@901[10,20] r1@901[30,40]", .readYourWrites, .readYourWrites,
            atMost: 3)
        plant(
            "w1@900[0,5] w2@901[10,20] r2@902[30,40] r1@902[50,60]", .monotonicReads,
            .monotonicReads, atMost: 4)
        plant(
            "w1@900[0,5] r1@901[6,9] w2@901[10,20] r2@902[30,40] r1@902[50,60]", .causal,
            .writeRead, atMost: 5)
    }

    @Test func aLongHistoryOfCompareAndSetHolds() {
        Seeds.forAll(cases(2), "long cas") { random in
            check(perfect(&random, cas: true), .linearizable).verdict.isHolding
        }
    }

    // MARK: Separation

    private func verdict(_ text: String, _ model: Model) -> String {
        var options = CheckOptions()
        options.models = [model]
        return Checker.check(terse(text), options: options).models[0].verdict.word
    }

    /// A history, the model that rejects it, and models that allow it.
    struct Separation: Sendable {
        let text: String
        let rejects: Model
        let allows: [Model]

        init(_ text: String, _ rejects: Model, _ allows: [Model]) {
            self.text = text
            self.rejects = rejects
            self.allows = allows
        }
    }

    private static let separations: [Separation] = [
        Separation("w1@1[0,22] r1@2[2,4] r0@3[6,8]", .linearizable, [.regular, .sequential]),
        Separation(
            "w1@1[0,10] w2@2[0,10] r1@3[11,12] r2@4[13,14] r1@5[15,16]", .regular, [.weakRegular]),
        Separation(
            "w1@1[0,1] w2@1[2,3] r1@2[4,5]", .weakRegular, [.sequential, .kAtomic(2), .causal]),
        Separation(
            "w1@1[0,1] w2@2[0,1] r1@3[2,3] r2@3[4,5] r2@4[2,3] r1@4[4,5]", .sequential,
            [.causal, .weakRegular]),
        Separation(
            "w1@1[0,1] r1@2[2,3] w2@2[4,5] r2@3[6,7] r1@3[8,9]", .causal,
            [.readYourWrites, .kAtomic(2)]),
        Separation(
            "w1@1[0,1] w2@1[2,3] r1@1[4,5]", .readYourWrites, [.monotonicReads, .kAtomic(2)]),
        Separation(
            "w1@1[0,1] w2@2[2,3] r2@3[4,5] r1@3[6,7]", .monotonicReads,
            [.readYourWrites, .writesFollowReads, .kAtomic(2)]),
        Separation(
            "x:w1@1[0,1] x:w2@2[2,3] y:w3@2[4,5] y:r3@3[6,7] x:r1@3[8,9]", .monotonicWrites,
            [.readYourWrites, .monotonicReads, .kAtomic(2)]),
        Separation(
            "x:w1@1[0,1] x:w2@2[2,3] x:r2@4[4,5] y:w3@4[6,7] y:r3@3[8,9] x:r1@3[10,11]",
            .writesFollowReads, [.readYourWrites, .monotonicReads, .monotonicWrites, .kAtomic(2)]),
        Separation(
            "w1@1[0,1] w2@1[2,3] w3@1[4,5] r1@2[6,7]", .kAtomic(2), [.kAtomic(3), .sequential]),
        Separation(
            "w1@1[0,1] w2@1[2,3] r1@2[40,50]", .deltaAtomic(5), [.kAtomic(2), .deltaAtomic(40)]),
        Separation("w1@1[0,1] w2@1[2,3] r1@2[6,7]", .durable, [.kAtomic(2), .sequential]),
        Separation(
            "w1@1[0,5] w2@2[0,5] r1@3[6,9] r2@4[6,9]", .convergent, [.kAtomic(2), .weakRegular]),
    ]

    @Test(arguments: separations)
    func aModelRejectsWhatOthersAllow(_ separation: Separation) {
        let (text, rejects) = (separation.text, separation.rejects)
        #expect(verdict(text, rejects) == "violated", "\(rejects.name): \(text)")
        for model in separation.allows {
            #expect(verdict(text, model) == "holds", "\(model.name): \(text)")
        }
    }
}
