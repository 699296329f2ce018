import Basics
import Causality
import Storage

/// Keyspaces that were dropped: their numbers are never given again, so that what is left of them
/// may go wherever it is.
extension Node {
    /// Records that are taken out in one event.
    private static let droppedAtOnce = 2_000

    /// Looks whether anything of a dropped keyspace is here.
    mutating func noteDropped(at now: Moment) {
        guard collection.dropped == nil else { return }
        let definition = register.installed
        let gone = store.comparedKeyspaces.first { keyspace in
            !rules(of: keyspace).exists && keyspace != .default
                && keyspace.raw < definition.nextKeyspace
                && store.summaryOfAll(keyspace).count > 0
        }
        guard let gone else { return }
        collection.dropped = (gone, 0)
        collection.droppedDue = now.monotonic
        wakeCollection(at: now.monotonic)
    }

    /// Takes out the next records of a dropped keyspace.
    mutating func purgeDropped(at now: Moment) {
        guard let (keyspace, from) = collection.dropped, collection.droppedDue <= now.monotonic
        else { return }
        var keys: [(hash: UInt64, version: Version)] = []
        let next = store.visit(hashes: from...UInt64.max, limit: Node.droppedAtOnce) {
            hash, visited in
            if visited.keyspace == keyspace { keys.append((hash, visited.found.version)) }
            return true
        }
        for (hash, version) in keys { forget(hash, version, keyspace) }
        if let next {
            collection.dropped = (keyspace, next)
            collection.droppedDue = now.monotonic + .milliseconds(2)
        } else {
            collection.dropped = nil
            collection.droppedDue = .distantFuture
            noteDropped(at: now)
        }
    }
}
