import Basics
import Consistency
import TestSupport
import Testing

private func parse(_ text: String) throws(HistoryError) -> History {
    try JSONLinesParser.parse(Array(text.utf8), file: "h.jsonl")
}

private func write(_ history: History) -> [UInt8] {
    var output = ByteBuffer()
    for index in 0..<history.count { JSONLinesWriter.append(index, of: history, to: &output) }
    return output.bytes.copied()
}

@Suite struct JSONLinesTests {
    private let sample = """
        {"process":3,"op":"write","key":"user42","value":"w:3:17","invoked_ns":1000,"completed_ns":2100,"outcome":"ok"}
        {"process":4,"op":"read","key":"user42","value":"w:3:17","invoked_ns":1500,"completed_ns":2300,"outcome":"ok"}

        { "outcome" : "unknown", "process":5,"op":"cas","key":"user42","expected":"w:3:17","value":"caf\\u00e9 \\"x\\"","invoked_ns":-2400,"completed_ns":null, "more":{"a":[1,2.5e3,{}]},"intended_ns":-3000 }
        {"process":6,"op":"read","key":"user42","value":null,"invoked_ns":1,"completed_ns":2,"outcome":"ok","version":"12:7","node":"n1","acks":["n1","n4*"],"values":["a","b"],"final":true}
        """

    @Test func aFileIsReadAsTheProductTextSays() throws {
        let history = try parse(sample)
        #expect(history.count == 4)
        let cas = history.operations[2]
        #expect(history.operations[0].value == .write(process: 3, sequence: 17))
        #expect(cas.kind == .cas && cas.outcome == .unknown && cas.completed == Operation.never)
        #expect(history.text(cas.value) == "café \"x\"" && cas.intended == -3000)
        let detail = try #require(history.detail(of: 3))
        #expect(detail.version == StoreVersion(stamp: 12, actor: 7))
        #expect(detail.acks.map(\.isFallback) == [false, true])
        #expect(detail.siblings.map(history.text) == ["a", "b"])
        #expect(history.operations[3].flags == .final)
    }

    @Test func whatIsWrittenReadsBackTheSame() throws {
        let history = try parse(sample)
        let bytes = write(history)
        let again = try parse(String(decoding: bytes, as: UTF8.self))
        #expect(history.operations == again.operations)
        #expect(write(again) == bytes)
    }

    @Test func keysThatAreNotTextTravelInBase64() throws {
        var history = History()
        let key = [UInt8]([0xff, 0x00, 0x41]).withUnsafeBytes { history.key($0) }
        history.append(
            Operation(
                process: 1, key: key, kind: .delete, outcome: .ok, invoked: 0, completed: 1))
        let text = String(decoding: write(history), as: UTF8.self)
        #expect(text.contains("\"key_base64\":\"/wBB\""))
        let again = try parse(text)
        #expect(Array(again.keys.bytes(0)) == [0xff, 0x00, 0x41])
    }

    @Test(arguments: [
        ("{\"process\":1}", 1, 1, "\"op\" is missing"),
        ("\n{\"process\":-1,", 2, 12, "\"process\" is a number"),
        ("{\"process\":1,\"op\":\"get\"", 1, 19, "\"read\", \"write\", \"cas\" or"),
        ("{\"process\":1 \"op\"", 1, 14, "expected ',' or '}'"),
        ("{\"key\":\"abc\n", 1, 12, "a string ends with"),
        ("{\"key\":\"a\\x\"}", 1, 11, "after a backslash"),
        ("{\"invoked_ns\":1.5}", 1, 15, "a whole number"),
        ("{} x", 1, 1, "\"process\" is missing"),
        ("[1]", 1, 1, "expected '{'"),
        (
            "{\"process\":1,\"op\":\"read\",\"key\":\"k\",\"value\":\"v\",\"invoked_ns\":5,"
                + "\"completed_ns\":4,\"outcome\":\"ok\"}", 1, 1, "lies before"
        ),
    ])
    func badInputIsRefusedWithItsPlace(
        _ text: String, _ line: Int, _ column: Int, _ problem: String
    ) {
        do {
            _ = try parse(text)
            Issue.record("accepted \(text)")
        } catch {
            #expect(error.line == line && error.column == column, "\(error)")
            #expect(error.problem.contains(problem), "\(error)")
        }
    }

    @Test func chunksOfAnySizeGiveTheSameHistory() throws {
        let whole = try parse(sample)
        let bytes = Array(sample.utf8)
        for size in [1, 7, 64, 150] {
            var parser = JSONLinesParser(file: "h")
            var waiting: [UInt8] = []
            var start = 0
            while start < bytes.count || !waiting.isEmpty {
                let end = min(bytes.count, start + size)
                waiting += bytes[start..<end]
                start = end
                let used = try waiting.withUnsafeBytes {
                    try parser.consume($0, isLast: end == bytes.count)
                }
                waiting.removeFirst(used)
            }
            #expect(parser.history.operations == whole.operations)
        }
    }

    @Test func mutatedBytesNeverCrashTheParser() {
        let original = Array(sample.utf8)
        Seeds.forAll(cases(2_000), "mutated json lines") { random in
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
                let history = try JSONLinesParser.parse(bytes, file: "f")
                return history.count <= 6
            } catch {
                return error.line >= 1 && error.column >= 1 && !error.problem.isEmpty
            }
        }
    }
}
