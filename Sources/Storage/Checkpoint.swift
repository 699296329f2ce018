import Basics
import Causality

/// A checkpoint that is being written: every record once, in steps between which the store goes
/// on. A record that is put meanwhile is in the log too, which is replayed over the checkpoint.
struct Checkpoint {
    let number: UInt64
    /// The segment of the log that was current at the begin, and the position of its first byte.
    let segment: UInt64
    let first: UInt64
    /// Where to go on.
    private(set) var place = Place.records(from: 0)
    /// The files so far, with what was given for them.
    private(set) var parts: [DiskFile] = []
    private(set) var records: UInt64 = 0

    enum Place: Equatable {
        case records(from: UInt64)
        case hints(from: Int)
        case marks(from: Int)
        case end
    }

    /// A part that has this many bytes gets no further frame.
    private static let partBytes = 64 << 20

    init(number: UInt64, segment: UInt64, first: UInt64) {
        self.number = number
        self.segment = segment
        self.first = first
    }

    var bytes: Int { parts.reduce(0) { $0 + $1.size } }

    /// One frame more, of about so many bytes; nothing when all has been written.
    mutating func step(
        bytes budget: Int, _ store: borrowing LogStore, to disk: any Disk, storeID: UInt64
    ) {
        guard place != .end else { return }
        if parts.last?.size ?? .max >= Checkpoint.partBytes {
            parts.append(
                DiskFile(name: CheckpointHead.partName(number, parts.count), size: 0))
        }
        let part = parts.count - 1
        let segment = CheckpointHead.segment(number, part)
        var buffer = ByteBuffer(capacity: budget + 1_024)
        if parts[part].size == 0 {
            LogFormat.appendSegmentHeader(
                to: &buffer, magic: CheckpointHead.partMagic, store: storeID, segment: segment,
                first: 0)
        }
        let start = buffer.count
        LogFormat.openFrame(in: &buffer)
        let limit = min(budget, LogFormat.fullFrameBytes)
        let count =
            fill(&buffer, upTo: limit, store) + fillMarks(&buffer, upTo: limit, store)
        let offset = parts[part].size + start
        LogFormat.closeFrame(
            in: &buffer, from: start, first: UInt64(offset), durable: 0, records: count,
            seed: LogFormat.seed(store: storeID, segment: segment, offset: offset))
        records += UInt64(count)
        parts[part].size += buffer.count
        disk.schedule(.write(parts[part].name, buffer.bytes.copied()))
    }

    private mutating func fill(
        _ buffer: inout ByteBuffer, upTo budget: Int, _ store: borrowing LogStore
    ) -> UInt32 {
        var count: UInt32 = 0
        if case .records(let from) = place {
            let next = store.visit(hashes: from...UInt64.max, limit: .max) { hash, visited in
                LogFormat.appendRecord(
                    to: &buffer, .record, HashedKey(visited.key, hash: hash, in: visited.keyspace),
                    visited.found.content, visited.found.version)
                count += 1
                return buffer.count < budget
            }
            place = next.map { .records(from: $0) } ?? .hints(from: 0)
        }
        guard case .hints(var next) = place else { return count }
        while next < store.hints.placeCount, buffer.count < budget {
            if let held = store.hints.held(at: next) {
                let record = held.record
                LogFormat.appendRecord(
                    to: &buffer, .hint(for: held.target, since: held.since),
                    HashedKey(record.key, hash: held.hash, in: record.keyspace), record.content,
                    record.version)
                count += 1
            }
            next += 1
        }
        place = next < store.hints.placeCount ? .hints(from: next) : .marks(from: 0)
        return count
    }

    /// The marks of one keyspace after the other, and then the reserve of stamps.
    private mutating func fillMarks(
        _ buffer: inout ByteBuffer, upTo budget: Int, _ store: borrowing LogStore
    ) -> UInt32 {
        guard case .marks(var keyspace) = place else { return 0 }
        var count: UInt32 = 0
        while keyspace < store.marks.keyspaceCount, buffer.count < budget {
            for (shard, mark) in store.marks.marks(of: keyspace).enumerated()
            where mark != ShardMark() {
                Bytes.lending(mark.encoded(shard: shard)) { key in
                    LogFormat.appendRecord(
                        to: &buffer, .mark,
                        HashedKey(key, hash: 0, in: KeyspaceID(UInt16(keyspace))), .tombstone,
                        mark.floor)
                }
                count += 1
            }
            keyspace += 1
        }
        place = .marks(from: keyspace)
        guard keyspace == store.marks.keyspaceCount, buffer.count < budget else { return count }
        var moment = ByteBuffer(capacity: StampReserve.encodedBytes)
        moment.appendInteger(store.reserved.moment)
        LogFormat.appendRecord(
            to: &buffer, .reserve, HashedKey(moment.bytes, hash: 0), .tombstone,
            Version(stamp: store.reserved.ceiling, actor: Actor(raw: 0)))
        place = .end
        return count + 1
    }
}
