import Basics
import Causality
import Storage
import TestSupport
import Testing

/// What the model holds under a key.
struct Stored: Equatable {
    var version: Version
    var value: [UInt8]?
}

func version(_ stamp: UInt64, _ actor: UInt64 = 1) -> Version {
    Version(stamp: stamp, actor: Actor(raw: actor))
}

extension LogStore {
    @discardableResult
    mutating func put(
        _ key: [UInt8], _ value: [UInt8]?, _ version: Version, hash: UInt64? = nil
    ) throws(DiskError) -> LogPosition {
        try Bytes.lending(key) { key throws(DiskError) in
            let key = HashedKey(key, hash: hash ?? XXH3.hash64(key, seed: storeTestSeed))
            guard let value else { return try put(key, .tombstone, version) }
            return try Bytes.lending(value) { value throws(DiskError) in
                try put(key, Content(value), version)
            }
        }
    }

    func stored(_ key: [UInt8], hash: UInt64? = nil) -> Stored? {
        Bytes.lending(key) { key in
            let key = HashedKey(key, hash: hash ?? XXH3.hash64(key, seed: storeTestSeed))
            guard let found = find(key) else { return nil }
            return Stored(version: found.version, value: found.content.value?.copied())
        }
    }
}

let storeTestSeed: UInt64 = 42

func key(_ number: Int) -> [UInt8] { Array("key\(number)".utf8) }

func randomBytes(_ count: Int, _ random: inout RandomSource) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}

@Test func aStoreHoldsTheLastPutOfEveryKey() throws {
    try Seeds.forAll(20, "the store is a map") { random in
        var store = LogStore()
        var model: [[UInt8]: Stored] = [:]
        let keys = 1 + random.below(3_000)
        for step in 1...4_000 {
            let key = key(random.below(keys))
            let stored = Stored(
                version: version(UInt64(step), random.next()),
                value: random.chance(1, in: 8) ? nil : randomBytes(random.below(40), &random))
            try store.put(key, stored.value, stored.version)
            model[key] = stored
            if random.chance(1, in: 16) { _ = try store.seal() }
        }
        return (0..<keys).allSatisfy { store.stored(key($0)) == model[key($0)] }
            && store.count == model.count
            && store.keyBytes == model.keys.reduce(0) { $0 + $1.count }
            && store.valueBytes == model.values.reduce(0) { $0 + ($1.value?.count ?? 0) }
            && store.largestStamp == 4_000
    }
}

@Test func noKeyIsLostAtAnyMomentOfGrowth() throws {
    var store = LogStore()
    for number in 0..<20_000 {
        try store.put(key(number), key(number), version(UInt64(number + 1)))
        // An old key, which is replaced by a longer value while slots move.
        let old = number * 7_919 % (number + 1)
        try store.put(key(old), key(old) + key(number), version(UInt64(number + 1)))
        #expect(store.stored(key(old))?.value == key(old) + key(number))
        #expect(store.count == number + 1)
        if number % 64 == 0 { _ = try store.seal() }
    }
    for number in 0..<20_000 {
        #expect(store.stored(key(number))?.value?.starts(with: key(number)) == true)
    }
    #expect(store.stored(key(20_000)) == nil)
}

@Test func keysOfOneHashAreToldApart() throws {
    var store = LogStore()
    for number in 0..<500 {
        try store.put(key(number), key(number), version(1), hash: UInt64(number % 3))
    }
    for number in 0..<500 {
        #expect(store.stored(key(number), hash: UInt64(number % 3))?.value == key(number))
    }
    #expect(store.stored(key(500), hash: 0) == nil)
}

@Test func emptyKeysAndValuesAndDeletionsAreThreeThings() throws {
    var store = LogStore()
    #expect(store.stored([]) == nil)
    try store.put([], [], version(1))
    #expect(store.stored([]) == Stored(version: version(1), value: []))
    try store.put([], nil, version(2))
    #expect(store.stored([]) == Stored(version: version(2), value: nil))
    #expect(store.count == 1)
    #expect(store.valueBytes == 0)
}

@Test func valuesUpToTheLimitAreReplacedByOnesOfAnySize() throws {
    var store = LogStore()
    for (stamp, size) in [Limits.valueBytes, 3, 70_000, 0, 600, 200, 1_000].enumerated() {
        let value = [UInt8](repeating: UInt8(stamp), count: size)
        try store.put(key(1), value, version(UInt64(stamp + 1)))
        #expect(store.stored(key(1))?.value == value)
        #expect(store.valueBytes == size)
    }
    let long = [UInt8](repeating: 7, count: Limits.keyBytes)
    try store.put(long, long, version(1))
    #expect(store.stored(long)?.value == long)
}

@Test func aReplacedValueStaysReadableUntilTheTurnEnds() throws {
    var store = LogStore()
    try store.put(key(1), [1, 2, 3], version(1))
    try Bytes.lending(key(1)) { bytes in
        let hashed = HashedKey(bytes, hash: XXH3.hash64(bytes, seed: storeTestSeed))
        let slice = try #require(store.find(hashed)?.content.value)
        try store.put(key(1), [UInt8](repeating: 9, count: 300), version(2))
        #expect(slice.copied() == [1, 2, 3])
        // A value may come from the very record that it replaces.
        let own = try #require(store.find(hashed)?.content.value)
        _ = try store.put(hashed, Content(own.slice(100, 300)), version(3))
        #expect(store.find(hashed)?.content.value?.copied() == [UInt8](repeating: 9, count: 200))
    }
    #expect(try store.seal() == nil)
}

@Test func touchingChangesNothing() throws {
    var store = LogStore()
    try store.put(key(1), [1], version(1))
    for hash in [0, 1, .max, XXH3.hash64(.empty, seed: 0)] as [UInt64] {
        store.touchSlot(hash)
        store.touchRecord(hash)
    }
    #expect(store.stored(key(1)) == Stored(version: version(1), value: [1]))
    #expect(store.count == 1)
}
