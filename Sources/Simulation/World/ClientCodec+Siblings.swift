import Basics
import Consistency

/// What clients of a keyspace with siblings say and understand.
extension ClientCodec {
    /// Siblings as a reply of QGET lists them, and the context.
    struct Siblings: Equatable {
        var values: [ValueID]
        var context: [UInt8]
    }

    /// Appends `QGET k<key>`.
    static func querySiblings(_ key: Int, into out: inout ByteBuffer) {
        out.append("*2\r\n$4\r\nQGET\r\n")
        self.key(key, into: &out)
    }

    /// Appends `QSET k<key> <value>`, or `QDEL k<key>`, with a context if there is one.
    static func writeSibling(
        _ key: Int, _ value: ValueID?, padding: Int, context: [UInt8]?, into out: inout ByteBuffer
    ) {
        let count = (value == nil ? 2 : 3) + (context == nil ? 0 : 2)
        out.append("*\(count)\r\n")
        out.append(value == nil ? "$4\r\nQDEL\r\n" : "$4\r\nQSET\r\n" as StaticString)
        self.key(key, into: &out)
        if let value { self.value(value, padding: padding, into: &out) }
        guard let context else { return }
        out.append("$7\r\nCONTEXT\r\n$\(context.count)\r\n")
        Bytes.lending(context) { out.append($0) }
        out.append("\r\n")
    }

    /// What a reply of QGET says; nil for any other reply.
    static func siblings(_ reply: Bytes) -> Siblings? {
        var at = 0
        /// The next bulk string; the headers of arrays before it are passed over.
        func bulk() -> Bytes? {
            while at < reply.count, reply[at] == UInt8(ascii: "*") {
                guard let line = endOfLine(reply, from: at) else { return nil }
                at = line
            }
            guard at < reply.count, reply[at] == UInt8(ascii: "$"),
                let end = end(of: reply, from: at), let line = endOfLine(reply, from: at),
                end - 2 >= line
            else { return nil }
            at = end
            return reply.slice(line, end - 2)
        }
        guard bulk()?.text == "values" else { return nil }
        var values: [ValueID] = []
        while let text = bulk() {
            if text.text == "context" {
                return bulk().map { Siblings(values: values, context: $0.copied()) }
            }
            guard let value = stored(text) else { return nil }
            values.append(value)
        }
        return nil
    }
}
