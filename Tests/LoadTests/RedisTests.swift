import Basics
import Consistency
import Glibc
import Load
import Platform
import Testing
import Workloads

/// The generator against a real redis-server, started here on a free port.
@Suite struct RedisTests {
    private static let server = "/usr/bin/redis-server"
    private static let isInstalled = access(server, X_OK) == 0

    @Test(
        .enabled(if: isInstalled, "redis-server is not installed: nothing was tested"),
        arguments: ["closed", "poisson"])
    func workloadAOnRedis(arrivals: String) throws {
        let redis = try RedisServer(RedisTests.server)
        var problem: (any Error)?
        do {
            try drive(redis, arrivals)
        } catch {
            problem = error
        }
        try redis.stop()
        if let problem { throw problem }
    }

    private func drive(_ redis: RedisServer, _ arrivals: String) throws {
        let text = """
            recordcount=200
            operationcount=2000
            threadcount=10
            readproportion=0.5
            updateproportion=0.5
            requestdistribution=zipfian
            dataintegrity=true
            target=\(arrivals == "closed" ? 0 : 5_000)
            arrivals=\(arrivals)
            """
        let workload = try Workload(try Properties(parsing: text, file: "test"))
        let target = try Target("redis://127.0.0.1:\(redis.port)")
        let loaded = try LoadRun(LoadPlan(target: target, workload: workload, phase: .load)).run()
        #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
        let run = try LoadRun(LoadPlan(target: target, workload: workload, phase: .transactions))
            .run()
        #expect(run.ending == .completed && run.operationCount == 2_000 && run.errorCount == 0)
        let reads = run.history.operations.filter { $0.kind == .read }
        #expect(!reads.isEmpty && reads.allSatisfy { !$0.value.isAbsent && !$0.value.isInterned })
        #expect(run.ycsbText.contains("[READ], Operations, \(run[.read]?.succeeded ?? 0)\n"))
    }
}

/// A redis-server of our own: memory only, ended by its process id.
private struct RedisServer {
    let port: UInt16
    private let process: ChildProcess

    init(_ program: String) throws {
        // The port is free when it is asked for; if another process takes it first, the server
        // ends and the generator cannot connect.
        let probe = try Socket.listen(on: .loopback(0))
        port = probe.localAddress?.port ?? 0
        probe.close()
        process = try ChildProcess(
            program,
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", "/tmp",
            ], output: .discard, errors: .discard)
        try awaitAnswers()
    }

    /// Returns when the server accepts connections, or after five seconds.
    private func awaitAnswers() throws {
        let loop = try EventLoop()
        let limit = Clocks.monotonic() + .seconds(5)
        while Clocks.monotonic() < limit {
            let socket = try Socket.connect(to: .loopback(port))
            let watch = try loop.watch(socket.descriptor, for: .writable, token: 1)
            while loop.wait(until: limit).isEmpty, Clocks.monotonic() < limit {}
            let failure = socket.connectionError(to: .loopback(port))
            loop.unwatch(watch)
            socket.close()
            if failure == nil { return }
            _ = loop.wait(until: Clocks.monotonic() + .milliseconds(5))
        }
    }

    func stop() throws {
        _ = try process.send(signal: SIGTERM)
        _ = try process.wait()
    }
}
