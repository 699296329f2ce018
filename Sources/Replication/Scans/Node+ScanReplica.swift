import Basics
import Causality
import Partitioning
import Storage

/// The node in the role of replica in a scan: it sends its next records in order.
extension Node {
    /// Another member asks.
    mutating func scanForCoordinator(
        _ bytes: Bytes, _ ticket: Ticket, coordinator: NodeID, at now: Moment,
        into effects: inout Effects
    ) {
        if answerScan(bytes, ticket, coordinator: coordinator, at: now) {
            send(.scanned(scanAnswer.bytes, ticket), to: coordinator, into: &effects)
        }
    }

    /// Records that are put in order before a scan is told to wait.
    private static let orderedAtOnce = 10_000

    /// Writes the answer to a question into `scanAnswer`. False if it waits for the log, or there
    /// is none.
    mutating func answerScan(
        _ bytes: Bytes, _ ticket: Ticket, coordinator: NodeID, at now: Moment
    ) -> Bool {
        let question = trusted { () throws(DecodeError) in try ScanQuestion(bytes) }
        let rules = rules(of: question.keyspace)
        guard rules.exists, question.definition == definition.version else { return false }
        scanAnswer.removeAll()
        let position: LogPosition
        if question.isByKey {
            store.order(question.keyspace)
            guard store.buildOrder(limit: Node.orderedAtOnce) else {
                ScanAnswer.encode(
                    question, .ordering, next: 0, key: .empty, records: .empty,
                    into: &scanAnswer)
                return true
            }
            position = recordsByKey(question, Int(rules.layout), at: now)
        } else {
            position = recordsByHash(question, Int(rules.layout), at: now)
        }
        if isDurable(position) { return true }
        guard let place = parked.insert() else {
            preconditionFailure("the pool of parked reads has no limit")
        }
        parked[Int(place.index)].begin(.none, Content(scanAnswer.bytes))
        wait(for: position, then: .scanned(ticket, coordinator: coordinator, parked: place))
        return false
    }

    /// What was found is durable now.
    mutating func revealScan(
        _ ticket: Ticket, to coordinator: NodeID, _ place: Ticket, at now: Moment,
        into effects: inout Effects
    ) {
        let index = Int(place.index)
        let bytes = parked[index].scanned
        if coordinator == id {
            scanned(bytes, ticket, by: id, at: now, into: &effects)
        } else {
            send(.scanned(bytes, ticket), to: coordinator, into: &effects)
        }
        if parked[index].isLarge { largeParked.append(index) }
        parked.remove(at: index)
    }

    private mutating func recordsByHash(
        _ question: ScanQuestion, _ layout: Int, at now: Moment
    ) -> LogPosition {
        var collector = RecordCollector(question, now.wall.milliseconds)
        let (placement, own) = (placements[layout], id)
        let next = store.visit(hashes: question.hashes, limit: Int(question.limit)) {
            hash, visited in
            guard visited.keyspace == question.keyspace,
                placement.position(of: own, in: placement.shard(of: hash)) != nil
            else { return true }
            collector.add(hash, visited)
            return collector.hasRoom
        }
        ScanAnswer.encode(
            question, next == nil ? .done : .more, next: next ?? 0, key: .empty,
            records: collector.records.bytes, into: &scanAnswer)
        return collector.position
    }

    private mutating func recordsByKey(
        _ question: ScanQuestion, _ layout: Int, at now: Moment
    ) -> LogPosition {
        var collector = RecordCollector(question, now.wall.milliseconds)
        var left = Int(question.limit)
        var last = Bytes.empty
        var isDone = true
        let (placement, own) = (placements[layout], id)
        store.scan(question.keyspace, from: question.key) { visited in
            guard left > 0, collector.hasRoom else {
                isDone = false
                return false
            }
            left -= 1
            last = visited.key
            let hash = visited.hash
            if placement.position(of: own, in: placement.shard(of: hash)) != nil {
                collector.add(0, visited)
            }
            return true
        }
        ScanAnswer.encode(
            question, isDone ? .done : .more, next: 0, key: last,
            records: collector.records.bytes, into: &scanAnswer)
        return collector.position
    }
}

/// Records for an answer.
private struct RecordCollector: ~Copyable {
    var records = ByteBuffer(capacity: 4 << 10)
    /// Up to which the log must be durable before they may be shown.
    var position = LogPosition.zero
    private let hasValues: Bool
    private let milliseconds: UInt64

    init(_ question: ScanQuestion, _ milliseconds: UInt64) {
        hasValues = question.hasValues
        self.milliseconds = milliseconds
    }

    var hasRoom: Bool { records.count < ScanQuestion.mostBytes }

    mutating func add(_ hash: UInt64, _ visited: LogStore.Visited) {
        let found = visited.found
        var content = found.content
        if !hasValues {
            let value = content.current
            content = Content(value.map { _ in Bytes.empty }, expiry: content.expiry)
        }
        position = max(position, found.position)
        ScanRecord.append(hash: hash, visited.key, found.version, content, to: &records)
    }
}
