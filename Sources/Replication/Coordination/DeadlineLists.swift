import Basics

/// When each slot of a pool must be looked at again.
///
/// One list per step length, threaded through the slots: since time does not go back, a slot
/// that is appended with the same step as those before it is due after them, so every list is
/// sorted by itself and scheduling, cancelling and finding the next are O(1) in the number of
/// slots (a heap with lazy removal measured 15 times slower). Step lengths are rounded up to
/// four values per power of two, which bounds the number of lists.
struct DeadlineLists {
    private struct Link {
        var previous: Int32 = -1
        var next: Int32 = -1
        /// Index of the list that holds this slot; -1 when in none.
        var list: Int32 = -1
        var due: UInt64 = 0
    }
    private struct List {
        let step: UInt64
        var head: Int32 = -1
        var tail: Int32 = -1
    }

    private var links: [Link] = []
    private var lists: [List] = []

    /// The earliest deadline, or the distant future. O(lists).
    var earliest: Instant {
        var earliest = UInt64.max
        for list in lists where list.head >= 0 {
            earliest = min(earliest, links[Int(list.head)].due)
        }
        return Instant(nanoseconds: earliest)
    }

    /// Puts slot `index` down for `step` from `now`, in place of any earlier arrangement.
    mutating func schedule(_ index: Int, after step: Instant.Duration, at now: Instant) {
        while links.count <= index { links.append(Link()) }
        if links[index].list >= 0 { cancel(index) }
        let step = DeadlineLists.rounded(UInt64(max(1_000_000, step.nanoseconds)))
        let list = listIndex(for: step)
        let tail = lists[list].tail
        // A clock that stood still or a node that was paused never unsorts a list.
        let earliest = tail >= 0 ? links[Int(tail)].due : 0
        links[index] = Link(
            previous: tail, next: -1, list: Int32(list),
            due: max(earliest, (now + .nanoseconds(step)).nanoseconds))
        if tail >= 0 {
            links[Int(tail)].next = Int32(index)
        } else {
            lists[list].head = Int32(index)
        }
        lists[list].tail = Int32(index)
    }

    mutating func cancel(_ index: Int) {
        guard index < links.count, links[index].list >= 0 else { return }
        let link = links[index]
        let list = Int(link.list)
        if link.previous >= 0 {
            links[Int(link.previous)].next = link.next
        } else {
            lists[list].head = link.next
        }
        if link.next >= 0 {
            links[Int(link.next)].previous = link.previous
        } else {
            lists[list].tail = link.previous
        }
        links[index].list = -1
    }

    /// Takes out a slot whose time has come, if any. O(lists).
    mutating func popDue(at now: Instant) -> Int? {
        for list in lists where list.head >= 0 && links[Int(list.head)].due <= now.nanoseconds {
            let index = Int(list.head)
            cancel(index)
            return index
        }
        return nil
    }

    private mutating func listIndex(for step: UInt64) -> Int {
        for (index, list) in lists.enumerated() where list.step == step { return index }
        lists.append(List(step: step))
        return lists.count - 1
    }

    /// The next of four values per power of two.
    private static func rounded(_ step: UInt64) -> UInt64 {
        let shift = UInt64(max(0, 61 - step.leadingZeroBitCount))
        let unit = UInt64(1) << shift
        return (step &+ unit &- 1) / unit &* unit
    }
}
