import Basics

/// Keeps what a generator's sessions did, 48 bytes an operation, in blocks that never move.
///
/// Recording is a store into memory that was reserved before; a block of 64 Ki entries is added
/// when the last one is full.
final class Recorder {
    /// One operation as the client saw it.
    struct Entry {
        var process: UInt32
        var isWrite: Bool
        var outcome: Outcome
        /// The record's number, which names its key.
        var record: UInt64
        /// A write's name, 0 for an absent value, or `opaque` with a hash.
        var value: UInt64
        var invoked, completed, intended: Instant
    }

    enum Outcome: UInt8 { case ok, fail, unknown }

    /// Marks values that no load generator wrote; the rest is a hash of their bytes.
    static let opaque: UInt64 = 1 << 63

    private static let blockEntries = 1 << 16
    private var blocks: [UnsafeMutablePointer<Entry>] = []
    // One thread records; the check of exclusive access would cost as much as the store itself.
    @exclusivity(unchecked) private var current: UnsafeMutablePointer<Entry>?
    @exclusivity(unchecked) private var used = Recorder.blockEntries
    private let isOn: Bool

    /// Reserves room for `expected` operations.
    init(isOn: Bool, expected: UInt64) {
        self.isOn = isOn
        guard isOn else { return }
        let blocks = min(expected / UInt64(Recorder.blockEntries) + 1, 256)
        for _ in 0..<blocks { self.blocks.append(Recorder.block()) }
        next = 0
    }

    deinit { for block in blocks { block.deallocate() } }

    private var next = 0

    @inline(__always)
    func record(_ entry: Entry) {
        guard isOn else { return }
        if used == Recorder.blockEntries { turnOver() }
        current?.advanced(by: used).initialize(to: entry)
        used &+= 1
    }

    private func turnOver() {
        if next == blocks.count { blocks.append(Recorder.block()) }
        current = blocks[next]
        next += 1
        used = 0
    }

    /// Recorded operations.
    var count: Int { next == 0 ? 0 : (next - 1) * Recorder.blockEntries + used }

    func forEach(_ body: (Entry) -> Void) {
        for index in 0..<next {
            let end = index == next - 1 ? used : Recorder.blockEntries
            for i in 0..<end { body(blocks[index][i]) }
        }
    }

    private static func block() -> UnsafeMutablePointer<Entry> {
        .allocate(capacity: blockEntries)
    }
}
