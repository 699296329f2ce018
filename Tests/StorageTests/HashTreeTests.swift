import Basics
import Causality
import Storage
import TestSupport
import Testing

private let shardBits = 4

/// What the trees must say, found by looking at every record.
private func recount(
    _ store: borrowing LogStore, _ keyspace: KeyspaceID, shard: Int, level: Int, number: Int
) -> Summary {
    var sum = Hash128.zero
    var count: UInt32 = 0
    store.visit(keyspace, shard: shard, level: 0, 0...0) { compared in
        let path = (compared.key.hash << UInt64(shardBits)) >> UInt64(64 - 4 * max(1, level))
        guard level == 0 || Int(path) == number else { return }
        sum = sum ^ compared.fingerprint
        count += 1
    }
    return Summary(fingerprints: sum, count: count)
}

private func put(
    _ number: Int, stamp: UInt64, in keyspace: KeyspaceID, _ store: inout LogStore
) throws {
    try Bytes.lending(key(number)) { bytes in
        let hashed = HashedKey(bytes, seed: storeTestSeed, in: keyspace)
        _ = try store.put(hashed, Content(bytes), version(stamp))
    }
}

private func purge(
    _ number: Int, in keyspace: KeyspaceID, _ store: inout LogStore
) throws {
    try Bytes.lending(key(number)) { bytes in
        let hashed = HashedKey(bytes, seed: storeTestSeed, in: keyspace)
        _ = try store.purge(hashed, upTo: version(.max))
    }
}

@Test func hashTreesSaySoMuchAsALookAtEveryRecord() throws {
    try Seeds.forAll(6, "trees are summaries") { random in
        var store = LogStore(hashSeed: storeTestSeed, shardBits: shardBits)
        let keyspaces = [KeyspaceID.default, KeyspaceID(3)]
        // Enough for several levels: 16 shards of 16 leaves grow beyond 16,384 keys.
        let keys = 1_000 + random.below(30_000)
        for step in 1...(keys + keys / 2) {
            let keyspace = keyspaces[random.below(4) == 0 ? 1 : 0]
            try put(random.below(keys), stamp: UInt64(step), in: keyspace, &store)
            if random.below(64) == 0 { _ = try store.seal() }
            if random.below(32) == 0 {
                try purge(random.below(keys), in: keyspace, &store)
            }
        }
        for keyspace in keyspaces {
            let depth = store.treeDepth(of: keyspace)
            for _ in 0..<20 {
                let shard = random.below(1 << shardBits)
                let level = random.below(depth + 1)
                let number = random.below(1 << (4 * level))
                let said = store.summary(of: keyspace, shard: shard, level: level, number: number)
                guard
                    said
                        == recount(store, keyspace, shard: shard, level: level, number: number)
                else { return false }
            }
        }
        return true
    }
}

@Test func treesGrowDeeperWithTheKeysInThem() throws {
    var store = LogStore(hashSeed: storeTestSeed, shardBits: shardBits)
    for number in 0..<1_000 { try put(number, stamp: 1, in: .default, &store) }
    #expect(store.treeDepth(of: .default) == 1)
    for number in 1_000..<40_000 { try put(number, stamp: 1, in: .default, &store) }
    #expect(store.treeDepth(of: .default) == 2)
}

@Test func storesThatHoldTheSameHaveTheSameTrees() throws {
    try Seeds.forAll(10, "order does not matter") { random in
        var stores = [0, 1].map { _ in (0..<500).map { $0 } }
        random.shuffle(&stores[0])
        var one = LogStore(hashSeed: storeTestSeed, shardBits: shardBits)
        var other = LogStore(hashSeed: storeTestSeed, shardBits: shardBits)
        for number in stores[0] { try put(number, stamp: 7, in: .default, &one) }
        for number in stores[1] {
            try put(number, stamp: 6, in: .default, &other)
            try put(number, stamp: 7, in: .default, &other)
        }
        for shard in 0..<(1 << shardBits)
        where one.summary(of: .default, shard: shard) != other.summary(of: .default, shard: shard) {
            return false
        }
        let victim = random.below(500)
        try put(victim, stamp: 8, in: .default, &other)
        let differing = (0..<(1 << shardBits)).filter {
            one.summary(of: .default, shard: $0) != other.summary(of: .default, shard: $0)
        }
        return differing.count == 1
    }
}

@Test func everyRecordIsVisitedOnceUnderItsNode() throws {
    try Seeds.forAll(10, "visits partition the table") { random in
        var store = LogStore(hashSeed: storeTestSeed, shardBits: shardBits)
        let keys = 500 + random.below(3_000)
        for number in 0..<keys { try put(number, stamp: 1, in: .default, &store) }
        var seen: [UInt64: Int] = [:]
        let width = 1 + random.below(40)
        for shard in 0..<(1 << shardBits) {
            for first in stride(from: 0, to: 256, by: width) {
                store.visit(.default, shard: shard, level: 2, first...min(255, first + width - 1)) {
                    seen[$0.key.hash, default: 0] += 1
                }
            }
        }
        guard seen.count == keys, seen.values.allSatisfy({ $0 == 1 }) else { return false }
        let number = random.below(keys)
        let hash = Bytes.lending(key(number)) { XXH3.hash64($0, seed: storeTestSeed) }
        var found: [[UInt8]] = []
        store.visit(hash: hash, in: .default) { found.append($0.key.bytes.copied()) }
        store.visit(hash: hash, in: KeyspaceID(9)) { _ in found.removeAll() }
        return found == [key(number)]
    }
}
