import Basics
import TestSupport
import Testing
import Workloads

@Suite struct ArrivalTests {
    private func workload(_ text: String, file: String = "") throws -> Workload {
        try Workload(try Properties(parsing: text, file: "test")) {
            (_, _) throws(PropertyError) in file
        }
    }

    /// Arrivals of all shares within `seconds`, in order.
    private func arrivals(
        _ workload: Workload, seconds: Double, shares: Int = 1
    ) throws -> [Double] {
        var times: [Double] = []
        for share in 0..<shares {
            let random = RandomSource(seed: Seeds.base).fork("arrivals", UInt64(share))
            var schedule = try #require(
                ArrivalSchedule(workload, random: random, share: share, of: shares))
            while let next = schedule.next(), next.seconds < seconds { times.append(next.seconds) }
        }
        return times.sorted()
    }

    private func count(_ times: [Double], _ range: Range<Double>) -> Int {
        times.count { range.contains($0) }
    }

    @Test(arguments: [1, 3])
    func aRampRisesStraightAndStays(shares: Int) throws {
        let ramp = try workload(
            "target=1000\narrivals=ramp\narrivals.from=0\narrivals.over=10")
        let times = try arrivals(ramp, seconds: 20, shares: shares)
        #expect(abs(times.count - 15_000) <= shares)
        // The integral of 100 t from 4 to 5 is 450.
        #expect(abs(count(times, 4..<5) - 450) <= shares)
        #expect(abs(count(times, 15..<16) - 1_000) <= shares)
    }

    @Test func stepsAreStairs() throws {
        let steps = try workload(
            "target=500\narrivals=step\narrivals.from=100\narrivals.over=10\narrivals.steps=5")
        let times = try arrivals(steps, seconds: 12)
        for (step, rate) in [100, 200, 300, 400, 500, 500].enumerated() {
            let start = Double(step * 2)
            #expect(abs(count(times, start..<(start + 2)) - 2 * rate) <= 2, "step \(step)")
        }
    }

    @Test func aSineSwingsAroundItsMiddle() throws {
        let sine = try workload(
            "target=1000\narrivals=sine\narrivals.from=200\narrivals.period=4")
        let times = try arrivals(sine, seconds: 12)
        #expect(abs(times.count - 7_200) <= 8)
        for period in 0..<3 {
            let start = Double(period) * 4
            // Half the period is a quarter either side of the crest: 600 + 400 · 2/π on average.
            #expect(abs(count(times, (start + 1)..<(start + 3)) - 1_709) <= 4)
        }
    }

    @Test func spikesComeOnceAPeriod() throws {
        let spikes = try workload(
            """
            target=2000
            arrivals=spike
            arrivals.from=100
            arrivals.period=5
            arrivals.width=1
            """)
        let times = try arrivals(spikes, seconds: 10)
        #expect(abs(count(times, 0..<4) - 400) <= 1 && abs(count(times, 4..<5) - 2_000) <= 2)
        #expect(abs(count(times, 5..<9) - 400) <= 2 && abs(count(times, 9..<10) - 2_000) <= 2)
    }

    @Test func aTraceIsFollowedToItsEnd() throws {
        let trace = "0 100 # calm\n2.5 1000\n\n3 0\n4 10\n5 0\n"
        let times = try arrivals(
            try workload("arrivals=trace\narrivals.trace=file", file: trace), seconds: 1e6)
        #expect(times.count == 760)
        #expect(count(times, 0..<2.5) == 250 && count(times, 2.5..<3) == 500)
        #expect(count(times, 3..<4) == 0 && count(times, 4..<5) == 10)
    }

    @Test func randomSpacingKeepsTheRate() throws {
        let ramp = try workload(
            "target=10000\narrivals=ramp\narrivals.over=4\narrivals.spacing=poisson")
        let times = try arrivals(ramp, seconds: 8, shares: 2)
        let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
        #expect(abs(Double(count(times, 4..<8)) - 40_000) < 1_200)
        #expect(gaps.contains { $0 > 5e-4 } && gaps.contains { $0 < 1e-6 })
    }

    @Test(arguments: [
        ("arrivals=ramp", "needs a target rate"),
        ("arrivals=trace", "needs arrivals.trace=FILE"),
        ("target=5\narrivals=spike\narrivals.width=60", "not below arrivals.period"),
        ("target=5\narrivals.perod=3", "did you mean 'arrivals.period'?"),
        ("target=5\narrivals=sign", "did you mean 'sine'?"),
    ])
    func contradictionsAreNamed(text: String, problem: String) throws {
        #expect(
            performing: { _ = try workload(text) }, throws: { "\($0)".contains(problem) })
    }

    @Test(arguments: ["", "0 0", "1 5", "0 5\n0 6", "0 5 6", "0 -1", "zero 5"])
    func malformedTracesAreRefused(text: String) {
        #expect(throws: PropertyError.self) { _ = try RateProfile(trace: text, file: "trace") }
    }
}

@Suite struct BacklogTrendTests {
    /// Whether a backlog counts as growing at some tick of 50 ms.
    private func grows(
        ticks: Int, _ lag: (Int) -> Double, completed: (Int) -> UInt64 = { UInt64($0) * 10 }
    ) -> Bool {
        var trend = BacklogTrend(tick: .milliseconds(50))
        for tick in 0..<ticks {
            let lag = Instant.Duration.nanoseconds(Int64(lag(tick) * 1e9))
            if trend.grows(lag: lag, completed: completed(tick)) { return true }
        }
        return false
    }

    @Test func steadyGrowthIsSeenSoon() {
        #expect(grows(ticks: 45) { Double($0) * 0.025 })
        #expect(!grows(ticks: 30) { Double($0) * 0.025 })
    }

    @Test func slowGrowthIsSeenLater() {
        #expect(!grows(ticks: 200) { Double($0) * 0.001 })
        #expect(grows(ticks: 400) { 0.001 + Double($0) * 0.001 })
    }

    @Test func aStoreThatPausesIsNotOverloaded() {
        // Nothing ends for four seconds, then the backlog shrinks.
        func lag(_ tick: Int) -> Double {
            tick < 80 ? Double(tick) * 0.05 : max(0, 4 - Double(tick - 80) * 0.1)
        }
        #expect(!grows(ticks: 200, lag, completed: { $0 < 80 ? 5 : UInt64($0) * 10 }))
    }

    @Test func aBacklogThatComesAndGoesIsNotGrowth() {
        #expect(!grows(ticks: 2_000) { Double($0 % 30) * 0.03 })
        #expect(!grows(ticks: 2_000) { _ in 0.5 })
    }

    @Test func fieldLengthsFollowTheirHistogram() throws {
        let text = "BlockSize\t10\n0\t1\n1\t0\n2\t3\n"
        let workload = try Workload(
            try Properties(
                parsing: "fieldlengthdistribution=histogram\nfieldcount=1", file: "test")
        ) { (path, _) throws(PropertyError) in
            path == "hist.txt" ? text : ""
        }
        #expect(workload.fieldLength == 30)
        let values = RecordValue(workload)
        var counts: [Int: Int] = [:]
        for sequence in 1...4_000 {
            counts[
                values.count(of: WriteID(process: 1, sequence: UInt64(sequence))), default: 0] += 1
        }
        // No value is shorter than its name, of 6 to 9 bytes here.
        #expect(Set(counts.keys) == [10, 30])
        #expect(abs((counts[30] ?? 0) - 3_000) < 150)
    }

    @Test(arguments: ["", "0\t1", "BlockSize\t0\n0\t1", "BlockSize\t5\n1\t1", "BlockSize\t5\n0\t0"])
    func malformedHistogramsAreRefused(text: String) {
        #expect(throws: PropertyError.self) { _ = try FieldLengths(parsing: text, file: "hist") }
    }
}
