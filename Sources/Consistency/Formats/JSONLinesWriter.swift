public import Basics

/// Writes histories as JSON lines; reading them again yields the same operations.
public enum JSONLinesWriter {
    /// Appends operation `index` of `history` as one line.
    public static func append(_ index: Int, of history: History, to output: inout ByteBuffer) {
        let operation = history.operations[index]
        output.append("{\"process\":")
        output.appendDecimal(UInt64(operation.process))
        output.append(",\"op\":\"")
        output.append(name(operation.kind))
        history.keys.withBytes(Int(operation.key)) { string("\",\"key", $0, &output) }
        if operation.kind != .delete {
            value(",\"value", operation.value, history, &output)
        }
        if operation.kind == .cas { value(",\"expected", operation.expected, history, &output) }
        output.append(",\"invoked_ns\":")
        output.appendDecimal(operation.invoked)
        output.append(",\"completed_ns\":")
        if operation.completed == Operation.never {
            output.append("null")
        } else {
            output.appendDecimal(operation.completed)
        }
        output.append(",\"outcome\":\"")
        output.append(name(operation.outcome))
        output.append("\"")
        if operation.intended != operation.invoked {
            output.append(",\"intended_ns\":")
            output.appendDecimal(operation.intended)
        }
        if operation.flags.contains(.final) { output.append(",\"final\":true") }
        if operation.flags.contains(.refuted) { output.append(",\"refuted\":true") }
        if operation.flags.contains(.assumed) { output.append(",\"assumed\":true") }
        if operation.clock != 0 {
            output.append(",\"clock\":")
            output.appendDecimal(UInt64(operation.clock))
        }
        if let detail = history.detail(of: index) { append(detail, history, &output) }
        output.append("}\n")
    }

    /// The word for an operation's kind in every format of this program.
    public static func name(_ kind: Operation.Kind) -> StaticString {
        switch kind {
        case .read: "read"
        case .write: "write"
        case .cas: "cas"
        case .delete: "delete"
        }
    }

    /// The word for an outcome in every format of this program.
    public static func name(_ outcome: Operation.Outcome) -> StaticString {
        switch outcome {
        case .ok: "ok"
        case .fail: "fail"
        case .unknown: "unknown"
        }
    }

    private static func append(
        _ detail: Detail, _ history: History, _ output: inout ByteBuffer
    ) {
        if !detail.siblings.isEmpty {
            output.append(",\"values\":[")
            for (i, sibling) in detail.siblings.enumerated() {
                if i > 0 { output.append(",") }
                quoted(history.text(sibling), &output)
            }
            output.append("]")
        }
        if let version = detail.version {
            output.append(",\"version\":\"")
            output.appendDecimal(version.stamp)
            output.append(":")
            output.appendDecimal(version.actor)
            output.append("\"")
        }
        if let node = detail.node {
            output.append(",\"node\":")
            quoted(history.nodes.text(Int(node)), &output)
        }
        if !detail.acks.isEmpty {
            output.append(",\"acks\":[")
            for (i, ack) in detail.acks.enumerated() {
                if i > 0 { output.append(",") }
                quoted(
                    history.nodes.text(Int(ack.node)) + (ack.isFallback ? "*" : ""), &output)
            }
            output.append("]")
        }
        if let context = detail.context {
            output.append(",\"context\":")
            output.appendDecimal(UInt64(context))
        }
    }

    private static func value(
        _ label: StaticString, _ value: ValueID, _ history: History, _ output: inout ByteBuffer
    ) {
        if value.isInterned {
            history.values.withBytes(Int(value.tableIndex)) { string(label, $0, &output) }
            return
        }
        output.append(label)
        if value.isAbsent {
            output.append("\":null")
            return
        }
        output.append("\":\"w:")
        output.appendDecimal(UInt64(value.process))
        output.append(":")
        output.appendDecimal(value.sequence)
        output.append("\"")
    }

    /// A labelled string, in base64 under `<label>_base64` when it is not UTF-8.
    private static func string(
        _ label: StaticString, _ bytes: UnsafeRawBufferPointer, _ output: inout ByteBuffer
    ) {
        output.append(label)
        guard isText(bytes) else {
            output.append("_base64\":\"")
            Base64.encode(bytes).withUnsafeBytes { output.append($0) }
            output.append("\"")
            return
        }
        output.append("\":\"")
        escape(bytes, &output)
        output.append("\"")
    }

    private static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.allSatisfy({ $0 < 128 }) { return true }
        return String(validating: bytes, as: UTF8.self) != nil
    }

    private static func quoted(_ text: String, _ output: inout ByteBuffer) {
        var text = text
        output.append("\"")
        text.withUTF8 { escape(UnsafeRawBufferPointer($0), &output) }
        output.append("\"")
    }

    private static func escape(_ bytes: UnsafeRawBufferPointer, _ output: inout ByteBuffer) {
        let digits: StaticString = "0123456789abcdef"
        for byte in bytes {
            if byte == 0x22 || byte == 0x5c {
                output.append(0x5c)
                output.append(byte)
            } else if byte < 32 {
                output.append("\\u00")
                output.append(digits.utf8Start[Int(byte >> 4)])
                output.append(digits.utf8Start[Int(byte & 15)])
            } else {
                output.append(byte)
            }
        }
    }
}
