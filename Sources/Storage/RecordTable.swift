import Basics
import Causality

/// The records in memory: extendible hashing over pointers to them (Fagin et al. 1979).
///
/// The top bits of a hash choose a segment, so that a shard, being such bits too, is a run of
/// segments; its low bits the slot within, and collisions go to the next slot (linear probing). A
/// full segment of `splitSlots` is split in two by one more bit: no put waits for more than that.
/// A record is one allocation (`Record`).
struct RecordTable: ~Copyable {
    // Invariants: the directory has 2^(64 - shift) entries; a segment whose own depth is d stands
    // in the 2^(64 - shift - d) entries that share the top d bits of its records' hashes, the
    // first of which counts them; each key is in the segment of its hash.
    private var directory: UnsafeMutablePointer<SegmentEntry>
    private var shift: UInt64 = 63
    private var segments = 2

    /// Records replaced or removed since `reclaim`, which slices of this turn may still point into.
    private var replaced: [Record] = []

    /// Keys, deleted ones included.
    private(set) var count = 0
    /// Bytes of all keys.
    private(set) var keyBytes = 0
    /// Bytes of all values.
    private(set) var valueBytes = 0

    /// A segment of so many slots is split and not enlarged.
    private static let splitSlots = 512
    /// The directory may always have so many entries.
    private static let freeEntries = 1 << 12
    /// And so many for each segment: when hashes crowd under few prefixes, segments grow instead.
    private static let entriesPerSegment = 64

    init() {
        directory = .allocate(capacity: 2)
        for index in 0..<2 {
            (directory + index).initialize(
                to: SegmentEntry(slots: SegmentSlots(capacity: 16), count: 0, depth: 1))
        }
    }

    deinit {
        var index = 0
        while index < entryCount {
            let slots = directory[index].slots
            for slot in 0..<slots.capacity { slots.record(slot)?.free() }
            slots.free()
            index += run(of: directory[index].depth)
        }
        for record in replaced { record.free() }
        directory.deallocate()
    }

    private var entryCount: Int { 1 << Int(64 &- shift) }

    /// Entries in which a segment of a depth stands.
    private func run(of depth: UInt32) -> Int { 1 &<< (64 &- Int(shift) &- Int(depth)) }

    @inline(__always)
    private func slots(of hash: UInt64) -> SegmentSlots {
        directory[Int(truncatingIfNeeded: hash &>> shift)].slots
    }

    /// The first entry of the segment of a hash.
    private func entry(of hash: UInt64) -> Int {
        let index = Int(truncatingIfNeeded: hash &>> shift)
        return index & ~(run(of: directory[index].depth) &- 1)
    }

    /// The record of a key. O(1) expected.
    @inline(__always)
    func find(_ key: HashedKey) -> Record? { slots(of: key.hash).find(key) }

    /// Loads the slot where a key's search begins; for batches of look-ups, so that their cache
    /// misses overlap. The result is of use only to be used.
    @inline(__always)
    func touchSlot(_ hash: UInt64) -> UInt64 { slots(of: hash).firstAddress(hash) }

    /// Loads the head of the record that a hash leads to, after `touchSlot`.
    @inline(__always)
    func touchRecord(_ hash: UInt64) -> UInt64 { slots(of: hash).firstRecord(hash)?.stamp ?? 0 }

    /// What a put has done to the table.
    struct Change {
        /// Where the key's record was; nil for a new key. Readable until `reclaim`.
        var former: Record?
        /// Where it is.
        var record: Record
    }

    /// Stores a record, in place if the one that was there has room. O(1) expected; allocates only
    /// for new keys and for values that do not fit.
    @discardableResult
    mutating func put(
        _ key: HashedKey, _ content: Content, _ version: Version, _ position: LogPosition
    ) -> Change {
        let slots = slots(of: key.hash)
        let index = slots.search(key)
        if let old = slots.record(index) {
            valueBytes &+= content.bytes.count &- old.contentCount
            if old.overwrite(content, version, position) {
                return Change(former: old, record: old)
            }
            let fresh = Record(key, content, version, position)
            replaced.append(old)
            slots.set(index, key.hash, fresh)
            return Change(former: old, record: fresh)
        }
        let fresh = Record(key, content, version, position)
        let entry = makeRoom(for: key.hash)
        directory[entry].slots.insert(key.hash, fresh)
        directory[entry].count &+= 1
        count &+= 1
        keyBytes &+= key.bytes.count
        valueBytes &+= content.bytes.count
        return Change(former: nil, record: fresh)
    }

    /// Takes a key out, and returns its record, readable until `reclaim`; nil if there is none.
    /// O(1) expected.
    @discardableResult
    mutating func remove(_ key: HashedKey) -> Record? {
        let entry = entry(of: key.hash)
        let slots = directory[entry].slots
        let index = slots.search(key)
        guard let record = slots.record(index) else { return nil }
        slots.vacate(index)
        directory[entry].count &-= 1
        count &-= 1
        keyBytes &-= record.key.count
        valueBytes &-= record.contentCount
        replaced.append(record)
        return record
    }

    /// Frees replaced records. To be called at the end of a turn, when no slice of one is in use.
    mutating func reclaim() {
        if replaced.isEmpty { return }
        for record in replaced { record.free() }
        replaced.removeAll(keepingCapacity: true)
    }

    /// Adds the records of the segment of `first` whose hashes are in `first...last`, in no order,
    /// and returns the last hash that belongs to that segment. O(slots of the segment).
    func collect(
        from first: UInt64, through last: UInt64, into found: inout [(hash: UInt64, record: Record)]
    ) -> UInt64 {
        let entry = entry(of: first)
        let slots = directory[entry].slots
        for index in 0..<slots.capacity {
            guard let record = slots.record(index) else { continue }
            let hash = slots.hash(index)
            if hash >= first, hash <= last { found.append((hash, record)) }
        }
        return UInt64(entry + run(of: directory[entry].depth)) &<< shift &- 1
    }

    /// Before a key is added: the entry of its segment, which has room.
    private mutating func makeRoom(for hash: UInt64) -> Int {
        var entry = entry(of: hash)
        while directory[entry].isFull {
            let segment = directory[entry]
            let depth = UInt32(64 &- shift)
            if segment.slots.capacity < RecordTable.splitSlots || depth >= 48 {
                enlarge(entry)
            } else if segment.depth < depth {
                split(entry)
            } else if entryCount * 2
                <= max(RecordTable.freeEntries, RecordTable.entriesPerSegment * segments)
            {
                doubleDirectory()
                split(self.entry(of: hash))
            } else {
                enlarge(entry)
            }
            entry = self.entry(of: hash)
        }
        return entry
    }

    private mutating func enlarge(_ entry: Int) {
        let old = directory[entry].slots
        let larger = SegmentSlots(capacity: old.capacity * 2)
        for index in 0..<old.capacity {
            if let record = old.record(index) { larger.insert(old.hash(index), record) }
        }
        for index in entry..<entry + run(of: directory[entry].depth) {
            directory[index].slots = larger
        }
        old.free()
    }

    /// Divides a segment by the next bit of its records' hashes.
    private mutating func split(_ entry: Int) {
        let old = directory[entry]
        let half = run(of: old.depth) / 2
        let bit = UInt64(1) &<< (63 &- UInt64(old.depth))
        let low = SegmentSlots(capacity: old.slots.capacity)
        let high = SegmentSlots(capacity: old.slots.capacity)
        var moved: UInt32 = 0
        for index in 0..<old.slots.capacity {
            guard let record = old.slots.record(index) else { continue }
            let hash = old.slots.hash(index)
            if hash & bit == 0 {
                low.insert(hash, record)
            } else {
                high.insert(hash, record)
                moved += 1
            }
        }
        for index in 0..<half {
            directory[entry + index] = SegmentEntry(
                slots: low, count: old.count - moved, depth: old.depth + 1)
            directory[entry + half + index] = SegmentEntry(
                slots: high, count: moved, depth: old.depth + 1)
        }
        segments += 1
        old.slots.free()
    }

    private mutating func doubleDirectory() {
        let count = entryCount
        let larger = UnsafeMutablePointer<SegmentEntry>.allocate(capacity: count * 2)
        for index in 0..<count * 2 { (larger + index).initialize(to: directory[index / 2]) }
        directory.deallocate()
        directory = larger
        shift -= 1
    }
}

/// A directory's word on one segment: 16 bytes.
private struct SegmentEntry {
    var slots: SegmentSlots
    /// Records in it; kept in the first entry only.
    var count: UInt32
    /// How many top bits its records' hashes share.
    var depth: UInt32

    /// Three quarters are taken: more would make searches long.
    var isFull: Bool { Int(count) >= slots.capacity / 4 &* 3 }
}

/// The slots of a segment: 16 bytes each, {hash, 0} when free and {hash, address of a live Record}
/// when taken; a power of two of them, at least 16. The table frees them.
private struct SegmentSlots {
    // Their address, a multiple of 64, with the logarithm of their number in its low bits: one
    // load leads from the directory to a slot.
    private let word: UInt

    init(capacity: Int) {
        let base = UnsafeMutableRawPointer.allocate(byteCount: capacity &* 16, alignment: 64)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: capacity &* 16)
        word = UInt(bitPattern: base) | UInt(capacity.trailingZeroBitCount)
    }

    func free() { base.deallocate() }

    @inline(__always)
    private var base: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: word & ~63).unsafelyUnwrapped
    }

    @inline(__always)
    var capacity: Int { 1 &<< Int(word & 63) }

    @inline(__always)
    private var mask: Int { capacity &- 1 }

    @inline(__always)
    private func slot(_ index: Int) -> UnsafeMutableRawPointer { base + index &* 16 }

    @inline(__always)
    func hash(_ index: Int) -> UInt64 { slot(index).load(as: UInt64.self) }

    @inline(__always)
    private func address(_ index: Int) -> UInt64 {
        slot(index).load(fromByteOffset: 8, as: UInt64.self)
    }

    @inline(__always)
    func record(_ index: Int) -> Record? {
        Record(address: UInt(truncatingIfNeeded: address(index)))
    }

    @inline(__always)
    func set(_ index: Int, _ hash: UInt64, _ record: Record) {
        slot(index).storeBytes(of: hash, as: UInt64.self)
        slot(index).storeBytes(of: UInt64(record.address), toByteOffset: 8, as: UInt64.self)
    }

    @inline(__always)
    private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & mask }

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

    /// The word of the slot where a search begins.
    @inline(__always)
    func firstAddress(_ hash: UInt64) -> UInt64 { address(home(hash)) }

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

    /// Frees a slot and moves those behind it that probed past it, so that every search still ends
    /// at a free slot (Knuth, volume 3, algorithm 6.4 R).
    func vacate(_ taken: Int) {
        var hole = taken
        var index = taken
        while true {
            index = (index &+ 1) & mask
            guard let record = record(index) else { break }
            let hash = hash(index)
            // It may move if its home is not within the slots from behind the hole up to it.
            if (index &- home(hash)) & mask >= (index &- hole) & mask {
                set(hole, hash, record)
                hole = index
            }
        }
        slot(hole).storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
    }
}
