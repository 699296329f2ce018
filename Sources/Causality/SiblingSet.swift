import Basics

// Little-endian (docs/formats/siblings.md):
//
//   set   = stamp:u64 count:u16 entry*
//   entry = actor:u64 n:u64 count:u16 dot*
//   dot   = stamp:u64 flags:u8 expiry? length:u32 bytes
//
//   entries   in order of their actors; an actor's dots are numbered n, n − 1, … as they stand
//   flags     bit 0: a deletion, without bytes; bit 1: expiry:u64 follows, milliseconds since 1970
//
// No bytes at all are the empty set.

/// The concurrent values of a key with what they have replaced: a dotted version vector set
/// (Almeida, Baquero, Gonçalves, Preguiça and Fonte 2014), as the bytes that are stored and sent.
///
/// For each actor it knows how many values that actor has written (n) and holds the newest of
/// them; all dots of the actor below those it holds are known and replaced. Joining two sets keeps
/// what neither knows to be replaced: it is commutative, associative and idempotent.
public struct SiblingSet: Sendable {
    public let bytes: Bytes

    /// Takes bytes that were checked before, or come from `join` and its like.
    public init(_ bytes: Bytes) { self.bytes = bytes }

    public static let empty = SiblingSet(.empty)

    /// Throws what is wrong with bytes from outside.
    public static func check(_ bytes: Bytes) throws(DecodeError) {
        guard !bytes.isEmpty else { return }
        var reader = ByteReader(bytes)
        _ = try reader.integer(UInt64.self)
        let count = try reader.integer(UInt16.self)
        var last: UInt64?
        for _ in 0..<count {
            let entry = try Entry(&reader)
            if let last, entry.actor.raw <= last {
                throw .invalid("a sibling set with actors out of order")
            }
            guard entry.n >= UInt64(entry.count), entry.n < 1 << 62 else {
                throw .invalid("a sibling set with more values than writes")
            }
            last = entry.actor.raw
        }
        guard reader.remaining == 0 else { throw .invalid("a sibling set with more behind it") }
    }

    /// What one actor has written.
    struct Entry {
        var actor: Actor
        /// How many values it has written.
        var n: UInt64
        /// How many of them, the newest, are held.
        var count: Int
        /// Their bytes, newest first.
        var dots: Bytes
        /// Writes whose values are known to be replaced.
        var low: UInt64 { n - UInt64(count) }

        init(actor: Actor, n: UInt64, count: Int, dots: Bytes) {
            self.actor = actor
            self.n = n
            self.count = count
            self.dots = dots
        }

        init(_ reader: inout ByteReader) throws(DecodeError) {
            actor = Actor(raw: try reader.integer())
            n = try reader.integer()
            count = Int(try reader.integer(UInt16.self))
            let start = reader.offset
            for _ in 0..<count { _ = try Dot(&reader) }
            dots = reader.bytes.slice(start, reader.offset)
        }

        /// The newest `count` of its dots only.
        func keeping(_ count: Int) throws(DecodeError) -> Entry {
            var reader = ByteReader(dots)
            for _ in 0..<count { _ = try Dot(&reader) }
            return Entry(actor: actor, n: n, count: count, dots: dots.slice(0, reader.offset))
        }

        /// What either knows, without what one of them knows to be replaced. Of one actor.
        func joined(_ other: Entry) throws(DecodeError) -> Entry {
            let (newer, older) = n >= other.n ? (self, other) : (other, self)
            if newer.low >= older.low { return newer }
            return try newer.keeping(newer.n > older.low ? Int(newer.n - older.low) : 0)
        }

        func append(to out: inout ByteBuffer) {
            out.appendInteger(actor.raw)
            out.appendInteger(n)
            out.appendInteger(UInt16(count))
            out.append(dots)
        }
    }

    /// One value, or one deletion.
    public struct Dot {
        /// When it was written, by its coordinator's clock.
        public var stamp: UInt64
        public var isDeletion: Bool
        /// Milliseconds since 1970 from which on it reads as absent; 0: never.
        public var expiry: UInt64
        public var value: Bytes

        public init(stamp: UInt64, value: Bytes?, expiry: UInt64 = 0) {
            self.stamp = stamp
            isDeletion = value == nil
            self.expiry = value == nil ? 0 : expiry
            self.value = value ?? .empty
        }

        init(_ reader: inout ByteReader) throws(DecodeError) {
            stamp = try reader.integer()
            let flags: UInt8 = try reader.integer()
            guard flags <= 2 else { throw .invalid("unknown flags of a sibling") }
            isDeletion = flags & 1 != 0
            expiry = flags & 2 == 0 ? 0 : try reader.integer()
            let length: UInt32 = try reader.integer()
            guard length <= Limits.valueBytes, !isDeletion || length == 0 else {
                throw .invalid("a sibling longer than a value may be")
            }
            value = try reader.take(Int(length))
        }

        func append(to out: inout ByteBuffer) {
            out.appendInteger(stamp)
            out.append(isDeletion ? 1 : expiry == 0 ? 0 : 2 as UInt8)
            if expiry != 0 { out.appendInteger(expiry) }
            out.appendInteger(UInt32(value.count))
            out.append(value)
        }

        /// Whether it can be read at this time.
        public func isVisible(at milliseconds: UInt64) -> Bool {
            !isDeletion && (expiry == 0 || expiry > milliseconds)
        }
    }
}

extension SiblingSet {
    /// The entries of a set, one after the other.
    struct Entries {
        private var reader: ByteReader
        private var left: Int
        let stamp: UInt64

        init(_ set: SiblingSet) throws(DecodeError) {
            reader = ByteReader(set.bytes)
            stamp = set.bytes.isEmpty ? 0 : try reader.integer()
            left = set.bytes.isEmpty ? 0 : Int(try reader.integer(UInt16.self))
        }

        mutating func next() throws(DecodeError) -> Entry? {
            guard left > 0 else { return nil }
            left -= 1
            return try Entry(&reader)
        }
    }

    /// Appends what both know. O(bytes). `dot`: a value that `actor` adds to that.
    private static func join(
        _ a: SiblingSet, _ b: SiblingSet, adding addition: (actor: Actor, dot: Dot)?,
        into out: inout ByteBuffer
    ) throws(DecodeError) {
        var left = try Entries(a)
        var right = try Entries(b)
        var pending = addition
        out.appendInteger(max(left.stamp, right.stamp, addition?.dot.stamp ?? 0))
        let countAt = out.count
        out.appendInteger(0 as UInt16)
        var count: UInt16 = 0
        var x = try left.next()
        var y = try right.next()
        while x != nil || y != nil || pending != nil {
            let least = min(
                x?.actor.raw ?? .max, y?.actor.raw ?? .max, pending?.actor.raw ?? .max)
            var entry: Entry?
            if let found = x, found.actor.raw == least {
                entry = found
                x = try left.next()
            }
            if let found = y, found.actor.raw == least {
                entry = try entry?.joined(found) ?? found
                y = try right.next()
            }
            count += 1
            guard let added = pending, added.actor.raw == least else {
                entry?.append(to: &out)
                continue
            }
            out.appendInteger(least)
            out.appendInteger((entry?.n ?? 0) + 1)
            out.appendInteger(UInt16((entry?.count ?? 0) + 1))
            added.dot.append(to: &out)
            out.append(entry?.dots ?? .empty)
            pending = nil
        }
        // Nothing at all has one encoding.
        if count == 0 { return out.truncate(to: countAt - 8) }
        out.overwrite(count, at: countAt)
    }

    /// Appends what both sets know (`sync`).
    public static func join(
        _ a: SiblingSet, _ b: SiblingSet, into out: inout ByteBuffer
    ) throws(DecodeError) {
        try join(a, b, adding: nil, into: &out)
    }

    /// Appends the set after a write by `actor` that has seen `context`: what the context covers
    /// is gone, and the value is one more.
    public func written(
        _ dot: Dot, by actor: Actor, having context: SiblingSet, into out: inout ByteBuffer
    ) throws(DecodeError) {
        try SiblingSet.join(self, context, adding: (actor, dot), into: &out)
    }

    /// Appends the context of the set: what it knows, without the values.
    public func appendContext(to out: inout ByteBuffer) throws(DecodeError) {
        var entries = try Entries(self)
        out.appendInteger(entries.stamp)
        let countAt = out.count
        out.appendInteger(0 as UInt16)
        var count: UInt16 = 0
        while let entry = try entries.next() {
            Entry(actor: entry.actor, n: entry.n, count: 0, dots: .empty).append(to: &out)
            count += 1
        }
        out.overwrite(count, at: countAt)
    }

    /// Appends the set that knows so many writes of one actor, all of them replaced.
    public static func appendKnowledge(
        of writes: UInt64, by actor: Actor, to out: inout ByteBuffer
    ) {
        out.appendInteger(0 as UInt64)
        out.appendInteger(1 as UInt16)
        Entry(actor: actor, n: writes, count: 0, dots: .empty).append(to: &out)
    }

    /// The largest stamp of all writes that it knows.
    public func stamp() throws(DecodeError) -> UInt64 { try Entries(self).stamp }

    /// How many values `actor` has written, as far as the set knows.
    public func writes(of actor: Actor) throws(DecodeError) -> UInt64 {
        var entries = try Entries(self)
        while let entry = try entries.next() {
            if entry.actor == actor { return entry.n }
        }
        return 0
    }

    /// Values and deletions that are held.
    public func count() throws(DecodeError) -> Int {
        var entries = try Entries(self)
        var count = 0
        while let entry = try entries.next() { count += entry.count }
        return count
    }

    /// Whether any value can be read at this time.
    public func isVisible(at milliseconds: UInt64) throws(DecodeError) -> Bool {
        var isVisible = false
        try forEach { _, _, dot in isVisible = isVisible || dot.isVisible(at: milliseconds) }
        return isVisible
    }

    /// Visits every value and deletion with its actor and number, actor by actor, newest first.
    public func forEach(
        _ visit: (Actor, UInt64, Dot) throws(DecodeError) -> Void
    ) throws(DecodeError) {
        var entries = try Entries(self)
        while let entry = try entries.next() {
            var reader = ByteReader(entry.dots)
            for i in 0..<entry.count {
                try visit(entry.actor, entry.n - UInt64(i), try Dot(&reader))
            }
        }
    }

    /// A name for the set that grows when the set does: a set that knows more than another has a
    /// larger version, and two sets of one version are one set (up to a collision of 32 bits
    /// among sets with the same newest write and the same number of writes and replacements).
    ///
    /// Its stamp is that of the newest write; in place of an actor stand the number of writes known
    /// plus that of writes known to be replaced, and a hash.
    public func version() throws(DecodeError) -> Version {
        var entries = try Entries(self)
        var measure: UInt64 = 0
        while let entry = try entries.next() { measure &+= entry.n &+ entry.low }
        if measure == 0 { return .none }
        let hash = XXH3.hash64(bytes, seed: 0) & 0xffff_ffff
        return Version(
            stamp: entries.stamp, actor: Actor(raw: min(measure, 0xffff_ffff) << 32 | hash))
    }
}
