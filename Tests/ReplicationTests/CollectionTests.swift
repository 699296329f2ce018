import Basics
import Causality
import Replication
import Testing

/// A cluster whose deletions are forgotten, in all of which the key `k` was written and deleted
/// long ago.
private struct Stage {
    let cluster: Cluster
    let replicas: [NodeID]
    let others: [Int]

    init(
        nodes: Int = 3, mode: ConflictMode = .lww, readRepair: ReadRepair = .none,
        quorumKind: QuorumKind = .strict
    ) {
        cluster = Cluster(
            nodes: nodes, n: 3, r: 2, w: 2, readRepair: readRepair, quorumKind: quorumKind,
            antiEntropy: AntiEntropyLimits(interval: nil), mode: mode)
        let roles = cluster.roles("k")
        replicas = roles.replicas
        others = (0..<nodes).filter { !roles.replicas.contains(NodeID($0)) }
    }

    var first: Int { Int(replicas[0].index) }

    /// Lets everything that is on its way arrive, and time pass.
    func settle(_ milliseconds: Int = 8_000) {
        cluster.deliverAll()
        for _ in 0..<milliseconds / 20 {
            cluster.skip(20)
            cluster.deliverAll()
        }
    }

    /// Everyone forgets what may be forgotten; what came of it, as the first replica heard.
    func collect() -> CollectionResult {
        cluster.handle(.collect, at: replicas[0])
        settle()
        return cluster.collection(first)
    }

    func answer(_ sequence: UInt32) -> String? { cluster.answers[sequence]?.last }
}

struct CollectionTests {
    @Test(arguments: [ConflictMode.lww, .siblings, .abd])
    func whatAllReplicasKnowToBeDeletedIsForgotten(_ mode: ConflictMode) {
        let stage = Stage(mode: mode)
        stage.settle(2_000)
        stage.cluster.put("k", "v", at: stage.first, 1)
        stage.settle(100)
        stage.cluster.delete("k", at: stage.first, 2)
        stage.settle(3_000)
        #expect((0..<3).map { stage.cluster.records($0) } == [1, 1, 1])
        let result = stage.collect()
        #expect(result.waiting == 0 && result.left == 0 && result.purged == 1)
        #expect((0..<3).map { stage.cluster.records($0) } == [0, 0, 0])
        stage.cluster.get("k", at: stage.first, 3)
        stage.settle(100)
        #expect(["absent", "siblings "].contains(stage.answer(3)))
        stage.cluster.put("k", "w", at: stage.first, 4)
        stage.settle(100)
        #expect(stage.answer(4) == "stored")
        stage.cluster.get("k", at: 2, 5)
        stage.settle(100)
        #expect(["value w", "siblings w"].contains(stage.answer(5)))
    }

    @Test func nothingIsForgottenWhileAParticipantIsAway() {
        let stage = Stage(nodes: 5)
        stage.cluster.put("k", "v", at: stage.first, 1)
        stage.settle(100)
        stage.cluster.delete("k", at: stage.first, 2)
        stage.settle(3_000)
        for node in 0..<5 where node != stage.others[0] {
            stage.cluster.handle(.reachable(NodeID(stage.others[0]), false), at: NodeID(node))
        }
        let result = stage.collect()
        #expect(result.purged == 0 && result.left == 1)
        #expect(stage.cluster.records(stage.first) == 1)
    }

    @Test(arguments: [ReadRepair.none, .blocking])
    func aLateCopyOfWhatWasForgottenStaysForgotten(_ repair: ReadRepair) {
        let stage = Stage(readRepair: repair)
        stage.cluster.put("k", "v", at: stage.first, 1)
        let late = stage.cluster.parcels.filter { $0.kind == "store" }
        stage.settle(100)
        stage.cluster.delete("k", at: stage.first, 2)
        stage.settle(3_000)
        #expect(stage.collect().purged == 1)
        for var parcel in late {
            for kind in ["store", "restore", "repair"] {
                parcel.kind = kind
                stage.cluster.deliver(parcel)
                #expect(stage.cluster.records(Int(parcel.to.index)) == 0)
            }
        }
        #expect(stage.cluster.counters(Int(late[0].to.index)).writesFenced == 1)
        #expect(stage.cluster.counters(Int(late[0].to.index)).obsoleteDropped == 2)
        stage.settle(3_000)
        stage.cluster.get("k", at: stage.first, 3)
        stage.settle(100)
        #expect(stage.answer(3) == "absent")
    }

    @Test func whoeverStillHasWhatWasForgottenIsToldAndReadsAgree() {
        let stage = Stage(readRepair: .blocking)
        stage.cluster.put("k", "v", at: stage.first, 1)
        let copy = stage.cluster.parcels.first { $0.kind == "store" }
        stage.settle(100)
        stage.cluster.delete("k", at: stage.first, 2)
        stage.settle(3_000)
        #expect(stage.collect().purged == 1)
        guard var copy else {
            Issue.record("nothing was stored")
            return
        }
        // As if a restored backup offered its data to a replica.
        copy.kind = "repair"
        let sender = copy.from
        stage.cluster.deliver(copy)
        let told = stage.cluster.parcels.filter { $0.kind == "repair" && $0.to == sender }
        #expect(told.count == 1)
        #expect(told.first?.value == nil)
        #expect(told.first.map { $0.version > copy.version } == true)
    }

    @Test func aWriteThatAllHaveFencedOffIsStampedAnew() {
        let stage = Stage(nodes: 5)
        stage.cluster.put("k", "v", at: stage.first, 1)
        stage.settle(100)
        stage.cluster.delete("k", at: stage.first, 2)
        stage.settle(3_000)
        #expect(stage.collect().purged == 1)
        // Its clock is far behind: the wall clock of all is set back for one request.
        let other = stage.others[0]
        let fresh = Cluster(nodes: 5, n: 3, r: 2, w: 2)
        fresh.wall = 500
        fresh.put("k", "old", at: other, 1)
        guard let store = fresh.parcels.first(where: { $0.kind == "store" }) else {
            Issue.record("nothing was sent")
            return
        }
        stage.cluster.deliver(store)
        let fenced = stage.cluster.parcels.first { $0.kind == "fenced" }
        #expect(fenced != nil)
        guard let fenced else { return }
        for parcel in fresh.parcels where parcel.kind == "store" {
            var answer = fenced
            answer.from = parcel.to
            answer.to = NodeID(other)
            answer.ticket = parcel.ticket
            fresh.deliver(answer)
        }
        #expect(fresh.counters(other).writesRestamped == 1)
        fresh.deliverAll()
        #expect(fresh.answers[1] == ["stored"])
        #expect(fresh.versions.last.map { $0.stamp >= fenced.below } == true)
    }

    @Test func whatStandsInHandsOverBeforeAnythingIsForgotten() {
        let stage = Stage(nodes: 6, quorumKind: .sloppy)
        stage.cluster.put("k", "v", at: stage.first, 1)
        stage.settle(100)
        // The deletion reaches a stand-in in place of the last replica.
        let away = stage.replicas[2]
        for node in 0..<6 where node != Int(away.index) {
            stage.cluster.handle(.reachable(away, false), at: NodeID(node))
        }
        stage.cluster.delete("k", at: stage.first, 2)
        stage.settle(5_000)
        #expect((0..<6).map { stage.cluster.owed($0) }.reduce(0, +) == 1)
        for node in 0..<6 where node != Int(away.index) {
            stage.cluster.handle(.reachable(away, true), at: NodeID(node))
        }
        let result = stage.collect()
        #expect(result.purged == 1 && result.left == 0)
        #expect((0..<6).map { stage.cluster.owed($0) }.reduce(0, +) == 0)
        #expect((0..<6).map { stage.cluster.records($0) } == [0, 0, 0, 0, 0, 0])
    }

    @Test func anActorNeverUsesANumberOfASiblingTwice() {
        let stage = Stage(mode: .siblings)
        stage.settle(2_000)
        for sequence in 1...3 as ClosedRange<UInt32> {
            stage.cluster.put("k", "v\(sequence)", at: stage.first, sequence)
            stage.settle(100)
        }
        let old = stage.cluster.contexts.count
        stage.cluster.get("k", at: stage.first, 4)
        stage.settle(100)
        let context = stage.cluster.contexts[old]
        stage.cluster.delete("k", at: stage.first, 5)
        stage.settle(3_000)
        #expect(stage.collect().purged == 1)
        stage.cluster.write("k", "new", context: context, at: stage.first, 6)
        stage.settle(100)
        #expect(stage.answer(6) == "stored")
        stage.cluster.get("k", at: stage.first, 7)
        stage.settle(100)
        #expect(stage.answer(7) == "siblings new")
        // One who had not forgotten would not take the new write for one of the old.
        stage.cluster.get("k", at: 1, 8)
        stage.settle(100)
        #expect(stage.answer(8) == "siblings new")
    }

    @Test func whatEndedIsForgottenLikeADeletion() {
        let stage = Stage()
        Bytes.lending(Array("v".utf8)) { value in
            var options = RequestOptions()
            options.expiry = .after(50)
            stage.cluster.request({ .put($0, value, options) }, "k", at: stage.first, 1)
        }
        stage.settle(3_000)
        #expect(stage.cluster.records(0) == 1)
        #expect(stage.collect().purged == 1)
        #expect((0..<3).map { stage.cluster.records($0) } == [0, 0, 0])
    }

    @Test func nothingIsLeftOfADroppedKeyspace() throws {
        let stage = Stage()
        stage.cluster.define(.create("carts", KeyspaceSettings()), at: 0, 1)
        stage.settle(1_000)
        let id = try #require(stage.cluster.keyspaces(0).last?.id)
        Bytes.lending(Array("v".utf8)) { value in
            for number in 0..<50 {
                stage.cluster.request(
                    { .put($0, value, RequestOptions()) }, "key\(number)", at: 0, 2, in: id)
            }
        }
        stage.settle(1_000)
        #expect(stage.cluster.records(1) == 50)
        stage.cluster.define(.drop("carts"), at: 0, 3)
        stage.settle(2_000)
        #expect((0..<3).map { stage.cluster.records($0) } == [0, 0, 0])
    }
}
