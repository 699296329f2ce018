import Basics
import Simulation
import Storage
import TestSupport
import Testing

/// What the simulated disk promises, seen from outside.
struct SimulatedDiskTests {
    private func append(_ bytes: [UInt8], _ disk: SimulatedDisk, _ name: String) throws {
        try Bytes.lending(bytes) { (bytes) throws(DiskError) in
            try disk.append(bytes, to: name)
        }
    }

    @Test func syncedBytesSurviveEveryCrashAndWhatIsLeftIsAPrefix() throws {
        try Seeds.forAll(300, "synced bytes survive") { random in
            let disk = SimulatedDisk()
            try disk.create("log")
            var written: [UInt8] = []
            var synced = 0
            for _ in 0..<random.below(12) {
                let count = 1 + random.below(1_500)
                let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                try append(bytes, disk, "log")
                written += bytes
                if random.chance(1, in: 3) {
                    disk.finishSync(upTo: disk.beginSync())
                    synced = written.count
                }
            }
            let outcomes: [SimulatedDisk.CrashOutcome] = [.keepAll, .loseAll, .losesSuffix]
            disk.crash(outcomes[random.below(3)], drawing: &random)
            let size = try disk.files()[0].size
            let left = try disk.read("log", at: 0, count: size)
            return size >= synced && left == Array(written[..<size])
        }
    }

    @Test func aSyncCoversOnlyWhatCameBeforeItBegan() throws {
        let disk = SimulatedDisk()
        try disk.create("log")
        try append([1, 2, 3], disk, "log")
        let mark = disk.beginSync()
        try append([4, 5], disk, "log")
        disk.finishSync(upTo: mark)
        var random = RandomSource(seed: 1)
        disk.crash(.loseAll, drawing: &random)
        #expect(try disk.files() == [DiskFile(name: "log", size: 3)])
    }

    @Test func anySubsetLeavesZerosWhereSomethingWasLostBelowSomethingKept() throws {
        try Seeds.forAll(300, "any subset") { random in
            let disk = SimulatedDisk()
            try disk.create("log")
            let parts = (0..<6).map { [UInt8](repeating: UInt8($0 + 1), count: 700) }
            for part in parts { try append(part, disk, "log") }
            disk.crash(.anySubset, drawing: &random)
            let size = try disk.files()[0].size
            let left = try disk.read("log", at: 0, count: size)
            return left.enumerated().allSatisfy { place, byte in
                byte == 0 || byte == UInt8(place / 700 + 1)
            }
        }
    }

    @Test func replacedAndRemovedFilesStaySoAfterACrash() throws {
        let disk = SimulatedDisk()
        try disk.replace("b", with: [1])
        try disk.replace("a", with: [2, 2])
        try disk.create("c")
        try append([9], disk, "c")
        try disk.remove("b")
        try disk.replace("a", with: [3])
        var random = RandomSource(seed: 2)
        disk.crash(.loseAll, drawing: &random)
        #expect(
            try disk.files() == [DiskFile(name: "a", size: 1), DiskFile(name: "c", size: 0)])
        #expect(try disk.read("a", at: 0, count: 1) == [3])
    }

    @Test func errorsNameTheFileAndWhatWasExpected() throws {
        let disk = SimulatedDisk()
        #expect(throws: DiskError.self) { try disk.read("none", at: 0, count: 1) }
        try disk.create("log")
        do {
            _ = try disk.read("log", at: 0, count: 1)
            Issue.record("reading past the end succeeds")
        } catch {
            #expect(error.description == "cannot read 1 bytes at 0 of log: it has 0")
        }
        disk.isBroken = true
        #expect(throws: DiskError.self) { try disk.files() }
    }
}
