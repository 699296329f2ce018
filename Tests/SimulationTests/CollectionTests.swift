import Basics
import Consistency
import Replication
import Simulation
import TestSupport
import Testing

/// Forgetting deletions while everything goes wrong.
struct CollectionTests {
    static func scenario(_ seed: UInt64, _ mode: ConflictMode) -> Scenario {
        var scenario = Scenario(seed: seed)
        scenario.keys = 1
        scenario.mode = mode
        scenario.collects = true
        scenario.antiEntropy = true
        scenario.timeout = .milliseconds(6)
        scenario.deletesPerThousand = 300
        scenario.operations = 120
        scenario.readRepair = .blocking
        scenario.faults = [.partition, .crash, .duplicate, .pause]
        return scenario
    }

    @Test(arguments: [ConflictMode.lww, .siblings, .abd, .cp], [QuorumKind.strict, .sloppy])
    func nothingThatWasForgottenComesBack(_ mode: ConflictMode, _ kind: QuorumKind) throws {
        if kind == .sloppy, mode == .abd || mode == .cp { return }
        var forgotten = 0
        for seed in 1...8 as ClosedRange<UInt64> {
            var scenario = CollectionTests.scenario(seed, mode)
            scenario.quorumKind = kind
            let model: Model =
                mode == .siblings ? .multiValue : kind == .sloppy ? .weakRegular : .linearizable
            let result = try Simulation.run(
                scenario, models: kind == .sloppy && mode == .lww ? [] : [model],
                measuresStaleness: false)
            #expect(result.invariants.isEmpty, "seed \(seed): \(result.invariants)")
            if kind == .strict {
                #expect(!result.violates(model), "seed \(seed): \(scenario.command)")
            }
            forgotten += Int(result.probes[.deletionForgotten])
        }
        // With siblings so few runs may forget nothing.
        #expect(forgotten > 0 || mode == .siblings)
    }
}
