/// One line of the tree that breaks a rule.
struct Finding: CustomStringConvertible {
    let path: String
    let line: Int
    /// What is there, and what to use instead.
    let what: String

    var description: String { "\(path):\(line): \(what)" }
}

/// A text file of the package, split into lines.
struct SourceFile {
    /// Relative to the package's root.
    let path: String
    let lines: [String]
    /// The lines with comments and the insides of string literals blanked: what is left is code.
    let code: [String]
    /// Whether the line lies in a string literal of several lines.
    let isText: [Bool]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var masking = Masking()
        var isText: [Bool] = []
        code = lines.map { line in
            isText.append(masking.isInLongString)
            return masking.code(of: line)
        }
        self.isText = isText
    }

    /// `Sources/Basics/Bytes.swift` is in `Basics`; nil outside Sources.
    var module: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    var isSwift: Bool { path.hasSuffix(".swift") }

    /// A finding for each line of code that holds `pattern` as a word of its own.
    func findings(of pattern: String, saying what: String) -> [Finding] {
        code.indices.filter { code[$0].holds(word: pattern) }.map {
            Finding(path: path, line: $0 + 1, what: what)
        }
    }
}

extension String {
    /// Whether `word` stands here without a letter, digit or underscore touching its ends.
    /// An end of `word` that is itself no such character may touch anything.
    func holds(word: String) -> Bool {
        let text = Array(utf8)
        let word = Array(word.utf8)
        guard let first = word.first, let last = word.last, text.count >= word.count else {
            return false
        }
        for start in 0...(text.count - word.count)
        where text[start] == first && text[start..<(start + word.count)].elementsEqual(word) {
            let end = start + word.count
            let isFreeBefore = start == 0 || !first.isWordByte || !text[start - 1].isWordByte
            let isFreeAfter = end == text.count || !last.isWordByte || !text[end].isWordByte
            if isFreeBefore && isFreeAfter { return true }
        }
        return false
    }

    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    var indentation: Int { prefix { $0 == " " }.count }
}

extension UInt8 {
    fileprivate var isWordByte: Bool {
        self == UInt8(ascii: "_") || (48...57).contains(self) || (65...90).contains(self)
            || (97...122).contains(self) || self >= 0x80
    }
}

/// Blanks comments and string literals, line by line. Interpolations count as string.
private struct Masking {
    private(set) var isInLongString = false
    private var commentDepth = 0

    mutating func code(of line: String) -> String {
        var kept: [Character] = []
        var rest = Array(line)[...]
        var isInString = false
        while let character = rest.first {
            if commentDepth > 0 {
                if rest.starts(with: "*/") { commentDepth -= 1 }
            } else if rest.starts(with: "\"\"\"") {
                isInLongString.toggle()
                kept += "\"\"\""
                rest.removeFirst(2)
            } else if isInLongString {
                // Blank.
            } else if isInString {
                if character == "\\" { rest.removeFirst(min(1, rest.count - 1)) }
                if character == "\"" {
                    isInString = false
                    kept.append(character)
                }
            } else if character == "\"" {
                isInString = true
                kept.append(character)
            } else if rest.starts(with: "//") {
                break
            } else if rest.starts(with: "/*") {
                commentDepth += 1
            } else {
                kept.append(character)
            }
            rest.removeFirst()
        }
        return String(kept)
    }
}
