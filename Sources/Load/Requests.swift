import Basics
import Workloads

/// Writes the requests of Redis's protocol that operations consist of.
struct Requests {
    /// How a record is kept.
    private let dialect: RedisOptions.DataType
    /// Whether replies shall name replicas.
    private let asksReplicas: Bool
    private let workload: Workload
    /// The value of a record that is kept whole, and of a field of one that is not.
    let values: RecordValue
    let fieldValues: RecordValue
    /// `$6\r\nfield0\r\n` for every field.
    private let fieldNames: [[UInt8]]
    /// Appended to every write; empty without WAIT.
    private let wait: [UInt8]

    /// The sorted set that scans go by, as YCSB's binding names it.
    private static let index: StaticString = "$8\r\n_indices\r\n"

    init(_ plan: LoadPlan) {
        workload = plan.workload
        dialect = plan.redis.dataType
        asksReplicas = plan.asksReplicas
        values = RecordValue(workload)
        fieldValues = RecordValue(fieldOf: workload)
        fieldNames =
            dialect == .hash
            ? (0..<workload.fieldCount).map {
                let name = "\(plan.workload.fieldNamePrefix)\($0)"
                return Array("$\(name.utf8.count)\r\n\(name)\r\n".utf8)
            } : []
        var wait = ""
        if plan.redis.wait > 0 {
            let words = ["WAIT", "\(plan.redis.wait)", "\(plan.redis.waitTimeout)"]
            wait = "*3\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        }
        self.wait = Array(wait.utf8)
    }

    func key(_ record: UInt64) -> KeyName {
        KeyName(
            record: record, insertOrder: workload.insertOrder, zeroPadding: workload.zeroPadding)
    }

    /// The number in the name of a record's key; nil for other keys.
    func number(of key: Bytes) -> UInt64? {
        KeyName.number(of: key, zeroPadding: workload.zeroPadding)
    }

    /// Appends the key's name alone.
    @inline(__always)
    func appendKey(_ record: UInt64, to output: inout ByteBuffer) {
        let key = key(record)
        key.write(to: output.reserve(key.count))
        output.commit(key.count)
    }

    /// Puts the key's name alone into `output`; its bytes.
    func writeKey(_ record: UInt64, to output: inout ByteBuffer) -> Int {
        output.removeAll()
        appendKey(record, to: &output)
        return output.count
    }

    /// Appends what reads a record, or one field of it picked by `draw`; returns the replies.
    @inline(__always)
    func read(_ record: UInt64, draw: UInt64, to output: inout ByteBuffer) -> Int32 {
        guard dialect == .string else { return readHash(record, draw, &output) }
        if asksReplicas {
            output.append("*2\r\n$4\r\nQGET\r\n$")
        } else {
            output.append("*2\r\n$3\r\nGET\r\n$")
        }
        append(key(record), &output)
        return 1
    }

    private func readHash(_ record: UInt64, _ draw: UInt64, _ output: inout ByteBuffer) -> Int32 {
        if workload.readAllFields {
            output.append("*2\r\n$7\r\nHGETALL\r\n$")
            append(key(record), &output)
        } else {
            output.append("*3\r\n$4\r\nHGET\r\n$")
            append(key(record), &output)
            append(fieldNames[Int(draw % UInt64(fieldNames.count))], &output)
        }
        return 1
    }

    /// Appends what writes a record, or one field of it; returns the replies.
    @inline(__always)
    func write(
        _ operation: PlannedOperation, _ write: WriteID, to output: inout ByteBuffer
    ) -> Int32 {
        var replies: Int32 = 1
        if dialect == .string {
            if asksReplicas {
                output.append("*3\r\n$4\r\nQSET\r\n$")
            } else {
                output.append("*3\r\n$3\r\nSET\r\n$")
            }
            append(key(operation.record), &output)
            append(write, values, &output)
        } else {
            replies = writeHash(operation, write, &output)
        }
        if !wait.isEmpty {
            append(wait, &output)
            replies += 1
        }
        return replies
    }

    private func writeHash(
        _ operation: PlannedOperation, _ write: WriteID, _ output: inout ByteBuffer
    ) -> Int32 {
        let key = key(operation.record)
        let isInsert = operation.kind == .insert
        let isWhole = isInsert || workload.writeAllFields
        output.append(42)
        output.appendDecimal(UInt64(isWhole ? 2 + 2 * fieldNames.count : 4))
        output.append("\r\n$5\r\nHMSET\r\n$")
        append(key, &output)
        var state = write.number
        let chosen = Int(RandomSource.splitMix(&state) % UInt64(fieldNames.count))
        for field in isWhole ? 0..<fieldNames.count : chosen..<(chosen + 1) {
            append(fieldNames[field], &output)
            append(write, fieldValues, &output)
        }
        guard isInsert else { return 1 }
        output.append("*4\r\n$4\r\nZADD\r\n")
        output.append(Requests.index)
        appendScore(of: key, &output)
        output.append("$")
        append(key, &output)
        return 2
    }

    /// Appends what reads `operation`'s records at once, in the order of their keys; one reply.
    func range(_ operation: PlannedOperation, to output: inout ByteBuffer) -> Int32 {
        output.append("*4\r\n$5\r\nQSCAN\r\n$")
        append(key(operation.record), &output)
        output.append("$5\r\nCOUNT\r\n$")
        let length = UInt64(operation.scanLength)
        output.appendDecimal(UInt64(Decimal.digits(of: length)))
        output.append("\r\n")
        output.appendDecimal(length)
        output.append("\r\n")
        return 1
    }

    /// Appends what asks for the names of `operation`'s records; one reply.
    func names(_ operation: PlannedOperation, to output: inout ByteBuffer) -> Int32 {
        output.append("*7\r\n$13\r\nZRANGEBYSCORE\r\n")
        output.append(Requests.index)
        appendScore(of: key(operation.record), &output)
        output.append("$4\r\n+inf\r\n$5\r\nLIMIT\r\n$1\r\n0\r\n$")
        let length = UInt64(operation.scanLength)
        output.appendDecimal(UInt64(Decimal.digits(of: length)))
        output.append("\r\n")
        output.appendDecimal(length)
        output.append("\r\n")
        return 1
    }

    /// Appends what reads the whole record that a scan found.
    func found(_ name: Bytes, to output: inout ByteBuffer) {
        output.append("*2\r\n$7\r\nHGETALL\r\n$")
        output.appendDecimal(UInt64(name.count))
        output.append("\r\n")
        output.append(name)
        output.append("\r\n")
    }

    /// A key's place in the index, as YCSB's binding computes it: the hash that Java gives the
    /// name, so that data loaded by either can be scanned by the other.
    private func appendScore(of key: KeyName, _ output: inout ByteBuffer) {
        var hash: Int32 = 0
        let start = output.count
        key.write(to: output.reserve(key.count))
        output.commit(key.count)
        let bytes = output.bytes
        for i in start..<bytes.count { hash = hash &* 31 &+ Int32(bytes[i]) }
        output.truncate(to: start)
        let magnitude = UInt64(hash.magnitude)
        output.append("$")
        output.appendDecimal(UInt64(Decimal.digits(of: magnitude) + (hash < 0 ? 1 : 0)))
        output.append("\r\n")
        output.appendDecimal(Int64(hash))
        output.append("\r\n")
    }

    @inline(__always)
    private func append(_ key: KeyName, _ output: inout ByteBuffer) {
        output.appendDecimal(UInt64(key.count))
        output.append("\r\n")
        key.write(to: output.reserve(key.count))
        output.commit(key.count)
        output.append("\r\n")
    }

    @inline(__always)
    private func append(
        _ write: WriteID, _ values: borrowing RecordValue, _ output: inout ByteBuffer
    ) {
        let count = values.count(of: write)
        output.append(36)
        output.appendDecimal(UInt64(count))
        output.append("\r\n")
        values.append(write, count: count, to: &output)
        output.append("\r\n")
    }

    private func append(_ bytes: [UInt8], _ output: inout ByteBuffer) {
        bytes.withUnsafeBytes { output.append($0) }
    }
}
