/// Makes a violating set of operations locally minimal: by removing ever smaller pieces while the
/// rest still violates (delta debugging, Zeller and Hildebrandt 2002), at last single ones.
///
/// A write goes together with the reads of its value, for what is left to stay closed under
/// reads-from: a read without its write would violate anything.
struct Minimizer {
    /// Operations that stand or fall together, as indices into the history.
    private var units: [[Int]]
    private let violates: ([Int]) -> Bool
    /// How many trials are left; what remains then is still a violation, only larger.
    private var trials: Int

    /// `groups` partition the violating operations; `violates` judges a set of history indices.
    init(groups: [[Int]], trials: Int, violates: @escaping ([Int]) -> Bool) {
        units = groups
        self.trials = trials
        self.violates = violates
    }

    /// The smallest set found.
    mutating func minimize() -> [Int] {
        var size = (units.count + 1) / 2
        while size >= 1 {
            let removed = sweep(size)
            if trials <= 0 || (size == 1 && !removed) { break }
            if size > 1 { size = (size + 1) / 2 }
        }
        return units.flatMap { $0 }
    }

    private mutating func sweep(_ size: Int) -> Bool {
        var removed = false
        var start = 0
        while start < units.count, trials > 0 {
            trials -= 1
            let end = min(start + size, units.count)
            let rest = units[..<start].flatMap { $0 } + units[end...].flatMap { $0 }
            if units.count > 1, violates(rest) {
                units.removeSubrange(start..<end)
                removed = true
            } else {
                start = end
            }
        }
        return removed
    }
}
