/// Uninitialised memory for plain values that grows and is used again for the next key, so that
/// checking a key allocates nothing in a steady state.
struct Scratch<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int

    init(capacity: Int = 16) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    /// Room for at least `count` values; forgets what was there.
    mutating func clear(for count: Int) -> UnsafeMutablePointer<Element> {
        if count > capacity {
            base.deallocate()
            capacity = max(count, capacity * 2)
            base = .allocate(capacity: capacity)
        }
        return base
    }

    /// Room for at least `count` values, of which the first `kept` stay as they are.
    mutating func grow(to count: Int, keeping kept: Int) {
        guard count > capacity else { return }
        let wider = max(count, capacity * 2)
        let new = UnsafeMutablePointer<Element>.allocate(capacity: wider)
        new.update(from: base, count: kept)
        base.deallocate()
        base = new
        capacity = wider
    }

    /// The same, with the values up to `count` set to `filling`.
    mutating func grow(to count: Int, keeping kept: Int, filling: Element) {
        grow(to: count, keeping: kept)
        for i in kept..<max(kept, count) { base[i] = filling }
    }
}

/// A sort key with what it stands for.
struct Keyed: BitwiseCopyable {
    var key: UInt64
    var item: Int32
}

/// Sorts by key, ascending and stable: insertion while the input is nearly sorted, which
/// histories in recording order are, else radix. O(n) for 64-bit keys; one reusable buffer.
struct KeyedSorter: ~Copyable {
    private var other = Scratch<Keyed>()

    mutating func sort(_ items: UnsafeMutablePointer<Keyed>, _ count: Int) {
        guard count > 1 else { return }
        var moves = count * 4 + 64
        for i in 1..<count {
            let item = items[i]
            var j = i
            while j > 0, items[j &- 1].key > item.key {
                items[j] = items[j &- 1]
                j &-= 1
            }
            items[j] = item
            moves &-= i &- j
            if moves < 0, i < count &- 1 {
                radix(items, count)
                return
            }
        }
    }

    private mutating func radix(_ items: UnsafeMutablePointer<Keyed>, _ count: Int) {
        var smallest = UInt64.max
        var largest: UInt64 = 0
        for i in 0..<count {
            smallest = min(smallest, items[i].key)
            largest = max(largest, items[i].key)
        }
        let differing = smallest ^ largest
        var from = items
        var to = other.clear(for: count)
        var shift: UInt64 = 0
        while shift < 64, differing >> shift != 0 {
            pass(from, to, count, shift)
            swap(&from, &to)
            shift += 11
        }
        if from != items { items.update(from: from, count: count) }
    }

    private func pass(
        _ from: UnsafeMutablePointer<Keyed>, _ to: UnsafeMutablePointer<Keyed>, _ count: Int,
        _ shift: UInt64
    ) {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 2_048) { places in
            places.initialize(repeating: 0)
            for i in 0..<count { places[Int(from[i].key >> shift & 2_047)] &+= 1 }
            var sum = 0
            for digit in 0..<2_048 {
                let size = places[digit]
                places[digit] = sum
                sum &+= size
            }
            for i in 0..<count {
                let digit = Int(from[i].key >> shift & 2_047)
                to[places[digit]] = from[i]
                places[digit] &+= 1
            }
        }
    }
}

extension Keyed {
    /// A sort key that orders like the signed number.
    @inline(__always)
    static func ordered(_ number: Int64) -> UInt64 { UInt64(bitPattern: number) ^ 1 << 63 }
}
