/// Byte strings numbered in order of first appearance; each is stored once.
///
/// Open addressing over one flat buffer, so that interning a known string allocates nothing.
/// `intern` and `find` are O(length), expected.
public struct NameTable: Sendable {
    private var bytes = ContiguousArray<UInt8>()
    private var ends = ContiguousArray<Int>()
    private var hashes = ContiguousArray<UInt32>()
    private var slots = ContiguousArray<UInt32>(repeating: .max, count: 16)

    public init() {}

    /// How many strings there are.
    public var count: Int { ends.count }

    /// Memory held, in bytes.
    public var footprint: Int { bytes.capacity + ends.capacity * 12 + slots.capacity * 4 }

    /// The number of `string`, new or known. Traps beyond 2^32 − 1 strings.
    public mutating func intern(_ string: UnsafeRawBufferPointer) -> UInt32 {
        let hash = NameTable.hash(string)
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] != .max {
            let index = slots[slot]
            if hashes[Int(index)] == hash, equals(Int(index), string) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        precondition(ends.count < Int(UInt32.max), "a table holds at most 2^32 - 1 strings")
        let index = UInt32(ends.count)
        slots[slot] = index
        bytes.append(contentsOf: string)
        ends.append(bytes.count)
        hashes.append(hash)
        if ends.count * 2 > slots.count { grow() }
        return index
    }

    public mutating func intern(_ text: String) -> UInt32 {
        var text = text
        return text.withUTF8 { intern(UnsafeRawBufferPointer($0)) }
    }

    /// The number of a known string, or nil.
    public func find(_ text: String) -> UInt32? {
        var text = text
        return text.withUTF8 { buffer -> UInt32? in
            let string = UnsafeRawBufferPointer(buffer)
            let hash = NameTable.hash(string)
            var slot = Int(hash) & (slots.count - 1)
            while slots[slot] != .max {
                let index = slots[slot]
                if hashes[Int(index)] == hash, equals(Int(index), string) { return index }
                slot = (slot + 1) & (slots.count - 1)
            }
            return nil
        }
    }

    /// The bytes of string `index`.
    public func bytes(_ index: Int) -> ArraySlice<UInt8> {
        ArraySlice(bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
    }

    /// String `index` as text, invalid UTF-8 repaired.
    public func text(_ index: Int) -> String {
        withBytes(index) { String(decoding: $0, as: UTF8.self) }
    }

    /// Lends the bytes of string `index`.
    public func withBytes<Result>(
        _ index: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let start = index == 0 ? 0 : ends[index - 1]
        let end = ends[index]
        return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    }

    private func equals(_ index: Int, _ string: UnsafeRawBufferPointer) -> Bool {
        let start = index == 0 ? 0 : ends[index - 1]
        guard ends[index] - start == string.count else { return false }
        return bytes.withUnsafeBytes { all in
            for i in 0..<string.count where all[start + i] != string[i] { return false }
            return true
        }
    }

    private mutating func grow() {
        let size = slots.count * 2
        slots = ContiguousArray(repeating: .max, count: size)
        for index in 0..<ends.count {
            var slot = Int(hashes[index]) & (size - 1)
            while slots[slot] != .max { slot = (slot + 1) & (size - 1) }
            slots[slot] = UInt32(index)
        }
    }

    /// A fixed 32-bit mix, the same on every machine, so that shards by key hash agree.
    static func hash(_ string: UnsafeRawBufferPointer) -> UInt32 {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(string.count)
        var i = 0
        while i &+ 8 <= string.count {
            let word = UInt64(
                littleEndian: string.loadUnaligned(fromByteOffset: i, as: UInt64.self))
            let product = (state ^ word).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
            state = product.high ^ product.low
            i &+= 8
        }
        var tail: UInt64 = 0
        while i < string.count {
            tail = tail << 8 | UInt64(string[i])
            i &+= 1
        }
        let product = (state ^ tail).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
        state = product.high ^ product.low
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }
}
