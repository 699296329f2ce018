import Basics
import Consistency
import Replication
import Simulation
import Testing

/// A clock that is set back over a restart.
struct ReserveTests {
    /// A node that is no replica of the key writes, crashes, comes back ten seconds in the past,
    /// and writes again; whether the second write counts.
    private func secondWriteCounts(_ change: (inout Scenario) -> Void = { _ in }) throws -> Bool {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.nodes = 5
        change(&scenario)
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        let call = cluster.call(["QSET", "k0", "first", "W", "3"], at: nodeA, client: 5)
        let reply = cluster.wait(for: call) ?? ""
        let other = (0..<5).first { !reply.contains(NodeID($0).description) } ?? nodeA
        let first = cluster.write(at: other, client: 0)
        #expect(cluster.wait(for: first)?.outcome == .ok)
        cluster.run(for: .milliseconds(400))
        let fault = Fault.crash(NodeID(other))
        cluster.begin(fault)
        cluster.begin(.clockStep(NodeID(other), microseconds: -10_000_000))
        cluster.run(for: .milliseconds(10))
        cluster.end(fault)
        cluster.run(for: .milliseconds(100))
        // The first may be refused: stamps above all that were given must be reserved first.
        _ = cluster.wait(for: cluster.write(at: other, client: 1))
        cluster.run(for: .milliseconds(50))
        let second = cluster.write(at: other, client: 2)
        #expect(cluster.wait(for: second)?.outcome == .ok)
        let read = cluster.read(at: nodeA, r: 3, client: 3)
        return cluster.wait(for: read)?.value == cluster.answer(second)?.value
    }

    @Test func whatIsWrittenAfterTheRestartIsNewer() throws {
        #expect(try secondWriteCounts())
    }

    #if MUTANTS
        @Test func withoutTheReserveItWouldBeLost() throws {
            #expect(try !secondWriteCounts { $0.mutation = .forgetReserve })
        }
    #endif
}
