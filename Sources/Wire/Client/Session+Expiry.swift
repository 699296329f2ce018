import Basics
import Replication

// SET key value [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds]
// SET key value [NX|XX] [GET], which only a keyspace in cp mode has
// SETEX key seconds value   PSETEX key milliseconds value
// TTL key   PTTL key   EXPIRETIME key   PEXPIRETIME key

/// Values that end.
extension Session {
    /// SET with options.
    mutating func runSet(
        _ input: Bytes, _ hashSeed: UInt64, _ facts: any ServerFacts,
        into batch: inout RequestBatch
    ) {
        var options = defaults
        var kind = Change.Kind.set
        var returnsOld = false
        var i = 3
        while i < parser.arguments.count {
            let word = argument(i, input)
            i += 1
            if let unit = ExpiryUnit(word) {
                guard options.expiry == .usual, i < parser.arguments.count else {
                    return fail("ERR syntax error")
                }
                guard let expiry = unit.expiry(argument(i, input)) else {
                    return fail("ERR invalid expire time in 'set' command")
                }
                options.expiry = expiry
                i += 1
            } else if word.matches("NX"), kind == .set {
                kind = .setIfAbsent
            } else if word.matches("XX"), kind == .set {
                kind = .setIfPresent
            } else if word.matches("GET"), !returnsOld {
                returnsOld = true
            } else if word.matches("KEEPTTL"), options.expiry == .usual, keepsEnds(facts) {
                // Values of this keyspace do not end.
                continue
            } else {
                return failSet(word)
            }
        }
        guard let key = key(1, input, hashSeed) else { return }
        guard kind != .set || returnsOld else {
            return ask(.put(key, argument(2, input), options), .set, into: &batch)
        }
        guard options.expiry == .usual else {
            return fail(
                "NOTSUPPORTED SET with NX, XX or GET needs a keyspace with MODE cp, where values "
                    + "do not end")
        }
        let change = Change(
            kind, value: argument(2, input), returnsOld: returnsOld,
            operation: options.operation)
        self.change(key, change, .change, options, into: &batch)
    }

    /// Whether a value has the end that it had, whatever is written: it has none.
    private func keepsEnds(_ facts: any ServerFacts) -> Bool {
        guard let mode = facts.keyspace(keyspace)?.mode else { return false }
        return mode == .abd || mode == .cp
    }

    private mutating func failSet(_ word: Bytes) {
        if word.matches("KEEPTTL") {
            return fail(
                "NOTSUPPORTED SET with KEEPTTL reads before it writes: values end only in modes "
                    + "in which a write at the same time could be lost")
        }
        for name in ["IFEQ", "IFNE"] as [StaticString] where word.matches(name) {
            return fail(
                "NOTSUPPORTED SET with \(name): QCAS sets what has an expected value, in a "
                    + "keyspace with MODE cp")
        }
        fail("ERR syntax error")
    }

    /// SETEX and PSETEX.
    mutating func runSetExpiring(
        _ unit: ExpiryUnit, _ input: Bytes, _ hashSeed: UInt64, into batch: inout RequestBatch
    ) {
        guard let expiry = unit.expiry(argument(2, input)) else {
            return fail("ERR invalid expire time in '\(argument(0, input).lowercased)' command")
        }
        guard let key = key(1, input, hashSeed) else { return }
        var options = defaults
        options.expiry = expiry
        ask(.put(key, argument(3, input), options), .set, into: &batch)
    }
}

/// How commands say when a value ends.
enum ExpiryUnit: Sendable {
    case seconds, milliseconds, secondsAt, millisecondsAt

    /// An option of SET.
    init?(_ word: Bytes) {
        if word.matches("EX") {
            self = .seconds
        } else if word.matches("PX") {
            self = .milliseconds
        } else if word.matches("EXAT") {
            self = .secondsAt
        } else if word.matches("PXAT") {
            self = .millisecondsAt
        } else {
            return nil
        }
    }

    /// Nil for what is no positive number, or too large a one.
    func expiry(_ text: Bytes) -> Expiry? {
        guard let number = text.decimal, number > 0, number < 1 << 50 else { return nil }
        return switch self {
        case .seconds: .after(UInt64(number) * 1_000)
        case .milliseconds: .after(UInt64(number))
        case .secondsAt: .at(UInt64(number) * 1_000)
        case .millisecondsAt: .at(UInt64(number))
        }
    }
}

extension Life {
    /// As TTL and its like answer: −2 for no key, −1 for no end.
    func number(_ form: ReplyRing.Form) -> Int64 {
        switch self {
        case .absent: -2
        case .endless: -1
        case .until(let end, let now):
            switch form {
            case .timeToLive: Int64(clamping: (end - now + 500) / 1_000)
            case .millisecondsToLive: Int64(clamping: end - now)
            case .expireTime: Int64(clamping: end / 1_000)
            default: Int64(clamping: end)
            }
        }
    }
}
