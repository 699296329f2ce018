import Basics
import TestSupport
import Testing
import Workloads

@Suite struct SteadyStateTests {
    /// The second in which a run is steady; nil: never.
    private func second(_ samples: [(rate: Double, median: Double)]) -> Int? {
        var state = SteadyState()
        for (i, sample) in samples.enumerated()
        where state.isReached(rate: sample.rate, median: sample.median) {
            return i + 1
        }
        return nil
    }

    @Test func anEvenRunIsSteadyAfterEightSeconds() {
        #expect(second(Array(repeating: (rate: 1_000, median: 200), count: 20)) == 8)
        #expect(second(Array(repeating: (rate: 1_000, median: 200), count: 7)) == nil)
    }

    @Test func whatStillRisesOrFallsIsNot() {
        #expect(second((0..<60).map { (rate: 1_000 * 1.03.power($0), median: 200) }) == nil)
        #expect(second((0..<60).map { (rate: 1_000, median: 200 * 0.96.power($0)) }) == nil)
        #expect(second((0..<60).map { (rate: $0 % 2 == 0 ? 500 : 1_500, median: 200) }) == nil)
        #expect(second(Array(repeating: (rate: 0, median: 0), count: 60)) == nil)
    }

    @Test func aWarmUpEndsSoonAfterItIsOver() {
        let samples = (0..<60).map { second in
            let done = min(1, Double(second) / 12)
            return (rate: 5_000 * done + 100, median: 900 - 500 * done)
        }
        let found = second(samples) ?? 0
        #expect((14...22).contains(found))
    }

    @Test func noiseDoesNotHideIt() {
        Seeds.forAll(500, "steady") { random in
            let samples = (0..<60).map { _ in
                (
                    rate: 1_000 + Double(random.below(81)) - 40,
                    median: 200 + Double(random.below(21)) - 10
                )
            }
            guard let found = second(samples) else { return false }
            return found >= 8
        }
    }
}

extension Double {
    fileprivate func power(_ exponent: Int) -> Double {
        (0..<exponent).reduce(1.0) { product, _ in product * self }
    }
}
