/// Reads `.qh` files block by block; nothing is trusted before its checksum and its bounds fit.
public struct BinaryHistoryReader {
    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private var offset = 0
    private var history = History()
    private let shard: Shard?
    /// By key of the file: its number in the history, or −1 when another shard has it.
    private var keyPlaces: ContiguousArray<Int64> = []
    /// With a shard: which of the operations that were read belong to it.
    private var kept: ContiguousArray<UInt32> = []
    /// With a shard: where the blocks of details lie, of which only those of its operations are
    /// kept, once it is known which these are.
    private var detailBlocks: [(offset: Int, end: Int, count: Int)] = []
    private var detailCount = 0
    /// Operations that were given to `visit` and forgotten.
    private var visited = 0
    private typealias Visitor = (History) throws(HistoryError) -> Void

    /// Parses a whole file. With a shard only the operations on its keys are kept.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, file: String, shard: Shard? = nil
    ) throws(HistoryError) -> History {
        var reader = BinaryHistoryReader(bytes: bytes, file: file, shard: shard)
        try reader.run()
        return reader.history
    }

    /// Reads a whole file block by block: `visit` gets each block's operations, without details,
    /// with the tables so far.
    public static func forEachBlock(
        _ bytes: UnsafeRawBufferPointer, file: String,
        _ visit: (History) throws(HistoryError) -> Void
    ) throws(HistoryError) {
        var reader = BinaryHistoryReader(bytes: bytes, file: file, shard: nil)
        try withoutActuallyEscaping(visit) { visit throws(HistoryError) in
            try reader.run(visit)
        }
    }

    /// Parses a whole file that is in an array.
    public static func parse(_ bytes: [UInt8], file: String) throws(HistoryError) -> History {
        try bytes.withUnsafeBufferPointer { buffer throws(HistoryError) in
            try parse(UnsafeRawBufferPointer(buffer), file: file)
        }
    }

    private init(bytes: UnsafeRawBufferPointer, file: String, shard: Shard?) {
        self.bytes = bytes
        self.shard = shard
        self.file = file
    }

    private func failure(_ problem: String, at place: Int? = nil) -> HistoryError {
        HistoryError(file: file, line: 0, column: place ?? offset, problem: problem)
    }

    private mutating func integer<T: FixedWidthInteger>(
        _ limit: Int, _ type: T.Type = T.self
    ) throws(HistoryError) -> T {
        let size = MemoryLayout<T>.size
        guard limit - offset >= size else {
            throw failure("expected \(size) more bytes, found \(limit - offset)")
        }
        defer { offset += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    private mutating func run(_ visit: Visitor? = nil) throws(HistoryError) {
        guard bytes.count >= 16,
            (0..<8).allSatisfy({ bytes[$0] == BinaryHistory.magic.utf8Start[$0] })
        else { throw failure("expected a binary history, which begins with QHISTORY") }
        offset = 8
        let version = try integer(bytes.count, UInt32.self)
        guard version == BinaryHistory.version else {
            throw failure("expected version \(BinaryHistory.version), found \(version)", at: 8)
        }
        offset = 16
        // A file cannot hold more operations than this: no growing, no copying.
        let most = min(bytes.count / BinaryHistory.operationBytes, History.maximumCount)
        if visit == nil { history.reserve(most / (shard?.count ?? 1)) }
        while try block(visit) {}
        guard offset == bytes.count else { throw failure("expected the end of the file") }
        guard history.positions.isEmpty || history.positions.count == read else {
            throw failure("expected a position for every operation")
        }
        if shard != nil { try restoreDetails() }
        history.settle(kept)
    }

    /// Takes the details of the operations that were kept, and only these.
    private mutating func restoreDetails() throws(HistoryError) {
        var wanted = RankedBits(count: detailCount)
        for operation in history.operations where operation.detail != Operation.noDetail {
            wanted.insert(Int(operation.detail))
        }
        wanted.rank()
        var index = 0
        for block in detailBlocks {
            offset = block.offset
            for _ in 0..<block.count {
                let detail = try detail(block.end)
                if wanted.contains(index) { history.restore(detail) }
                index += 1
            }
        }
        history.renumberDetails { UInt32(truncatingIfNeeded: wanted.rank(of: Int($0))) }
    }

    /// Operations read so far, those of other shards included.
    private var read: Int { history.count + history.excluded.count + visited }

    /// Reads one block; false at the end block.
    private mutating func block(_ visit: Visitor?) throws(HistoryError) -> Bool {
        let start = offset
        let tag = try integer(bytes.count, UInt32.self)
        let count = Int(try integer(bytes.count, UInt32.self))
        let length = Int(try integer(bytes.count, UInt32.self))
        let sum = try integer(bytes.count, UInt64.self)
        guard tag < 256, let kind = BinaryHistory.Kind(rawValue: UInt8(tag)) else {
            throw failure("expected a block of kind 0 to 6", at: start)
        }
        guard length <= BinaryHistory.maximumBlock, length <= bytes.count - offset else {
            throw failure("expected a block of \(length) bytes, found \(bytes.count - offset)")
        }
        let payload = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
        guard BinaryHistory.checksum(kind.rawValue, UInt32(count), payload) == sum else {
            throw failure("the block's checksum does not match: the file is damaged", at: start)
        }
        let end = offset + length
        switch kind {
        case .end:
            guard count == 0, length == 0 else { throw failure("the end block is not empty") }
            return false
        case .keys: try keys(count, end)
        case .values: try strings(count, end) { $0.values.intern($1) }
        case .nodes: try strings(count, end) { $0.nodes.intern($1) }
        case .operations:
            try operations(count, end)
            if let visit {
                try visit(history)
                visited += history.count
                history.removeOperations()
            }
        case .details:
            detailCount += count
            if shard != nil { detailBlocks.append((offset, end, count)) }
            for _ in 0..<count {
                let detail = try detail(end)
                if shard == nil, visit == nil { history.restore(detail) }
            }
        case .positions:
            for _ in 0..<count {
                let position: UInt32 = try integer(end)
                if visit == nil { history.positions.append(position) }
            }
        }
        guard offset == end else { throw failure("expected the end of the block") }
        return true
    }

    private mutating func strings(
        _ count: Int, _ end: Int, _ intern: (inout History, UnsafeRawBufferPointer) -> UInt32
    ) throws(HistoryError) {
        for _ in 0..<count {
            let length = Int(try integer(end, UInt32.self))
            guard length <= end - offset else {
                throw failure("expected a string of \(length) bytes, found \(end - offset)")
            }
            _ = intern(
                &history, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
            offset += length
        }
    }

    private mutating func keys(_ count: Int, _ end: Int) throws(HistoryError) {
        guard let shard else {
            try strings(count, end) { $0.keys.intern($1) }
            return
        }
        var places: ContiguousArray<Int64> = []
        try strings(count, end) { history, name in
            guard shard.holds(name) else {
                places.append(-1)
                return 0
            }
            let key = history.key(name)
            places.append(Int64(key))
            return key
        }
        keyPlaces += places
    }

    private mutating func operations(_ count: Int, _ end: Int) throws(HistoryError) {
        guard end - offset == count * BinaryHistory.operationBytes,
            read + count <= History.maximumCount
        else { throw failure("expected \(count) operations of 56 bytes") }
        for _ in 0..<count {
            let place = offset
            guard let operation = operation(at: place), isValid(operation) else {
                throw failure("expected an operation whose fields are in bounds", at: place)
            }
            if shard == nil { history.append(operation) } else { keep(operation) }
            offset += BinaryHistory.operationBytes
        }
    }

    private mutating func keep(_ operation: Operation) {
        let place = keyPlaces[Int(operation.key)]
        guard place >= 0 else {
            history.excluded.note(
                process: operation.process, invoked: operation.invoked,
                completed: operation.completed)
            return
        }
        kept.append(UInt32(read))
        var moved = operation
        moved.key = UInt32(place)
        history.append(moved)
    }

    @inline(__always)
    private func load<T: FixedWidthInteger>(_ place: Int, _ type: T.Type = T.self) -> T {
        T(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: T.self))
    }

    @inline(__always)
    private func operation(at place: Int) -> Operation? {
        guard let kind = Operation.Kind(rawValue: bytes[place + 8]),
            let outcome = Operation.Outcome(rawValue: bytes[place + 9])
        else { return nil }
        var operation = Operation(
            process: load(place), key: load(place + 4), kind: kind, outcome: outcome,
            value: ValueID(raw: load(place + 16)), expected: ValueID(raw: load(place + 24)),
            invoked: load(place + 32), completed: load(place + 40), intended: load(place + 48),
            flags: Operation.Flags(rawValue: load(place + 10)))
        operation.detail = load(place + 12)
        return operation
    }

    @inline(__always)
    private func isValid(_ operation: Operation) -> Bool {
        let bound = Operation.timeBound
        let isOpen = operation.completed == Operation.never
        return Int(operation.key) < (shard == nil ? history.keys.count : keyPlaces.count)
            && operation.invoked > -bound && operation.invoked < bound
            && (isOpen || (operation.completed >= operation.invoked && operation.completed < bound))
            && (!isOpen || operation.outcome != .ok)
            && isKnown(operation.value) && isKnown(operation.expected)
            && (operation.detail == Operation.noDetail
                || Int(operation.detail) < detailCount)
    }

    @inline(__always)
    private func isKnown(_ value: ValueID) -> Bool {
        !value.isInterned
            || ((value.raw & ~(1 << 63)) >> 32 == 0 && Int(value.tableIndex) < history.values.count)
    }

    private mutating func detail(_ end: Int) throws(HistoryError) -> Detail {
        var detail = Detail()
        let bits = try integer(end, UInt8.self)
        let siblings = try integer(end, UInt16.self)
        let acks = try integer(end, UInt16.self)
        if bits & 1 != 0 {
            detail.version = StoreVersion(stamp: try integer(end), actor: try integer(end))
        }
        if bits & 2 != 0 { detail.node = try node(try integer(end)) }
        if bits & 4 != 0 { detail.context = try integer(end) }
        for _ in 0..<siblings {
            let value = ValueID(raw: try integer(end))
            guard isKnown(value) else { throw failure("expected a value of the value table") }
            detail.siblings.append(value)
        }
        for _ in 0..<acks {
            let ack = try integer(end, UInt32.self)
            detail.acks.append(
                Detail.Ack(node: try node(ack & ~(1 << 31)), isFallback: ack >> 31 == 1))
        }
        return detail
    }

    private func node(_ index: UInt32) throws(HistoryError) -> UInt32 {
        guard Int(index) < history.nodes.count else {
            throw failure("expected a node of the node table")
        }
        return index
    }
}

/// A set of numbers below a bound that knows how many of them lie below each: a bit a number.
private struct RankedBits {
    private var words: ContiguousArray<UInt64>
    private var before: ContiguousArray<UInt32> = []

    init(count: Int) { words = ContiguousArray(repeating: 0, count: (count + 63) / 64) }

    mutating func insert(_ number: Int) { words[number >> 6] |= 1 << UInt64(number & 63) }

    func contains(_ number: Int) -> Bool { words[number >> 6] >> UInt64(number & 63) & 1 == 1 }

    /// Counts; nothing is inserted any more.
    mutating func rank() {
        var sum: UInt32 = 0
        before.reserveCapacity(words.count)
        for word in words {
            before.append(sum)
            sum += UInt32(word.nonzeroBitCount)
        }
    }

    func rank(of number: Int) -> Int {
        let below = words[number >> 6] & (1 << UInt64(number & 63) - 1)
        return Int(before[number >> 6]) + below.nonzeroBitCount
    }
}
