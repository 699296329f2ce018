import Basics
import Replication
import Testing

@Test func aValueIsAbsentFromItsEndOn() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    Bytes.lending(Array("v".utf8)) { value in
        var options = RequestOptions()
        options.expiry = .after(100)
        cluster.request({ .put($0, value, options) }, "k", at: 0, 1)
    }
    cluster.deliverAll()
    cluster.request({ .life($0, RequestOptions()) }, "k", at: 1, 2)
    cluster.get("k", at: 1, 3)
    cluster.deliverAll()
    #expect(cluster.answers[2] == ["until(1100, now: 1000)"])
    #expect(cluster.answers[3] == ["value v"])
    cluster.pass(101)
    for node in 0..<3 {
        let sequence = UInt32(10 + node)
        cluster.get("k", at: node, sequence)
        cluster.get("k", at: node, sequence + 10, r: 1)
        cluster.deliverAll()
        #expect(cluster.answers[sequence] == ["absent"])
        #expect(cluster.answers[sequence + 10] == ["absent"])
    }
    cluster.request({ .life($0, RequestOptions()) }, "k", at: 1, 30)
    cluster.delete("k", at: 2, 31)
    cluster.deliverAll()
    #expect(cluster.answers[30] == ["absent"])
    #expect(cluster.answers[31] == ["deleted false"])
    cluster.put("k", "w", at: 0, 32)
    cluster.deliverAll()
    cluster.request({ .life($0, RequestOptions()) }, "k", at: 1, 33)
    cluster.deliverAll()
    #expect(cluster.answers[33] == ["endless"])
}

@Test func aKeyspaceGivesItsWritesAnEnd() {
    let cluster = Cluster(nodes: 3, n: 3, r: 2, w: 2)
    var settings = KeyspaceSettings()
    settings.timeToLive = 50
    cluster.define(.alter("default", settings), at: 0, 1)
    cluster.deliverAll()
    cluster.put("k", "v", at: 1, 2)
    cluster.deliverAll()
    cluster.get("k", at: 2, 3)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["value v"])
    cluster.pass(60)
    cluster.get("k", at: 2, 4)
    cluster.deliverAll()
    #expect(cluster.answers[4] == ["absent"])
}

@Test func siblingsEndOneByOne() throws {
    let cluster = Cluster(nodes: 5, n: 3, r: 2, w: 2, mode: .siblings)
    cluster.deliverAll()
    let other = try #require(cluster.roles("k").other)
    Bytes.lending(Array("short".utf8)) { value in
        var options = RequestOptions()
        options.expiry = .after(50)
        // Passed on, with its end.
        cluster.request({ .put($0, value, options) }, "k", at: Int(other.index), 1)
    }
    cluster.put("k", "long", at: 0, 2)
    cluster.deliverAll()
    cluster.get("k", at: 1, 3)
    cluster.deliverAll()
    #expect(cluster.answers[3] == ["siblings long,short"])
    cluster.pass(60)
    cluster.get("k", at: 1, 4)
    cluster.deliverAll()
    #expect(cluster.answers[4] == ["siblings long"])
}
