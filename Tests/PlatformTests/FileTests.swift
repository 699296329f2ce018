import Basics
import Glibc
import Platform
import Testing

/// Runs a test in a folder of its own, which is gone afterwards.
func inTemporaryFolder(_ body: (String) throws -> Void) throws {
    let folder = try FileSystem.temporaryFolder("quorumeter-test")
    let outcome = Result { try body(folder) }
    try FileSystem.removeTree(folder)
    try outcome.get()
}

@Suite struct FileTests {
    @Test func whatIsWrittenIsRead() throws {
        try inTemporaryFolder { folder in
            let path = "\(folder)/a/b/file"
            try FileSystem.makeFolder("\(folder)/a/b")
            try FileSystem.makeFolder("\(folder)/a/b")
            let file = try File(path, .readWrite)
            try Bytes.lending(Array("hello world".utf8)) { try file.write($0) }
            try Bytes.lending(Array("HE".utf8)) { try file.write($0, at: 0) }
            try file.syncData()
            #expect(try file.size() == 11)
            #expect(try file.read(at: 6, count: 99) == Array("world".utf8))
            try file.truncate(to: 5)
            #expect(try FileSystem.text(path) == "HEllo")
            #expect(try FileSystem.kind(of: path) == .file)
            #expect(try FileSystem.kind(of: "\(folder)/a") == .folder)
            #expect(try FileSystem.kind(of: "\(folder)/none") == nil)
            #expect(throws: SystemError.self) { _ = try File(path, .createNew) }
        }
    }

    @Test func replacingIsWholeAndLeavesNothingBehind() throws {
        try inTemporaryFolder { folder in
            try FileSystem.replace("\(folder)/x", with: [1, 2, 3], permissions: 0o600)
            try FileSystem.replace("\(folder)/x", with: [4])
            #expect(try FileSystem.read("\(folder)/x") == [4])
            #expect(try FileSystem.list(folder) == ["x"])
            let error = #expect(throws: SystemError.self) {
                try FileSystem.replace("\(folder)/none/x", with: [1])
            }
            #expect(error?.code == ENOENT)
        }
    }

    @Test func aLockIsHeldOnce() throws {
        try inTemporaryFolder { folder in
            let first = try File("\(folder)/lock", .readWrite)
            #expect(try first.tryLock())
            let second = try File("\(folder)/lock", .readWrite)
            #expect(try !second.tryLock())
            #expect(first.path == second.path)
        }
    }

    @Test func removingATreeDoesNotFollowLinks() throws {
        try inTemporaryFolder { folder in
            try FileSystem.makeFolder("\(folder)/kept")
            try FileSystem.replace("\(folder)/kept/file", with: [1])
            try FileSystem.makeFolder("\(folder)/gone/deep")
            #expect(symlink("\(folder)/kept", "\(folder)/gone/link") == 0)
            try FileSystem.removeTree("\(folder)/gone")
            try FileSystem.removeTree("\(folder)/gone")
            #expect(try FileSystem.list(folder) == ["kept"])
            #expect(try FileSystem.read("\(folder)/kept/file") == [1])
        }
    }

    @Test func aFileThatIsTooLargeIsRefused() throws {
        try inTemporaryFolder { folder in
            try FileSystem.replace("\(folder)/x", with: [1, 2, 3])
            let error = #expect(throws: SystemError.self) {
                _ = try FileSystem.read("\(folder)/x", limit: 2)
            }
            #expect(error?.code == EFBIG)
        }
    }

    @Test func scratchFoldersOfProgramsThatAreGoneAreRemoved() throws {
        let own = try ScratchFolder.make("quorumeter-claim")
        let base = FileSystem.parent(of: own)
        // No process has that number and that beginning.
        let abandoned = "\(base)/quorumeter-claim.1.18446744073709551615.\(getpid())"
        let foreign = "\(base)/quorumeter-claim-of-somebody.\(getpid())"
        for folder in [abandoned, foreign] { try FileSystem.makeFolder("\(folder)/inner") }
        let second = try ScratchFolder.make("quorumeter-peer")
        #expect(try FileSystem.kind(of: abandoned) == nil)
        for folder in [own, second, foreign] {
            #expect(try FileSystem.kind(of: folder) == .folder)
            try FileSystem.removeTree(folder)
        }
    }
}
