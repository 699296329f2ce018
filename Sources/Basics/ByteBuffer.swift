/// Growable raw output: what encoders append to and sockets or disks drain from.
///
/// Grows by doubling and never shrinks by itself, so that a steady state allocates nothing.
/// Integers are little-endian.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    // Sendable without checking: the storage has exactly one owner, this noncopyable value.
    // Invariant: 0 <= start <= end <= capacity, and `storage` holds `capacity` bytes.
    @usableFromInline var storage: UnsafeMutableRawPointer
    @usableFromInline var start = 0
    @usableFromInline var end = 0
    public private(set) var capacity: Int

    public init(capacity: Int = 256) {
        self.capacity = max(16, capacity)
        storage = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { storage.deallocate() }

    /// Bytes appended and not yet consumed.
    @inlinable public var count: Int { end &- start }
    @inlinable public var isEmpty: Bool { end == start }

    /// What has not been consumed; valid until the next mutation.
    @inlinable public var bytes: Bytes { Bytes(base: storage + start, count: end &- start) }

    /// Forgets everything, keeps the storage.
    @inlinable
    public mutating func removeAll() {
        start = 0
        end = 0
    }

    /// Gives storage beyond `limit` bytes back, if nothing is waiting.
    public mutating func shrink(to limit: Int) {
        guard isEmpty, capacity > limit else { return }
        storage.deallocate()
        capacity = max(16, limit)
        storage = .allocate(byteCount: capacity, alignment: 16)
        removeAll()
    }

    /// Drops the first `n` bytes.
    @inlinable
    public mutating func consume(_ n: Int) {
        precondition(n >= 0 && n <= count, "more than there is")
        start &+= n
        if start == end { removeAll() }
    }

    /// Drops everything after the first `n` bytes.
    @inlinable
    public mutating func truncate(to n: Int) {
        precondition(n >= 0 && n <= count, "more than there is")
        end = start &+ n
    }

    /// Makes room for `n` more bytes and returns where they begin. O(1) amortised.
    @inlinable
    @inline(__always)
    public mutating func reserve(_ n: Int) -> UnsafeMutableRawPointer {
        if end &+ n > capacity { grow(n) }
        return storage + end
    }

    /// Says that `n` of the reserved bytes were written.
    @inlinable
    public mutating func commit(_ n: Int) {
        precondition(n >= 0 && end &+ n <= capacity, "more than was reserved")
        end &+= n
    }

    @usableFromInline
    mutating func grow(_ n: Int) {
        let used = end - start
        if start > 0 && used + n <= capacity && start >= used {
            storage.copyMemory(from: storage + start, byteCount: used)
        } else {
            var larger = capacity
            while larger < used + n { larger *= 2 }
            let fresh = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            fresh.copyMemory(from: storage + start, byteCount: used)
            storage.deallocate()
            storage = fresh
            capacity = larger
        }
        start = 0
        end = used
    }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1).storeBytes(of: byte, as: UInt8.self)
        end &+= 1
    }

    @inlinable
    public mutating func append(_ bytes: Bytes) {
        reserve(bytes.count).copyMemory(from: bytes.base, byteCount: bytes.count)
        end &+= bytes.count
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        append(Bytes(base: base, count: bytes.count))
    }

    @inlinable
    public mutating func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        reserve(count).copyMemory(from: text.utf8Start, byteCount: count)
        end &+= count
    }

    /// UTF-8 of `text`; for paths that may allocate.
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    @inlinable
    public mutating func appendInteger<T: FixedWidthInteger>(_ value: T) {
        let size = MemoryLayout<T>.size
        reserve(size).storeBytes(of: value.littleEndian, as: T.self)
        end &+= size
    }

    /// Overwrites an integer at `offset` from the first unconsumed byte.
    @inlinable
    public mutating func overwrite<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset &+ MemoryLayout<T>.size <= count, "outside the buffer")
        (storage + start + offset).storeBytes(of: value.littleEndian, as: T.self)
    }

    /// Overwrites bytes at `offset` from the first unconsumed byte.
    @inlinable
    public mutating func overwrite(_ bytes: Bytes, at offset: Int) {
        precondition(offset >= 0 && offset &+ bytes.count <= count, "outside the buffer")
        (storage + start + offset).copyMemory(from: bytes.base, byteCount: bytes.count)
    }

    /// Decimal digits of `value`.
    @inlinable
    public mutating func appendDecimal(_ value: UInt64) {
        if value < 10 {
            append(UInt8(truncatingIfNeeded: value) &+ 48)
            return
        }
        var digits = 1
        var limit: UInt64 = 10
        while digits < 20, value >= limit {
            digits &+= 1
            limit = limit &* 10
            if digits == 20 { break }
        }
        let place = reserve(digits)
        var rest = value
        var i = digits &- 1
        while i >= 0 {
            place.storeBytes(
                of: UInt8(truncatingIfNeeded: rest % 10) &+ 48, toByteOffset: i, as: UInt8.self)
            rest /= 10
            i &-= 1
        }
        end &+= digits
    }

    @inlinable
    public mutating func appendDecimal(_ value: Int64) {
        if value < 0 { append(45) }
        appendDecimal(value.magnitude)
    }
}
