import Basics
import Consistency
import TestSupport
import Testing

@Suite struct MergingTests {
    private func parse(_ text: String) throws -> History {
        try JSONLinesParser.parse(Array(text.utf8), file: "h")
    }

    @Test func partsOfOneHistoryShareKeysAndValuesAndNoProcess() throws {
        let first = try parse(
            """
            {"process":1,"op":"write","key":"a","value":"x","invoked_ns":10,"completed_ns":20,"outcome":"ok","node":"n1"}
            {"process":2,"op":"read","key":"b","value":null,"invoked_ns":11,"completed_ns":12,"outcome":"ok","clock":7}
            """)
        let second = try parse(
            """
            {"process":1,"op":"read","key":"b","value":null,"invoked_ns":30,"completed_ns":31,"outcome":"ok"}
            {"process":1,"op":"read","key":"a","value":"x","invoked_ns":32,"completed_ns":40,"outcome":"ok","node":"n1","acks":["n2"]}
            {"process":3,"op":"write","key":"b","value":"y","invoked_ns":50,"completed_ns":60,"outcome":"ok","context":0}
            """)
        let merged = History.merging([first, second])
        #expect(merged.count == 5 && merged.keys.count == 2 && merged.nodes.count == 2)
        #expect(merged.operations.map(\.clock) == [1, 7, 2, 2, 2])
        #expect(Set(merged.operations.map(\.process)).count == 4)
        #expect(merged.operations[2].process == merged.operations[3].process)
        #expect(merged.text(merged.operations[3].value) == "x")
        #expect(merged.detail(of: 4)?.context == 2)
        #expect((0..<5).map { merged.position(of: $0) } == [0, 1, 2, 3, 4])
        #expect(Checker.check(merged).report(.linearizable)?.verdict.isHolding == true)
    }

    @Test func anAssumedWriteGivesWayToTheWriteThatAnotherPartRecorded() throws {
        let assumed =
            "\"invoked_ns\":-2,\"completed_ns\":-1,\"outcome\":\"ok\",\"assumed\":true}"
        let first = try parse(
            "{\"process\":1,\"op\":\"write\",\"key\":\"a\",\"value\":\"w:5:1\",\(assumed)\n"
                + "{\"process\":2,\"op\":\"write\",\"key\":\"a\",\"value\":\"old\",\(assumed)\n"
                + "{\"process\":3,\"op\":\"read\",\"key\":\"a\",\"value\":\"w:5:1\","
                + "\"invoked_ns\":30,\"completed_ns\":40,\"outcome\":\"ok\"}")
        let second = try parse(
            "{\"process\":9,\"op\":\"write\",\"key\":\"a\",\"value\":\"old\",\(assumed)\n"
                + "{\"process\":5,\"op\":\"write\",\"key\":\"a\",\"value\":\"w:5:1\","
                + "\"invoked_ns\":3,\"completed_ns\":4,\"outcome\":\"ok\"}")
        let merged = History.merging([first, second])
        let writes = merged.operations.filter { $0.kind == .write }
        #expect(writes.map { merged.text($0.value) } == ["old", "w:5:1"])
        #expect(writes[1].invoked == 3)
        #expect(merged.operations.indices.map { merged.position(of: $0) } == [1, 2, 4])
    }

    @Test func splittingAHistoryAndMergingItChangesNoVerdict() {
        let models: [Model] = [.linearizable, .regular, .weakRegular]
        var options = CheckOptions()
        options.models = models
        Seeds.forAll(300, "split and merged") { random in
            let whole = randomHistory(
                Mix(operations: 20, writes: 5, unknown: 2, horizon: 60, keys: 3), &random)
            var parts = [History(), History(), History()]
            for operation in whole.operations {
                let place = random.below(3)
                var moved = operation
                moved.key = parts[place].key(whole.keyText(operation.key))
                parts[place].append(moved)
            }
            let merged = Checker.check(History.merging(parts), options: options)
            let direct = Checker.check(whole, options: options)
            return zip(merged.models, direct.models).allSatisfy {
                $0.verdict.word == $1.verdict.word && $0.violatingKeys == $1.violatingKeys
            } && merged.staleness == direct.staleness
        }
    }
}
