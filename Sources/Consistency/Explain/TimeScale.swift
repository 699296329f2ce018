/// Where moments lie on a timeline: in proportion to time around what matters, with the long waits
/// between cut short.
struct TimeScale: Sendable {
    /// A stretch of time that is drawn to scale, and where it lies, from 0 to 1.
    struct Stretch: Sendable {
        var start: Int64
        var end: Int64
        var from = 0.0
        var to = 0.0
    }

    /// In order; what lies between two of them is a gap.
    private(set) var stretches: [Stretch]

    /// Waits longer than this many times the longest operation are cut short.
    private static let patience: Int64 = 4

    /// `moments` is what matters, at least one; `unit` the length of its longest operation.
    init(around moments: [Int64], unit: Int64) {
        let unit = max(1, unit)
        let margin = max(1, unit / 8)
        stretches = []
        for moment in moments.sorted() {
            if let last = stretches.indices.last,
                moment - stretches[last].end <= TimeScale.patience * unit
            {
                stretches[last].end = max(stretches[last].end, moment + margin)
            } else {
                stretches.append(Stretch(start: moment - margin, end: moment + margin))
            }
        }
        spread()
    }

    /// Gives every stretch room in proportion to its length, but none too little, and every gap
    /// a fixed part.
    private mutating func spread() {
        let gap = stretches.count > 1 ? min(0.08, 0.3 / Double(stretches.count - 1)) : 0
        let room = 1 - gap * Double(stretches.count - 1)
        let least = 0.4 * room / Double(stretches.count)
        let length = stretches.reduce(0.0) { $0 + Double($1.end - $1.start) }
        var place = 0.0
        for i in stretches.indices {
            let own = Double(stretches[i].end - stretches[i].start) / length
            stretches[i].from = place
            place += least + own * 0.6 * room
            stretches[i].to = place
            place += gap
        }
    }

    /// The first and the last moment that are drawn.
    var start: Int64 { stretches[0].start }
    var end: Int64 { stretches[stretches.count - 1].end }

    /// Where a moment lies, from 0 to 1; inside a gap in proportion.
    func position(of moment: Int64) -> Double {
        var before = stretches[0]
        if moment <= before.start { return 0 }
        for stretch in stretches {
            if moment < stretch.start {
                let span = max(1, Double(stretch.start - before.end))
                let part = Double(moment - before.end) / span
                return before.to + part * (stretch.from - before.to)
            }
            if moment <= stretch.end {
                let part = Double(moment - stretch.start) / Double(stretch.end - stretch.start)
                return stretch.from + part * (stretch.to - stretch.from)
            }
            before = stretch
        }
        return 1
    }

    /// How far an operation lies from what is drawn to scale; 0 when a stretch has some of it.
    func distance(from start: Int64, to end: Int64) -> Int64 {
        stretches.map { stretch in
            if end < stretch.start { return stretch.start - end }
            return start > stretch.end ? start - stretch.end : 0
        }.min() ?? 0
    }
}
