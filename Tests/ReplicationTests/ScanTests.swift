import Basics
import Causality
import Replication
import TestSupport
import Testing

/// A scan of names through all of a keyspace by hash, as SCAN asks for it.
private func names(
    _ c: Cluster, at node: Int, r: UInt8 = 0, count: Int = 7, before: (Int) -> Void = { _ in }
) -> [String] {
    var found: [String] = []
    var from: UInt64 = 0
    for step in 0..<10_000 {
        before(step)
        c.pages.removeAll()
        c.scan(
            Scan(.hash(from), .page(count), in: .default, options: RequestOptions(r: r)), at: node,
            1_000_000 + UInt32(step))
        c.deliverAll()
        c.pass(2)
        c.deliverAll()
        guard let page = c.pages.first else { return found + ["no answer"] }
        found += page.keys
        guard case .hash(let next)? = page.next else { return found }
        from = next
    }
    return found + ["no end"]
}

private func texts(_ c: Cluster, _ sequence: UInt32) -> [String] { c.answers[sequence] ?? [] }

private func range(
    _ c: Cluster, from key: String, _ count: Int, at node: Int, _ sequence: UInt32, r: UInt8 = 0,
    hasValues: Bool = true
) -> String {
    Bytes.lending(Array(key.utf8)) { key in
        c.scan(
            Scan(
                .key(key), .page(count), in: .default, hasValues: hasValues,
                options: RequestOptions(r: r)), at: node, sequence)
    }
    c.deliverAll()
    c.pass(2)
    c.deliverAll()
    return texts(c, sequence).joined(separator: "|")
}

@Test(arguments: [(1, 1, 1), (3, 3, 2), (5, 3, 2), (7, 2, 1), (20, 3, 2)])
func everyKeyIsScannedExactlyOnceWhileNothingChanges(nodes: Int, n: UInt8, r: UInt8) {
    let c = Cluster(nodes: nodes, n: n, r: r, w: n / 2 + 1)
    for i in 0..<200 { c.put("k\(i)", "v", at: i % nodes, UInt32(i)) }
    c.deliverAll()
    for i in 0..<200 where i % 5 == 0 { c.delete("k\(i)", at: 0, 1_000 + UInt32(i)) }
    c.deliverAll()
    let expected = (0..<200).filter { $0 % 5 != 0 }.map { "k\($0)" }.sorted()
    for node in [0, nodes - 1] { #expect(names(c, at: node).sorted() == expected) }
}

@Test func keysThatStayAreScannedAtLeastOnceWhateverElseHappens() {
    Seeds.forAll(20, "what stays is scanned") { random in
        let c = Cluster(nodes: 3, n: 3, r: 2, w: 2)
        for i in 0..<60 { c.put("stays\(i)", "v", at: 0, UInt32(i)) }
        c.deliverAll()
        var sequence: UInt32 = 100
        let found = names(c, at: 1, count: 1 + random.below(9)) { _ in
            for _ in 0..<4 {
                let key = "moves\(random.below(40))"
                sequence += 1
                if random.chance(1, in: 2) {
                    c.put(key, "x", at: random.below(3), sequence)
                } else {
                    c.delete(key, at: random.below(3), sequence)
                }
            }
            c.deliverAll()
        }
        return Set(found.filter { $0.hasPrefix("stays") }) == Set((0..<60).map { "stays\($0)" })
    }
}

@Test func aRangeIsSortedMergedAndCutWhereItIsFull() {
    let c = Cluster(nodes: 5, n: 3, r: 2, w: 2)
    for i in 10..<40 { c.put("k\(i)", "v\(i)", at: i % 5, UInt32(i)) }
    c.deliverAll()
    c.delete("k12", at: 3, 50)
    c.deliverAll()
    #expect(range(c, from: "k11", 3, at: 4, 100) == "scanned k11=v11 k13=v13 k14=v14")
    #expect(c.pages.last?.next == .key(Array("k14".utf8) + [0]) || c.pages.last?.next != nil)
    #expect(range(c, from: "k38", 10, at: 0, 101) == "scanned k38=v38 k39=v39")
    #expect(c.pages.last?.next == nil)
    #expect(range(c, from: "k3", 2, at: 2, 102, hasValues: false) == "scanned k30 k31")
    #expect(range(c, from: "z", 2, at: 2, 103) == "scanned ")
}

@Test func theNewestOfRReplicasIsScanned() {
    // One replica has missed a change, one a deletion and one a new key.
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 2, readRepair: .none)
    for key in ["a", "b"] { c.put(key, "old", at: 0, key == "a" ? 1 : 2) }
    c.deliverAll()
    c.put("a", "new", at: 0, 3)
    c.parcels.removeAll { $0.kind == "store" && $0.to == NodeID(2) }
    c.deliverAll()
    c.delete("b", at: 0, 4)
    c.deliverAll { $0.kind != "store" }
    c.parcels.removeAll { $0.kind == "store" && $0.to == NodeID(2) }
    c.deliverAll()
    c.put("c", "x", at: 0, 5)
    c.parcels.removeAll { $0.kind == "store" && $0.to == NodeID(2) }
    c.deliverAll()
    c.parcels.removeAll()
    #expect(range(c, from: "", 9, at: 2, 100) == "scanned a=new c=x")
    #expect(range(c, from: "", 9, at: 2, 101, r: 1) == "scanned a=old b=old")
    #expect(names(c, at: 2).sorted() == ["a", "c"])
}

@Test func aScanWithoutEnoughReplicasIsRefused() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    for peer in 1...2 { c.handle(.reachable(NodeID(peer), false), at: NodeID(0)) }
    #expect(range(c, from: "", 3, at: 0, 1).contains("unavailable(reachable: 1, needed: 2)"))
    #expect(range(c, from: "", 3, at: 0, 2, r: 4).contains("quorumTooLarge"))
    #expect(range(c, from: "", 3, at: 0, 3, r: 1) == "scanned ")
}

@Test func lostQuestionsAreAskedAgainAndSilenceEndsUnknown() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    c.put("a", "1", at: 0, 1)
    c.deliverAll()
    Bytes.lending([]) { key in
        c.scan(Scan(.key(key), .page(3), in: .default, hasValues: true), at: 0, 2)
    }
    c.parcels.removeAll()
    c.pass(350)
    #expect(c.parcels.filter { $0.kind == "scan" }.count == 2)
    c.deliverAll()
    #expect(texts(c, 2) == ["scanned a=1"])
    c.scan(Scan(.hash(0), .page(3), in: .default), at: 0, 3)
    for _ in 0..<4 {
        c.parcels.removeAll()
        c.pass(350)
    }
    #expect(texts(c, 3).first?.contains("unknown") == true, "\(texts(c, 3))")
    #expect(c.inFlight(0) == 0)
}

@Test func answersOfAnEarlierRoundAreNotTaken() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    for i in 0..<30 { c.put("k\(i)", "v", at: 0, UInt32(i)) }
    c.deliverAll()
    for i in 0..<29 { c.delete("k\(i)", at: 0, 100 + UInt32(i)) }
    c.deliverAll()
    Bytes.lending([]) { key in
        c.scan(Scan(.key(key), .page(1), in: .default, hasValues: true), at: 0, 500)
    }
    // Every answer comes twice.
    while let parcel = c.parcels.first {
        c.parcels.removeFirst()
        c.deliver(parcel)
        if parcel.kind == "scanned" { c.deliver(parcel) }
        if c.parcels.isEmpty { c.pass(2) }
    }
    #expect(texts(c, 500) == ["scanned k29=v"] || texts(c, 500) == ["scanned k9=v"])
    #expect(texts(c, 500).count == 1)
}

@Test func allKeysAndARandomOneAreFound() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    c.scan(Scan(.anywhere, .page(1), in: .default), at: 0, 1)
    c.deliverAll()
    #expect(texts(c, 1) == ["scanned "])
    for i in 0..<50 { c.put("k\(i)", "v", at: 0, 10 + UInt32(i)) }
    c.deliverAll()
    c.scan(Scan(.hash(0), .all, in: .default), at: 2, 2)
    c.deliverAll()
    #expect(Set(c.pages.last?.keys ?? []) == Set((0..<50).map { "k\($0)" }))
    for i in 0..<20 {
        c.scan(Scan(.anywhere, .page(1), in: .default), at: i % 3, 100 + UInt32(i))
        c.deliverAll()
        c.pass(2)
        c.deliverAll()
        #expect(c.pages.last?.keys.isEmpty == false)
    }
}

@Test func linearizableModesNameTheirKeysButDoNotListValues() {
    for mode in [ConflictMode.abd, .cp] {
        let c = Cluster(nodes: 3, n: 3, r: 2, w: 2, mode: mode)
        #expect(range(c, from: "", 3, at: 0, 1).contains("valuesOfRegisters"))
        #expect(range(c, from: "", 3, at: 0, 2, hasValues: false) == "scanned ")
    }
}

@Test func siblingsAreJoinedAndTheNewestIsListed() {
    let c = Cluster(nodes: 3, n: 3, r: 2, w: 2, mode: .siblings)
    c.put("a", "1", at: 0, 1)
    c.deliverAll()
    c.pass(1_500)
    c.deliverAll()
    c.put("a", "2", at: 0, 2)
    c.put("b", "3", at: 1, 3)
    c.deliverAll()
    #expect(range(c, from: "", 9, at: 2, 4) == "scanned a=2 b=3")
    c.delete("b", at: 1, 5)
    c.deliverAll()
    #expect(names(c, at: 2) == ["a"])
}

@Test func malformedBodiesOfScansAreRefused() {
    Seeds.forAll(500, "a body of noise is refused or taken, never more") { random in
        let bytes = (0..<random.below(80)).map { _ in UInt8(truncatingIfNeeded: random.below(4)) }
        Bytes.lending(bytes) { body in
            do throws(DecodeError) {
                try ScanMessages.check(question: body)
                try ScanMessages.check(answer: body)
            } catch {
                // Noise is refused: that is what is expected of most of it.
                return
            }
        }
        return true
    }
}
