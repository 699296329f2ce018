import Basics
import Causality

/// Which registers this node may change in one phase: those whose last change it proposed itself
/// and knows to be accepted by a majority, each of which promised the successor of its ballot.
///
/// A direct-mapped cache by the key's hash, since forgetting costs one phase and nothing else. That
/// a ballot is unique to its key and attempt makes the hash name enough; the key's own record,
/// which holds accepted ballot, state and promise, must agree.
struct LeaseTable {
    /// Empty before the first use, so that nodes without registers spend nothing on it.
    private var entries: [Entry] = []

    private struct Entry {
        var hash: UInt64
        var stamp: UInt64
    }

    /// Registers that are remembered at once, at most.
    private static let count = 1 << 16

    init() {}

    private func place(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash ^ hash >> 32) & (entries.count - 1)
    }

    /// A majority has accepted this node's change of that stamp.
    mutating func accepted(_ hash: UInt64, _ stamp: UInt64) {
        if entries.isEmpty {
            entries = [Entry](repeating: Entry(hash: 0, stamp: 0), count: LeaseTable.count)
        }
        entries[place(hash)] = Entry(hash: hash, stamp: stamp)
    }

    func holds(_ hash: UInt64, _ stamp: UInt64) -> Bool {
        if entries.isEmpty { return false }
        let entry = entries[place(hash)]
        return entry.hash == hash && entry.stamp == stamp
    }

    mutating func forgetAll() { entries = [] }

    mutating func forget(_ hash: UInt64) {
        if !entries.isEmpty, entries[place(hash)].hash == hash { entries[place(hash)].stamp = 0 }
    }
}
