import Basics
import Experiments
import TestSupport
import Testing

struct StatisticsTests {
    private func isNear(_ a: Double, _ b: Double, _ tolerance: Double = 1e-9) -> Bool {
        (a - b).magnitude <= tolerance * max(b.magnitude, 1e-300)
    }

    /// Values of scipy 1.17, `betainc(a, b, x)`.
    @Test(arguments: [
        (0.5, 0.5, 0.5, 0.5), (0.1, 2, 3, 0.0523), (0.9, 10, 2, 0.6973568802),
        (0.3, 100, 250, 0.7265414741433196), (0.0003, 13, 48_201, 0.6856580889779679),
        (0.02, 1, 50, 0.635830319912883),
    ])
    func incompleteBetaAgreesWithScipy(_ x: Double, _ a: Double, _ b: Double, _ value: Double) {
        #expect(isNear(Statistics.incompleteBeta(x, a, b), value, 1e-8))
    }

    /// Values of scipy 1.17, `beta.ppf`.
    @Test(arguments: [
        (1, 10, 0.95, 0.0025285785444617865, 0.4450161170281954),
        (5, 10, 0.95, 0.18708602844739855, 0.8129139715526015),
        (12, 48_213, 0.95, 0.00012861435216880203, 0.00043472998860755326),
        (3, 100, 0.99, 0.003407070103179758, 0.10548125372507824),
        (499, 1_000, 0.95, 0.4675521862537382, 0.5304537166614578),
        (250_000, 500_000, 0.95, 0.49861309953633187, 0.5013869004636682),
        (1, 1_000_000, 0.95, 2.53178076637942e-08, 5.571630655166939e-06),
    ])
    func clopperPearsonAgreesWithScipy(
        _ events: Int, _ trials: Int, _ confidence: Double, _ lower: Double, _ upper: Double
    ) {
        let interval = Statistics.clopperPearson(
            successes: events, trials: trials, confidence: confidence)
        #expect(isNear(interval.lower, lower, 1e-7))
        #expect(isNear(interval.upper, upper, 1e-7))
    }

    /// Table I of Newcombe (1998), method 3: 81/263, 15/148, 0/20 and 1/29.
    @Test func wilsonAgreesWithNewcombe() {
        let table = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)]
        for (events, trials, lower, upper) in table {
            let interval = Statistics.wilson(successes: events, trials: trials)
            #expect((interval.lower - lower).magnitude < 0.00006)
            #expect((interval.upper - upper).magnitude < 0.00006)
        }
    }

    @Test func nothingSeenIsAnUpperBoundByTheRuleOfThree() {
        let interval = Statistics.clopperPearson(successes: 0, trials: 1_000)
        #expect(interval.lower == 0)
        #expect((interval.upper - 0.003).magnitude < 0.00002)
        let proportion = Proportion(events: 0, trials: 48_213)
        #expect(proportion.text == "0 of 48,213, below 0.00621 %")
        #expect(!proportion.text.contains(" 0 %"))
    }

    @Test func intervalsContainTheObservedFraction() {
        Seeds.forAll(300, "an interval contains the observed fraction") { random in
            let trials = 1 + random.below(5_000)
            let events = random.below(trials + 1)
            let observed = Double(events) / Double(trials)
            return [
                Statistics.clopperPearson(successes: events, trials: trials),
                Statistics.wilson(successes: events, trials: trials),
            ].allSatisfy { $0.lower <= observed && observed <= $0.upper && $0.lower >= 0 }
        }
    }
}
