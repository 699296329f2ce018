import Basics
import Consistency
import Foundation

/// The results of a run of claims, for people and for machines.
public struct ClaimsReport: Sendable {
    public var results: [ClaimResult]
    public var seed: UInt64
    /// The version of the program, and the commit when it is known.
    public var origin: String

    public init(_ results: [ClaimResult], seed: UInt64, origin: String) {
        self.results = results
        self.seed = seed
        self.origin = origin
    }

    /// The worst standing of all: error, fail, inconclusive, pass.
    public var standing: ClaimResult.Standing {
        let order: [ClaimResult.Standing] = [.error, .fail, .inconclusive]
        // What is known not to hold weighs more than what could not be tried.
        if results.contains(where: { $0.standing == .fail }) { return .fail }
        return order.first { word in results.contains { $0.standing == word } } ?? .pass
    }

    private func count(_ standing: ClaimResult.Standing) -> Int {
        results.count { $0.standing == standing }
    }

    /// `12 claims: 11 pass, 1 fail`.
    public var summary: String {
        let words: [ClaimResult.Standing] = [.pass, .fail, .inconclusive, .error]
        let counts = words.filter { count($0) > 0 }.map { "\(count($0)) \($0.rawValue)" }
        return "\(results.count) claims: " + counts.joined(separator: ", ")
    }

    // MARK: JUnit

    /// JUnit's XML: a suite a file, a case a claim.
    public var junit: String {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        var files: [String] = []
        for result in results where !files.contains(result.claim.file) {
            files.append(result.claim.file)
        }
        for file in files {
            let cases = results.filter { $0.claim.file == file }
            let failures = cases.count { $0.standing == .fail }
            let errors = cases.count { $0.standing == .error }
            let skipped = cases.count { $0.standing == .inconclusive }
            let time = Quantities.fixed(cases.reduce(0) { $0 + $1.elapsed.seconds }, 3)
            text += "  <testsuite name=\"\(ClaimsReport.escaped(file))\" tests=\"\(cases.count)\""
            text += " failures=\"\(failures)\" errors=\"\(errors)\" skipped=\"\(skipped)\""
            text += " time=\"\(time)\">\n"
            for result in cases { text += testCase(result) }
            text += "  </testsuite>\n"
        }
        return text + "</testsuites>\n"
    }

    private func testCase(_ result: ClaimResult) -> String {
        let claim = result.claim
        var text = "    <testcase classname=\"\(ClaimsReport.escaped(claim.file))\""
        text += " name=\"\(ClaimsReport.escaped(claim.name))\""
        text += " time=\"\(Quantities.fixed(result.elapsed.seconds, 3))\""
        let reason = ClaimsReport.escaped(result.failure ?? result.reason)
        switch result.standing {
        case .pass: return text + "/>\n"
        case .inconclusive: return text + "><skipped message=\"\(reason)\"/></testcase>\n"
        case .error: return text + "><error message=\"\(reason)\"/></testcase>\n"
        case .fail:
            let body = result.witness.map(\.text) ?? result.command ?? ""
            return text + "><failure message=\"expected \(claim.expectation.rawValue), found "
                + "\(result.verdict.rawValue): \(reason)\">\(ClaimsReport.escaped(body))"
                + "</failure></testcase>\n"
        }
    }

    /// Text as an attribute or as content of XML.
    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "\n", "\t": out.unicodeScalars.append(character)
            // XML 1.0 has no other control characters, escaped or not.
            case let control where control.value < 0x20: out += "\u{FFFD}"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }

    // MARK: Markdown

    /// Fit for the summary of a CI step.
    public var markdown: String {
        var text = "### Consistency claims: \(summary)\n\n"
        text += "| | claim | configuration | promise | expected | found |\n"
        text += "|---|---|---|---|---|---|\n"
        for result in results {
            let claim = result.claim
            let mark: String
            switch result.standing {
            case .pass: mark = "✅"
            case .fail: mark = "❌"
            case .inconclusive: mark = "❔"
            case .error: mark = "⚠️"
            }
            let cells = [
                mark, claim.name, claim.settingText, claim.promiseText, claim.expectation.rawValue,
                "\(result.failure == nil ? result.verdict.rawValue : "not tried"): "
                    + (result.failure ?? result.reason),
            ]
            text += "| " + cells.map(ClaimsReport.cell).joined(separator: " | ") + " |\n"
        }
        for result in results where result.standing == .fail {
            guard let witness = result.witness else { continue }
            text += "\n<details><summary>\(ClaimsReport.escaped(result.claim.name))</summary>\n\n"
            text += "```text\n\(witness.text)```\n\n</details>\n"
        }
        return text + "\n\(origin), seed \(seed)\n"
    }

    static func cell(_ text: String) -> String {
        text.replacingOccurrences(of: "|", with: "\\|").replacingOccurrences(of: "\n", with: " ")
    }

    // MARK: JSON

    /// `--json`, schema `quorumeter.verify/1`.
    public func json() throws(ResultError) -> String {
        let document = Document(
            claims: results.map(Document.Entry.init), origin: origin, seed: seed)
        return String(decoding: try ResultStore.encode(document), as: UTF8.self)
    }

    private struct Document: Encodable {
        struct Entry: Encodable {
            let name, file, promise, configuration, `where`, expect, verdict, standing: String
            let reason: String
            let seeds: Int
            let sample: Proportion?
            let needed: Int?
            let witness: Witness?
            let command: String?

            init(_ result: ClaimResult) {
                name = result.claim.name
                file = result.claim.file
                promise = result.claim.promiseText
                configuration = result.claim.settingText
                `where` = result.claim.place.rawValue
                expect = result.claim.expectation.rawValue
                verdict = result.verdict.rawValue
                standing = result.standing.rawValue
                reason = result.failure ?? result.reason
                seeds = result.seedsRun
                sample = result.sample
                needed = result.needed
                witness = result.witness
                command = result.command
            }
        }

        let schema = "quorumeter.verify/1"
        let claims: [Entry]
        let origin: String
        let seed: UInt64
    }
}
