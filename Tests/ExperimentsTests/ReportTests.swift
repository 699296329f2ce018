import Experiments
import Foundation
import Testing

struct ReportTests {
    private let report = Report(ConstructedResults.sweep())

    @Test func thePageIsOneFileThatNeedsNothingElse() throws {
        let page = try report.render(.html)
        #expect(!page.contains("http://") || page.contains("http://www.w3.org/2000/svg"))
        for forbidden in ["https://", "<link", "<img", "src=", "@import", "url("] {
            #expect(!page.contains(forbidden), "\(forbidden)")
        }
        #expect(page.utf8.count < 600_000)
        // For a look in a browser: REPORT_OUT=page.html swift test --filter ReportTests
        if let path = ProcessInfo.processInfo.environment["REPORT_OUT"] {
            try ResultStore.write(ResultStore.bytes(page), to: path)
        }
    }

    @Test func everyTextIsEscaped() throws {
        let page = try report.render(.html)
        #expect(page.contains("Test &lt;CPU&gt; &amp; Co"))
        #expect(page.contains("user&lt;7&gt;"))
        #expect(!page.contains("user<7>"))
    }

    @Test func theSameResultsInAnotherOrderGiveTheSameBytes() throws {
        var other = ConstructedResults.sweep()
        other.cells.reverse()
        for format in Report.Format.allCases {
            #expect(try Report(other).render(format) == report.render(format), "\(format)")
        }
    }

    @Test func theAnswerIsTheFastestWithoutAStaleRead() throws {
        let findings = Findings(try #require(report.panels.first))
        // R + W > 3 and the smallest R and W: by construction 1,3 has the fastest reads of them,
        // 2,2 and 3,1 the faster writes; the rank is computed here by hand from the results.
        let fresh = try #require(report.panels.first).configurations.filter { $0.r + $0.w > 3 }
        let best = fresh.min { ($0.combinedP99 ?? 0) < ($1.combinedP99 ?? 0) }
        #expect(findings.choice?.name == best?.name)
        #expect(findings.headline.contains("No stale read was seen in 6 of 9 configurations"))
        #expect(findings.frontier.contains { $0.name == best?.name })
        #expect(findings.neighbours.count == 8)
    }

    @Test func sentencesCarryDenominatorsAndPromiseNothing() throws {
        let text = try report.render(.markdown)
        #expect(text.contains("0 stale in 16,000 reads"))
        #expect(text.contains("below 0.0187 %"))
        #expect(text.contains("No fault was injected"))
        #expect(!text.lowercased().contains("strong consistency"))
        #expect(!text.contains(" 0 %"))
    }

    @Test func theNumbersAreThoseOfTheResults() throws {
        let cell = ConstructedResults.cell(r: 2, w: 3)
        let p99 = try #require(cell.latency("read", .intended)?.percentilesNs["99"])
        let row = try #require(
            report.render(.csv).split(separator: "\n").first {
                $0.hasPrefix("3,5,workloada,strict,lww,none,memory,,poisson,processes,2,3,")
            })
        let fields = row.split(separator: ",", omittingEmptySubsequences: false)
        #expect(fields[12] == "4000")
        #expect(fields[14] == "\(p99)")
        #expect(row.hasSuffix(",holds,,R=2 W=3"))
        #expect(try report.render(.html).contains(Quantities.text(nanoseconds: p99)))
    }

    @Test func resultsSurviveTheirFiles() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/quorumeter-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for cell in ConstructedResults.sweep().cells {
            let path = "\(folder)/cells/r\(cell.configuration.r)w\(cell.configuration.w)"
            try ResultStore.createFolder(path)
            try ResultStore.write(cell, to: "\(path)/result.json")
        }
        try ResultStore.write(ConstructedResults.witness, to: "\(folder)/witness.json")
        let read = try ResultStore.collect([folder, folder])
        #expect(read.cells == ConstructedResults.sweep().cells)
        #expect(read.witnesses == [ConstructedResults.witness])
    }

    @Test func brokenResultsAreNamed() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/quorumeter-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(throws: ResultError.self) { try ResultStore.collect([folder]) }
        try ResultStore.createFolder(folder)
        #expect(throws: ResultError.self) { try ResultStore.collect([folder]) }
        try ResultStore.write(ResultStore.bytes("{\"schema\":1}"), to: "\(folder)/result.json")
        let error = #expect(throws: ResultError.self) { try ResultStore.collect([folder]) }
        #expect(error?.description.contains("result.json") == true)
    }

    @Test func aFailedCellAndAnUncheckedOneAreShownAsSuch() throws {
        var collection = ConstructedResults.sweep()
        collection.cells[0].failure = "the cluster did not form"
        collection.cells[1].staleReads = nil
        collection.cells[1].verdicts = []
        let text = try Report(collection).render(.markdown)
        #expect(text.contains("Not measured in full: R=1 W=1"))
        #expect(text.contains("not checked"))
        let page = try Report(collection).render(.html)
        #expect(page.contains("the cluster did not form"))
    }

    @Test func aSingleCellMakesAReport() throws {
        let one = Report(ResultStore.Collection(cells: [ConstructedResults.cell(r: 2, w: 2)]))
        #expect(try one.render(.html).contains("R=2 W=2"))
    }

    @Test func jsonLinesHoldOneDocumentALine() throws {
        let lines = try report.render(.jsonl).split(separator: "\n")
        #expect(lines.count == 10)
        let decoder = JSONDecoder()
        let cells = try lines.dropLast().map {
            try decoder.decode(CellResult.self, from: Data($0.utf8))
        }
        #expect(cells == ConstructedResults.sweep().cells)
        let witness = try decoder.decode(Witness.self, from: Data(lines[9].utf8))
        #expect(witness == ConstructedResults.witness)
    }

    @Test func whatWasLostAndWhoDiffersIsSaid() throws {
        var collection = ConstructedResults.sweep()
        collection.cells[0].verdicts += [
            ModelVerdict(
                model: "monotonic-reads", verdict: "violated", method: "clocks", violatingKeys: 4,
                explanation: nil),
            ModelVerdict(
                model: "durable", verdict: "violated", method: "reads", violatingKeys: 2,
                explanation: nil),
        ]
        collection.cells[0].convergence = Convergence(
            converged: false, afterNs: nil, limitNs: 2_000_000_000, keys: 1_000,
            divergingKeys: 37, hintsOwed: 0)
        collection.cells[1].convergence = Convergence(
            converged: true, afterNs: 12_300_000, limitNs: 2_000_000_000, keys: 1_000,
            divergingKeys: 0, hintsOwed: 0)
        collection.cells[0].costs = OperationCosts(
            operations: 32_000, clientBytes: 64_000_000, peerBytes: 32_000_000, messages: 96_000,
            syncs: 8_000)
        let report = Report(collection)
        let text = try report.render(.markdown)
        #expect(text.contains("Acknowledged writes were lost in 1 of 9: R=1 W=1 (2 keys)"))
        #expect(text.contains("Session guarantees were violated in 1 of 9: R=1 W=1"))
        #expect(text.contains("2.00 s after the load and the last fault had ended"))
        #expect(text.contains("37 of 1,000 keys differ"))
        #expect(text.contains("12.3 ms"))
        let page = try report.render(.html)
        #expect(page.contains("Keys with lost writes"))
        #expect(page.contains("✗ linear. +2"))
        let header = try report.render(.csv).split(separator: "\n")[0].split(separator: ",")
        let row = try report.render(.csv).split(separator: "\n")[1]
            .split(separator: ",", omittingEmptySubsequences: false)
        func field(_ name: String) throws -> Substring {
            row[try #require(header.firstIndex { $0 == name })]
        }
        #expect(try field("client_bytes_per_operation") == "2000")
        #expect(try field("messages_per_operation") == "3")
        #expect(try field("fsyncs_per_operation") == "0.25")
        #expect(try field("keys_with_lost_writes") == "2")
        #expect(try field("models_violated") == "linearizable monotonic-reads durable")
    }

    @Test func aWitnessShowsItsCauseAndWhatTheNodesDid() throws {
        var collection = ConstructedResults.sweep()
        collection.witnesses[0].cause = "partial-quorum"
        collection.witnesses[0].events = [
            WitnessEvent(atNs: 1_400_000, node: "n1", what: "-> n2 store user<7> = w:1:2"),
            WitnessEvent(atNs: 1_500_000, node: "n3", what: "loses n1"),
        ]
        let page = try Report(collection).render(.html)
        #expect(page.contains("the replicas that answered the read are not those"))
        #expect(page.contains("<title>n3 loses n1</title>"))
        #expect(page.contains("-&gt; n2 store user&lt;7&gt; = w:1:2"))
    }

    @Test func otherStoresStandBesideOurs() throws {
        var collection = ConstructedResults.sweep()
        collection.cells = [
            ConstructedResults.cell(r: 1, w: 1), ConstructedResults.cell(r: 2, w: 2),
        ]
        for name in ["redis WAIT 0", "redis WAIT 1"] {
            var cell = ConstructedResults.cell(r: 1, w: 2)
            cell.configuration.store = name
            collection.cells.append(cell)
        }
        let report = Report(collection)
        #expect(report.panels.count == 1)
        #expect(
            report.panels[0].configurations.map(\.name) == [
                "quorumeter N=3 R=1 W=1", "quorumeter N=3 R=2 W=2", "redis WAIT 0", "redis WAIT 1",
            ])
        let page = try report.render(.html)
        #expect(page.contains("Stores side by side"))
        #expect(page.contains("redis WAIT 1"))
        #expect(try report.render(.csv).contains(",redis WAIT 0\n"))
    }
}
