import Basics
import Glibc
import Platform
import Testing

/// What a node does with its files while it runs: checkpoints, a full disk, rot.
@Suite struct PersistenceTests {
    private func value(_ number: Int, bytes: Int = 100 << 10) -> String {
        String(repeating: Character(UnicodeScalar(UInt8(65 + number % 26))), count: bytes)
    }

    /// Bytes of all files of a data directory; what goes while they are counted counts nothing.
    private func used(_ data: String) throws -> Int {
        try FileSystem.list(data).reduce(0) { sum, name in
            var status = stat()
            return stat("\(data)/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }

    @Test(arguments: ["always", "everysec", "never"])
    func checkpointsKeepTheLogShortAndOutliveAKill(fsync: String) throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let node = try ServedNode(
                ["--name", "n1", "--data", data, "--fsync", fsync, "--log-size", "1MiB"],
                in: folder)
            let client = try node.client()
            // 1 MiB live, 40 MiB written.
            for number in 0..<400 {
                let reply = try client.ask("SET", "key\(number % 10)", value(number))
                #expect(reply == "+OK")
            }
            #expect(try client.ask("DEL", "key3") == ":1")
            try eventually("checkpoints") { try Int(client.information("checkpoints")) ?? 0 > 2 }
            try node.program.kill()
            #expect(try FileSystem.list(data).contains("checkpoint.meta"))
            try node.restart()
            let again = try node.client()
            for number in 390..<400 where number % 10 != 3 {
                #expect(try again.ask("GET", "key\(number % 10)") == value(number))
            }
            #expect(try again.ask("GET", "key3") == nil)
            // Ten keys and the reserve of stamps.
            #expect(node.program.errors.contains("a checkpoint of 11 records"))
        }
    }

    @Test func theFilesOfAStoreStayWithinAMultipleOfWhatItHolds() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let node = try ServedNode(
                ["--name", "n1", "--data", data, "--fsync", "never", "--log-size", "1MiB"],
                in: folder)
            let client = try node.client()
            var largest = 0
            for number in 0..<1_600 {
                #expect(try client.ask("SET", "key\(number % 10)", value(number)) == "+OK")
                if number % 50 == 0 { largest = max(largest, try used(data)) }
            }
            // Whole segments go, of 64 MiB each.
            #expect(largest < 140 << 20, "\(largest) bytes for 1 MiB that was written 160 times")
        }
    }

    @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func aFullDiskRefusesWritesWithoutEffectUntilThereIsRoom() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/disk"
            try FileSystem.makeFolder(data)
            func mount(_ words: String...) throws {
                let ended = try Program("/bin/mount", words + [data], in: folder).end()
                #expect(ended.code == 0, "\(ended.errors)")
            }
            try mount("-t", "tmpfs", "-o", "size=40m", "tmpfs")
            defer { unmount(data) }
            let node = try ServedNode(
                ["--name", "n1", "--data", "\(data)/n1", "--log-size", "1GiB"], in: folder)
            let client = try node.client()
            var stored = 0
            var reply = try client.ask("SET", "key0", value(0))
            while reply == "+OK", stored < 1_000 {
                stored += 1
                reply = try client.ask("SET", "key\(stored)", value(stored))
            }
            #expect(reply?.hasPrefix("-READONLY disk full") == true, "\(reply ?? "")")
            #expect(stored > 50)
            #expect(try client.information("read_only") == "1")
            #expect(try client.ask("DEL", "key1")?.hasPrefix("-READONLY") == true)
            #expect(try client.ask("GET", "key\(stored)") == nil)
            #expect(try client.ask("GET", "key1") == value(1))
            // A node whose disk is full can start again.
            try node.program.kill()
            try node.restart()
            let second = try node.client()
            for number in 0..<stored {
                #expect(try second.ask("GET", "key\(number)") == value(number))
            }
            #expect(try second.ask("GET", "key\(stored)") == nil)
            try eventually("the full disk to be noticed") {
                try second.information("read_only") == "1"
            }
            try mount("-o", "remount,size=120m")
            try eventually("writes to be taken again") {
                try second.ask("SET", "key\(stored)", value(stored)) == "+OK"
            }
            #expect(try second.information("read_only") == "0")
            #expect(node.program.errors.contains("event=writable"))
            #expect(try node.stop().code == 0)
        }
    }

    private func unmount(_ path: String) {
        // Whoever is still in it is killed by the test's end.
        umount2(path, Int32(MNT_DETACH))
    }

    @Test func rotIsFoundAndRenewedWhileTheNodeRuns() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let node = try ServedNode(
                ["--name", "n1", "--data", data, "--log-size", "1MiB", "--scrub", "200ms"],
                in: folder)
            let client = try node.client()
            for number in 0..<30 {
                #expect(try client.ask("SET", "key\(number)", value(number)) == "+OK")
            }
            try eventually("a checkpoint") { try client.information("checkpoints") != "0" }
            try eventually("the checkpoint to end") {
                try client.information("checkpoint_in_progress") == "0"
            }
            let files = try FileSystem.list(data)
            let part = try #require(files.first { $0.hasSuffix(".part") })
            let file = try File("\(data)/\(part)", .readWrite)
            let byte = try file.read(at: 5_000, count: 1)
            try Bytes.lending([~byte[0]]) { try file.write($0, at: 5_000) }
            try eventually("the damage to be found") {
                try client.information("scrub_damaged_files") != "0"
            }
            #expect(node.program.errors.contains("\(part) is damaged at byte"))
            try eventually("the part to be replaced") {
                try !FileSystem.list(data).contains(part)
            }
            try node.program.kill()
            try node.restart()
            let again = try node.client()
            for number in 0..<30 {
                #expect(try again.ask("GET", "key\(number)") == value(number))
            }
        }
    }

    @Test func aDamagedDirectoryIsPutAsideAndANewLifeBegins() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let arguments = ["--name", "n1", "--data", data, "--rebuild"]
            let node = try ServedNode(arguments, in: folder)
            var client = try node.client()
            for number in 0..<20 { #expect(try client.ask("SET", "key\(number)", "v") == "+OK") }
            let incarnation = try #require(UInt64(client.information("incarnation")))
            #expect(try node.stop().code == 0)
            // Without damage the option changes nothing.
            try node.restart()
            client = try node.client()
            #expect(try client.ask("GET", "key1") == "v")
            #expect(try client.information("incarnation") == "\(incarnation + 1)")
            #expect(try node.stop().code == 0)
            var bytes = try FileSystem.read("\(data)/segment-0000000001.log")
            bytes[75] = ~bytes[75]
            try FileSystem.replace("\(data)/segment-0000000001.log", with: bytes)
            try node.restart()
            client = try node.client()
            #expect(try client.ask("GET", "key1") == nil)
            #expect(try #require(UInt64(client.information("incarnation"))) > incarnation + 1)
            #expect(node.program.errors.contains("segment-0000000001.log is damaged at byte"))
            let aside = try #require(
                try FileSystem.list(data).first { $0.hasPrefix("quarantine-") })
            #expect(try FileSystem.read("\(data)/\(aside)/segment-0000000001.log") == bytes)
            #expect(try client.ask("SET", "key1", "w") == "+OK")
            #expect(try node.stop().code == 0)
            try node.restart()
            #expect(try node.client().ask("GET", "key1") == "w")
        }
    }
}
