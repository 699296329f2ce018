import Basics
import Causality
import Storage
import TestSupport
import Testing

/// What the model holds for a node under a key.
private struct Owed: Hashable {
    var key: Int
    var target: Int
}

private func hashed<Result>(_ number: Int, _ body: (HashedKey) throws -> Result) rethrows -> Result
{
    let name = key(number)
    return try name.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return try body(HashedKey(.empty, hash: 0)) }
        let bytes = Bytes(base: base, count: bytes.count)
        return try body(HashedKey(bytes, hash: XXH3.hash64(bytes, seed: storeTestSeed)))
    }
}

extension LogStore {
    fileprivate mutating func hold(
        _ number: Int, _ value: [UInt8]?, _ version: Version, for target: Int, since: UInt64,
        limits: HintLimits = HintLimits()
    ) throws -> LogPosition? {
        try hashed(number) { key in
            let target = NodeID(target)
            guard let value else {
                return try putHint(
                    key, .tombstone, version, for: target, since: since, limits: limits)
            }
            return try Bytes.lending(value) { value throws(DiskError) in
                try putHint(key, Content(value), version, for: target, since: since, limits: limits)
            }
        }
    }

    fileprivate func held(_ number: Int, for target: Int) -> Stored? {
        hashed(number) { key in
            findHint(key, for: NodeID(target)).map {
                Stored(version: $0.version, value: $0.content.value?.copied())
            }
        }
    }
}

private func recovered(_ disk: MemoryDisk) throws -> LogStore {
    let identity = try StoreIdentity.open(on: disk, node: "n1", cluster: 9, newStore: 77)
    return try LogStore(
        recovering: disk, identity: identity, hashSeed: storeTestSeed, segmentBytes: 4_096)
}

@Test func whatIsHeldForOthersSurvivesARestartAndWhatIsSettledDoesNotReturn() throws {
    try Seeds.forAll(20, "hints are in the log") { random in
        let disk = MemoryDisk()
        var store = try recovered(disk)
        var model: [Owed: Stored] = [:]
        for step in 1...200 {
            let owed = Owed(key: random.below(8), target: random.below(3))
            let version = version(UInt64(step))
            if random.chance(2, in: 3) {
                let value = random.chance(1, in: 5) ? nil : randomBytes(random.below(30), &random)
                _ = try store.hold(owed.key, value, version, for: owed.target, since: 5)
                model[owed] = Stored(version: version, value: value)
            } else {
                try hashed(owed.key) {
                    try store.settleHint($0, for: NodeID(owed.target), upTo: version)
                }
                model[owed] = nil
            }
            if random.chance(1, in: 8) { try store.put(key(owed.key), [1], version) }
            if random.chance(1, in: 10) { _ = try store.seal() }
        }
        _ = try store.seal()
        let again = try recovered(MemoryDisk(copying: disk))
        for number in 0..<8 {
            for target in 0..<3 {
                let expected = model[Owed(key: number, target: target)]
                guard store.held(number, for: target) == expected,
                    again.held(number, for: target) == expected
                else { return false }
            }
        }
        let counts = again.hintsOwed.reduce(0) { $0 + $1.count }
        let bytes = again.hintsOwed.reduce(0) { $0 + $1.bytes }
        return again.hintCount == model.count && counts == model.count && bytes == again.hintBytes
    }
}

@Test func hintsLeaveInTheOrderTheyCameAndComeBackWhenTheyDoNotArrive() throws {
    var store = LogStore()
    for number in 0..<5 {
        _ = try store.hold(number, [UInt8(number)], version(UInt64(number + 1)), for: 2, since: 1)
    }
    var order: [[UInt8]] = []
    while let hint = store.takeHint(for: NodeID(2)) { order.append(hint.key.bytes.copied()) }
    #expect(order == (0..<5).map { key($0) })
    #expect(store.hintCount == 5)
    hashed(3) { store.bringBackHint($0, for: NodeID(2)) }
    let again = store.takeHint(for: NodeID(2))
    #expect(again?.key.bytes.copied() == key(3))
    let nothing = [store.takeHint(for: NodeID(2)), store.takeHint(for: NodeID(1))]
    #expect(nothing.allSatisfy { $0 == nil })
    // An older version's arrival does not settle a newer one.
    try hashed(3) { try store.settleHint($0, for: NodeID(2), upTo: version(1)) }
    #expect(store.hintCount == 5)
}

@Test func limitsBoundWhatIsHeldAndTheWindowEndsIt() throws {
    var store = LogStore()
    let limits = HintLimits(bytesPerTarget: 100, bytes: 150)
    let value = [UInt8](repeating: 7, count: 90)
    let held = try store.hold(1, value, version(1), for: 0, since: 10, limits: limits)
    #expect(held != nil)
    let second = try store.hold(2, value, version(2), for: 0, since: 20, limits: limits)
    #expect(second == nil)
    let other = try store.hold(2, value, version(2), for: 1, since: 20, limits: limits)
    #expect(other == nil)
    let small = try store.hold(2, [1], version(2), for: 1, since: 20, limits: limits)
    #expect(small != nil)
    let (expired, oldest) = try store.expireHints(before: 15)
    #expect(expired == 1)
    #expect(oldest == 20)
    #expect(store.hintCount == 1)
    #expect(store.held(1, for: 0) == nil)
}
