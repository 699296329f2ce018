import Basics
import Consistency
import Replication
import Simulation
import Testing

/// The histories that break each claim, one script each, on real node code.
struct ScriptedHistoryTests {
    private func isLinearizable(_ history: History) -> Bool {
        var options = CheckOptions()
        options.models = [.linearizable]
        let report = Checker.check(history, options: options)
        return report.models.allSatisfy(\.verdict.isHolding)
    }

    @Test func aPartialQuorumReadsStale() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 1, w: 1), isScripted: true)
        cluster.begin(late(nodeA, nodeB))
        let write = cluster.write(at: nodeA, client: 0)
        #expect(cluster.wait(for: write)?.outcome == .ok)
        let read = cluster.read(at: nodeB, client: 1)
        #expect(cluster.wait(for: read)?.value == .absent)
        #expect(!isLinearizable(cluster.recorded))
        #expect(cluster.violations.isEmpty)
    }

    @Test func aStrictQuorumLetsASecondReaderGoBackDuringOneWrite() throws {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.readRepair = .none
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        let links = [late(nodeA, nodeB), late(nodeA, nodeC)]
        for link in links { cluster.begin(link) }
        let write = cluster.write(at: nodeA, client: 0)
        cluster.run(for: .milliseconds(1))
        for link in links { cluster.end(link) }
        let first = cluster.read(at: nodeA, client: 1)
        #expect(cluster.wait(for: first)?.value.isAbsent == false)
        cluster.begin(late(nodeA, nodeB))
        let second = cluster.read(at: nodeB, client: 2)
        #expect(cluster.wait(for: second)?.value == .absent)
        #expect(cluster.answer(write) == nil)
        #expect(cluster.wait(for: write)?.outcome == .ok)
        #expect(!isLinearizable(cluster.recorded))
    }

    @Test func aPartialWriteFlickers() throws {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.readRepair = .none
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        for to in [nodeB, nodeC] { cluster.begin(stuck(nodeA, to)) }
        let write = cluster.write(at: nodeA, client: 0)
        #expect(cluster.wait(for: write)?.outcome == .unknown)
        for to in [nodeB, nodeC] { cluster.end(stuck(nodeA, to)) }
        let first = cluster.read(at: nodeA, client: 1)
        #expect(cluster.wait(for: first)?.value.isAbsent == false)
        cluster.begin(late(nodeA, nodeB))
        let second = cluster.read(at: nodeB, client: 2)
        #expect(cluster.wait(for: second)?.value == .absent)
        let third = cluster.read(at: nodeA, client: 3)
        #expect(cluster.wait(for: third)?.value.isAbsent == false)
        #expect(!isLinearizable(cluster.recorded))
    }

    @Test func aWrongClockLosesALaterWrite() throws {
        var scenario = calmScenario(r: 3, w: 3)
        scenario.conditions?.clockOffsets = [150_000, 0, 0]
        scenario.conditions?.maximumClientDelay = .zero
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        // The coordinator of the second write has not heard of the first.
        cluster.begin(late(nodeA, nodeB))
        let first = cluster.write(at: nodeA, w: 2, client: 0)
        #expect(cluster.wait(for: first)?.outcome == .ok)
        let second = cluster.write(at: nodeB, w: 3, client: 1)
        #expect(cluster.wait(for: second)?.outcome == .ok)
        cluster.run(for: .milliseconds(100))
        let read = cluster.read(at: nodeC, r: 3, client: 2)
        let value = cluster.wait(for: read)?.value
        #expect(value == cluster.answer(first)?.value)
        #expect(value != cluster.answer(second)?.value)
        #expect(!isLinearizable(cluster.recorded))
    }
}
