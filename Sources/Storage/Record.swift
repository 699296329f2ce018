import Basics
import Causality

/// One stored key with its newest version and content: a single allocation, owned by the table.
///
/// Layout, in native byte order: stamp 8, actor 8, log position 56 bits, size class 8 bits,
/// measures 8, key, content, and the time at which it ends 8 if there is one. Measures are, from
/// the lowest bit: length of the content 25, length of the key 17, keyspace 16, form 2, whether
/// it ends 1.
struct Record: Equatable {
    // Invariant: `base` points to as many bytes as its size class says, of which 32 + key length +
    // content length (and expiry) are initialised, until `free`. Lengths keep to `Limits`, and a
    // position below 2^56 is more than a log will ever have.
    private let base: UnsafeMutableRawPointer

    private static let headerBytes = 32
    /// An allocation larger than this is not kept for a value that fills less than half of it.
    private static let keptBytes = 512

    /// Allocates a record and copies key and content into it.
    init(_ key: HashedKey, _ content: Content, _ version: Version, _ position: LogPosition) {
        let used = Record.headerBytes + key.bytes.count + Record.size(of: content)
        let sizeClass = SizeClass(holding: used)
        base = .allocate(byteCount: sizeClass.bytes, alignment: 8)
        base.storeBytes(of: UInt64(sizeClass.number), toByteOffset: 16, as: UInt64.self)
        base.storeBytes(
            of: UInt64(key.bytes.count) << 25 | UInt64(key.keyspace.raw) << 42, toByteOffset: 24,
            as: UInt64.self)
        (base + Record.headerBytes).copyMemory(from: key.bytes.base, byteCount: key.bytes.count)
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
    private var place: UInt64 { base.load(fromByteOffset: 16, as: UInt64.self) }

    @inline(__always)
    private var measures: UInt64 { base.load(fromByteOffset: 24, as: UInt64.self) }

    @inline(__always)
    var position: LogPosition { LogPosition(place &>> 8) }

    @inline(__always)
    var key: Bytes {
        Bytes(
            base: UnsafeRawPointer(base + Record.headerBytes),
            count: Int(measures &>> 25 & 0x1_ffff))
    }

    @inline(__always)
    var keyspace: KeyspaceID {
        KeyspaceID(UInt16(truncatingIfNeeded: measures &>> 42))
    }

    @inline(__always)
    func isOf(_ key: HashedKey) -> Bool { self.key == key.bytes && keyspace == key.keyspace }

    @inline(__always)
    var content: Content {
        let measures = measures
        let key = key
        let bytes = Bytes(base: key.base + key.count, count: Int(measures & 0x1ff_ffff))
        let expiry =
            measures &>> 60 == 0
            ? 0 : (bytes.base + bytes.count).loadUnaligned(as: UInt64.self)
        let form = Content.Form(rawValue: UInt8(truncatingIfNeeded: measures &>> 58) & 3)
        return Content(form ?? .tombstone, bytes, expiry: expiry)
    }

    @inline(__always)
    var contentCount: Int { Int(measures & 0x1ff_ffff) }

    /// Writes new content over the old; false, and nothing changed, if it does not fit or if it
    /// would leave most of a large allocation unused.
    @inline(__always)
    func overwrite(_ content: Content, _ version: Version, _ position: LogPosition) -> Bool {
        let size = SizeClass(number: UInt8(truncatingIfNeeded: place)).bytes
        let used = Record.headerBytes &+ key.count &+ Record.size(of: content)
        if used > size { return false }
        if size > Record.keptBytes, used < size / 2 { return false }
        write(content, version, position)
        return true
    }

    @inline(__always)
    private func write(_ content: Content, _ version: Version, _ position: LogPosition) {
        base.storeBytes(of: version.stamp, as: UInt64.self)
        base.storeBytes(of: version.actor.raw, toByteOffset: 8, as: UInt64.self)
        base.storeBytes(of: position.offset &<< 8 | place & 0xff, toByteOffset: 16, as: UInt64.self)
        let key = key
        let kept = measures & 0x03ff_ffff_fe00_0000
        let form = UInt64(content.form.rawValue) &<< 58
        let end: UInt64 = content.expiry == 0 ? 0 : 1 &<< 60
        base.storeBytes(
            of: kept | UInt64(content.bytes.count) | form | end, toByteOffset: 24, as: UInt64.self)
        // The bytes may be this record's own (a repair from itself): copyMemory allows overlap.
        let target = UnsafeMutableRawPointer(mutating: key.base + key.count)
        target.copyMemory(from: content.bytes.base, byteCount: content.bytes.count)
        if content.expiry != 0 {
            target.storeBytes(
                of: content.expiry, toByteOffset: content.bytes.count, as: UInt64.self)
        }
    }
}

/// What the allocator gives for a request of some size: multiples of 16 up to 128 bytes, then four
/// sizes to a doubling, as jemalloc has them. All of an allocation is used.
private struct SizeClass {
    let number: UInt8
    let bytes: Int

    @inline(__always)
    init(holding count: Int) {
        if count <= 128 {
            number = UInt8(truncatingIfNeeded: (count &+ 15) / 16)
        } else {
            let last = count &- 1
            let shift = 61 &- last.leadingZeroBitCount
            number = UInt8(truncatingIfNeeded: 9 &+ (shift &- 5) &* 4 &+ last &>> shift &- 4)
        }
        bytes = SizeClass.bytes(number)
    }

    @inline(__always)
    init(number: UInt8) {
        self.number = number
        bytes = SizeClass.bytes(number)
    }

    @inline(__always)
    private static func bytes(_ number: UInt8) -> Int {
        let number = Int(number)
        if number <= 8 { return number &* 16 }
        return (((number &- 9) & 3) &+ 5) &<< (5 &+ (number &- 9) / 4)
    }
}
