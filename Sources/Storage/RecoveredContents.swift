import Basics
import Causality

/// What the records of a log amount to, one after the other.
struct RecoveredContents: ~Copyable {
    let hashSeed: UInt64
    var table: RecordTable
    var trees: HashTrees
    var hints = HintTable()
    var marks = ShardMarks()
    var reserved = StampReserve()
    var largestStamp: UInt64 = 0

    init(hashSeed: UInt64, shardBits: Int) {
        self.hashSeed = hashSeed
        table = RecordTable(fingerprintSeed: hashSeed)
        trees = HashTrees(shardBits: shardBits, seed: hashSeed)
    }

    mutating func take(_ record: LogFormat.LogRecord, _ position: LogPosition) {
        let key = HashedKey(record.key, seed: hashSeed, in: record.keyspace)
        switch record.kind {
        case .record:
            let change = table.put(key, record.content, record.version, position)
            trees.note(key, change, over: table)
            table.reclaim()
        case .hint(let node, let since):
            // After a checkpoint the log repeats what it had: the newer one stays.
            if let held = hints.find(key, for: node), held.version >= record.version { break }
            hints.put(key, record.content, record.version, for: node, since: since, position)
            hints.reclaim()
        case .settled(let node):
            hints.remove(key, for: node, upTo: record.version)
            hints.reclaim()
        case .purged:
            if let held = table.find(key), held.version <= record.version {
                trees.noteRemoval(key, held)
                table.remove(key)
                table.reclaim()
            }
        case .mark:
            let (mark, shard) = ShardMark.decoded(record.key, floor: record.version)
            _ = marks.raise(mark, record.keyspace, shard)
            return
        case .reserve:
            reserved = reserved.joined(
                StampReserve(moment: moment(record.key), ceiling: record.version.stamp))
            return
        }
        largestStamp = max(largestStamp, record.version.stamp)
    }

    /// The key of a reserve; its length was checked.
    private func moment(_ key: Bytes) -> UInt64 {
        var reader = ByteReader(key)
        do { return try reader.integer() } catch {
            preconditionFailure("a reserve's length was checked: \(error)")
        }
    }
}
