import Basics
import Causality
import Replication
import Storage
import TestSupport
import Testing

/// Three replicas of everything that compare only when they are told to.
private func threeReplicas(bytesPerSecond: Int = 4 << 20) -> Cluster {
    let cluster = Cluster(
        nodes: 3, n: 3, r: 2, w: 2, readRepair: .none, hints: HintLimits(bytesPerTarget: 0),
        antiEntropy: AntiEntropyLimits(interval: nil, bytesPerSecond: bytesPerSecond))
    // They have just met, and compare.
    cluster.settle(3_000)
    return cluster
}

extension Cluster {
    /// Lets time pass and everything arrive.
    fileprivate func settle(_ milliseconds: Int = 6_000) {
        for _ in 0..<milliseconds {
            deliverAll()
            pass(1)
        }
        deliverAll()
    }

    /// Writes that the third node does not get.
    fileprivate func writeBehindItsBack(_ keys: Range<Int>, from sequence: UInt32) {
        for (offset, number) in keys.enumerated() {
            put("key\(number)", "value\(number)", at: 0, sequence + UInt32(offset))
        }
        parcels.removeAll { $0.to == NodeID(2) || $0.from == NodeID(2) }
        deliverAll()
        // The coordinator gives up on it, and what it sends again is lost, too.
        for _ in 0..<1_200 {
            pass(1)
            parcels.removeAll { $0.to == NodeID(2) || $0.from == NodeID(2) }
            deliverAll()
        }
        pass(3_000)
        parcels.removeAll { $0.to == NodeID(2) || $0.from == NodeID(2) }
    }
}

struct AntiEntropyTests {
    @Test func aReplicaThatMissedWritesGetsThemAndNothingElse() {
        let cluster = threeReplicas()
        for number in 0..<200 { cluster.put("key\(number)", "old", at: 0, UInt32(number)) }
        cluster.settle(1_000)
        cluster.writeBehindItsBack(0..<50, from: 1_000)
        #expect(cluster.summaries(0) == cluster.summaries(1))
        #expect(cluster.summaries(0) != cluster.summaries(2))
        cluster.handle(.compare(preview: false), at: NodeID(2))
        cluster.settle()
        #expect(cluster.summaries(0) == cluster.summaries(2))
        let sent = cluster.counters(0).recordsSent + cluster.counters(1).recordsSent
        #expect(sent == 50)
        #expect(cluster.comparison(2, with: 0).isEqual)
        #expect(cluster.comparison(2, with: 1).isEqual)
        cluster.get("key7", at: 2, 5_000, r: 1)
        #expect(cluster.answers[5_000] == ["value value7"])
    }

    @Test func bothSidesSendWhatTheOtherLacks() {
        let cluster = threeReplicas()
        cluster.writeBehindItsBack(0..<10, from: 0)
        // The third alone knows these.
        for number in 20..<30 { cluster.put("key\(number)", "mine", at: 2, UInt32(number), w: 1) }
        cluster.parcels.removeAll()
        cluster.pass(5_000)
        cluster.parcels.removeAll()
        cluster.handle(.compare(preview: false), at: NodeID(0))
        cluster.settle()
        #expect(cluster.summaries(0) == cluster.summaries(1))
        #expect(cluster.summaries(0) == cluster.summaries(2))
        cluster.get("key25", at: 1, 9_000, r: 1)
        #expect(cluster.answers[9_000] == ["value mine"])
    }

    @Test func aPreviewSaysWhatDiffersAndMovesNothing() {
        let cluster = threeReplicas()
        cluster.writeBehindItsBack(0..<30, from: 0)
        cluster.handle(.compare(preview: true), at: NodeID(2))
        cluster.settle()
        let known = cluster.comparison(2, with: 0)
        #expect(known.wasPreview)
        #expect(known.differing == 30)
        let bytes = (0..<30).reduce(0) { $0 + "key\($1)value\($1)".utf8.count + 16 }
        #expect(known.bytes == UInt64(bytes))
        #expect(cluster.summaries(0) != cluster.summaries(2))
        #expect(cluster.counters(0).recordsSent == 0)
    }

    @Test func aReplicaThatReturnsIsComparedWithoutBeingAsked() {
        let cluster = threeReplicas()
        for node in 0..<2 { cluster.handle(.reachable(NodeID(2), false), at: NodeID(node)) }
        cluster.writeBehindItsBack(0..<20, from: 0)
        for node in 0..<2 { cluster.handle(.reachable(NodeID(2), true), at: NodeID(node)) }
        cluster.settle()
        #expect(cluster.summaries(0) == cluster.summaries(2))
    }

    @Test func deletionsArriveToo() {
        let cluster = threeReplicas()
        for number in 0..<20 { cluster.put("key\(number)", "old", at: 0, UInt32(number)) }
        cluster.settle(1_000)
        cluster.delete("key3", at: 0, 100)
        for _ in 0..<4_000 {
            cluster.parcels.removeAll { $0.to == NodeID(2) || $0.from == NodeID(2) }
            cluster.deliverAll { $0.to != NodeID(2) }
            cluster.pass(1)
        }
        cluster.parcels.removeAll()
        cluster.get("key3", at: 2, 200, r: 1)
        #expect(cluster.answers[200] == ["value old"])
        cluster.handle(.compare(preview: false), at: NodeID(1))
        cluster.settle()
        cluster.get("key3", at: 2, 201, r: 1)
        #expect(cluster.answers[201] == ["absent"])
    }

    @Test func whatHasJustBeenWrittenIsLeftAlone() {
        let cluster = threeReplicas()
        for number in 0..<20 {
            cluster.put("key\(number)", "new", at: 0, UInt32(number), w: 1)
        }
        cluster.parcels.removeAll()
        cluster.handle(.compare(preview: false), at: NodeID(2))
        // Too short for the writes to grow old.
        cluster.settle(500)
        #expect(cluster.comparison(2, with: 0).young == 20)
        #expect(cluster.counters(0).recordsSent == 0)
        cluster.settle(12_000)
        #expect(cluster.summaries(0) == cluster.summaries(2))
    }

    @Test func sendingKeepsToItsRate() {
        // Fifty records of about 25 bytes at 500 bytes a second: more than two seconds.
        let cluster = threeReplicas(bytesPerSecond: 500)
        cluster.writeBehindItsBack(0..<50, from: 0)
        cluster.handle(.compare(preview: false), at: NodeID(2))
        cluster.settle(300)
        let early = cluster.counters(0).recordBytesSent + cluster.counters(1).recordBytesSent
        // A step of 10 ms sends at least one record.
        #expect(early < 30 * 40)
        cluster.settle(10_000)
        #expect(cluster.summaries(0) == cluster.summaries(2))
    }

    @Test func lostMessagesEndAComparisonAndTheNextOneSucceeds() {
        Seeds.forAll(10, "comparisons survive loss") { random in
            let cluster = threeReplicas()
            cluster.writeBehindItsBack(0..<40, from: 0)
            cluster.handle(.compare(preview: false), at: NodeID(2))
            for _ in 0..<3_000 {
                cluster.parcels.removeAll { _ in random.chance(1, in: 4) }
                cluster.deliverAll()
                cluster.pass(1)
            }
            cluster.handle(.compare(preview: false), at: NodeID(2))
            cluster.settle(20_000)
            return cluster.summaries(0) == cluster.summaries(2)
                && (0..<3).allSatisfy { !cluster.isComparing($0) }
        }
    }

    @Test func nonsenseEndsAComparisonAndNothingElse() {
        let cluster = threeReplicas()
        cluster.writeBehindItsBack(0..<5, from: 0)
        var random = RandomSource(seed: Seeds.base)
        for kind in [ComparisonPart.Kind.roots, .nodes, .versions, .differing, .marks, .answer] {
            for count in [0, 1, 7, 40, 300] {
                let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                cluster.handle(.compare(preview: false), at: NodeID(0))
                cluster.pass(1)
                for step: UInt32 in 1...3 {
                    Bytes.lending(bytes) { body in
                        cluster.handle(
                            .message(
                                .comparison(
                                    ComparisonPart(
                                        kind, keyspace: .default, round: 1, step: step,
                                        body: body)),
                                from: NodeID(1)), at: NodeID(0))
                    }
                }
            }
        }
        cluster.parcels.removeAll()
        cluster.settle(10_000)
        cluster.handle(.compare(preview: false), at: NodeID(2))
        cluster.settle(10_000)
        #expect(cluster.summaries(0) == cluster.summaries(2))
    }
}
