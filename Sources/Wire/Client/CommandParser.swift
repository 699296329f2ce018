import Basics

// The commands of RESP, the protocol of Redis:
//
//   array    "*" count CRLF then `count` times "$" length CRLF bytes CRLF
//   inline   words separated by blanks, up to LF
//
// Numbers have no sign, blank or leading zero. What does not fit is a protocol error, which ends
// the connection.

/// Cuts received bytes into commands, without copying them.
///
/// A command that has not arrived whole is looked at again when more has come, from where the
/// parser stopped: a long command costs time proportional to its length, and never more memory
/// than what was received. An argument longer than a value may be is swallowed as it arrives, and
/// the command that contained it is answered with an error.
struct CommandParser {
    /// What the parser found at the head of the input.
    enum Step {
        /// `arguments` holds a whole command, which ends at this offset.
        case command(end: Int)
        /// A whole command with an argument above the limit: swallowed up to this offset.
        case tooLarge(end: Int)
        /// Nothing to answer up to this offset (an empty line, `*0`).
        case nothing(end: Int)
        /// More bytes are needed; those up to `consumed` are of no further use.
        case incomplete(consumed: Int)
        case failure(ParserFailure)
    }

    /// Offsets of the arguments from the start of the command.
    private(set) var arguments: [(start: Int, count: Int)] = []
    /// Arguments that the command in progress still lacks; nil between commands.
    private var missing: Int?
    /// Where to go on, from the start of the command.
    private var resumeAt = 0
    /// Bytes of an argument above the limit that have yet to be swallowed.
    private var skipping = 0
    private var isTooLarge = false

    init() { arguments.reserveCapacity(16) }

    /// Looks for one command at the head of `input`, which begins with everything that was not
    /// consumed before. Amortised O(bytes).
    mutating func next(_ input: Bytes) -> Step {
        if missing == nil {
            guard input.count > 0 else { return .incomplete(consumed: 0) }
            guard input[0] == UInt8(ascii: "*") else { return inline(input) }
            let (number, end) = CommandParser.number(input, from: 1)
            switch number {
            case .incomplete:
                return end > 32
                    ? .failure(.invalid("invalid multibulk length")) : .incomplete(consumed: 0)
            case .value(let count) where count <= Limits.arguments:
                if count == 0 { return .nothing(end: end) }
                missing = count
                resumeAt = end
                arguments.removeAll(keepingCapacity: true)
            case .negative: return .nothing(end: end)
            default: return .failure(.invalid("invalid multibulk length"))
            }
        }
        return bulks(input)
    }

    private mutating func bulks(_ input: Bytes) -> Step {
        while let left = missing, left > 0 {
            if skipping > 0 {
                let skipped = min(skipping, input.count - resumeAt)
                skipping -= skipped
                resumeAt += skipped
                if skipping > 0 { return swallow() }
                missing = left - 1
                continue
            }
            guard resumeAt < input.count else { return pause() }
            guard input[resumeAt] == UInt8(ascii: "$") else {
                return .failure(.expectedBulk(input[resumeAt]))
            }
            let (number, start) = CommandParser.number(input, from: resumeAt + 1)
            let length: Int
            switch number {
            case .incomplete:
                return start - resumeAt > 32
                    ? .failure(.invalid("invalid bulk length")) : pause()
            case .value(let value) where value <= 512 << 20: length = value
            default: return .failure(.invalid("invalid bulk length"))
            }
            if length > Limits.valueBytes {
                isTooLarge = true
                skipping = length + 2
                resumeAt = start
                continue
            }
            guard input.count >= start + length + 2 else { return pause() }
            guard input[start + length] == 13, input[start + length + 1] == 10 else {
                return .failure(.invalid("expected CRLF after a bulk of \(length) bytes"))
            }
            if !isTooLarge { arguments.append((start, length)) }
            resumeAt = start + length + 2
            missing = left - 1
        }
        let end = resumeAt
        missing = nil
        resumeAt = 0
        if isTooLarge {
            isTooLarge = false
            return .tooLarge(end: end)
        }
        return .command(end: end)
    }

    private mutating func pause() -> Step {
        isTooLarge ? swallow() : .incomplete(consumed: 0)
    }

    /// The command will be refused, so what has been looked at is of no further use.
    private mutating func swallow() -> Step {
        let consumed = resumeAt
        resumeAt = 0
        return .incomplete(consumed: consumed)
    }

    private mutating func inline(_ input: Bytes) -> Step {
        guard let newline = input.firstIndex(of: 10) else {
            return input.count > Limits.inlineBytes
                ? .failure(.invalid("too big inline request")) : .incomplete(consumed: 0)
        }
        guard newline <= Limits.inlineBytes else {
            return .failure(.invalid("too big inline request"))
        }
        arguments.removeAll(keepingCapacity: true)
        var start = 0
        for i in 0...newline {
            let isBlank = input[i] == 32 || (input[i] >= 9 && input[i] <= 13) || i == newline
            if isBlank {
                if i > start { arguments.append((start, i - start)) }
                start = i + 1
            }
        }
        return arguments.isEmpty ? .nothing(end: newline + 1) : .command(end: newline + 1)
    }

    private enum Number {
        case incomplete
        case value(Int)
        case negative
        case malformed
    }

    /// A decimal number up to CRLF, and the offset after it (when incomplete: what was seen).
    private static func number(_ input: Bytes, from start: Int) -> (Number, Int) {
        var i = start
        var value = 0
        let isNegative = i < input.count && input[i] == UInt8(ascii: "-")
        if isNegative { i += 1 }
        let first = i
        while i < input.count, input[i] >= 48, input[i] <= 57 {
            if i - first >= 18 { return (.malformed, i) }
            value = value &* 10 &+ Int(input[i] &- 48)
            i += 1
        }
        if i >= input.count { return (.incomplete, i) }
        guard input[i] == 13, i > first, i - first == 1 || input[first] != 48 else {
            return (.malformed, i)
        }
        guard i + 1 < input.count else { return (.incomplete, i + 1) }
        guard input[i + 1] == 10 else { return (.malformed, i) }
        return (isNegative ? .negative : .value(value), i + 2)
    }
}

/// Why a connection cannot go on: the bytes are not RESP.
enum ParserFailure: Error {
    case invalid(String)
    case expectedBulk(UInt8)

    /// As Redis words it, so that clients recognise it.
    var text: String {
        switch self {
        case .invalid(let what): "Protocol error: \(what)"
        case .expectedBulk(let byte):
            "Protocol error: expected '$', got '\(printable(byte))'"
        }
    }
}

/// A byte for a message to a person: itself when printable ASCII.
func printable(_ byte: UInt8) -> String {
    byte >= 32 && byte < 127
        ? String(UnicodeScalar(byte))
        : "\\x" + String(byte >> 4, radix: 16)
            + String(byte & 15, radix: 16)
}
