import Basics

/// One option of a command: `--out DIR`, `-threads N`, `--dry-run`.
public struct Option: Sendable {
    /// What follows the name on the command line.
    public enum Shape: Sendable, Equatable {
        /// Nothing: present or absent.
        case flag
        /// A value, shown in the help under this name.
        case value(String)
        /// A value only when given as `--name=value`, or when the next word is the name that the
        /// help shows for it: the word itself.
        case optionalValue(String)
    }

    /// Spellings with their dashes, the main one first.
    public let names: [String]
    public let shape: Shape
    /// One sentence for `--help`.
    public let help: String
    /// What is in force when the option is absent; for `--help` only.
    public let fallback: String?
    /// Whether it may be given more than once.
    public let isRepeatable: Bool

    public init(
        _ names: String..., takes shape: Shape, help: String, default fallback: String? = nil,
        repeatable: Bool = false
    ) {
        precondition(!names.isEmpty, "an option needs a name")
        self.names = names
        self.shape = shape
        self.help = help
        self.fallback = fallback
        isRepeatable = repeatable
    }

    /// Two-state option without a value.
    public static func flag(_ name: String, help: String) -> Option {
        Option(name, takes: .flag, help: help)
    }
}

/// What one command understands; `Arguments` parses by it and `Help` prints it.
public struct CommandSyntax: Sendable {
    public let name: String
    /// One line for the list of commands.
    public let abstract: String
    /// Paragraphs for the command's own help.
    public let discussion: String
    /// Positional arguments as the usage line shows them, for example `FILE` or `DIR...`.
    public let positionals: String
    /// How many positional arguments there may be.
    public let positionalCount: ClosedRange<Int>
    public let options: [Option]
    /// Command lines that work as they stand.
    public let examples: [String]

    public init(
        name: String, abstract: String, discussion: String, positionals: String = "",
        positionalCount: ClosedRange<Int> = 0...0, options: [Option], examples: [String]
    ) {
        self.name = name
        self.abstract = abstract
        self.discussion = discussion
        self.positionals = positionals
        self.positionalCount = positionalCount
        self.options = options + [Option("--help", "-h", takes: .flag, help: "Show this help.")]
        self.examples = examples
    }
}

/// A command line that cannot be understood; its description says what to write instead.
public enum ArgumentError: Error, Equatable, CustomStringConvertible {
    case unknownCommand(String, nearest: String?)
    case unknownOption(String, command: String, nearest: String?)
    case missingValue(option: String, valueName: String)
    case unexpectedValue(option: String)
    case repeated(option: String)
    case invalidValue(option: String, value: String, expected: String)
    case missingArgument(command: String, expected: String)
    case unexpectedArgument(String, command: String)

    public var description: String {
        switch self {
        case .unknownCommand(let name, let nearest):
            return "unknown command '\(name)'\(suggestion(nearest)); "
                + "'quorumeter help' lists the commands"
        case .unknownOption(let name, let command, let nearest):
            return "unknown option '\(name)'\(suggestion(nearest)); "
                + "'quorumeter help \(command)' lists the options"
        case .missingValue(let option, let valueName):
            return "option '\(option)' needs a value: \(option) \(valueName)"
        case .unexpectedValue(let option):
            return "option '\(option)' takes no value"
        case .repeated(let option):
            return "option '\(option)' is given twice"
        case .invalidValue(let option, let value, let expected):
            return "option '\(option)': expected \(expected), found '\(value)'"
        case .missingArgument(let command, let expected):
            return "'quorumeter \(command)' needs \(expected); "
                + "'quorumeter help \(command)' shows an example"
        case .unexpectedArgument(let argument, let command):
            return "unexpected argument '\(argument)' for 'quorumeter \(command)'"
        }
    }

    private func suggestion(_ nearest: String?) -> String {
        nearest.map { "; did you mean '\($0)'?" } ?? ""
    }
}

/// A command line, read by the syntax of its command.
///
/// Accepts `--flag value`, `--flag=value`, single-dash long names where the syntax declares them
/// (YCSB's `-threads`), and `--` before positional arguments that begin with a dash.
public struct Arguments: Sendable {
    /// Arguments that belong to no option, in order.
    public private(set) var positionals: [String] = []
    private var given: [String: [String?]] = [:]
    private let syntax: CommandSyntax

    /// - Throws: `ArgumentError` for the first argument that does not fit the syntax.
    public init(_ words: [String], syntax: CommandSyntax) throws(ArgumentError) {
        self.syntax = syntax
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            if word == "--" {
                positionals.append(contentsOf: words[index...])
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                positionals.append(word)
                continue
            }
            try readOption(word, rest: words, index: &index)
        }
    }

    /// These arguments with those of more words, as if both had been given; nothing may be given
    /// twice that may not be repeated.
    public func merging(_ words: [String]) throws(ArgumentError) -> Arguments {
        var merged = self
        let more = try Arguments(words, syntax: syntax)
        for (name, values) in more.given { merged.given[name, default: []] += values }
        return merged
    }

    private mutating func readOption(
        _ word: String, rest words: [String], index: inout Int
    ) throws(ArgumentError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let attached = parts.count == 2 ? String(parts[1]) : nil
        guard let option = syntax.options.first(where: { $0.names.contains(name) }) else {
            throw .unknownOption(
                name, command: syntax.name,
                nearest: nearest(to: name, among: syntax.options.flatMap(\.names)))
        }
        var value: String?
        switch option.shape {
        case .flag:
            if attached != nil { throw .unexpectedValue(option: name) }
        case .optionalValue(let only):
            value = attached
            if attached == nil, index < words.count, words[index] == only {
                value = only
                index += 1
            }
        case .value(let valueName):
            if let attached {
                value = attached
            } else if index < words.count, !isOptionName(words[index]) {
                value = words[index]
                index += 1
            } else {
                throw .missingValue(option: name, valueName: valueName)
            }
        }
        let key = option.names[0]
        if given[key] != nil, !option.isRepeatable { throw .repeated(option: name) }
        given[key, default: []].append(value)
    }

    private func isOptionName(_ word: String) -> Bool {
        let name = word.split(separator: "=", maxSplits: 1).first.map(String.init) ?? word
        return syntax.options.contains { $0.names.contains(name) }
    }

    /// Whether the option was given, with or without a value.
    public func has(_ name: String) -> Bool { given[name] != nil }

    /// The option's value, or nil when it is absent or stands without one.
    public func value(_ name: String) -> String? { given[name]?.last ?? nil }

    /// All values of a repeatable option, in order.
    public func values(_ name: String) -> [String] { (given[name] ?? []).compactMap { $0 } }

    /// The option's value as read by `parse`, or nil when the option is absent.
    ///
    /// - Throws: `invalidValue` naming what was `expected` when `parse` returns nil.
    public func value<Value>(
        _ name: String, expected: String, _ parse: (String) -> Value?
    ) throws(ArgumentError) -> Value? {
        guard let text = value(name) else { return nil }
        guard let value = parse(text) else {
            throw .invalidValue(option: name, value: text, expected: expected)
        }
        return value
    }

    /// A whole number within `range`, or nil when the option is absent.
    public func integer(_ name: String, in range: ClosedRange<Int>) throws(ArgumentError) -> Int? {
        let expected =
            range.upperBound == .max
            ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try value(name, expected: expected) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Checks the number of positional arguments.
    public func checkPositionals() throws(ArgumentError) {
        if positionals.count < syntax.positionalCount.lowerBound {
            throw .missingArgument(command: syntax.name, expected: syntax.positionals)
        }
        if positionals.count > syntax.positionalCount.upperBound {
            throw .unexpectedArgument(
                positionals[syntax.positionalCount.upperBound], command: syntax.name)
        }
    }
}
