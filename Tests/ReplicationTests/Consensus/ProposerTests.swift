import Basics
import Replication
import Testing

/// How many messages it takes, and what becomes of changes when messages are lost.
struct ProposerTests {
    /// The key's first replica, which proposes for all, is found by asking once.
    private func cluster() -> (RegisterCluster, proposer: Int) {
        let cluster = RegisterCluster(nodes: 3)
        cluster.change(.set, "a")
        let proposer = (0..<3).first { cluster.counters($0).twoPhaseRounds > 0 }
        return (cluster, proposer ?? 0)
    }

    private func count(_ name: String, in cluster: RegisterCluster, from start: Int) -> Int {
        cluster.sent[start...].filter { $0 == name }.count
    }

    @Test func theSecondChangeOfAKeyTakesOnePhase() {
        let (cluster, proposer) = cluster()
        let start = cluster.sent.count
        #expect(cluster.change(at: proposer, .set, "b") == "done")
        #expect(count("prepare", in: cluster, from: start) == 0)
        #expect(count("accept", in: cluster, from: start) == 2)
        #expect(cluster.counters(proposer).onePhaseRounds == 1)
    }

    @Test func othersPassChangesOnToTheProposer() {
        let (cluster, proposer) = cluster()
        let other = (proposer + 1) % 3
        let start = cluster.sent.count
        #expect(cluster.change(at: other, .increment, integer: 1) == "failed notAnInteger")
        #expect(cluster.change(at: other, .append, "b") == "integer 2")
        #expect(count("propose", in: cluster, from: start) == 2)
        #expect(count("prepare", in: cluster, from: start) == 0)
        #expect(cluster.get(at: other) == "value ab")
    }

    @Test func aReadOfWhatAMajorityHoldsPromisesNothing() {
        let (cluster, proposer) = cluster()
        let start = cluster.sent.count
        #expect(cluster.get(at: (proposer + 2) % 3) == "value a")
        #expect(Set(cluster.sent[start...]) == ["fetch", "fetched"])
    }

    @Test func aLostPassedOnChangeIsUnknownInTime() {
        let (cluster, proposer) = cluster()
        let other = (proposer + 1) % 3
        cluster.cut = [[other, proposer]]
        #expect(cluster.change(at: other, .set, "b") == nil)
        cluster.pass(.seconds(2))
        #expect(cluster.answer == "unknown")
        #expect(cluster.inFlight(other) == 0)
    }

    @Test func withoutAMajorityNothingIsDoneAndTheOutcomeIsUnknown() {
        let (cluster, proposer) = cluster()
        for other in 0..<3 where other != proposer { cluster.cut.insert([proposer, other]) }
        #expect(cluster.change(at: proposer, .set, "b") == nil)
        cluster.pass(.seconds(2))
        #expect(cluster.answer == "unknown")
        // The accept went to this node's own acceptor: what is read next decides it.
        cluster.cut = []
        let read = cluster.get(at: proposer)
        #expect(read == "value a" || read == "value b")
        #expect(cluster.get(at: (proposer + 1) % 3) == read)
        #expect((0..<3).allSatisfy { cluster.inFlight($0) == 0 })
    }

    @Test func aChangeThatHasNotBeenSentIsRefusedInTime() {
        let cluster = RegisterCluster(nodes: 3)
        for from in 0..<3 { for to in 0..<3 where from != to { cluster.cut.insert([from, to]) } }
        let sentinel = (0..<3).map { cluster.change(key: "fresh", at: $0, .set, "b") }
        #expect(sentinel == [nil, nil, nil])
        cluster.pass(.seconds(2))
        #expect((0..<3).allSatisfy { cluster.inFlight($0) == 0 })
        cluster.cut = []
        #expect(cluster.get("fresh") == "absent")
    }

    @Test func lostAcceptsAreSentAgain() {
        let (cluster, proposer) = cluster()
        for other in 0..<3 where other != proposer { cluster.cut.insert([proposer, other]) }
        #expect(cluster.change(at: proposer, .set, "b") == nil)
        cluster.cut = []
        cluster.pass(.milliseconds(500))
        #expect(cluster.answer == "done")
    }

    @Test(arguments: [ConflictMode.lww, .abd])
    func otherModesHaveNoChanges(_ mode: ConflictMode) {
        let cluster = RegisterCluster(nodes: 1, mode: mode)
        #expect(cluster.change(.increment, integer: 1) == "refused changeElsewhere")
    }

    @Test(arguments: [ConflictMode.abd, .cp])
    func whatIsLinearizableDoesNotEnd(_ mode: ConflictMode) {
        let cluster = RegisterCluster(nodes: 3, mode: mode)
        var options = RequestOptions()
        options.expiry = .after(1_000)
        let refused = cluster.ask("k") { .put($0, .empty, options) }
        #expect(refused == "refused expiryOfRegister")
        #expect(cluster.ask("k") { .life($0, RequestOptions()) } == "life absent")
        #expect(cluster.ask("k") { .put($0, .empty, RequestOptions()) } == "stored")
        #expect(cluster.ask("k") { .life($0, RequestOptions()) } == "life endless")
    }

    @Test func anAtomicRegisterRefusesQuorumsThatNeedNotMeet() {
        let cluster = RegisterCluster(nodes: 3, mode: .abd)
        let put = cluster.ask("k") { .put($0, .empty, RequestOptions(w: 1)) }
        #expect(put == "refused quorumTooSmall(asked: 1, least: 2)")
        #expect(cluster.ask("k") { .put($0, .empty, RequestOptions(w: 3)) } == "stored")
        #expect(
            cluster.ask("k") { .get($0, RequestOptions(r: 1)) }
                == "refused quorumTooSmall(asked: 1, least: 2)")
    }

    @Test func anAtomicRegistersVersionsAreAboveThoseOfAClockFarAhead() {
        let cluster = RegisterCluster(nodes: 3, mode: .abd)
        let ahead = Bytes.lending(Array("v".utf8)) { value in
            cluster.ask("k") {
                .put($0, value, RequestOptions())
            }
        }
        #expect(ahead == "stored")
        let first = cluster.version
        #expect(cluster.ask("k", at: 1) { .put($0, .empty, RequestOptions()) } == "stored")
        #expect(cluster.version > first)
    }
}
