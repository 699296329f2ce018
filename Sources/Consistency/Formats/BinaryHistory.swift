public import Basics

/// The compact binary form of a history, `.qh`, version 1.
///
///     file    = magic block* end
///     magic   = "QHISTORY" version:u32 reserved:u32
///     block   = kind:u8 zero:u8[3] count:u32 length:u32 checksum:u64 payload:u8[length]
///     end     = a block of kind 0 with count 0 and length 0
///
/// Kinds: 1 keys, 2 values, 3 nodes (each `count` strings: length:u32, bytes), 4 operations
/// (`count` records of 56 bytes), 5 details, 6 positions (u32 each). Tables grow in the order of
/// their blocks. All integers are little-endian; the checksum covers kind, count and payload. An
/// operation is process:u32 key:u32 kind:u8 outcome:u8 flags:u16 detail:u32 value:u64 expected:u64
/// invoked:i64 completed:i64 intended:i64, with the numbers of `Operation` and `ValueID`. A detail
/// is bits:u8 (1 version, 2 node, 4 context) siblings:u16 acks:u16, then stamp:u64 actor:u64 if
/// bit 1, node:u32 if bit 2, context:u32 if bit 4, the siblings as u64 and the acks as u32 with
/// the top bit for a fallback.
public enum BinaryHistory {
    static let magic: StaticString = "QHISTORY"
    static let version: UInt32 = 1
    static let headerBytes = 20
    /// Bytes of an operation in a file.
    public static let operationBytes = 56
    /// Operations in one block.
    static let blockOperations = 1 << 16
    /// Longest block, in bytes.
    public static let maximumBlock = 1 << 30

    enum Kind: UInt8 { case end, keys, values, nodes, operations, details, positions }

    /// A 64-bit mix of eight bytes at a time; any flipped bit changes it with probability
    /// 1 − 2⁻⁶⁴. Not a defence against forgery.
    static func checksum(_ kind: UInt8, _ count: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt64
    {
        var a: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(kind) << 32 ^ UInt64(count)
        var b = ~a
        var i = 0
        while i &+ 16 <= bytes.count {
            let x = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
            let y = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: i &+ 8, as: UInt64.self))
            let p = (a ^ x).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
            let q = (b ^ y).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
            a = p.high ^ p.low ^ y
            b = q.high ^ q.low ^ x
            i &+= 16
        }
        while i < bytes.count {
            a = (a ^ UInt64(bytes[i])) &* 0x100_0000_01b3
            i &+= 1
        }
        let last = (a ^ UInt64(bytes.count)).multipliedFullWidth(by: b | 1)
        return last.high ^ last.low
    }

    /// Appends the whole history.
    public static func append(_ history: History, to output: inout ByteBuffer) {
        output.append(magic)
        output.appendInteger(version)
        output.appendInteger(UInt32(0))
        strings(.keys, history.keys, &output)
        strings(.values, history.values, &output)
        strings(.nodes, history.nodes, &output)
        if !history.details.isEmpty { details(history, &output) }
        var start = 0
        while start < history.count {
            let end = min(history.count, start + blockOperations)
            var block = ByteBuffer(capacity: (end - start) * operationBytes)
            for index in start..<end { append(history.operations[index], &block) }
            write(.operations, end - start, block.bytes, &output)
            start = end
        }
        if !history.positions.isEmpty {
            var block = ByteBuffer(capacity: history.count * 4)
            for position in history.positions { block.appendInteger(position) }
            write(.positions, history.positions.count, block.bytes, &output)
        }
        write(.end, 0, .empty, &output)
    }

    private static func append(_ operation: Operation, _ block: inout ByteBuffer) {
        block.appendInteger(operation.process)
        block.appendInteger(operation.key)
        block.append(operation.kind.rawValue)
        block.append(operation.outcome.rawValue)
        block.appendInteger(operation.flags.rawValue)
        block.appendInteger(operation.detail)
        block.appendInteger(operation.value.raw)
        block.appendInteger(operation.expected.raw)
        block.appendInteger(operation.invoked)
        block.appendInteger(operation.completed)
        block.appendInteger(operation.intended)
    }

    private static func write(
        _ kind: Kind, _ count: Int, _ payload: Bytes, _ output: inout ByteBuffer
    ) {
        output.append(kind.rawValue)
        output.append(0)
        output.appendInteger(UInt16(0))
        output.appendInteger(UInt32(count))
        output.appendInteger(UInt32(payload.count))
        let bytes = UnsafeRawBufferPointer(start: payload.base, count: payload.count)
        output.appendInteger(checksum(kind.rawValue, UInt32(count), bytes))
        output.append(payload)
    }

    private static func strings(_ kind: Kind, _ table: NameTable, _ output: inout ByteBuffer) {
        var block = ByteBuffer()
        var count = 0
        for index in 0..<table.count {
            table.withBytes(index) { bytes in
                block.appendInteger(UInt32(bytes.count))
                block.append(bytes)
            }
            count += 1
            if block.count > 1 << 24 {
                write(kind, count, block.bytes, &output)
                block.removeAll()
                count = 0
            }
        }
        if count > 0 { write(kind, count, block.bytes, &output) }
    }

    private static func details(_ history: History, _ output: inout ByteBuffer) {
        var block = ByteBuffer()
        var count = 0
        for detail in history.details {
            append(detail, &block)
            count += 1
            if block.count > 1 << 24 {
                write(.details, count, block.bytes, &output)
                block.removeAll()
                count = 0
            }
        }
        if count > 0 { write(.details, count, block.bytes, &output) }
    }

    private static func append(_ detail: Detail, _ block: inout ByteBuffer) {
        var bits: UInt8 = 0
        if detail.version != nil { bits |= 1 }
        if detail.node != nil { bits |= 2 }
        if detail.context != nil { bits |= 4 }
        let siblings = detail.siblings.prefix(Int(UInt16.max))
        let acks = detail.acks.prefix(Int(UInt16.max))
        block.append(bits)
        block.appendInteger(UInt16(siblings.count))
        block.appendInteger(UInt16(acks.count))
        if let version = detail.version {
            block.appendInteger(version.stamp)
            block.appendInteger(version.actor)
        }
        if let node = detail.node { block.appendInteger(node) }
        if let context = detail.context { block.appendInteger(context) }
        for sibling in siblings { block.appendInteger(sibling.raw) }
        for ack in acks { block.appendInteger(ack.node | (ack.isFallback ? 1 << 31 : 0)) }
    }
}
