import Basics
import TestSupport
import Testing

@Suite struct HistogramTests {
    @Test func everyValueLandsInASlotNoWiderThanAThousandth() {
        Seeds.forAll(400, "histogram slot width") { random in
            let value = random.next() >> random.within(22...63)
            var histogram = Histogram()
            histogram.record(nanoseconds: value)
            let clamped = min(value, Histogram.highest)
            for bucket in histogram.recorded {
                guard bucket.lowest <= clamped, clamped <= bucket.highest, bucket.count == 1,
                    bucket.highest - bucket.lowest <= clamped / 1_000
                else { return false }
            }
            return histogram.recorded.reduce(0) { $0 + $1.count } == 1
        }
    }

    @Test func percentilesAgreeWithASortedList() {
        Seeds.forAll(40, "histogram percentiles") { random in
            var histogram = Histogram()
            var values: [UInt64] = []
            for _ in 0..<random.within(1...400) {
                let value = random.next() >> random.within(24...60)
                let clamped = min(value, Histogram.highest)
                values.append(clamped)
                histogram.record(nanoseconds: value)
            }
            values.sort()
            for percentile in [0.0, 10, 50, 90, 99, 99.9, 100] {
                let rank = max(1, Int((percentile / 100 * Double(values.count)).rounded(.up)))
                let exact = values[rank - 1]
                let got = histogram.percentile(percentile)
                guard got >= exact, Double(got) <= Double(exact) * 1.001 + 1 else { return false }
            }
            return histogram.minimum == values[0] && histogram.maximum == values[values.count - 1]
        }
    }

    @Test func mergingEqualsRecordingTogether() {
        Seeds.forAll(20, "histogram merge") { random in
            var one = Histogram()
            var other = Histogram()
            var both = Histogram()
            for _ in 0..<200 {
                let value = random.next() >> random.within(22...63)
                if random.chance(1, in: 3) {
                    one.record(nanoseconds: value)
                } else {
                    other.record(nanoseconds: value)
                }
                both.record(nanoseconds: value)
            }
            one.merge(other)
            return one == both
        }
    }

    @Test func removingAllLeavesAFreshHistogram() {
        var histogram = Histogram()
        for value in [0, 5, 2_047, 2_048, 1_000_000, UInt64.max] {
            histogram.record(nanoseconds: value)
        }
        histogram.removeAll()
        #expect(histogram == Histogram())
        #expect(histogram.percentile(99) == 0)
        #expect(histogram.mean == 0)
    }

    @Test func durationsOutsideTheRangeAreClamped() {
        var histogram = Histogram()
        histogram.record(.nanoseconds(-5))
        histogram.record(.seconds(100_000))
        #expect(histogram.minimum == 0)
        #expect(histogram.maximum == Histogram.highest)
        #expect(histogram.count(upTo: 0) == 1)
    }

    /// The expected text was written by HdrHistogram for Java for the same values.
    @Test func thePercentileTextIsThatOfHdrHistogram() {
        var histogram = Histogram()
        for i in 1...1_000 as ClosedRange<UInt64> { histogram.record(nanoseconds: i * 1_000) }
        histogram.record(nanoseconds: 50_000_000)
        let lines = histogram.percentileText().split(separator: "\n")
        let expected = HistogramGolden.percentileText.split(separator: "\n")
        #expect(lines.count == expected.count)
        for (line, golden) in zip(lines, expected) { #expect(line == golden) }
    }

    @Test func fixedPointTextRoundsHalfAwayFromZero() {
        #expect(1.0005.fixed(3) == "1.001" || 1.0005.fixed(3) == "1.000")
        #expect(0.5.fixed(0) == "1")
        #expect((-2.25).fixed(1) == "-2.3")
        #expect((-0.001).fixed(2) == "0.00")
        #expect(12.0.fixed(3) == "12.000")
        #expect(1e30.fixed(2) == "1e+30")
    }
}
