import Basics
import Replication

// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
// KEYS pattern   RANDOMKEY   GETRANGE key start end
// QSCAN start [COUNT count] [END key] [KEYS] [R r] [TIMEOUT milliseconds]
//
// What a reply needs of its command is parked until it is due:
//
//   scan, keys   isWanted:u8 pattern
//   queryScan    flags:u8 end     flags: bit 0 with values, bit 1 up to `end`
//   range        start:i64 end:i64

/// Walks over keys, and whatever else must be remembered of a command until its answer comes.
extension Session {
    /// Keys that a page looks at, unless told otherwise, and at most.
    private static let usualCount = 10
    private static let mostCount = 10_000

    mutating func runScan(
        _ form: ReplyRing.Form, _ input: Bytes, into batch: inout RequestBatch
    ) {
        switch form {
        case .scan: scan(input, into: &batch)
        case .queryScan: queryScan(input, into: &batch)
        case .keys:
            let pattern = argument(1, input)
            walk(Scan(.hash(0), .all, in: keyspace, options: scanOptions), form, into: &batch)
            ring.park(ring.tail &- 1) { out in
                out.append(1 as UInt8)
                out.append(pattern)
            }
        default:
            walk(Scan(.anywhere, .page(1), in: keyspace, options: scanOptions), form, into: &batch)
            ring.park(ring.tail &- 1) { $0.append(0 as UInt8) }
        }
    }

    /// What the connection has set, but for what is about one key.
    private var scanOptions: RequestOptions {
        RequestOptions(r: defaults.r, timeoutMilliseconds: defaults.timeoutMilliseconds)
    }

    private mutating func walk(
        _ scan: Scan, _ form: ReplyRing.Form, into batch: inout RequestBatch
    ) {
        ask(.scan(scan), form, into: &batch)
    }

    private mutating func scan(_ input: Bytes, into batch: inout RequestBatch) {
        guard let cursor = UInt64(argument(1, input).text) else {
            return fail("ERR invalid cursor")
        }
        var count = Session.usualCount
        var pattern: Bytes?
        var isWanted = true
        let isTaken = takeSettings(input, from: 2, "option", "MATCH, COUNT or TYPE") {
            name, value in
            if name.matches("MATCH") {
                pattern = value
                return .taken
            }
            if name.matches("COUNT") { return .number(value, to: 1 << 40) { count = $0 } }
            if name.matches("TYPE") {
                isWanted = value.matches("STRING")
                return .taken
            }
            return .unknown
        }
        guard isTaken else { return }
        let extent = Scan.Extent.page(min(count, Session.mostCount))
        walk(
            Scan(.hash(cursor), extent, in: keyspace, options: scanOptions), .scan, into: &batch)
        ring.park(ring.tail &- 1) { out in
            out.append(isWanted ? 1 : 0 as UInt8)
            if let pattern { out.append(pattern) } else { out.append("*") }
        }
    }

    private mutating func queryScan(_ input: Bytes, into batch: inout RequestBatch) {
        let start = argument(1, input)
        guard start.count <= Limits.keyBytes + 1 else { return fail("ERR key is too large") }
        var count = Session.usualCount
        var end: Bytes?
        var hasValues = true
        var options = scanOptions
        let isTaken = takeSettings(input, from: 2, "option", "COUNT, END, KEYS, R or TIMEOUT") {
            name, value in
            if name.matches("COUNT") {
                return .number(value, to: Session.mostCount) { count = $0 }
            }
            if name.matches("END") {
                end = value
                return .taken
            }
            if name.matches("KEYS") {
                hasValues = false
                return .alone
            }
            guard name.matches("R") || name.matches("TIMEOUT") else { return .unknown }
            return Session.take(name, value, into: &options)
        }
        guard isTaken else { return }
        walk(
            Scan(
                .key(start), .page(count), in: keyspace, hasValues: hasValues, options: options),
            .queryScan, into: &batch)
        ring.park(ring.tail &- 1) { out in
            out.append((hasValues ? 1 : 0) | (end == nil ? 0 : 2) as UInt8)
            if let end { out.append(end) }
        }
    }

    // MARK: GETRANGE

    mutating func runRange(
        _ input: Bytes, _ hashSeed: UInt64, into batch: inout RequestBatch
    ) {
        guard let start = Int64(argument(2, input).text), let end = Int64(argument(3, input).text)
        else { return fail("ERR value is not an integer or out of range") }
        guard let key = key(1, input, hashSeed) else { return }
        ask(.get(key, defaults), .range, into: &batch)
        ring.park(ring.tail &- 1) { out in
            out.appendInteger(start)
            out.appendInteger(end)
        }
    }

    // MARK: Replies

    /// The response to a request whose reply needs something of its command.
    mutating func finishWithArguments(_ response: Response, _ sequence: UInt32) {
        let entry = ring[sequence]
        var out = ByteBuffer()
        let arguments = ring.parkedBytes(of: sequence)
        ReplyWriter.append(response, entry.form, arguments, entry.dialect, to: &out)
        ring.park(sequence) { $0.append(out.bytes) }
        ring.finish(sequence)
        if sequence == ring.head { drain() }
    }
}

extension ReplyRing.Form {
    /// Whether the reply needs what was parked of the command.
    var hasArguments: Bool {
        switch self {
        case .scan, .keys, .randomKey, .queryScan, .range: true
        default: false
        }
    }
}

extension ReplyWriter {
    static func append(
        _ response: Response, _ form: ReplyRing.Form, _ arguments: Bytes, _ dialect: Dialect,
        to out: inout ByteBuffer
    ) {
        switch response {
        case .failed(let refusal): out.appendError(refusal.text)
        case .unknown(let have, let need):
            out.appendError("TIMEOUT \(have) of \(need) replicas answered in time")
        case .scanned(let page):
            switch form {
            case .queryScan: appendRecords(page, arguments, dialect, to: &out)
            case .randomKey: appendFirst(page, dialect, to: &out)
            default: appendNames(page, form, arguments, to: &out)
            }
        case .value(let value, _, _): appendRange(of: value, arguments, to: &out)
        case .siblings(let bytes, _, let now, _):
            appendRange(of: visible(bytes, at: now).first, arguments, to: &out)
        default: preconditionFailure("an answer to another request")
        }
    }

    private static func appendNames(
        _ page: ScanPage, _ form: ReplyRing.Form, _ arguments: Bytes, to out: inout ByteBuffer
    ) {
        let isWanted = arguments[0] == 1
        let pattern = arguments.slice(1, arguments.count)
        var count = 0
        var names = ByteBuffer()
        page.forEach { key, _ in
            guard isWanted, Glob.matches(key, pattern) else { return }
            names.appendBulk(key)
            count += 1
        }
        if form == .scan {
            var cursor: UInt64 = 0
            if case .hash(let next)? = page.next { cursor = next }
            out.appendArray(2)
            out.appendBulk("\(cursor)")
        }
        out.appendArray(count)
        out.append(names.bytes)
    }

    private static func appendFirst(
        _ page: ScanPage, _ dialect: Dialect, to out: inout ByteBuffer
    ) {
        var isFirst = true
        page.forEach { key, _ in
            if isFirst { out.appendBulk(key) }
            isFirst = false
        }
        if isFirst { out.appendNull(dialect) }
    }

    /// Where to go on, then keys and values in turn, or keys alone.
    private static func appendRecords(
        _ page: ScanPage, _ arguments: Bytes, _ dialect: Dialect, to out: inout ByteBuffer
    ) {
        let hasValues = arguments[0] & 1 != 0
        let end = arguments[0] & 2 == 0 ? nil : arguments.slice(1, arguments.count)
        var count = 0
        var isAtEnd = false
        var records = ByteBuffer()
        page.forEach { key, value in
            if let end, !(key < end) { isAtEnd = true }
            guard !isAtEnd else { return }
            records.appendBulk(key)
            if let value { records.appendBulk(value) }
            count += 1
        }
        out.appendArray(2)
        if !isAtEnd, case .key(let next)? = page.next {
            out.appendBulk(next)
        } else {
            out.appendNull(dialect)
        }
        out.appendArray(hasValues ? 2 * count : count)
        out.append(records.bytes)
    }

    /// As Redis cuts: both ends included, negative ones from the end, what is outside left out.
    private static func appendRange(
        of value: Bytes?, _ arguments: Bytes, to out: inout ByteBuffer
    ) {
        let value = value ?? .empty
        var reader = ByteReader(arguments)
        var ends: [Int64] = []
        do throws(DecodeError) {
            while reader.remaining > 0 { ends.append(try reader.integer()) }
        } catch {
            preconditionFailure("two numbers were parked: \(error)")
        }
        let count = Int64(value.count)
        let start = max(0, ends[0] < 0 ? ends[0] &+ count : ends[0])
        let end = min(count - 1, ends[1] < 0 ? ends[1] &+ count : ends[1])
        guard start <= end else { return out.appendBulk(Bytes.empty) }
        out.appendBulk(value.slice(Int(start), Int(end) + 1))
    }
}
