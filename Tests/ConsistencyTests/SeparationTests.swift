import Consistency
import TestSupport
import Testing

/// Every model has a history that it rejects, and besides it only stronger models do.
@Suite struct SeparationTests {
    /// A model, a history for it, and which other models reject whatever it rejects.
    struct Separation: Sendable, CustomTestStringConvertible {
        let model: Model
        let text: String
        let stronger: Set<Model>

        var testDescription: String { model.name }

        init(_ model: Model, _ text: String, _ stronger: Set<Model>) {
            self.model = model
            self.text = text
            self.stronger = stronger
        }
    }

    private static let models: [Model] =
        Model.plain.filter { $0 != .multiValue } + [.kAtomic(2), .deltaAtomic(50)]

    private static let causalOnes: Set<Model> = [
        .linearizable, .sequential, .causalConvergent, .causal,
    ]

    // Writes that take long leave real time undecided, so that only the order of processes counts.
    private static let separations: [Separation] = [
        Separation(.linearizable, "w1@1[0,22] r1@2[2,4] r0@3[6,8]", []),
        Separation(
            .regular,
            "w1@1[0,10] w2@2[0,10] r1@3[11,12] r2@4[13,14] r1@3[15,16] r1@4[17,18]",
            [.linearizable]),
        Separation(
            .weakRegular, "w1@1[0,1] w2@2[2,3] r1@3[4,5] r2@3[6,7]", [.linearizable, .regular]),
        Separation(
            .sequential,
            "x:w1@1[0,100] y:w2@2[0,100] x:r1@3[10,11] y:r0@3[12,13] y:r2@4[10,11] x:r0@4[12,13]",
            [.linearizable]),
        Separation(
            .causalConvergent,
            "w1@1[0,100] w2@2[0,100] r1@3[2,3] r2@3[4,5] r2@4[2,3] r1@4[4,5]",
            [.linearizable, .sequential]),
        Separation(
            .causal,
            "x:w1@1[0,1] x:r1@2[2,3] x:w2@2[4,500] x:r2@3[6,7] y:w3@3[8,9] y:r3@4[10,11] "
                + "z:w4@4[12,13] z:r4@5[14,15] x:r1@5[16,17]",
            [.linearizable, .sequential, .causalConvergent]),
        Separation(
            .readYourWrites, "w1@1[0,100] r1@2[2,3] w2@2[4,5] r1@2[6,7]",
            causalOnes.union([.regular])),
        Separation(
            .monotonicReads, "w1@1[0,1] r1@2[2,3] w2@2[4,100] r2@3[6,7] r1@3[8,9]", causalOnes),
        Separation(
            .monotonicWrites,
            "x:w1@1[0,100] x:r1@2[2,3] x:w2@2[4,5] y:w3@2[6,7] y:r3@3[8,9] x:r1@3[10,11]",
            causalOnes.union([.regular])),
        Separation(
            .writesFollowReads,
            "x:w1@1[0,1] x:r1@2[2,3] x:w2@2[4,100] x:r2@3[6,7] y:w3@3[8,9] y:r3@4[10,11] "
                + "x:r1@4[12,13]", causalOnes),
        Separation(
            .kAtomic(2),
            "w1@1[0,100] w2@2[0,100] w3@3[0,100] r1@4[10,11] r2@5[20,21] r3@6[30,31] "
                + "r1@7[40,41] r2@8[50,51] r3@9[60,61]",
            [.linearizable]),
        Separation(
            .deltaAtomic(50), "w1@1[0,900] w2@2[0,900] r1@3[10,11] r2@4[200,201] r1@5[400,401]",
            [.linearizable]),
        Separation(
            .durable, "w1@1[0,1] w2@2[2,3] r1@3[6,7]", [.linearizable, .regular, .weakRegular]),
        Separation(
            .convergent, "w1@1[0,5] w2@2[0,5] r1@3[6,9] r2@4[6,9]", [.linearizable, .regular]),
    ]

    @Test(arguments: separations)
    func aModelAndStrongerOnesAloneRejectItsHistory(_ separation: Separation) {
        var options = CheckOptions()
        options.models = SeparationTests.models
        let report = Checker.check(terse(separation.text), options: options)
        let rejecting = Set(report.models.filter(\.verdict.isViolated).map(\.model))
        #expect(rejecting == separation.stronger.union([separation.model]))
    }

    @Test func everyModelIsSeparated() {
        #expect(Set(SeparationTests.separations.map(\.model)) == Set(SeparationTests.models))
    }

    /// One sibling was dropped, though its value alone would be a fine answer for a register.
    @Test func onlyTheMultiValueRegisterMissesASibling() {
        var history = terse("w1@1[0,9] w2@2[0,9]")
        for (process, time) in [(3, 20), (4, 30)] as [(UInt32, Int64)] {
            var detail = Detail()
            detail.siblings = [.write(process: 0, sequence: 2)]
            history.append(
                Operation(
                    process: process, key: 0, kind: .read, outcome: .ok,
                    value: .write(process: 0, sequence: 2), invoked: time, completed: time + 1),
                detail: detail)
        }
        var options = CheckOptions()
        options.models = SeparationTests.models + [.multiValue]
        let report = Checker.check(history, options: options)
        #expect(report.models.filter(\.verdict.isViolated).map(\.model) == [.multiValue])
    }
}
