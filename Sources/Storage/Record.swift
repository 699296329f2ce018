import Basics
import Causality

/// One stored key with its newest version and content: a single allocation, owned by the table.
///
/// Layout, in native byte order: stamp 8, actor 8, log position 8, length of the content 4, key
/// length 4, capacity for what follows the header 4, keyspace 2, form 1, flags 1 (bit 0: it ends
/// at a time), key, content, and that time 8 if there is one.
struct Record: Equatable {
    // Invariant: `base` points to 40 + capacity bytes, of which 40 + key length + content length
    // (and expiry) are initialised, until `free`.
    private let base: UnsafeMutableRawPointer

    private static let headerBytes = 40
    /// An allocation larger than this is not kept for a value that fills less than half of it.
    private static let keptBytes = 512

    /// Allocates a record and copies key and content into it.
    init(_ key: HashedKey, _ content: Content, _ version: Version, _ position: LogPosition) {
        let keyspace = key.keyspace.raw
        let key = key.bytes
        let used = Record.headerBytes + key.count + Record.size(of: content)
        let size = (used + 15) & ~15
        base = .allocate(byteCount: size, alignment: 8)
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: key.count), toByteOffset: 28, as: UInt32.self)
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: size - Record.headerBytes), toByteOffset: 32,
            as: UInt32.self)
        base.storeBytes(of: keyspace, toByteOffset: 36, as: UInt16.self)
        (base + Record.headerBytes).copyMemory(from: key.base, byteCount: key.count)
        write(content, version, position)
    }

    @inline(__always)
    private static func size(of content: Content) -> Int {
        content.bytes.count &+ (content.expiry == 0 ? 0 : 8)
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

    @inline(__always)
    var keyspace: KeyspaceID {
        KeyspaceID(base.load(fromByteOffset: 36, as: UInt16.self))
    }

    @inline(__always)
    func isOf(_ key: HashedKey) -> Bool { self.key == key.bytes && keyspace == key.keyspace }

    @inline(__always)
    var content: Content {
        let form = base.load(fromByteOffset: 38, as: UInt8.self)
        let key = key
        let bytes = Bytes(base: key.base + key.count, count: contentCount)
        let flags = base.load(fromByteOffset: 39, as: UInt8.self)
        let expiry =
            flags & 1 == 0
            ? 0 : (bytes.base + bytes.count).loadUnaligned(as: UInt64.self)
        return Content(Content.Form(rawValue: form) ?? .tombstone, bytes, expiry: expiry)
    }

    /// Names this version of this key, `hash` being the key's.
    @inline(__always)
    func fingerprint(_ hash: UInt64, seed: UInt64) -> Hash128 {
        Fingerprint.of(hash, version, content, seed: seed)
    }

    @inline(__always)
    var contentCount: Int { Int(base.load(fromByteOffset: 24, as: UInt32.self)) }

    /// Writes new content over the old; false, and nothing changed, if it does not fit or if it
    /// would leave most of a large allocation unused.
    @inline(__always)
    func overwrite(_ content: Content, _ version: Version, _ position: LogPosition) -> Bool {
        let capacity = Int(base.load(fromByteOffset: 32, as: UInt32.self))
        let used = key.count &+ Record.size(of: content)
        if used > capacity { return false }
        if capacity > Record.keptBytes, used < capacity / 2 { return false }
        write(content, version, position)
        return true
    }

    @inline(__always)
    private func write(_ content: Content, _ version: Version, _ position: LogPosition) {
        base.storeBytes(of: version.stamp, as: UInt64.self)
        base.storeBytes(of: version.actor.raw, toByteOffset: 8, as: UInt64.self)
        base.storeBytes(of: position.offset, toByteOffset: 16, as: UInt64.self)
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: content.bytes.count), toByteOffset: 24, as: UInt32.self)
        base.storeBytes(of: content.form.rawValue, toByteOffset: 38, as: UInt8.self)
        base.storeBytes(of: content.expiry == 0 ? 0 : 1, toByteOffset: 39, as: UInt8.self)
        // The bytes may be this record's own (a repair from itself): copyMemory allows overlap.
        let target = UnsafeMutableRawPointer(mutating: key.base + key.count)
        target.copyMemory(from: content.bytes.base, byteCount: content.bytes.count)
        if content.expiry != 0 {
            target.storeBytes(
                of: content.expiry, toByteOffset: content.bytes.count, as: UInt64.self)
        }
    }
}
