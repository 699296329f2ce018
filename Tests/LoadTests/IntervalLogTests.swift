import Basics
import Glibc
import Load
import Platform
import TestSupport
import Testing
import Workloads

@Suite struct AnomalySeriesTests {
    private func entry(_ tag: String, _ second: Int64) -> IntervalLog.Entry {
        var histogram = Histogram()
        histogram.record(nanoseconds: 1_000)
        return IntervalLog.Entry(
            tag: tag, start: .seconds(second), length: .seconds(1), histogram: histogram)
    }

    @Test func anomaliesStandOnTheRowOfReadsOfTheIntervalInWhichTheyEnded() {
        var log = IntervalLog(
            began: WallTime(microseconds: 0),
            entries: [
                entry("UPDATE", 0), entry("READ", 0), entry("READ-MODIFY-WRITE", 1),
                entry("READ", 4),
            ])
        func column() -> [Substring] {
            log.csv.split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false).last ?? ""
            }
        }
        #expect(column() == ["anomalies", "", "", "", ""])
        let times: [Int64] = [10, 999_999_999, 1_000_000_000, 2_500_000_000, 4_000_000_001, -5]
        log.count(anomalies: times.map { .nanoseconds($0) })
        #expect(column() == ["anomalies", "0", "2", "1", "1"])
    }
}

@Suite struct HistogramTextTests {
    private func sample() -> Histogram {
        var histogram = Histogram()
        for value in [0, 1, 1, 2_047, 2_048, 123_456, 3_600_000_000_000] as [UInt64] {
            histogram.record(nanoseconds: value, times: value % 7 + 1)
        }
        histogram.record(nanoseconds: 5_000_000, times: 1 << 40)
        return histogram
    }

    @Test func anEmptyHistogramIsItsHeader() {
        #expect(
            Histogram().encoded
                == [
                    0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
                    1, 0, 0, 3, 0x46, 0x30, 0xb8, 0xa0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0,
                ])
    }

    @Test func runsAndCountsAreZigzagNumbers() {
        var histogram = Histogram()
        histogram.record(nanoseconds: 1, times: 1)
        histogram.record(nanoseconds: 70, times: 100)
        // One empty slot, a count of 1, 68 empty slots, a count of 100.
        #expect(Array(histogram.encoded[40...]) == [0x01, 0x02, 0x87, 0x01, 0xc8, 0x01])
    }

    @Test func encodingsAreReadBack() throws {
        try Seeds.forAll(30, "histograms survive their encoding") { random in
            var histogram = Histogram()
            for _ in 0..<random.below(200) {
                let value = random.next() >> UInt64(22 + random.below(42))
                histogram.record(nanoseconds: value, times: random.below(UInt64(1_000)))
            }
            let back = try HistogramText.decode(try HistogramText.encode(histogram))
            let counts = histogram.recorded.map { [$0.lowest, $0.highest, $0.count] }
            return back.count == histogram.count
                && back.recorded.map { [$0.lowest, $0.highest, $0.count] } == counts
        }
        let text = try HistogramText.encode(sample())
        #expect(text.hasPrefix("HISTFAAAA"))
        #expect(try HistogramText.decode(text).count == sample().count)
    }

    /// Written by HdrHistogram's Python port for 1 to 3,600,000,000,000 at three digits with the
    /// values 1,000, 2,000 twice, and 1,000,000 ten times.
    @Test func whatTheReferenceWroteIsRead() throws {
        let histogram = try HistogramText.decode(ReferenceHistogram.text)
        #expect(histogram.count == 13)
        #expect(histogram.recorded.map(\.count) == [1, 2, 10])
        #expect(histogram.recorded.map(\.lowest) == [1_000, 2_000, 999_936])
    }

    @Test func damagedTextsAreRefused() throws {
        let text = try HistogramText.encode(sample())
        for wrong in ["", "HISTFAAA", "not base64!", String(text.dropLast(8)), "AAAA" + text] {
            #expect(throws: HistogramTextError.self) { _ = try HistogramText.decode(wrong) }
        }
        var random = RandomSource(seed: Seeds.base)
        for _ in 0..<200 {
            var bytes = Array(text.utf8)
            bytes[random.below(bytes.count)] = UInt8(random.below(256))
            // Either refused or read as some histogram; nothing crashes.
            _ = try? HistogramText.decode(String(decoding: bytes, as: UTF8.self))
        }
        #expect(throws: HistogramEncodingError.self) { _ = try Histogram(encoded: [1, 2, 3]) }
        let cut = Array(sample().encoded.dropLast())
        #expect(throws: HistogramEncodingError.cutOff) { _ = try Histogram(encoded: cut) }
    }

    @Test func base64IsTheStandards() {
        // RFC 4648, section 10.
        let vectors = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==",
            "fooba": "Zm9vYmE=", "foobar": "Zm9vYmFy",
        ]
        for (plain, coded) in vectors {
            #expect(Base64.encode(Array(plain.utf8)) == coded)
            #expect(Base64.decode(coded) == Array(plain.utf8))
        }
        for wrong in ["Zg=", "Z===", "=Zg=", "Zg==Zg==", "Z\u{e9}=="] {
            #expect(Base64.decode(wrong) == nil)
        }
    }
}

@Suite struct IntervalLogTests {
    private func log(at seconds: UInt64, _ values: [UInt64], tag: String = "READ") -> IntervalLog {
        let entries = values.enumerated().map { (index, value) in
            var histogram = Histogram()
            histogram.record(nanoseconds: value, times: 10)
            return IntervalLog.Entry(
                tag: tag, start: .seconds(index), length: .seconds(1), histogram: histogram)
        }
        return IntervalLog(began: WallTime(microseconds: seconds * 1_000_000), entries: entries)
    }

    @Test func logsAreReadBack() throws {
        let log = log(at: 1_700_000_000, [1_000, 2_000])
        let text = try log.text()
        #expect(text.hasPrefix("#[Histogram log format version 1.3]\n#[StartTime: 1700000000.000 "))
        #expect(text.contains("\nTag=READ,1.000,1.000,0.002,HISTFAAAA"))
        #expect(try IntervalLog(parsing: text, file: "log") == log)
    }

    @Test func malformedLogsNameTheLine() throws {
        for (line, problem) in [
            ("Tag=READ,0,1,2", "log:2: expected Tag=NAME"),
            ("0.0,1.0,2.0,HISTFAAA", "log:2: the histogram"),
        ] {
            #expect(
                performing: { _ = try IntervalLog(parsing: "#c\n\(line)\n", file: "log") },
                throws: { "\($0)".contains(problem) })
        }
    }

    @Test func logsOfSeveralGeneratorsAddUp() {
        let merged = IntervalLog.merge([
            log(at: 100, [1_000, 2_000]), log(at: 101, [4_000, 8_000]),
            log(at: 100, [50], tag: "UPDATE"),
        ])
        #expect(merged.began == WallTime(microseconds: 100_000_000))
        #expect(merged.entries.map(\.tag) == ["READ", "UPDATE", "READ", "READ"])
        #expect(merged.entries.map(\.start.seconds) == [0, 0, 1, 2])
        #expect(merged.entries.map(\.histogram.count) == [10, 10, 20, 10])
        #expect(merged.totals.map(\.tag) == ["READ", "UPDATE"])
        #expect(merged.totals.first?.histogram.count == 40)
        #expect(
            merged.csv.hasSuffix("\n2.000,READ,10,10.0,8.000,8.000,8.000,8.000,8.000,\n"))
    }

    @Test func aRunsIntervalsAreItsLog() throws {
        var plan = LoadPlan(
            target: try Target("null:"),
            workload: try Workload(
                try Properties(
                    parsing: "recordcount=10\noperationcount=2000\nreadproportion=0.5\n"
                        + "updateproportion=0.5\ntarget=20000", file: "test")),
            phase: .transactions)
        plan.interval = .milliseconds(20)
        let result = try LoadRun(plan).run()
        let log = IntervalLog(result)
        #expect(log.totals.map(\.tag) == ["READ", "UPDATE"])
        #expect(log.totals.map(\.histogram.count).reduce(0, +) == 2_000)
        #expect(abs(Int64(log.began.microseconds) - Int64(Clocks.wall().microseconds)) < 60_000_000)
        #expect(result.intervals.allSatisfy { $0.start.nanoseconds % 20_000_000 == 0 })
    }

    private static let python = "/usr/bin/python3"
    private static let hasReference: Bool = {
        guard
            let process = try? ChildProcess(
                python, ["-c", "import hdrh.histogram"], output: .discard, errors: .discard)
        else { return false }
        return (try? process.wait()) == .code(0)
    }()

    @Test(
        .enabled(
            if: hasReference,
            "the Python package hdrhistogram is not installed: not compared with it"))
    func theReferenceReadsWhatIsWritten() throws {
        var histogram = Histogram()
        for value in 1...5_000 { histogram.record(nanoseconds: UInt64(value * value)) }
        let program = """
            import sys
            from hdrh.histogram import HdrHistogram
            h = HdrHistogram.decode(sys.argv[1])
            ok = h.get_total_count() == 5000
            steps = (50, 75, 90, 99, 100)
            for p in steps:
                ok = ok and h.get_value_at_percentile(p) == int(sys.argv[2 + steps.index(p)])
            sys.exit(0 if ok else 1)
            """
        let wanted = [50, 75, 90, 99].map { "\(histogram.percentile($0))" }
        let top = try #require(Array(histogram.recorded).last)
        let process = try ChildProcess(
            IntervalLogTests.python,
            ["-c", program, try HistogramText.encode(histogram)] + wanted + ["\(top.highest)"],
            output: .discard, errors: .discard)
        #expect(try process.wait() == .code(0))
    }
}
