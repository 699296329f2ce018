/// Writing HTML and SVG by hand: escaping, numbers, and the few shapes that charts need.
enum Markup {
    /// Text that is safe between tags and inside quoted attributes.
    static func escape(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\u{0}"..."\u{8}", "\u{B}"..."\u{1F}", "\u{7F}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    /// A coordinate with at most one decimal.
    static func number(_ value: Double) -> String {
        let text = Quantities.fixed(value, 1)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

/// An SVG picture under construction. Colours come from classes of the page's style sheet.
struct Picture {
    let width: Double
    let height: Double
    private(set) var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    enum Anchor: String {
        case start, middle, end
    }

    mutating func add(_ markup: String) { body += markup }

    mutating func rectangle(
        x: Double, y: Double, width: Double, height: Double, radius: Double = 0, style: String,
        title: String? = nil
    ) {
        let n = Markup.number
        body += "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(max(0, width)))\""
        body += " height=\"\(n(max(0, height)))\""
        if radius > 0 { body += " rx=\"\(n(radius))\"" }
        close("rect", style, title)
    }

    mutating func line(
        x1: Double, y1: Double, x2: Double, y2: Double, style: String, title: String? = nil
    ) {
        let n = Markup.number
        body += "<line x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\""
        close("line", style, title)
    }

    mutating func circle(
        x: Double, y: Double, radius: Double, style: String, title: String? = nil
    ) {
        let n = Markup.number
        body += "<circle cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\""
        close("circle", style, title)
    }

    mutating func text(
        _ text: String, x: Double, y: Double, anchor: Anchor = .start, style: String = "t"
    ) {
        let n = Markup.number
        body += "<text x=\"\(n(x))\" y=\"\(n(y))\" class=\"\(style)\""
        if anchor != .start { body += " text-anchor=\"\(anchor.rawValue)\"" }
        body += ">\(Markup.escape(text))</text>"
    }

    /// A line through the points, in order.
    mutating func polyline(
        _ points: [(x: Double, y: Double)], style: String, attributes: String = "",
        title: String? = nil
    ) {
        let n = Markup.number
        let list = points.map { "\(n($0.x)),\(n($0.y))" }.joined(separator: " ")
        body += "<polyline points=\"\(list)\"\(attributes)"
        close("polyline", style, title)
    }

    private mutating func close(_ tag: String, _ style: String, _ title: String?) {
        body += " class=\"\(style)\""
        if let title {
            body += "><title>\(Markup.escape(title))</title></\(tag)>"
        } else {
            body += "/>"
        }
    }

    /// The finished element; `label` is what a screen reader says.
    func svg(label: String, style: String = "") -> String {
        let n = Markup.number
        return "<svg viewBox=\"0 0 \(n(width)) \(n(height))\" role=\"img\" class=\"\(style)\""
            + " style=\"max-width:\(n(width * 1.35))px\""
            + " aria-label=\"\(Markup.escape(label))\">\(body)</svg>"
    }
}
