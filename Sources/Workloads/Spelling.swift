import Basics

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
            let distance = editDistance(lower, candidate)
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(2, word.utf8.count / 3) else { return nil }
        return best.word
    }
}
