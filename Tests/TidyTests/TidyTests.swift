import Testing

/// docs/STYLE.md as a test: what a machine can check of it, over the whole tree.
@Suite struct TidyTests {
    let tree: Tree
    let manifest: Manifest

    /// Read once: each test makes a suite of its own.
    private static let read = Result { try Tree() }

    init() throws {
        tree = try TidyTests.read.get()
        manifest = Manifest(text: tree.file("Package.swift")?.lines.joined(separator: "\n") ?? "")
    }

    private func expectNone(_ findings: [Finding]) {
        for finding in findings { Issue.record("\(finding)") }
    }

    @Test func modulesImportOnlyWhatTheyDeclare() {
        expectNone(tree.swift.flatMap { Rules.imports($0, in: manifest) })
    }

    @Test func pureModulesAreDeterministic() {
        expectNone(tree.swift.flatMap(Rules.purity))
    }

    @Test func bannedCodeIsNowhere() {
        expectNone(tree.swift.flatMap(Rules.banned))
    }

    @Test func unsafeMemoryIsConfined() {
        expectNone(tree.swift.flatMap(Rules.unsafety))
    }

    @Test func theListOfUnsafeFilesIsNotStale() {
        for path in UnsafeFiles.reasons.keys.sorted() {
            let file = tree.file("Sources/\(path)")
            #expect(
                file?.code.contains { $0.contains("Unsafe") } == true,
                "Tests/TidyTests/UnsafeFiles.swift lists \(path), which needs no permission")
        }
    }

    @Test func filesHaveTheirShape() {
        expectNone(tree.swift.flatMap(Rules.shape))
    }

    @Test func functionsFitAScreen() {
        expectNone(tree.swift.flatMap(Rules.longFunctions))
    }

    @Test func nothingIsLeftUnfinished() {
        expectNone(tree.all.flatMap(Rules.unfinished))
    }

    @Test func noTextNamesOneMachine() {
        expectNone(tree.all.flatMap(Rules.machinePaths))
    }

    @Test func pureModulesDependOnPureModulesOnly() {
        for name in Rules.pure {
            for dependency in manifest.dependencies(of: name) {
                #expect(
                    Rules.pure.contains(dependency),
                    "Package.swift: the pure \(name) depends on \(dependency), which is not pure")
            }
        }
    }

    @Test func everyFolderOfSourcesIsATarget() {
        let names = Set(manifest.sources.map(\.name))
        for file in tree.all {
            guard let module = file.module else { continue }
            #expect(names.contains(module), "\(file.path):1: Package.swift has no \(module)")
        }
    }

    @Test func theModuleTableIsTrue() throws {
        let document = try #require(tree.file("docs/ARCHITECTURE.md"), "it is missing")
        let table = ModuleTable(document)
        #expect(
            table.rows.map(\.name) == manifest.sources.map(\.name),
            "docs/ARCHITECTURE.md lists other targets than Package.swift, or in another order")
        for row in table.rows {
            #expect(
                row.dependencies == manifest.dependencies(of: row.name),
                "docs/ARCHITECTURE.md:\(row.line): Package.swift gives \(row.name) others")
        }
    }

    @Test func decisionsAreNumberedWithoutGaps() {
        let numbers = tree.all.map(\.path).filter { $0.hasPrefix("docs/decisions/") }
            .compactMap { Int($0.dropFirst("docs/decisions/".count).prefix(4)) }
        #expect(!numbers.isEmpty)
        #expect(numbers == Array(1...max(1, numbers.count)))
    }

    @Test func aDocumentHasOneTitle() {
        for file in tree.all where file.path.hasSuffix(".md") {
            var isInCode = false
            var titles = 0
            for line in file.lines {
                if line.hasPrefix("```") { isInCode.toggle() }
                if !isInCode, line.hasPrefix("# ") { titles += 1 }
            }
            #expect(titles == 1, "\(file.path):1: \(titles) titles (# …): a document has one")
        }
    }
}
