import Basics
import Consistency
import TestSupport
import Testing

private func encode(_ history: History) -> [UInt8] {
    var output = ByteBuffer()
    BinaryHistory.append(history, to: &output)
    return output.bytes.copied()
}

@Suite struct BinaryHistoryTests {
    private func sample() throws -> History {
        let text = """
            {"process":3,"op":"write","key":"a","value":"w:3:17","invoked_ns":1,"completed_ns":2,"outcome":"ok","version":"9:1","node":"n2","acks":["n1","n4*"]}
            {"process":4,"op":"read","key":"b","value":"x","values":["x","y"],"invoked_ns":1,"completed_ns":3,"outcome":"ok","final":true}
            {"process":5,"op":"cas","key":"a","expected":"x","value":"z","invoked_ns":4,"completed_ns":null,"outcome":"unknown","context":1}
            """
        return try JSONLinesParser.parse(Array(text.utf8), file: "h")
    }

    @Test func aHistoryComesBackWhole() throws {
        let history = try sample()
        let again = try BinaryHistoryReader.parse(encode(history), file: "h.qh")
        #expect(again.operations == history.operations)
        #expect(again.details == history.details)
        #expect(again.keyText(1) == "b" && again.nodes.text(2) == history.nodes.text(2))
        #expect(encode(again) == encode(history))
    }

    @Test func randomHistoriesComeBackWhole() {
        Seeds.forAll(200, "binary histories") { random in
            let history = randomHistory(Mix(operations: 60, horizon: 400, keys: 4), &random)
            do throws(HistoryError) {
                let again = try BinaryHistoryReader.parse(encode(history), file: "h")
                return again.operations == history.operations
            } catch {
                return false
            }
        }
    }

    @Test func aShardKeepsTheDetailsOfItsOperationsAlone() throws {
        var history = History()
        for i in 0..<400 {
            let key = history.key("k\(i % 20)")
            let operation = Operation(
                process: 1, key: key, kind: .write, outcome: .ok,
                value: .write(process: 1, sequence: UInt64(i + 1)), invoked: Int64(i * 2),
                completed: Int64(i * 2 + 1))
            guard i % 3 > 0 else {
                history.append(operation)
                continue
            }
            var detail = Detail()
            detail.version = StoreVersion(stamp: UInt64(i), actor: 7)
            detail.context = i > 20 ? UInt32(i - 20) : nil
            history.append(operation, detail: detail)
        }
        let bytes = encode(history)
        var seen = 0
        for index in 0..<5 {
            let part = try bytes.withUnsafeBytes {
                try BinaryHistoryReader.parse(
                    $0, file: "h", shard: Shard(index: index, count: 5))
            }
            for place in part.operations.indices {
                let number = part.position(of: place)
                var expected = history.detail(of: number)
                if let context = expected?.context {
                    #expect(
                        part.detail(of: place)?.context.map { part.position(of: Int($0)) }
                            == Int(context))
                    expected?.context = part.detail(of: place)?.context
                }
                #expect(part.detail(of: place) == expected)
                seen += 1
            }
            #expect(part.details.count <= part.count)
        }
        #expect(seen == 400)
    }

    @Test func everyDamagedOrShortenedFileIsRefused() throws {
        let bytes = encode(try sample())
        Seeds.forAll(cases(1_500), "damaged binary histories") { random in
            var damaged = bytes
            if random.chance(1, in: 4) {
                damaged.removeLast(1 + random.below(damaged.count))
            } else {
                // The four reserved bytes of the header mean nothing.
                var place = random.below(damaged.count)
                while (12..<16).contains(place) { place = random.below(damaged.count) }
                damaged[place] ^= 1 << UInt8(random.below(8))
            }
            do throws(HistoryError) {
                _ = try BinaryHistoryReader.parse(damaged, file: "h.qh")
                return false
            } catch {
                return error.description.hasPrefix("h.qh: byte")
            }
        }
    }

    @Test func aLongWaitIsCutOutOfATimelineAndWhatIsNearIsShown() {
        // Written early, missed a second later; thousands of operations in between.
        var text = "w1@1[0,100] w2@2[200,300]"
        for i in 0..<2_000 {
            text += " r2@\(3 + i % 5)[\(400 + i * 500_000),\(600 + i * 500_000)]"
        }
        text += " r2@8[1000000000,1000000090] r1@9[1000000100,1000000200]"
        let history = terse(text)
        let report = Checker.check(history)
        guard let witness = report.report(.linearizable)?.counterexample else {
            Issue.record("the last read is stale")
            return
        }
        let timeline = Timeline(history, witness)
        // The neighbour of the stale read, and nothing of the long wait.
        #expect(timeline.operations.contains(2_002))
        #expect(!timeline.operations.contains(1_000))
        let page = TimelinePage.html(history, report, title: "wait")
        #expect(page.contains("class=\"gap\"") && page.contains("are left out"))
        // Bars are wide enough to be seen: a tenth of the window at least.
        let lines = timeline.text(width: 100).split(separator: "\n").filter { $0.contains("├") }
        #expect(lines.allSatisfy { $0.contains("├──") }, "\(lines)")
    }

    @Test func timelinesShowTheWitnessAndEscapeValues() {
        var history = terse("w1@1[0,10] w2@2[20,30] r1@3[40,50]")
        let value = history.value("<b>&\"")
        history.append(
            Operation(
                process: 7, key: 0, kind: .write, outcome: .ok, value: value, invoked: 35,
                completed: 36))
        let report = Checker.check(history)
        guard let witness = report.report(.linearizable)?.counterexample else {
            Issue.record("the read is stale")
            return
        }
        let text = Timeline(history, witness).text(width: 80)
        #expect(text.contains("process 3") && text.contains("├") && text.contains("not linear"))
        let lines: [Substring] = text.split(separator: "\n")
        #expect(lines.prefix(3).allSatisfy { $0.count <= 80 })
        let page = TimelinePage.html(history, report, title: "a & b")
        #expect(
            page.contains("<title>a &amp; b</title>") && page.contains("linearizable: violated"))
        #expect(!page.contains("<b>&\""))
        #expect(page.contains("class=\"edge\""))
    }
}
