extension Report {
    /// JUnit XML: a suite for every W×R matrix; a case is a cell, and one that could not be
    /// measured is an error. With objectives a suite is a choice, and a case is a configuration
    /// and an objective: it fails when that is missed and is skipped when it is unclear.
    func junit() -> String {
        var suites = ""
        var totals = (cases: 0, failures: 0, errors: 0)
        for panel in objectives.isEmpty ? panels : choices {
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
}
