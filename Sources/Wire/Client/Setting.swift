import Basics

/// What comes of a word that sets something, and the word behind it.
enum Setting {
    /// Both were taken.
    case taken
    /// The first was enough: the other is a name again.
    case alone
    /// What the value must be instead.
    case wrong(String)
    /// What has no value, or no such name.
    case unknown

    static func number(_ value: Bytes, to most: Int, _ set: (Int) -> Void) -> Setting {
        guard let number = value.decimal, number >= 1, number <= most else {
            return .wrong("a whole number from 1 to \(most)")
        }
        set(number)
        return .taken
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ value: Bytes, _ set: (Choice) -> Void
    ) -> Setting {
        guard let choice = Choice(rawValue: value.lowercased) else {
            let words = Choice.allCases.map(\.rawValue)
            let last = words.count > 1 ? " or \(words[words.count - 1])" : ""
            return .wrong(words.dropLast(words.count > 1 ? 1 : 0).joined(separator: ", ") + last)
        }
        set(choice)
        return .taken
    }

    /// What `read` makes of the value, or what it must be.
    static func value<Value>(
        _ value: Value?, or expected: String, _ set: (Value) -> Void
    ) -> Setting {
        guard let value else { return .wrong(expected) }
        set(value)
        return .taken
    }
}

extension Session {
    /// Takes names and values from argument `first` on; false after refusing one. `what` they are
    /// called, and which there are, is for messages.
    mutating func takeSettings(
        _ input: Bytes, from first: Int, _ what: StaticString, _ known: StaticString,
        _ take: (_ name: Bytes, _ value: Bytes) -> Setting
    ) -> Bool {
        var i = first
        while i < parser.arguments.count {
            let name = argument(i, input)
            let isLast = i + 1 == parser.arguments.count
            switch take(name, isLast ? .empty : argument(i + 1, input)) {
            case .taken where !isLast: i += 2
            case .alone: i += 1
            case .taken:
                fail("ERR \(what) \(name.upperWord) needs a value")
                return false
            case .wrong(let expected):
                fail("ERR \(what) \(name.upperWord) needs \(expected)")
                return false
            case .unknown:
                let word = name.slice(0, min(32, name.count)).oneLine
                fail("ERR unknown \(what) '\(word)'; expected \(known)")
                return false
            }
        }
        return true
    }
}

extension Bytes {
    /// A short word as text, ASCII letters in upper case.
    fileprivate var upperWord: String { slice(0, Swift.min(count, 64)).text.uppercased() }
}
