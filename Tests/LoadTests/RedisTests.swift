import Basics
import Consistency
import Glibc
import Load
import Platform
import Testing
import Workloads

/// The generator against a real redis-server, started here on a free port.
@Suite(
    .enabled(
        if: access(RedisServer.program, X_OK) == 0,
        "redis-server is not installed: nothing was tested"))
struct RedisTests {
    @Test(arguments: [("closed", 1), ("poisson", 1), ("closed", 16)])
    func workloadAOnRedis(arrivals: String, pipeline: Int) throws {
        let text = """
            recordcount=200
            operationcount=4000
            threadcount=10
            readproportion=0.5
            updateproportion=0.5
            requestdistribution=zipfian
            dataintegrity=true
            target=\(arrivals == "closed" ? 0 : 5_000)
            arrivals=\(arrivals)
            """
        try RedisServer.with { redis in
            let target = "redis://127.0.0.1:\(redis.port)"
            var load = try targetPlan(target, text, .load)
            load.pipeline = pipeline
            let loaded = try LoadRun(load).run()
            #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
            var transactions = try targetPlan(target, text)
            transactions.pipeline = pipeline
            let run = try LoadRun(transactions).run()
            #expect(run.ending == .completed && run.operationCount == 4_000)
            #expect(run.errorCount == 0 && run.verified == run[.read]?.succeeded)
            let reads = run.history.operations.filter { $0.kind == .read }
            #expect(
                !reads.isEmpty && reads.allSatisfy { !$0.value.isAbsent && !$0.value.isInterned })
            let printed = run.ycsbText(transactions.workload)
            #expect(printed.contains("[READ], Operations, \(run[.read]?.succeeded ?? 0)\n"))
            #expect(printed.contains("[VERIFY], Return=OK, \(run.verified)\n"))
            #expect(Checker.isLinearizable(run.history))
        }
    }

    @Test(arguments: [true, false])
    func hashesScansAndInsertsOnRedis(whole: Bool) throws {
        let text = """
            recordcount=300
            operationcount=1500
            threadcount=6
            redis.datatype=hash
            fieldlength=20
            readproportion=0.3
            updateproportion=0.2
            insertproportion=0.1
            scanproportion=0.4
            maxscanlength=20
            requestdistribution=zipfian
            dataintegrity=true
            writeallfields=\(whole)
            readallfields=\(whole)
            """
        try RedisServer.with { redis in
            let target = "redis://127.0.0.1:\(redis.port)/3"
            let loaded = try LoadRun(try targetPlan(target, text, .load)).run()
            #expect(loaded.operationCount == 300 && loaded.errorCount == 0)
            var transactions = try targetPlan(target, text)
            transactions.pipeline = 4
            transactions.connections = 3
            transactions.recordsHistory = whole
            let run = try LoadRun(transactions).run()
            #expect(run.ending == .completed && run.errorCount == 0)
            #expect(run.failures.isEmpty && (run[.scan]?.succeeded ?? 0) > 400)
            // What scans found stands in the history, each record a read of its own.
            let reads = run.history.operations.filter { $0.kind == .read }
            #expect(
                whole ? reads.count > Int(run[.scan]?.succeeded ?? 0) * 4 : run.history.count == 0)
            #expect(!whole || Checker.isLinearizable(run.history))
            // Ten fields of each of the scans' records were compared, and more than one record.
            #expect(run.verified > (run[.scan]?.succeeded ?? 0) * 30)
        }
    }

    @Test func aLoginIsNeededWhereThereIsAPassword() throws {
        try RedisServer.with(["--requirepass", "s@cret"]) { redis in
            let address = "127.0.0.1:\(redis.port)"
            let text = "recordcount=10\nthreadcount=2"
            let result = try LoadRun(try targetPlan("redis://:s%40cret@\(address)", text, .load))
                .run()
            #expect(result.operationCount == 10 && result.errorCount == 0)
            #expect(
                performing: {
                    _ = try LoadRun(try targetPlan("redis://x:wrong@\(address)", text, .load)).run()
                },
                throws: { "\($0)".contains("refused AUTH") && !"\($0)".contains("wrong") })
            let refused = try LoadRun(try targetPlan("redis://\(address)", text, .load)).run()
            #expect(refused.errorCount == 10 && refused.failures.first?.failure.name == "NOAUTH")
        }
    }

    @Test func writesWaitForReplicasAndReadsGoThere() throws {
        try RedisServer.with(["--repl-diskless-sync-delay", "0"]) { primary in
            let replica = ["--replicaof", "127.0.0.1 \(primary.port)"]
            try RedisServer.with(replica) { secondary in
                let text = """
                    recordcount=50
                    operationcount=400
                    threadcount=4
                    readproportion=0.5
                    updateproportion=0.5
                    redis.wait=1
                    redis.wait.timeout=9000
                    redis.replicas=127.0.0.1:\(secondary.port)
                    """
                let target = "redis://127.0.0.1:\(primary.port)"
                let loaded = try LoadRun(try targetPlan(target, text, .load)).run()
                #expect(loaded.operationCount == 50 && loaded.errorCount == 0)
                let run = try LoadRun(try targetPlan(target, text)).run()
                #expect(run.operationCount == 400 && run.errorCount == 0)
                let reads = run.history.operations.filter { $0.kind == .read }
                #expect(!reads.isEmpty && reads.allSatisfy { !$0.value.isAbsent })
            }
            let alone = try targetPlan(
                "redis://127.0.0.1:\(primary.port)",
                "recordcount=5\nredis.wait=1\nredis.wait.timeout=1", .load)
            let result = try LoadRun(alone).run()
            #expect(result[.insert]?.unknown == 5)
            #expect(result.failures.map(\.failure) == [.tooFewReplicas])
        }
    }
}
