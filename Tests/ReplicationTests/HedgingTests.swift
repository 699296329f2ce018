import Basics
import Causality
import Replication
import TestSupport
import Testing

/// A cluster in which node 4 of five holds no replica of `key`, and every read of a value asks one
/// replica for it and the others for its version.
private func digesting(_ value: String = "value") -> (Cluster, node: Int, replicas: [Int]) {
    let c = Cluster(nodes: 5, n: 3, r: 2, w: 3, readRepair: .asynchronous, digestBytes: 0)
    let roles = c.roles("k")
    let node = (0..<5).first { !roles.replicas.contains(NodeID($0)) } ?? 0
    c.put("k", value, at: node, 1)
    c.deliverAll()
    // The node has seen that values are longer than nothing.
    c.get("k", at: node, 2)
    c.deliverAll()
    return (c, node, roles.replicas.map { Int($0.index) })
}

@Test func oneReplicaSendsTheValueAndTheOthersItsVersion() {
    let (c, node, _) = digesting()
    c.get("k", at: node, 3)
    c.deliverAll { $0.kind == "fetch" }
    #expect(c.parcels.map(\.kind).sorted() == ["fetched", "fetched-same", "fetched-same"])
    c.deliverAll()
    #expect(c.answers[3] == ["value value"])
    #expect(c.counters(node).digestRefetches == 0)
}

@Test func aNewerVersionElsewhereIsFetchedBeforeTheAnswer() {
    // Whichever replica sends the value: the newest of R is returned.
    for missing in 0..<3 {
        let (c, node, replicas) = digesting("old")
        c.put("k", "new", at: node, 3)
        c.parcels.removeAll { $0.kind == "store" && $0.to == NodeID(replicas[missing]) }
        c.deliverAll()
        for first in 0..<3 {
            let sequence = UInt32(10 + first)
            c.get("k", at: node, sequence, repair: ReadRepair.none)
            c.deliverAll { $0.kind == "fetch" }
            // One answer is heard before the others.
            c.deliverAll { $0.from == NodeID(replicas[first]) }
            c.deliverAll()
            #expect(c.answers[sequence] == ["value new"], "\(missing) \(first)")
        }
        c.pass(400)
        #expect(c.inFlight(node) == 0)
    }
}

@Test func aSilentHolderOfTheValueIsNotWaitedFor() {
    let (c, node, replicas) = digesting()
    c.get("k", at: node, 3)
    let asked = c.parcels.filter { $0.kind == "fetch" && $0.version != .largestOfTest }
    #expect(asked.count == 1)
    let holder = asked.first?.to ?? NodeID(0)
    #expect(replicas.contains(Int(holder.index)))
    c.parcels.removeAll { $0.to == holder }
    c.deliverAll()
    #expect(c.answers[3] == ["value value"])
    #expect(c.counters(node).digestRefetches == 1)
}

@Test func readsByVersionsReturnTheNewestOfRUnderLossRepetitionAndReordering() {
    Seeds.forAll(200, "no read is older than the last acknowledged write") { random in
        let (c, node, _) = digesting()
        var newest = 0
        for round in 1...6 {
            c.put("k", "\(round)", at: node, UInt32(100 + round), w: 2)
            while let parcel = take(&c.parcels, &random) {
                if parcel.kind == "store", random.chance(1, in: 4) { continue }
                c.deliver(parcel)
            }
            c.pass(1_100)
            if c.answers[UInt32(100 + round)] == ["stored"] { newest = round }
            c.get("k", at: node, UInt32(200 + round))
            while let parcel = take(&c.parcels, &random) {
                c.deliver(parcel)
                if random.chance(1, in: 4) { c.deliver(parcel) }
            }
            c.pass(1_100)
            c.deliverAll()
            guard let answer = c.answers[UInt32(200 + round)]?.first,
                let read = Int(answer.dropFirst("value ".count)) ?? (newest == 0 ? 0 : nil)
            else { return false }
            if read < newest { return false }
        }
        return true
    }
}

private func take(
    _ parcels: inout [Cluster.Parcel], _ random: inout RandomSource
) -> Cluster.Parcel? {
    parcels.isEmpty ? nil : parcels.remove(at: random.below(parcels.count))
}

extension Version {
    /// What asks for a version only.
    fileprivate static let largestOfTest = Version(stamp: .max, actor: Actor(raw: .max))
}

@Test func aHedgedReadAsksRReplicasAndOneMoreWhenOneIsLate() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 3, hedge: 950)
    c.put("k", "v", at: 0, 1)
    c.deliverAll()
    c.get("k", at: 0, 2)
    #expect(c.parcels.filter { $0.kind == "fetch" }.count == 1)
    c.deliverAll()
    #expect(c.answers[2] == ["value v"] && c.counters(0).hedges == 0)
    // Lost: after the ten milliseconds that are assumed at first the third one is asked.
    c.get("k", at: 0, 3)
    c.parcels.removeAll()
    c.pass(8)
    #expect(c.parcels.isEmpty)
    c.pass(5)
    #expect(c.parcels.filter { $0.kind == "fetch" }.count == 1)
    c.deliverAll()
    #expect(c.answers[3] == ["value v"] && c.counters(0).hedges == 1)
    c.pass(400)
    #expect(c.inFlight(0) == 0)
}

@Test func theDelayOfAHedgeFollowsTheLink() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 3, hedge: 950)
    c.put("k", "v", at: 0, 1)
    c.deliverAll()
    // Answers take 40 ms: no hedge is sent before that once it is known.
    var sequence: UInt32 = 10
    for _ in 0..<200 {
        sequence += 1
        c.get("k", at: 0, sequence)
        c.deliverAll { $0.kind == "fetch" }
        c.pass(40)
        c.deliverAll()
    }
    let before = c.counters(0).hedges
    for _ in 0..<20 {
        sequence += 1
        c.get("k", at: 0, sequence)
        c.deliverAll { $0.kind == "fetch" }
        c.pass(38)
        c.deliverAll()
    }
    #expect(c.counters(0).hedges == before)
}

@Test func everyoneIsAskedWhereBlockingRepairNeedsThem() {
    let c = Cluster(nodes: 3, n: 3, r: 1, w: 3, readRepair: .blocking, hedge: 500)
    c.put("k", "v", at: 0, 1)
    c.deliverAll()
    c.get("k", at: 0, 2)
    #expect(c.parcels.filter { $0.kind == "fetch" }.count == 2)
    c.deliverAll()
    #expect(c.answers[2] == ["value v"])
}

@Test func aReadBehindItsTokenAsksThoseHeldBack() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 2, readRepair: .none, hedge: 500)
    c.put("k", "old", at: 0, 1)
    c.deliverAll()
    c.put("k", "new", at: 2, 2, w: 1)
    c.parcels.removeAll()
    c.get("k", at: 0, 3, token: c.versions.last ?? .none)
    for _ in 0..<10 where c.answers[3] == nil {
        c.pass(100)
        c.deliverAll()
    }
    #expect(c.answers[3] == ["value new"])
}
