import Basics
import Causality
import Storage

/// A node of a shard's hash tree: its path from the root, four bits a level.
struct TreeNode: Hashable {
    var shard: UInt16
    var number: UInt32
}

/// A leaf, and some of the versions in it.
struct MarkedLeaf {
    var leaf: TreeNode
    var marks: [UInt32]
}

/// A version of a key, named by the key's hash.
struct HashVersion {
    var hash: UInt64
    var version: Version
}

extension ByteBuffer {
    mutating func append(_ summary: Summary) {
        appendInteger(summary.fingerprints.low)
        appendInteger(summary.fingerprints.high)
        appendInteger(summary.count)
    }

    mutating func append(_ node: TreeNode) {
        appendInteger(node.shard)
        appendInteger(node.number)
    }

    mutating func append(_ leaf: MarkedLeaf) {
        append(leaf.leaf)
        appendInteger(UInt16(truncatingIfNeeded: leaf.marks.count))
        for mark in leaf.marks { appendInteger(mark) }
    }

    mutating func append(_ item: HashVersion) {
        appendInteger(item.hash)
        appendInteger(item.version.stamp)
        appendInteger(item.version.actor.raw)
    }
}

extension ByteReader {
    mutating func summary() throws(DecodeError) -> Summary {
        let low: UInt64 = try integer()
        let high: UInt64 = try integer()
        return Summary(fingerprints: Hash128(low: low, high: high), count: try integer())
    }

    mutating func treeNode() throws(DecodeError) -> TreeNode {
        TreeNode(shard: try integer(), number: try integer())
    }

    mutating func markedLeaf() throws(DecodeError) -> MarkedLeaf {
        let leaf = try treeNode()
        let count = Int(try integer(UInt16.self))
        var marks: [UInt32] = []
        marks.reserveCapacity(min(count, remaining / 4))
        for _ in 0..<count { marks.append(try integer()) }
        // So that a mark is found by halving.
        marks.sort()
        return MarkedLeaf(leaf: leaf, marks: marks)
    }

    mutating func hashVersion() throws(DecodeError) -> HashVersion {
        let hash: UInt64 = try integer()
        let stamp: UInt64 = try integer()
        return HashVersion(
            hash: hash, version: Version(stamp: stamp, actor: Actor(raw: try integer())))
    }

    /// Items up to the end.
    mutating func all<Item>(
        _ next: (inout ByteReader) throws(DecodeError) -> Item
    ) throws(DecodeError) -> [Item] {
        var items: [Item] = []
        while remaining > 0 { items.append(try next(&self)) }
        return items
    }
}
