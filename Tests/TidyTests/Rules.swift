/// The rules of docs/STYLE.md that a machine can check, as functions of one file.
enum Rules {
    /// Modules that import the standard library only and behave the same on every machine.
    static let pure = [
        "Basics", "Causality", "Partitioning", "Storage", "Replication", "Wire", "Workloads",
        "Consistency", "Simulation",
    ]

    /// What an impure module may import besides the targets that it declares.
    static let systemModules: [String: [String]] = [
        "Platform": ["Glibc", "Synchronization"], "Server": ["Glibc"], "Faults": ["Glibc"],
        "Load": ["Glibc", "Synchronization"], "Experiments": ["Foundation", "Synchronization"],
        "quorumeter": ["Foundation", "Glibc"],
    ]

    /// Words that would let the machine, the clock or a hidden generator into a pure module.
    static let impureWords: [(word: String, instead: String)] = [
        ("ContinuousClock", "take the time from the event"),
        ("SuspendingClock", "take the time from the event"),
        ("Date", "take the time from the event"),
        ("Task", "the node is a function of events"),
        ("async", "the node is a function of events"),
        ("await", "the node is a function of events"),
        ("Thread", "a pure module has one thread"),
        ("shuffled()", "use RandomSource"),
        ("shuffle()", "use RandomSource"),
        ("randomElement()", "use RandomSource"),
        ("random(in:", "use RandomSource"),
        ("SystemRandomNumberGenerator", "use RandomSource"),
        ("Hasher", "its values differ between processes: use XXH3"),
        ("hashValue", "it differs between processes: use XXH3"),
        ("print(", "return a value for the command line to print"),
        ("ObjectIdentifier", "addresses differ between processes: use an index"),
    ]

    /// Code that is banned in every Swift file.
    static let bannedCode: [(word: String, instead: String)] = [
        ("try!", "handle the error, or state why it cannot happen with a precondition"),
        ("as!", "use as? and handle nil"),
        ("fatalError()", "give it a message"),
        ("preconditionFailure()", "give it a message"),
        ("@testable", "test the public API"),
        ("package", "use public (docs/decisions/0002)"),
        ("unsafeBitCast", "load the bytes, or convert the value"),
        ("-Ounchecked", "preconditions are the safety net"),
    ]

    static func imports(_ file: SourceFile, in manifest: Manifest) -> [Finding] {
        guard let module = file.module else { return [] }
        let allowed = manifest.dependencies(of: module) + (systemModules[module] ?? [])
        return file.code.indices.compactMap { index in
            let words = file.code[index].split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place < 2, words.count > place + 1
            else { return nil }
            let name = String(words[words.count - 1].prefix { $0 != "." })
            if allowed.contains(name) { return nil }
            let instead =
                pure.contains(module)
                ? "a pure module imports only the modules that Package.swift gives it"
                : "\(module) imports its targets in Package.swift and "
                    + "\(systemModules[module] ?? [])"
            return Finding(path: file.path, line: index + 1, what: "imports \(name): \(instead)")
        }
    }

    static func purity(_ file: SourceFile) -> [Finding] {
        guard let module = file.module, pure.contains(module) else { return [] }
        return impureWords.flatMap { rule in
            file.findings(of: rule.word, saying: "\(rule.word) in a pure module: \(rule.instead)")
        }
    }

    static func banned(_ file: SourceFile) -> [Finding] {
        guard file.isSwift, file.path != "Package.swift" else { return [] }
        return bannedCode.flatMap { rule in
            file.findings(of: rule.word, saying: "\(rule.word): \(rule.instead)")
        } + emptyCatches(file) + uncheckedSendables(file)
    }

    private static func emptyCatches(_ file: SourceFile) -> [Finding] {
        file.code.indices.compactMap { index in
            let line = file.code[index]
            guard line.holds(word: "catch") else { return nil }
            let next = index + 1 < file.code.count ? file.lines[index + 1].trimmed : ""
            let isEmpty =
                line.trimmed.hasSuffix("catch {}")
                || (line.trimmed.hasSuffix("catch {") && next == "}")
            guard isEmpty else { return nil }
            return Finding(
                path: file.path, line: index + 1,
                what: "an empty catch: handle the error, or say in a comment why it is nothing")
        }
    }

    private static func uncheckedSendables(_ file: SourceFile) -> [Finding] {
        file.code.indices.compactMap { index in
            guard file.code[index].contains("@unchecked Sendable") else { return nil }
            let near = file.lines[max(0, index - 3)...min(file.lines.count - 1, index + 3)]
            if near.contains(where: { $0.contains("Sendable without checking") }) { return nil }
            return Finding(
                path: file.path, line: index + 1,
                what: "@unchecked Sendable: add a comment that begins "
                    + "“Sendable without checking:” and says why it is safe")
        }
    }

    /// Words that mark unfinished work, in any text.
    static func unfinished(_ file: SourceFile) -> [Finding] {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        return file.lines.indices.compactMap { index in
            guard let word = words.first(where: { file.lines[index].holds(word: $0) }) else {
                return nil
            }
            return Finding(path: file.path, line: index + 1, what: "\(word): finish it instead")
        }
    }

    /// Paths that exist on one machine only.
    static func machinePaths(_ file: SourceFile) -> [Finding] {
        let paths = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/"]
        return file.lines.indices.compactMap { index in
            guard let path = paths.first(where: { file.lines[index].contains($0) }) else {
                return nil
            }
            return Finding(
                path: file.path, line: index + 1,
                what: "\(path): a path of one machine; use one relative to the package")
        }
    }

    static func shape(_ file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        for (index, line) in file.lines.enumerated() {
            func report(_ what: String) {
                found.append(Finding(path: file.path, line: index + 1, what: what))
            }
            if line.count > 100, !file.isText[index] {
                report("\(line.count) columns: at most 100")
            }
            if line.contains("\t") { report("a tab: use four spaces") }
            if line.last?.isWhitespace == true { report("trailing space: remove it") }
            if isDivider(line) { report("a divider: split the file instead") }
        }
        if file.lines.count > 601 {
            found.append(
                Finding(
                    path: file.path, line: 601,
                    what: "\(file.lines.count - 1) lines: at most 600; split it by idea"))
        }
        return found
    }

    private static func isDivider(_ line: String) -> Bool {
        let text = line.trimmed
        return text.hasPrefix("//") && text.count > 8
            && text.dropFirst(2).allSatisfy { "-=*#/~ ".contains($0) }
    }

    /// Functions of more than 60 lines, found by the indentation that swift-format guarantees.
    static func longFunctions(_ file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        for (index, line) in file.code.enumerated() {
            guard line.holds(word: "func") || line.trimmed.hasPrefix("init("),
                !line.trimmed.hasSuffix("}"), hasBody(file.code, from: index)
            else { continue }
            let end = file.code[index...].firstIndex {
                $0.indentation == line.indentation && $0.trimmed == "}"
            }
            guard let end, end - index > 60 else { continue }
            found.append(
                Finding(
                    path: file.path, line: index + 1,
                    what: "a function of \(end - index + 1) lines: at most 60; "
                        + "keep the branching, move the work into functions"))
        }
        return found
    }

    /// A requirement of a protocol has none: the next line at its depth does not open a brace.
    private static func hasBody(_ code: [String], from index: Int) -> Bool {
        let depth = code[index].indentation
        for (offset, line) in code[index...].enumerated() {
            if line.trimmed.hasSuffix("{") && line.indentation == depth { return true }
            if offset > 0 && line.indentation <= depth && !line.trimmed.hasPrefix(")") {
                return false
            }
        }
        return false
    }

    static func unsafety(_ file: SourceFile) -> [Finding] {
        guard let module = file.module, pure.contains(module) else { return [] }
        if UnsafeFiles.reasons[String(file.path.dropFirst("Sources/".count))] != nil { return [] }
        return file.code.indices.filter { file.code[$0].contains("Unsafe") }.map {
            Finding(
                path: file.path, line: $0 + 1,
                what: "unsafe memory in a pure module: use Bytes, ByteReader or ByteBuffer, or "
                    + "add the file to Tests/TidyTests/UnsafeFiles.swift with the reason")
        }
    }
}
