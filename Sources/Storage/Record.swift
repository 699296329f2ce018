import Basics
import Causality

/// One stored key with its newest version and value: a single allocation, owned by the table.
///
/// Layout, in native byte order: stamp 8, actor 8, log position 8, value length 4 (all ones when
/// the key was deleted), key length 4, capacity for key and value 4, unused 4, key, value.
struct Record: Equatable {
    // Invariant: `base` points to 40 + capacity bytes, of which 40 + key length + value length
    // are initialised, until `free`.
    private let base: UnsafeMutableRawPointer

    private static let headerBytes = 40
    private static let deleted = UInt32.max
    /// An allocation larger than this is not kept for a value that fills less than half of it.
    private static let keptBytes = 512

    /// Allocates a record and copies key and value into it.
    init(_ key: Bytes, _ value: Bytes?, _ version: Version, _ position: LogPosition) {
        let used = Record.headerBytes + key.count + (value?.count ?? 0)
        let size = (used + 15) & ~15
        base = .allocate(byteCount: size, alignment: 8)
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: key.count), toByteOffset: 28, as: UInt32.self)
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: size - Record.headerBytes), toByteOffset: 32,
            as: UInt32.self)
        base.storeBytes(of: 0, toByteOffset: 36, as: UInt32.self)
        (base + Record.headerBytes).copyMemory(from: key.base, byteCount: key.count)
        write(value, version, position)
    }

    @inline(__always)
    init?(address: UInt) {
        guard let base = UnsafeMutableRawPointer(bitPattern: address) else { return nil }
        self.base = base
    }

    @inline(__always)
    var address: UInt { UInt(bitPattern: base) }

    func free() { base.deallocate() }

    @inline(__always)
    var stamp: UInt64 { base.load(as: UInt64.self) }

    @inline(__always)
    var version: Version {
        Version(
            stamp: base.load(as: UInt64.self),
            actor: Actor(raw: base.load(fromByteOffset: 8, as: UInt64.self)))
    }

    @inline(__always)
    var position: LogPosition { LogPosition(base.load(fromByteOffset: 16, as: UInt64.self)) }

    @inline(__always)
    var key: Bytes {
        Bytes(
            base: UnsafeRawPointer(base + Record.headerBytes),
            count: Int(base.load(fromByteOffset: 28, as: UInt32.self)))
    }

    /// The value; nil if the key was deleted.
    @inline(__always)
    var value: Bytes? {
        let length = base.load(fromByteOffset: 24, as: UInt32.self)
        if length == Record.deleted { return nil }
        return Bytes(base: key.base + key.count, count: Int(length))
    }

    @inline(__always)
    var valueCount: Int { value?.count ?? 0 }

    /// Writes a new value over the old one; false, and nothing changed, if it does not fit or if
    /// it would leave most of a large allocation unused.
    @inline(__always)
    func overwrite(_ value: Bytes?, _ version: Version, _ position: LogPosition) -> Bool {
        let capacity = Int(base.load(fromByteOffset: 32, as: UInt32.self))
        let used = key.count &+ (value?.count ?? 0)
        if used > capacity { return false }
        if capacity > Record.keptBytes, used < capacity / 2 { return false }
        write(value, version, position)
        return true
    }

    @inline(__always)
    private func write(_ value: Bytes?, _ version: Version, _ position: LogPosition) {
        base.storeBytes(of: version.stamp, as: UInt64.self)
        base.storeBytes(of: version.actor.raw, toByteOffset: 8, as: UInt64.self)
        base.storeBytes(of: position.offset, toByteOffset: 16, as: UInt64.self)
        guard let value else {
            base.storeBytes(of: Record.deleted, toByteOffset: 24, as: UInt32.self)
            return
        }
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: value.count), toByteOffset: 24, as: UInt32.self)
        // The value may be this record's own (a repair from itself): copyMemory allows overlap.
        UnsafeMutableRawPointer(mutating: key.base + key.count)
            .copyMemory(from: value.base, byteCount: value.count)
    }
}
