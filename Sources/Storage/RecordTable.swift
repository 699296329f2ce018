import Basics
import Causality

/// The records in memory: an open-addressing hash table of pointers to them.
///
/// A slot is 16 bytes, the key's hash and the record's address; collisions go to the next slot
/// (linear probing). A key's first slot is given by the bits of its hash after the first few,
/// which name its shard: records therefore lie in the order of those bits, as far as collisions
/// allow, and the keys of a leaf of the hash trees are found together. A record is one allocation
/// (`Record`). Records are replaced and never removed: a deletion is a record too. The table grows
/// a little with every put, so that no put waits for a rehash: first it clears a table of twice
/// the size, then it moves slots there while look-ups search both.
struct RecordTable: ~Copyable {
    // Invariants: every slot is {hash, 0} when free and {hash, address of a live Record} when
    // taken; each key is in `current`, or in the part of `former` at or after `moved`; slots of
    // `former` before `moved` are stale, and a look-up sees them only after `current` missed.
    private var current: SlotArray
    /// The table being left, while `phase` is `moving`.
    private var former: SlotArray
    /// The table being cleared for use, while `phase` is `clearing`.
    private var next: SlotArray
    private var phase = Phase.steady
    private var cleared = 0
    private var moved = 0

    /// Records replaced since `reclaim`, which slices of this turn may still point into.
    private var replaced: [Record] = []

    /// Keys, deleted ones included.
    private(set) var count = 0
    /// Bytes of all keys.
    private(set) var keyBytes = 0
    /// Bytes of all values.
    private(set) var valueBytes = 0

    private enum Phase { case steady, clearing, moving }

    private static let clearedPerPut = 32
    private static let movedPerPut = 8

    /// High bits of a hash that do not count for a key's place.
    private let skippedBits: UInt64
    /// Seed of the fingerprints that `put` returns; nil: it returns none.
    private let fingerprintSeed: UInt64?

    init(skippedBits: Int = 8, fingerprintSeed: UInt64? = nil) {
        self.skippedBits = UInt64(skippedBits)
        self.fingerprintSeed = fingerprintSeed
        current = SlotArray(capacity: 1_024, skipping: self.skippedBits)
        current.clear(from: 0, count: 1_024)
        former = SlotArray()
        next = SlotArray()
    }

    deinit {
        for index in 0..<current.capacity { current.record(index)?.free() }
        if phase == .moving {
            for index in moved..<former.capacity { former.record(index)?.free() }
        }
        for record in replaced { record.free() }
        current.free()
        former.free()
        next.free()
    }

    /// The record of a key. O(1) expected.
    func find(_ key: HashedKey) -> Record? {
        if let record = current.find(key) { return record }
        return phase == .moving ? former.find(key) : nil
    }

    /// Loads the slot where a key's search begins; for batches of look-ups, so that their cache
    /// misses overlap. The result is of use only to be used.
    func touchSlot(_ hash: UInt64) -> UInt64 {
        current.address(current.home(hash))
    }

    /// Loads the head of the record that a hash leads to, after `touchSlot`.
    func touchRecord(_ hash: UInt64) -> UInt64 {
        current.firstRecord(hash)?.stamp ?? 0
    }

    /// Stores a record, in place if the one that was there has room. Returns the fingerprint of
    /// what it replaces, if there was anything. O(1) expected, without a pause for growth;
    /// allocates only for new keys and for values that do not fit.
    mutating func put(
        _ key: HashedKey, _ content: Content, _ version: Version, _ position: LogPosition
    ) -> Hash128? {
        if phase != .steady { advance() }
        var index = current.search(key)
        if let old = current.record(index) {
            let replaced = fingerprint(old, key.hash)
            let fresh = replace(old, key, content, version, position)
            if fresh != old { current.set(index, key.hash, fresh) }
            return replaced
        }
        if phase == .moving {
            let formerIndex = former.search(key)
            if let old = former.record(formerIndex) {
                let replaced = fingerprint(old, key.hash)
                let fresh = replace(old, key, content, version, position)
                if fresh != old { former.set(formerIndex, key.hash, fresh) }
                return replaced
            }
        }
        if grow() { index = current.search(key) }
        current.set(index, key.hash, Record(key, content, version, position))
        count &+= 1
        keyBytes &+= key.bytes.count
        valueBytes &+= content.bytes.count
        return nil
    }

    @inline(__always)
    private func fingerprint(_ record: Record, _ hash: UInt64) -> Hash128? {
        fingerprintSeed.map { record.fingerprint(hash, seed: $0) }
    }

    /// Frees replaced records. To be called at the end of a turn, when no slice of one is in use.
    mutating func reclaim() {
        if replaced.isEmpty { return }
        for record in replaced { record.free() }
        replaced.removeAll(keepingCapacity: true)
    }

    private mutating func replace(
        _ old: Record, _ key: HashedKey, _ content: Content, _ version: Version,
        _ position: LogPosition
    ) -> Record {
        valueBytes &+= content.bytes.count &- old.contentCount
        if old.overwrite(content, version, position) { return old }
        let fresh = Record(key, content, version, position)
        replaced.append(old)
        return fresh
    }

    /// Before a key is added: starts the next step of growth when it is due. True if the new key's
    /// place must be searched again.
    private mutating func grow() -> Bool {
        if phase == .steady, count >= current.capacity / 2 {
            next = SlotArray(capacity: current.capacity * 2, skipping: skippedBits)
            cleared = 0
            phase = .clearing
        }
        guard phase == .clearing, count >= current.capacity / 8 * 5 else { return false }
        // Every put since half full has cleared 32 slots: all are clear long before this.
        next.clear(from: cleared, count: next.capacity - cleared)
        former = current
        current = next
        next = SlotArray()
        moved = 0
        phase = .moving
        return true
    }

    private mutating func advance() {
        if phase == .clearing {
            let step = min(RecordTable.clearedPerPut, next.capacity - cleared)
            next.clear(from: cleared, count: step)
            cleared += step
            return
        }
        let end = min(moved + RecordTable.movedPerPut, former.capacity)
        while moved < end {
            if let record = former.record(moved) {
                current.insert(former.hash(moved), record)
            }
            moved += 1
        }
        if moved == former.capacity {
            former.free()
            former = SlotArray()
            phase = .steady
        }
    }

    // MARK: In order

    /// Where a key stands among all: its hash, the skipped bits last.
    @inline(__always)
    func order(_ hash: UInt64) -> UInt64 {
        hash &<< skippedBits | hash &>> (64 &- skippedBits)
    }

    /// Visits the record of every key whose order is in `range`, in no particular order among
    /// themselves. O(slots of that part of the table).
    func visit(_ range: ClosedRange<UInt64>, _ body: (UInt64, Record) -> Void) {
        visit(range, in: current, from: 0, body)
        if phase == .moving { visit(range, in: former, from: moved, body) }
    }

    private func visit(
        _ range: ClosedRange<UInt64>, in slots: SlotArray, from live: Int,
        _ body: (UInt64, Record) -> Void
    ) {
        let first = slots.home(ofOrder: range.lowerBound)
        let last = slots.home(ofOrder: range.upperBound)
        for step in 0..<slots.capacity {
            let index = (first + step) & slots.mask
            guard let record = slots.record(index) else {
                // Whoever belongs before a free slot is not behind it.
                if first + step >= last { return }
                continue
            }
            let hash = slots.hash(index)
            if index >= live, range.contains(order(hash)) { body(hash, record) }
        }
    }

    /// The end of a range from `start` that covers about `slots` slots.
    func end(ofRangeFrom start: UInt64, slots: Int) -> UInt64 {
        let last = current.home(ofOrder: start) + slots
        return last >= current.capacity ? .max : max(start, current.order(ofHome: last) &- 1)
    }
}

/// A run of slots, sized by a power of two. The table that holds it frees it.
private struct SlotArray {
    private let base: UnsafeMutableRawPointer?
    let capacity: Int
    /// Hashes are shifted left by the one and then right by the other to become places.
    private let skipped: UInt64
    private let shift: UInt64
    var mask: Int { capacity &- 1 }

    /// None.
    init() {
        base = nil
        capacity = 0
        skipped = 0
        shift = 0
    }

    /// Slots whose contents are arbitrary until cleared.
    init(capacity: Int, skipping skipped: UInt64) {
        base = .allocate(byteCount: capacity * 16, alignment: 16)
        self.capacity = capacity
        self.skipped = skipped
        shift = UInt64(64 - capacity.trailingZeroBitCount)
    }

    /// Where the search for a key of this hash begins.
    @inline(__always)
    func home(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash &<< skipped) &>> shift)
    }

    func home(ofOrder order: UInt64) -> Int { Int(truncatingIfNeeded: order &>> shift) }
    func order(ofHome home: Int) -> UInt64 { UInt64(home) &<< shift }

    func free() { base?.deallocate() }

    func clear(from index: Int, count: Int) {
        guard count > 0 else { return }
        slot(index).initializeMemory(as: UInt8.self, repeating: 0, count: count * 16)
    }

    @inline(__always)
    private func slot(_ index: Int) -> UnsafeMutableRawPointer {
        base.unsafelyUnwrapped + index &* 16
    }

    @inline(__always)
    func hash(_ index: Int) -> UInt64 { slot(index).load(as: UInt64.self) }

    @inline(__always)
    func address(_ index: Int) -> UInt64 { slot(index).load(fromByteOffset: 8, as: UInt64.self) }

    @inline(__always)
    func record(_ index: Int) -> Record? {
        Record(address: UInt(truncatingIfNeeded: address(index)))
    }

    @inline(__always)
    func set(_ index: Int, _ hash: UInt64, _ record: Record) {
        slot(index).storeBytes(of: hash, as: UInt64.self)
        slot(index).storeBytes(of: UInt64(record.address), toByteOffset: 8, as: UInt64.self)
    }

    /// The slot of a key, or the free slot where it would go.
    @inline(__always)
    func search(_ key: HashedKey) -> Int {
        var index = home(key.hash)
        while let record = record(index) {
            if hash(index) == key.hash, record.isOf(key) { return index }
            index = (index &+ 1) & mask
        }
        return index
    }

    @inline(__always)
    func find(_ key: HashedKey) -> Record? { record(search(key)) }

    /// The first record with this hash, without looking at its key.
    @inline(__always)
    func firstRecord(_ wanted: UInt64) -> Record? {
        var index = home(wanted)
        while let record = record(index) {
            if hash(index) == wanted { return record }
            index = (index &+ 1) & mask
        }
        return nil
    }

    /// Adds a record whose key is not here.
    @inline(__always)
    func insert(_ hash: UInt64, _ record: Record) {
        var index = home(hash)
        while address(index) != 0 { index = (index &+ 1) & mask }
        set(index, hash, record)
    }
}
