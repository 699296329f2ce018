/// Orders of blocks that real time allows, tried until the failed comparisons fit into one.
///
/// A forward block takes its zone, a backward one a point of its zone outside the interior of
/// every forward one; each such choice is an order without conflicts. A comparison is placed into
/// a slot, the time of one value; whether all fit into the slots of one order is decided exactly,
/// by giving each the earliest slot that is left to it.
struct BlockOrders {
    private struct Item {
        /// First cluster of the block.
        var head: Int32
        var low: Int64
        var high: Int64
        var isForward: Bool
        /// An unknown write that nobody saw: it may be left out, and its value helps.
        var isUnseen: Bool
        var point: Int64 = 0
        /// Orders backward blocks at one point.
        var nudge: Int32 = 0
        var isMoved = false
    }

    private let work: KeyWork
    private let successors: [Int32]
    /// By invocation.
    private let refutations: [KeyWork.Refutation]
    private let byFinish: [Int]
    private var items: [Item] = []
    /// Items in their order.
    private var order: [Int] = []
    /// Of every item its place in the order.
    private var placeOf: [Int] = []
    private var itemOf: [Int32]
    private var forwardLows: [Int64] = []
    private var forwardHighs: [Int64] = []
    /// The value of nobody's write comes first, although no block has it.
    private let hasBareBeginning: Bool

    private var slotOf: [Int32]
    /// By slot: the largest invocation of what must precede it, its write included; the smallest
    /// completion of what must follow.
    private var begins: [Int64] = []
    private var ends: [Int64] = []

    init(
        _ work: KeyWork, _ chains: KeyWork.Chains, _ tenures: KeyWork.Tenures,
        _ refutations: [KeyWork.Refutation], _ denied: Set<Int32>
    ) {
        self.work = work
        self.refutations = refutations
        successors = chains.successor
        byFinish = refutations.indices.sorted {
            (refutations[$0].finish, $0) < (refutations[$1].finish, $1)
        }
        hasBareBeginning = !chains.isNeeded[0]
        slotOf = Array(repeating: -1, count: work.clusterCount)
        itemOf = slotOf
        for head in chains.heads {
            var last = Int(head)
            while true {
                itemOf[last] = Int32(items.count)
                if chains.successor[last] < 0 { break }
                last = Int(chains.successor[last])
            }
            let finish = tenures.latestBegin[Int(head)]
            let start = tenures.reach[last]
            items.append(
                Item(
                    head: head, low: min(finish, start), high: max(finish, start),
                    isForward: finish < start, isUnseen: false))
        }
        for item in items.filter(\.isForward).sorted(by: { $0.low < $1.low }) {
            forwardLows.append(item.low)
            forwardHighs.append(item.high)
        }
        addUnseen(chains, denied)
    }

    private mutating func addUnseen(_ chains: KeyWork.Chains, _ denied: Set<Int32>) {
        guard let horizon = refutations.map(\.finish).max() else { return }
        for place in 1..<max(1, work.clusterCount)
        where !chains.isNeeded[place] && !denied.contains(Int32(place)) {
            let cluster = work.clusters.base[place]
            guard !cluster.isFailed, cluster.writeStart <= horizon, cluster.writer >= 0,
                work.operations.base[Int(cluster.writer)].kind == .write
            else { continue }
            items.append(
                Item(
                    head: Int32(place), low: cluster.writeStart, high: Operation.never,
                    isForward: false, isUnseen: true))
        }
    }

    /// Rounds in which blocks are moved to where a comparison needs them.
    private static let rounds = 12

    /// Whether an order was found into which all comparisons fit.
    mutating func serve() -> Bool {
        for usesUnseen in [false, true] {
            for isLate in [false, true] {
                arrange(isLate: isLate, usesUnseen: usesUnseen)
                if misfits().isEmpty { return true }
            }
        }
        arrange(isLate: false, usesUnseen: true)
        for _ in 0..<BlockOrders.rounds {
            let misfits = misfits()
            if misfits.isEmpty { return true }
            var hasMoved = false
            for misfit in misfits where help(refutations[misfit]) { hasMoved = true }
            guard hasMoved else { return false }
            sort()
        }
        return misfits().isEmpty
    }

    // MARK: Orders

    private mutating func arrange(isLate: Bool, usesUnseen: Bool) {
        for i in items.indices {
            let item = items[i]
            let end = isLate && !item.isUnseen ? item.high : item.low
            items[i].point = item.isForward ? item.low : outside(end, item.low, item.high) ?? end
            items[i].nudge = 0
            items[i].isMoved = false
        }
        order = items.indices.filter { usesUnseen || !items[$0].isUnseen }
        sort()
    }

    private mutating func sort() {
        order.sort { a, b in
            let (x, y) = (items[a], items[b])
            if x.point != y.point { return x.point < y.point }
            if x.isForward != y.isForward { return y.isForward }
            return (x.nudge, a) < (y.nudge, b)
        }
        if placeOf.isEmpty { placeOf = Array(repeating: 0, count: items.count) }
        for (place, item) in order.enumerated() { placeOf[item] = place }
    }

    /// The moment, or an end of the forward zone that strictly contains it; nil when neither end
    /// lies between the bounds.
    private func outside(_ moment: Int64, _ low: Int64, _ high: Int64) -> Int64? {
        var (from, to) = (0, forwardLows.count)
        while from < to {
            let middle = (from + to) / 2
            if forwardLows[middle] < moment { from = middle + 1 } else { to = middle }
        }
        guard from > 0, forwardHighs[from - 1] > moment else { return moment }
        if forwardHighs[from - 1] <= high { return forwardHighs[from - 1] }
        return forwardLows[from - 1] >= low ? forwardLows[from - 1] : nil
    }

    // MARK: Slots

    private mutating func fillSlots() -> Int {
        begins.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        for i in slotOf.indices { slotOf[i] = -1 }
        var latest = KeyWork.beginning
        if hasBareBeginning {
            if work.initial != .unknown { slotOf[0] = 0 }
            begins.append(latest)
            ends.append(KeyWork.beginning)
        }
        for place in order {
            var current = Int(items[place].head)
            while current >= 0 {
                let cluster = work.clusters.base[current]
                slotOf[current] = Int32(begins.count)
                begins.append(max(latest, cluster.writeStart))
                ends.append(cluster.earliestFinish)
                latest = max(latest, cluster.latestStart)
                current = items[place].isUnseen ? -1 : Int(successors[current])
            }
        }
        var least = Operation.never
        for slot in ends.indices.reversed() {
            let own = ends[slot]
            ends[slot] = least
            least = min(least, own)
        }
        return begins.count
    }

    /// The comparisons that do not fit into this order.
    private mutating func misfits() -> [Int] {
        let slots = fillSlots()
        var found: [Int] = []
        var given = [Int](repeating: 0, count: refutations.count)
        var floor = 0
        var finished = 0
        for (i, refutation) in refutations.enumerated() {
            while finished < byFinish.count,
                refutations[byFinish[finished]].finish < refutation.start
            {
                floor = max(floor, given[byFinish[finished]])
                finished += 1
            }
            var slot = max(floor, BlockOrders.first(slots) { ends[$0] >= refutation.start })
            if slot == Int(slotOf[Int(refutation.cluster)]) { slot += 1 }
            if slot >= slots || begins[slot] > refutation.finish {
                found.append(i)
                slot = min(slot, slots) - 1
            }
            given[i] = slot
        }
        return found
    }

    private static func first(_ count: Int, where passes: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if passes(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    // MARK: Moving blocks

    /// Blocks on each side of a value that are looked at.
    private static let reach = 24

    /// Moves a block so that the value ends, or begins, while the comparison runs.
    private mutating func help(_ refutation: KeyWork.Refutation) -> Bool {
        let value = Int(itemOf[Int(refutation.cluster)])
        let isLast = successors[Int(refutation.cluster)] < 0
        let place = value >= 0 ? placeOf[value] : 0
        if isLast {
            let from = max(0, place - BlockOrders.reach)
            let to = min(order.count, place + BlockOrders.reach + 1)
            for other in order[from..<to] where other != value {
                if move(other, after: value, refutation) { return true }
            }
        }
        guard value >= 0, items[value].head == refutation.cluster, !items[value].isForward,
            !items[value].isMoved
        else { return false }
        // The value begins late enough for another to be there before.
        let bounds = (max(items[value].low, refutation.start), items[value].high)
        guard bounds.0 <= bounds.1, let point = outside(bounds.1, bounds.0, bounds.1) else {
            return false
        }
        items[value].point = point
        items[value].nudge += 1
        items[value].isMoved = true
        return true
    }

    private mutating func move(
        _ other: Int, after value: Int, _ refutation: KeyWork.Refutation
    ) -> Bool {
        let item = items[other]
        guard !item.isForward, !item.isMoved else { return false }
        var begin = KeyWork.beginning
        if value >= 0 { begin = items[value].isForward ? items[value].high : items[value].point }
        let bounds = (max(item.low, begin), min(item.high, refutation.finish))
        guard bounds.0 <= bounds.1, let point = outside(bounds.0, bounds.0, bounds.1) else {
            return false
        }
        items[other].point = point
        items[other].nudge = value >= 0 ? items[value].nudge + 1 : 0
        items[other].isMoved = true
        return true
    }
}
