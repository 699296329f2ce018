import Basics
import Glibc
import Platform
import Testing

/// What `serve` says about surroundings that it cannot use, and the code it ends with.
@Suite struct DataDirectoryTests {
    private func serve(_ arguments: String..., in folder: String) throws -> Program.Ended {
        try Program(Quorumeter.path, ["serve", "--listen", "127.0.0.1:0"] + arguments, in: folder)
            .end(within: .seconds(20))
    }

    /// A data directory with a few synced writes in it; returns its path.
    private func writtenDirectory(in folder: String) throws -> String {
        let data = "\(folder)/data"
        let node = try ServedNode(["--name", "n1", "--data", data], in: folder)
        let client = try node.client()
        for i in 1...20 { #expect(try client.ask("SET", "key\(i)", "value\(i)") == "+OK") }
        #expect(try node.stop().code == 0)
        return data
    }

    /// Changes one byte of a file.
    private func damage(_ path: String, at offset: Int, to value: UInt8? = nil) throws {
        var bytes = try FileSystem.read(path)
        bytes[offset] = value ?? ~bytes[offset]
        try FileSystem.replace(path, with: bytes)
    }

    @Test func aPortInUseIsSaid() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(in: folder)
            let second = try Quorumeter.run("serve", "--listen", "\(node.address)", in: folder)
            #expect(second.code == 4)
            #expect(second.errors.contains("\(node.address)") && second.errors.contains("in use"))
            #expect(try node.client().ask("PING") == "+PONG")
        }
    }

    @Test func theDirectoryOfAnotherNodeIsRefused() throws {
        try inTemporaryFolder { folder in
            let data = try writtenDirectory(in: folder)
            let other = try serve("--name", "n2", "--data", data, in: folder)
            #expect(other.code == 78, "\(other.errors)")
            #expect(other.errors.contains(data) && other.errors.contains("expected"))
            // It was left as it was.
            let node = try ServedNode(["--name", "n1", "--data", data], in: folder)
            #expect(try node.client().ask("GET", "key20") == "value20")
        }
    }

    @Test func aDirectoryThatIsInUseIsRefused() throws {
        try inTemporaryFolder { folder in
            let data = "\(folder)/data"
            let node = try ServedNode(["--name", "n1", "--data", data], in: folder)
            let second = try serve("--name", "n1", "--data", data, in: folder)
            #expect(second.code == 78 || second.code == 4, "\(second.errors)")
            #expect(second.errors.contains(data))
            #expect(try node.client().ask("PING") == "+PONG")
        }
    }

    @Test func aNewerFormatIsRefused() throws {
        try inTemporaryFolder { folder in
            let data = try writtenDirectory(in: folder)
            for name in ["node.meta", "node.meta.copy"] {
                try damage("\(data)/\(name)", at: 8, to: 9)
            }
            let ended = try serve("--name", "n1", "--data", data, in: folder)
            #expect(ended.code == 78, "\(ended.errors)")
            #expect(ended.errors.contains("format 9") && ended.errors.contains("node.meta"))
        }
    }

    @Test func aDamagedLogIsRefusedAndLeftAlone() throws {
        try inTemporaryFolder { folder in
            let data = try writtenDirectory(in: folder)
            let segment = "\(data)/segment-0000000001.log"
            try damage(segment, at: 75)
            let before = try FileSystem.read(segment)
            let ended = try serve("--name", "n1", "--data", data, in: folder)
            #expect(ended.code == 78, "\(ended.errors)")
            #expect(ended.errors.contains("segment-0000000001.log is damaged at byte"))
            #expect(try FileSystem.read(segment) == before)
        }
    }

    @Test func aTornEndIsCutAndSaid() throws {
        try inTemporaryFolder { folder in
            let data = try writtenDirectory(in: folder)
            let segment = "\(data)/segment-0000000001.log"
            let bytes = try FileSystem.read(segment)
            try FileSystem.replace(segment, with: bytes.dropLast(3))
            let node = try ServedNode(["--name", "n1", "--data", data], in: folder)
            #expect(try node.client().ask("GET", "key19") == "value19")
            #expect(try node.client().ask("GET", "key20") == nil)
            #expect(node.program.errors.contains("event=recovered"))
        }
    }

    @Test func aFileInPlaceOfTheDirectoryIsSaid() throws {
        try inTemporaryFolder { folder in
            try FileSystem.replace("\(folder)/file", with: [1])
            let ended = try serve("--name", "n1", "--data", "\(folder)/file", in: folder)
            #expect([4, 74, 78].contains(ended.code ?? -1), "\(ended.exit): \(ended.errors)")
            #expect(ended.errors.contains("\(folder)/file"))
        }
    }
}
