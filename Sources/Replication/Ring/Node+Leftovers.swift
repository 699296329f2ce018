import Basics
import Causality
import Partitioning
import Storage

/// Records of shards that this node has given away: kept for a while, in case people need them, and
/// then purged.
///
/// A node that is given a shard again begins with nothing: what it had may have been deleted since,
/// and the deletion forgotten by all who took part in that.
extension Node {
    /// Records that are looked at in one step, and how long until the next.
    private static let leftoversAtOnce = 512
    private static let leftoverStep = Instant.Duration.milliseconds(10)

    /// The ring has changed or this life begins: what is left over goes when it is old enough.
    mutating func scheduleLeftovers(at now: Moment) {
        leftovers = nil
        areLeftoversGone = laidOut.isFounding || laidOut.current != nil
        leftoverDue = areLeftoversGone ? .distantFuture : now.monotonic + configuration.retention
    }

    /// Purges some of what is left over.
    mutating func purgeLeftovers(at now: Moment) {
        leftoverDue = .distantFuture
        guard laidOut.current == nil else { return }
        let next = purge(
            hashes: (leftovers ?? 0)...(.max), limit: Node.leftoversAtOnce
        ) { node, layout, shard in
            node.placements[layout].position(of: node.id, in: shard) == nil
        }
        leftovers = next
        areLeftoversGone = next == nil
        if !areLeftoversGone { leftoverDue = now.monotonic + Node.leftoverStep }
    }

    /// This node is to be brought shards: whatever it has of them is of an earlier time.
    mutating func purgeIncoming() {
        for piece in streaming.pieces {
            let (layout, shard) = (piece.layout, piece.shard)
            _ = purge(hashes: placements[layout].hashes(of: shard), limit: .max) { _, other, _ in
                other == layout
            }
        }
    }

    /// Purges the records of a range of hashes that `isLeft` names by layout and shard; returns
    /// where to go on, nil at the end.
    private mutating func purge(
        hashes: ClosedRange<UInt64>, limit: Int,
        where isLeft: (borrowing Node, Int, Int) -> Bool
    ) -> UInt64? {
        var found: [(hash: UInt64, key: [UInt8], keyspace: KeyspaceID, version: Version)] = []
        let next = store.visit(hashes: hashes, limit: limit) { hash, visited in
            let rules = rules(of: visited.keyspace)
            let shard = placements[0].shard(of: hash)
            if rules.exists, isLeft(self, Int(rules.layout), shard) {
                found.append((hash, visited.key.copied(), visited.keyspace, visited.found.version))
            }
            return true
        }
        for record in found {
            let isGone = Bytes.lending(record.key) { key in
                let key = HashedKey(key, hash: record.hash, in: record.keyspace)
                do throws(DiskError) {
                    return try store.purge(key, upTo: record.version)
                } catch {
                    diskFailure = error
                    return false
                }
            }
            if isGone { counters.leftoversPurged &+= 1 }
        }
        return next
    }
}
