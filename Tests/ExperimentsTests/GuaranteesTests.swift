import Basics
import Experiments
import Foundation
import Load
import Platform
import Simulation
import Testing

/// `docs/GUARANTEES.md` says what a fresh run finds.
struct GuaranteesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// The table's cells by row and column.
    private func cells(_ text: String) -> [String: [String: String]] {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("| ") }
        func parts(_ line: Substring) -> [String] {
            line.dropFirst(2).dropLast(2).components(separatedBy: " | ")
        }
        guard let header = lines.first.map(parts) else { return [:] }
        var table: [String: [String: String]] = [:]
        for line in lines.dropFirst() {
            let row = parts(line)
            for (column, cell) in zip(header, row).dropFirst() {
                table[row[0], default: [:]][column] = cell
            }
        }
        return table
    }

    @Test func theFileAndAFreshQuickRunAgree() throws {
        let text = try ResultStore.text("\(GuaranteesTests.root)/docs/GUARANTEES.md")
        let table = cells(text)
        let claims = try ClaimsFile.read("\(GuaranteesTests.root)/workloads/claims/guarantees.yaml")
        #expect(!claims.isEmpty)
        for claim in claims {
            let row = try #require(claim.row)
            let column = try #require(claim.column)
            let cell = try #require(table[row]?[column], "\(row), \(column) is not in the file")
            var scenario = claim.scenario
            guard case .model(let model) = claim.promise else { continue }
            if cell.hasPrefix("✗ "), let seed = UInt64(cell.dropFirst(2)) {
                scenario.seed = seed
                let result = try Simulation.run(scenario, models: [model])
                #expect(result.violates(model), "\(row), \(column): seed \(seed)")
            } else {
                #expect(cell.hasPrefix("✓ "), "\(row), \(column): \(cell)")
                for offset in UInt64(0)..<12 {
                    scenario.seed = claim.firstSeed(base: 2) + offset
                    let result = try Simulation.run(scenario, models: [model])
                    #expect(!result.violates(model), "\(scenario.command)")
                }
            }
        }
    }
}
