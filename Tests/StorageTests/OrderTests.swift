import Basics
import Causality
import Storage
import TestSupport
import Testing

extension LogStore {
    mutating func purge(
        _ key: [UInt8], upTo version: Version, hash: UInt64? = nil
    ) throws(DiskError) -> Bool {
        try Bytes.lending(key) { key throws(DiskError) in
            let hash = hash ?? XXH3.hash64(key, seed: storeTestSeed)
            return try purge(HashedKey(key, hash: hash), upTo: version)
        }
    }

    /// The keys from one on, in order, at most so many.
    func scanned(from key: [UInt8], limit: Int = .max) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        Bytes.lending(key) { key in
            scan(.default, from: key) { visited in
                keys.append(visited.key.copied())
                return keys.count < limit
            }
        }
        return keys
    }
}

/// Hashes as they come: spread, of one shard, of a few values, one after the other.
private func hash(_ key: [UInt8], _ kind: Int) -> UInt64 {
    let hash = Bytes.lending(key) { XXH3.hash64($0, seed: storeTestSeed) }
    switch kind {
    case 0: return hash
    case 1: return hash >> 12 | 0xabc << 52
    case 2: return hash % 7
    default: return hash & 0xffff
    }
}

@Test func aStoreIsAMapWhenKeysArePurgedToo() throws {
    try Seeds.forAll(16, "a store with purges is a map") { random in
        var store = LogStore()
        var model: [[UInt8]: Stored] = [:]
        let keys = 1 + random.below(4_000)
        let kind = random.below(4)
        let purges = 1 + random.below(4)
        for step in 1...4_000 {
            let key = key(random.below(keys))
            let hash = hash(key, kind)
            if random.chance(UInt64(purges), in: 8) {
                let upTo = version(UInt64(1 + random.below(2 * step)))
                let goes = model[key].map { $0.version <= upTo } ?? false
                if try store.purge(key, upTo: upTo, hash: hash) != goes { return false }
                if goes { model[key] = nil }
            } else {
                let stored = Stored(
                    version: version(UInt64(step)), value: randomBytes(random.below(40), &random))
                try store.put(key, stored.value, stored.version, hash: hash)
                model[key] = stored
            }
            if random.chance(1, in: 16) { _ = try store.seal() }
        }
        return (0..<keys).allSatisfy {
            store.stored(key($0), hash: hash(key($0), kind)) == model[key($0)]
        }
            && store.count == model.count
            && store.keyBytes == model.keys.reduce(0) { $0 + $1.count }
            && store.valueBytes == model.values.reduce(0) { $0 + ($1.value?.count ?? 0) }
    }
}

@Test func recordsAreVisitedOnceInTheOrderOfTheirHashesWhileOthersComeAndGo() throws {
    try Seeds.forAll(12, "a walk by hash visits what stays exactly once") { random in
        var store = LogStore()
        let kind = random.below(4)
        let count = 200 + random.below(3_000)
        // Even keys stay; odd ones come and go while the walk goes on.
        for number in 0..<count {
            let key = key(2 * number)
            try store.put(key, key, version(1), hash: hash(key, kind))
        }
        let shard = kind == 1 && random.chance(1, in: 2)
        let low: UInt64 = shard ? 0xabc << 52 : 0
        let range = shard ? low...(low | (1 << 52 - 1)) : 0...UInt64.max
        var seen: [[UInt8]] = []
        var next: UInt64? = range.lowerBound
        var last: UInt64 = 0
        while let from = next {
            next = store.visit(hashes: from...range.upperBound, limit: 1 + random.below(200)) {
                hash, visited in
                #expect(hash >= last && hash >= from)
                last = hash
                seen.append(visited.key.copied())
                return !random.chance(1, in: 50)
            }
            for _ in 0..<random.below(400) {
                let key = key(2 * random.below(count) + 1)
                if random.chance(1, in: 2) {
                    try store.put(key, key, version(1), hash: hash(key, kind))
                } else {
                    _ = try store.purge(key, upTo: version(1), hash: hash(key, kind))
                }
            }
            _ = try store.seal()
        }
        let stayed = Set((0..<count).map { key(2 * $0) })
        let met = seen.filter { stayed.contains($0) }
        return met.count == count && Set(met) == stayed
    }
}

@Test func aVisitIsBoundedByItsLimit() throws {
    var store = LogStore()
    for number in 0..<10_000 { try store.put(key(number), [], version(1)) }
    var visited = 0
    var next: UInt64? = 0
    while let from = next {
        var here = 0
        next = store.visit(hashes: from...UInt64.max, limit: 100) { _, _ in
            here += 1
            return true
        }
        #expect(here <= 100)
        visited += here
    }
    #expect(visited == 10_000)
}

@Test func keysAreScannedInOrderWhateverHappensToThem() throws {
    try Seeds.forAll(12, "the index is a sorted set of the keys") { random in
        var store = LogStore()
        var model: Set<[UInt8]> = []
        let length = 1 + random.below(12)
        let letters = 2 + random.below(250)
        let fresh = random.chance(1, in: 2)
        if fresh { store.order(.default) }
        var isBuilding = false
        var isBuilt = fresh
        let mix = 1 + random.below(6)
        for step in 1...5_000 {
            let key = (0..<random.below(length + 1)).map { _ in UInt8(random.below(letters)) }
            if random.chance(UInt64(mix), in: 10) {
                _ = try store.purge(key, upTo: .init(stamp: .max, actor: Actor(raw: 0)))
                model.remove(key)
            } else {
                // Values of many sizes, so that records move.
                let value = randomBytes(random.below(300), &random)
                try store.put(key, value, version(UInt64(step)))
                model.insert(key)
            }
            if !fresh, step == 1_000 {
                store.order(.default)
                isBuilding = true
            }
            if isBuilding, !isBuilt { isBuilt = store.buildOrder(limit: random.below(60)) }
            if isBuilt != store.isOrdered(.default) { return false }
            if isBuilt, random.chance(1, in: 500) {
                let from = (0..<random.below(3)).map { _ in UInt8(random.below(letters)) }
                let limit = 1 + random.below(40)
                let expected = model.filter { !$0.lexicographicallyPrecedes(from) }
                    .sorted { $0.lexicographicallyPrecedes($1) }
                if store.scanned(from: from, limit: limit) != Array(expected.prefix(limit)) {
                    return false
                }
            }
            if random.chance(1, in: 8) { _ = try store.seal() }
        }
        while !store.buildOrder(limit: 100) {}
        return store.scanned(from: [])
            == model.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

@Test func manyKeysInAscendingDescendingAndRandomOrderAreScanned() throws {
    for kind in 0..<3 {
        var store = LogStore()
        store.order(.default)
        var random = RandomSource(seed: 7)
        var numbers = Array(0..<24_000)
        if kind == 1 { numbers.reverse() }
        if kind == 2 {
            for i in numbers.indices { numbers.swapAt(i, random.below(i + 1)) }
        }
        for number in numbers { try store.put(digits(number), [], version(1)) }
        #expect(store.scanned(from: digits(0)) == (0..<24_000).map(digits))
        #expect(store.scanned(from: digits(11_000), limit: 3) == (11_000..<11_003).map(digits))
        for number in numbers where number % 16 != 0 {
            #expect(try store.purge(digits(number), upTo: version(1)))
        }
        _ = try store.seal()
        #expect(store.scanned(from: []) == stride(from: 0, to: 24_000, by: 16).map(digits))
        for number in numbers where number % 16 == 0 {
            #expect(try store.purge(digits(number), upTo: version(1)))
        }
        #expect(store.scanned(from: []) == [])
        #expect(store.count == 0)
    }
}

private func digits(_ number: Int) -> [UInt8] {
    let text = String(number)
    return Array((String(repeating: "0", count: 8 - text.utf8.count) + text).utf8)
}

@Test func onlyTheKeyspaceThatIsScannedIsSeen() throws {
    var store = LogStore()
    for keyspace in [0, 1, 2, 300] as [UInt16] { store.order(KeyspaceID(keyspace)) }
    for keyspace in [2, 0, 300, 1] as [UInt16] {
        for number in 0..<100 {
            try Bytes.lending(digits(number)) { bytes in
                let key = HashedKey(bytes, seed: storeTestSeed, in: KeyspaceID(keyspace))
                _ = try store.put(key, Content(bytes), version(UInt64(keyspace) + 1))
            }
        }
    }
    var stamps: [UInt64] = []
    store.scan(KeyspaceID(1), from: .empty) { visited in
        stamps.append(visited.found.version.stamp)
        return true
    }
    #expect(stamps == [UInt64](repeating: 2, count: 100))
}

@Test func aPurgedRecordStaysPurgedWhenTheStoreIsOpenedAgain() throws {
    let disk = MemoryDisk()
    var store = try open(disk)
    for number in 0..<20 { try store.put(key(number), key(number), version(5)) }
    #expect(try store.purge(key(3), upTo: version(4)) == false)
    #expect(try store.purge(key(4), upTo: version(5)))
    #expect(try store.purge(key(5), upTo: version(9)))
    #expect(try store.purge(key(5), upTo: version(9)) == false)
    try store.put(key(5), [1], version(10))
    _ = try store.seal()
    let again = try open(disk)
    #expect(again.count == 19)
    #expect(again.stored(key(3)) == Stored(version: version(5), value: key(3)))
    #expect(again.stored(key(4)) == nil)
    #expect(again.stored(key(5)) == Stored(version: version(10), value: [1]))
}

@Test func recordsOfEverySizeKeepWhatTheyHold() throws {
    var store = LogStore()
    var random = RandomSource(seed: 3)
    let sizes = Array(0...300) + [4_063, 4_064, 4_065, 65_000, 1 << 20, Limits.valueBytes]
    for (number, size) in sizes.enumerated() {
        let value = [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size)
        let name = randomBytes(1 + random.below(90), &random) + key(number)
        let keyspace = KeyspaceID(UInt16(truncatingIfNeeded: random.next()))
        let expiry: UInt64 = random.chance(1, in: 2) ? 0 : random.next()
        try Bytes.lending(name) { bytes in
            let key = HashedKey(bytes, seed: storeTestSeed, in: keyspace)
            for form in [Content.Form.siblings, .register, .value] {
                try Bytes.lending(value) { value in
                    let content = Content(form, value, expiry: expiry)
                    _ = try store.put(key, content, version(UInt64(size) + 1))
                }
                let stored = store.find(key)
                let found = try #require(stored)
                #expect(found.content.form == form)
                #expect(found.content.expiry == expiry)
                #expect(found.content.bytes.copied() == value)
                #expect(found.version == version(UInt64(size) + 1))
            }
            let elsewhere = store.find(HashedKey(bytes, hash: key.hash))
            #expect((elsewhere == nil) == (keyspace != .default))
        }
    }
}
