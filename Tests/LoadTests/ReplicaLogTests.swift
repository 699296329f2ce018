import Basics
import Consistency
import Load
import Platform
import Testing
import Workloads

/// Operations whose replies name replicas, in the history.
struct ReplicaLogTests {
    private static func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    private static func list(_ names: [String]) -> String {
        "*\(names.count)\r\n" + names.map(bulk).joined()
    }

    /// `version`, `replicas` and `fallbacks`, as QGET and QSET end.
    private static func written(_ version: String?, _ replicas: [String], _ standIns: [String])
        -> String
    {
        bulk("version") + (version.map(bulk) ?? "$-1\r\n") + bulk("replicas") + list(replicas)
            + bulk("fallbacks") + list(standIns)
    }

    private static func run(
        _ script: @escaping ScriptedStore.Script, adjust: (inout LoadPlan) -> Void = { _ in }
    ) throws -> (history: History, commands: [[String]]) {
        let store = try ScriptedStore(script)
        defer { store.stop() }
        let text = """
            recordcount=1
            operationcount=40
            threadcount=2
            fieldcount=1
            readproportion=0.5
            updateproportion=0.5
            """
        let workload = try Workload(try Properties(parsing: text, file: "test"))
        var plan = LoadPlan(
            target: Target(scheme: .quorum, addresses: [store.address]), workload: workload,
            phase: .transactions)
        plan.firstProcess = 1
        plan.seed = 7
        plan.quorum.recordsReplicas = true
        plan.nodeNames = ["n4"]
        adjust(&plan)
        return (try LoadRun(plan).run().history, store.received)
    }

    @Test func everyOperationSaysWhoAnsweredIt() throws {
        let (history, commands) = try ReplicaLogTests.run { _, words in
            switch words[0] {
            case "QSET":
                .text(
                    "*6\r\n"
                        + ReplicaLogTests.written("1718000000000000.3@n2/7", ["n1", "n5"], ["n5"]))
            case "QGET":
                .text(
                    "*10\r\n" + ReplicaLogTests.bulk("values") + "*0\r\n"
                        + ReplicaLogTests.bulk("context") + "$-1\r\n"
                        + ReplicaLogTests.written(nil, ["n3"], []))
            default: .proper
            }
        }
        #expect(Set(commands.map { $0[0] }) == ["QGET", "QSET"])
        #expect(history.count == 40)
        for index in 0..<history.count {
            let detail = try #require(history.detail(of: index))
            #expect(history.nodes.text(Int(try #require(detail.node))) == "n4")
            let names = detail.acks.map { history.nodes.text(Int($0.node)) }
            if history.operations[index].kind == .read {
                #expect(names == ["n3"] && detail.version == nil)
                #expect(history.operations[index].value.isAbsent)
            } else {
                #expect(names == ["n1", "n5"] && detail.acks.map(\.isFallback) == [false, true])
                #expect(detail.version?.stamp == 1_718_000_000_000_000 << 12 | 3)
            }
        }
        // No value was ever read though writes were acknowledged: and why is known.
        let report = Checker.check(history, options: CheckOptions())
        let verdict = try #require(report.report(.linearizable))
        #expect(verdict.verdict.isViolated)
        #expect(verdict.counterexample?.cause == .fallbackAck)
    }

    @Test func aValueThatIsReadNamesItsWriter() throws {
        let (history, _) = try ReplicaLogTests.run { _, words in
            switch words[0] {
            case "QGET":
                .text(
                    "*10\r\n" + ReplicaLogTests.bulk("values")
                        + ReplicaLogTests.list(["w:9:77;padding"])
                        + ReplicaLogTests.bulk("context") + "$-1\r\n"
                        + ReplicaLogTests.written("5.0@n1/1", ["n1"], []))
            default: .text("-TIMEOUT outcome unknown: 1 of 2 replicas answered in time\r\n")
            }
        }
        let reads = history.operations.indices.filter { history.operations[$0].kind == .read }
        let answered = reads.filter { history.operations[$0].process < 100 }
        #expect(!answered.isEmpty)
        for index in answered {
            #expect(history.text(history.operations[index].value) == "w:9:77")
            #expect(history.detail(of: index)?.version == StoreVersion(stamp: 5 << 12, actor: 1))
        }
        // Nothing is known of writes that did not end, but what they were.
        for index in history.operations.indices
        where history.operations[index].kind == .write && history.operations[index].invoked >= 0 {
            #expect(history.operations[index].outcome == .unknown)
            #expect(history.detail(of: index) == nil)
        }
    }

    @Test func otherTargetsHaveNoSuchReplies() throws {
        let error = #expect(throws: LoadError.self) {
            _ = try ReplicaLogTests.run { _, _ in
                .proper
            } adjust: {
                $0.target = Target(scheme: .redis, addresses: $0.target.addresses)
            }
        }
        #expect(error?.description.contains("properties quorum.*") == true)
    }
}
