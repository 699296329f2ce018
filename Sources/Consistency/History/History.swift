/// What the store's own client may add to an operation.
public struct Detail: Hashable, Sendable {
    /// All values a read returned, when there were siblings; empty otherwise.
    public var siblings: [ValueID] = []
    /// The version that was read or written: order first by stamp, then by actor.
    public var version: StoreVersion?
    /// Name of the node that coordinated, as an index into the history's node table.
    public var node: UInt32?
    /// Replicas that answered, as indices into the history's node table.
    public var acks: [Ack] = []
    /// Position of the read whose causal context a write carried.
    public var context: UInt32?

    /// One replica's answer.
    public struct Ack: Hashable, Sendable {
        public var node: UInt32
        /// A node that stood in for an unreachable replica (sloppy quorum).
        public var isFallback: Bool

        public init(node: UInt32, isFallback: Bool) {
            self.node = node
            self.isFallback = isFallback
        }
    }

    public init() {}
}

/// A last-writer-wins version as histories carry it; its text is `<stamp>:<actor>`.
public struct StoreVersion: Hashable, Comparable, Sendable {
    public var stamp: UInt64
    public var actor: UInt64

    public init(stamp: UInt64, actor: UInt64) {
        self.stamp = stamp
        self.actor = actor
    }

    public static func < (a: StoreVersion, b: StoreVersion) -> Bool {
        a.stamp != b.stamp ? a.stamp < b.stamp : a.actor < b.actor
    }
}

/// Everything that clients did and saw: operations in any order, with the tables that name
/// their keys, values and nodes.
public struct History: Sendable {
    public private(set) var operations = ContiguousArray<Operation>()
    /// Names of the keys.
    public internal(set) var keys = NameTable()
    /// Values other than unique writes.
    public internal(set) var values = NameTable()
    /// Names of the nodes that details mention.
    public internal(set) var nodes = NameTable()
    public internal(set) var details = ContiguousArray<Detail>()
    /// Position of every operation in the file it was read from, when that is not its index.
    public internal(set) var positions = ContiguousArray<UInt32>()
    /// Operations of other shards that were read over.
    public internal(set) var excluded = Excluded()

    public init() {}

    /// Most operations in one history.
    public static let maximumCount = Int(Int32.max)

    /// How many operations there are.
    @inlinable public var count: Int { operations.count }

    /// Makes room for `count` operations in all.
    public mutating func reserve(_ count: Int) { operations.reserveCapacity(count) }

    /// The number of the key with this name, new or known.
    public mutating func key(_ name: String) -> UInt32 { keys.intern(name) }

    public mutating func key(_ name: UnsafeRawBufferPointer) -> UInt32 { keys.intern(name) }

    /// Adds an operation and returns its index. Its key must come from this history's table; a
    /// known completion must not lie before the invocation, and times lie within
    /// `Operation.timeBound`.
    @discardableResult
    public mutating func append(_ operation: Operation) -> Int {
        precondition(operation.key < keys.count, "the key is not in the history's table")
        precondition(
            operation.invoked > -Operation.timeBound && operation.invoked < Operation.timeBound,
            "an operation's time is out of bounds")
        precondition(
            operation.completed == Operation.never
                || (operation.completed >= operation.invoked
                    && operation.completed < Operation.timeBound),
            "an operation completes no earlier than it is invoked")
        precondition(
            operation.outcome != .ok || operation.completed != Operation.never,
            "an operation that is known to have taken effect has completed")
        precondition(count < History.maximumCount, "a history holds at most 2^31 - 1 operations")
        operations.append(operation)
        return operations.count - 1
    }

    /// Adds an operation with what the store said about it.
    @discardableResult
    public mutating func append(_ operation: Operation, detail: Detail) -> Int {
        var operation = operation
        operation.detail = UInt32(details.count)
        details.append(detail)
        return append(operation)
    }

    /// Forgets the operations and their details; the tables stay.
    mutating func removeOperations() {
        operations.removeAll(keepingCapacity: true)
        details.removeAll(keepingCapacity: true)
    }

    /// Adds a detail that operations read later refer to by its place.
    mutating func restore(_ detail: Detail) { details.append(detail) }

    /// Notes when operation `index` was meant to start.
    public mutating func setIntended(_ time: Int64, of index: Int) {
        operations[index].intended = time
    }

    /// Gives every operation the detail at another place.
    mutating func renumberDetails(_ place: (UInt32) -> UInt32) {
        for i in operations.indices where operations[i].detail != Operation.noDetail {
            operations[i].detail = place(operations[i].detail)
        }
    }

    /// What the store said about operation `index`, if anything.
    public func detail(of index: Int) -> Detail? {
        let place = operations[index].detail
        return place == Operation.noDetail ? nil : details[Int(place)]
    }

    /// The number of a node by name, new or known.
    public mutating func node(_ name: String) -> UInt32 { nodes.intern(name) }

    /// Where operation `index` stood in the file it was read from.
    public func position(of index: Int) -> Int {
        positions.isEmpty ? index : Int(positions[index])
    }

    /// The name of a key, invalid UTF-8 repaired.
    public func keyText(_ key: UInt32) -> String { keys.text(Int(key)) }

    /// A value as people write it; `absent` for none.
    public func text(_ value: ValueID) -> String {
        if value.isAbsent { return "absent" }
        if value.isInterned { return values.text(Int(value.tableIndex)) }
        return "w:\(value.process):\(value.sequence)"
    }

    /// The value that this text names: a unique write for `w:<process>:<sequence>` in plain
    /// decimal, otherwise an entry of the value table.
    public mutating func value(_ text: UnsafeRawBufferPointer) -> ValueID {
        ValueID(uniqueWrite: text) ?? .interned(values.intern(text))
    }

    public mutating func value(_ text: String) -> ValueID {
        var text = text
        return text.withUTF8 { value(UnsafeRawBufferPointer($0)) }
    }

    /// The value that this text names, if the history knows it.
    public func existingValue(_ text: String) -> ValueID? {
        var text = text
        if let unique = text.withUTF8({ ValueID(uniqueWrite: UnsafeRawBufferPointer($0)) }) {
            return unique
        }
        return values.find(text).map(ValueID.interned)
    }

    /// Earliest invocation, the origin of times shown to people; 0 for an empty history.
    public var start: Int64 { operations.lazy.map(\.invoked).min() ?? 0 }
}

extension ValueID {
    /// Parses `w:<process>:<sequence>`, canonical decimal within bounds; nil for other text.
    public init?(uniqueWrite text: UnsafeRawBufferPointer) {
        guard text.count >= 5, text.count <= 23, text[0] == 0x77, text[1] == 0x3a else {
            return nil
        }
        var i = 2
        guard let process = ValueID.decimal(text, &i), i < text.count, text[i] == 0x3a else {
            return nil
        }
        i += 1
        guard let sequence = ValueID.decimal(text, &i), i == text.count else { return nil }
        guard process <= UInt64(ValueID.maximumProcess), sequence <= ValueID.maximumSequence,
            process | sequence != 0
        else { return nil }
        self.init(raw: process << 40 | sequence)
    }

    /// The unique write that begins a stored value: `w:<process>:<sequence>;`.
    public init?(prefixOf stored: UnsafeRawBufferPointer) {
        var end = 0
        let limit = min(stored.count, 24)
        while end < limit, stored[end] != 0x3b { end += 1 }
        guard end < limit else { return nil }
        self.init(uniqueWrite: UnsafeRawBufferPointer(rebasing: stored[0..<end]))
    }

    private static func decimal(_ text: UnsafeRawBufferPointer, _ i: inout Int) -> UInt64? {
        let start = i
        var value: UInt64 = 0
        while i < text.count, text[i] &- 48 < 10, i - start < 14 {
            value = value * 10 + UInt64(text[i] &- 48)
            i += 1
        }
        guard i > start, text[start] != 48 || i == start + 1 else { return nil }
        return value
    }
}
