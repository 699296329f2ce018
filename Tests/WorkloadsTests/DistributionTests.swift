import Basics
import Glibc
import TestSupport
import Testing
import Workloads

@Suite struct DistributionTests {
    private func counts(
        _ workload: Workload, existing: UInt64, draws: Int, _ random: inout RandomSource
    ) -> [UInt64] {
        var chooser = KeyChooser(workload)
        var counts = [UInt64](repeating: 0, count: Int(existing))
        for _ in 0..<draws { counts[Int(chooser.next(existing: existing, &random))] += 1 }
        return counts
    }

    private func workload(
        _ distribution: Workload.RequestDistribution, records: UInt64
    ) -> Workload {
        var workload = Workload()
        workload.recordCount = records
        workload.insertCount = records
        workload.requestDistribution = distribution
        return workload
    }

    private func zipfProbabilities(_ n: Int, _ s: Double) -> [Double] {
        let weights = (1...n).map { pow(Double($0), -s) }
        let sum = weights.reversed().reduce(0, +)
        return weights.map { $0 / sum }
    }

    @Test(arguments: [0.2, 0.5, 0.99, 1.0, 1.2, 2.0, 3.5])
    func zipfFitsItsLawForAnyExponent(exponent: Double) {
        for ranks in [1, 2, 3, 100, 5_000] {
            Seeds.forAll(1, "zipf") { random in
                let zipf = Zipf(ranks: UInt64(ranks), exponent: exponent)
                var counts = [UInt64](repeating: 0, count: ranks)
                for _ in 0..<40_000 { counts[Int(zipf.draw(&random)) - 1] += 1 }
                return Goodness.fits(counts, zipfProbabilities(ranks, exponent))
            }
        }
    }

    @Test func aWrongExponentDoesNotFit() {
        Seeds.forAll(1, "zipf mutant") { random in
            let zipf = Zipf(ranks: 100, exponent: 0.9)
            var counts = [UInt64](repeating: 0, count: 100)
            for _ in 0..<40_000 { counts[Int(zipf.draw(&random)) - 1] += 1 }
            return !Goodness.fits(counts, zipfProbabilities(100, 0.99))
        }
    }

    @Test func zipfOverTenBillionItemsFitsAtItsHeadAndInDecades() {
        // zeta(10^10, .99): the constant that YCSB's generator carries.
        let zeta = 26.469_028_201_783_02
        Seeds.forAll(1, "zipf wide") { random in
            let zipf = Zipf(ranks: 10_000_000_000, exponent: 0.99)
            var counts = [UInt64](repeating: 0, count: 11)
            for _ in 0..<100_000 {
                let rank = zipf.draw(&random)
                counts[rank <= 10 ? Int(rank) - 1 : 10] += 1
            }
            var probabilities = (1...10).map { pow(Double($0), -0.99) / zeta }
            probabilities.append(1 - probabilities.reduce(0, +))
            return Goodness.fits(counts, probabilities)
        }
    }

    @Test func scrambledZipfFitsTheHashedLaw() {
        // Ranks up to a million exactly, the rest spread evenly by the hash.
        let records = 50
        var probabilities = [Double](repeating: 0, count: records)
        var head = 0.0
        for rank in 0..<300_000 as Range<UInt64> {
            let share = pow(Double(rank + 1), -0.99) / 26.469_028_201_783_02
            probabilities[Int(KeyHash.hash(rank) % UInt64(records))] += share
            head += share
        }
        probabilities = probabilities.map { $0 + (1 - head) / Double(records) }
        Seeds.forAll(1, "scrambled zipf") { random in
            let counts = counts(
                workload(.zipfian, records: UInt64(records)), existing: UInt64(records),
                draws: 50_000, &random)
            return Goodness.fits(counts, probabilities)
        }
    }

    @Test func uniformHotspotAndLatestFitTheirLaws() {
        let n = 200
        let hot = (0..<n).map { $0 < 40 ? 0.8 / 40 : 0.2 / 160 }
        let latest = Array(zipfProbabilities(n, 0.99).reversed())
        let laws: [(Workload.RequestDistribution, [Double])] = [
            (.uniform, [Double](repeating: 1 / Double(n), count: n)),
            (.hotspot, hot), (.latest, latest),
        ]
        for (distribution, probabilities) in laws {
            Seeds.forAll(1, "key laws") { random in
                let counts = counts(
                    workload(distribution, records: UInt64(n)), existing: UInt64(n), draws: 40_000,
                    &random)
                return Goodness.fits(counts, probabilities)
            }
        }
    }

    @Test func exponentialPutsItsPercentileIntoItsFraction() {
        // 95 % of the draws, before those beyond the oldest record are drawn again, fall into
        // the newest 6/7.
        let n = 700
        let rate = -log(0.05) / (Double(n) * 0.857_142_857_1)
        let kept = 1 - exp(-rate * Double(n))
        let probabilities = (0..<n).map { record in
            let back = Double(n - 1 - record)
            return (exp(-rate * back) - exp(-rate * (back + 1))) / kept
        }
        Seeds.forAll(1, "exponential keys") { random in
            let counts = counts(
                workload(.exponential, records: UInt64(n)), existing: UInt64(n), draws: 60_000,
                &random)
            return Goodness.fits(counts, probabilities)
        }
    }

    @Test func sequentialVisitsEveryRecordInTurn() {
        var random = RandomSource(seed: 1)
        var chooser = KeyChooser(workload(.sequential, records: 5))
        let visited = (0..<12).map { _ in chooser.next(existing: 5, &random) }
        #expect(visited == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1])
    }

    @Test func noDistributionLeavesTheRecordsThatExist() {
        Seeds.forAll(60, "key range") { random in
            let records = random.within(1...1_000) << random.within(0...28)
            for distribution in Workload.RequestDistribution.allCases {
                var workload = workload(distribution, records: records)
                workload.operationCount = 1_000
                workload.insertProportion = 0.05
                workload.hotspotDataFraction = random.unit()
                var chooser = KeyChooser(workload)
                for _ in 0..<10 {
                    let existing = random.within(1...records + 20)
                    guard chooser.next(existing: existing, &random) < existing else { return false }
                }
            }
            return true
        }
    }

    @Test func poissonArrivalsFitTheExponentialLaw() throws {
        let rate = 1_000.0
        var schedule = try #require(
            ArrivalSchedule(.arriving(.poisson, rate), random: RandomSource(seed: Seeds.base)))
        var counts = [UInt64](repeating: 0, count: 20)
        var before: Int64 = 0
        for _ in 0..<30_000 {
            let next = schedule.next()
            let now = try #require(next).nanoseconds
            counts[min(19, Int(Double(now - before) / 1e9 * rate * 5))] += 1
            before = now
        }
        var probabilities = (0..<19).map { exp(-Double($0) / 5) - exp(-Double($0 + 1) / 5) }
        probabilities.append(exp(-19.0 / 5))
        #expect(Goodness.fits(counts, probabilities))
    }

    @Test func constantArrivalsInterleaveWithoutDrift() throws {
        let random = RandomSource(seed: 1)
        var one = try #require(ArrivalSchedule(.arriving(.constant, 3_000), random: random, of: 2))
        var other = try #require(
            ArrivalSchedule(.arriving(.constant, 3_000), random: random, share: 1, of: 2))
        #expect(one.next() == .zero)
        #expect(other.next() == .nanoseconds(333_333))
        for _ in 0..<29_999 { _ = one.next() }
        #expect(one.next() == .seconds(20))
        #expect(ArrivalSchedule(.arriving(.closed, 5), random: random) == nil)
    }
}

extension Workload {
    /// A workload of which only the arrivals matter.
    static func arriving(_ arrivals: Arrivals, _ rate: Double) -> Workload {
        var workload = Workload()
        workload.arrivals = arrivals
        workload.target = rate
        return workload
    }
}
