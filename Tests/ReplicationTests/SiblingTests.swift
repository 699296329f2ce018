import Basics
import Causality
import Partitioning
import Replication
import Storage
import TestSupport
import Testing

/// A cluster whose secret is decided, in mode siblings.
private func siblingCluster(
    _ nodes: Int = 3, readRepair: ReadRepair = .asynchronous, kind: QuorumKind = .strict
) -> Cluster {
    let cluster = Cluster(
        nodes: nodes, n: 3, r: 2, w: 2, readRepair: readRepair, quorumKind: kind, mode: .siblings)
    cluster.deliverAll()
    return cluster
}

@Test func blindWritesAreSiblingsUntilAContextReplacesThem() throws {
    let cluster = siblingCluster()
    cluster.put("k", "a", at: 0, 1)
    cluster.put("k", "b", at: 1, 2)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"] && cluster.answers[2] == ["stored"])
    cluster.get("k", at: 2, 3)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["siblings a,b"])
    cluster.write("k", "c", context: cluster.contexts[0], at: 2, 4)
    cluster.put("k", "d", at: 0, 5)
    cluster.deliverAll()
    cluster.get("k", at: 1, 6)
    cluster.deliverAll()
    #expect(cluster.answers[6] == ["siblings c,d"])
    cluster.delete("k", at: 1, 7)
    cluster.deliverAll()
    #expect(cluster.answers[7] == ["deleted true"])
    cluster.get("k", at: 0, 8)
    cluster.deliverAll()
    #expect(cluster.answers[8] == ["siblings "])
    // The context of what was deleted still covers it.
    cluster.write("k", "e", context: cluster.contexts[2], at: 0, 9)
    cluster.deliverAll()
    cluster.get("k", at: 2, 10)
    cluster.deliverAll()
    #expect(cluster.answers[10] == ["siblings e"])
}

@Test func contextsThatWereNotGivenForTheKeyAreRefused() throws {
    let cluster = siblingCluster()
    cluster.put("k", "a", at: 0, 1)
    cluster.deliverAll()
    cluster.get("k", at: 0, 2)
    cluster.deliverAll()
    let token = cluster.contexts[0]
    cluster.write("other", "x", context: token, at: 0, 3)
    #expect(cluster.answers[3] == ["failed badContext"])
    var sequence: UInt32 = 10
    for place in token.indices {
        var forged = token
        forged[place] = forged[place] == 65 ? 66 : 65
        cluster.write("k", "x", context: forged, at: 0, sequence)
        #expect(cluster.answers[sequence] == ["failed badContext"], "byte \(place)")
        sequence += 1
    }
    for bytes in [[], Array("AAAA".utf8), Array(repeating: 65, count: 200_000)] {
        cluster.write("k", "x", context: bytes, at: 0, sequence)
        #expect(cluster.answers[sequence] == ["failed badContext"])
        sequence += 1
    }
    cluster.write("k", "b", context: token, at: 0, sequence)
    cluster.deliverAll()
    #expect(cluster.answers[sequence] == ["stored"])
}

@Test func aKeyTakesNoMoreThanItsSiblings() {
    let cluster = siblingCluster()
    for number in 0..<UInt32(Limits.siblings) {
        cluster.put("k", "v\(number)", at: 0, number)
        cluster.deliverAll()
        #expect(cluster.answers[number] == ["stored"])
    }
    cluster.put("k", "more", at: 0, 100)
    #expect(cluster.answers[100] == ["failed siblingLimit"])
    cluster.get("k", at: 0, 101)
    cluster.deliverAll()
    cluster.write("k", "one", context: cluster.contexts[0], at: 0, 102)
    cluster.deliverAll()
    #expect(cluster.answers[102] == ["stored"])
    cluster.put("k", "two", at: 0, 103)
    cluster.deliverAll()
    #expect(cluster.answers[103] == ["stored"])
}

@Test func aNodeThatIsNoReplicaPassesAWriteOnOnce() throws {
    let cluster = siblingCluster(5)
    let other = Int(try #require(cluster.roles("k").other).index)
    cluster.put("k", "a", at: other, 1)
    #expect(cluster.parcels.map(\.kind) == ["pass"])
    // It arrives twice: one write.
    cluster.parcels.append(cluster.parcels[0])
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"])
    cluster.get("k", at: other, 2)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["siblings a"])
    cluster.delete("k", at: other, 3)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["deleted true"])
    cluster.put("k", "b", at: other, 4)
    cluster.parcels.removeAll()
    cluster.pass(1_400)
    #expect(cluster.answers[4] == ["unknown 0/1"])
    #expect(cluster.inFlight(other) == 0)
}

@Test func repairJoinsWhatReplicasKnow() {
    let cluster = siblingCluster(readRepair: .blocking)
    cluster.put("k", "a", at: 0, 1, w: 1)
    cluster.put("k", "b", at: 1, 2, w: 1)
    cluster.parcels.removeAll()
    cluster.get("k", at: 0, 3)
    cluster.deliverAll { !($0.to == NodeID(2) || $0.from == NodeID(2)) }
    #expect(cluster.answers[3] == ["siblings a,b"])
    cluster.parcels.removeAll()
    // Two replicas hold both now, so that no quorum misses one.
    cluster.get("k", at: 2, 4)
    cluster.deliverAll { $0.to != NodeID(0) && $0.from != NodeID(0) }
    #expect(cluster.answers[4] == ["siblings a,b"])
}

@Test func standInsHoldWhatTheyAreGivenTogether() throws {
    let cluster = siblingCluster(5, kind: .sloppy)
    let roles = cluster.roles("k")
    let (first, away) = (Int(roles.replicas[0].index), roles.replicas[2])
    for node in 0..<5 where NodeID(node) != away {
        cluster.handle(.reachable(away, false), at: NodeID(node))
    }
    cluster.put("k", "a", at: first, 1)
    cluster.deliverAll()
    cluster.put("k", "b", at: Int(roles.replicas[1].index), 2)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["stored"] && cluster.answers[2] == ["stored"])
    #expect((0..<5).map { cluster.owed($0) }.reduce(0, +) == 1)
    for node in 0..<5 { cluster.handle(.reachable(away, true), at: NodeID(node)) }
    cluster.pass(300)
    cluster.deliverAll()
    #expect((0..<5).map { cluster.owed($0) }.reduce(0, +) == 0)
    cluster.request(
        { .get($0, RequestOptions(r: 1, kind: .strict)) }, "k", at: Int(away.index), 3)
    #expect(cluster.answers[3] == ["siblings a,b"])
}

@Test func sessionTokensAreNotForSiblings() {
    let cluster = siblingCluster()
    let token = Version(stamp: 5, actor: Actor(node: NodeID(0), incarnation: 1))
    cluster.get("k", at: 0, 1, token: token)
    cluster.put("k", "v", at: 0, 2, token: token)
    #expect(cluster.answers[1] == ["failed tokenOfSiblings"])
    #expect(cluster.answers[2] == ["failed tokenOfSiblings"])
}

/// Writers that read before they write, at any node, with anything delayed: an acknowledged value
/// is returned, or is in the past of what is.
@Test func noAcknowledgedSiblingIsLost() {
    Seeds.forAll(400, "acknowledged siblings are returned or covered") { random in
        let cluster = siblingCluster(3 + random.below(3), readRepair: .blocking)
        let nodes = cluster.placement.nodeCount
        var sequence: UInt32 = 0
        var writes: [UInt32: (value: String, seen: Set<String>)] = [:]
        var reads: [UInt32: Int] = [:]
        /// By context: what it covers, with all that this covered.
        var covered: [Set<String>] = []
        var past: [String: Set<String>] = [:]
        for _ in 0..<60 {
            sequence += 1
            switch random.below(6) {
            case 0, 1:
                let value = "v\(sequence)"
                if covered.isEmpty || random.chance(1, in: 3) {
                    writes[sequence] = (value, [])
                    cluster.put("k", value, at: random.below(nodes), sequence)
                } else {
                    let place = random.below(covered.count)
                    writes[sequence] = (value, covered[place])
                    cluster.write(
                        "k", value, context: cluster.contexts[place], at: random.below(nodes),
                        sequence)
                }
                past[value] = writes[sequence]?.seen
            case 2: cluster.get("k", at: random.below(nodes), sequence)
            default:
                for _ in 0..<random.below(8) where !cluster.parcels.isEmpty {
                    cluster.deliver(cluster.parcels.remove(at: random.below(cluster.parcels.count)))
                }
            }
            while covered.count < cluster.contexts.count {
                covered.append(closure(of: cluster.lastSiblings[covered.count], past))
            }
            reads[sequence] = covered.count
        }
        cluster.deliverAll()
        cluster.pass(1_500)
        cluster.deliverAll()
        cluster.get("k", at: 0, 1_000, r: 3)
        cluster.deliverAll()
        guard let last = cluster.lastSiblings.last else { return false }
        let known = closure(of: last, past)
        return writes.allSatisfy { sequence, write in
            cluster.answers[sequence] != ["stored"] || known.contains(write.value)
        }
    }
}

private func closure(of values: Set<String>, _ past: [String: Set<String>]) -> Set<String> {
    values.reduce(into: values) { $0.formUnion(past[$1] ?? []) }
}
