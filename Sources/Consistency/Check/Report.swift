/// Counts over a history, or over the operations of one shard.
public struct HistorySummary: Sendable, Equatable {
    public var operations = 0
    public var keys = 0
    /// Of the whole history, whatever the shard.
    public var processes = 0
    public var unknown = 0
    public var failed = 0
    /// Of the whole history: from the earliest invocation to the latest known time, in ns.
    public var duration: Int64 = 0

    public init() {}
}

/// How stale reads were, from real time alone: lower bounds that assume nothing.
public struct Staleness: Sendable, Equatable {
    /// Reads that returned a value (absent included).
    public var reads = 0
    /// Reads that began after a newer write had been acknowledged.
    public var staleReads = 0
    /// Largest number of newer acknowledged writes that a read missed.
    public var kMax = 0
    /// `kHistogram[k]` reads missed exactly `k` newer acknowledged writes; the last bucket
    /// collects everything at or beyond its index.
    public var kHistogram: [Int] = [0]
    /// Ages of the stale reads in ns: how long before the read began a newer write had been
    /// acknowledged. Fresh reads count as 0 and are not listed. Sorted after `merge`.
    public var ages: [Int64] = []
    /// Indices of the stale reads into the history, ascending, when the options ask for them.
    public var staleIndices: [UInt32] = []
    /// Delta-atomicity: the least shift of all reads into the past that makes every key atomic.
    /// `Int64.max` when no shift does (thin air, a read from the future).
    public var deltaMax: Int64 = 0
    /// Gamma: the least widening of all operations that makes every key atomic; insensitive to
    /// clock error. `Int64.max` when no widening does.
    public var gammaMax: Int64 = 0
    /// Keys whose values are not unique: counted in the reads, but not as stale. Delta and Gamma
    /// leave them out, and keys with deletes or compare-and-set.
    public var ungradedKeys = 0

    /// Buckets of `kHistogram` at most.
    public static let buckets = 64

    public init() {}

    /// The age in ns that `numerator / denominator` of all reads do not exceed (nearest rank).
    public func agePercentile(_ numerator: Int, _ denominator: Int) -> Int64 {
        guard reads > 0 else { return 0 }
        let rank = (reads * numerator + denominator - 1) / denominator
        let place = rank - 1 - (reads - ages.count)
        return place < 0 ? 0 : ages[min(place, ages.count - 1)]
    }

    mutating func merge(_ other: Staleness) {
        reads += other.reads
        staleReads += other.staleReads
        kMax = max(kMax, other.kMax)
        while kHistogram.count < other.kHistogram.count { kHistogram.append(0) }
        for (k, count) in other.kHistogram.enumerated() { kHistogram[k] += count }
        ages.append(contentsOf: other.ages)
        staleIndices.append(contentsOf: other.staleIndices)
        deltaMax = max(deltaMax, other.deltaMax)
        gammaMax = max(gammaMax, other.gammaMax)
        ungradedKeys += other.ungradedKeys
    }

    mutating func count(staleBy k: Int) {
        kMax = max(kMax, k)
        let bucket = min(k, Staleness.buckets - 1)
        while kHistogram.count <= bucket { kHistogram.append(0) }
        kHistogram[bucket] += 1
    }
}

/// The verdict on one key under one model.
public struct KeyVerdict: Sendable {
    public var key: UInt32
    public var verdict: Verdict
    public var method: Method
}

/// One model's answer over all keys that were checked.
public struct ModelReport: Sendable {
    public var model: Model
    public var keysChecked = 0
    public var violatingKeys = 0
    public var inconclusiveKeys = 0
    /// The weightiest method that any key needed.
    public var method: Method = .zones
    /// The smallest witness found; ties go to the key that comes first.
    public var counterexample: Witness?
    /// Why keys were inconclusive: the first reason, by key.
    public var reason: String?
    /// Every key's verdict, when the options ask for them; by key.
    public var verdicts: [KeyVerdict] = []
    var reasonKey = UInt32.max

    public init(model: Model) { self.model = model }

    /// Violated if any key is, else inconclusive if any key is, else holds.
    public var verdict: Verdict {
        if let counterexample { return .violated(counterexample) }
        if inconclusiveKeys > 0 { return .inconclusive(reason ?? "a cap was reached") }
        return .holds
    }

    mutating func add(_ verdict: Verdict, key: UInt32, method: Method, keep: Bool) {
        keysChecked += 1
        if method.weight > self.method.weight || keysChecked == 1 { self.method = method }
        switch verdict {
        case .holds: break
        case .violated(let witness):
            violatingKeys += 1
            offer(witness)
        case .inconclusive(let why):
            inconclusiveKeys += 1
            offer(why, key: key)
        }
        if keep { verdicts.append(KeyVerdict(key: key, verdict: verdict, method: method)) }
    }

    private mutating func offer(_ witness: Witness) {
        guard let best = counterexample else {
            counterexample = witness
            return
        }
        let sizes = (witness.operations.count, best.operations.count)
        if sizes.0 < sizes.1 || (sizes.0 == sizes.1 && witness.key < best.key) {
            counterexample = witness
        }
    }

    private mutating func offer(_ why: String, key: UInt32) {
        if reason == nil || key < reasonKey {
            reason = why
            reasonKey = key
        }
    }

    mutating func merge(_ other: ModelReport) {
        if other.keysChecked > 0, keysChecked == 0 || other.method.weight > method.weight {
            method = other.method
        }
        keysChecked += other.keysChecked
        violatingKeys += other.violatingKeys
        inconclusiveKeys += other.inconclusiveKeys
        if let witness = other.counterexample { offer(witness) }
        if let why = other.reason { offer(why, key: other.reasonKey) }
        verdicts.append(contentsOf: other.verdicts)
    }
}

extension Method {
    /// Orders methods by how much work they stand for.
    var weight: Int { Method.allCases.firstIndex(of: self) ?? 0 }
}

/// Everything that `check` says about a history, or about some of its keys.
public struct Report: Sendable {
    public var summary = HistorySummary()
    public var models: [ModelReport] = []
    public var staleness = Staleness()

    public init() {}

    /// The answer of one model, if it was asked for.
    public func report(_ model: Model) -> ModelReport? { models.first { $0.model == model } }

    /// Adds the results of other keys. Both come from the same options; the summary of a whole
    /// history is set by the checker and not added.
    public mutating func merge(_ other: Report) {
        for report in other.models {
            if let place = models.firstIndex(where: { $0.model == report.model }) {
                models[place].merge(report)
            } else {
                models.append(report)
            }
        }
        staleness.merge(other.staleness)
    }

    /// Puts merged results in the order that does not depend on who checked which keys.
    mutating func settle() {
        staleness.ages.sort()
        staleness.staleIndices.sort()
        for i in models.indices { models[i].verdicts.sort { $0.key < $1.key } }
    }
}
