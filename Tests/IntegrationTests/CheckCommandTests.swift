import Basics
import Glibc
import Platform
import Testing

/// `quorumeter check` on files of every format, with what it prints and how it ends.
@Suite struct CheckCommandTests {
    /// A write, a newer one, and a read that missed it.
    private static let stale = """
        {"process":1,"op":"write","key":"a","value":"x","invoked_ns":1,"completed_ns":2,"outcome":"ok"}
        {"process":1,"op":"write","key":"a","value":"y","invoked_ns":3,"completed_ns":4,"outcome":"ok"}
        {"process":2,"op":"read","key":"a","value":"x","invoked_ns":15,"completed_ns":16,"outcome":"ok"}
        {"process":3,"op":"read","key":"b","value":null,"invoked_ns":5,"completed_ns":6,"outcome":"ok"}

        """

    private func check(
        _ folder: String, _ name: String, _ text: String, _ words: String...
    ) throws -> Program.Ended {
        let path = "\(folder)/\(name)"
        try FileSystem.replace(path, with: Array(text.utf8))
        return try Program(Quorumeter.path, ["check"] + words + [path], in: folder).end()
    }

    @Test func everyFormatIsReadByItsExtensionOrByName() throws {
        try inTemporaryFolder { folder in
            let edn = """
                {:process 0 :type :invoke :f :write :value 1}
                {:process 0 :type :ok :f :write :value 1}
                {:process 1 :type :invoke :f :read :value nil}
                {:process 1 :type :ok :f :read :value 1}

                """
            #expect(try check(folder, "h.edn", edn).code == 0)
            #expect(try check(folder, "h.txt", edn, "--format", "edn").code == 0)
            let unnamed = try check(folder, "h.txt", edn)
            #expect(unnamed.code == 2 && unnamed.errors.contains("--format"))
            let log = """
                INFO  jepsen.util - 0\t:invoke\t:write\t1
                INFO  jepsen.util - 0\t:ok\t:write\t1
                INFO  jepsen.util - 1\t:invoke\t:read\tnil
                INFO  jepsen.util - 1\t:ok\t:read\t2

                """
            let logged = try check(folder, "h.log", log)
            #expect(logged.code == 1 && logged.output.contains("linearizable: violated"))
            let converted = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--convert", "\(folder)/h.qh")
            #expect(converted.code == 1, "\(converted.errors)")
            let binary = try Quorumeter.run("check", "\(folder)/h.qh", in: folder)
            #expect(binary.code == 1 && binary.output == converted.output)
            let back = try Quorumeter.run(
                "check", "\(folder)/h.qh", "--convert", "\(folder)/back.jsonl", in: folder)
            #expect(back.code == 1)
            #expect(
                try Quorumeter.run("check", "\(folder)/back.jsonl", in: folder).output
                    == converted.output)
        }
    }

    @Test func theDocumentHasWhatTheProductPromises() throws {
        try inTemporaryFolder { folder in
            let ended = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--json", "--model", "linearizable",
                "--model", "k-atomic=2")
            #expect(ended.code == 1)
            for part in [
                "\"schema\" : \"quorumeter.check/1\"", "\"operations\" : 4", "\"keys\" : 2",
                "\"model\" : \"linearizable\"", "\"model\" : \"k-atomic=2\"",
                "\"verdict\" : \"violated\"", "\"verdict\" : \"holds\"", "\"method\" : \"zones\"",
                "\"violating_keys\" : 1", "\"stale_reads\" : 1", "\"k_max\" : 1",
                "\"delta_max_ns\" : 11", "\"gamma_max_ns\" : 1", "\"duration_ns\" : 15",
            ] {
                #expect(ended.output.contains(part), "\(part): \(ended.output)")
            }
        }
    }

    @Test func counterexamplesAreDrawnAndPrintedAndVerdictsListed() throws {
        try inTemporaryFolder { folder in
            let page = "\(folder)/out.html"
            let list = "\(folder)/verdicts"
            let ended = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--explain", page, "--verdicts", list,
                "--model", "linearizable")
            #expect(ended.code == 1, "\(ended.errors)")
            let html = try FileSystem.text(page)
            #expect(html.hasPrefix("<!doctype html>") && html.contains("<svg"))
            #expect(
                try FileSystem.text(list)
                    == "a\tlinearizable\tviolated\tzones\nb\tlinearizable\tholds\tzones\n")
            let text = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--explain", "-", "--model",
                "linearizable")
            #expect(text.output.contains("├") && text.output.contains("process 2"))
            let lost = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--explain", "\(folder)/no/out.html")
            #expect(lost.code == 4 && lost.errors.contains("\(folder)/no/out.html"))
        }
    }

    @Test func optionsChangeTheAnswerAsTheySay() throws {
        try inTemporaryFolder { folder in
            func code(_ words: String...) throws -> Int32? {
                let path = "\(folder)/h.jsonl"
                try FileSystem.replace(path, with: Array(CheckCommandTests.stale.utf8))
                let all = ["check", "--model", "linearizable"] + words + [path]
                return try Program(Quorumeter.path, all, in: folder).end().code
            }
            #expect(try code() == 1)
            #expect(try code("--clock-error", "6ns") == 0)
            // Key b was never written, and read as absent.
            #expect(try code("--clock-error", "6ns", "--initial", "zero") == 1)
            #expect(try code("--jobs", "3") == 1)
            for bad in [
                ["--jobs", "0"], ["--shard", "2/2"], ["--shard", "x"], ["--format", "xml"],
                ["--model", "k-atomic=0"], ["--model", "k-atomic"],
                ["--model", "delta-atomic=3"],
            ] {
                let words = ["check"] + bad + ["\(folder)/h.jsonl"]
                let ended = try Program(Quorumeter.path, words, in: folder).end()
                #expect(ended.code == 2 && ended.errors.contains(bad[0]), "\(ended.errors)")
            }
        }
    }

    @Test func shardsTogetherSeeEveryKeyOnce() throws {
        try inTemporaryFolder { folder in
            var text = ""
            for key in 0..<40 {
                text +=
                    "{\"process\":1,\"op\":\"write\",\"key\":\"k\(key)\",\"value\":\"x\","
                    + "\"invoked_ns\":\(key * 10),\"completed_ns\":\(key * 10 + 1),"
                    + "\"outcome\":\"ok\"}\n"
            }
            try FileSystem.replace("\(folder)/h.jsonl", with: Array(text.utf8))
            var lines: [String] = []
            for shard in 0..<3 {
                let list = "\(folder)/verdicts-\(shard)"
                let ended = try Quorumeter.run(
                    "check", "--model", "linearizable", "--shard", "\(shard)/3", "--verdicts",
                    list, "\(folder)/h.jsonl", in: folder)
                #expect(ended.code == 0, "\(ended.errors)")
                lines += try FileSystem.text(list).split(separator: "\n").map(String.init)
            }
            #expect(lines.count == 40 && Set(lines).count == 40)
        }
    }

    /// Repeated values under many clients: a search that does not end.
    @Test func aSearchThatReachesItsLimitIsInconclusive() throws {
        try inTemporaryFolder { folder in
            var text = ""
            for process in 0..<60 {
                let kind = process % 3
                let names = ["cas", "write", "read"]
                let value = process * 7 % 5
                text +=
                    "{\"process\":\(process),\"op\":\"\(names[kind])\","
                    + "\"key\":\"k\",\"value\":\"v\(value)\",\"expected\":\"v\((value + 1) % 5)\","
                    + "\"invoked_ns\":\(process),\"completed_ns\":\(1_000 + process * 13 % 60),"
                    + "\"outcome\":\"ok\"}\n"
            }
            let ended = try check(
                folder, "h.jsonl", text, "--model", "linearizable", "--time-limit", "200ms",
                "--memory-limit", "64KiB")
            #expect(ended.code == 3, "\(ended.exit): \(ended.output)")
            #expect(ended.output.contains("inconclusive") && ended.output.contains("verified"))
        }
    }

    @Test func aStreamedHistoryGetsTheVerdictAndTheCounterexampleOfTheWhole() throws {
        try inTemporaryFolder { folder in
            var lines: [String] = []
            for i in 0..<6_000 {
                let (process, sequence, start) = (i % 7, i / 2 + 1, i * 10)
                let isWrite = i % 2 == 0
                // One read in the middle has missed the write before the last one.
                let value = i == 3_001 ? sequence - 2 : sequence
                let kind = isWrite ? "write" : "read"
                lines.append(
                    "{\"process\":\(isWrite ? 50 : process),\"op\":\"\(kind)\","
                        + "\"key\":\"hot\",\"value\":\"w:50:\(value)\","
                        + "\"invoked_ns\":\(start),\"completed_ns\":\(start + 15),"
                        + "\"outcome\":\"ok\"}\n")
            }
            // Written down as operations end is written down out of order.
            lines.swapAt(100, 104)
            let whole = try check(
                folder, "h.jsonl", lines.joined(), "--model", "linearizable", "--convert",
                "\(folder)/h.qh")
            #expect(whole.code == 1, "\(whole.errors)")
            for name in ["h.jsonl", "h.qh"] {
                let streamed = try Quorumeter.run(
                    "check", "--stream", "\(folder)/\(name)", in: folder)
                #expect(streamed.code == 1, "\(streamed.errors)")
                #expect(streamed.output.contains("linearizable: violated on 1 keys (streaming)"))
                let sentence = try #require(
                    whole.output.split(separator: "\n").first { $0.contains("is not linearizable") }
                )
                #expect(streamed.output.contains(sentence), "\(streamed.output) \(whole.output)")
                #expect(streamed.errors.contains("were held at once"))
            }
            lines[3_001] = lines[3_001].replacing("w:50:1499", with: "w:50:1501")
            let right = try check(folder, "h.jsonl", lines.joined(), "--stream")
            #expect(right.code == 0, "\(right.output) \(right.errors)")
            for bad in [["--shard", "0/2"], ["--model", "regular"], ["--merge"]] {
                let words = ["check", "--stream"] + bad + ["\(folder)/h.jsonl"]
                let ended = try Program(Quorumeter.path, words, in: folder).end()
                #expect(ended.code == 2 && ended.errors.contains("--stream"), "\(ended.errors)")
            }
        }
    }

    /// Thirty keys by four processes; on every tenth key one stale read.
    private static func manyKeys() -> String {
        var text = ""
        for i in 0..<300 {
            let (key, process) = (i % 30, i % 4)
            let isStale = key % 10 == 0 && i >= 270
            let kind = i >= 240 ? "read" : "write"
            let written = isStale ? i - 90 : i >= 240 ? 210 + key : i
            text += "{\"process\":\(process),\"op\":\"\(kind)\",\"key\":\"k\(key)\","
            text += "\"value\":\"v\(written)\",\"invoked_ns\":\(i * 10),"
            text += "\"completed_ns\":\(i * 10 + 5),\"outcome\":\"ok\"}\n"
        }
        return text
    }

    private static let perKey = [
        "--model", "linearizable", "--model", "weak-regular", "--model", "durable", "--json",
    ]

    @Test func shardsMergeIntoTheDocumentOfTheWhole() throws {
        try inTemporaryFolder { folder in
            let path = "\(folder)/h.jsonl"
            try FileSystem.replace(path, with: Array(CheckCommandTests.manyKeys().utf8))
            func check(_ words: String...) throws -> Program.Ended {
                try Program(
                    Quorumeter.path, ["check"] + CheckCommandTests.perKey + words + [path],
                    in: folder
                ).end()
            }
            let whole = try check()
            #expect(whole.code == 1 && whole.output.contains("\"violating_keys\" : 3"))
            var files: [String] = []
            for index in 0..<3 {
                let part = try check("--shard", "\(index)/3")
                #expect(part.output.contains("\"shard\""))
                let file = "\(folder)/shard\(index).json"
                try FileSystem.replace(file, with: Array(part.output.utf8))
                files.append(file)
            }
            func report(_ words: [String]) throws -> Program.Ended {
                try Program(
                    Quorumeter.path, ["report", "--format", "json", "--out", "-"] + words,
                    in: folder
                ).end()
            }
            let merged = try report([files[2], files[0], files[1]])
            #expect(merged.code == 1 && merged.output == whole.output, "\(merged.errors)")
            // The same by parts of one process, which a small memory limit asks for.
            #expect(try check("--passes", "4").output == whole.output)
            let missing = try report([files[0], files[2]])
            #expect(
                missing.code == 2 && missing.errors.contains("of 3 shards these are missing: 1"))
            let twice = try report([files[0], files[0]])
            #expect(twice.code == 2 && twice.errors.contains("shard 0 of 3 is there twice"))
            try FileSystem.replace(
                files[0], with: Array("{\"schema\":\"quorumeter.check/1\"}".utf8))
            let broken = try report(files)
            #expect(broken.code == 2 && broken.errors.contains("shard0.json"))
        }
    }

    @Test func aShardLeavesOutWhatSpansKeysUnlessAskedForIt() throws {
        try inTemporaryFolder { folder in
            let part = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--shard", "0/1")
            #expect(part.output.contains("only shard 0 of 1") && !part.output.contains("causal"))
            let named = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--shard", "0/1", "--model", "causal")
            #expect(named.output.contains("causal: holds"))
            let both = try check(
                folder, "h.jsonl", CheckCommandTests.stale, "--passes", "2", "--model", "causal")
            #expect(both.code == 2 && both.errors.contains("span keys"))
        }
    }

    @Test func aPipeIsReadPieceByPiece() throws {
        try inTemporaryFolder { folder in
            let path = "\(folder)/h.jsonl"
            try FileSystem.replace(path, with: Array(CheckCommandTests.manyKeys().utf8))
            let ended = try Program(
                "/bin/sh",
                [
                    "-c",
                    "cat \"$1\" | \"$0\" check --format jsonl --model linearizable -",
                    Quorumeter.path, path,
                ], in: folder
            ).end()
            #expect(ended.code == 1, "\(ended.errors)")
            #expect(ended.output.contains("linearizable: violated on 3 keys"))
        }
    }
}
