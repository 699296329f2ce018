import Basics
import Consistency
import Replication
import Simulation
import TestSupport
import Testing

/// Replicas that compare what they hold are equal in the end, whatever struck before.
struct AntiEntropyTests {
    @Test func replicasAreEqualAtRestWhateverStruck() throws {
        for seed in Seeds.base..<Seeds.base + 60 {
            var scenario = Scenario(seed: seed)
            scenario.antiEntropy = true
            scenario.readRepair = .none
            scenario.quorumKind = seed % 2 == 0 ? .sloppy : .strict
            scenario.deletesPerThousand = 100
            // Hints are given up long before their owners are back.
            scenario.hintWindow = seed % 3 == 0 ? .milliseconds(1) : .seconds(3_600)
            scenario.faults =
                seed % 4 == 0 ? .all : [.partition, .crash, .loss, .delay, .duplicate]
            let result = try Simulation.run(
                scenario, models: [.convergent], measuresStaleness: false)
            #expect(result.invariants.isEmpty, "\(scenario.command): \(result.invariants)")
        }
    }

    @Test func siblingsAreEqualAtRestToo() throws {
        for seed in Seeds.base..<Seeds.base + 30 {
            var scenario = Scenario(seed: seed)
            scenario.mode = .siblings
            scenario.antiEntropy = true
            scenario.readRepair = .none
            scenario.deletesPerThousand = 100
            scenario.hintWindow = .milliseconds(1)
            scenario.faults = [.partition, .crash, .loss, .delay, .duplicate]
            let result = try Simulation.run(
                scenario, models: [.multiValue], measuresStaleness: false)
            #expect(result.invariants.isEmpty, "\(scenario.command): \(result.invariants)")
        }
    }

    @Test func withoutComparisonsReplicasThatMissedWritesStayBehind() throws {
        var cluster = try SimulatedCluster(scenario(antiEntropy: false), isScripted: true)
        missOneWrite(&cluster)
        cluster.run(for: .seconds(60))
        let isConverged = cluster.isConverged
        #expect(!isConverged)
    }

    @Test func aReplicaThatReturnsAfterItsHintsExpiredIsMended() throws {
        var cluster = try SimulatedCluster(scenario(antiEntropy: true), isScripted: true)
        missOneWrite(&cluster)
        cluster.run(for: .seconds(60))
        let converged = cluster.isConverged
        #expect(converged)
        #expect(cluster.violations.isEmpty)
        let read = cluster.read(at: nodeC, r: 1, client: 2)
        #expect(cluster.wait(for: read)?.outcome == .ok)
    }

    @Test func aPreviewChangesNothing() throws {
        var scenario = scenario(antiEntropy: false)
        scenario.hintWindow = .milliseconds(1)
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        missOneWrite(&cluster)
        cluster.run(for: .seconds(60))
        cluster.compare(at: nodeC, preview: true)
        cluster.run(for: .seconds(60))
        #expect(cluster.comparison(at: nodeC, with: nodeA).differing == 1)
        let isConverged = cluster.isConverged
        #expect(!isConverged)
        cluster.compare(at: nodeC)
        cluster.run(for: .seconds(60))
        let converged = cluster.isConverged
        #expect(converged)
    }

    @Test func aMissedDeletionIsMended() throws {
        var cluster = try SimulatedCluster(scenario(antiEntropy: true), isScripted: true)
        missOneWrite(&cluster, isDeletion: true)
        cluster.run(for: .seconds(60))
        let converged = cluster.isConverged
        #expect(converged)
    }

    #if MUTANTS
        @Test func comparisonsThatForgetDeletionsLeaveReplicasApart() throws {
            var scenario = scenario(antiEntropy: true)
            scenario.mutation = .antiEntropyForgetsTombstones
            var cluster = try SimulatedCluster(scenario, isScripted: true)
            missOneWrite(&cluster, isDeletion: true)
            cluster.run(for: .seconds(60))
            let converged = cluster.isConverged
            #expect(!converged)
        }
    #endif

    private func scenario(antiEntropy: Bool) -> Scenario {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.readRepair = .none
        scenario.hintWindow = .milliseconds(1)
        scenario.antiEntropy = antiEntropy
        return scenario
    }

    /// The third node is cut off while a write is stored by the other two.
    private func missOneWrite(
        _ cluster: inout SimulatedCluster, isDeletion: Bool = false
    ) {
        let partition = Fault.partition(side: [NodeID(nodeC)], oneWay: false)
        cluster.begin(partition)
        for node in [nodeA, nodeB] {
            cluster.discover(nodeC, by: node)
            cluster.discover(node, by: nodeC)
        }
        let write =
            isDeletion
            ? cluster.delete(at: nodeA, client: 0) : cluster.write(at: nodeA, client: 0)
        #expect(cluster.wait(for: write)?.outcome == .ok)
        cluster.run(for: .seconds(10))
        cluster.end(partition)
    }
}
