import Basics
import Glibc
import Platform
import Testing

/// Disks that lose what was not synced, fail, fill up, or are slow: what a node makes of them.
@Suite struct DiskFaultTests {
    private func node(_ options: String..., in folder: String) throws -> ServedNode {
        try ServedNode(
            [
                "--name", "n1", "--data", "\(folder)/d", "--unsafe-testing", "--controls",
                "\(folder)/controls",
            ] + options, in: folder)
    }

    @Test func aLossyDiskLosesWhatWasNotSyncedAndNothingElse() throws {
        try inTemporaryFolder { folder in
            let options = ["--fsync", "never", "--storage", "lossy:8"]
            let node = try node(options[0], options[1], options[2], options[3], in: folder)
            let client = try node.client()
            // One by one, so that each is an append of its own.
            for i in 0..<200 { #expect(try client.ask("SET", "k\(i)", "v") == "+OK") }
            try node.program.kill()
            try node.restart()
            var survivors: [Bool] = []
            let again = try node.client()
            for i in 0..<200 { survivors.append(try again.ask("GET", "k\(i)") != nil) }
            let kept = survivors.prefix { $0 }.count
            #expect(kept < 200, "nothing was synced, so something is lost")
            #expect(!survivors.dropFirst(kept).contains(true), "what is kept is a beginning")
        }
    }

    @Test func whatWasSyncedSurvivesALossyDiskThroughManyKills() throws {
        try inTemporaryFolder { folder in
            let node = try node("--fsync", "always", "--storage", "lossy:7", in: folder)
            var acknowledged: [String] = []
            for life in 0..<6 {
                let client = try node.client()
                for i in 0..<300 { try client.send(command("SET", "k\(life)-\(i)", "v\(i)")) }
                // In the middle of the answers.
                for i in 0..<(50 * life) {
                    guard try client.reply() == "+OK" else { break }
                    acknowledged.append("k\(life)-\(i)")
                }
                try node.program.kill()
                try node.restart()
            }
            let client = try node.client()
            let lost = try acknowledged.filter { try client.ask("GET", $0) == nil }
            #expect(acknowledged.count == 750 && lost.isEmpty, "\(lost.prefix(5))")
        }
    }

    @Test func anOrderlyEndLosesNothing() throws {
        try inTemporaryFolder { folder in
            let node = try node("--fsync", "never", "--storage", "lossy:7", in: folder)
            #expect(try node.client().ask("SET", "a", "1") == "+OK")
            #expect(try node.stop().code == 0)
            #expect(try FileSystem.kind(of: "\(folder)/d.unsynced") == nil)
            try node.restart()
            #expect(try node.client().ask("GET", "a") == "1")
        }
    }

    @Test func aFailedSyncEndsTheNodeBeforeItAcknowledges() throws {
        try inTemporaryFolder { folder in
            let node = try node("--fsync", "always", "--storage", "lossy:7", in: folder)
            let client = try node.client()
            #expect(try client.ask("SET", "a", "1") == "+OK")
            let controls = try LiveControls("\(folder)/controls")
            controls.syncFailures = 1
            try client.send(command("SET", "a", "2"))
            #expect(throws: Missing.self) { try client.reply() }
            let ended = try node.program.end()
            #expect(ended.code == 74, "\(ended.exit): \(ended.errors)")
            #expect(controls.syncsFailed == 1)
            try node.restart()
            #expect(try node.client().ask("GET", "a") == "1")
        }
    }

    @Test func aFullDiskTakesNoWritesAndServesReadsUntilThereIsRoom() throws {
        try inTemporaryFolder { folder in
            let node = try node("--fsync", "always", in: folder)
            let client = try node.client()
            #expect(try client.ask("SET", "a", "1") == "+OK")
            let controls = try LiveControls("\(folder)/controls")
            controls.isDiskFull = true
            try eventually("the full disk to be noticed") {
                try client.ask("SET", "b", "2")?.hasPrefix("-READONLY disk full") == true
            }
            #expect(try client.ask("GET", "a") == "1")
            // The cluster's definition is a file of its own.
            let refused = try client.ask("KEYSPACE", "CREATE", "k")
            #expect(refused?.hasPrefix("-READONLY") == true, "\(refused ?? "nothing")")
            #expect(controls.writesRefused >= 1)
            controls.isDiskFull = false
            try eventually("writes to be taken again") {
                try client.ask("SET", "b", "3") == "+OK"
            }
            #expect(try client.ask("KEYSPACE", "CREATE", "k") == "+OK")
            #expect(try node.program.isRunning)
            #expect(node.program.errors.contains("event=read-only"))
            #expect(node.program.errors.contains("event=writable"))
        }
    }

    @Test func aSlowDiskTakesItsTime() throws {
        try inTemporaryFolder { folder in
            let node = try node("--fsync", "always", in: folder)
            let client = try node.client()
            #expect(try client.ask("SET", "a", "1") == "+OK")
            let controls = try LiveControls("\(folder)/controls")
            controls.syncDelay = .milliseconds(60)
            let start = Clocks.monotonic()
            #expect(try client.ask("SET", "a", "2") == "+OK")
            #expect(Clocks.monotonic() - start >= .milliseconds(60))
            #expect(controls.syncsDelayed >= 1)
        }
    }

    @Test func aClockThatIsSteppedAndDriftsMovesVersions() throws {
        try inTemporaryFolder { folder in
            let node = try node("--fsync", "never", in: folder)
            let client = try node.client()
            func stamp() throws -> Int {
                let lines = try #require(try client.ask("QSET", "a", "v")).split(separator: "\n")
                let place = try #require(lines.firstIndex(of: "version"))
                return try #require(Int(lines[place + 1].split(separator: ".")[0]))
            }
            let controls = try LiveControls("\(folder)/controls")
            let before = try stamp()
            controls.clockOffset = .seconds(600)
            let stepped = try stamp()
            #expect(stepped - before >= 600_000_000)
            // Half as fast again: a second of ours is a second and a half of the node's.
            controls.drift = 500_000
            let start = Clocks.monotonic()
            let first = try stamp()
            Clocks.sleep(until: start + .milliseconds(200))
            let gained = try stamp() - first
            #expect(gained >= 290_000)
            // Back again: the hybrid clock never goes back.
            controls.drift = 0
            controls.clockOffset = .zero
            #expect(try stamp() >= stepped)
        }
    }

    @Test func whatOnlyTestsMayDoIsRefusedWithoutSayingSo() throws {
        try inTemporaryFolder { folder in
            for (options, part) in [
                (["--storage", "lossy:1", "--data", "\(folder)/d"], "--unsafe-testing"),
                (["--controls", "\(folder)/c"], "--unsafe-testing"),
                (["--unsafe-testing", "--storage", "lossy:1"], "without --data"),
                (
                    ["--unsafe-testing", "--data", "\(folder)/d", "--storage", "lossy"],
                    "lossy:SEED"
                ),
            ] {
                let ended = try Program(
                    Quorumeter.path, ["serve", "--listen", "127.0.0.1:0"] + options, in: folder
                ).end()
                #expect(ended.code == 2 && ended.errors.contains(part), "\(ended.errors)")
            }
            // A folder whose losses are still to be decided is not opened without deciding them.
            let node = try node("--fsync", "never", "--storage", "lossy:7", in: folder)
            #expect(try node.client().ask("SET", "a", "1") == "+OK")
            try node.program.kill()
            let ended = try Quorumeter.run(
                "serve", "--listen", "127.0.0.1:0", "--name", "n1", "--data", "\(folder)/d",
                in: folder)
            #expect(ended.code == 2 && ended.errors.contains("d.unsynced"), "\(ended.errors)")
        }
    }
}
