extension Report {
    /// Pictures of the Markdown report: name of the file and contents, each complete by itself.
    public func figures() -> [(name: String, svg: String)] {
        var figures: [(name: String, svg: String)] = []
        func add(_ name: String, _ svg: String) {
            guard svg.hasPrefix("<svg "), let end = svg.firstIndex(of: ">") else { return }
            let open = svg[svg.index(svg.startIndex, offsetBy: 5)...end]
            figures.append(
                (
                    "\(name).svg",
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" \(open)"
                        + "<style>\(ReportStyle.css)</style>"
                        + svg[svg.index(after: end)...] + "\n"
                ))
        }
        for (index, choice) in choices.enumerated() where choice.kind == .variants {
            add(
                "choice\(index + 1)-pareto",
                ParetoChart.svg(choice, Findings(choice), index: panels.count + index))
        }
        for (index, panel) in panels.enumerated() {
            let name = "panel\(index + 1)"
            add("\(name)-pareto", ParetoChart.svg(panel, Findings(panel), index: index))
            for operation in ["read", "write"] {
                add(
                    "\(name)-\(operation)",
                    PercentileChart.svg(
                        panel, index: index, operation: operation, clock: .intended))
            }
            add("\(name)-stale", FreshnessChart.staleReads(panel))
        }
        return figures
    }
}
