/// Finds what was probably meant by a misspelt word.
enum Spelling {
    /// The candidate nearest to `word`, if it is near enough to be a slip; the first of equals.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let lower = word.lowercased()
        if lower.utf8.count >= 3, let longer = candidates.first(where: { $0.hasPrefix(lower) }) {
            return longer
        }
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(Array(lower.utf8), Array(candidate.utf8))
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(2, word.utf8.count / 3) else { return nil }
        return best.word
    }

    /// Insertions, deletions and replacements between two words (Levenshtein 1966). O(n·m).
    static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
            }
        }
        return row[b.count]
    }
}
