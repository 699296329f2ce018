import Testing

/// Every rule sees what it is there to see: a tidy test that cannot fail would keep nothing tidy.
@Suite struct RuleExamples {
    private static let manifest = Manifest(
        text: """
            .target(name: "Basics", swiftSettings: strict),
            .target(
                name: "Wire", dependencies: ["Basics"], swiftSettings: strict),
            .systemLibrary(
                name: "CUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
            .executableTarget(name: "quorumeter", dependencies: ["Basics", "Wire"]),
            .testTarget(name: "WireTests", dependencies: ["Wire"]),
            .target(name: "TestSupport", path: "Tests/TestSupport"),
            """)

    private func wire(_ text: String) -> SourceFile {
        SourceFile(path: "Sources/Wire/Sample.swift", text: text)
    }

    @Test func theManifestIsRead() {
        let targets = RuleExamples.manifest.sources
        #expect(targets.map(\.name) == ["Basics", "Wire", "CUV", "quorumeter"])
        #expect(targets.map(\.dependencies) == [[], ["Basics"], [], ["Basics", "Wire"]])
        #expect(RuleExamples.manifest.targets.count == 6)
    }

    @Test func aForeignImportIsSeen() {
        let file = wire("import Basics\nimport Glibc\npublic import struct Foundation.Data")
        let found = Rules.imports(file, in: RuleExamples.manifest)
        #expect(found.map(\.line) == [2, 3])
    }

    @Test(arguments: Rules.impureWords.map(\.word))
    func anImpureWordIsSeen(word: String) {
        #expect(Rules.purity(wire("let a = 1\nlet b = \(word)")).map(\.line) == [2])
    }

    @Test(arguments: Rules.bannedCode.map(\.word))
    func aBannedWordIsSeen(word: String) {
        #expect(Rules.banned(wire("    \(word) x")).map(\.line) == [1])
    }

    @Test func commentsAndStringsAreNotCode() {
        let text = """
            // Task and await
            let a = "print(\\"Task\\")"  // async
            /* Hasher
               Date */ let b = 1
            let taskCount = 2
            """
        #expect(Rules.purity(wire(text)).isEmpty)
        #expect(Rules.purity(wire("\(text)\nTask { }")).map(\.line) == [6])
    }

    @Test func emptyCatchesAreSeen() {
        #expect(Rules.banned(wire("do { try a() } catch {}")).count == 1)
        #expect(Rules.banned(wire("} catch {\n}")).count == 1)
        #expect(Rules.banned(wire("} catch {\n    // Nobody is left to tell.\n}")).isEmpty)
    }

    @Test func uncheckedSendableNeedsASentence() {
        #expect(Rules.banned(wire("struct A: @unchecked Sendable {}")).count == 1)
        let argued = "struct A: @unchecked Sendable {\n    // Sendable without checking: one owner."
        #expect(Rules.banned(wire(argued)).isEmpty)
    }

    @Test func shapeIsSeen() {
        let long = String(repeating: "x", count: 101)
        #expect(Rules.shape(wire("\(long)\n\tx\nx \n// --------")).map(\.line) == [1, 2, 3, 4])
        #expect(Rules.shape(wire(String(repeating: "x\n", count: 600))).isEmpty)
        #expect(Rules.shape(wire(String(repeating: "x\n", count: 601))).count == 1)
    }

    @Test func longFunctionsAreSeen() {
        let body = String(repeating: "        x()\n", count: 60)
        #expect(Rules.longFunctions(wire("    func a() {\n\(body)    }")).count == 1)
        #expect(Rules.longFunctions(wire("    func a() {\n        x()\n    }")).isEmpty)
    }

    @Test func unfinishedWorkAndMachinePathsAreSeen() {
        #expect(Rules.unfinished(wire("// TO" + "DO: later")).count == 1)
        #expect(Rules.machinePaths(wire("let path = \"/ho" + "me/me/x\"")).count == 1)
    }

    @Test func unsafeMemoryIsSeen() {
        #expect(Rules.unsafety(wire("let p: UnsafeRawPointer")).count == 1)
        #expect(
            Rules.unsafety(SourceFile(path: "Sources/Platform/A.swift", text: "Unsafe")).isEmpty)
    }
}
