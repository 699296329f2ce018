/// The targets of Package.swift, read from its text: enough for the way this package writes them.
struct Manifest {
    struct Target: Equatable {
        enum Kind: String { case target, executableTarget, systemLibrary, testTarget }

        let kind: Kind
        let name: String
        let dependencies: [String]
        /// Where its sources are, when the manifest says so.
        var path: String?
    }

    let targets: [Target]

    init(text: String) {
        var targets: [Target] = []
        var rest = text[...]
        while let (kind, declaration) = Manifest.nextDeclaration(&rest) {
            let name = Manifest.quoted(after: "name:", in: declaration).first ?? ""
            targets.append(
                Target(
                    kind: kind, name: name,
                    dependencies: Manifest.list(after: "dependencies:", in: declaration),
                    path: Manifest.quoted(after: "path:", in: declaration).first))
        }
        self.targets = targets
    }

    /// The targets of Sources; tests, their support and benchmarks left out.
    var sources: [Target] {
        targets.filter { $0.kind != .testTarget && $0.path?.hasPrefix("Tests/") != true }
    }

    func dependencies(of name: String) -> [String] {
        targets.first { $0.name == name }?.dependencies ?? []
    }

    private static func nextDeclaration(
        _ rest: inout Substring
    ) -> (Target.Kind, Substring)? {
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            let word = rest.prefix { $0.isLetter }
            guard let kind = Target.Kind(rawValue: String(word)),
                rest[word.endIndex...].hasPrefix("(")
            else { continue }
            var depth = 0
            var end = word.endIndex
            repeat {
                if rest[end] == "(" { depth += 1 }
                if rest[end] == ")" { depth -= 1 }
                end = rest.index(after: end)
            } while depth > 0 && end < rest.endIndex
            defer { rest = rest[end...] }
            return (kind, rest[word.endIndex..<end])
        }
        return nil
    }

    private static func list(after label: String, in text: Substring) -> [String] {
        guard let range = text.firstRange(of: label) else { return [] }
        let rest = text[range.upperBound...]
        return strings(in: rest.prefix { $0 != "]" })
    }

    private static func quoted(after label: String, in text: Substring) -> [String] {
        guard let range = text.firstRange(of: label) else { return [] }
        return strings(in: text[range.upperBound...])
    }

    private static func strings(in text: Substring) -> [String] {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
    }
}

/// The module table of docs/ARCHITECTURE.md: `| target | responsibility | depends on |`.
struct ModuleTable {
    let rows: [(name: String, dependencies: [String], line: Int)]

    init(_ document: SourceFile) {
        var rows: [(String, [String], Int)] = []
        var isInTable = false
        for (index, line) in document.lines.enumerated() {
            if line.hasPrefix("| target |") { isInTable = true }
            if !line.hasPrefix("|") { isInTable = false }
            guard isInTable, line.hasPrefix("| `") else { continue }
            let cells = line.split(separator: "|").map { String($0).trimmed }
            guard cells.count == 3 else { continue }
            let names = ModuleTable.names(cells[0])
            for name in names { rows.append((name, ModuleTable.names(cells[2]), index + 1)) }
        }
        self.rows = rows
    }

    private static func names(_ cell: String) -> [String] {
        let parts = cell.split(separator: "`", omittingEmptySubsequences: false)
        return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
    }
}
