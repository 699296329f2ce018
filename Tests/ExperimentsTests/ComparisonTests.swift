import Basics
import Experiments
import TestSupport
import Testing

struct ComparisonTests {
    /// Repeats of one configuration whose latency and throughput scatter by about 4 %, as on a
    /// noisy machine. `slower`: factor on latency.
    private static func repeats(
        _ count: Int, slower: Double = 1, _ random: inout RandomSource
    ) -> [CellResult] {
        (0..<count).map { repetition in
            var cell = CellResult(
                configuration: ConstructedResults.configuration(
                    r: 2, w: 2, repetition: repetition),
                environment: ConstructedResults.environment, command: "constructed")
            func noise() -> Double {
                // The sum of twelve uniforms less six: nearly normal.
                let sum = (0..<12).reduce(-6.0) { total, _ in total + random.unit() }
                return 1 + 0.04 * sum
            }
            cell.throughput = Throughput(
                operations: Int(32_000 * noise() / slower), failed: 0, durationNs: 8_000_000_000)
            for operation in ["read", "write"] {
                let median = 300_000 * noise() * slower
                let tail = 2_000_000 * noise() * slower
                cell.latencies.append(
                    LatencySummary(
                        operation: operation, clock: .intended, count: 16_000, meanNs: median,
                        minNs: 1, maxNs: Int64(tail * 2),
                        percentilesNs: ["50": Int64(median), "99": Int64(tail)], curve: []))
            }
            return cell
        }
    }

    @Test func twoRunsOfTheSameAreCalledTheSame() {
        var random = RandomSource(seed: Seeds.base).fork("equal")
        var different = 0
        let runs = 400
        for _ in 0..<runs {
            let comparison = Comparison(
                base: ComparisonTests.repeats(6, &random), new: ComparisonTests.repeats(6, &random))
            if comparison.metrics.contains(where: { $0.verdict == .worse || $0.verdict == .better })
            {
                different += 1
            }
        }
        // At most one in twenty, with four standard deviations of such a count on top.
        #expect(different <= runs / 20 + 17, "\(different) of \(runs) were called different")
    }

    @Test func aSlowdownIsFoundWithTheRepeatsThatAreAskedFor() throws {
        var random = RandomSource(seed: Seeds.base).fork("slower")
        var found = 0
        let runs = 60
        for _ in 0..<runs {
            let first = Comparison(
                base: ComparisonTests.repeats(4, &random),
                new: ComparisonTests.repeats(4, slower: 1.1, &random))
            #expect(!first.hasRegression)  // four repeats cannot be significant in five metrics
            let needed = try #require(first.metrics.compactMap(\.repeatsNeeded).max())
            let second = Comparison(
                base: ComparisonTests.repeats(needed, &random),
                new: ComparisonTests.repeats(needed, slower: 1.1, &random))
            if second.hasRegression { found += 1 }
        }
        #expect(found >= runs * 9 / 10, "found \(found) of \(runs)")
    }

    @Test func withTheRepeatsThatAreAskedForEqualsAreCalledTheSame() throws {
        var random = RandomSource(seed: Seeds.base).fork("same")
        var judged = 0
        var same = 0
        for _ in 0..<100 {
            let pilot = Comparison(
                base: ComparisonTests.repeats(4, &random), new: ComparisonTests.repeats(4, &random))
            let needed = try #require(pilot.metrics.compactMap(\.repeatsNeeded).max())
            let comparison = Comparison(
                base: ComparisonTests.repeats(needed, &random),
                new: ComparisonTests.repeats(needed, &random))
            judged += comparison.metrics.count
            same += comparison.metrics.count { $0.verdict == .same }
        }
        #expect(judged == 500)
        #expect(same * 100 >= judged * 95, "\(same) of \(judged) were called the same")
    }

    @Test func aSpeedUpIsBetterAndNoRegression() {
        var random = RandomSource(seed: 5)
        let comparison = Comparison(
            base: ComparisonTests.repeats(10, &random),
            new: ComparisonTests.repeats(10, slower: 0.7, &random))
        #expect(comparison.metrics.allSatisfy { $0.verdict == .better })
        #expect(!comparison.hasRegression && !comparison.isUnclear)
        #expect(comparison.metrics.allSatisfy { $0.interval.lower <= $0.ratio })
        #expect(comparison.summary.contains("5 better, 0 worse"))
    }

    @Test func oneRepeatTellsNothing() {
        var random = RandomSource(seed: 6)
        let comparison = Comparison(
            base: ComparisonTests.repeats(1, &random),
            new: ComparisonTests.repeats(1, slower: 2, &random))
        #expect(comparison.isUnclear && !comparison.hasRegression)
        #expect(comparison.summary.contains("at least twice"))
    }

    @Test func theRankTestGivesTheTabulatedProbabilities() {
        // Two-sided, from the counts of arrangements: 2 of C(6,3), 2 of C(10,5).
        #expect((Statistics.mannWhitney([1, 2, 3], [4, 5, 6]) - 0.1).magnitude < 1e-12)
        let five = Statistics.mannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
        #expect((five - 2 / 252.0).magnitude < 1e-12)
        // U = 1 of C(6,3): two arrangements a side.
        #expect((Statistics.mannWhitney([1, 2, 4], [3, 5, 6]) - 0.2).magnitude < 1e-12)
        #expect(Statistics.mannWhitney([7, 7, 7], [7, 7, 7]) == 1)
        #expect(Statistics.mannWhitney([], [1]) == 1)
    }

    @Test func theRankTestIsSymmetric() {
        Seeds.forAll(100, "symmetric") { random in
            let a = (0..<(1 + random.below(9))).map { _ in Double(random.below(20)) }
            let b = (0..<(1 + random.below(9))).map { _ in Double(random.below(20)) }
            let forth = Statistics.mannWhitney(a, b)
            return (forth - Statistics.mannWhitney(b, a)).magnitude < 1e-9 && forth >= 0
                && forth <= 1
        }
    }
}
