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
        /// Found by a scan: `record` is the number in the key's name, and the read belongs to no
        /// session, for a scan reads its records in no known order.
        var isScanned = false
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
    /// Nil: given away.
    private var blocks: [UnsafeMutablePointer<Entry>?] = []
    // One thread records; the check of exclusive access would cost as much as the store itself.
    @exclusivity(unchecked) private var current: UnsafeMutablePointer<Entry>?
    @exclusivity(unchecked) private var used = Recorder.blockEntries
    private let isOn: Bool
    private let keeps: Bool
    /// Entries that `takeFresh` has given out.
    private var published = 0

    /// Reserves room for `expected` operations. Without `keeps` full blocks belong to whom
    /// `takeFresh` gives them.
    init(isOn: Bool, keeps: Bool, expected: UInt64) {
        self.isOn = isOn
        self.keeps = keeps
        guard isOn else { return }
        let blocks = min((keeps ? expected : 0) / UInt64(Recorder.blockEntries) + 1, 256)
        for _ in 0..<blocks { self.blocks.append(Recorder.block()) }
        next = 0
    }

    deinit { for block in blocks { block?.deallocate() } }

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

    /// All entries that were not given away.
    func forEach(_ body: (Entry) -> Void) {
        for index in 0..<next {
            let end = index == next - 1 ? used : Recorder.blockEntries
            guard let block = blocks[index] else { continue }
            for i in 0..<end { body(block[i]) }
        }
    }

    /// Entries that are written once and lie still: another thread may read them.
    struct Segment: @unchecked Sendable {
        // Sendable without checking: nobody writes these entries again, and if the block is owned
        // only the receiver still knows it.
        let entries: UnsafeMutableBufferPointer<Entry>
        fileprivate let owned: UnsafeMutablePointer<Entry>?

        /// Gives back the block, if it is the receiver's; the entries are gone.
        func release() { owned?.deallocate() }
    }

    /// What was recorded since the last time.
    func takeFresh() -> [Segment] {
        var segments: [Segment] = []
        while published < count {
            let (index, first) = published.quotientAndRemainder(dividingBy: Recorder.blockEntries)
            let end = index == next - 1 ? used : Recorder.blockEntries
            guard let block = blocks[index] else { break }
            let isFull = end == Recorder.blockEntries
            segments.append(
                Segment(
                    entries: UnsafeMutableBufferPointer(start: block + first, count: end - first),
                    owned: isFull && !keeps ? block : nil))
            if isFull, !keeps {
                blocks[index] = nil
                if index == next - 1 { current = nil }
            }
            published += end - first
        }
        return segments
    }

    private static func block() -> UnsafeMutablePointer<Entry> {
        .allocate(capacity: blockEntries)
    }
}
