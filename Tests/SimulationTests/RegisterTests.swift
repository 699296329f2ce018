import Basics
import Consistency
import Replication
import Simulation
import TestSupport
import Testing

/// The linearizable modes: what must hold in every run, scripts of what goes wrong elsewhere, and
/// wrong variants that must be found.
struct RegisterTests {
    private func scenario(_ mode: ConflictMode) -> Scenario {
        var scenario = Scenario(seed: 0)
        scenario.mode = mode
        scenario.keys = 1
        scenario.operations = 40
        scenario.readRepair = .none
        if mode == .cp {
            scenario.swapsPerThousand = 250
            scenario.deletesPerThousand = 50
        }
        return scenario
    }

    /// Rows A1 to A3, C1, C2b and C4 of the evidence: no seed violates linearizability.
    @Test(
        arguments: [ConflictMode.abd, .cp],
        [FaultFamilies.partition, .crash, .clockSkew, [.delay, .loss, .duplicate], .all])
    func everyRunIsLinearizable(_ mode: ConflictMode, _ faults: FaultFamilies) throws {
        for seed in Seeds.base..<Seeds.base + 60 {
            var scenario = scenario(mode)
            scenario.seed = seed
            scenario.faults = faults
            scenario.nodes = seed % 2 == 0 ? 3 : 5
            let result = try Simulation.run(
                scenario, models: [.linearizable], measuresStaleness: false)
            #expect(result.invariants.isEmpty, "\(scenario.command): \(result.invariants)")
            #expect(
                result.report?.report(.linearizable)?.verdict.isHolding == true,
                "\(scenario.command)")
        }
    }

    /// Rows A9 and C7: a replica that comes back empty under its old name.
    @Test(arguments: [ConflictMode.abd, .cp])
    func aReplicaThatForgetsEverythingIsFound(_ mode: ConflictMode) throws {
        for seed in Seeds.base..<Seeds.base + 200 {
            var scenario = scenario(mode)
            scenario.seed = seed
            scenario.nodes = 3
            scenario.durability = nil
            scenario.faults = .crash
            let result = try Simulation.run(
                scenario, models: [.linearizable], measuresStaleness: false)
            if result.violates(.linearizable) { return }
        }
        Issue.record("no violation in 200 seeds from \(Seeds.base)")
    }

    // MARK: Scripts

    private func script(_ mode: ConflictMode) throws -> SimulatedCluster {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.mode = mode
        scenario.readRepair = .none
        return try SimulatedCluster(scenario, isScripted: true)
    }

    /// H17: a write that reached one acceptor is read by nobody, or by everybody after.
    @Test(arguments: [ConflictMode.abd, .cp])
    func aPartialWriteDoesNotFlicker(_ mode: ConflictMode) throws {
        var cluster = try script(mode)
        let before = cluster.write(at: nodeA, client: 5)
        #expect(cluster.wait(for: before)?.outcome == .ok)
        for from in [nodeA, nodeB, nodeC] {
            for to in [nodeA, nodeB, nodeC] where from != to { cluster.begin(stuck(from, to)) }
        }
        let writes = [nodeA, nodeB, nodeC].map { cluster.write(at: $0, client: $0) }
        for write in writes { #expect(cluster.wait(for: write)?.outcome != .ok) }
        for from in [nodeA, nodeB, nodeC] {
            for to in [nodeA, nodeB, nodeC] where from != to { cluster.end(stuck(from, to)) }
        }
        cluster.begin(late(nodeA, nodeB))
        for (client, node) in [(3, nodeA), (4, nodeB), (5, nodeA), (3, nodeC)] {
            let read = cluster.read(at: node, client: client)
            #expect(cluster.wait(for: read)?.outcome == .ok)
        }
        var options = CheckOptions()
        options.models = [.linearizable]
        let report = Checker.check(cluster.recorded, options: options)
        #expect(report.report(.linearizable)?.verdict.isHolding == true)
        #expect(cluster.violations.isEmpty)
    }

    @Test(arguments: [ConflictMode.abd, .cp])
    func theMinorityRefusesAndTheMajorityGoesOn(_ mode: ConflictMode) throws {
        var cluster = try script(mode)
        let cut = Fault.partition(side: [NodeID(nodeA)], oneWay: false)
        cluster.begin(cut)
        for peer in [nodeB, nodeC] {
            cluster.discover(peer, by: nodeA)
            cluster.discover(nodeA, by: peer)
        }
        let write = cluster.write(at: nodeA, client: 0)
        #expect(cluster.wait(for: write)?.outcome == .fail)
        let read = cluster.read(at: nodeA, client: 1)
        #expect(cluster.wait(for: read)?.outcome == .fail)
        for node in [nodeB, nodeC] {
            let write = cluster.write(at: node, client: 2)
            #expect(cluster.wait(for: write)?.outcome == .ok)
        }
        cluster.end(cut)
        cluster.run(for: .milliseconds(200))
        let after = cluster.read(at: nodeA, client: 3)
        #expect(
            cluster.wait(for: after)?.value
                == cluster.recorded.operations.last {
                    $0.kind == .write && $0.outcome == .ok
                }?.value)
    }

    @Test func commandsOfRegistersAnswerAsRedisDoes() throws {
        var cluster = try script(.cp)
        func say(_ words: String...) -> String? {
            cluster.wait(for: cluster.call(words, at: nodeB))
        }
        #expect(say("SET", "n", "5", "NX") == "+OK\r\n")
        #expect(say("SET", "n", "6", "NX") == "$-1\r\n")
        #expect(say("SET", "n", "6", "XX", "GET") == "$1\r\n5\r\n")
        #expect(say("INCR", "n") == ":7\r\n")
        #expect(say("DECRBY", "n", "10") == ":-3\r\n")
        #expect(say("APPEND", "s", "ab") == ":2\r\n")
        #expect(say("INCR", "s")?.hasPrefix("-ERR value is not an integer") == true)
        #expect(say("GETSET", "s", "x") == "$2\r\nab\r\n")
        #expect(say("GETDEL", "s") == "$1\r\nx\r\n")
        #expect(say("SETNX", "s", "y") == ":1\r\n")
        #expect(say("SETNX", "s", "y") == ":0\r\n")
        #expect(say("QCAS", "s", "y", "z")?.hasPrefix("*8\r\n$7\r\nswapped\r\n:1") == true)
        #expect(say("QCAS", "s", "y", "z")?.hasPrefix("*8\r\n$7\r\nswapped\r\n:0") == true)
        #expect(say("DEL", "s") == ":1\r\n")
        #expect(say("EXISTS", "s", "n") == ":1\r\n")
        let first = say("QCAS", "n", "-3", "1", "OPID", "7.1")
        let again = say("QCAS", "n", "-3", "1", "OPID", "7.1")
        #expect(first?.contains("swapped\r\n:1") == true)
        #expect(again?.contains("swapped\r\n:1") == true)
        #expect(say("QSET", "n", "9", "VERSION", "none")?.contains("swapped\r\n:0") == true)
        #expect(cluster.violations.isEmpty)
    }
}
