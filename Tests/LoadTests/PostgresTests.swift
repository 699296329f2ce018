import Basics
import Consistency
import Glibc
import Load
import Platform
import Testing
import Workloads

/// A PostgreSQL of our own: trusts everybody on loopback, synced to nothing.
struct PostgresServer {
    /// The folder of the newest installed version; nil: there is none.
    static let programs: String? = {
        let base = "/usr/lib/postgresql"
        let versions = ((try? FileSystem.list(base)) ?? []).compactMap { Int($0) }.sorted()
        return versions.last.map { "\(base)/\($0)/bin" }
    }()

    let port: UInt16

    /// It refuses to run as root: then it runs as the user that its package made.
    private static func command(_ program: String, _ arguments: [String]) -> (String, [String]) {
        let path = "\(programs ?? "")/\(program)"
        guard getuid() == 0 else { return (path, arguments) }
        return (
            "/usr/bin/setpriv",
            ["--reuid=postgres", "--regid=postgres", "--clear-groups", path] + arguments
        )
    }

    static func run(_ program: String, _ arguments: [String]) throws {
        let (path, arguments) = command(program, arguments)
        let process = try ChildProcess(path, arguments, output: .discard)
        let exit = try process.wait()
        guard exit == .code(0) else { throw SystemError(program, "\(exit)", code: EINVAL) }
    }

    private static func start(_ data: String, _ port: UInt16, _ settings: [String]) throws
        -> TestServer
    {
        let all =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] + settings
        let (path, arguments) = command(
            "postgres", ["-D", data, "-p", "\(port)"] + all.flatMap { ["-c", $0] })
        let server = try TestServer(path, arguments, port: port)
        try awaitReadiness(port)
        return server
    }

    /// It takes connections before it lets anybody in.
    private static func awaitReadiness(_ port: UInt16) throws {
        let limit = Clocks.monotonic() + .seconds(30)
        while true {
            do { return try run("pg_isready", ["-q", "-h", "127.0.0.1", "-p", "\(port)"]) } catch {
                guard Clocks.monotonic() < limit else { throw error }
                Clocks.sleep(until: Clocks.monotonic() + .milliseconds(20))
            }
        }
    }

    private static func newFolder(_ path: String) throws {
        try FileSystem.makeFolder(path)
        chmod(path, 0o700)
        guard getuid() == 0, let user = getpwnam("postgres") else { return }
        guard chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
            throw SystemError("chown", path)
        }
    }

    /// Starts a primary, and with `standby` one that follows it; ends them however `body` ends.
    static func with(
        standby: Bool = false, _ body: (_ primary: UInt16, _ standby: UInt16) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            chmod(folder, 0o755)
            let ports = try TestServer.freePorts(2)
            try newFolder("\(folder)/one")
            try run("initdb", ["-N", "-A", "trust", "-U", "tester", "-D", "\(folder)/one"])
            let primary = try start(
                "\(folder)/one", ports[0],
                standby ? ["synchronous_standby_names=two"] : [])
            // SIGINT ends it without waiting for clients.
            try primary.serving(SIGINT) {
                guard standby else { return try body(ports[0], 0) }
                try newFolder("\(folder)/two")
                try run(
                    "pg_basebackup",
                    [
                        "-R", "-c", "fast", "-D", "\(folder)/two", "-d",
                        "host=127.0.0.1 port=\(ports[0]) user=tester application_name=two",
                    ])
                let second = try start("\(folder)/two", ports[1], ["hot_standby=on"])
                try second.serving(SIGINT) { try body(ports[0], ports[1]) }
            }
        }
    }
}

/// The generator against a real PostgreSQL, started here on a free port.
@Suite(
    .enabled(
        if: PostgresServer.programs != nil, "postgresql is not installed: nothing was tested"))
struct PostgresTests {
    @Test(arguments: [1, 8])
    func everyOperationOnPostgres(pipeline: Int) throws {
        try PostgresServer.with { port, _ in
            let target = "postgres://tester@127.0.0.1:\(port)/postgres"
            let missing = refusal(try targetPlan(target, mixedWorkload))
            #expect(missing.contains("\"usertable\" does not exist; the load phase"))
            let loaded = try LoadRun(try targetPlan(target, mixedWorkload, .load)).run()
            #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
            var plan = try targetPlan(
                target, mixedWorkload + "\npostgres.synchronous_commit=off")
            plan.pipeline = pipeline
            let run = try LoadRun(plan).run()
            #expect(run.ending == .completed && run.operationCount == 2_000)
            #expect(run.errorCount == 0 && run.verified == run[.read]?.succeeded)
            #expect(Checker.isLinearizable(run.history))
            var scans = try targetPlan(target, scanningWorkload)
            scans.pipeline = pipeline
            let scanning = try LoadRun(scans).run()
            #expect(scanning.errorCount == 0 && (scanning[.scan]?.succeeded ?? 0) > 200)
            #expect(scanning.verified > (scanning[.scan]?.succeeded ?? 0) * 3)
            #expect(Checker.isLinearizable(scanning.history))
            let found = scanning.history.operations.count {
                $0.kind == .read && $0.process > WriteID.loader
            }
            #expect(found > 200 * 3)
            // Records that are not there cannot be updated: certain failures, not unknown ones.
            let beyond = try LoadRun(
                try targetPlan(
                    target,
                    "recordcount=5000\noperationcount=300\nreadproportion=0\nupdateproportion=1")
            ).run()
            #expect((beyond[.update]?.failed ?? 0) > 200 && beyond[.update]?.unknown == 0)
            #expect(beyond.failures.map(\.failure.name) == ["NO-SUCH-RECORD"])
        }
    }

    @Test func writesWaitForAStandbyAndReadsGoThere() throws {
        try PostgresServer.with(standby: true) { primary, standby in
            let target = "postgres://tester@127.0.0.1:\(primary)"
            let text = """
                \(mixedWorkload)
                operationcount=300
                postgres.synchronous_commit=remote_apply
                postgres.standbys=127.0.0.1:\(standby)
                """
            let loaded = try LoadRun(try targetPlan(target, text, .load)).run()
            #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
            let run = try LoadRun(try targetPlan(target, text)).run()
            #expect(run.operationCount == 300 && run.errorCount == 0)
            // What was acknowledged had been applied there: every record was found.
            let reads = run.history.operations.filter { $0.kind == .read }
            #expect(!reads.isEmpty && reads.allSatisfy { !$0.value.isAbsent })
        }
    }

    @Test func whatPostgresRefusesIsSaidAtTheStart() throws {
        #expect(throws: PropertyError.self) {
            _ = try targetPlan(
                "postgres://h:1", mixedWorkload + "\npostgres.synchronous_commit=perhaps")
        }
        let plan = try targetPlan(
            "redis://127.0.0.1:1", mixedWorkload + "\npostgres.synchronous_commit=off")
        #expect(refusal(plan).contains("properties postgres.* are for postgres: targets"))
        let nobody = try TestServer.freePorts(1)[0]
        let away = refusal(try targetPlan("postgres://x@127.0.0.1:\(nobody)", mixedWorkload))
        #expect(away.contains("cannot reach postgres://127.0.0.1:\(nobody)"))
    }
}
