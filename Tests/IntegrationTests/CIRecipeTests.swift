import Platform
import Testing

/// The recipes of docs/ci: what they run works as it stands there.
@Suite struct CIRecipeTests {
    private let recipes = FileSystem.parent(of: Workloads.a) + "/../docs/ci"

    /// The claims file that the recipe's comment shows, for a store behind an adapter, and shorter.
    private func claims() throws -> String {
        let lines = try FileSystem.text("\(recipes)/github-actions.yml").split(separator: "\n")
        let shown = lines.filter { $0.hasPrefix("#   ") }.map { $0.dropFirst(4) }
        #expect(shown.count == 3)
        let adapter = FileSystem.parent(of: Workloads.a) + "/adapters/sqlite_store.py"
        return shown.joined(separator: "\n")
            .replacing("redis://127.0.0.1:6379", with: "exec:python3 \(adapter) store.db")
            .replacing("duration: 10s", with: "duration: 500ms")
    }

    /// The lines of a recipe that verify, as one command.
    private func command(_ file: String) throws -> String {
        let lines = try FileSystem.text("\(recipes)/\(file)").split(separator: "\n")
        let first = try #require(lines.firstIndex { $0.contains("quorumeter verify") })
        let last = try #require(lines.firstIndex { $0.hasSuffix("--witnesses witnesses") })
        return lines[first...last].joined(separator: " ").replacing("\\", with: "")
    }

    @Test(arguments: ["github-actions.yml", "gitlab-ci.yml"])
    func whatARecipeRunsVerifiesAndLeavesItsFiles(file: String) throws {
        try inTemporaryFolder { folder in
            try FileSystem.makeFolder("\(folder)/claims")
            try FileSystem.replace("\(folder)/claims/mine.yaml", with: Array(claims().utf8))
            let line = try command(file)
                .replacing("quorumeter/.build/release/quorumeter", with: "\"$0\"")
                .replacing("mine/claims", with: "claims")
                .replacing("${{ github.run_number }}", with: "7")
                .replacing("--budget 5m", with: "--budget 5s")
            let script =
                "cd \(folder) && GITHUB_STEP_SUMMARY=claims.md && CI_PIPELINE_IID=7 && " + line
            let ended = try Program("/bin/sh", ["-c", script, Quorumeter.path], in: folder).end()
            #expect(ended.code == 0, "\(line): \(ended.errors)\(ended.output)")
            let summary = try FileSystem.text("\(folder)/claims.md")
            #expect(summary.contains("one node is linearizable"), "\(summary)")
            #expect(try FileSystem.text("\(folder)/claims.xml").contains("<testsuite"))
        }
    }
}
