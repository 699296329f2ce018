/// Just-in-time linearization with memoised states (Lowe 2017) for one key whose values repeat:
/// exact, exponential in the concurrency at worst, within hard caps.
///
/// A state is the key's value and which of the open operations have taken effect. States grow
/// only when an operation completes, and only by cas and by writes that an open operation
/// waits for.
/// Reads are absorbed as soon as they fit, which is sound because they change nothing. A blind
/// write that nobody sees is never tried: once another blind write took effect while it was open,
/// it may be put unseen just before that one, which one bit per open write records.
struct Search {
    enum Outcome {
        case holds
        /// No order fits; the position of the operation at whose completion none was left.
        case violated(Int32)
        /// A cap was reached after this many completions out of `total` had been verified.
        case exhausted(String, verified: Int, total: Int)
    }

    private struct Event {
        var time: Int64
        var isReturn: Bool
        var position: Int32
    }

    private let work: KeyWork
    private let budget: Budget
    private var events: [Event] = []
    private var slots: [Int32] = []
    private var slotOf: [Int32]
    /// The slot of an earlier invoked unknown operation that is the same in every way; −1 none.
    private var twins: [Int32] = []
    private var words = 1
    /// The slots of unknown operations, which no state must ever use.
    private var optional: [UInt64] = []
    private var stride: Int { 1 + 2 * words }
    private var states = StateSet()
    private var next = StateSet()
    private var startedAt: UInt64
    private var joined: AppendedValues

    init(_ work: KeyWork, budget: Budget) {
        self.work = work
        self.budget = budget
        slotOf = [Int32](repeating: -1, count: work.count)
        startedAt = budget.now()
        joined = AppendedValues(work.values)
        schedule()
    }

    /// Runs to the end, or to the first impossible completion, or to a cap.
    mutating func run() -> Outcome {
        var initial = [UInt64](repeating: 0, count: stride)
        if case .value(let value) = work.initial { initial[0] = value.raw }
        if work.initial == .unknown { initial[0] = work.clusters.base[0].value.raw }
        states.reset(stride: stride, optional: optional)
        states.insert(initial)
        let total = events.lazy.filter(\.isReturn).count
        var verified = 0
        for event in events {
            let slot = Int(slotOf[Int(event.position)])
            if !event.isReturn {
                slots[slot] = event.position
                continue
            }
            if let cap = complete(slot) {
                return .exhausted(cap, verified: verified, total: total)
            }
            slots[slot] = -1
            if states.count == 0 { return .violated(event.position) }
            verified += 1
        }
        return .holds
    }

    // MARK: Preparation

    private mutating func schedule() {
        let operations = work.operations.base
        for position in relevant() {
            let operation = operations[Int(position)]
            events.append(Event(time: operation.start, isReturn: false, position: position))
            if operation.finish != Operation.never {
                events.append(Event(time: operation.finish, isReturn: true, position: position))
            }
        }
        // At equal times invocations come first: touching operations are concurrent.
        events.sort {
            ($0.time, $0.isReturn ? 1 : 0, $0.position)
                < ($1.time, $1.isReturn ? 1 : 0, $1.position)
        }
        assignSlots()
    }

    private mutating func assignSlots() {
        var free: [Int32] = []
        var lastTwin: [[UInt64]: Int32] = [:]
        for event in events {
            if event.isReturn {
                free.append(slotOf[Int(event.position)])
                continue
            }
            let operation = work.operations.base[Int(event.position)]
            let slot: Int32
            if operation.finish != Operation.never, let reused = free.popLast() {
                slot = reused
            } else {
                slot = Int32(twins.count)
                twins.append(-1)
            }
            slotOf[Int(event.position)] = slot
            if operation.finish == Operation.never {
                let kind: [UInt64] = [
                    UInt64(operation.kind.rawValue) | UInt64(operation.flags.rawValue) << 8,
                    operation.value.raw,
                    work.expected(event.position).raw,
                ]
                twins[Int(slot)] = lastTwin[kind] ?? -1
                lastTwin[kind] = slot
            }
        }
        slots = [Int32](repeating: -1, count: twins.count)
        words = max(1, (twins.count + 63) / 64)
        optional = [UInt64](repeating: 0, count: words)
        for event in events where !event.isReturn {
            guard work.operations.base[Int(event.position)].finish == Operation.never else {
                continue
            }
            let slot = Int(slotOf[Int(event.position)])
            optional[slot / 64] |= 1 << UInt64(slot % 64)
        }
    }

    /// Everything but failed operations and unknown ones that no one can have seen.
    private func relevant() -> [Int32] {
        let operations = work.operations.base
        let all = (0..<Int32(work.count)).filter {
            operations[Int($0)].outcome != .fail || operations[Int($0)].flags.contains(.refuted)
        }
        if work.profile.refuted > 0 || work.profile.appends > 0 { return all }
        var wanted = Set<ValueID>()
        for position in all where operations[Int(position)].outcome == .ok {
            if let value = wants(position) { wanted.insert(value) }
        }
        var kept = Set<Int32>()
        var changed = true
        while changed {
            changed = false
            for position in all where operations[Int(position)].outcome == .unknown {
                guard wanted.contains(operations[Int(position)].value),
                    kept.insert(position).inserted
                else { continue }
                changed = true
                if let value = wants(position) { wanted.insert(value) }
            }
        }
        return all.filter { operations[Int($0)].outcome != .unknown || kept.contains($0) }
    }

    /// The value that an operation must find.
    private func wants(_ position: Int32) -> ValueID? {
        let operation = work.operations.base[Int(position)]
        switch operation.kind {
        case .read: return operation.value
        case .cas: return operation.outcome == .fail ? nil : work.expected(position)
        case .write, .delete: return nil
        }
    }

    // MARK: Growth

    /// Grows the states until the operation in this slot has taken effect in each; the name of a
    /// cap that was reached, if any.
    private mutating func complete(_ slot: Int) -> String? {
        let position = slots[slot]
        let operation = work.operations.base[Int(position)]
        let isAppend = operation.flags.contains(.append)
        let isBlind = (operation.kind == .write && !isAppend) || operation.kind == .delete
        let open = slots.indices.filter { slots[$0] >= 0 }
        let operations = open.map { openOperation($0) }
        next.reset(stride: stride, optional: optional)
        var state = [UInt64](repeating: 0, count: stride)
        var i = 0
        while i < states.count {
            if i & 255 == 0, let cap = capReached() { return cap }
            states.copy(i, to: &state)
            i += 1
            absorb(operations, &state)
            if isSet(state, slot, 0) {
                var done = state
                clear(&done, slot)
                next.insert(done)
                continue
            }
            if isBlind, isSet(state, slot, words) {
                var hidden = state
                clear(&hidden, slot)
                next.insert(hidden)
            }
            expand(state, slot, operations)
        }
        swap(&states, &next)
        return nil
    }

    private func capReached() -> String? {
        let bytes = (states.footprint + next.footprint)
        if bytes > budget.memory {
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

    /// An open operation with what the growth asks of it.
    private struct Open {
        var slot: Int
        var kind: Operation.Kind
        var isRefuted: Bool
        var value: UInt64
        var expected: UInt64
        var twin: Int
        var isKnown: Bool
        var isAppend: Bool

        var isBlind: Bool { (kind == .write && !isAppend) || kind == .delete }
    }

    private func openOperation(_ slot: Int) -> Open {
        let operation = work.operations.base[Int(slots[slot])]
        return Open(
            slot: slot, kind: operation.kind, isRefuted: operation.outcome == .fail,
            value: operation.value.raw, expected: work.expected(slots[slot]).raw,
            twin: Int(twins[slot]), isKnown: operation.finish != Operation.never,
            isAppend: operation.flags.contains(.append))
    }

    private func absorb(_ open: [Open], _ state: inout [UInt64]) {
        for operation in open where !isSet(state, operation.slot, 0) {
            let fits =
                operation.isRefuted
                ? operation.expected != state[0]
                : operation.kind == .read && operation.value == state[0]
            if fits { set(&state, operation.slot, 0) }
        }
    }

    private mutating func expand(_ state: [UInt64], _ slot: Int, _ open: [Open]) {
        let needsAll = open.contains {
            ($0.isRefuted || $0.isAppend) && !isSet(state, $0.slot, 0)
        }
        for operation in open where operation.kind != .read && !operation.isRefuted {
            if isSet(state, operation.slot, 0) { continue }
            if operation.kind == .cas, operation.expected != state[0] { continue }
            if operation.twin >= 0, !isSet(state, operation.twin, 0) { continue }
            // A cas that is known to have happened must use the moment at which it can.
            let isDue = operation.slot == slot || operation.kind == .cas && operation.isKnown
            guard isDue || needsAll || isWanted(operation.value, state, open) else { continue }
            var grown = state
            grown[0] =
                operation.isAppend
                ? joined.append(operation.value, to: state[0]) : operation.value
            set(&grown, operation.slot, 0)
            if operation.isBlind { noteHidden(&grown, open) }
            absorb(open, &grown)
            states.insert(grown)
        }
    }

    private func isWanted(_ value: UInt64, _ state: [UInt64], _ open: [Open]) -> Bool {
        open.contains { other in
            guard !isSet(state, other.slot, 0), !other.isRefuted else { return false }
            return other.kind == .read && other.value == value
                || other.kind == .cas && other.expected == value
        }
    }

    /// Every other open blind write may from now on have been put unseen before this one.
    private func noteHidden(_ state: inout [UInt64], _ open: [Open]) {
        for other in open
        where other.isKnown && other.isBlind && !isSet(state, other.slot, 0) {
            set(&state, other.slot, words)
        }
    }

    private func isSet(_ state: [UInt64], _ slot: Int, _ offset: Int) -> Bool {
        state[1 + offset + slot / 64] >> UInt64(slot % 64) & 1 == 1
    }

    private func set(_ state: inout [UInt64], _ slot: Int, _ offset: Int) {
        state[1 + offset + slot / 64] |= 1 << UInt64(slot % 64)
    }

    private func clear(_ state: inout [UInt64], _ slot: Int) {
        state[1 + slot / 64] &= ~(1 << UInt64(slot % 64))
        state[1 + words + slot / 64] &= ~(1 << UInt64(slot % 64))
    }
}

/// The values that appending makes, numbered like the history's own; those that the history knows
/// keep their number, so that reads find them.
private struct AppendedValues {
    private let known: NameTable
    private var made = NameTable()
    private var results: [[UInt64]: UInt64] = [:]
    private static let madeBit: UInt64 = 1 << 62

    init(_ known: NameTable) { self.known = known }

    mutating func append(_ suffix: UInt64, to value: UInt64) -> UInt64 {
        if value == 0 { return suffix }
        if let result = results[[value, suffix]] { return result }
        let text = text(value) + text(suffix)
        let result =
            known.find(text).map { ValueID.interned($0).raw }
            ?? (1 << 63 | AppendedValues.madeBit | UInt64(made.intern(text)))
        results[[value, suffix]] = result
        return result
    }

    private func text(_ raw: UInt64) -> String {
        let value = ValueID(raw: raw)
        if value.isAbsent { return "" }
        if !value.isInterned { return "w:\(value.process):\(value.sequence)" }
        let isMade = raw & AppendedValues.madeBit != 0
        return (isMade ? made : known).text(Int(value.tableIndex))
    }
}

/// States of equal length in one flat buffer, of which none could do all that another one can:
/// one that is like another, but has used up fewer optional operations, makes that one needless.
private struct StateSet {
    private var cells = ContiguousArray<UInt64>()
    private var table = ContiguousArray<Int32>(repeating: -1, count: 64)
    private var stride = 1
    private var optional: [UInt64] = []
    private(set) var count = 0

    var footprint: Int { cells.capacity * 8 + table.capacity * 4 }

    mutating func reset(stride: Int, optional: [UInt64]) {
        self.stride = stride
        self.optional = optional
        if count > 0 || table.count > 64 {
            table = ContiguousArray(repeating: -1, count: 64)
        }
        cells.removeAll(keepingCapacity: true)
        count = 0
    }

    func copy(_ index: Int, to state: inout [UInt64]) {
        for i in 0..<stride { state[i] = cells[index * stride + i] }
    }

    mutating func insert(_ state: [UInt64]) {
        var slot = hash(state) & (table.count - 1)
        while table[slot] >= 0 {
            if covers(Int(table[slot]), state) { return }
            slot = (slot + 1) & (table.count - 1)
        }
        table[slot] = Int32(count)
        cells.append(contentsOf: state)
        count += 1
        if count * 2 > table.count { grow() }
    }

    /// Whether the stored state is equal, but for optional operations that it did not use.
    private func covers(_ index: Int, _ state: [UInt64]) -> Bool {
        let base = index * stride
        for i in 0..<stride where cells[base + i] != state[i] {
            guard i > 0, i <= optional.count else { return false }
            let difference = cells[base + i] ^ state[i]
            if difference & ~(optional[i - 1] & state[i]) != 0 { return false }
        }
        return true
    }

    private mutating func grow() {
        let size = table.count * 2
        table = ContiguousArray(repeating: -1, count: size)
        var state = [UInt64](repeating: 0, count: stride)
        for index in 0..<count {
            copy(index, to: &state)
            var slot = hash(state) & (size - 1)
            while table[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            table[slot] = Int32(index)
        }
    }

    private func hash(_ state: [UInt64]) -> Int {
        var mixed: UInt64 = 0x9e37_79b9_7f4a_7c15
        for i in 0..<stride {
            let cell = i > 0 && i <= optional.count ? state[i] & ~optional[i - 1] : state[i]
            let product = (mixed ^ cell).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
            mixed = product.high ^ product.low
        }
        return Int(truncatingIfNeeded: mixed & 0x7fff_ffff_ffff_ffff)
    }
}
