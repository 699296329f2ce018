/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other
/// (Damerau 1964, optimal string alignment). O(a·b).
public func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8)
    let b = Array(b.utf8)
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                best = min(best, beforeLast[j - 1] + 1)
            }
            row.append(best)
        }
        beforeLast = last
        last = row
    }
    return last[b.count]
}

/// The word that someone who typed `text` most likely meant: at most a third of its letters away
/// (at least one), the first of equals; nil when none is that near.
public func nearest(to text: String, among words: [String]) -> String? {
    let limit = max(1, text.utf8.count / 3)
    let candidates = words.map { (word: $0, distance: editDistance(text, $0)) }
    return candidates.filter { $0.distance <= limit }.min { $0.distance < $1.distance }?.word
}
