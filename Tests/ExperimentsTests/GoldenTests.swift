import Basics
import Experiments
import Foundation
import Load
import Testing

/// Every format, byte for byte, from constructed results.
///
/// The files are in Tests/Corpus/Golden. After a change that is meant, write them anew with
/// `GOLDEN=renew swift test --filter GoldenTests`, and read the difference before it is committed.
struct GoldenTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Corpus/Golden").path
    private static let isRenewing = ProcessInfo.processInfo.environment["GOLDEN"] == "renew"

    /// Compares a text with its golden file, or writes that.
    private static func check(_ text: String, _ name: String) throws {
        let path = "\(folder)/\(name)"
        if isRenewing {
            try ResultStore.createFolder(folder)
            try ResultStore.write(ResultStore.bytes(text), to: path)
            return
        }
        let golden = try ResultStore.text(path)
        guard text != golden else { return }
        let pairs = zip(
            text.split(separator: "\n", omittingEmptySubsequences: false),
            golden.split(separator: "\n", omittingEmptySubsequences: false))
        let line = pairs.enumerated().first { $0.element.0 != $0.element.1 }
        Issue.record(
            """
            \(name) differs first in line \((line?.offset ?? -1) + 1):
            \(line?.element.0.prefix(300) ?? "one of the two ends earlier")
            golden: \(line?.element.1.prefix(300) ?? "")
            """)
    }

    private static func objectives() throws -> [ServiceObjective] {
        try ["linearizable", "survives=1", "read_p99<2ms", "stale<0.02"].map {
            try ServiceObjective($0)
        }
    }

    @Test(arguments: [
        (Report.Format.json, "report.json"), (.jsonl, "report.jsonl"), (.csv, "report.csv"),
        (.markdown, "report.md"), (.junit, "report.xml"),
    ])
    func aReport(format: Report.Format, name: String) throws {
        try GoldenTests.check(Report(GoldenResults.collection).render(format), name)
    }

    @Test(arguments: [(Report.Format.markdown, "objectives.md"), (.junit, "objectives.xml")])
    func aReportForObjectives(format: Report.Format, name: String) throws {
        let report = Report(GoldenResults.collection, objectives: try GoldenTests.objectives())
        try GoldenTests.check(report.render(format), name)
    }

    @Test func theStructureOfThePage() throws {
        let page = try Report(GoldenResults.collection).render(.html)
        try GoldenTests.check(Outline.text(page), "report.outline.txt")
        let chosen = Report(GoldenResults.collection, objectives: try GoldenTests.objectives())
        try GoldenTests.check(Outline.text(chosen.render(.html)), "objectives.outline.txt")
    }

    @Test func theTablesOfATerminal() throws {
        let report = Report(GoldenResults.collection)
        try GoldenTests.check(report.plainTables(), "tables.txt")
        let choices = Panel.choices(of: report.panels)
        let objectives = try GoldenTests.objectives()
        let texts = choices.map { Recommendation($0, objectives: objectives).text }
        try GoldenTests.check(texts.joined(separator: "\n"), "recommendation.txt")
        let cells = GoldenResults.collection.cells
        let comparison = Comparison(base: cells, new: cells)
        try GoldenTests.check(
            comparison.table(asMarkdown: true) + comparison.table(asMarkdown: false),
            "comparison.txt")
    }

    @Test func theFilesBesideAResult() throws {
        let cell = try #require(GoldenResults.collection.cells.first)
        let document = String(decoding: try ResultStore.encode(cell), as: UTF8.self)
        try GoldenTests.check(document, "result.json")
        try GoldenTests.check(TimeSlice.csv(cell.timeSeries), "timeseries.csv")
        var histogram = Histogram()
        for step in 1...1_000 { histogram.record(nanoseconds: UInt64(step * step * 100)) }
        try GoldenTests.check(histogram.percentileText(scale: 1_000), "latency.hgrm")
        let log = IntervalLog(
            began: WallTime(microseconds: 1_767_322_800_000_000),
            entries: ["READ", "WRITE"].enumerated().map { index, tag in
                IntervalLog.Entry(
                    tag: tag, start: .milliseconds(Int64(index) * 500), length: .milliseconds(500),
                    histogram: histogram)
            })
        try GoldenTests.check(log.text(), "latency.hlog")
    }
}

/// What a page is made of, without its styles, scripts and coordinates: one line for each element
/// that shows something, indented by what is around it.
private enum Outline {
    /// Elements that are told of, with their texts when they are short.
    private static let shown: Set<String> = [
        "title", "nav", "a", "section", "h1", "h2", "h3", "details", "summary", "figure",
        "figcaption", "svg", "table", "th", "td", "article", "p", "li", "dt", "dd", "code", "input",
        "label",
    ]
    private static let empty: Set<String> = ["meta", "input", "br", "!doctype"]

    static func text(_ page: String) -> String {
        var lines: [String] = []
        var depth = 0
        var drawing = 0
        for part in page.split(separator: "<", omittingEmptySubsequences: true) {
            guard let end = part.firstIndex(of: ">") else { continue }
            let tag = part[..<end]
            let content = part[part.index(after: end)...]
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let isEnd = tag.hasPrefix("/")
            let name = String(
                tag.drop { $0 == "/" }.prefix { $0.isLetter || $0.isNumber || $0 == "!" }
            )
            .lowercased()
            if name == "style" || name == "script" { continue }
            if isEnd {
                if name == "svg" { drawing -= 1 }
                if shown.contains(name), drawing == 0 { depth -= 1 }
                if drawing == 0, !content.isEmpty { lines.append(indent(depth) + content) }
                continue
            }
            if drawing == 0, shown.contains(name) {
                var line = indent(depth) + name
                for attribute in ["id", "class", "role", "aria-label", "open", "scope", "data-v"] {
                    if let value = value(of: attribute, in: tag) {
                        line += " \(attribute)=\(value)"
                    }
                }
                if !content.isEmpty { line += ": " + content }
                lines.append(line)
                if !empty.contains(name) { depth += 1 }
            } else if drawing == 0, !content.isEmpty {
                lines.append(indent(depth) + content)
            }
            if name == "svg" { drawing += 1 }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func indent(_ depth: Int) -> String {
        String(repeating: "  ", count: max(0, depth))
    }

    private static func value(of attribute: String, in tag: Substring) -> String? {
        if attribute == "open" { return tag.hasSuffix(" open") ? "yes" : nil }
        guard let range = tag.range(of: " \(attribute)=\"") else { return nil }
        return String(tag[range.upperBound...].prefix { $0 != "\"" })
    }
}
