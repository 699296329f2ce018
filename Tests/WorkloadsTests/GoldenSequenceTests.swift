import Basics
import Testing
import Workloads

/// The first 10,000 operations of a seed never change without somebody deciding so: results of
/// different releases are compared by seed.
@Suite struct GoldenSequenceTests {
    private static let golden: [(Workload.RequestDistribution, first: [UInt64], digest: UInt64)] = [
        (.uniform, [378, 924, 769, 850, 1000, 682, 801, 711], 0xbd10_aca9_14d1_60b5),
        (.zipfian, [205, 731, 587, 100, 447, 1000, 798, 921], 0xf48b_25ff_c7f8_5639),
        (.latest, [938, 999, 997, 998, 1000, 995, 998, 996], 0xb390_155f_a483_4075),
        (.hotspot, [136, 815, 116, 457, 693, 141, 120, 79], 0x3f16_b3e8_bb01_a665),
        (.exponential, [863, 260, 579, 457, 1000, 672, 539, 645], 0x5307_154c_ab1b_1c2b),
        (.sequential, [0, 1, 2, 3, 1000, 4, 5, 6], 0x7613_4570_2daf_0fce),
    ]

    @Test func theFirstTenThousandOperationsOfEachDistribution() throws {
        let text = """
            recordcount=1000
            operationcount=10000
            readproportion=0.45
            updateproportion=0.3
            insertproportion=0.1
            scanproportion=0.1
            readmodifywriteproportion=0.05
            """
        var workload = try Workload(try Properties(parsing: text, file: "golden"))
        for (distribution, first, digest) in GoldenSequenceTests.golden {
            workload.requestDistribution = distribution
            var stream = OperationStream(workload, random: RandomSource(seed: 42))
            var records: [UInt64] = []
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for _ in 0..<10_000 {
                let operation = stream.next()
                if operation.kind == .insert { stream.acknowledge(operation.insertion) }
                if records.count < 8 { records.append(operation.record) }
                for part in [
                    UInt64(operation.kind.rawValue), operation.record, UInt64(operation.scanLength),
                ] {
                    hash = (hash ^ part) &* 0x100_0000_01b3
                }
            }
            #expect(records == first, "\(distribution)")
            #expect(hash == digest, "\(distribution)")
        }
    }

    @Test func theFirstPoissonArrivals() throws {
        var schedule = try #require(
            ArrivalSchedule(.arriving(.poisson, 10_000), random: RandomSource(seed: 42)))
        let first = (0..<5).map { _ in schedule.next()?.nanoseconds }
        #expect(first == [8_758, 56_398, 170_355, 428_973, 909_383])
        for _ in 0..<9_994 { _ = schedule.next() }
        #expect(schedule.next() == .nanoseconds(989_443_827))
    }
}
