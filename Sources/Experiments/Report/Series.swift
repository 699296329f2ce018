/// How a configuration looks in every chart: hue by R and dash by W, or by its place in a list.
enum Series {
    static let hues = 6
    static let dashes = 6

    /// Class that a chart element of this configuration carries; toggles select by it.
    static func identifier(_ panel: Int, _ c: ConfigurationSummary) -> String {
        let letters = c.name.unicodeScalars.map { scalar -> Character in
            let isPlain = ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
            return isPlain ? Character(scalar) : "-"
        }
        return c.name == "R=\(c.r) W=\(c.w)"
            ? "s\(panel)-\(c.r)-\(c.w)" : "s\(panel)-\(String(letters))"
    }

    static func style(_ panel: Int, _ c: ConfigurationSummary) -> String {
        "series c\(c.hue) d\(c.dash) \(identifier(panel, c))"
    }

    /// A grid of check boxes, laid out as the W×R matrix, that works without a script.
    static func legend(_ index: Int, _ panel: Panel) -> String {
        var html = "<div class=\"legend\" role=\"group\" aria-label=\"Series shown\">"
        for c in panel.configurations {
            let id = identifier(index, c)
            html +=
                "<label><input type=\"checkbox\" checked data-series=\"\(id)\" class=\"x-\(id)\">"
            html += "<svg viewBox=\"0 0 30 8\" class=\"swatch\" aria-hidden=\"true\">"
            html += "<line x1=\"0\" y1=\"4\" x2=\"30\" y2=\"4\" class=\"series c\(c.hue)"
            html += " d\(c.dash)\"/></svg>\(Markup.escape(c.name))</label>"
        }
        return html + "</div>"
    }

    /// Style rules that hide a series whose box is not ticked.
    static func rules(_ index: Int, _ panel: Panel) -> String {
        panel.configurations.map { c in
            let id = identifier(index, c)
            return "main:has(.x-\(id):not(:checked)) .\(id){display:none}"
        }.joined(separator: "\n")
    }
}
