import Basics

/// Who wrote a value: a process and its count of writes, unique in a history.
///
/// The number is `process << 40 | sequence`; process 0 with sequence 0 writes nothing.
public struct WriteID: Sendable, Hashable {
    public let number: UInt64

    /// Processes are numbered below 2^23, writes of one below 2^40.
    public static let processes: UInt32 = 1 << 23
    public static let sequences: UInt64 = 1 << 40

    @inlinable
    public init(process: UInt32, sequence: UInt64) {
        precondition(
            process < WriteID.processes && sequence < WriteID.sequences,
            "a write's name is out of range")
        number = UInt64(process) << 40 | sequence
    }

    @inlinable public var process: UInt32 { UInt32(truncatingIfNeeded: number >> 40) }
    @inlinable public var sequence: UInt64 { number & (WriteID.sequences - 1) }

    /// The load phase writes under this process; a record's number is its sequence, so that a
    /// later phase can tell what was loaded.
    public static let loader: UInt32 = 1 << 22
}

/// Makes and reads the values of records: `w:<process>:<sequence>;` and filler up to the record's
/// length, all a function of the write's name, so that a reader can tell who wrote a value and
/// whether all of its bytes are right.
///
/// Lengths are `fieldcount` draws of the field length, added up; a value is never shorter than
/// its name.
public struct RecordValue: Sendable {
    /// Longest name: `w:` 7 digits `:` 13 digits `;`.
    public static let longestName = 24
    private static let blockBytes = 1 << 14

    /// Printable bytes that fillers are cut from.
    private let block: [UInt8]
    private let fields: Int
    private let lengths: LengthChooser
    /// The length if it is the same for all.
    private let constant: Int?

    /// Values that hold all fields of a record.
    public init(_ workload: Workload) { self.init(workload, fields: workload.fieldCount) }

    /// Values of a single field.
    public init(fieldOf workload: Workload) { self.init(workload, fields: 1) }

    private init(_ workload: Workload, fields: Int) {
        var random = RandomSource(seed: 0x7161_6c75_6573)
        var block = [UInt8](repeating: 0, count: RecordValue.blockBytes)
        for i in block.indices {
            let letter = UInt8(random.below(64))
            // 0-9, A-Z, a-z, '.' and '-': no byte that means something to a protocol.
            block[i] =
                letter < 10
                ? 48 + letter
                : letter < 36 ? 55 + letter : letter < 62 ? 61 + letter : 45 + letter % 2
        }
        self.block = block
        self.fields = fields
        lengths = LengthChooser(
            workload.fieldLengthDistribution,
            min(workload.minFieldLength, workload.fieldLength)...workload.fieldLength,
            histogram: workload.fieldLengths)
        constant =
            workload.fieldLengthDistribution == .constant ? fields * workload.fieldLength : nil
    }

    /// Bytes of the value that `write` writes.
    @inline(__always)
    public func count(of write: WriteID) -> Int {
        let name = RecordValue.nameBytes(write)
        if let constant { return max(name, constant) }
        return max(name, drawnCount(of: write))
    }

    private func drawnCount(of write: WriteID) -> Int {
        var random = RandomSource(seed: write.number)
        var sum = 0
        for _ in 0..<fields { sum += lengths.next(&random) }
        return sum
    }

    /// Appends the value of `write`, which has `count` bytes. O(bytes), by copying.
    public func append(_ write: WriteID, count: Int, to buffer: inout ByteBuffer) {
        let place = buffer.reserve(count)
        var filled = RecordValue.name(write, to: place)
        block.withUnsafeBytes { block in
            guard let base = block.baseAddress else { return }
            var offset = RecordValue.fillerOffset(write)
            while filled < count {
                let piece = min(count &- filled, RecordValue.blockBytes &- offset)
                (place + filled).copyMemory(from: base + offset, byteCount: piece)
                filled &+= piece
                offset = 0
            }
        }
        buffer.commit(count)
    }

    /// Who wrote a value; nil if it does not begin with a name.
    public static func writer(of value: Bytes) -> WriteID? {
        guard value.count >= 6, value[0] == 119, value[1] == 58 else { return nil }
        var i = 2
        guard let process = number(in: value, at: &i, below: UInt64(WriteID.processes), end: 58),
            let sequence = number(in: value, at: &i, below: WriteID.sequences, end: 59)
        else { return nil }
        return WriteID(process: UInt32(process), sequence: sequence)
    }

    /// Whether every byte is as `write` wrote it. O(bytes).
    public func isIntact(_ value: Bytes, of write: WriteID) -> Bool {
        guard value.count == count(of: write) else { return false }
        var i = RecordValue.nameBytes(write)
        var offset = RecordValue.fillerOffset(write)
        while i < value.count {
            if value[i] != block[offset] { return false }
            i &+= 1
            offset = offset &+ 1 == RecordValue.blockBytes ? 0 : offset &+ 1
        }
        return true
    }

    private static func number(
        in value: Bytes, at i: inout Int, below limit: UInt64, end: UInt8
    ) -> UInt64? {
        let start = i
        var number: UInt64 = 0
        while i < value.count {
            let byte = value[i]
            i &+= 1
            if byte == end { return i &- 1 > start ? number : nil }
            guard byte &- 48 < 10 else { return nil }
            number = number &* 10 &+ UInt64(byte &- 48)
            guard number < limit else { return nil }
        }
        return nil
    }

    private static func fillerOffset(_ write: WriteID) -> Int {
        var state = write.number
        return Int(RandomSource.splitMix(&state) % UInt64(blockBytes))
    }

    private static func nameBytes(_ write: WriteID) -> Int {
        4 &+ Decimal.digits(of: UInt64(write.process)) &+ Decimal.digits(of: write.sequence)
    }

    private static func name(_ write: WriteID, to place: UnsafeMutableRawPointer) -> Int {
        let process = Decimal.digits(of: UInt64(write.process))
        let sequence = Decimal.digits(of: write.sequence)
        place.storeBytes(of: UInt16(0x3a77).littleEndian, as: UInt16.self)  // "w:"
        Decimal.write(UInt64(write.process), digits: process, to: place + 2)
        place.storeBytes(of: 58, toByteOffset: 2 &+ process, as: UInt8.self)
        Decimal.write(write.sequence, digits: sequence, to: place + 3 + process)
        place.storeBytes(of: 59, toByteOffset: 3 &+ process &+ sequence, as: UInt8.self)
        return 4 &+ process &+ sequence
    }
}
