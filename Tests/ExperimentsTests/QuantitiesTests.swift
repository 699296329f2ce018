import Basics
import Experiments
import Testing

struct QuantitiesTests {
    @Test func durationsNeedAUnit() {
        #expect(Quantities.duration("5s") == .seconds(5))
        #expect(Quantities.duration("200ms") == .milliseconds(200))
        #expect(Quantities.duration("1.5m") == .seconds(90))
        #expect(Quantities.duration("30us") == .microseconds(30))
        for text in ["5", "s", "-1s", "1e99s", "nans", "5 s", "", "infs"] {
            #expect(Quantities.duration(text) == nil, "\(text)")
        }
    }

    @Test func sizesHaveBinaryAndDecimalUnits() {
        #expect(Quantities.bytes("4GiB") == 4 << 30)
        #expect(Quantities.bytes("1000") == 1_000)
        #expect(Quantities.bytes("2KB") == 2_000)
        for text in ["", "x", "-1", "99999999999TiB"] { #expect(Quantities.bytes(text) == nil) }
    }

    @Test func numbersReadWell() {
        #expect(Quantities.text(nanoseconds: 1_240_000) == "1.24 ms")
        #expect(Quantities.text(nanoseconds: 812_300) == "812 µs")
        #expect(Quantities.text(nanoseconds: 999_700) == "1.00 ms")
        #expect(Quantities.grouped(1_234_567) == "1,234,567")
        #expect(Quantities.grouped(-123) == "-123")
        #expect(Quantities.fixed(0.05, 1) == "0.1")
        #expect(Quantities.percent(0.000249) == "0.0249 %")
        #expect(Quantities.waiting(seconds: 160) == "2 min 40 s")
    }

    @Test func aMisspeltNameFindsItsNearest() {
        #expect(nearest(to: "sweeep", among: ["serve", "sweep"]) == "sweep")
        #expect(nearest(to: "--fsnyc", among: ["--fsync", "--dir"]) == "--fsync")
        #expect(nearest(to: "zebra", among: ["serve", "sweep"]) == nil)
    }
}
