import Basics
import Causality

/// How much this node holds for others, at most, and for how long.
public struct HintLimits: Sendable, Hashable {
    /// Bytes of keys and values, per node they are held for and in all. They are held in memory.
    public var bytesPerTarget: Int
    public var bytes: Int
    /// How long a write is held before it is given up.
    public var window: Instant.Duration

    public init(
        bytesPerTarget: Int = 64 << 20, bytes: Int = 256 << 20,
        window: Instant.Duration = .seconds(3 * 3_600)
    ) {
        self.bytesPerTarget = bytesPerTarget
        self.bytes = bytes
        self.window = window
    }
}

/// What is held for one node.
public struct HintsOwed: Sendable, Hashable {
    public var count = 0
    /// Of keys and values.
    public var bytes = 0

    public init() {}
}

/// Writes that this node holds for others that could not be reached (hinted handoff, DeCandia et
/// al. 2007, §4.6): the newest version of a key for each node that is owed it, oldest first.
struct HintTable: ~Copyable {
    // Invariants: an entry is in the list of its target iff `places` leads to it; entries not in
    // use are listed in `free`; `owed` sums what the lists hold.
    private struct Entry {
        var record: Record?
        var hash: UInt64
        var target: Int
        var since: UInt64
        var previous: Int
        var next: Int
        /// On its way to its owner.
        var isOut = false
    }
    private struct Place: Hashable {
        var hash: UInt64
        var target: Int
    }
    private struct List {
        var head = -1
        var tail = -1
    }

    private var entries: [Entry] = []
    private var free: [Int] = []
    private var places: [Place: Int] = [:]
    private var lists: [List] = []
    /// By node index; as long as the largest that was ever owed anything.
    private(set) var owed: [HintsOwed] = []
    private(set) var count = 0
    private(set) var bytes = 0
    /// Records taken out since `reclaim`, which slices of this turn may still point into.
    private var removed: [Record] = []

    init() {}

    deinit {
        for entry in entries { entry.record?.free() }
        for record in removed { record.free() }
    }

    /// Whether the limits leave room for a write. O(1).
    func hasRoom(
        _ key: HashedKey, _ content: Content, for target: NodeID, _ limits: HintLimits
    ) -> Bool {
        let size = key.bytes.count + content.bytes.count
        let held = Int(target.index) < owed.count ? owed[Int(target.index)].bytes : 0
        guard held + size <= limits.bytesPerTarget, bytes + size <= limits.bytes else {
            return false
        }
        // Two keys of one hash: the second is not taken, rather than mistaken for the first.
        guard let index = places[Place(hash: key.hash, target: Int(target.index))] else {
            return true
        }
        guard let record = entries[index].record else { return true }
        return record.isOf(key)
    }

    /// What is held under a key for a node. O(1).
    func find(_ key: HashedKey, for target: NodeID) -> Record? {
        guard let index = places[Place(hash: key.hash, target: Int(target.index))],
            let record = entries[index].record, record.isOf(key)
        else { return nil }
        return record
    }

    /// Holds a write in place of an older one of its key. O(1) amortised.
    mutating func put(
        _ key: HashedKey, _ content: Content, _ version: Version, for target: NodeID, since: UInt64,
        _ position: LogPosition
    ) {
        remove(key, for: target, upTo: version)
        let target = Int(target.index)
        while lists.count <= target {
            lists.append(List())
            owed.append(HintsOwed())
        }
        let entry = Entry(
            record: Record(key, content, version, position), hash: key.hash, target: target,
            since: since, previous: -1, next: -1)
        let index: Int
        if let reused = free.popLast() {
            entries[reused] = entry
            index = reused
        } else {
            entries.append(entry)
            index = entries.count - 1
        }
        places[Place(hash: key.hash, target: target)] = index
        link(index)
        let size = key.bytes.count + content.bytes.count
        owed[target].count += 1
        owed[target].bytes += size
        count += 1
        bytes += size
    }

    /// Lets go what is held under a key for a node, unless it is newer than `version`. O(1).
    @discardableResult
    mutating func remove(_ key: HashedKey, for target: NodeID, upTo version: Version) -> Bool {
        let place = Place(hash: key.hash, target: Int(target.index))
        guard let index = places[place], let record = entries[index].record,
            record.isOf(key), record.version <= version
        else { return false }
        let size = record.key.count + record.contentCount
        unlink(index)
        owed[place.target].count -= 1
        owed[place.target].bytes -= size
        count -= 1
        bytes -= size
        places[place] = nil
        entries[index].record = nil
        free.append(index)
        removed.append(record)
        return true
    }

    /// Marks the oldest write for a node that is not on its way as being so, and moves it to the
    /// end. O(writes on their way).
    mutating func takeOut(for target: NodeID) -> (record: Record, hash: UInt64)? {
        guard Int(target.index) < lists.count else { return nil }
        var index = lists[Int(target.index)].head
        while index >= 0, entries[index].isOut { index = entries[index].next }
        guard index >= 0, let record = entries[index].record else { return nil }
        unlink(index)
        link(index)
        entries[index].isOut = true
        return (record, entries[index].hash)
    }

    /// It did not arrive: it is to be sent again.
    mutating func bringBack(_ key: HashedKey, for target: NodeID) {
        guard let index = places[Place(hash: key.hash, target: Int(target.index))] else { return }
        entries[index].isOut = false
    }

    /// Places that writes may be held in: for going through all.
    var placeCount: Int { entries.count }

    /// What is held at a place, since when and for whom; nil when nothing is.
    func held(at place: Int) -> (record: Record, hash: UInt64, target: NodeID, since: UInt64)? {
        let entry = entries[place]
        guard let record = entry.record else { return nil }
        return (record, entry.hash, NodeID(entry.target), entry.since)
    }

    /// Frees what was taken out. To be called at the end of a turn.
    mutating func reclaim() {
        if removed.isEmpty { return }
        for record in removed { record.free() }
        removed.removeAll(keepingCapacity: true)
    }

    private mutating func link(_ index: Int) {
        let target = entries[index].target
        entries[index].previous = lists[target].tail
        entries[index].next = -1
        if lists[target].tail >= 0 {
            entries[lists[target].tail].next = index
        } else {
            lists[target].head = index
        }
        lists[target].tail = index
    }

    private mutating func unlink(_ index: Int) {
        let entry = entries[index]
        if entry.previous >= 0 {
            entries[entry.previous].next = entry.next
        } else {
            lists[entry.target].head = entry.next
        }
        if entry.next >= 0 {
            entries[entry.next].previous = entry.previous
        } else {
            lists[entry.target].tail = entry.previous
        }
    }
}
