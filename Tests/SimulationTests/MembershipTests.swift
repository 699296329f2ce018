import Basics
import Membership
import Simulation
import TestSupport
import Testing

/// Members that find out together who lives.
struct MembershipSimulationTests {
    private func simulation(
        _ nodes: Int, seed: UInt64 = Seeds.base, loss: UInt64 = 0
    ) -> MembershipSimulation {
        MembershipSimulation(nodes: nodes, seed: seed, lossPerThousand: loss)
    }

    @Test func whoKnowsOneMemberSoonKnowsAll() throws {
        for nodes in [2, 3, 10, 60] {
            var cluster = simulation(nodes)
            cluster.run(for: .seconds(1))
            let agreed = cluster.runUntilAgreed(within: .seconds(15))
            let time = try #require(agreed)
            #expect(time <= .seconds(15), "\(nodes) members")
            let falseDeaths = cluster.falseDeaths
            #expect(falseDeaths == 0)
        }
    }

    @Test func aMemberThatEndsIsDeadToAllWithinItsTime() throws {
        var cluster = simulation(40)
        cluster.run(for: .seconds(20))
        cluster.stop(7)
        // Twice the longest suspicion: four intervals, two digits, six times as long without
        // others who suspect it, too.
        let agreed = cluster.runUntilAgreed(within: .seconds(96))
        let time = try #require(agreed)
        #expect(time > .seconds(1))
        let status7At3 = cluster.status(of: 7, at: 3)
        #expect(status7At3 == .dead)
        let falseDeaths = cluster.falseDeaths
        #expect(falseDeaths == 0)
    }

    @Test func aMemberThatComesBackIsAliveAgain() throws {
        var cluster = simulation(20)
        cluster.run(for: .seconds(20))
        cluster.stop(4)
        let agreed = cluster.runUntilAgreed(within: .seconds(96))
        _ = try #require(agreed)
        cluster.restart(4)
        cluster.run(for: .seconds(1))
        let agreedAgain = cluster.runUntilAgreed(within: .seconds(60))
        _ = try #require(agreedAgain)
    }

    @Test func lossOfFivePercentKillsNobody() {
        for seed in Seeds.base..<Seeds.base + 3 {
            var cluster = simulation(50, seed: seed, loss: 50)
            cluster.run(for: .seconds(240))
            let falseDeaths = cluster.falseDeaths
            #expect(falseDeaths == 0, "seed \(seed)")
        }
    }

    @Test func theHalvesOfALongPartitionBecomeOneAgain() throws {
        var cluster = simulation(40)
        cluster.run(for: .seconds(20))
        cluster.divide(at: 20)
        cluster.run(for: .seconds(300))
        let status30At3 = cluster.status(of: 30, at: 3)
        #expect(status30At3 == .dead)
        let status3At30 = cluster.status(of: 3, at: 30)
        #expect(status3At30 == .dead)
        let status5At3 = cluster.status(of: 5, at: 3)
        #expect(status5At3 == .alive)
        cluster.unite()
        let agreed = cluster.runUntilAgreed(within: .seconds(90))
        let time = try #require(agreed)
        #expect(time > .zero)
    }

    @Test func oneSeedIsOneRun() {
        var digests: [UInt64] = []
        for _ in 0..<2 {
            var cluster = simulation(25, loss: 100)
            cluster.run(for: .seconds(30))
            cluster.stop(3)
            cluster.run(for: .seconds(30))
            digests.append(cluster.digest)
        }
        #expect(digests[0] == digests[1])
    }

    @Test func membersAtRestSayLittle() {
        var cluster = simulation(60)
        cluster.run(for: .seconds(60))
        let before = cluster.bytes
        cluster.run(for: .seconds(60))
        let eachSecond = (cluster.bytes - before) / 60 / 60
        #expect(eachSecond < 200, "bytes a member and second")
    }
}
