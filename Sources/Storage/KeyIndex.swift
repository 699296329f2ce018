import Basics

/// Records in the order of their keys: a B+ tree of pointers to them, with wide nodes.
///
/// Ordered by keyspace, then by the key's bytes. It owns no record: whoever frees or moves one
/// takes it out or replaces it here first. An entry costs eight bytes and its share of free room,
/// twelve in the mean when keys come in random order; keys that come in ascending order fill
/// the nodes.
struct KeyIndex: ~Copyable {
    private var root = IndexNode(level: 0)
    /// Records in it.
    private(set) var count = 0

    init() {}

    deinit { root.freeTree() }

    /// Adds a record whose key is not here. O(log n).
    mutating func insert(_ record: Record) {
        count += 1
        guard let (least, right) = root.insert(record, isLast: true) else { return }
        let former = root
        root = IndexNode(level: former.level + 1)
        root.open(0, least: least, former)
        root.open(1, least: least, right)
    }

    /// A key's record is another one from now on. O(log n).
    func replace(_ former: Record, by record: Record) {
        root.replace(former, by: record, least: nil)
    }

    /// Takes out the record of a key. O(log n).
    mutating func remove(_ record: Record) {
        count -= 1
        root.remove(record, least: nil)
        while root.level > 0, root.count == 1 {
            let former = root
            root = former.child(0)
            former.free()
        }
    }

    /// Visits the records from a key on, until `visit` returns false. O(log n + visited).
    func visit(
        from key: Bytes, in keyspace: KeyspaceID, _ visit: (Record) -> Bool
    ) {
        _ = root.visit(from: key, keyspace, visit)
    }
}

/// A node: 2 KiB. A leaf (level 0) holds pointers to records; an inner node holds for each child
/// the record of its least key, and the child.
private struct IndexNode {
    // Invariants: `count` entries are set. The children of a node are one level below it. Entry
    // i > 0 of an inner node names the first record of the leftmost leaf below child i; that of
    // entry 0 stands in the ancestors, and is not read here.
    private let base: UnsafeMutableRawPointer

    private static let headerBytes = 16
    private static let leafEntries = 254
    private static let innerEntries = 127

    init(level: Int) {
        base = .allocate(byteCount: 2_048, alignment: 16)
        base.storeBytes(of: 0, as: Int.self)
        base.storeBytes(of: level, toByteOffset: 8, as: Int.self)
    }

    private init(_ base: UnsafeMutableRawPointer) { self.base = base }

    func free() { base.deallocate() }

    func freeTree() {
        if level > 0 { for i in 0..<count { child(i).freeTree() } }
        free()
    }

    var count: Int { base.load(as: Int.self) }
    private func setCount(_ count: Int) { base.storeBytes(of: count, as: Int.self) }
    var level: Int { base.load(fromByteOffset: 8, as: Int.self) }
    private var stride: Int { level == 0 ? 8 : 16 }
    private var capacity: Int { level == 0 ? IndexNode.leafEntries : IndexNode.innerEntries }

    @inline(__always)
    private func entry(_ i: Int) -> UnsafeMutableRawPointer {
        base + (IndexNode.headerBytes &+ i &* stride)
    }

    private func record(_ i: Int) -> Record { IndexNode.record(at: entry(i)) }

    private static func record(at place: UnsafeMutableRawPointer) -> Record {
        guard let record = Record(address: place.load(as: UInt.self)) else {
            preconditionFailure("an entry of the index holds no record")
        }
        return record
    }

    func child(_ i: Int) -> IndexNode {
        IndexNode((entry(i) + 8).load(as: UnsafeMutableRawPointer.self))
    }

    /// Makes entry i, behind which the others move on.
    func open(_ i: Int, least: Record, _ child: IndexNode? = nil) {
        let place = entry(i)
        (place + stride).copyMemory(from: place, byteCount: (count - i) * stride)
        place.storeBytes(of: least.address, as: UInt.self)
        if let child { (place + 8).storeBytes(of: child.base, as: UnsafeMutableRawPointer.self) }
        setCount(count + 1)
    }

    private func close(_ i: Int) {
        entry(i).copyMemory(from: entry(i + 1), byteCount: (count - i - 1) * stride)
        setCount(count - 1)
    }

    /// In a leaf the first record that is not below the key; in an inner node the child that may
    /// hold the key.
    private func place(of key: Bytes, _ keyspace: KeyspaceID) -> Int {
        var low = level == 0 ? 0 : 1
        var high = count
        while low < high {
            let middle = (low + high) / 2
            let record = record(middle)
            let isBefore: Bool
            if record.keyspace != keyspace {
                isBefore = record.keyspace < keyspace
            } else if level == 0 {
                isBefore = record.key < key
            } else {
                isBefore = !(key < record.key)
            }
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return level == 0 ? low : low - 1
    }

    private func place(of record: Record) -> Int { place(of: record.key, record.keyspace) }

    /// Adds a record; when that takes a new node to the right of this one, returns it with its
    /// least record. `isLast`: no node is to the right on this level.
    func insert(_ new: Record, isLast: Bool) -> (Record, IndexNode)? {
        let i = place(of: new)
        guard level > 0 else { return add(new, at: i, isLast: isLast) }
        guard let (least, right) = child(i).insert(new, isLast: isLast && i == count - 1) else {
            return nil
        }
        return add(least, right, at: i + 1, isLast: isLast)
    }

    private func add(
        _ least: Record, _ child: IndexNode? = nil, at i: Int, isLast: Bool
    ) -> (Record, IndexNode)? {
        guard count == capacity else {
            open(i, least: least, child)
            return nil
        }
        let right = IndexNode(level: level)
        // Keys in ascending order leave full nodes behind.
        let kept = isLast && i == count ? count - 1 : count / 2
        right.entry(0).copyMemory(from: entry(kept), byteCount: (count - kept) * stride)
        right.setCount(count - kept)
        setCount(kept)
        if i <= kept {
            open(i, least: least, child)
        } else {
            right.open(i - kept, least: least, child)
        }
        return (right.record(0), right)
    }

    /// `least` is the one place above that names this node's first record.
    func replace(_ former: Record, by new: Record, least: UnsafeMutableRawPointer?) {
        let i = place(of: former)
        guard level == 0 else {
            return child(i).replace(former, by: new, least: i == 0 ? least : entry(i))
        }
        precondition(i < count && record(i) == former, "the index lacks a record")
        entry(i).storeBytes(of: new.address, as: UInt.self)
        if i == 0 { least?.storeBytes(of: new.address, as: UInt.self) }
    }

    func remove(_ old: Record, least: UnsafeMutableRawPointer?) {
        let i = place(of: old)
        guard level > 0 else {
            precondition(i < count && record(i) == old, "the index lacks a record")
            close(i)
            if i == 0, count > 0 { least?.storeBytes(of: record(0).address, as: UInt.self) }
            return
        }
        let child = child(i)
        child.remove(old, least: i == 0 ? least : entry(i))
        if child.count == 0 {
            child.free()
            close(i)
            if i == 0, count > 0 { least?.storeBytes(of: record(0).address, as: UInt.self) }
        } else if child.count < child.capacity / 4 {
            if i + 1 < count { merge(i) } else if i > 0 { merge(i - 1) }
        }
    }

    /// Joins a child with the one to its right, if both fit one node with room to spare.
    private func merge(_ i: Int) {
        let left = child(i)
        let right = child(i + 1)
        guard left.count + right.count <= left.capacity / 4 * 3 else { return }
        left.entry(left.count).copyMemory(
            from: right.entry(0), byteCount: right.count * right.stride)
        if left.level > 0 {
            left.entry(left.count).storeBytes(of: record(i + 1).address, as: UInt.self)
        }
        left.setCount(left.count + right.count)
        right.free()
        close(i + 1)
    }

    /// False when `visit` wants no more.
    func visit(
        from key: Bytes, _ keyspace: KeyspaceID, _ visit: (Record) -> Bool
    ) -> Bool {
        let first = place(of: key, keyspace)
        for i in first..<count {
            let goesOn =
                if level == 0 {
                    visit(record(i))
                } else if i == first {
                    child(i).visit(from: key, keyspace, visit)
                } else {
                    child(i).visitAll(visit)
                }
            if !goesOn { return false }
        }
        return true
    }

    private func visitAll(_ visit: (Record) -> Bool) -> Bool {
        for i in 0..<count {
            if !(level == 0 ? visit(record(i)) : child(i).visitAll(visit)) { return false }
        }
        return true
    }
}
