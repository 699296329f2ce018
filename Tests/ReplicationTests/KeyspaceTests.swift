import Basics
import Partitioning
import Replication
import Storage
import TestSupport
import Testing

private func settings(_ set: (inout KeyspaceSettings) -> Void) -> KeyspaceSettings {
    var settings = KeyspaceSettings()
    set(&settings)
    return settings
}

@Test func aKeyspaceIsKnownToAllOnceAMajorityHasAcceptedIt() {
    let cluster = Cluster(nodes: 5, n: 3, r: 2, w: 2)
    cluster.define(.create("five", settings { $0.n = 5 }), at: 4, 1)
    #expect(cluster.answers[1] == nil)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["defined 1"])
    for node in 0..<5 {
        #expect(cluster.keyspaces(node).map(\.name) == ["default", "five"])
        #expect(cluster.keyspaces(node)[1].n == 5 && cluster.keyspaces(node)[1].r == 3)
    }
    Bytes.lending(Array("v".utf8)) { value in
        cluster.request(
            { .put($0, value, RequestOptions()) }, "k", at: 0, 2, in: KeyspaceID(1))
    }
    #expect(cluster.parcels.count == 4)
    cluster.deliverAll()
    cluster.request({ .get($0, RequestOptions()) }, "k", at: 3, 3, in: KeyspaceID(1))
    cluster.get("k", at: 3, 4)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["stored"])
    #expect(cluster.answers[3] == ["value v"])
    #expect(cluster.answers[4] == ["absent"])
}

@Test func whatIsNoKeyspaceIsRefused() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.request({ .get($0, RequestOptions()) }, "k", at: 0, 1, in: KeyspaceID(7))
    #expect(cluster.answers[1] == ["failed unknownKeyspace"])
    cluster.define(.create("a", KeyspaceSettings()), at: 0, 2)
    cluster.deliverAll()
    cluster.define(.drop("a"), at: 1, 3)
    cluster.deliverAll()
    cluster.request({ .get($0, RequestOptions()) }, "k", at: 0, 4, in: KeyspaceID(1))
    #expect(cluster.answers[4] == ["failed unknownKeyspace"])
    cluster.define(.create("b", KeyspaceSettings()), at: 2, 5)
    cluster.deliverAll()
    #expect(cluster.keyspaces(0).map(\.id) == [KeyspaceID(0), KeyspaceID(2)])
}

@Test func changesThatCannotBeSayWhy() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.define(.create("a", KeyspaceSettings()), at: 0, 1)
    cluster.deliverAll()
    let changes: [(DefinitionChange, String)] = [
        (.create("a", KeyspaceSettings()), "exists"),
        (.create("default", KeyspaceSettings()), "exists"),
        (.create("b", settings { $0.n = 4 }), "tooFewMembers(n: 4, members: 3)"),
        (
            .create(
                "b",
                settings {
                    $0.n = 2; $0.r = 3
                }), "quorumTooLarge(asked: 3, n: 2)"
        ),
        (.create("b", settings { $0.mode = .cp }), "unservedMode"),
        (.alter("a", settings { $0.n = 2 }), "fixed"),
        (.alter("b", settings { $0.r = 1 }), "unknown"),
        (.drop("b"), "unknown"),
        (.drop("default"), "defaultKeyspace"),
    ]
    for (number, (change, why)) in changes.enumerated() {
        let sequence = UInt32(10 + number)
        cluster.define(change, at: number % 3, sequence)
        cluster.deliverAll()
        let answer = cluster.answers[sequence]?.first ?? ""
        #expect(answer.hasPrefix("failed definition(") && answer.contains(why), "\(answer)")
    }
    #expect(cluster.definition(0).version == 1)
}

@Test func alteredDefaultsHoldForRequestsThatSayNothing() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    cluster.define(
        .alter(
            "default",
            settings {
                $0.w = 3; $0.readRepair = ReadRepair.none
            }), at: 0, 1)
    cluster.deliverAll()
    cluster.put("k", "v", at: 1, 2)
    cluster.parcels.removeAll { $0.kind == "store" && $0.to == NodeID(2) }
    cluster.deliverAll()
    #expect(cluster.answers[2] == nil)
    cluster.pass(1_400)
    #expect(cluster.answers[2] == ["unknown 2/3"])
}

@Test func aMinorityChangesNothing() {
    let cluster = Cluster(nodes: 5, n: 3, r: 2, w: 2)
    for peer in [2, 3, 4] { cluster.handle(.reachable(NodeID(peer), false), at: NodeID(0)) }
    cluster.define(.create("a", KeyspaceSettings()), at: 0, 1)
    #expect(
        cluster.answers[1] == [
            "failed definition(Replication.DefinitionRefusal.noMajority(reachable: 2, members: 5))"
        ])
    // Reached, but silent: certainly without effect as long as only promises were asked for.
    cluster.define(.create("a", KeyspaceSettings()), at: 1, 2)
    cluster.parcels.removeAll()
    cluster.pass(1_400)
    #expect(cluster.answers[2]?.first?.contains("noMajority") == true)
}

@Test func aMemberThatWasAwayLearnsWhatWasDecided() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    for node in 0..<2 { cluster.handle(.reachable(NodeID(2), false), at: NodeID(node)) }
    cluster.define(.create("a", KeyspaceSettings()), at: 0, 1)
    cluster.deliverAll()
    #expect(cluster.answers[1] == ["defined 1"])
    #expect(cluster.definition(2).version == 0)
    for node in 0..<2 { cluster.handle(.reachable(NodeID(2), true), at: NodeID(node)) }
    // What is sent on its return is lost, and sent again.
    cluster.parcels.removeAll()
    cluster.pass(300)
    cluster.deliverAll()
    #expect(cluster.definition(2).version == 1)
    cluster.pass(300)
    #expect(cluster.parcels.isEmpty)
}

@Test func aReplicaThatLacksAKeyspaceAsksForTheDefinition() {
    let cluster = Cluster(nodes: 3, n: 3, r: 3, w: 3)
    cluster.define(.create("a", settings { $0.w = 3 }), at: 0, 1)
    cluster.deliverAll { $0.to != NodeID(2) || $0.kind != "definition" }
    cluster.parcels.removeAll()
    #expect(cluster.definition(2).version == 0)
    Bytes.lending(Array("v".utf8)) { value in
        cluster.request(
            { .put($0, value, RequestOptions()) }, "k", at: 0, 2, in: KeyspaceID(1))
    }
    cluster.deliverAll()
    #expect(cluster.definition(2).version == 1)
    cluster.pass(400)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["stored"])
}

/// Whatever is lost, repeated or reordered: two definitions of one version are one, and what was
/// acknowledged is in every later one.
@Test func membersNeverDecideTwoDefinitionsOfOneVersion() {
    Seeds.forAll(300, "definitions are decided once") { random in
        let cluster = Cluster(nodes: 3 + random.below(3), n: 3, r: 2, w: 2)
        let members = cluster.placement.nodeCount
        var decided: [UInt64: ClusterDefinition] = [:]
        var sequence: UInt32 = 0
        for _ in 0..<200 {
            switch random.below(12) {
            case 0:
                sequence += 1
                cluster.define(
                    .create("k\(sequence)", KeyspaceSettings()), at: random.below(members), sequence
                )
            case 1: cluster.pass(random.below(400))
            case 2 where !cluster.parcels.isEmpty:
                cluster.parcels.remove(at: random.below(cluster.parcels.count))
            case 3 where !cluster.parcels.isEmpty:
                cluster.parcels.append(cluster.parcels[random.below(cluster.parcels.count)])
            default:
                guard !cluster.parcels.isEmpty else { continue }
                cluster.deliver(cluster.parcels.remove(at: random.below(cluster.parcels.count)))
            }
            for node in 0..<members {
                let definition = cluster.definition(node)
                if let known = decided[definition.version], known != definition { return false }
                decided[definition.version] = definition
            }
        }
        for _ in 0..<20 {
            cluster.deliverAll()
            cluster.pass(400)
        }
        let last = cluster.definition(0)
        let acknowledged = cluster.answers.filter { $0.value[0].hasPrefix("defined") }.map(\.key)
        return (1..<members).allSatisfy { cluster.definition($0) == last }
            && acknowledged.allSatisfy { last.keyspace(named: "k\($0)") != nil }
    }
}
