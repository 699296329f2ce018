import Basics
import Causality
import Storage
import TestSupport
import Testing

private typealias State = [[UInt8]: Stored]

private func openSmall(_ disk: MemoryDisk) throws(StorageError) -> LogStore {
    let identity = try StoreIdentity.open(on: disk, node: "n1", cluster: 9, newStore: 77)
    return try LogStore(
        recovering: disk, identity: identity, hashSeed: storeTestSeed, segmentBytes: 700,
        checkpointBytes: 1_500)
}

private func state(_ store: borrowing LogStore) -> State {
    var all: State = [:]
    _ = store.visit(hashes: 0...UInt64.max, limit: .max) { _, visited in
        all[visited.key.copied()] = Stored(
            version: visited.found.version, value: visited.found.content.value?.copied())
        return true
    }
    return all
}

private func held(_ store: inout LogStore) -> [[UInt8]: UInt64] {
    var all: [[UInt8]: UInt64] = [:]
    while let hint = store.takeHint(for: NodeID(2)) {
        if all[hint.key.bytes.copied()] != nil { break }
        all[hint.key.bytes.copied()] = hint.version.stamp
    }
    return all
}

/// A store that was used for some turns, with checkpoints on the way.
private struct Run {
    let disk = MemoryDisk()
    /// The state after so many turns.
    var states: [State] = [[:]]
    var hints: [[[UInt8]: UInt64]] = [[:]]
    /// For every step of the journal: turns appended, and turns synced, before it.
    var appended: [Int] = []
    var synced: [Int] = []
    var checkpoints = 0

    init(turns: Int, _ random: inout RandomSource) throws {
        var store = try openSmall(disk)
        disk.sync()
        disk.journal = []
        var state: State = [:]
        var hints: [[UInt8]: UInt64] = [:]
        var stamp: UInt64 = 0
        var lastSynced = 0
        let keys = 1 + random.below(60)
        let purges = random.below(4)
        for turn in 1...turns {
            for _ in 0..<random.below(5) {
                stamp += 1
                let key = key(random.below(keys))
                switch random.below(10) {
                case 0..<purges:
                    let upTo = version(stamp)
                    if try store.purge(key, upTo: upTo) { state[key] = nil }
                case 4:
                    try Run.hint(key, stamp, &store)
                    hints[key] = stamp
                case 5:
                    try Run.settle(key, stamp, &store)
                    hints[key] = nil
                default:
                    let stored = Stored(
                        version: version(stamp),
                        value: random.chance(1, in: 6)
                            ? nil : randomBytes(random.below(50), &random))
                    try store.put(key, stored.value, stored.version)
                    state[key] = stored
                }
            }
            if random.chance(1, in: 3) { store.tend() }
            let end = try store.seal()
            states.append(state)
            self.hints.append(hints)
            note(turn, lastSynced)
            if let end, random.chance(1, in: 3) {
                disk.sync()
                store.synced(end)
                lastSynced = turn
                note(turn, lastSynced)
            }
        }
        checkpoints = store.housekeeping.checkpoints
    }

    private static func hint(_ key: [UInt8], _ stamp: UInt64, _ store: inout LogStore) throws {
        try Bytes.lending(key) { key in
            let key = HashedKey(key, hash: XXH3.hash64(key, seed: storeTestSeed))
            _ = try store.putHint(
                key, Content(key.bytes), version(stamp), for: NodeID(2), since: 1,
                limits: HintLimits())
        }
    }

    private static func settle(_ key: [UInt8], _ stamp: UInt64, _ store: inout LogStore) throws {
        try Bytes.lending(key) { key in
            let key = HashedKey(key, hash: XXH3.hash64(key, seed: storeTestSeed))
            try store.settleHint(key, for: NodeID(2), upTo: version(stamp))
        }
    }

    private mutating func note(_ turn: Int, _ lastSynced: Int) {
        while appended.count < disk.journal?.count ?? 0 {
            appended.append(turn)
            synced.append(lastSynced)
        }
    }

    /// The disk after a crash in which the first so many steps had been asked for.
    func crashed(after steps: Int, _ random: inout RandomSource) -> MemoryDisk {
        let fresh = MemoryDisk()
        do {
            _ = try StoreIdentity.open(on: fresh, node: "n1", cluster: 9, newStore: 77)
            _ = try openSmall(fresh)
        } catch { preconditionFailure("an empty disk cannot be refused: \(error)") }
        fresh.sync()
        var jobs: [(job: DiskJob, at: Int)] = []
        var lastSync = -1
        for (place, step) in (disk.journal ?? []).prefix(steps).enumerated() {
            switch step {
            case .append(let name, let bytes):
                fresh.contents[name, default: MemoryDisk.File()].bytes += bytes
            case .synced:
                fresh.sync()
                lastSync = place
            case .job(let job): jobs.append((job, place))
            }
        }
        fresh.crash(&random)
        // The jobs are behind by any number, and the last one may be done in part.
        var left = random.below(jobs.count + 1)
        for (job, place) in jobs {
            if case .install = job, place > lastSync { break }
            if case .trim = job { continue }
            fresh.carryOut(job, steps: left > 0 ? .max : random.below(4))
            if left == 0 { break }
            left -= 1
        }
        return MemoryDisk(copying: fresh)
    }
}

@Test func aCrashAtAnyStepOfACheckpointLosesNothingThatWasSynced() throws {
    var checkpoints = 0
    try Seeds.forAll(25, "every crash recovers to a turn at or after the last sync") { random in
        let run = try Run(turns: 120, &random)
        checkpoints += run.checkpoints
        for step in 0...(run.disk.journal?.count ?? 0) {
            let disk = run.crashed(after: step, &random)
            var store = try openSmall(disk)
            let from = step == 0 ? 0 : run.synced[step - 1]
            let through = step == 0 ? 0 : run.appended[step - 1]
            let now = state(store)
            let hints = held(&store)
            let isATurn = (from...through).contains {
                run.states[$0] == now && run.hints[$0] == hints
            }
            guard isATurn else { return false }
            // It goes on, and starts a second time.
            try store.put(key(0), [7], version(1_000_000))
            _ = try store.seal()
            guard try openSmall(disk).stored(key(0))?.value == [7] else { return false }
        }
        return true
    }
    #expect(checkpoints > 50, "only \(checkpoints) checkpoints were seen")
}

@Test func theLogStaysBoundedByWhatIsLive() throws {
    let disk = MemoryDisk()
    var store = try openSmall(disk)
    var random = RandomSource(seed: 5)
    var largest = 0
    for step in 1...20_000 {
        try store.put(key(random.below(100)), randomBytes(40, &random), version(UInt64(step)))
        if step % 3 == 0 {
            if let end = try store.seal() { store.synced(end) }
            largest = max(largest, disk.contents.values.reduce(0) { $0 + $1.bytes.count })
        }
    }
    if let end = try store.seal() { store.synced(end) }
    #expect(store.housekeeping.checkpoints > 50)
    // 100 records of 70 bytes live.
    #expect(largest < 40_000, "\(largest) bytes")
    let now = state(store)
    #expect(state(try openSmall(disk)) == now)
    #expect(now.count == 100)
}

@Test func aCheckpointThatFindsNoRoomIsGivenUpAndLeavesNothing() throws {
    let disk = MemoryDisk()
    var store = try openSmall(disk)
    for step in 1...400 {
        if step == 100 { disk.isFull = true }
        if step == 300 { disk.isFull = false }
        try store.put(key(step % 50), key(step), version(UInt64(step)))
        if let end = try store.seal() { store.synced(end) }
        if step == 299 {
            #expect(store.housekeeping.isFull)
            // Nothing is left of what found no room: recovery has nothing to remove.
            let copy = MemoryDisk(copying: disk)
            _ = try openSmall(copy)
            #expect(copy.contents.keys.sorted() == disk.contents.keys.sorted())
            #expect(try openSmall(MemoryDisk(copying: disk)).count == 50)
            disk.isFull = false
            disk.schedule(.reserve("segment-0000000001.log", bytes: 1))
        }
    }
    #expect(!store.housekeeping.isFull)
    #expect(store.housekeeping.checkpoints > 0)
    #expect(state(try openSmall(disk)) == state(store))
}

@Test func anyDamageToACheckpointIsRefusedAndNamed() throws {
    let disk = MemoryDisk()
    var store = try openSmall(disk)
    for step in 1...200 {
        try store.put(key(step % 20), key(step), version(UInt64(step)))
        if let end = try store.seal() { store.synced(end) }
    }
    #expect(store.housekeeping.checkpoints > 0)
    let names = disk.contents.keys.filter { $0.hasPrefix("checkpoint-") }
    let part = try #require(names.first)
    let size = try #require(disk.contents[part]?.bytes.count)
    for place in stride(from: 0, to: size, by: 7) {
        let bad = MemoryDisk(copying: disk)
        bad.contents[part]?.bytes[place] ^= 0x10
        let before = bad.contents
        #expect(reason { _ = try openSmall(bad) }.contains("\(part) is damaged"), "\(place)")
        for name in bad.contents.keys where !name.hasPrefix("node.meta") {
            #expect(bad.contents[name] == before[name], "a refused directory was changed")
        }
    }
    let cut = MemoryDisk(copying: disk)
    cut.contents[part]?.bytes.removeLast(3)
    #expect(reason { _ = try openSmall(cut) }.contains("\(part) is damaged"))
    let gone = MemoryDisk(copying: disk)
    gone.contents[part] = nil
    #expect(reason { _ = try openSmall(gone) }.contains("\(part) is missing"))
    // One copy of the head is enough.
    for name in ["checkpoint.meta", "checkpoint.meta.copy"] {
        for place in 0..<84 {
            let bad = MemoryDisk(copying: disk)
            bad.contents[name]?.bytes[place] ^= 1
            let why = reason {
                let again = try openSmall(bad)
                #expect(again.count == 20)
            }
            #expect(why == "opened" || why.contains("has format"), "\(name) \(place): \(why)")
        }
    }
    let headless = MemoryDisk(copying: disk)
    headless.contents["checkpoint.meta"]?.bytes = [1, 2, 3]
    headless.contents["checkpoint.meta.copy"] = nil
    #expect(reason { _ = try openSmall(headless) }.contains("checkpoint.meta is damaged"))
}

private func reason(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "opened"
    } catch { return "\(error)" }
}

@Test func aSnapshotHasEveryRecordAsItWasWhenItWasAskedForOrLater() throws {
    try Seeds.forAll(20, "a snapshot is at least as new as its request") { random in
        let disk = MemoryDisk()
        var store = try openSmall(disk)
        var model: State = [:]
        var asked: State?
        for step in 1...400 {
            let stored = Stored(
                version: version(UInt64(step)),
                value: random.chance(1, in: 6) ? nil : randomBytes(random.below(50), &random))
            let key = key(random.below(40))
            try store.put(key, stored.value, stored.version)
            model[key] = stored
            if step == 200 {
                store.requestSnapshot("monday")
                asked = model
            }
            if let end = try store.seal() { store.synced(end) }
        }
        guard let asked, store.housekeeping.snapshot?.isDone == true,
            let files = disk.snapshots["monday"]
        else { return false }
        let sizes = files.keys.sorted().map {
            DiskFile(name: $0, size: files[$0]?.bytes.count ?? 0)
        }
        let read: SnapshotReader.Read = { name, offset, count throws(DiskError) in
            Array((files[name]?.bytes ?? [])[offset..<offset + count])
        }
        var found: [[UInt8]: Version] = [:]
        try SnapshotReader(sizes, read: read).visit(read: read) { item throws(StorageError) in
            found[item.key.copied()] = item.version
        }
        return asked.allSatisfy { (found[$0.key] ?? version(0)) >= $0.value.version }
            && found.allSatisfy { $0.value <= (model[$0.key]?.version ?? version(0)) }
    }
}
