import Basics
import Load
import Testing
import Workloads
import quorumeter

/// The picture that `--tui` draws.
@Suite struct LiveViewTests {
    private func report(_ second: Int, rate: Double, latency: UInt64) -> LoadProgress {
        var histogram = Histogram()
        for i in 0..<100 { histogram.record(nanoseconds: latency + UInt64(i) * latency / 50) }
        var progress = LoadProgress()
        progress.elapsed = .seconds(second)
        progress.operations = UInt64(second) * 1_000
        progress.rate = rate
        progress.p50 = histogram.percentile(50)
        progress.p99 = histogram.percentile(99)
        progress.latencies = [KindLatency(kind: .read, buckets: Array(histogram.recorded))]
        progress.share = Double(second) / 40
        return progress
    }

    private func view(_ seconds: Int) -> LiveView {
        var view = LiveView(title: "redis://127.0.0.1:1 8 threads", hasColour: false)
        for second in 1...seconds {
            view.add(
                report(
                    second, rate: Double(second) * 100,
                    latency: second < seconds / 2 ? 120_000 : 4_000_000))
        }
        return view
    }

    @Test(arguments: [40, 80, 200])
    func noLineIsWiderThanTheTerminal(width: Int) {
        let lines = view(300).lines(width: width)
        #expect(lines.allSatisfy { $0.count <= width })
        #expect(lines.count >= 8 && lines.count < 20)
    }

    @Test func theStripShowsWhereLatenciesWentAndWhen() {
        let lines = view(20).lines(width: 80)
        let fast = lines.first { $0.contains(" 0.1 ms ┤") } ?? ""
        let slow = lines.first { $0.contains(" 3.2 ms ┤") } ?? ""
        let early = fast.drop { $0 != "┤" }.dropFirst()
        let late = slow.drop { $0 != "┤" }.dropFirst()
        #expect(early.first == "█" && early.last == " ")
        #expect(late.first == " " && late.last != " ")
        #expect(lines[0].contains("20") && lines[0].contains("50 %"))
    }

    @Test func barsRiseFromZeroToTheHighest() {
        #expect(LiveView.sparkline([0, 1, 4, 8], width: 10) == " ▁▄█")
        #expect(LiveView.sparkline([5, 1, 4, 8], width: 2) == "▄█")
        #expect(LiveView.sparkline([], width: 4) == "" && LiveView.sparkline([0], width: 4) == " ")
    }
}
