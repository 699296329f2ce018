import Basics

/// Chooses which of the records that exist an operation goes to.
///
/// Records are counted from 0 in the order of their insertion; the first `initial` exist when
/// the transaction phase begins. Every choice is O(1) and so is the set-up.
public struct KeyChooser: Sendable {
    /// Items of the scrambled Zipf distribution, whatever the number of records: YCSB's figure.
    public static let scrambledItems: UInt64 = 10_000_000_000

    private let distribution: Workload.RequestDistribution
    private let initial: UInt64
    /// Records that can exist at the end, with those that the phase is expected to insert twice
    /// over: what the scrambled numbers are taken modulo, so that they do not move meanwhile.
    private let expected: UInt64
    private var zipf: Zipf
    private let hot: UInt64
    private let hotShare: UInt64
    private let exponentialMean: Double
    private var sequential: UInt64
    private let sequentialStep: UInt64

    /// For client `share` of `shares`; each goes through the records sequentially in strides.
    public init(_ workload: Workload, share: Int = 0, of shares: Int = 1) {
        distribution = workload.requestDistribution
        initial = workload.insertCount
        let inserts = Double(workload.operationCount) * workload.insertProportion * 2
        expected = max(1, initial &+ (inserts < 0x1p62 ? UInt64(inserts) : 0))
        let items = distribution == .latest ? max(1, initial) : KeyChooser.scrambledItems
        zipf = Zipf(ranks: items, exponent: workload.zipfianConstant)
        hot = min(initial, UInt64(Double(initial) * workload.hotspotDataFraction))
        hotShare = UInt64(workload.hotspotOperationFraction * 0x1p53)
        let rate = -Elementary.logarithm(1 - workload.exponentialPercentile / 100)
        exponentialMean = Double(max(1, initial)) * workload.exponentialFraction / rate
        sequential = UInt64(share)
        sequentialStep = UInt64(shares)
    }

    /// A record below `existing`, which counts the records known to exist and is above 0.
    public mutating func next(existing: UInt64, _ random: inout RandomSource) -> UInt64 {
        precondition(existing > 0, "there is no record to choose")
        switch distribution {
        case .uniform: return random.below(min(existing, max(1, initial)))
        case .zipfian: return scrambled(existing, &random)
        case .latest:
            zipf.resize(ranks: existing)
            return existing - zipf.draw(&random)
        case .hotspot: return hotspot(existing, &random)
        case .exponential: return recent(existing, &random)
        case .sequential:
            let records = min(existing, max(1, initial))
            defer { sequential = (sequential + sequentialStep) % records }
            return sequential % records
        }
    }

    /// Popular records are scattered over the key space. What is not inserted yet is drawn again.
    private func scrambled(_ existing: UInt64, _ random: inout RandomSource) -> UInt64 {
        for _ in 0..<1_000 {
            let number = KeyHash.hash(zipf.draw(&random) - 1) % expected
            if number < existing { return number }
        }
        // Nearly everything that the modulus covers is missing: any record is as good.
        return random.below(existing)
    }

    private func hotspot(_ existing: UInt64, _ random: inout RandomSource) -> UInt64 {
        let records = min(existing, max(1, initial))
        let warm = min(hot, records)
        let goesHot = random.next() >> 11 < hotShare
        if (goesHot && warm > 0) || warm == records { return random.below(warm) }
        return warm + random.below(records - warm)
    }

    /// Recent records are the popular ones, by an exponential law.
    private func recent(_ existing: UInt64, _ random: inout RandomSource) -> UInt64 {
        for _ in 0..<1_000 {
            let back = -Elementary.logarithm(1 - random.unit()) * exponentialMean
            if back < Double(existing) { return existing - 1 - min(existing - 1, UInt64(back)) }
        }
        return random.below(existing)
    }
}
