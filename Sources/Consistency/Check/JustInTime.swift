/// Just-in-time linearization with memoised states (Lowe 2017) of one key: exact for any values,
/// exponential in the concurrency at worst, within hard caps. Fed with invocations and
/// completions in order of time; at equal times invocations come first.
///
/// A state is the key's value and which of the open operations have taken effect. States grow
/// only when an operation completes, and only by cas and by writes that an open operation
/// waits for.
/// Reads are absorbed as soon as they fit, which is sound because they change nothing. A blind
/// write that nobody sees is never tried: once another blind write took effect while it was open,
/// it may be put unseen just before that one, which one bit per open write records.
final class JustInTime {
    enum Step {
        case possible
        /// No order fits.
        case impossible
        /// A cap was reached.
        case exhausted(String)
    }

    /// An operation in a slot, until its completion; unknown ones stay.
    struct Open: BitwiseCopyable {
        var value: UInt64
        var expected: UInt64
        /// The slot of an earlier unknown operation that is the same in every way; −1 none.
        var twin: Int32
        var isUsed: Bool
        var isRead: Bool
        var isCas: Bool
        var isRefuted: Bool
        var isKnown: Bool
        var isAppend: Bool

        var isBlind: Bool { !isRead && !isCas && !isAppend && !isRefuted }
    }

    private struct TwinKind: Hashable {
        var kind: UInt64
        var value: UInt64
        var expected: UInt64
    }

    private let budget: Budget
    private let startedAt: UInt64
    private var joined: AppendedValues
    private var open: ContiguousArray<Open> = []
    private var free: [Int] = []
    private var lastTwin: [TwinKind: Int32] = [:]
    private var masks: SlotMasks
    private var states: StateSet
    private var next: StateSet
    private var scratch = Scratch<UInt64>()
    private var grown = Scratch<UInt64>()
    private var growth = Growth()

    /// `values` are the possible values at first.
    init(initial values: [UInt64], names: NameTable, budget: Budget) {
        self.budget = budget
        startedAt = budget.now()
        joined = AppendedValues(names)
        masks = SlotMasks(words: 1)
        states = StateSet(words: 1)
        next = StateSet(words: 1)
        for value in values {
            let state = scratch.clear(for: states.stride)
            for i in 0..<states.stride { state[i] = 0 }
            state[0] = value
            states.insert(state, masks, replaceableFrom: 0)
        }
    }

    /// How many states there are.
    var count: Int { states.count }

    /// Opens an operation; its slot, by which it is completed.
    func invoke(_ operation: KeyOperation, expected: ValueID) -> Int {
        var opened = Open(
            value: operation.value.raw, expected: expected.raw, twin: -1, isUsed: true,
            isRead: operation.kind == .read, isCas: operation.kind == .cas,
            isRefuted: operation.outcome == .fail, isKnown: operation.finish != Operation.never,
            isAppend: operation.flags.contains(.append))
        let slot = free.popLast() ?? open.count
        if !opened.isKnown {
            let kind = TwinKind(
                kind: UInt64(operation.kind.rawValue) | UInt64(operation.flags.rawValue & 0xff)
                    << 8,
                value: opened.value, expected: opened.expected)
            opened.twin = lastTwin[kind] ?? -1
            lastTwin[kind] = Int32(truncatingIfNeeded: slot)
        }
        if slot == open.count { open.append(opened) } else { open[slot] = opened }
        if slot >> 6 >= masks.words {
            masks.grow(to: masks.words * 2)
            states.widen(to: masks.words, masks)
            next.widen(to: masks.words, masks)
        }
        masks.set(
            slot, optional: !opened.isKnown, passive: opened.isRead || opened.isRefuted,
            blind: opened.isKnown && opened.isBlind)
        return slot
    }

    /// Grows the states until the operation in this slot has taken effect in each.
    func complete(_ slot: Int) -> Step {
        growth.prepare(open, words: masks.words)
        next.removeAll()
        let completing = open[slot]
        let words = masks.words
        let stride = states.stride
        let state = scratch.clear(for: stride)
        let (word, bit) = (slot >> 6, UInt64(1) << UInt64(slot & 63))
        var i = 0
        while i < states.count {
            if i & 255 == 0, let cap = capReached() { return .exhausted(cap) }
            state.update(from: states.state(i), count: stride)
            i += 1
            growth.absorb(state)
            let isDone = state[1 + word] & bit != 0
            let isHidden = state[1 + words + word] & bit != 0
            if isDone || (completing.isBlind && isHidden) {
                let copy = grown.clear(for: stride)
                copy.update(from: state, count: stride)
                copy[1 + word] &= ~bit
                copy[1 + words + word] &= ~bit
                next.insert(copy, masks, replaceableFrom: 0)
            }
            if !isDone { expand(state, slot, i) }
        }
        swap(&states, &next)
        open[slot].isUsed = false
        free.append(slot)
        masks.set(slot, optional: false, passive: false, blind: false)
        return states.count == 0 ? .impossible : .possible
    }

    private func capReached() -> String? {
        if states.footprint + next.footprint > budget.memory {
            let limit =
                budget.memory < 1 << 20
                ? "\(budget.memory >> 10) KiB" : "\(budget.memory >> 20) MiB"
            return "the search reached its memory limit of \(limit)"
        }
        let now = budget.now()
        if now > budget.deadline || now &- startedAt > budget.perKey {
            return "the search reached its time limit"
        }
        return nil
    }

    /// Adds the states that one more operation makes of this one; `processed` of them are done.
    private func expand(_ state: UnsafeMutablePointer<UInt64>, _ slot: Int, _ processed: Int) {
        let words = masks.words
        let stride = states.stride
        let needsAll = growth.isUnsure(state)
        for (i, writer) in growth.writers.enumerated() {
            let (word, bit) = (Int(writer.slot) >> 6, UInt64(1) << UInt64(writer.slot & 63))
            if state[1 + word] & bit != 0 { continue }
            if writer.isCas, writer.expected != state[0] { continue }
            if writer.twin >= 0,
                state[1 + Int(writer.twin) >> 6] >> UInt64(writer.twin & 63) & 1 == 0
            {
                continue
            }
            // A cas that is known to have happened must use the moment at which it can.
            let isDue = Int(writer.slot) == slot || (writer.isCas && writer.isKnown)
            guard isDue || needsAll || growth.isWanted(i, state) else { continue }
            let made = grown.clear(for: stride)
            made.update(from: state, count: stride)
            made[0] =
                writer.isAppend ? joined.append(writer.value, to: state[0]) : writer.value
            made[1 + word] |= bit
            if writer.isBlind {
                // Every other open blind write may from now on have been put before this one.
                for k in 0..<words {
                    made[1 + words + k] |= growth.hideable.base[k] & ~made[1 + k]
                }
            }
            made[1 + words + word] &= ~bit
            growth.absorb(made)
            states.insert(made, masks, replaceableFrom: processed)
        }
    }
}

/// What one completion asks of the open operations, gathered once and used for every state.
private struct Growth: ~Copyable {
    struct Writer: BitwiseCopyable {
        var slot: Int32
        var twin: Int32
        var value: UInt64
        var expected: UInt64
        var isCas: Bool
        var isKnown: Bool
        var isAppend: Bool
        var isBlind: Bool
    }

    private struct Refuted {
        var slot: Int32
        var expected: UInt64
    }

    private(set) var writers: ContiguousArray<Writer> = []
    private var refuted: ContiguousArray<Refuted> = []
    private var words = 1
    /// Open known blind writes.
    private(set) var hideable = Scratch<UInt64>()
    /// Open refuted cas and appends, for which any value may matter.
    private var unsure = Scratch<UInt64>()
    /// By distinct value of the open reads, with the masks of those reads one after the other.
    private var readValues: ContiguousArray<UInt64> = []
    private var readMasks = Scratch<UInt64>()
    /// By writer: who waits for its value.
    private var wanting = Scratch<UInt64>()
    private var hasUnsure = false

    mutating func prepare(_ open: ContiguousArray<JustInTime.Open>, words: Int) {
        self.words = words
        writers.removeAll(keepingCapacity: true)
        refuted.removeAll(keepingCapacity: true)
        readValues.removeAll(keepingCapacity: true)
        hasUnsure = false
        Growth.zero(&hideable, words)
        Growth.zero(&unsure, words)
        for (slot, operation) in open.enumerated() where operation.isUsed {
            let (word, bit) = (slot >> 6, UInt64(1) << UInt64(slot & 63))
            if operation.isRefuted || operation.isAppend {
                unsure.base[word] |= bit
                hasUnsure = true
            }
            if operation.isRefuted {
                refuted.append(
                    Refuted(
                        slot: Int32(truncatingIfNeeded: slot), expected: operation.expected))
            } else if operation.isRead {
                note(operation.value, word, bit)
            } else {
                if operation.isKnown, operation.isBlind { hideable.base[word] |= bit }
                writers.append(
                    Writer(
                        slot: Int32(truncatingIfNeeded: slot), twin: operation.twin,
                        value: operation.value, expected: operation.expected,
                        isCas: operation.isCas, isKnown: operation.isKnown,
                        isAppend: operation.isAppend, isBlind: operation.isBlind))
            }
        }
        findWanting()
    }

    private static func zero(_ cells: inout Scratch<UInt64>, _ count: Int) {
        let base = cells.clear(for: count)
        for i in 0..<count { base[i] = 0 }
    }

    private mutating func note(_ value: UInt64, _ word: Int, _ bit: UInt64) {
        var place = readValues.firstIndex(of: value) ?? -1
        if place < 0 {
            place = readValues.count
            readValues.append(value)
            readMasks.grow(
                to: readValues.count * words, keeping: place * words, filling: 0)
            for i in 0..<words { readMasks.base[place * words + i] = 0 }
        }
        readMasks.base[place * words + word] |= bit
    }

    private mutating func findWanting() {
        Growth.zero(&wanting, max(1, writers.count * words))
        for (i, writer) in writers.enumerated() {
            let own = wanting.base + i * words
            if let reads = readValues.firstIndex(of: writer.value) {
                for k in 0..<words { own[k] = readMasks.base[reads * words + k] }
            }
            for other in writers
            where other.isCas && other.expected == writer.value && other.slot != writer.slot {
                own[Int(other.slot) >> 6] |= 1 << UInt64(other.slot & 63)
            }
        }
    }

    /// Serves every open read that the state's value satisfies.
    @inline(__always)
    func absorb(_ state: UnsafeMutablePointer<UInt64>) {
        let value = state[0]
        for (place, wanted) in readValues.enumerated() where wanted == value {
            for k in 0..<words { state[1 &+ k] |= readMasks.base[place &* words &+ k] }
            break
        }
        for other in refuted where other.expected != value {
            state[1 &+ Int(other.slot) >> 6] |= 1 << UInt64(other.slot & 63)
        }
    }

    /// Whether someone in the state still waits for the value of this writer.
    @inline(__always)
    func isWanted(_ writer: Int, _ state: UnsafeMutablePointer<UInt64>) -> Bool {
        for k in 0..<words where wanting.base[writer &* words &+ k] & ~state[1 &+ k] != 0 {
            return true
        }
        return false
    }

    /// Whether an operation is left in the state for which any value may matter.
    @inline(__always)
    func isUnsure(_ state: UnsafeMutablePointer<UInt64>) -> Bool {
        guard hasUnsure else { return false }
        for k in 0..<words where unsure.base[k] & ~state[1 &+ k] != 0 { return true }
        return false
    }
}
