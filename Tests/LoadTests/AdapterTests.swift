import Basics
import Consistency
import Glibc
import Load
import Platform
import Testing
import Workloads

/// Stores behind programs that speak the line protocol of docs/formats/adapter.md.
@Suite(
    .enabled(
        if: TestServer.has("/usr/bin/python3"), "python3 is not installed: nothing was tested"))
struct AdapterTests {
    /// A script that begins with what every adapter says, or with something else.
    private func script(_ folder: String, _ body: String) throws -> String {
        let path = "\(folder)/adapter.py"
        try FileSystem.replace(path, with: Array(body.utf8))
        return "exec:python3 \(path)"
    }

    @Test(arguments: [1, 4])
    func theExampleDrivesSQLite(pipeline: Int) throws {
        try withTemporaryFolder { folder in
            let target = "exec:python3 workloads/adapters/sqlite_store.py \(folder)/store.db"
            let text = mixedWorkload + "\nthreadcount=2\noperationcount=400"
            let loaded = try LoadRun(try targetPlan(target, text, .load)).run()
            #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
            var plan = try targetPlan(target, text)
            plan.pipeline = pipeline
            let run = try LoadRun(plan).run()
            #expect(run.ending == .completed && run.operationCount == 400)
            #expect(run.errorCount == 0 && run.verified == run[.read]?.succeeded)
            #expect(Checker.isLinearizable(run.history))
            let scanning = try LoadRun(
                try targetPlan(target, scanningWorkload + "\nthreadcount=2\noperationcount=200")
            ).run()
            #expect(scanning.errorCount == 0 && (scanning[.scan]?.succeeded ?? 0) > 40)
            #expect(scanning.verified > (scanning[.scan]?.succeeded ?? 0) * 3)
        }
    }

    @Test func whatAnAdapterLacksIsSaidAtTheStart() throws {
        try withTemporaryFolder { folder in
            let reader = try script(
                folder,
                "print('{\"protocol\":1,\"can\":[\"read\"]}', flush=True)\ninput()"
            )
            let lacking = refusal(try targetPlan(reader, mixedWorkload))
            #expect(lacking.contains("cannot do what the workload needs (update, insert)"))
            let stranger = try script(folder, "print('hello', flush=True)\ninput()")
            #expect(refusal(try targetPlan(stranger, mixedWorkload)).contains("began with 'hello'"))
            let gone = try script(folder, "import sys; sys.exit(3)")
            #expect(refusal(try targetPlan(gone, mixedWorkload)).contains("closed the connection"))
            let missing = refusal(try targetPlan("exec:no-such-program", mixedWorkload))
            #expect(missing.contains("no program 'no-such-program' in PATH"))
        }
        #expect(throws: TargetError.self) { _ = try Target("exec:") }
    }

    @Test func outcomesOfAnAdapterAreBelieved() throws {
        try withTemporaryFolder { folder in
            let target = try script(
                folder,
                """
                import json, sys
                print(json.dumps({"can": ["update", "read"], "protocol": 1, "more": [1, {}]}), flush=True)
                for line in sys.stdin:
                    r = json.loads(line)
                    n = r["id"] % 3
                    print(json.dumps({"id": r["id"], "outcome": ["ok", "fail", "unknown"][n],
                                      "error": "odd \\u00e9", "value": None}), flush=True)
                """)
            let text =
                "recordcount=50\noperationcount=90\nthreadcount=3\nreadproportion=0.5\n"
                + "updateproportion=0.5"
            let run = try LoadRun(try targetPlan(target, text)).run()
            #expect(run.operationCount == 90 && run.errorCount > 20 && run.errorCount < 90)
            #expect(run.failures.map(\.failure.name) == ["odd é"])
            #expect(run.history.operations.contains { $0.outcome == .unknown })
            #expect(run.history.operations.contains { $0.outcome == .fail })
        }
    }

    /// Answers that are none end the connection; what was under way on it is unknown.
    @Test(arguments: ["{\"id\":0}", "{", "{\"id\":99999999,\"outcome\":\"ok\"}", "[]"])
    func malformedAnswersLoseTheConnection(answer: String) throws {
        try withTemporaryFolder { folder in
            let target = try script(
                folder,
                """
                print('{"protocol":1,"can":["read","update"]}', flush=True)
                import sys
                for line in sys.stdin:
                    print('\(answer)', flush=True)
                """)
            var plan = try targetPlan(
                target, "recordcount=5\noperationcount=3\nreadproportion=0.5\nupdateproportion=0.5")
            plan.absenceLimit = .seconds(5)
            let run = try LoadRun(plan).run()
            #expect(run.operationCount == 3 && run.errorCount == 3)
            #expect(run.failures.map(\.failure.name) == ["MALFORMED"])
        }
    }
}
