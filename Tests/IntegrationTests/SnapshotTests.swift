import Basics
import Glibc
import Platform
import Testing

/// `admin snapshot` and `admin restore`, with real nodes.
@Suite struct SnapshotTests {
    private func admin(_ words: String..., in folder: String) throws -> Program.Ended {
        try Program(Quorumeter.path, ["admin"] + words, in: folder).end()
    }

    @Test func aSnapshotHasWhatWasAcknowledgedAndGoesIntoAnotherCluster() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let node = try ServedNode(
                ["--name", "n1", "--data", data, "--log-size", "1MiB"], in: folder)
            let client = try node.client()
            let padding = String(repeating: "x", count: 20_000)
            for number in 0..<200 {
                #expect(try client.ask("SET", "key\(number)", "\(number) \(padding)") == "+OK")
            }
            #expect(try client.ask("DEL", "key7") == ":1")
            let made = try admin("snapshot", "\(node.address)", "monday", in: folder)
            #expect(made.code == 0, "\(made.errors)")
            let snapshot = "\(data)/snapshots/monday"
            #expect(made.output == snapshot + "\n")
            // What comes later is not in it, and takes nothing from it.
            for number in 0..<200 {
                #expect(try client.ask("SET", "key\(number)", "later \(padding)") == "+OK")
            }
            let again = try admin("snapshot", "\(node.address)", "monday", in: folder)
            #expect(again.code == 0, "\(again.errors)")

            let other = try ServedNode(in: folder)
            let target = try other.client()
            #expect(try target.ask("SET", "key5", "mine") == "+OK")
            let restored = try admin("restore", "\(other.address)", snapshot, in: folder)
            #expect(restored.code == 0, "\(restored.errors)")
            #expect(restored.output == "restored 198 keys; left 1 that exist\n")
            for number in 0..<200 where number != 5 && number != 7 {
                #expect(try target.ask("GET", "key\(number)") == "\(number) \(padding)")
            }
            #expect(try target.ask("GET", "key5") == "mine")
            #expect(try target.ask("GET", "key7") == nil)
            let all = try admin(
                "restore", "\(other.address)", snapshot, "--overwrite", in: folder)
            #expect(all.output == "restored 199 keys\n")
            #expect(try target.ask("GET", "key5") == "5 \(padding)")
        }
    }

    @Test func theNewestOfSeveralSnapshotsCounts() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let node = try ServedNode(["--name", "n1", "--data", data], in: folder)
            let client = try node.client()
            for key in ["a", "b", "c"] { #expect(try client.ask("SET", key, "old") == "+OK") }
            #expect(try admin("snapshot", "\(node.address)", "one", in: folder).code == 0)
            #expect(try client.ask("SET", "b", "new") == "+OK")
            #expect(try client.ask("DEL", "c") == ":1")
            #expect(try admin("snapshot", "\(node.address)", "two", in: folder).code == 0)
            let other = try ServedNode(in: folder)
            let restored = try admin(
                "restore", "\(other.address)", "\(data)/snapshots/two",
                "\(data)/snapshots/one", in: folder)
            #expect(restored.output == "restored 2 keys\n", "\(restored.errors)")
            let target = try other.client()
            #expect(try target.ask("GET", "a") == "old")
            #expect(try target.ask("GET", "b") == "new")
            #expect(try target.ask("GET", "c") == nil)
        }
    }

    @Test func whatCannotBeDoneIsSaid() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let node = try ServedNode(["--name", "n1", "--data", data], in: folder)
            let client = try node.client()
            #expect(try client.ask("SET", "a", "b") == "+OK")
            let bad = try admin("snapshot", "\(node.address)", "../x", in: folder)
            #expect(bad.code == 4 && bad.errors.contains("1 to 64 letters"), "\(bad.errors)")
            #expect(try admin("snapshot", "\(node.address)", "one", in: folder).code == 0)
            let files = try FileSystem.list("\(data)/snapshots/one")
            let part = try #require(files.first { $0.hasSuffix(".part") })
            // A copy: the file itself is the node's too.
            let copy = "\(folder)/copy"
            try FileSystem.makeFolder(copy)
            for name in files {
                var bytes = try FileSystem.read("\(data)/snapshots/one/\(name)")
                if name == part { bytes[80] ^= 1 }
                try FileSystem.replace("\(copy)/\(name)", with: bytes)
            }
            let memory = try ServedNode(in: folder)
            let damaged = try admin("restore", "\(memory.address)", copy, in: folder)
            #expect(damaged.code == 2)
            #expect(damaged.errors.contains("\(part) is damaged at byte 40"))
            let empty = try admin("restore", "\(memory.address)", folder, in: folder)
            #expect(empty.code == 2 && empty.errors.contains("checkpoint.meta is missing"))
            let none = try admin("snapshot", "\(memory.address)", "one", in: folder)
            #expect(none.code == 4 && none.errors.contains("in memory only"), "\(none.errors)")
        }
    }
}
