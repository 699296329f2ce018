import Basics
import Storage

/// Some nodes of one level of the trees, found by a key's hash.
struct LeafIndex {
    private var places: [TreeNode: Int] = [:]
    /// The nodes of each shard lie between these.
    private var ranges: [(shard: UInt16, numbers: ClosedRange<Int>)] = []
    private let shardBits: UInt64
    private let level: Int

    init(_ nodes: some Sequence<TreeNode>, shardBits: Int, level: Int) {
        self.shardBits = UInt64(shardBits)
        self.level = level
        for (place, node) in nodes.enumerated() where node.number < 1 << UInt32(4 * level) {
            places[node] = place
            let number = Int(node.number)
            if let last = ranges.last, last.shard == node.shard {
                let range = last.numbers
                ranges[ranges.count - 1].numbers =
                    min(range.lowerBound, number)...max(range.upperBound, number)
            } else {
                ranges.append((node.shard, number...number))
            }
        }
    }

    /// Visits the records that lie under these nodes, with the place of their node.
    func visit(
        _ store: borrowing LogStore, _ keyspace: KeyspaceID,
        _ body: (LogStore.Compared, Int) -> Void
    ) {
        for range in ranges {
            store.visit(keyspace, shard: Int(range.shard), level: level, range.numbers) {
                compared in
                let path = (compared.key.hash << shardBits) >> UInt64(64 - 4 * level)
                let node = TreeNode(
                    shard: range.shard, number: UInt32(truncatingIfNeeded: path))
                guard let place = places[node] else { return }
                body(compared, place)
            }
        }
    }
}

extension MarkedLeaf {
    /// 32 bits of a fingerprint; rounds take different ones, so that two versions with one mark
    /// have two in the next round.
    static func mark(_ fingerprint: Hash128, round: UInt32) -> UInt32 {
        let mixed = (fingerprint.low ^ UInt64(round)) &* 0x9e37_79b9_7f4a_7c15
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }

    /// Takes a mark out; false if it is not there. The marks are sorted.
    mutating func remove(_ mark: UInt32) -> Bool {
        guard let position = position(of: mark) else { return false }
        marks.remove(at: position)
        return true
    }

    func contains(_ mark: UInt32) -> Bool { position(of: mark) != nil }

    private func position(of mark: UInt32) -> Int? {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if marks[middle] < mark { low = middle + 1 } else { high = middle }
        }
        return low < marks.count && marks[low] == mark ? low : nil
    }
}
