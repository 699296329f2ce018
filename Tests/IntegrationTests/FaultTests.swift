import Basics
import Glibc
import Platform
import Testing

/// Faults on a running cluster, by hand and by schedule: each is seen to act.
///
/// One test at a time, so that one's processes do not starve another's.
@Suite(.serialized) struct FaultTests {
    private func eventuallyStatus(
        _ cluster: CommandedCluster, _ what: String,
        _ condition: ([CommandedCluster.Status]) -> Bool
    ) throws {
        var last: [CommandedCluster.Status] = []
        do {
            try eventually(what) {
                last = try cluster.status()
                return condition(last)
            }
        } catch { throw Missing("\(error); the status was \(last)") }
    }

    @Test func aPartitionTakesTheQuorumFromTheMinorityOnlyUntilItHeals() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", "--memory", in: folder)
            #expect(try cluster.acknowledges(0, "a") && cluster.acknowledges(1, "a"))
            try cluster.run("partition", "n1", "/", "n2,n3")
            #expect(try !cluster.acknowledges(0, "a"), "n1 alone has no quorum")
            #expect(try cluster.acknowledges(1, "a") && cluster.acknowledges(2, "a"))
            let status = try cluster.status()
            #expect(status.map(\.cutFrom) == [["n2", "n3"], ["n1"], ["n1"]])
            #expect(status.map(\.state) == ["cut off", "cut off", "cut off"])
            try cluster.run("heal")
            #expect(try cluster.status().allSatisfy { $0.cutFrom.isEmpty })
            #expect(try cluster.acknowledges(0, "a", w: 3))

            try cluster.run("partition", "--one-way", "n1", "/", "n2,n3")
            #expect(try !cluster.acknowledges(0, "a"), "what n1 says is lost")
            // n1 hears of it, but its answer is lost.
            #expect(try cluster.acknowledges(1, "b") && !cluster.acknowledges(1, "b", w: 3))
            #expect(try cluster.client(0).ask("QGET", "b", "R", "1")?.contains("v") == true)
            try cluster.run("heal")
            try cluster.run("down")
            #expect(try processes(of: folder).isEmpty)
        }
    }

    @Test func aResettingPartitionIsNoticedAtOnceAndAStallingOneDeliversLate() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", "--memory", "--relay", in: folder)
            try cluster.run("partition", "--how", "reset", "n1", "/", "n2,n3")
            try eventuallyStatus(cluster, "n1 to know that it is alone") { $0[0].reachable == 1 }
            let refused = try cluster.client(0).ask("SET", "a", "1")
            #expect(refused?.hasPrefix("-UNAVAILABLE") == true)
            try cluster.run("heal")
            try eventuallyStatus(cluster, "n1 to be back") { $0.allSatisfy { $0.reachable == 3 } }

            try cluster.run("partition", "--how", "stall", "n1", "/", "n2,n3")
            #expect(try !cluster.acknowledges(1, "late", w: 3))
            try cluster.run("heal")
            // What waited arrives: n1 has it without anybody reading or writing it again.
            try eventually("n1 to have what waited") {
                try cluster.client(0).ask("QGET", "late", "R", "1", "REPAIR", "none")?
                    .contains("v") == true
            }
        }
    }

    @Test func aSlowLinkDelaysWhatGoesOverIt() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", "--memory", in: folder)
            try cluster.run("slow", "--latency", "40ms", "n1")
            let start = Clocks.monotonic()
            #expect(try cluster.acknowledges(0, "a"))
            #expect(Clocks.monotonic() - start >= .milliseconds(80), "there and back")
            let status = try cluster.status()
            #expect(status[0].impairedWith == ["n2", "n3"] && status[1].impairedWith == ["n1"])
            try cluster.run("slow", "--drop", "100%", "n1>n2", "n1>n3")
            #expect(try !cluster.acknowledges(0, "a"))
            try cluster.run("heal")
            #expect(try cluster.acknowledges(0, "a", w: 3))
        }
    }

    @Test func aSkewedClockShowsInVersionsUntilItIsRight() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", "--memory", in: folder)
            func microseconds(_ index: Int, _ key: String) throws -> Int {
                let reply = try #require(try cluster.client(index).ask("QSET", key, "v"))
                let lines = reply.split(separator: "\n")
                let place = try #require(lines.firstIndex(of: "version"))
                return try #require(Int(lines[place + 1].split(separator: ".")[0]))
            }
            let right = try microseconds(0, "a")
            try cluster.run("skew", "--by", "1h", "n2")
            #expect(try cluster.status()[1].clockOffsetNs == 3_600_000_000_000)
            let ahead = try microseconds(1, "b") - right
            #expect((3_590_000_000...3_700_000_000).contains(ahead))
            try cluster.run("skew", "--by", "0", "n2")
            #expect(try cluster.status()[1].clockOffsetNs == 0)
        }
    }

    @Test func statusTellsWhoIsDownPausedCutOffAndOwed() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster(
                "--nodes", "5", "--memory", "--quorum", "sloppy", in: folder)
            try cluster.run("partition", "--how", "reset", "n1", "/", "n2,n3,n4,n5")
            try eventuallyStatus(cluster, "n1 to be missed") { $0[1].reachable == 4 }
            for key in 0..<20 { #expect(try cluster.acknowledges(1, "k\(key)")) }
            try eventuallyStatus(cluster, "writes to be held for n1") { $0[0].owedHints ?? 0 > 0 }
            try cluster.run("heal")
            try eventuallyStatus(cluster, "n1 to be given what is its own") {
                $0[0].owedHints == 0 && $0[0].state == "up"
            }
            try cluster.run("pause", "n4")
            try cluster.run("kill", "n5")
            let status = try cluster.status()
            #expect(status[3].state == "paused" && status[3].paused && status[3].running)
            #expect(status[4].state == "down" && !status[4].running && status[4].pid == nil)
            let table = try Quorumeter.run("cluster", "status", "--dir", "\(folder)/c", in: folder)
            #expect(table.code == 1)
            #expect(table.output.contains("paused") && table.output.contains("down"))
            try cluster.run("resume", "n4")
            try cluster.run("up")
            try eventuallyStatus(cluster, "everyone to be back") {
                $0.allSatisfy { $0.state == "up" && $0.reachable == 5 }
            }
        }
    }

    @Test func aScheduleIsInjectedAndHealed() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", "--memory", in: folder)
            let file = "\(folder)/some.yaml"
            let text = """
                faults:
                  - {fault: partition, groups: isolate-one, at: 10%, for: 20%}
                  - {fault: kill, nodes: [n2], at: 40%, for: 20%}
                  - {fault: pause, nodes: [n3], at: 70%, for: 20%}
                """
            try FileSystem.replace(file, with: Array(text.utf8))
            let ended = try cluster.run("inject", file, "--duration", "1s", "--seed", "4")
            for word in ["cut n", "kill n2", "pause n3", "3 faults; everything is healed"] {
                #expect(ended.errors.contains(word), "\(ended.errors)")
            }
            try eventuallyStatus(cluster, "everyone to be back") {
                $0.allSatisfy { $0.state == "up" && $0.reachable == 3 }
            }
        }
    }

    @Test func whatCannotBeDoneIsMisuseThatNamesIt() throws {
        try inTemporaryFolder { folder in
            let cluster = try CommandedCluster("--nodes", "3", "--memory", in: folder)
            for (words, part) in [
                (["partition"], "n1,n2 / n3,n4,n5"),
                (["partition", "n1", "/", "n9"], "n9, but there are 3 nodes"),
                (["partition", "n1", "/", "n1"], "lists of members"),
                (["partition", "--how", "softly", "n1"], "drop, stall or reset"),
                (["slow", "n1"], "--latency"), (["slow", "--drop", "5", "n1"], "a share such as"),
                (["slow", "--latency", "1ms", "n1>n1"], "n1>n2"),
                (["skew", "n1"], "--by"), (["skew", "--by", "1s"], "NODE"),
                (["heal", "n1"], "unexpected argument"), (["status", "--drop", "1%"], "--drop"),
                (["inject", "\(folder)/none.yaml"], "cannot be read"),
            ] {
                let ended = try Program(
                    Quorumeter.path, ["cluster"] + words + ["--dir", "\(folder)/c"], in: folder
                ).end()
                #expect(ended.code == 2, "\(words): \(ended.exit)")
                #expect(ended.errors.contains(part), "\(words): \(ended.errors)")
            }
            #expect(try cluster.acknowledges(0, "a", w: 3), "nothing was changed")
        }
    }

    @Test func twoClustersThatComeUpAtOnceChooseDifferentPorts() throws {
        try inTemporaryFolder { folder in
            let programs = try ["a", "b", "c"].map { name in
                try Program(
                    Quorumeter.path,
                    ["cluster", "up", "--nodes", "2", "--memory", "--dir", "\(folder)/\(name)"],
                    name: name, in: folder)
            }
            var addresses: Set<String> = []
            for program in programs {
                let ended = try program.end()
                #expect(ended.code == 0, "\(ended.errors)")
                addresses.formUnion(
                    ended.output.split(whereSeparator: \.isNewline).map(String.init))
            }
            #expect(Set(addresses.map { $0.split(separator: " ")[1] }).count == 6)
        }
    }
}
