import Basics

/// Monte-Carlo trials of a write followed by a read, for every R and W of N at once (PBS: Bailis,
/// Venkataraman, Franklin, Hellerstein and Stoica, "Probabilistically Bounded Staleness for
/// Practical Partial Quorums", VLDB 2012).
///
/// A trial draws four latencies a replica. The write is committed when its W-th acknowledgement
/// is back, at w_t. A read that starts t later takes the first R answers; it is stale iff every
/// one of those replicas was asked before the write came: w_t + t + R_i < W_i. So the trial's
/// reads are stale before, and fresh from, T = max(0, min over those replicas of W_i − R_i − w_t),
/// and the distribution of T is the whole curve: one pass, no sweep over t.
///
/// Read repair, hints and queues are left out; all but the last make real data fresher.
public struct WARSTrials: Sendable {
    public let n: Int
    /// Trials run so far.
    public private(set) var trials = 0
    private let model: LatencyModel
    private let samplers: (LatencyMixture.Sampler, LatencyMixture.Sampler)
    private let readSamplers: (LatencyMixture.Sampler, LatencyMixture.Sampler)
    private var random: RandomSource
    /// By (R − 1) · N + (W − 1): T in nanoseconds, rounded up.
    private var visibility: [Histogram]
    /// By R − 1 and by W − 1: latency in nanoseconds.
    private var readLatency: [Histogram]
    private var writeLatency: [Histogram]

    // Scratch, by replica.
    private var reached: [Double]
    private var acknowledged: [Double]
    private var there: [Double]
    private var total: [Double]
    private var answered: [Double]
    private var nearest: [Double]
    private var extraThere: [Double]
    private var extraBack: [Double]
    private var places: [Int]

    /// `n` from 1 to 15; the model must have no `problem` for it.
    public init(_ model: LatencyModel, n: Int, seed: UInt64) {
        precondition((1...Limits.replicas).contains(n), "a prediction is for 1 to 15 replicas")
        precondition(model.problem(replicas: n) == nil, "the latency model does not fit")
        self.n = n
        self.model = model
        samplers = (.init(model.write), .init(model.acknowledge))
        readSamplers = (.init(model.read), .init(model.respond))
        random = RandomSource(seed: seed).fork("wars")
        visibility = [Histogram](repeating: Histogram(), count: n * n)
        readLatency = [Histogram](repeating: Histogram(), count: n)
        writeLatency = readLatency
        let zeros = [Double](repeating: 0, count: n)
        (reached, acknowledged, answered) = (zeros, zeros, zeros)
        (there, total, nearest, extraThere, extraBack) = (zeros, zeros, zeros, zeros, zeros)
        var nodes = n
        if case .placed(let count, _, _) = model.topology { nodes = count }
        places = Array(0..<nodes)
    }

    /// Runs more trials. O(N²) each, no allocation.
    public mutating func run(_ count: Int) {
        for _ in 0..<count { trial() }
        trials += count
    }

    @inline(__always)
    private mutating func trial() {
        var client = 0.0
        if case .placed(let nodes, _, let most) = model.topology {
            for i in 0..<n {  // The first n places become a random choice of nodes.
                places.swapAt(i, i &+ random.below(nodes &- i))
            }
            client = most
        }
        let writeClient = (client * random.unit(), client * random.unit())
        draw(samplers)
        for i in 0..<n {
            reached[i] = there[i]
            acknowledged[i] = total[i]
        }
        WARSTrials.sort(&acknowledged, count: n)
        for w in 0..<n {
            writeLatency[w].record(
                nanoseconds: nanoseconds(acknowledged[w] + writeClient.0 + writeClient.1))
        }
        let readClient = (client * random.unit(), client * random.unit())
        draw(readSamplers)
        for i in 0..<n {
            answered[i] = total[i]
            nearest[i] = reached[i] - there[i]
        }
        WARSTrials.sort(&answered, carrying: &nearest, count: n)
        let between = writeClient.1 + readClient.0
        var earliest = Double.infinity
        for r in 0..<n {
            readLatency[r].record(
                nanoseconds: nanoseconds(answered[r] + readClient.0 + readClient.1))
            earliest = min(earliest, nearest[r])
            for w in 0..<n {
                let wait = max(0, earliest - acknowledged[w] - between)
                visibility[r &* n &+ w].record(nanoseconds: nanoseconds(wait))
            }
        }
    }

    /// Draws the way there and the way there and back, for every replica.
    @inline(__always)
    private mutating func draw(
        _ samplers: (LatencyMixture.Sampler, LatencyMixture.Sampler)
    ) {
        var near = -1
        var extra = 0.0
        var coordinator = -1
        switch model.topology {
        case .uniform: break
        case .oneNear(let more):
            near = random.below(n)
            extra = more
        case .placed(let nodes, let delays, _):
            coordinator = random.below(nodes)
            for i in 0..<n {
                extraThere[i] = delays[coordinator &* nodes &+ places[i]]
                extraBack[i] = delays[places[i] &* nodes &+ coordinator]
            }
        }
        for i in 0..<n {
            let out = samplers.0.value(random.unit())
            let back = samplers.1.value(random.unit())
            if coordinator >= 0 {
                let isLocal = places[i] == coordinator
                there[i] = isLocal ? 0 : out + extraThere[i]
                total[i] = isLocal ? 0 : there[i] + back + extraBack[i]
            } else {
                let far = i == near ? 0 : extra
                there[i] = out + far
                total[i] = there[i] + back + far
            }
        }
    }

    @inline(__always)
    private func nanoseconds(_ milliseconds: Double) -> UInt64 {
        let value = min(milliseconds * 1e6, 3.6e12)
        let whole = UInt64(value)
        return Double(whole) < value ? whole &+ 1 : whole
    }

    /// By insertion: there are at most 15.
    @inline(__always)
    private static func sort(_ values: inout [Double], count n: Int) {
        for i in 1..<max(1, n) {
            let value = values[i]
            var j = i
            while j > 0, values[j &- 1] > value {
                values[j] = values[j &- 1]
                j &-= 1
            }
            values[j] = value
        }
    }

    @inline(__always)
    private static func sort(
        _ values: inout [Double], carrying others: inout [Double], count n: Int
    ) {
        for i in 1..<max(1, n) {
            let value = values[i]
            let other = others[i]
            var j = i
            while j > 0, values[j &- 1] > value {
                values[j] = values[j &- 1]
                others[j] = others[j &- 1]
                j &-= 1
            }
            values[j] = value
            others[j] = other
        }
    }

    // MARK: Results

    /// The probability that a read which starts `after` the commit is fresh.
    public func fresh(r: Int, w: Int, after: Instant.Duration) -> Double {
        guard trials > 0 else { return 0 }
        let count = at(r, w).count(upTo: UInt64(max(0, after.nanoseconds)))
        return Double(count) / Double(trials)
    }

    /// t-visibility: how long after the commit a read must start to be fresh with at least this
    /// probability (0 to 1).
    public func visibility(r: Int, w: Int, probability: Double) -> Instant.Duration {
        .nanoseconds(Int64(clamping: at(r, w).percentile(probability * 100)))
    }

    /// Latency of a read with this R that a share of reads does not exceed.
    public func readLatency(r: Int, share: Double) -> Instant.Duration {
        .nanoseconds(Int64(clamping: readLatency[r - 1].percentile(share * 100)))
    }

    /// Latency of a write with this W that a share of writes does not exceed.
    public func writeLatency(w: Int, share: Double) -> Instant.Duration {
        .nanoseconds(Int64(clamping: writeLatency[w - 1].percentile(share * 100)))
    }

    private func at(_ r: Int, _ w: Int) -> Histogram {
        precondition((1...n).contains(r) && (1...n).contains(w), "R and W lie between 1 and N")
        return visibility[(r - 1) * n + w - 1]
    }
}

/// Staleness in versions when nothing spreads writes but the writes themselves.
public enum VersionStaleness {
    /// The probability that a read of R replicas misses all W that stored a write:
    /// C(N−W, R) / C(N, R). O(R).
    public static func missed(n: Int, r: Int, w: Int) -> Double {
        precondition((1...n).contains(r) && (1...n).contains(w), "R and W lie between 1 and N")
        if r > n - w { return 0 }
        return (0..<r).reduce(1.0) { $0 * Double(n - w - $1) / Double(n - $1) }
    }

    /// The probability that a read returns one of the `k` latest versions: 1 − missed^k. O(k).
    public static func within(k: Int, n: Int, r: Int, w: Int) -> Double {
        let missed = missed(n: n, r: r, w: w)
        return 1 - (0..<k).reduce(1.0) { power, _ in power * missed }
    }
}
