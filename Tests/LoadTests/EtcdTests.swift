import Basics
import Consistency
import Glibc
import Load
import Platform
import Testing
import Workloads

/// The generator against a real etcd of one member, started here on free ports.
@Suite(
    .enabled(
        if: TestServer.has("/usr/bin/etcd"), "etcd is not installed: nothing was tested"))
struct EtcdTests {
    static let program = "/usr/bin/etcd"

    private func withEtcd(
        _ arguments: [String] = [], secure: Bool = false,
        _ body: (UInt16, TestServer) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let ports = try TestServer.freePorts(2)
            let client = "http\(secure ? "s" : "")://127.0.0.1:\(ports[0])"
            let peer = "http://127.0.0.1:\(ports[1])"
            let server = try TestServer(
                EtcdTests.program,
                [
                    "--data-dir", "\(folder)/data", "--name", "one", "--listen-client-urls", client,
                    "--advertise-client-urls", client, "--listen-peer-urls", peer,
                    "--initial-advertise-peer-urls", peer, "--initial-cluster", "one=\(peer)",
                    "--log-level", "error",
                ] + arguments, port: ports[0])
            try server.serving { try body(ports[0], server) }
        }
    }

    @Test(arguments: ["linearizable", "serializable"])
    func everyOperationOnEtcd(reads: String) throws {
        try withEtcd { port, _ in
            let target = "etcd://127.0.0.1:\(port)"
            let loaded = try LoadRun(try targetPlan(target, mixedWorkload, .load)).run()
            #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
            let text = mixedWorkload + "\netcd.reads=\(reads)\noperationcount=600"
            let run = try LoadRun(try targetPlan(target, text)).run()
            #expect(run.ending == .completed && run.operationCount == 600)
            #expect(run.errorCount == 0 && run.verified == run[.read]?.succeeded)
            // With one member even serializable reads see the last write.
            #expect(Checker.isLinearizable(run.history))
            let scanning = try LoadRun(
                try targetPlan(target, scanningWorkload + "\noperationcount=200")
            ).run()
            #expect(scanning.errorCount == 0 && (scanning[.scan]?.succeeded ?? 0) > 40)
            #expect(scanning.verified > (scanning[.scan]?.succeeded ?? 0) * 3)
        }
    }

    /// One request to the gateway; its status.
    private func post(_ port: UInt16, _ path: String, _ text: String) throws -> Int {
        let loop = try EventLoop()
        let http = try HTTPClient(slots: 1, headers: [], loop: loop)
        http.post(0, to: "http://127.0.0.1:\(port)/v3/\(path)") { $0.append(text) }
        let limit = Clocks.monotonic() + .seconds(10)
        while Clocks.monotonic() < limit {
            for ready in loop.wait(until: min(limit, http.deadline)) { http.act(ready) }
            http.expire(Clocks.monotonic())
            if let completion = http.nextCompletion() { return completion.status }
        }
        return 0
    }

    @Test func anEtcdWithUsersIsLoggedInto() throws {
        // Tokens that live for two seconds: the run outlasts one.
        try withEtcd(["--auth-token-ttl", "2"]) { port, _ in
            let password = "a\\\"b c"
            for (path, text) in [
                ("auth/user/add", "{\"name\":\"root\",\"password\":\"a\\\\\\\"b c\"}"),
                ("auth/role/add", "{\"name\":\"root\"}"),
                ("auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}"),
                ("auth/enable", "{}"),
            ] { #expect(try post(port, path, text) == 200, "\(path)") }
            #expect(password.utf8.count == 6)
            let target = "etcd://root:a%5C%22b%20c@127.0.0.1:\(port)"
            let loaded = try LoadRun(try targetPlan(target, mixedWorkload, .load)).run()
            #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
            let run = try LoadRun(
                try targetPlan(target, mixedWorkload + "\noperationcount=300")
            ).run()
            #expect(run.operationCount == 300 && run.errorCount == 0)
            let wrong = try targetPlan("etcd://root:no@127.0.0.1:\(port)", mixedWorkload)
            #expect(refusal(wrong).contains("refused the login"), "\(refusal(wrong))")
        }
    }

    @Test func whatIsNoEtcdIsRefusedAtTheStart() throws {
        try RedisServer.with { redis in
            let plan = try targetPlan("etcd://127.0.0.1:\(redis.port)", mixedWorkload, .load)
            #expect(refusal(plan).contains("cannot reach etcd://"))
        }
        var deep = try targetPlan("etcd://127.0.0.1:1", mixedWorkload)
        deep.pipeline = 4
        #expect(refusal(deep).contains("has one request under way on a connection"))
        #expect(throws: PropertyError.self) {
            _ = try targetPlan("etcd://127.0.0.1:1", mixedWorkload + "\netcd.reads=fast")
        }
    }

    @Test func anEtcdThatGoesAwayLeavesUnknownOutcomes() throws {
        try withEtcd { port, server in
            var plan = try targetPlan(
                "etcd://127.0.0.1:\(port)", mixedWorkload + "\noperationcount=0")
            plan.duration = .seconds(20)
            plan.absenceLimit = .milliseconds(300)
            var isKilled = false
            let run = try LoadRun(plan).run { progress in
                guard progress.operations > 0, !isKilled else { return }
                isKilled = true
                _ = try? server.stop(SIGKILL)
            }
            #expect(isKilled && run.operationCount > 0)
            guard case .targetLost(let why) = run.ending else {
                Issue.record("ended as \(run.ending)")
                return
            }
            #expect(why.contains("127.0.0.1:\(port)"))
            #expect(run.history.operations.contains { $0.outcome == .unknown })
        }
    }
}
