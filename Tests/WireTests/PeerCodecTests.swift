import Basics
import Causality
import Replication
import TestSupport
import Testing
import Wire

private func random(_ random: inout RandomSource, _ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}

private func isSame(_ a: Content, _ b: Content) -> Bool {
    a.form == b.form && a.bytes == b.bytes && a.expiry == b.expiry
}

private func isSame(_ a: HashedKey, _ b: HashedKey) -> Bool {
    a.bytes == b.bytes && a.hash == b.hash && a.keyspace == b.keyspace
}

private func sample(
    _ kind: Int, _ hashed: HashedKey, _ content: Content, _ version: Version, _ ticket: Ticket,
    _ shown: Bytes
) -> Message {
    switch kind {
    case 0: .store(hashed, content, version, ticket)
    case 1: .store(hashed, .tombstone, version, ticket)
    case 2: .stored(ticket)
    case 3: .fetch(hashed, known: version, ticket)
    case 4: .fetched(version, .found(content), ticket)
    case 5: .fetched(version, .found(.tombstone), ticket)
    case 6: .repair(hashed, content, version)
    case 7: .repair(hashed, .tombstone, version)
    case 8: .hint(hashed, content, version, for: NodeID(7), ticket)
    case 9: .definition(shown)
    case 11:
        .comparison(
            ComparisonPart(
                .marks, keyspace: hashed.keyspace, round: ticket.index, step: 9,
                body: hashed.bytes))
    default: .hint(hashed, .tombstone, version, for: NodeID(7), ticket)
    }
}

/// A set of one value.
private func siblings(_ value: [UInt8], _ version: Version) -> [UInt8] {
    var out = ByteBuffer()
    Bytes.lending(value) { bytes in
        do {
            let dot = SiblingSet.Dot(stamp: version.stamp, value: bytes, expiry: 0)
            try SiblingSet.empty.written(
                dot, by: version.actor, having: SiblingSet.empty, into: &out)
        } catch {
            Issue.record(error)
        }
    }
    return out.bytes.copied()
}

@Test func messagesSurviveTheWire() {
    Seeds.forAll(500, "decode(encode(m)) = m") { source in
        let keyBytes = random(&source, source.below(40))
        var valueBytes = random(&source, source.below(200))
        let version = Version(
            stamp: source.next() | 1, actor: Actor(node: NodeID(source.below(9)), incarnation: 7))
        let ticket = Ticket(index: UInt32(source.below(1_000)), generation: 3)
        let kind = source.below(12)
        let keyspace = KeyspaceID(UInt16(source.below(3)))
        let form = [Content.Form.value, .siblings][source.below(2)]
        if form == .siblings { valueBytes = siblings(valueBytes, version) }
        let expiry: UInt64 = source.chance(1, in: 3) ? source.next() : 0
        var shown = ByteBuffer()
        shown.append(1 as UInt8)
        shown.appendInteger(source.next())
        return Bytes.lending(keyBytes) { key in
            Bytes.lending(valueBytes) { value in
                let hashed = HashedKey(key, seed: 5, in: keyspace)
                let content = Content(form, value, expiry: expiry)
                let message = sample(kind, hashed, content, version, ticket, shown.bytes)
                var out = ByteBuffer()
                PeerCodec.encode(message, into: &out)
                var reader = ByteReader(out.bytes)
                guard let back = try? PeerCodec.decode(&reader, clusterSeed: 5) else {
                    return false
                }
                guard reader.remaining == 0 else { return false }
                switch (message, back) {
                case (.store(let k, let v, let n, let t), .store(let l, let w, let m, let u)):
                    return isSame(k, l) && n == m && t == u
                        && isSame(v, w)
                case (.stored(let t), .stored(let u)): return t == u
                case (.definition(let a), .definition(let b)): return a == b
                case (.comparison(let a), .comparison(let b)):
                    return a.kind == b.kind && a.keyspace == b.keyspace && a.round == b.round
                        && a.step == b.step && a.body == b.body
                case (
                    .hint(let k, let v, let n, let o, let t),
                    .hint(let l, let w, let m, let p, let u)
                ):
                    return isSame(k, l) && n == m && o == p && t == u
                        && isSame(v, w)
                case (.repair(let k, let v, let n), .repair(let l, let w, let m)):
                    return isSame(k, l) && n == m
                        && isSame(v, w)
                case (.fetch(let k, let n, let t), .fetch(let l, let m, let u)):
                    return isSame(k, l) && n == m && t == u
                case (.fetched(let n, .found(let v), let t), .fetched(let m, .found(let w), let u)):
                    return n == m && isSame(v, w) && t == u
                default: return false
                }
            }
        }
    }
}

@Test func damagedFramesAreRefusedOrIncomplete() throws {
    var writer = FrameWriter(seed: 9)
    for i in 0..<5 {
        writer.open()
        PeerCodec.encode(.stored(Ticket(index: UInt32(i), generation: 1)), into: &writer.buffer)
    }
    writer.close()
    let frame = writer.buffer.bytes.copied()
    for length in 0..<frame.count {
        try Bytes.lending(Array(frame.prefix(length))) { bytes throws(DecodeError) in
            guard case .incomplete = try Frame.next(bytes, seed: 9) else {
                Issue.record("a frame cut at \(length) was taken for whole")
                return
            }
        }
    }
    for place in 0..<frame.count {
        var damaged = frame
        damaged[place] ^= 0x40
        let isTaken = Bytes.lending(damaged) { bytes in
            guard let next = try? Frame.next(bytes, seed: 9) else { return false }
            if case .messages = next { return true }
            return false
        }
        #expect(!isTaken, "a flipped bit at \(place) went unseen")
    }
    Bytes.lending(frame) { bytes in
        _ = #expect(throws: DecodeError.self) { try Frame.next(bytes, seed: 10) }
    }
}

@Test func randomBytesNeverBreakTheDecoder() {
    Seeds.forAll(5_000, "decoder survives") { source in
        let bytes = random(&source, source.below(80))
        return Bytes.lending(bytes) { bytes in
            var reader = ByteReader(bytes)
            _ = try? PeerCodec.decode(&reader, clusterSeed: 1)
            return reader.offset <= bytes.count
        }
    }
}

@Test func nodesOfDifferentClustersRefuseEachOther() throws {
    let a = Handshake(cluster: 1, configuration: 2, node: NodeID(0), incarnation: 3, nonce: 4)
    var b = Handshake(cluster: 1, configuration: 2, node: NodeID(1), incarnation: 5, nonce: 6)
    #expect(a.objection(to: b) == nil)
    #expect(a.sessionSeed(with: b) == b.sessionSeed(with: a))
    var out = ByteBuffer()
    a.encode(into: &out)
    let size = out.count
    #expect(size == Handshake.bytes)
    let back = try Handshake.decode(out.bytes)
    #expect(back == a)
    b.cluster = 9
    #expect(a.objection(to: b)?.contains("another cluster") == true)
    b.cluster = 1
    b.configuration = 9
    #expect(a.objection(to: b)?.contains("another configuration") == true)
    b.configuration = 2
    b.versions = 4...5
    #expect(a.objection(to: b)?.contains("versions differ") == true)
    b = a
    #expect(a.objection(to: b)?.contains("same place") == true)
}

@Test func writesThatArePassedOnSurviveTheWireAndForgedSetsDoNot() throws {
    let ticket = Ticket(index: 3, generation: 9)
    let version = Version(stamp: 77, actor: Actor(raw: 5))
    let answered = Answered(shard: 4, n: 3, mask: 5)
    let responses: [Response] = [
        .stored(version, answered), .deleted(existed: true, version, answered),
        .failed(.unavailable(reachable: 1, needed: 2)), .failed(.siblingLimit),
        .failed(.valueTooLarge(limit: 9)), .unknown(have: 1, need: 2),
    ]
    for response in responses {
        var out = ByteBuffer()
        PeerCodec.encode(.passed(response, ticket), into: &out)
        var reader = ByteReader(out.bytes)
        guard case .passed(let back, let same) = try PeerCodec.decode(&reader, clusterSeed: 5)
        else {
            Issue.record("not an answer")
            continue
        }
        #expect("\(back)" == "\(response)" && same == ticket && reader.remaining == 0)
    }
    let forged = [UInt8](repeating: 7, count: 40)
    Bytes.lending(forged) { bytes in
        let key = HashedKey(bytes, seed: 5)
        var out = ByteBuffer()
        PeerCodec.encode(.store(key, Content(.siblings, bytes), version, ticket), into: &out)
        PeerCodec.encode(.pass(key, bytes, ticket), into: &out)
        var reader = ByteReader(out.bytes)
        #expect(throws: DecodeError.self) {
            _ = try PeerCodec.decode(&reader, clusterSeed: 5)
        }
    }
}
