import Consistency
import Foundation

/// One document from those of all shards of a history, or of the passes over it.
extension CheckDocument {
    /// Merges the documents of the shards 0 to n − 1 of one history, in any order.
    ///
    /// Counts add up; a model is violated if it is in any shard, else inconclusive if it is in
    /// any; the smallest counterexample stays. Percentiles of the ages come from ages of three
    /// digits, everything else is as if the history had been checked in one piece.
    ///
    /// - Throws: when shards are missing, doubled, or of different counts or models.
    public static func merged(_ documents: [CheckDocument]) throws(ResultError) -> CheckDocument {
        guard var result = documents.first else { throw ResultError("there is nothing to merge") }
        let counts = Set(documents.map { $0.shard?.count ?? 1 })
        guard counts.count == 1, let count = counts.first else {
            let list = counts.sorted().map { "\($0)" }.joined(separator: " and ")
            throw ResultError("shards of one history have one count, but these have \(list)")
        }
        let indices = documents.map { $0.shard?.index ?? 0 }
        if let twice = indices.first(where: { i in indices.filter { $0 == i }.count > 1 }) {
            throw ResultError("shard \(twice) of \(count) is there twice")
        }
        let missing = (0..<count).filter { !indices.contains($0) }
        guard missing.isEmpty else {
            let list = missing.map { "\($0)" }.joined(separator: ", ")
            throw ResultError("of \(count) shards these are missing: \(list)")
        }
        let names = documents.map { $0.models.map(\.model).filter { !isOptional($0) } }
        guard Set(names).count == 1 else {
            throw ResultError("the shards were checked for different models")
        }
        result.shard = nil
        for document in documents.dropFirst() { result.add(document) }
        result.staleness.finish()
        return result
    }

    /// Adds the documents of the other passes; the whole is of `shard`.
    public mutating func mergePasses(_ others: some Sequence<CheckDocument>, shard: Shard?) {
        for other in others { add(other) }
        staleness.finish()
        self.shard = shard.map { ShardEntry(index: $0.index, count: $0.count) }
    }

    /// Models that are left out where a history has nothing for them to judge.
    private static func isOptional(_ name: String) -> Bool {
        ["durable", "convergent", "multi-value"].contains(name)
    }

    /// Adds a part that has other keys.
    mutating func add(_ other: CheckDocument) {
        history.operations += other.history.operations
        history.keys += other.history.keys
        history.processes = max(history.processes, other.history.processes)
        history.unknown += other.history.unknown
        history.failed += other.history.failed
        history.durationNs = max(history.durationNs, other.history.durationNs)
        for model in other.models {
            if let place = models.firstIndex(where: { $0.model == model.model }) {
                models[place].add(model)
            } else {
                models.append(model)
            }
        }
        let order = Model.plain.map(\.name)
        let places = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
        if models.allSatisfy({ places[$0.model] != nil }) {
            models.sort { places[$0.model] ?? 0 < places[$1.model] ?? 0 }
        }
        staleness.add(other.staleness)
        keepSmallerWitness(other.witness)
    }

    private mutating func keepSmallerWitness(_ other: Witness?) {
        guard let other else { return }
        func weight(_ witness: Witness) -> (Int, Int, Int) {
            let place = models.firstIndex { $0.model == witness.model } ?? models.count
            return (place, witness.operations.count, witness.operations.first?.index ?? 0)
        }
        if let witness, weight(witness) <= weight(other) { return }
        witness = other
    }

    /// Reads a document that `check --json` printed; nil for another schema.
    public static func read(_ path: String) throws(ResultError) -> CheckDocument? {
        struct Schema: Decodable { let schema: String }
        let data = Data(try ResultStore.text(path).utf8)
        guard let found = try? JSONDecoder().decode(Schema.self, from: data),
            found.schema == schemaName
        else { return nil }
        let document: CheckDocument
        do {
            document = try JSONDecoder().decode(CheckDocument.self, from: data)
        } catch { throw ResultError("\(path): not a whole document of \(schemaName)") }
        guard document.isSound else {
            throw ResultError("\(path): a document of \(schemaName) with impossible numbers")
        }
        return document
    }
}

extension CheckDocument {
    /// Whether numbers that come from outside can be added and used as indices.
    private var isSound: Bool {
        let most = 1 << 40
        let counts = [
            history.operations, history.keys, history.processes, history.unknown, history.failed,
            staleness.reads, staleness.staleReads, staleness.kMax, shard?.count ?? 1,
        ]
        return (counts + staleness.kHistogram).allSatisfy { (0...most).contains($0) }
            && models.allSatisfy {
                [$0.keys, $0.violatingKeys, $0.inconclusiveKeys].allSatisfy((0...most).contains)
            }
            && staleness.ages.allSatisfy { $0.count == 2 && (0...Int64(most)).contains($0[1]) }
            && (shard.map { $0.index >= 0 && $0.index < $0.count } ?? true)
    }
}

extension CheckDocument.ModelEntry {
    mutating func add(_ other: CheckDocument.ModelEntry) {
        guard other.keys > 0 else { return }
        guard keys > 0 else {
            self = other
            return
        }
        // What spans keys was judged on the whole history by every shard.
        let isWhole = ["sequential", "causal", "causal-convergent"].contains(model)
        keys = isWhole ? max(keys, other.keys) : keys + other.keys
        violatingKeys =
            isWhole
            ? max(violatingKeys, other.violatingKeys) : violatingKeys + other.violatingKeys
        inconclusiveKeys =
            isWhole
            ? max(inconclusiveKeys, other.inconclusiveKeys)
            : inconclusiveKeys + other.inconclusiveKeys
        let methods = Method.allCases.map(\.rawValue)
        if let own = methods.firstIndex(of: method), let new = methods.firstIndex(of: other.method),
            new > own
        {
            method = other.method
        }
        if let theirs = other.counterexample {
            let isSmaller =
                counterexample.map { own in
                    (theirs.operations.count, theirs.operations.first ?? 0)
                        < (own.operations.count, own.operations.first ?? 0)
                } ?? true
            if isSmaller { counterexample = theirs }
        }
        reason = reason ?? other.reason
        let words = ["holds", "inconclusive", "violated"]
        verdict =
            words.last { $0 == verdict || $0 == other.verdict } ?? verdict
        if verdict != "inconclusive" { reason = nil }
    }
}

extension CheckDocument.StalenessEntry {
    mutating func add(_ other: CheckDocument.StalenessEntry) {
        reads += other.reads
        staleReads += other.staleReads
        kMax = max(kMax, other.kMax)
        for (k, count) in other.kHistogram.enumerated() {
            if k < kHistogram.count { kHistogram[k] += count } else { kHistogram.append(count) }
        }
        deltaMaxNs = deltaMaxNs.flatMap { own in other.deltaMaxNs.map { max(own, $0) } }
        gammaMaxNs = gammaMaxNs.flatMap { own in other.gammaMaxNs.map { max(own, $0) } }
        var merged: [[Int64]] = []
        for age in (ages + other.ages).sorted(by: { $0[0] < $1[0] }) {
            if let last = merged.last, last[0] == age[0] {
                merged[merged.count - 1][1] += age[1]
            } else {
                merged.append(age)
            }
        }
        ages = merged
    }

    /// What does not add up: the interval and the percentiles.
    mutating func finish() {
        interval = Proportion(events: staleReads, trials: reads).interval
        func percentile(_ numerator: Int, _ denominator: Int) -> Int64 {
            guard reads > 0 else { return 0 }
            var left = (reads * numerator + denominator - 1) / denominator - (reads - staleReads)
            for age in ages {
                if left <= 0 { break }
                left -= Int(age[1])
                if left <= 0 { return age[0] }
            }
            return 0
        }
        deltaPercentilesNs = [
            "50": percentile(50, 100), "99": percentile(99, 100), "99.9": percentile(999, 1_000),
        ]
    }
}
