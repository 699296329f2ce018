/// Text of Prometheus, version 0.0.4:
///
///   family = "# HELP " name " " text "\n" "# TYPE " name " " type "\n" sample*
///   sample = name ("{" label "=\"" value "\"" ("," …)* "}")? " " number "\n"
struct Exposition {
    enum Kind: String { case counter, gauge, histogram }

    private(set) var text = ""

    /// One family with its samples: labels as they are written, and a number.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: String, value: String)]
    ) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for (labels, value) in samples {
            text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
        }
    }

    /// A family of one number.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        add(name, kind, help, [("", "\(value)")])
    }

    /// A family of histograms: for each the labels, how many were at most each bound and in all,
    /// and their sum in seconds.
    mutating func addHistograms(
        _ name: String, _ help: String, bounds: [String],
        _ histograms: [(labels: String, cumulated: [UInt64], sum: String)]
    ) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
        for (labels, cumulated, sum) in histograms {
            for (bound, count) in zip(bounds + ["+Inf"], cumulated) {
                text += "\(name)_bucket{\(labels),le=\"\(bound)\"} \(count)\n"
            }
            text += "\(name)_sum{\(labels)} \(sum)\n"
            text += "\(name)_count{\(labels)} \(cumulated.last ?? 0)\n"
        }
    }

    /// A label's value, with what must be escaped.
    static func escaped(_ value: String) -> String {
        var text = ""
        for character in value {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text
    }

    /// Nanoseconds as seconds.
    static func seconds(_ nanoseconds: UInt64) -> String {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard rest > 0 else { return "\(whole)" }
        let digits = String(rest)
        var text = Substring(String(repeating: "0", count: 9 - digits.count) + digits)
        while text.hasSuffix("0") { text = text.dropLast() }
        return "\(whole).\(text)"
    }
}
