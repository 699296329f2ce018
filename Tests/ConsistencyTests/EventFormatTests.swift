import Basics
import Consistency
import TestSupport
import Testing

private func edn(_ text: String) throws(HistoryError) -> History {
    try EDNParser.parse(Array(text.utf8), file: "h.edn")
}

private func log(_ text: String) throws(HistoryError) -> History {
    try JepsenLogParser.parse(Array(text.utf8), file: "h.log")
}

@Suite struct EventFormatTests {
    private let register = """
        ; a comment
        [{:process 0, :type :invoke, :f :write, :value 3, :time 10, :index 0}
         {:process :nemesis, :type :info, :f :start, :value "x\\"y", :time 11}
         #_ {:ignored [1 2]}
         #jepsen.history.Op{:process 0, :type :ok, :f :write, :value 3, :time 20}
         {:process 1, :type :invoke, :f :cas, :value [3 4], :time 30}
         {:process 1, :type :info, :f :cas, :value [3 4], :error :timeout, :time 35}
         {:process 2, :type :invoke, :f :read, :value nil, :time 40}
         {:process 2, :type :ok, :f :read, :value 4, :time 50}]
        """

    @Test func aVectorOfOperationsIsRead() throws {
        let history = try edn(register)
        #expect(history.count == 3)
        #expect(history.operations.map(\.outcome) == [.ok, .unknown, .ok])
        #expect(history.operations.map(\.invoked) == [10, 30, 40])
        #expect((0..<3).map(history.position) == [0, 3, 5])
        #expect(history.text(history.operations[1].expected) == "3")
        #expect(history.text(history.operations[2].value) == "4")
        #expect(Checker.check(history).report(.linearizable)?.verdict.isHolding == true)
    }

    @Test func independentKeysAreTakenApart() throws {
        let history = try edn(
            """
            {:process 0 :type :invoke :f :write :value [7 1]}
            {:process 1 :type :invoke :f :read :value [8 nil]}
            {:process 0 :type :ok :f :write :value [7 1]}
            {:process 1 :type :ok :f :read :value [8 nil]}
            {:process 1 :type :invoke :f :cas :value [7 [1 2]]}
            {:process 1 :type :fail :f :cas :value [7 [1 2]]}
            """)
        #expect(history.keys.count == 2)
        #expect(history.keyText(0) == "7" && history.operations[1].value.isAbsent)
        #expect(history.text(history.operations[2].expected) == "1")
        #expect(history.operations.map(\.invoked) == [0, 1, 4])
    }

    @Test func keyValueLogsNameTheirKeys() throws {
        let history = try edn(
            """
            {:process 0, :type :invoke, :f :put, :key "3", :value "x"}
            {:process 0, :type :ok, :f :put, :key "3", :value "x"}
            {:process 0, :type :invoke, :f :get, :key "3", :value nil}
            {:process 0, :type :ok, :f :get, :key "3", :value "x"}
            """)
        #expect(history.keyText(0) == "3")
        #expect(history.operations.map(\.kind) == [.write, .read])
    }

    @Test func appendsGrowTheValue() throws {
        func log(_ answer: String) throws -> History {
            try edn(
                """
                {:process 0, :type :invoke, :f :put, :key "3", :value "a"}
                {:process 0, :type :ok, :f :put, :key "3", :value "a"}
                {:process 0, :type :invoke, :f :append, :key "3", :value "b"}
                {:process 1, :type :invoke, :f :append, :key "3", :value "c"}
                {:process 0, :type :ok, :f :append, :key "3", :value "b"}
                {:process 1, :type :ok, :f :append, :key "3", :value "c"}
                {:process 0, :type :invoke, :f :get, :key "3", :value nil}
                {:process 0, :type :ok, :f :get, :key "3", :value "\(answer)"}
                """)
        }
        for (answer, holds) in [("abc", true), ("acb", true), ("ab", false), ("bac", false)] {
            let report = Checker.check(try log(answer)).report(.linearizable)
            #expect(report?.verdict.isHolding == holds, "\(answer)")
            #expect(report?.method == .search)
        }
    }

    @Test func printedLinesAreRead() throws {
        let history = try log(
            """
            INFO  jepsen.util - 0\t:invoke\t:write\t1
            INFO  jepsen.core - starting
            INFO  jepsen.util - :nemesis\t:info\t:start\tnil
            INFO  jepsen.util - 1\t:invoke\t:read\tnil
            INFO  jepsen.util - 0\t:ok\t:write\t1
            INFO  jepsen.util - 1\t:fail\t:read\t:timed-out
            INFO  jepsen.util - 2\t:invoke\t:cas\t[1 3]
            """)
        #expect(history.operations.map(\.outcome) == [.ok, .fail, .unknown])
        #expect((0..<3).map(history.position) == [0, 2, 5])
    }

    @Test func aStaleReadAmongRepeatedValuesIsFoundBySearch() throws {
        var text = ""
        for (value, process) in [(1, 0), (2, 1), (1, 2), (3, 3)] {
            text += "{:process \(process) :type :invoke :f :write :value \(value)}\n"
            text += "{:process \(process) :type :ok :f :write :value \(value)}\n"
        }
        text += "{:process 9 :type :invoke :f :read :value nil}\n"
        text += "{:process 9 :type :ok :f :read :value 2}\n"
        let report = Checker.check(try edn(text)).report(.linearizable)
        #expect(report?.method == .search)
        #expect(report?.verdict.isViolated == true)
        #expect(report?.counterexample?.operations.count == 3)
    }

    @Test(arguments: [
        ("{:process 0 :type :ok :f :read :value 1}", 1, "never invoked"),
        ("[{:process 0 :type :invoke :f :read}", 1, "expected ']'"),
        ("\n{:process 0 :type :begin :f :read}", 2, ":invoke, :ok, :fail or :info"),
        ("{:process 0 :type :invoke :f :txn}", 1, "expected :f :read"),
        ("{:process 0 :type}", 1, "a value for every key"),
        ("{:a \"x", 1, "a string ends with"),
        ("5", 1, "a map in braces"),
    ])
    func badEventsAreRefused(_ text: String, _ line: Int, _ problem: String) {
        do throws(HistoryError) {
            _ = try edn(text)
            Issue.record("accepted \(text)")
        } catch {
            #expect(error.line == line && error.problem.contains(problem), "\(error)")
        }
    }

    /// Operations of the shards of a file together, as they would be without shards.
    private func shards(
        _ count: Int, _ parse: (Shard?) throws -> History
    ) throws -> (whole: [String], parts: [String], summaries: [HistorySummary]) {
        func lines(_ history: History) -> [String] {
            history.operations.indices.map { index in
                let operation = history.operations[index]
                return "\(history.position(of: index)) \(history.keyText(operation.key)) "
                    + "\(operation.kind) \(history.text(operation.value)) "
                    + "\(operation.invoked) \(operation.completed) \(operation.outcome)"
            }
        }
        var parts: [String] = []
        var summaries: [HistorySummary] = []
        for index in 0..<count {
            let part = try parse(Shard(index: index, count: count))
            parts += lines(part)
            summaries.append(Checker.check(part).summary)
        }
        return (lines(try parse(nil)).sorted(), parts.sorted(), summaries)
    }

    @Test func shardsOfEventsAreReadWithoutKeepingTheRest() throws {
        var text = ""
        for i in 0..<60 {
            let place = ":process \(i) :time \(i * 10) :value [k\(i % 12) \(i)]"
            text += "{:type :invoke :f :write \(place)}\n"
            if i % 7 != 0 {
                text += "{:type :ok :f :write \(place.replacing("0 :v", with: "5 :v"))}\n"
            }
        }
        let bytes = Array(text.utf8)
        let found = try bytes.withUnsafeBytes { buffer in
            try shards(3) { try EDNParser.parse(buffer, file: "h", shard: $0) }
        }
        #expect(found.whole == found.parts && found.whole.count == 60)
        #expect(found.summaries.allSatisfy { $0.processes == 60 && $0.operations < 60 })
        #expect(Set(found.summaries.map(\.duration)).count == 1)
        let log = Array(
            (0..<8).map { "INFO  jepsen.util - \($0)\t:invoke\t:write\t[k\($0) 4]\n" }
                .joined().utf8)
        let logged = try log.withUnsafeBytes { buffer in
            try shards(4) { try JepsenLogParser.parse(buffer, file: "h", shard: $0) }
        }
        #expect(logged.whole == logged.parts && logged.whole.count == 8)
    }

    @Test func mutatedEventsNeverCrashTheParsers() {
        let original = Array(register.utf8)
        Seeds.forAll(cases(1_500), "mutated edn") { random in
            var bytes = original
            for _ in 0...random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[random.below(bytes.count)], at: place)
                }
            }
            do throws(HistoryError) {
                return try EDNParser.parse(bytes, file: "f").count <= 5
            } catch {
                return error.line >= 1 && error.column >= 1 && !error.problem.isEmpty
            }
        }
    }

    @Test func mutatedLogLinesNeverCrashTheParser() {
        let line = "INFO  jepsen.util - "
        let events = [
            "0\t:invoke\t:read\tnil", "1\t:invoke\t:cas\t[1 2]", "0\t:ok\t:read\t3",
            "1\t:info\t:cas\t:timed-out", "2\t:invoke\t:write\t4", "2\t:fail\t:write\t4",
        ]
        let original = Array(events.map { line + $0 + "\n" }.joined().utf8)
        Seeds.forAll(cases(1_500), "mutated log") { random in
            var bytes = original
            for _ in 0...random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[random.below(bytes.count)], at: place)
                }
            }
            do throws(HistoryError) {
                return try JepsenLogParser.parse(bytes, file: "f").count <= 6
            } catch {
                return error.line >= 1 && error.column >= 1 && !error.problem.isEmpty
            }
        }
    }
}
