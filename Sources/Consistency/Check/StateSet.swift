/// Which of the slots of a search hold what kind of operation; one bit a slot. Decides when one
/// state can do all that another one can.
struct SlotMasks: ~Copyable {
    /// Words of one bit set.
    private(set) var words: Int
    /// Unknown operations, which no state must ever use.
    private(set) var optional = Scratch<UInt64>()
    /// Reads and refuted compare-and-sets, which change nothing.
    private(set) var passive = Scratch<UInt64>()
    /// Known blind writes and deletes.
    private(set) var blind = Scratch<UInt64>()

    init(words: Int) {
        self.words = words
        grow(to: words)
    }

    /// Makes room for more slots; the new ones are empty.
    mutating func grow(to words: Int) {
        let old = min(self.words, words)
        optional.grow(to: words, keeping: old, filling: 0)
        passive.grow(to: words, keeping: old, filling: 0)
        blind.grow(to: words, keeping: old, filling: 0)
        self.words = words
    }

    mutating func set(_ slot: Int, optional isOptional: Bool, passive isPassive: Bool, blind: Bool)
    {
        let bit: UInt64 = 1 << UInt64(slot & 63)
        let word = slot >> 6
        optional.base[word] &= ~bit
        passive.base[word] &= ~bit
        self.blind.base[word] &= ~bit
        if isOptional { optional.base[word] |= bit }
        if isPassive { passive.base[word] |= bit }
        if blind { self.blind.base[word] |= bit }
    }
}

/// States of a search in one flat buffer, none of which could do all that another one can.
///
/// A state is the key's value, one bit for every slot that has taken effect, and one for every
/// slot whose blind write may be put unseen before a later one. Of two states with one value, the
/// first is as good as the second if it has used no more unknown operations, served all reads
/// that the second has served, and agrees on the rest, where a blind write that may be hidden is
/// as good as one that was used.
final class StateSet {
    private var cells = Scratch<UInt64>()
    private var table = Scratch<Int32>()
    private var tableSize = 64
    private(set) var words: Int
    private(set) var count = 0

    var stride: Int { 1 + 2 * words }

    /// Memory held, in bytes.
    var footprint: Int { cells.capacity * 8 + table.capacity * 4 }

    init(words: Int) {
        self.words = words
        removeAll()
    }

    /// Forgets all states and keeps the memory, unless there is much of it.
    func removeAll() {
        tableSize = 64
        while tableSize < count { tableSize *= 2 }
        count = 0
        let entries = table.clear(for: tableSize)
        for i in 0..<tableSize { entries[i] = -1 }
    }

    /// A state's cells; valid until the next insertion.
    func state(_ index: Int) -> UnsafeMutablePointer<UInt64> { cells.base + index * stride }

    /// Gives every state more words; only before any use of the masks' new slots.
    func widen(to wider: Int, _ masks: borrowing SlotMasks) {
        let old = (words, count)
        let copy = Scratch<UInt64>(capacity: max(1, count * stride))
        copy.base.update(from: cells.base, count: count * stride)
        words = wider
        removeAll()
        let state = Scratch<UInt64>(capacity: stride)
        for index in 0..<old.1 {
            let source = copy.base + index * (1 + 2 * old.0)
            for i in 0..<stride { state.base[i] = 0 }
            for i in 0...old.0 { state.base[i] = source[i] }
            for i in 0..<old.0 { state.base[1 + wider + i] = source[1 + old.0 + i] }
            insert(state.base, masks, replaceableFrom: 0)
        }
    }

    /// Adds a state unless one is there that is as good; those from `replaceableFrom` on that it
    /// makes needless give way.
    func insert(
        _ state: UnsafePointer<UInt64>, _ masks: borrowing SlotMasks, replaceableFrom: Int
    ) {
        let entries = table.base
        var slot = kinship(state, masks) & (tableSize &- 1)
        var looked = 0
        while entries[slot] >= 0, looked < StateSet.mostCompared {
            let index = Int(entries[slot])
            let other = cells.base + index &* stride
            if StateSet.covers(other, state, words, masks) { return }
            if index >= replaceableFrom, StateSet.covers(state, other, words, masks) {
                other.update(from: state, count: stride)
                return
            }
            slot = (slot &+ 1) & (tableSize &- 1)
            looked &+= 1
        }
        if looked == StateSet.mostCompared {
            slot = identity(state) & (tableSize &- 1)
            while entries[slot] >= 0 {
                if isSame(cells.base + Int(entries[slot]) &* stride, state) { return }
                slot = (slot &+ 1) & (tableSize &- 1)
            }
        }
        entries[slot] = Int32(truncatingIfNeeded: count)
        cells.grow(to: (count &+ 1) &* stride, keeping: count &* stride)
        (cells.base + count &* stride).update(from: state, count: stride)
        count &+= 1
        if count &* 2 > tableSize { rehash(masks) }
    }

    /// Kindred states that a new one is compared with; beyond them only equal ones are found.
    private static let mostCompared = 64

    private func rehash(_ masks: borrowing SlotMasks) {
        tableSize *= 2
        let entries = table.clear(for: tableSize)
        for i in 0..<tableSize { entries[i] = -1 }
        for index in 0..<count {
            let state = cells.base + index &* stride
            var slot = kinship(state, masks) & (tableSize &- 1)
            var looked = 0
            while entries[slot] >= 0, looked < StateSet.mostCompared {
                slot = (slot &+ 1) & (tableSize &- 1)
                looked &+= 1
            }
            if looked == StateSet.mostCompared {
                slot = identity(state) & (tableSize &- 1)
                while entries[slot] >= 0 { slot = (slot &+ 1) & (tableSize &- 1) }
            }
            entries[slot] = Int32(truncatingIfNeeded: index)
        }
    }

    private func isSame(_ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>) -> Bool {
        for i in 0..<stride where a[i] != b[i] { return false }
        return true
    }

    /// Whether `a` can do all that `b` can.
    @inline(__always)
    private static func covers(
        _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>, _ words: Int,
        _ masks: borrowing SlotMasks
    ) -> Bool {
        guard a[0] == b[0] else { return false }
        for i in 0..<words {
            let (used, hidden) = (a[1 &+ i], a[1 &+ words &+ i])
            let (otherUsed, otherHidden) = (b[1 &+ i], b[1 &+ words &+ i])
            let optional = masks.optional.base[i]
            let passive = masks.passive.base[i]
            let blind = masks.blind.base[i]
            let free = blind & hidden & ~used
            let different = (used ^ otherUsed) & ~free
            let allowed = optional & otherUsed | passive & used
            let missed = otherHidden & ~otherUsed & ~used & ~hidden & blind
            if different & ~allowed | missed != 0 { return false }
        }
        return true
    }

    /// A hash of what states share of which one is likely to cover the other.
    @inline(__always)
    private func kinship(_ state: UnsafePointer<UInt64>, _ masks: borrowing SlotMasks) -> Int {
        var mixed = StateSet.first(state[0])
        for i in 0..<words {
            let loose = masks.optional.base[i] | masks.passive.base[i]
            let settled = state[1 &+ words &+ i] & masks.blind.base[i]
            mixed = StateSet.mix(mixed, (state[1 &+ i] | settled) & ~loose)
        }
        return Int(truncatingIfNeeded: mixed & 0x7fff_ffff_ffff_ffff)
    }

    private func identity(_ state: UnsafePointer<UInt64>) -> Int {
        var mixed = StateSet.first(state[0])
        for i in 1..<stride { mixed = StateSet.mix(mixed, state[i]) }
        return Int(truncatingIfNeeded: mixed & 0x7fff_ffff_ffff_ffff)
    }

    @inline(__always)
    private static func first(_ value: UInt64) -> UInt64 { mix(0x9e37_79b9_7f4a_7c15, value) }

    @inline(__always)
    private static func mix(_ hash: UInt64, _ cell: UInt64) -> UInt64 {
        let product = (hash ^ cell).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
        return product.high ^ product.low &+ 0xe703_7ed1_a0b4_28db
    }
}
