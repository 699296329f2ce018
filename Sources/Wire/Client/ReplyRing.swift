import Basics

/// Which protocol a connection speaks.
enum Dialect: UInt8 {
    /// RESP2.
    case two
    /// RESP3, which has maps, sets and a null of its own.
    case three
}

/// Replies of one connection, given out in the order of its requests.
///
/// A reply to the oldest open request goes straight to the output; others are parked until their
/// turn. Every part of a command that is several requests (MGET, MSET, DEL, EXISTS) has a place
/// of its own, and an entry after the parts gathers them.
struct ReplyRing: ~Copyable {
    /// How the response to a request becomes bytes.
    enum Form: UInt8 {
        case get, set, delete
        case queryGet, querySet, queryDelete
        /// Of a change: in its plain form, as 1 or 0, and as a map that says whether it was done.
        case change, flag, swap
        case define
        case timeToLive, millisecondsToLive, expireTime, millisecondsExpireTime
        /// Of a value: its length, what kind of value it is, and a part of it.
        case length, type, range
        /// Of a scan.
        case scan, keys, randomKey, queryScan
        /// A part of a command that gathers; writes nothing itself.
        case part
        /// A reply that is parked bytes already.
        case bytes
        /// Gathers the parts before it.
        case countOfParts, okOfParts
    }

    struct Entry {
        var form = Form.bytes
        var isDone = false
        var dialect = Dialect.two
        /// Parked bytes; for a part of MSET, its key, and for some forms what the reply needs of
        /// the command, until it is done.
        var offset = 0
        var count = 0
        /// For a part: the sequence of its gathering entry.
        var parent: UInt32 = 0
        /// For a gathering entry: the sum, and parts whose outcome is unknown or refused.
        var sum: UInt32 = 0
        var unknown: UInt32 = 0
        var refused: UInt32 = 0
        /// When it was read, of which class it is, and which command of the table it belongs to.
        var begun = Instant.origin
        var kind = RequestClass.read
        var command: UInt8 = 0
        /// How much of the key is kept for whoever asks about slow requests.
        var headCount: UInt8 = 0
    }

    /// Bytes of a key that are kept.
    static let headBytes = 48

    /// Requests that one connection may have open; beyond it, no more commands are read.
    static let limit = 1 << 14

    private var entries = [Entry](repeating: Entry(), count: 64)
    /// Sequence of the oldest open request, and of the next one to begin.
    private(set) var head: UInt32 = 0
    private(set) var tail: UInt32 = 0
    /// By place: the heads of keys.
    private var heads = ByteBuffer(capacity: 16)
    private var parked = ByteBuffer()
    /// Bytes of `parked` that open entries still name.
    private var parkedLive = 0

    /// What the connection speaks now.
    var dialect = Dialect.two

    init() {}

    var isEmpty: Bool { head == tail }
    var count: Int { Int(tail &- head) }
    func isOpen(_ sequence: UInt32) -> Bool { sequence &- head < tail &- head }
    var parkedBytes: Int { parked.count }

    subscript(sequence: UInt32) -> Entry {
        get { entries[Int(sequence) & (entries.count - 1)] }
        set { entries[Int(sequence) & (entries.count - 1)] = newValue }
    }

    /// A place for one more reply.
    mutating func begin(_ form: Form, parent: UInt32 = 0) -> UInt32 {
        if count == entries.count { grow() }
        var entry = Entry()
        entry.form = form
        entry.parent = parent
        entry.dialect = dialect
        self[tail] = entry
        tail &+= 1
        return tail &- 1
    }

    /// Keeps what is to be told of a request when it took long.
    mutating func note(
        _ sequence: UInt32, _ kind: RequestClass, command: UInt8, key: Bytes, at now: Instant
    ) {
        let index = Int(sequence) & (entries.count - 1)
        let count = min(key.count, ReplyRing.headBytes)
        entries[index].begun = now
        entries[index].kind = kind
        entries[index].command = command
        entries[index].headCount = UInt8(truncatingIfNeeded: count)
        if heads.count != entries.count * ReplyRing.headBytes { makeHeads() }
        heads.overwrite(key.slice(0, count), at: index * ReplyRing.headBytes)
    }

    /// The head of a request's key; valid until the next mutation.
    func head(of sequence: UInt32) -> Bytes {
        let index = Int(sequence) & (entries.count - 1)
        let start = index * ReplyRing.headBytes
        guard heads.count >= start + ReplyRing.headBytes else { return .empty }
        return heads.bytes.slice(start, start + Int(entries[index].headCount))
    }

    private mutating func makeHeads() {
        heads.removeAll()
        let count = entries.count * ReplyRing.headBytes
        _ = heads.reserve(count)
        heads.commit(count)
    }

    /// Parks what `render` appends as the reply (or, for a part, the key) of `sequence`.
    mutating func park(_ sequence: UInt32, _ render: (inout ByteBuffer) -> Void) {
        let index = Int(sequence) & (entries.count - 1)
        let start = parked.count
        render(&parked)
        parkedLive -= entries[index].count
        entries[index].offset = start
        entries[index].count = parked.count - start
        parkedLive += parked.count - start
    }

    /// The bytes parked under `sequence`; valid until the next mutation.
    func parkedBytes(of sequence: UInt32) -> Bytes {
        let entry = self[sequence]
        return parked.bytes.slice(entry.offset, entry.offset + entry.count)
    }

    mutating func finish(_ sequence: UInt32) {
        entries[Int(sequence) & (entries.count - 1)].isDone = true
    }

    /// Drops the oldest entry.
    mutating func advance() {
        let index = Int(head) & (entries.count - 1)
        parkedLive -= entries[index].count
        head &+= 1
        if parkedLive == 0 {
            parked.removeAll()
        } else if parked.count > 64 << 10, parked.count > 4 * parkedLive {
            compact()
        }
    }

    private mutating func compact() {
        var fresh = ByteBuffer(capacity: parkedLive * 2)
        var sequence = head
        while sequence != tail {
            let index = Int(sequence) & (entries.count - 1)
            if entries[index].count > 0 {
                let bytes = parkedBytes(of: sequence)
                entries[index].offset = fresh.count
                fresh.append(bytes)
            }
            sequence &+= 1
        }
        parked = fresh
    }

    private mutating func grow() {
        var larger = [Entry](repeating: Entry(), count: entries.count * 2)
        var sequence = head
        while sequence != tail {
            larger[Int(sequence) & (larger.count - 1)] = self[sequence]
            sequence &+= 1
        }
        entries = larger
        // Heads of open requests are lost: they are for people, and this is seldom.
        for index in entries.indices { entries[index].headCount = 0 }
        if !heads.isEmpty { makeHeads() }
    }
}
