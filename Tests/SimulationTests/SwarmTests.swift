import Basics
import Consistency
import Simulation
import TestSupport
import Testing

/// Random runs: what must hold in all of them, and what must be found in some.
struct SwarmTests {
    private func runs(
        _ count: UInt64, r: Int, w: Int, _ faults: FaultFamilies,
        check: (SimulationResult) -> Bool
    ) throws {
        for seed in Seeds.base..<Seeds.base + count {
            var scenario = Scenario(seed: seed)
            scenario.r = r
            scenario.w = w
            scenario.faults = faults
            let result = try Simulation.run(scenario)
            #expect(result.invariants.isEmpty, "\(scenario.command): \(result.invariants)")
            guard check(result) else { return }
        }
    }

    @Test(arguments: [
        FaultFamilies.partition, .crash, [.delay, .loss, .duplicate],
        [.delay, .partition, .loss, .pause],
    ])
    func strictQuorumsWithGoodClocksNeverReadStale(_ faults: FaultFamilies) throws {
        try runs(60, r: 2, w: 2, faults) { result in
            let stale = staleReads(result.history)
            #expect(stale.isEmpty, "\(result.scenario.command): \(stale)")
            return stale.isEmpty
        }
    }

    @Test func partialQuorumsReadStaleUnderAPartition() throws {
        var isFound = false
        try runs(40, r: 1, w: 1, .partition) { result in
            isFound = !staleReads(result.history).isEmpty
            return !isFound
        }
        #expect(isFound, "no stale read in 40 seeds from \(Seeds.base) at R = W = 1")
    }

    @Test func wrongClocksBreakStrictQuorums() throws {
        var isFound = false
        try runs(40, r: 2, w: 2, .clockSkew) { result in
            isFound = !staleReads(result.history).isEmpty
            return !isFound
        }
        #expect(isFound, "no stale read in 40 seeds from \(Seeds.base) with skewed clocks")
    }

    @Test func theCheckerAgreesThatAStaleReadIsNotLinearizable() throws {
        try runs(40, r: 1, w: 1, .partition) { result in
            if !staleReads(result.history).isEmpty {
                #expect(result.violates(.linearizable), "\(result.scenario.command)")
            }
            return true
        }
    }

    @Test func everyOperationEndsAndClientsRunAllOfThem() throws {
        try runs(40, r: 2, w: 2, .all.subtracting([.pause])) { result in
            let final = result.history.operations.filter { $0.flags.contains(.final) }
            #expect(final.count == result.scenario.keys)
            #expect(final.allSatisfy { $0.outcome == .ok })
            #expect(result.operations.total == result.scenario.operations + final.count)
            return true
        }
    }

    @Test func deletesAndLongValuesRunToo() throws {
        var scenario = Scenario(seed: Seeds.base)
        scenario.deletesPerThousand = 200
        scenario.paddingBytes = 20_000
        let result = try Simulation.run(scenario)
        #expect(result.operations.deletes > 0)
        #expect(result.operations.ok == result.operations.total)
        #expect(result.invariants.isEmpty)
    }
}
