import Basics
import Replication
import Simulation
import Testing

/// Session guarantees on partial quorums, by tokens: what H1 and H2 break without them.
struct SessionTokenTests {
    /// The version that a reply of QGET or QSET names.
    private func version(in reply: String?) -> String {
        let lines = (reply ?? "").split(separator: "\r\n").map(String.init)
        guard let at = lines.firstIndex(of: "version"), at + 2 < lines.count else { return "" }
        return lines[at + 2]
    }

    @Test func aSessionReadsItsOwnWriteAtAnotherNode() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 1, w: 1), isScripted: true)
        cluster.begin(late(nodeA, nodeB))
        cluster.begin(late(nodeA, nodeC))
        let write = cluster.call(["QSET", "k0", "mine"], at: nodeA)
        let token = version(in: cluster.wait(for: write))
        let blind = cluster.call(["GET", "k0"], at: nodeB)
        #expect(cluster.wait(for: blind) == "$-1\r\n")
        let settings = cluster.call(["QUORUM", "TOKEN", token], at: nodeB)
        #expect(cluster.wait(for: settings)?.contains(token) == true)
        let read = cluster.call(["GET", "k0"], at: nodeB)
        #expect(cluster.wait(for: read) == "$4\r\nmine\r\n")
        #expect(cluster.violations.isEmpty)
    }

    @Test func aSessionNeverReadsBackwards() throws {
        var scenario = calmScenario(r: 2, w: 2)
        scenario.readRepair = .none
        var cluster = try SimulatedCluster(scenario, isScripted: true)
        let links = [late(nodeA, nodeB), late(nodeA, nodeC)]
        for link in links { cluster.begin(link) }
        _ = cluster.write(at: nodeA, client: 0)
        cluster.run(for: .milliseconds(1))
        for link in links { cluster.end(link) }
        let first = cluster.call(["QGET", "k0"], at: nodeA, client: 1)
        let token = version(in: cluster.wait(for: first))
        cluster.begin(late(nodeA, nodeB))
        let backwards = cluster.call(["GET", "k0"], at: nodeB, client: 1)
        #expect(cluster.wait(for: backwards) == "$-1\r\n")
        let forwards = cluster.call(["QGET", "k0", "TOKEN", token], at: nodeB, client: 1)
        #expect(version(in: cluster.wait(for: forwards)) == token)
    }

    @Test func aTokenThatNobodyHasIsStaleAtTheDeadline() throws {
        var cluster = try SimulatedCluster(calmScenario(r: 1, w: 1), isScripted: true)
        cluster.begin(stuck(nodeA, nodeB))
        cluster.begin(stuck(nodeA, nodeC))
        let write = cluster.call(["QSET", "k0", "mine"], at: nodeA)
        let token = version(in: cluster.wait(for: write))
        let read = cluster.call(["QGET", "k0", "TOKEN", token], at: nodeC)
        #expect(cluster.wait(for: read)?.hasPrefix("-STALE") == true)
        let future = cluster.call(
            ["QSET", "k0", "x", "TOKEN", "4000000000000000.0@n1/1"], at: nodeC)
        #expect(cluster.wait(for: future)?.hasPrefix("-CLOCKSKEW") == true)
    }
}
