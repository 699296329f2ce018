/// A borrowed run of bytes: a pointer and a count.
///
/// Bytes live for a turn (docs/ARCHITECTURE.md): they point into the turn's read buffer, into a
/// stored record, or into a slot's own buffer, and are valid until the effects of the event that
/// produced them have been carried out. Whoever keeps them longer copies them first.
@safe public struct Bytes: @unchecked Sendable {
    // Sendable without checking: a turn belongs to one thread, and messages between threads
    // never carry Bytes; the conformance only lets enums with Bytes payloads be Sendable.
    // Invariant: `base` points to at least `count` initialised bytes for the life of the turn.
    public let base: UnsafeRawPointer
    public let count: Int

    /// The caller promises that `base` stays valid for `count` bytes until the turn ends.
    @inlinable
    public init(base: UnsafeRawPointer, count: Int) {
        self.base = base
        self.count = count
    }

    /// No bytes.
    public static let empty = Bytes(
        base: UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped, count: 0)

    @inlinable public var isEmpty: Bool { count == 0 }

    @inlinable
    public subscript(i: Int) -> UInt8 {
        precondition(UInt(bitPattern: i) < UInt(bitPattern: count), "outside the bytes")
        return base.load(fromByteOffset: i, as: UInt8.self)
    }

    /// The bytes from `start` up to `end`.
    @inlinable
    public func slice(_ start: Int, _ end: Int) -> Bytes {
        precondition(start >= 0 && start <= end && end <= count, "outside the bytes")
        return Bytes(base: base + start, count: end - start)
    }

    @inlinable
    public static func == (a: Bytes, b: Bytes) -> Bool {
        if a.count != b.count { return false }
        return equal(a.base, b.base, a.count)
    }

    /// Lexicographic order of unsigned bytes.
    public static func < (a: Bytes, b: Bytes) -> Bool {
        let shared = min(a.count, b.count)
        var i = 0
        while i &+ 8 <= shared {
            let x = a.base.loadUnaligned(fromByteOffset: i, as: UInt64.self).bigEndian
            let y = b.base.loadUnaligned(fromByteOffset: i, as: UInt64.self).bigEndian
            if x != y { return x < y }
            i &+= 8
        }
        while i < shared {
            if a[i] != b[i] { return a[i] < b[i] }
            i &+= 1
        }
        return a.count < b.count
    }

    /// A copy that outlives the turn. Allocates.
    public func copied() -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: base, count: count))
    }

    /// The bytes as text, invalid UTF-8 repaired. Allocates; for messages to people.
    public var text: String {
        String(decoding: UnsafeRawBufferPointer(start: base, count: count), as: UTF8.self)
    }

    /// Lends an array's or buffer's bytes for the length of `body`.
    @inlinable
    public static func lending<Result, Failure: Error>(
        _ bytes: [UInt8], to body: (Bytes) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bytes.withUnsafeBufferPointer { buffer throws(Failure) in
            guard let base = buffer.baseAddress else { return try body(.empty) }
            return try body(Bytes(base: base, count: buffer.count))
        }
    }
}

/// Compares eight bytes at a time; `count` bytes must be readable at both.
@inlinable
@inline(__always)
func equal(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
    var i = 0
    while i &+ 8 <= count {
        if a.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            != b.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        {
            return false
        }
        i &+= 8
    }
    while i < count {
        if a.load(fromByteOffset: i, as: UInt8.self) != b.load(fromByteOffset: i, as: UInt8.self) {
            return false
        }
        i &+= 1
    }
    return true
}

extension Bytes {
    /// Offset of the first `byte` at or after `start`. O(n).
    public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        var i = start
        while i < count {
            if self[i] == byte { return i }
            i &+= 1
        }
        return nil
    }

    /// The bytes as a decimal number without sign or leading zero, at most 18 digits.
    public var decimal: Int? {
        guard count > 0, count <= 18, count == 1 || self[0] != 48 else { return nil }
        var value = 0
        for i in 0..<count {
            guard self[i] >= 48, self[i] <= 57 else { return nil }
            value = value &* 10 &+ Int(self[i] &- 48)
        }
        return value
    }

    /// Whether these are the ASCII letters of `word` (which is upper case), in either case.
    public func matches(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        for i in 0..<count {
            var byte = self[i]
            if byte >= 97, byte <= 122 { byte &-= 32 }
            if byte != (word.utf8Start + i).pointee { return false }
        }
        return true
    }
}
