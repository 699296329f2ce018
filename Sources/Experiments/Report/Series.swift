/// How a configuration looks in every chart: hue by R, dash by W.
enum Series {
    static let hues = 6
    static let dashes = 6

    /// Class that a chart element of this configuration carries; toggles select by it.
    static func identifier(_ panel: Int, _ c: ConfigurationSummary) -> String {
        "s\(panel)-\(c.r)-\(c.w)"
    }

    static func style(_ panel: Int, _ c: ConfigurationSummary) -> String {
        "series c\((c.r - 1) % hues) d\((c.w - 1) % dashes) \(identifier(panel, c))"
    }

    /// A grid of check boxes, laid out as the W×R matrix, that works without a script.
    static func legend(_ index: Int, _ panel: Panel) -> String {
        var html = "<div class=\"legend\" role=\"group\" aria-label=\"Series shown\">"
        for c in panel.configurations {
            let id = identifier(index, c)
            html +=
                "<label><input type=\"checkbox\" checked data-series=\"\(id)\" class=\"x-\(id)\">"
            html += "<svg viewBox=\"0 0 30 8\" class=\"swatch\" aria-hidden=\"true\">"
            html += "<line x1=\"0\" y1=\"4\" x2=\"30\" y2=\"4\" class=\"series c\((c.r - 1) % hues)"
            html += " d\((c.w - 1) % dashes)\"/></svg>\(c.name)</label>"
        }
        return html + "</div>"
    }

    /// Style rules that hide a series whose box is not ticked.
    static func rules(_ index: Int, _ panel: Panel) -> String {
        panel.configurations.map { c in
            let id = identifier(index, c)
            return "section:has(.x-\(id):not(:checked)) .\(id){display:none}"
        }.joined(separator: "\n")
    }
}
