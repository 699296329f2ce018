import Basics
import Causality
import Storage
import TestSupport
import Testing

private let segment1 = "segment-0000000001.log"
private let segment2 = "segment-0000000002.log"

func open(
    _ disk: MemoryDisk, segmentBytes: Int = LogStore.segmentBytes
) throws(StorageError) -> LogStore {
    let identity = try StoreIdentity.open(on: disk, node: "n1", cluster: 9, newStore: 77)
    return try LogStore(
        recovering: disk, identity: identity, hashSeed: storeTestSeed, segmentBytes: segmentBytes)
}

/// A log as it was written, frame by frame.
private struct Written {
    struct Frame {
        var file: String
        /// Bytes of the file before and after the frame.
        var start: Int
        var end: Int
        var position: LogPosition
        /// What the store had been told was synced when the frame was closed.
        var durable: LogPosition
    }

    let disk = MemoryDisk()
    var frames: [Frame] = []
    /// The state after so many frames.
    var states: [[[UInt8]: Stored]] = [[:]]
    static let keys = 12

    init(frames: Int, segmentBytes: Int, _ random: inout RandomSource) throws {
        var store = try open(disk, segmentBytes: segmentBytes)
        var state: [[UInt8]: Stored] = [:]
        var stamp: UInt64 = 0
        for _ in 0..<frames {
            let sizes = disk.contents.mapValues { $0.bytes.count }
            let durable = store.durable
            for _ in 0...random.below(3) {
                stamp += 1
                let key = key(random.below(Written.keys))
                let stored = Stored(
                    version: version(stamp),
                    value: random.chance(1, in: 5) ? nil : randomBytes(random.below(30), &random))
                try store.put(key, stored.value, stored.version)
                state[key] = stored
            }
            let end = try #require(try store.seal())
            let file = try #require(
                disk.contents.keys.sorted().first {
                    (disk.contents[$0]?.bytes.count ?? 0) > sizes[$0] ?? 0
                })
            self.frames.append(
                Frame(
                    file: file, start: sizes[file] ?? 0, end: disk.contents[file]?.bytes.count ?? 0,
                    position: end, durable: durable))
            states.append(state)
            if random.chance(1, in: 3) { store.synced(end) }
        }
    }

    /// What recovery of a log must hold whose first invalid frame is this one; nil if it must
    /// refuse, since a later frame says that the log was synced beyond.
    func expected(brokenAt frame: Int) -> [[UInt8]: Stored]? {
        let start = frame == 0 ? .zero : frames[frame - 1].position
        return frames[frame...].dropFirst().contains { $0.durable > start } ? nil : states[frame]
    }

    /// The first frame that ends after `offset` of a file.
    func frame(at offset: Int, of file: String) -> Int? {
        frames.firstIndex { $0.file == file && $0.end > offset }
    }
}

private func contents(_ store: borrowing LogStore) -> [[UInt8]: Stored] {
    var all: [[UInt8]: Stored] = [:]
    for number in 0..<Written.keys {
        if let stored = store.stored(key(number)) { all[key(number)] = stored }
    }
    return all
}

@Test func aReopenedStoreHoldsWhatWasSealed() throws {
    var random = RandomSource(seed: 1)
    let written = try Written(frames: 50, segmentBytes: 1 << 20, &random)
    let store = try open(written.disk)
    #expect(contents(store) == written.states.last)
    #expect(store.appended == written.frames.last?.position)
    #expect(store.durable == store.appended)
    #expect(store.recovery?.frames == 50)
    #expect(store.recovery?.discarded == nil)
    #expect(store.isLogged == true)
}

@Test func aLogCutAtAnyByteHoldsExactlyItsCompleteFrames() throws {
    var random = RandomSource(seed: 2)
    let written = try Written(frames: 12, segmentBytes: 1 << 20, &random)
    let whole = try #require(written.disk.contents[segment1]).bytes
    for size in 0...whole.count {
        let disk = MemoryDisk(copying: written.disk)
        disk.contents[segment1]?.bytes.removeLast(whole.count - size)
        let complete = written.frames.count { $0.end <= size }
        do {
            var store = try open(disk)
            #expect(contents(store) == written.states[complete], "cut to \(size) bytes")
            let boundary = complete == 0 ? min(size, 40) : written.frames[complete - 1].end
            let kept = boundary == 40 || complete > 0 ? boundary : 0
            #expect((store.recovery?.discarded == nil) == (size == kept), "cut to \(size)")
            // The log goes on behind the cut.
            try store.put(key(0), [1], version(1_000))
            _ = try store.seal()
            #expect(try open(disk).stored(key(0))?.value == [1], "cut to \(size), continued")
        }
    }
}

@Test func aFlippedByteIsATornEndOrIsRefusedButNeverReadsAsAnotherValue() throws {
    for (seed, segmentBytes) in [(3, 1 << 20), (4, 400), (5, 150)] as [(UInt64, Int)] {
        var random = RandomSource(seed: seed)
        let written = try Written(frames: 16, segmentBytes: segmentBytes, &random)
        var refusals = 0
        for file in written.disk.contents.keys.sorted() where file.hasPrefix("segment") {
            let size = written.disk.contents[file]?.bytes.count ?? 0
            for offset in stride(from: 0, to: size, by: segmentBytes > 1_000 ? 1 : 3) {
                let disk = MemoryDisk(copying: written.disk)
                disk.contents[file]?.bytes[offset] ^= 1 << UInt8(random.below(8))
                let broken = try #require(written.frame(at: offset, of: file))
                do throws(StorageError) {
                    let store = try open(disk)
                    let expected = written.expected(brokenAt: broken)
                    #expect(contents(store) == expected, "byte \(offset) of \(file)")
                } catch {
                    refusals += 1
                    // A header is damaged as a whole or names another format.
                    let inHeader = offset < 40
                    #expect(
                        inHeader || written.expected(brokenAt: broken) == nil,
                        "byte \(offset) of \(file): \(error)")
                    #expect(error.description.contains("segment-"))
                }
            }
        }
        #expect(refusals > 100)
    }
}

@Test func afterACrashEverythingSyncedIsThereAndNothingElseThanFramesInOrder() throws {
    try Seeds.forAll(150, "crashes") { random in
        let disk = MemoryDisk()
        var stamp: UInt64 = 0
        var state: [[UInt8]: Stored] = [:]
        let segmentBytes = 100 + random.below(2_000)
        for _ in 0..<6 {
            var states = [state]
            var synced = 0
            do {
                var store = try open(disk, segmentBytes: segmentBytes)
                guard contents(store) == state, store.largestStamp <= stamp else { return false }
                for _ in 0..<random.below(20) {
                    for _ in 0...random.below(3) {
                        stamp += 1
                        let key = key(random.below(Written.keys))
                        let value = random.chance(1, in: 5) ? nil : randomBytes(20, &random)
                        try store.put(key, value, version(stamp))
                        state[key] = Stored(version: version(stamp), value: value)
                    }
                    let end = try store.seal()
                    states.append(state)
                    if let end, random.chance(1, in: 4) {
                        disk.sync()
                        store.synced(end)
                        synced = states.count - 1
                    }
                }
            }
            disk.crash(&random)
            // Starting may itself be cut short after any write.
            for writes in 0..<random.below(8) {
                disk.writesLeft = writes
                do throws(StorageError) {
                    _ = try open(disk, segmentBytes: segmentBytes)
                } catch {
                    guard error == .disk("no power") else { return false }
                }
            }
            disk.writesLeft = nil
            let recovered = contents(try open(disk, segmentBytes: segmentBytes))
            guard states[synced...].contains(recovered) else { return false }
            state = recovered
        }
        return true
    }
}

@Test func segmentsRollAndTheNextOneIsThereAhead() throws {
    let disk = MemoryDisk()
    var model: [UInt64: LogPosition] = [:]
    for round in 0..<5 as Range<UInt64> {
        var store = try open(disk, segmentBytes: 1_000)
        for step in 0..<40 as Range<UInt64> {
            let stamp = round * 40 + step + 1
            let end = try store.put(key(Int(stamp)), randomValue(stamp), version(stamp))
            model[stamp] = end
            #expect(try store.seal() == end)
            #expect(store.appended == end)
        }
        let segments = disk.contents.keys.sorted().filter { $0.hasPrefix("segment") }
        #expect(segments.count > 4 * Int(round + 1))
        #expect(segments == (1...segments.count).map { "segment-" + padded($0) + ".log" })
    }
    let store = try open(disk, segmentBytes: 1_000)
    for stamp in 1...200 as ClosedRange<UInt64> {
        #expect(store.stored(key(Int(stamp)))?.value == randomValue(stamp))
    }
    #expect(store.count == 200)
    #expect(store.largestStamp == 200)
}

private func randomValue(_ stamp: UInt64) -> [UInt8] {
    var random = RandomSource(seed: stamp)
    return randomBytes(100, &random)
}

private func padded(_ number: Int) -> String {
    String(repeating: "0", count: 10 - String(number).count) + String(number)
}

@Test func aTurnLargerThanAFrameIsWrittenInSeveral() throws {
    let disk = MemoryDisk()
    var store = try open(disk)
    let value = [UInt8](repeating: 3, count: 300_000)
    for number in 0..<10 { try store.put(key(number), value, version(UInt64(number + 1))) }
    let end = try store.seal()
    #expect(end == store.appended)
    #expect(try store.seal() == nil)
    let largest = [UInt8](repeating: 4, count: Limits.valueBytes)
    try store.put(key(10), largest, version(11))
    _ = try store.seal()
    let reopened = try open(disk)
    #expect(reopened.stored(key(9))?.value == value)
    #expect(reopened.stored(key(10))?.value == largest)
    #expect(reopened.recovery?.frames == 4)
}

@Test func whatTheDiskRefusedStaysRefused() throws {
    let disk = MemoryDisk()
    var store = try open(disk)
    try store.put(key(1), [1], version(1))
    _ = try store.seal()
    try store.put(key(2), [2], version(2))
    disk.refusal = DiskError("segment-0000000001.log: no space left on device")
    #expect(throws: DiskError.self) { _ = try store.seal() }
    disk.refusal = nil
    #expect(throws: DiskError.self) { _ = try store.seal() }
    #expect(try open(disk).stored(key(1))?.value == [1])
}

private func refusal(_ disk: MemoryDisk) -> String {
    do throws(StorageError) {
        _ = try open(disk)
        return "opened"
    } catch { return error.description }
}

@Test func aLogThatIsNotThisStoresIsRefusedWithItsName() throws {
    var random = RandomSource(seed: 6)
    let written = try Written(frames: 30, segmentBytes: 500, &random)
    func damaged(_ change: (MemoryDisk) -> Void) -> String {
        let disk = MemoryDisk(copying: written.disk)
        change(disk)
        return refusal(disk)
    }
    #expect(damaged { _ in } == "opened")
    let garbage = damaged {
        $0.contents[segment1]?.bytes = Array("#!/bin/sh\n".utf8) + Array(repeating: 32, count: 50)
    }
    #expect(garbage.contains("segment-0000000001.log is not a file of this store"))
    let newer = damaged { $0.contents[segment1]?.bytes[8] = 5 }
    #expect(
        newer.contains(
            "segment-0000000001.log has format 5, but this release reads formats up to 4"))
    let missing = damaged { $0.contents[segment2] = nil }
    #expect(missing.contains("segment-0000000002.log is missing"))
    let gone = damaged { disk in
        for name in disk.contents.keys.sorted() where name.hasPrefix("segment") {
            disk.contents[name] = nil
        }
    }
    #expect(gone.contains("segment-0000000001.log is missing"))
    let swapped = damaged { disk in
        disk.contents[segment1] = disk.contents[segment2]
    }
    #expect(swapped.contains("belongs to segment 2, expected segment 1"))
    let other = MemoryDisk()
    let identity = try StoreIdentity.open(on: other, node: "n1", cluster: 9, newStore: 78)
    #expect(throws: StorageError.self) {
        other.contents[segment1] = written.disk.contents[segment1]
        _ = try LogStore(recovering: other, identity: identity, hashSeed: 1)
    }
}
