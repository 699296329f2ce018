import Experiments
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The report in a real browser. Skipped, and said so, where there is no Chromium.
struct ReportPageTests {
    private static let browser = [
        "/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/chromium-browser",
    ].first { FileManager.default.isExecutableFile(atPath: $0) }

    private static func browse(_ arguments: [String]) throws -> (output: String, errors: String) {
        let folder = FileManager.default.temporaryDirectory.path + "/chromium-\(UUID())"
        try ResultStore.createFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments =
            ["60", browser ?? "", "--headless", "--no-sandbox", "--disable-gpu"]
            + ["--hide-scrollbars", "--user-data-dir=\(folder)/profile"] + arguments
        _ = FileManager.default.createFile(atPath: "\(folder)/out", contents: nil)
        _ = FileManager.default.createFile(atPath: "\(folder)/err", contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: "\(folder)/out")
        process.standardError = FileHandle(forWritingAtPath: "\(folder)/err")
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "the browser failed")
        return (try ResultStore.text("\(folder)/out"), try ResultStore.text("\(folder)/err"))
    }

    /// Width and height of a PNG, from its header.
    private static func size(_ png: Data) -> (Int, Int) {
        func number(_ start: Int) -> Int {
            png[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        return png.count > 24 ? (number(16), number(20)) : (0, 0)
    }

    @Test(
        .enabled(
            if: browser != nil,
            "SKIPPED: there is no Chromium (package chromium-headless-shell)"))
    func theBrowserDrawsEveryChartWithoutAnError() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/page-\(UUID())"
        try ResultStore.createFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let html = try Report(ConstructedResults.sweep()).render(.html)
        try ResultStore.write(ResultStore.bytes(html), to: "\(folder)/report.html")
        let page = "file://\(folder)/report.html"
        let (dom, log) = try ReportPageTests.browse([
            "--enable-logging=stderr", "--v=0", "--dump-dom", page,
        ])
        let complaints = log.split(separator: "\n").filter { $0.contains("CONSOLE") }
        #expect(complaints.isEmpty, "\(complaints)")
        let charts = dom.components(separatedBy: "role=\"img\"").count - 1
        let written = html.components(separatedBy: "role=\"img\"").count - 1
        #expect(charts == written)
        // Nine heat maps, four percentile charts, Pareto, stale reads, three lags, nine series.
        #expect(charts >= 25, "\(charts) charts")
        var pictures: [Data] = []
        for (scheme, width) in [("1", 1_280), ("0", 1_280), ("1", 500)] {
            let path = "\(folder)/\(scheme)-\(width).png"
            _ = try ReportPageTests.browse([
                "--blink-settings=preferredColorScheme=\(scheme)",
                "--window-size=\(width),1600", "--screenshot=\(path)", page,
            ])
            let png = try #require(FileManager.default.contents(atPath: path))
            #expect(ReportPageTests.size(png).0 == width)
            #expect(png.count > 20_000)
            pictures.append(png)
        }
        #expect(pictures[0] != pictures[1], "dark looks like light")
    }

    /// So many cells: matrices of nine for different workloads.
    private static func many(_ count: Int) -> Report {
        var cells: [CellResult] = []
        for index in 0..<count {
            var cell = ConstructedResults.sweep().cells[index % 9]
            cell.configuration.workload = "workload\(index / 9)"
            cells.append(cell)
        }
        return Report(ResultStore.Collection(cells: cells))
    }

    @Test func aHundredCellsFitIntoThreeMegabytes() throws {
        let html = try ReportPageTests.many(100).render(.html)
        #expect(html.utf8.count <= 3_000_000, "\(html.utf8.count) bytes")
    }

    @Test func fiveHundredCellsMakeAReportInEveryFormat() throws {
        let report = ReportPageTests.many(500)
        let html = try report.render(.html)
        // A line in the table of everything and a command for each; all panels are there.
        #expect(html.components(separatedBy: "<details class=\"panel\"").count - 1 == 5 * 56)
        #expect(html.components(separatedBy: "demo.yaml --only").count - 1 == 500)
        #expect(try report.render(.csv).split(separator: "\n").count == 501)
        #expect(try report.render(.jsonl).split(separator: "\n").count == 500)
        #expect(try report.render(.markdown).contains("workload55"))
        #expect(XMLParser(data: Data(try report.render(.junit).utf8)).parse())
    }

    @Test func objectivesComeFirst() throws {
        let objectives = [try ServiceObjective("linearizable"), try ServiceObjective("survives=1")]
        let fresh = [try ServiceObjective("stale<0.001"), objectives[1]]
        let report = Report(ConstructedResults.sweep(), objectives: objectives)
        let html = try Report(ConstructedResults.sweep(), objectives: fresh).render(.html)
        let answer = try #require(html.range(of: "Take R=2 W=2"))
        let matrix = try #require(html.range(of: "<h2>W by R"))
        #expect(answer.lowerBound < matrix.lowerBound)
        let junit = try report.render(.junit)
        // R + W <= 3 in three cells, all violated; R or W = 3 in five, which no node may leave. In
        // the other six no violation was seen, which lww does not promise.
        #expect(junit.contains("tests=\"18\" failures=\"8\" errors=\"0\""), "\(junit)")
        #expect(junit.contains("errors=\"0\" skipped=\"6\""))
        #expect(junit.contains("name=\"R=1 W=1 linearizable\"><failure message="))
        #expect(XMLParser(data: Data(junit.utf8)).parse())
    }

    @Test func withoutObjectivesJUnitListsTheCells() throws {
        var collection = ConstructedResults.sweep()
        collection.cells[4].failure = "the cluster <was> lost"
        let junit = try Report(collection).render(.junit)
        #expect(junit.contains("tests=\"9\" failures=\"0\" errors=\"1\""))
        #expect(junit.contains("the cluster &lt;was&gt; lost"))
    }

    @Test func markdownShowsItsPictures() throws {
        let report = Report(ConstructedResults.sweep())
        let figures = report.figures()
        #expect(figures.count == 4)
        let text = report.markdown(figures: "report-figures")
        for figure in figures {
            #expect(text.contains("(report-figures/\(figure.name))"))
            #expect(figure.svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox="))
            #expect(XMLParser(data: Data(figure.svg.utf8)).parse(), "\(figure.name)")
        }
    }

    @Test func faultsPredictionsAndCostsAreShown() throws {
        var collection = ConstructedResults.sweep()
        collection.cells[0].faults = [
            FaultWindow(name: "kill n1", startNs: 3_000_000_000, endNs: 5_000_000_000)
        ]
        collection.cells[0].errors = ["timeout": 7]
        collection.cells[0].memory = [
            NodeMemory(node: "n1", residentBytes: 32 << 20, allocatedBytes: nil)
        ]
        collection.cells[0].freshness = [
            FreshnessBin(
                startNs: 100_000, endNs: 180_000, meanNs: 140_000, reads: 100, fresh: 90)
        ]
        collection.cells[0].prediction = CellPrediction(
            curve: [.init(afterNs: 0, fresh: 0.8), .init(afterNs: 180_000, fresh: 0.95)],
            visibilityNs: [:], readP99Ns: 1, writeP99Ns: 1, trials: 1_000, calibrationError: 0.031)
        let html = try Report(collection).render(.html)
        #expect(html.contains("class=\"fault-band\"><title>kill n1"))
        #expect(html.contains("7 timeout"))
        #expect(html.contains("calibration error 3.10 %"))
        #expect(html.contains("90 of 100 fresh"))
        #expect(html.contains("Operations of the warm-up are not in latency"))
        // 4.1 s for 32,000 operations in eight of nine seconds.
        #expect(html.contains(">114<"), "processor time an operation")
        let csv = try Report(collection).render(.csv)
        #expect(csv.contains("resident_mib_per_node"))
    }
}
