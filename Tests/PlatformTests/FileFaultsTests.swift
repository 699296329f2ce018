import Basics
import Glibc
import Platform
import TestSupport
import Testing

/// The file layer that forgets what was not synced.
///
/// One test at a time: a process has one folder of this kind.
@Suite(.serialized) struct FileFaultsTests {
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = try FileSystem.temporaryFolder("quorumeter-faults")
        let data = "\(folder)/data"
        try FileSystem.makeFolder(data)
        let outcome = Result { try body(data) }
        try FileFaults.uninstall()
        try FileSystem.removeTree(folder)
        try outcome.get()
    }

    private func append(_ bytes: [UInt8], to file: borrowing File) throws {
        try Bytes.lending(bytes) { (all) throws(SystemError) in try file.write(all) }
    }

    /// What the file itself has, whatever is kept back.
    private func contents(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    @Test func appendedBytesReachTheFileWhenTheyAreSynced() throws {
        try inFolder { folder in
            try FileFaults.install(below: folder, controls: nil, lossySeed: 1)
            let path = "\(folder)/log"
            let file = try File(path, .append)
            try append(Array("one".utf8), to: file)
            try append(Array("two".utf8), to: file)
            #expect(try contents(path).isEmpty)
            #expect(try file.size() == 6)
            #expect(try File(path, .read).read(at: 2, count: 9) == Array("etwo".utf8))
            try file.syncData()
            #expect(try contents(path) == Array("onetwo".utf8))
            try append(Array("three".utf8), to: file)
            #expect(try File(path, .read).read(at: 0, count: 99) == Array("onetwothree".utf8))
            #expect(try contents(path) == Array("onetwo".utf8))
            // An orderly end keeps everything.
            try FileFaults.uninstall()
            #expect(try contents(path) == Array("onetwothree".utf8))
            #expect(try FileSystem.kind(of: FileFaults.journalPath(of: folder)) == nil)
        }
    }

    @Test func filesElsewhereAndFilesThatAreReplacedAreNotTouched() throws {
        try inFolder { folder in
            try FileFaults.install(below: folder, controls: nil, lossySeed: 1)
            let elsewhere = "\(folder)-elsewhere"
            try append([1, 2, 3], to: File(elsewhere, .append))
            #expect(try contents(elsewhere) == [1, 2, 3])
            try FileSystem.replace("\(folder)/meta", with: [4, 5], durably: false)
            #expect(try contents("\(folder)/meta") == [4, 5])
        }
    }

    /// A kill leaves the synced bytes and a beginning of the others, whole up to a torn tail that
    /// ends at a sector; over many seeds all of these are seen.
    @Test func aKillLosesExactlyWhatWasNotSynced() throws {
        var outcomes: Set<String> = []
        try Seeds.forAll(60, "lossy files") { random in
            var isRight = false
            try inFolder { folder in
                let path = "\(folder)/log"
                let synced = (0..<(1 + random.below(900))).map { UInt8(truncatingIfNeeded: $0) }
                var unsynced: [[UInt8]] = []
                try FileFaults.install(below: folder, controls: nil, lossySeed: 1)
                do {
                    let file = try File(path, .append)
                    try append(synced, to: file)
                    try file.syncData()
                    for i in 0..<(1 + random.below(5)) {
                        let bytes = [UInt8](
                            repeating: UInt8(100 + i), count: 1 + random.below(1_500))
                        unsynced.append(bytes)
                        try append(bytes, to: file)
                    }
                }
                // The process is gone; the next one decides what the disk has kept.
                try FileFaults.install(
                    below: folder, controls: nil, lossySeed: random.next())
                let found = try contents(path)
                let all = synced + unsynced.joined()
                var ends = [synced.count]
                for append in unsynced { ends.append((ends.last ?? 0) + append.count) }
                let isWhole = ends.contains(found.count)
                isRight =
                    found.count >= synced.count && found == Array(all.prefix(found.count))
                    && (isWhole || found.count % 512 == 0)
                outcomes.insert(
                    found.count == synced.count
                        ? "nothing" : found.count == all.count ? "all" : isWhole ? "some" : "torn")
                // Once decided it stays so.
                try FileFaults.install(below: folder, controls: nil, lossySeed: 99)
                isRight = try isRight && contents(path) == found
            }
            return isRight
        }
        #expect(outcomes == ["nothing", "all", "some", "torn"])
    }

    @Test func controlsFillSlowAndFailTheDisk() throws {
        try inFolder { folder in
            let controls = try LiveControls("\(folder)-controls")
            try FileFaults.install(below: folder, controls: controls, lossySeed: 3)
            let path = "\(folder)/log"
            let file = try File(path, .append)
            try append([1], to: file)
            try file.syncData()

            controls.isDiskFull = true
            #expect(try FileSystem.room(folder).free == 0)
            let much = [UInt8](repeating: 2, count: 1 << 20)
            do throws(SystemError) {
                try Bytes.lending(much) { (all) throws(SystemError) in try file.write(all) }
                Issue.record("a full disk has taken a byte")
            } catch {
                #expect(error.code == ENOSPC)
            }
            #expect(throws: SystemError.self) { try file.reserve(1 << 20) }
            controls.isDiskFull = false
            #expect(try FileSystem.room(folder).free > 0)
            #expect(controls.writesRefused == 2)
            // What has room already may be written on a full disk.
            try file.reserve(1 << 20)
            controls.isDiskFull = true
            try file.reserve(1 << 20)
            controls.isDiskFull = false

            controls.syncDelay = .milliseconds(30)
            let start = Clocks.monotonic()
            try file.syncData()
            #expect(Clocks.monotonic() - start >= .milliseconds(30))
            controls.syncDelay = .zero

            try append([9], to: file)
            controls.syncFailures = 1
            #expect(throws: SystemError.self) { try file.syncData() }
            // What it held is gone for good, though the next sync succeeds.
            try file.syncData()
            #expect(try contents(path) == [1])
            #expect(controls.syncsFailed == 1 && controls.syncsDelayed == 1)
        }
    }

    @Test func wordsAreSharedByAllWhoMapThem() throws {
        let folder = try FileSystem.temporaryFolder("quorumeter-words")
        let words = try SharedWords("\(folder)/words", count: 4)
        let others = try SharedWords("\(folder)/words", count: 8)
        words[1] = 42
        others.add(8, at: 1)
        #expect(words[1] == 50 && others[7] == 0)
        try FileSystem.removeTree(folder)
    }
}
