import Basics
import TestSupport
import Testing

@Test func aSeedMeansTheSameNumbersForEver() {
    var random = RandomSource(seed: 42)
    #expect(
        (0..<3).map { _ in random.next() } == [
            0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1,
        ])
}

@Test func streamsAreIndependentOfEachOthersDraws() {
    let root = RandomSource(seed: 7)
    var first = root.fork("network", 1)
    var again = root.fork("network", 1)
    var other = root.fork("network", 2)
    var disk = root.fork("disk", 1)
    let a = first.next()
    #expect(a == again.next())
    #expect(a != other.next())
    #expect(a != disk.next())
}

@Test func boundedNumbersAreUniform() {
    var random = RandomSource(seed: Seeds.base)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.below(7)] += 1 }
    // Chi-square with 6 degrees of freedom: above 27.9 once in 10,000 seeds.
    let chi = counts.reduce(0.0) { $0 + Double(($1 - 10_000) * ($1 - 10_000)) / 10_000 }
    #expect(chi < 27.9, "seed \(Seeds.base)")
}

@Test func exponentialDelaysHaveTheirMean() {
    var random = RandomSource(seed: Seeds.base)
    var sum = 0.0
    var largest: Int64 = 0
    for _ in 0..<100_000 {
        let delay = random.exponential(mean: .milliseconds(10)).nanoseconds
        sum += Double(delay)
        largest = max(largest, delay)
    }
    #expect(abs(sum / 100_000 / 1e7 - 1) < 0.02, "seed \(Seeds.base)")
    #expect(largest > 50_000_000 && largest < 80_000_000)
}

@Test func aShuffleIsAPermutation() {
    Seeds.forAll(50, "shuffle permutes") { random in
        var numbers = Array(0..<random.below(50))
        let count = numbers.count
        random.shuffle(&numbers)
        return numbers.sorted() == Array(0..<count)
    }
}

@Test func instantsAndDurationsSaturate() {
    #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
    #expect(Instant(nanoseconds: 5) + .nanoseconds(-9) == .origin)
    #expect(Instant(nanoseconds: 5) - Instant(nanoseconds: 9) == .nanoseconds(-4))
    #expect(Instant.Duration.seconds(Int64.max).nanoseconds == .max)
    #expect(Instant.Duration.milliseconds(3) * 2 == .microseconds(6_000))
}
