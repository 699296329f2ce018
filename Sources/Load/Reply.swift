import Basics

/// One reply of Redis's protocol (RESP2, and RESP3's null), found in received bytes.
struct Reply {
    enum Kind { case simple, error, integer, bulk, null, array }
    let kind: Kind
    /// The text of a simple reply, error or integer, the bulk, or an array's elements. Lives as
    /// long as the bytes it was found in.
    let payload: Bytes
    /// Bytes that the whole reply took.
    let consumed: Int

    enum Scan {
        case complete(Reply)
        case incomplete
        case malformed
    }

    /// Nested arrays beyond this depth are malformed.
    private static let depth = 8

    /// Looks at the reply at `start`. O(1) for bulks, else O(reply).
    static func scan(_ bytes: Bytes, from start: Int = 0) -> Scan {
        scan(bytes, from: start, depth: 0)
    }

    /// Goes through the elements of an array.
    func forEachElement(_ body: (Reply) -> Void) {
        guard kind == .array else { return }
        var position = 0
        while position < payload.count,
            case .complete(let element) = Reply.scan(payload, from: position)
        {
            body(element)
            position += element.consumed
        }
    }

    private static func scan(_ bytes: Bytes, from start: Int, depth level: Int) -> Scan {
        guard start < bytes.count else { return .incomplete }
        guard let end = lineEnd(bytes, from: start + 1) else {
            return bytes.count - start > Limits.inlineBytes ? .malformed : .incomplete
        }
        let line = bytes.slice(start + 1, end)
        let next = end + 2
        switch bytes[start] {
        case 43: return .complete(Reply(kind: .simple, payload: line, consumed: next - start))
        case 45: return .complete(Reply(kind: .error, payload: line, consumed: next - start))
        case 58: return .complete(Reply(kind: .integer, payload: line, consumed: next - start))
        case 95: return .complete(Reply(kind: .null, payload: .empty, consumed: next - start))
        case 36:
            guard let length = number(line), length <= 512 << 20 else { return .malformed }
            if length < 0 {
                return .complete(Reply(kind: .null, payload: .empty, consumed: next - start))
            }
            guard bytes.count >= next + length + 2 else { return .incomplete }
            guard bytes[next + length] == 13, bytes[next + length + 1] == 10 else {
                return .malformed
            }
            let payload = bytes.slice(next, next + length)
            return .complete(
                Reply(kind: .bulk, payload: payload, consumed: next + length + 2 - start))
        case 42: return array(bytes, start, next, number(line), level)
        default: return .malformed
        }
    }

    private static func array(
        _ bytes: Bytes, _ start: Int, _ first: Int, _ count: Int?, _ level: Int
    ) -> Scan {
        guard let count, count <= Limits.arguments, level < depth else { return .malformed }
        if count < 0 {
            return .complete(Reply(kind: .null, payload: .empty, consumed: first - start))
        }
        var position = first
        for _ in 0..<count {
            switch scan(bytes, from: position, depth: level + 1) {
            case .complete(let element): position += element.consumed
            case .incomplete: return .incomplete
            case .malformed: return .malformed
            }
        }
        let elements = bytes.slice(first, position)
        return .complete(Reply(kind: .array, payload: elements, consumed: position - start))
    }

    /// Where the CR of the line's CRLF stands.
    private static func lineEnd(_ bytes: Bytes, from start: Int) -> Int? {
        var i = start
        let last = bytes.count &- 1
        while i < last {
            if bytes[i] == 13, bytes[i &+ 1] == 10 { return i }
            i &+= 1
        }
        return nil
    }

    static func number(_ line: Bytes) -> Int? {
        guard line.count > 0, line.count <= 12 else { return nil }
        if line.count == 2, line[0] == 45, line[1] == 49 { return -1 }
        var number = 0
        for i in 0..<line.count {
            let digit = line[i] &- 48
            guard digit < 10 else { return nil }
            number = number &* 10 &+ Int(digit)
        }
        return number
    }
}
