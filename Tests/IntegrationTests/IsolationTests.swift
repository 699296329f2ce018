import Basics
import Glibc
import Platform
import Testing

/// Nodes with networks and disks of their own: faults of packets and of power, and nothing left.
@Suite(.serialized) struct IsolationTests {
    /// Whether this machine lets this user make network namespaces; found out in a process of its
    /// own, which it ends.
    static let canMakeNetworks: Bool = {
        let outcome = Result {
            try inTemporaryFolder { folder in
                let paths = "\(folder)/paths"
                let holder = try Program(
                    Quorumeter.path,
                    [
                        "network", "--members", "1", "--links", "\(folder)/links", "--paths",
                        paths,
                    ], in: folder)
                try eventually("networks, or a refusal") {
                    try FileSystem.kind(of: paths) == .file || !holder.isRunning
                }
                return try FileSystem.kind(of: paths) == .file
            }
        }
        return (try? outcome.get()) == true
    }()

    /// Whether this user may mount images, on a machine that has loop devices.
    static var canMount: Bool {
        getuid() == 0 && (try? FileSystem.kind(of: "/dev/loop-control")) == .other
    }

    private func network(of pid: Int32) throws -> String {
        guard let name = linkTarget("/proc/\(pid)/ns/net") else {
            throw Missing("the network of process \(pid)")
        }
        return name
    }

    private func interfaces() throws -> [Substring] {
        try FileSystem.text("/proc/net/dev").split(separator: "\n").map { $0.prefix { $0 != ":" } }
    }

    /// Images in a folder that a loop device still has.
    private func loops(below folder: String) throws -> [String] {
        try FileSystem.list("/sys/block").filter { $0.hasPrefix("loop") }.compactMap { device in
            try? FileSystem.text("/sys/block/\(device)/loop/backing_file")
        }.filter { $0.hasPrefix(folder) }
    }

    @Test(
        .enabled(
            if: canMakeNetworks,
            "SKIPPED: this machine lets this user make no network namespaces"))
    func aNodeInANetworkOfItsOwnIsCutOffByLossOfPackets() throws {
        try inTemporaryFolder { folder in
            let before = try interfaces()
            let cluster = try CommandedCluster(
                "--nodes", "3", "--memory", "--network", "namespaces", in: folder)
            let networks = try cluster.status().map { try network(of: try #require($0.pid)) }
            #expect(Set(networks + [try network(of: getpid())]).count == 4)
            #expect(try cluster.acknowledges(0, "a", w: 3))

            try cluster.run("partition", "n1", "/", "n2,n3")
            #expect(try !cluster.acknowledges(0, "a"), "n1 alone has no quorum")
            #expect(try cluster.acknowledges(1, "a") && cluster.acknowledges(2, "a"))
            #expect(try cluster.status().map(\.cutFrom) == [["n2", "n3"], ["n1"], ["n1"]])
            try cluster.run("heal")
            try eventually("n1 to be back") { try cluster.acknowledges(0, "a", w: 3) }

            try cluster.run("partition", "--one-way", "n1", "/", "n2,n3")
            #expect(try !cluster.acknowledges(0, "b"), "what n1 says is lost")
            try cluster.run("heal")
            try eventually("n1 to be heard again") { try cluster.acknowledges(1, "b", w: 3) }

            // A node that dies comes back to its network.
            try cluster.run("kill", "n2")
            try cluster.run("up")
            #expect(try cluster.acknowledges(1, "c", w: 3))
            #expect(try network(of: try #require(try cluster.status()[1].pid)) == networks[1])

            let refused = try Quorumeter.run(
                "cluster", "slow", "--latency", "1ms", "--dir", "\(folder)/c", in: folder)
            #expect(refused.code == 4 && refused.errors.contains("not “slow”"))
            try cluster.run("down")
            #expect(try processes(of: folder).isEmpty)
            #expect(try interfaces() == before)
        }
    }

    @Test(.enabled(if: canMakeNetworks, "SKIPPED: no network namespaces here"))
    func whoeverMayMakeNoNetworkIsToldSo() throws {
        try inTemporaryFolder { folder in
            // A user namespace in which no network namespace may be made.
            let script =
                "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\" cluster up --dir "
                + "\(folder)/c --nodes 2 --memory --network namespaces"
            let ended = try Program(
                "/usr/bin/unshare", ["-Ur", "sh", "-c", script, Quorumeter.path], in: folder
            ).end()
            #expect(ended.code == 4, "\(ended.errors)")
            #expect(ended.errors.contains("this machine allows no network namespaces"))
            #expect(try processes(of: folder).isEmpty)
            let misuse = try Quorumeter.run(
                "cluster", "up", "--dir", "\(folder)/d", "--network", "bridge", in: folder)
            #expect(misuse.code == 2 && misuse.errors.contains("loopback or namespaces"))
        }
    }

    @Test(.enabled(if: canMount, "SKIPPED: mounting disk images needs root and loop devices"))
    func aPowerCutTakesWhatWasNotSyncedAndOnlyThat() throws {
        try inTemporaryFolder { folder in
            for (fsync, survives) in [("always", true), ("never", false)] {
                let inner = "\(folder)/\(fsync)"
                try FileSystem.makeFolder(inner)
                let cluster = try CommandedCluster(
                    "--nodes", "2", "--n", "2", "--disks", "images", "--fsync", fsync, in: inner)
                let client = try cluster.client(0)
                for key in 0..<50 { #expect(try client.ask("SET", "k\(key)", "v") == "+OK") }
                try cluster.run("power-cut", "n1", "n2")
                #expect(try cluster.status().map(\.state) == ["down", "down"])
                try cluster.run("up")
                let again = try cluster.client(1)
                let kept = try (0..<50).filter { try again.ask("GET", "k\($0)") == "v" }.count
                #expect(survives ? kept == 50 : kept < 50, "fsync \(fsync) kept \(kept)")
                try cluster.run("down")
            }
            try eventually("every image to be let go of") { try loops(below: folder).isEmpty }
            #expect(try !FileSystem.text("/proc/mounts").contains(folder))
        }
    }

    @Test(
        .enabled(
            if: canMount && canMakeNetworks,
            "SKIPPED: this machine has no namespaces or no images for this user"))
    func aSoakThatIsKilledLeavesNoNetworkAndNoMount() throws {
        try inTemporaryFolder { folder in
            let before = try interfaces()
            let program = try Program(
                Quorumeter.path,
                [
                    "soak", "--nodes", "3", "--duration", "60s", "--network", "namespaces",
                    "--storage", "images", "--out", "\(folder)/out",
                ], in: folder)
            // Three nodes, the holder of the networks, and itself.
            try eventually("the cluster to run") {
                try processes(of: folder).count == 5 && loops(below: folder).count == 3
                    || !program.isRunning
            }
            #expect(try program.isRunning, "\(program.errors)")
            let networks = Set(try processes(of: folder).map { try network(of: $0.pid) })
            #expect(networks.count == 5)
            try program.kill()
            try eventually("everything to end") { try processes(of: folder).isEmpty }
            try eventually("every image to be let go of") { try loops(below: folder).isEmpty }
            let own = try network(of: getpid())
            let left = try FileSystem.list("/proc").compactMap { Int32($0) }
                .compactMap { try? network(of: $0) }.filter { networks.contains($0) && $0 != own }
            #expect(left.isEmpty)
            #expect(try !FileSystem.text("/proc/mounts").contains(folder))
            #expect(try interfaces() == before)
        }
    }

    @Test(.enabled(if: canMount, "SKIPPED: mounting disk images needs root and loop devices"))
    func aSoakWithPowerCutsLosesNothingThatWasSynced() throws {
        try inTemporaryFolder { folder in
            let ended = try Quorumeter.run(
                "soak", "--nodes", "3", "--duration", "4s", "--seed", "3", "--storage", "images",
                "--faults", Workloads.faults("power-cut"), "--out", "\(folder)/out", in: folder,
                within: .seconds(120))
            #expect(ended.code == 0, "\(ended.errors)\(ended.output)")
            #expect(ended.output.contains("2 power-cut"))
            #expect(ended.output.contains("acknowledged writes lost: 0 of"))
            #expect(ended.output.contains("checked while it ran"))
            try eventually("every image to be let go of") { try loops(below: folder).isEmpty }

            let refused = try Quorumeter.run(
                "soak", "--nodes", "3", "--duration", "4s", "--faults",
                Workloads.faults("power-cut"), "--out", "\(folder)/out", in: folder)
            #expect(refused.code == 4 && refused.errors.contains("--storage images"))
        }
    }
}
