import Basics
import Consistency
import Glibc
import Load
import Platform
import Testing
import Workloads

/// The generator against a real memcached, started here on a free port.
@Suite(
    .enabled(
        if: TestServer.has("/usr/bin/memcached"),
        "memcached is not installed: nothing was tested"))
struct MemcachedTests {
    static let program = "/usr/bin/memcached"

    private func withMemcached(
        _ arguments: [String] = [], _ body: (UInt16) throws -> Void
    ) throws {
        let port = try TestServer.freePorts(1)[0]
        let server = try TestServer(
            MemcachedTests.program,
            ["-p", "\(port)", "-l", "127.0.0.1", "-U", "0", "-u", "nobody"] + arguments,
            port: port)
        try server.serving { try body(port) }
    }

    @Test(arguments: [1, 16])
    func everyOperationOnMemcached(pipeline: Int) throws {
        try withMemcached { port in
            let target = "memcached://127.0.0.1:\(port)"
            let loaded = try LoadRun(try targetPlan(target, mixedWorkload, .load)).run()
            #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
            var plan = try targetPlan(target, mixedWorkload)
            plan.pipeline = pipeline
            plan.connections = 4
            let run = try LoadRun(plan).run()
            #expect(run.ending == .completed && run.operationCount == 2_000)
            #expect(run.errorCount == 0 && run.verified == run[.read]?.succeeded)
            #expect(Checker.isLinearizable(run.history))
            let absent = try LoadRun(
                try targetPlan(
                    target,
                    "recordcount=99999\noperationcount=200\nreadproportion=1\nupdateproportion=0")
            ).run()
            #expect(absent.errorCount == 0)
            #expect(absent.history.operations.contains { $0.kind == .read && $0.value.isAbsent })
            let large = try targetPlan(target, mixedWorkload + "\nfieldlength=200000")
            #expect(refusal(large).contains("its items have at most 1048576 bytes"))
        }
    }

    @Test func aMemcachedWithUsersIsLoggedInto() throws {
        try withTemporaryFolder { folder in
            let users = "\(folder)/users"
            try FileSystem.replace(users, with: Array("ann:s3cret\nbob:other\n".utf8))
            // The server reads it as another user.
            #expect(chmod(folder, 0o755) == 0 && chmod(users, 0o644) == 0)
            try withMemcached(["-Y", users]) { port in
                let loaded = try LoadRun(
                    try targetPlan("memcached://bob:other@127.0.0.1:\(port)", mixedWorkload, .load)
                ).run()
                #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
                let other = try targetPlan(
                    "memcached://ann:s3cret@127.0.0.1:\(port)", mixedWorkload)
                #expect(try LoadRun(other).run().errorCount == 0)
                let wrong = try targetPlan("memcached://bob:no@127.0.0.1:\(port)", mixedWorkload)
                #expect(refusal(wrong).contains("refused the login"))
                let nobody = try targetPlan("memcached://127.0.0.1:\(port)", mixedWorkload)
                #expect(refusal(nobody).contains("memcached://USER:PASSWORD@HOST:PORT"))
            }
        }
    }

    @Test func whatMemcachedCannotDoIsRefusedAtTheStart() throws {
        let scans = try targetPlan("memcached://127.0.0.1:1", scanningWorkload)
        #expect(refusal(scans).contains("memcached:// targets hold single values"))
        let long = try targetPlan("memcached://127.0.0.1:1", mixedWorkload + "\nzeropadding=300")
        #expect(refusal(long).contains("keys have 250 bytes"))
        #expect(throws: TargetError.self) { _ = try Target("memcached://a:1,b:2") }
        try RedisServer.with { redis in
            let plan = try targetPlan("memcached://127.0.0.1:\(redis.port)", mixedWorkload)
            #expect(refusal(plan).contains("expected memcached's statistics"))
        }
    }
}
