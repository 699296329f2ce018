extension Report {
    /// JUnit XML: a suite for every W×R matrix. With objectives a case is a configuration and an
    /// objective: it fails when it is missed and is skipped when it is unclear. Without, a case is
    /// a cell, and one that could not be measured is an error.
    func junit() -> String {
        var suites = ""
        var totals = (cases: 0, failures: 0, errors: 0)
        for panel in panels {
            var suite = (cases: 0, failures: 0, errors: 0, skipped: 0, text: "")
            for c in panel.configurations {
                for cell in c.failed {
                    let name = "\(c.name) #\(cell.configuration.repetition + 1)"
                    suite.text += Report.junitCase(
                        name, "error", message: cell.failure ?? "it could not be measured")
                    suite.cases += 1
                    suite.errors += 1
                }
                guard objectives.isEmpty else { continue }
                for cell in c.measured {
                    suite.text += Report.junitCase(
                        "\(c.name) #\(cell.configuration.repetition + 1)", nil, message: "")
                    suite.cases += 1
                }
            }
            if !objectives.isEmpty {
                for candidate in Recommendation(panel, objectives: objectives).candidates {
                    for assessment in candidate.assessments {
                        let element: String? =
                            switch assessment.answer {
                            case .met: nil
                            case .missed: "failure"
                            case .unclear: "skipped"
                            }
                        suite.text += Report.junitCase(
                            "\(candidate.configuration) \(assessment.objective)", element,
                            message: assessment.evidence)
                        suite.cases += 1
                        suite.failures += assessment.answer == .missed ? 1 : 0
                        suite.skipped += assessment.answer == .unclear ? 1 : 0
                    }
                }
            }
            suites += "  <testsuite name=\"\(Markup.escape(panel.title))\" tests=\"\(suite.cases)\""
            suites += " failures=\"\(suite.failures)\" errors=\"\(suite.errors)\""
            suites += " skipped=\"\(suite.skipped)\">\n\(suite.text)  </testsuite>\n"
            totals.cases += suite.cases
            totals.failures += suite.failures
            totals.errors += suite.errors
        }
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"quorumeter\" "
            + "tests=\"\(totals.cases)\" failures=\"\(totals.failures)\" "
            + "errors=\"\(totals.errors)\">\n\(suites)</testsuites>\n"
    }

    private static func junitCase(_ name: String, _ element: String?, message: String) -> String {
        let head = "    <testcase classname=\"quorumeter.sweep\" name=\"\(Markup.escape(name))\""
        guard let element else { return head + "/>\n" }
        return head + "><\(element) message=\"\(Markup.escape(message))\"/></testcase>\n"
    }

    /// Pictures of the Markdown report: name of the file and contents, each complete by itself.
    public func figures() -> [(name: String, svg: String)] {
        var figures: [(name: String, svg: String)] = []
        for (index, panel) in panels.enumerated() {
            func add(_ name: String, _ svg: String) {
                guard svg.hasPrefix("<svg ") else { return }
                let style = "<style>\(ReportStyle.css)</style>"
                let head = "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                guard let end = svg.firstIndex(of: ">") else { return }
                let open = svg[svg.index(svg.startIndex, offsetBy: 5)...end]
                figures.append(
                    (
                        "panel\(index + 1)-\(name).svg",
                        head + open + style
                            + svg[svg.index(after: end)...] + "\n"
                    ))
            }
            add("pareto", ParetoChart.svg(panel, Findings(panel), index: index))
            for operation in ["read", "write"] {
                add(
                    operation,
                    PercentileChart.svg(
                        panel, index: index, operation: operation, clock: .intended))
            }
            add("stale", FreshnessChart.staleReads(panel))
        }
        return figures
    }
}
