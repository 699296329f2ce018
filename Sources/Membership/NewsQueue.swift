import Basics

/// Updates that others may not have heard, each to be told a number of times. What has been told
/// least comes first.
struct NewsQueue {
    private struct Item {
        var update: MemberUpdate
        var told = 0
    }

    /// Sorted by `told`, as far as `take` needs it: fresh items are put in front.
    private var items: [Item] = []
    /// By node index: whether an update about it is in the queue.
    private var isQueued: [Bool] = []

    var isEmpty: Bool { items.isEmpty }
    var count: Int { items.count }

    /// In place of what was to be told about the same member.
    mutating func add(_ update: MemberUpdate) {
        let index = Int(update.node.index)
        while isQueued.count <= index { isQueued.append(false) }
        if isQueued[index] { items.removeAll { $0.update.node == update.node } }
        isQueued[index] = true
        items.insert(Item(update: update), at: 0)
    }

    /// Writes up to `most` updates, and forgets those that have now been told `limit` times.
    mutating func take(_ most: Int, limit: Int, into out: inout ByteBuffer) {
        let count = min(most, items.count)
        guard count > 0 else { return }
        for place in 0..<count {
            items[place].update.encode(into: &out)
            items[place].told += 1
        }
        // Those told now go behind those that were told less; both runs are sorted.
        var merged: [Item] = []
        merged.reserveCapacity(items.count)
        var first = 0
        var second = count
        while first < count || second < items.count {
            let takesSecond =
                first == count
                || second < items.count && items[second].told <= items[first].told
            let item = takesSecond ? items[second] : items[first]
            if takesSecond { second += 1 } else { first += 1 }
            if item.told < limit {
                merged.append(item)
            } else {
                isQueued[Int(item.update.node.index)] = false
            }
        }
        items = merged
    }
}
