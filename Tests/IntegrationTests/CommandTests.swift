import Basics
import Glibc
import Platform
import Testing

/// The command line: what it prints and the code it ends with.
@Suite struct CommandTests {
    @Test func unknownFlagsAndCommandsSayWhatToDo() throws {
        try inTemporaryFolder { folder in
            let commands = [
                "serve", "cluster", "load", "run", "check", "sweep", "simulate", "report",
            ]
            for name in commands {
                let ended = try Quorumeter.run(name, "--nonsense", in: folder)
                #expect(ended.code == 2, "\(name): \(ended.exit)")
                #expect(ended.errors.contains("--nonsense"), "\(name): \(ended.errors)")
                #expect(ended.output.isEmpty)
                let help = try Quorumeter.run(name, "--help", in: folder)
                #expect(help.code == 0 && help.output.contains("EXAMPLE"), "\(name)")
            }
            let ended = try Quorumeter.run("simulat", in: folder)
            #expect(ended.code == 2 && ended.errors.contains("did you mean 'simulate'"))
            #expect(try Quorumeter.run(in: folder).code == 2)
            #expect(try Quorumeter.run("--version", in: folder).code == 0)
        }
    }

    @Test func missingFilesAreNamed() throws {
        try inTemporaryFolder { folder in
            let none = "\(folder)/none"
            for words in [
                ["check", "\(none).jsonl"], ["sweep", "\(none).yaml"], ["report", none],
                ["run", "quorum://127.0.0.1:1", "-P", none], ["cluster", "status", "--dir", none],
                ["cluster", "down", "--dir", none],
            ] {
                let ended = try Program(Quorumeter.path, words, in: folder).end()
                #expect(ended.code == 2, "\(words): \(ended.exit): \(ended.errors)")
                #expect(ended.errors.contains(none), "\(words): \(ended.errors)")
            }
        }
    }

    @Test func badValuesOfFlagsAreNamed() throws {
        try inTemporaryFolder { folder in
            for words in [
                ["simulate", "--n", "9", "--nodes", "3"], ["simulate", "--r", "x"],
                ["simulate", "--faults", "meteor"], ["serve", "--n", "3", "--r", "4"],
                ["serve", "--listen", "nowhere:port"], ["serve", "--fsync", "maybe"],
                ["serve", "--n", "3"], ["check", "--model", "perfect", "x.jsonl"],
            ] {
                let ended = try Program(Quorumeter.path, words, in: folder).end(
                    within: .seconds(20))
                #expect(ended.code == 2, "\(words): \(ended.exit): \(ended.errors)")
                #expect(!ended.errors.isEmpty, "\(words)")
            }
        }
    }

    @Test func oneSeedGivesOneDigestInTwoProcesses() throws {
        try inTemporaryFolder { folder in
            func simulate(_ seed: Int) throws -> String {
                let ended = try Quorumeter.run(
                    "simulate", "--seed", "\(seed)", "--faults", "partition,crash", "--json",
                    in: folder)
                #expect(ended.code == 0 || ended.code == 1, "\(ended.errors)")
                let parts = ended.output.split(separator: "\"digest\"")
                #expect(parts.count == 2)
                let digest = parts[parts.count - 1].drop { !$0.isHexDigit }.prefix { $0.isHexDigit }
                #expect(digest.count == 16, "\(ended.output)")
                return String(digest)
            }
            var digests: Set<String> = []
            for seed in 1...3 {
                let digest = try simulate(seed)
                #expect(try simulate(seed) == digest)
                digests.insert(digest)
            }
            #expect(digests.count == 3)
        }
    }

    @Test func theStepAtWhichTwoRunsPartIsNamedAcrossProcesses() throws {
        try inTemporaryFolder { folder in
            func simulate(_ words: String...) throws -> Program.Ended {
                let words = ["simulate", "--seed", "3", "--faults", "all"] + words
                return try Program(Quorumeter.path, words, in: folder).end(within: .seconds(60))
            }
            _ = try simulate("--steps", "\(folder)/run.steps")
            let same = try simulate("--compare", "\(folder)/run.steps")
            #expect(same.code == 0 && same.output.hasPrefix("the same run: "), "\(same)")
            let other = try simulate("--keys", "3", "--compare", "\(folder)/run.steps")
            #expect(other.code == 1 && other.output.contains("the runs part at step"), "\(other)")
            let missing = try simulate("--compare", "\(folder)/none.steps")
            #expect(missing.code == 2 && missing.errors.contains("none.steps"), "\(missing)")
        }
    }

    private static let good = """
        {"process":1,"op":"write","key":"a","value":"x","invoked_ns":1,"completed_ns":2,"outcome":"ok"}
        {"process":2,"op":"read","key":"a","value":"x","invoked_ns":3,"completed_ns":4,"outcome":"ok"}

        """

    @Test func checkTellsGoodFromBadFromMalformed() throws {
        try inTemporaryFolder { folder in
            func check(_ text: String, _ words: String...) throws -> Program.Ended {
                let path = "\(folder)/history.jsonl"
                try FileSystem.replace(path, with: Array(text.utf8))
                return try Program(Quorumeter.path, ["check"] + words + [path], in: folder).end()
            }
            let good = try check(CommandTests.good)
            #expect(good.code == 0, "\(good.exit): \(good.errors)")
            #expect(good.output.contains("linearizable") && good.output.contains("holds"))

            let lines = CommandTests.good.split(separator: "\n")
            let stale =
                "\(lines[0])\n" + lines[1].split(separator: "\"x\"").joined(separator: "null")
            let bad = try check(stale, "--model", "linearizable")
            #expect(bad.code == 1, "\(bad.exit): \(bad.errors)")
            #expect(bad.output.contains("violated"))
            let json = try check(stale, "--json")
            #expect(json.code == 1 && json.output.contains("\"quorumeter.check/1\""))

            let malformed = try check(CommandTests.good + "{\"process\":x}\n")
            #expect(malformed.code == 2, "\(malformed.exit)")
            #expect(malformed.errors.contains("history.jsonl:3:"), "\(malformed.errors)")
        }
    }

    @Test func foldersThatCannotBeWrittenAreNamed() throws {
        try inTemporaryFolder { folder in
            // Permissions do not stop the superuser; a file in the way stops everyone.
            try FileSystem.replace("\(folder)/file", with: [1])
            let ended = try Quorumeter.run(
                "sweep", Workloads.demo, "--out", "\(folder)/file/results", in: folder)
            #expect(ended.code == 4 || ended.code == 2, "\(ended.exit): \(ended.errors)")
            #expect(ended.errors.contains("\(folder)/file"), "\(ended.errors)")
            #expect(try processes(of: folder).isEmpty)
        }
    }

    @Test func aTargetThatIsNotThereIsSaid() throws {
        try inTemporaryFolder { folder in
            let port = try unusedPort()
            let ended = try Quorumeter.run(
                "run", "redis://127.0.0.1:\(port)", "-P", Workloads.a, "-p", "operationcount=100",
                in: folder)
            #expect(ended.code == 4, "\(ended.exit): \(ended.errors)")
            #expect(ended.errors.contains("127.0.0.1:\(port)"), "\(ended.errors)")
        }
    }
}

/// Files of the package, wherever the tests run from.
enum Workloads {
    private static let root = FileSystem.parent(
        of: FileSystem.parent(of: FileSystem.parent(of: #filePath)))
    static let a = "\(root)/workloads/workloada"
    static let demo = "\(root)/workloads/sweeps/demo.yaml"
    static func faults(_ name: String) -> String { "\(root)/workloads/faults/\(name).yaml" }
}

/// A port that nobody listens on at the moment.
func unusedPort() throws -> UInt16 {
    let socket = try Socket.listen(on: .loopback(0))
    defer { socket.close() }
    guard let port = socket.localAddress?.port else { throw Missing("a free port") }
    return port
}
