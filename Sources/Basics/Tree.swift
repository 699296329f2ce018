/// A plain tree of text, as read from a YAML file: scalars, lists, and maps in their order, each
/// with the line where it stands.
public enum Tree: Sendable, Equatable {
    case scalar(String, line: Int)
    case list([Tree], line: Int)
    case map([TreeEntry], line: Int)

    /// One-based line where it begins.
    public var line: Int {
        switch self {
        case .scalar(_, let line), .list(_, let line), .map(_, let line): line
        }
    }

    /// What it is, for messages to people.
    public var kind: String {
        switch self {
        case .scalar(let text, _): "“\(text)”"
        case .list: "a list"
        case .map: "a map"
        }
    }
}

/// A key of a map with its value.
public struct TreeEntry: Sendable, Equatable {
    public let key: String
    /// One-based line of the key.
    public let line: Int
    public let value: Tree

    public init(key: String, line: Int, value: Tree) {
        self.key = key
        self.line = line
        self.value = value
    }
}

/// What is wrong with a file: where, and what was expected.
public struct TreeError: Error, Sendable, Equatable, CustomStringConvertible {
    public let file: String
    /// One-based; 0 when the file as a whole is meant.
    public let line: Int
    public let message: String

    public init(file: String, line: Int, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    public var description: String {
        line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)"
    }
}

/// A map of a tree, read key by key. A key that is absent reads as nil; one whose value is not
/// what was asked for is an error that names file, line, key and what was expected.
public struct Section: Sendable {
    /// The file, for messages.
    public let file: String
    /// Where in the tree, such as `claims[2]`; empty at the root.
    public let path: String
    public let line: Int
    public let entries: [TreeEntry]

    /// `tree` must be a map.
    public init(_ tree: Tree, file: String, path: String = "") throws(TreeError) {
        guard case .map(let entries, let line) = tree else {
            throw TreeError(
                file: file, line: tree.line,
                message: "\(path.isEmpty ? "the file" : path) must be a map, not \(tree.kind)")
        }
        self.file = file
        self.path = path
        self.line = line
        self.entries = entries
    }

    /// Throws if there is a key that is not in `known`, and suggests the nearest one that is.
    public func refuseKeys(except known: [String]) throws(TreeError) {
        for entry in entries where !known.contains(entry.key) {
            var message = "unknown key “\(name(entry.key))”"
            if let nearest = nearest(to: entry.key, among: known) {
                message += "; did you mean “\(nearest)”?"
            } else {
                message += "; known keys: \(known.joined(separator: ", "))"
            }
            throw TreeError(file: file, line: entry.line, message: message)
        }
    }

    public subscript(key: String) -> Tree? { entries.first { $0.key == key }?.value }

    public func text(_ key: String) throws(TreeError) -> String? {
        guard let tree = self[key] else { return nil }
        guard case .scalar(let text, _) = tree else { throw expected("text", at: key) }
        return text
    }

    public func integer(
        _ key: String, in range: ClosedRange<Int> = 0...Int.max
    ) throws(TreeError) -> Int? {
        let wanted = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let tree = self[key] else { return nil }
        guard case .scalar(let text, _) = tree, let value = Int(text), range.contains(value) else {
            throw expected(wanted, at: key)
        }
        return value
    }

    public func number(
        _ key: String, in range: ClosedRange<Double>
    ) throws(TreeError) -> Double? {
        let wanted = "a number from \(range.lowerBound) to \(range.upperBound)"
        guard let tree = self[key] else { return nil }
        guard case .scalar(let text, _) = tree, let value = Double(text), range.contains(value)
        else { throw expected(wanted, at: key) }
        return value
    }

    public func boolean(_ key: String) throws(TreeError) -> Bool? {
        guard let tree = self[key] else { return nil }
        guard case .scalar(let text, _) = tree else { throw expected("true or false", at: key) }
        switch text {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw expected("true or false", at: key)
        }
    }

    /// A length of time with its unit, such as `250ms`, `20s` or `5m`.
    public func duration(_ key: String) throws(TreeError) -> Instant.Duration? {
        guard let tree = self[key] else { return nil }
        guard case .scalar(let text, _) = tree, let value = Instant.Duration(text) else {
            throw expected("a duration such as 250ms, 20s or 5m", at: key)
        }
        return value
    }

    /// A list of texts; a single text counts as a list of one.
    public func texts(_ key: String) throws(TreeError) -> [String]? {
        guard let tree = self[key] else { return nil }
        if case .scalar(let text, _) = tree { return [text] }
        guard case .list(let items, _) = tree else { throw expected("a list of texts", at: key) }
        var texts: [String] = []
        for item in items {
            guard case .scalar(let text, _) = item else {
                throw expected("a list of texts", at: key)
            }
            texts.append(text)
        }
        return texts
    }

    public func section(_ key: String) throws(TreeError) -> Section? {
        guard let tree = self[key] else { return nil }
        return try Section(tree, file: file, path: name(key))
    }

    /// A list of maps.
    public func sections(_ key: String) throws(TreeError) -> [Section]? {
        guard let tree = self[key] else { return nil }
        guard case .list(let items, _) = tree else { throw expected("a list of maps", at: key) }
        var sections: [Section] = []
        for (index, item) in items.enumerated() {
            sections.append(try Section(item, file: file, path: "\(name(key))[\(index)]"))
        }
        return sections
    }

    /// Turns absence into an error: `try section.require("n", section.integer("n"))`.
    public func require<Value>(_ key: String, _ value: Value?) throws(TreeError) -> Value {
        if let value { return value }
        throw TreeError(file: file, line: line, message: "the key “\(name(key))” is missing")
    }

    /// The error that says what `key` should have held.
    public func expected(_ what: String, at key: String) -> TreeError {
        guard let entry = entries.first(where: { $0.key == key }) else {
            return TreeError(
                file: file, line: line, message: "“\(name(key))” is missing: expected \(what)")
        }
        return TreeError(
            file: file, line: entry.line,
            message: "“\(name(key))” must be \(what), not \(entry.value.kind)")
    }

    private func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
