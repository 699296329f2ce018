import Basics

/// The links between nodes: how long a message takes, and whether it arrives.
///
/// Each ordered pair of nodes is a link of its own. Reordering follows from delays, since
/// messages, not sessions, are delayed. What happens to a message is a function of the seed, the
/// link and the time alone, so that leaving one operation out of a run leaves the messages of
/// the others as they were: shrinking depends on it.
struct SimulatedNetwork {
    private let nodes: Int
    private let conditions: Conditions
    private let delays: UInt64
    private let losses: UInt64
    private let duplicates: UInt64
    /// By ordered pair: how many partitions cut it now.
    private var cuts: [UInt16]
    /// By ordered pair: messages per million that are lost, and that arrive twice.
    private var lossPerMillion: [Int64]
    private var duplicatesPerMillion: [Int64]
    /// By ordered pair: nanoseconds that every message takes longer.
    private var extra: [Int64]

    /// Nothing is lost, repeated or late any more.
    private var isCalm = false

    private(set) var lost: UInt64 = 0
    private(set) var duplicated: UInt64 = 0

    init(nodes: Int, conditions: Conditions, seed: UInt64) {
        self.nodes = nodes
        self.conditions = conditions
        let root = RandomSource(seed: seed)
        var streams = root.fork("network")
        delays = streams.next()
        losses = streams.next()
        duplicates = streams.next()
        cuts = [UInt16](repeating: 0, count: nodes * nodes)
        lossPerMillion = [Int64](repeating: 0, count: nodes * nodes)
        duplicatesPerMillion = lossPerMillion
        extra = [Int64](repeating: 0, count: nodes * nodes)
        if !conditions.pairDelays.isEmpty {
            extra = conditions.pairDelays
        } else if conditions.meanPairDelay > .zero {
            var random = root.fork("pair delays")
            for pair in extra.indices {
                extra[pair] = random.exponential(mean: conditions.meanPairDelay).nanoseconds
            }
        }
    }

    /// Whether messages from one node to the other arrive at all.
    func isCut(_ from: Int, _ to: Int) -> Bool { cuts[from &* nodes &+ to] > 0 }

    /// How long a message takes now; nil when it is lost.
    mutating func delay(_ from: Int, _ to: Int, at time: UInt64) -> UInt64? {
        let pair = from &* nodes &+ to
        if cuts[pair] > 0 {
            lost &+= 1
            return nil
        }
        if lossPerMillion[pair] > 0 {
            var random = generator(losses ^ 0x6c69_6e6b, pair, time)
            if random.chance(UInt64(lossPerMillion[pair]), in: 1_000_000) {
                lost &+= 1
                return nil
            }
        }
        if conditions.lossPerThousand > 0, !isCalm {
            var random = generator(losses, pair, time)
            if random.chance(conditions.lossPerThousand, in: 1_000) {
                lost &+= 1
                return nil
            }
        }
        return draw(pair, time)
    }

    private func generator(_ stream: UInt64, _ pair: Int, _ time: UInt64) -> RandomSource {
        RandomSource(seed: stream &+ UInt64(pair) &* 0x9fb2_1c65_1e98_df25 ^ time)
    }

    /// How long a second copy takes; nil when there is none.
    mutating func duplicateDelay(_ from: Int, _ to: Int, at time: UInt64) -> UInt64? {
        let pair = from &* nodes &+ to
        if duplicatesPerMillion[pair] > 0 {
            var random = generator(duplicates ^ 0x6c69_6e6b, pair, time)
            if random.chance(UInt64(duplicatesPerMillion[pair]), in: 1_000_000) {
                duplicated &+= 1
                let later = random.exponential(mean: conditions.meanDelay)
                return UInt64(max(1, (conditions.minimumDelay + later).nanoseconds))
            }
        }
        guard conditions.duplicatePerThousand > 0, !isCalm else { return nil }
        var random = generator(duplicates, from &* nodes &+ to, time)
        guard random.chance(conditions.duplicatePerThousand, in: 1_000) else { return nil }
        duplicated &+= 1
        let later = random.exponential(mean: conditions.meanDuplicateDelay)
        return UInt64(max(1, (conditions.minimumDelay + later).nanoseconds))
    }

    private func draw(_ pair: Int, _ time: UInt64) -> UInt64 {
        var random = generator(delays, pair, time)
        if !conditions.delayDraws.isEmpty {
            let drawn = conditions.delayDraws[random.below(conditions.delayDraws.count)]
            return UInt64(max(1, Int64(drawn) &+ extra[pair]))
        }
        var exponential = random.exponential(mean: conditions.meanDelay).nanoseconds
        if isCalm {
            exponential = min(exponential, conditions.meanDelay.nanoseconds)
        } else if conditions.tailPerThousand > 0,
            random.chance(conditions.tailPerThousand, in: 1_000)
        {
            exponential &*= conditions.tailFactor
        }
        let total = conditions.minimumDelay.nanoseconds &+ exponential &+ extra[pair]
        return UInt64(max(1, total))
    }

    // MARK: Faults

    /// Cuts, or restores, the links from `side` to every other node, or both ways.
    mutating func partition(_ side: [NodeID], oneWay: Bool, begins: Bool) {
        for from in 0..<nodes {
            let isInside = side.contains { Int($0.index) == from }
            for to in 0..<nodes where side.contains(where: { Int($0.index) == to }) != isInside {
                guard isInside || !oneWay else { continue }
                if begins { cuts[from * nodes + to] += 1 } else { cuts[from * nodes + to] -= 1 }
            }
        }
    }

    /// Cuts, or restores, one link.
    mutating func cut(_ from: Int, _ to: Int, begins: Bool) {
        if begins { cuts[from * nodes + to] += 1 } else { cuts[from * nodes + to] -= 1 }
    }

    /// Loses so many messages per million more.
    mutating func lose(_ from: NodeID, _ to: NodeID, _ perMillion: Int64) {
        lossPerMillion[Int(from.index) * nodes + Int(to.index)] += perMillion
    }

    /// Repeats so many messages per million more.
    mutating func duplicate(_ from: NodeID, _ to: NodeID, _ perMillion: Int64) {
        duplicatesPerMillion[Int(from.index) * nodes + Int(to.index)] += perMillion
    }

    /// From now on no message is lost or repeated, and none takes much longer than the mean.
    mutating func calmDown() { isCalm = true }

    /// Makes every later message from one node to the other take longer; negative: shorter.
    mutating func slow(_ from: NodeID, _ to: NodeID, by duration: Instant.Duration) {
        extra[Int(from.index) * nodes + Int(to.index)] += duration.nanoseconds
    }
}
