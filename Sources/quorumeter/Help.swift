/// Texts of `quorumeter help` and of every `--help`.
enum Help {
    static func overview(_ commands: [CommandSyntax]) -> String {
        let width = (commands.map(\.name.count).max() ?? 0) + 2
        var text = """
            quorumeter: what a replicated key-value store really gives at this N, R and W

            USAGE: quorumeter COMMAND [ARGUMENTS]

            COMMANDS:

            """
        for command in commands {
            text += "  " + padded(command.name, to: width) + command.abstract + "\n"
        }
        text += """

            EXAMPLE:
              quorumeter sweep workloads/sweeps/demo.yaml

            'quorumeter help COMMAND' describes a command and shows an example.
            Exit codes: 0 it held, 1 it did not hold, 2 wrong use, 3 inconclusive, \
            4 the environment failed.

            """
        return text
    }

    static func text(_ command: CommandSyntax) -> String {
        var text = "\(command.abstract)\n\nUSAGE: quorumeter \(command.name)"
        if !command.positionals.isEmpty { text += " \(command.positionals)" }
        text += " [OPTIONS]\n\n"
        let paragraphs = command.discussion.split(separator: "\n\n").map {
            wrapped(String($0), to: 96).joined(separator: "\n")
        }
        text += paragraphs.joined(separator: "\n\n") + "\n\nOPTIONS:\n"
        let spelled = command.options.map(spelling)
        let width = min(34, (spelled.map(\.count).max() ?? 0) + 2)
        for (option, spelling) in zip(command.options, spelled) {
            var help = option.help
            if let fallback = option.fallback { help += " Default: \(fallback)." }
            if option.isRepeatable { help += " May be repeated." }
            text += described(spelling, help, width: width)
        }
        text += "\nEXAMPLE:\n"
        for example in command.examples { text += "  \(example)\n" }
        return text
    }

    private static func spelling(_ option: Option) -> String {
        let names = option.names.joined(separator: ", ")
        switch option.shape {
        case .flag: return names
        case .value(let value): return "\(names) \(value)"
        case .optionalValue(let value): return "\(names)[=\(value)]"
        }
    }

    private static func described(_ spelling: String, _ help: String, width: Int) -> String {
        let lines = wrapped(help, to: 96 - width)
        let indent = String(repeating: " ", count: width + 2)
        let body = lines.joined(separator: "\n\(indent)")
        if spelling.count + 2 > width { return "  \(spelling)\n\(indent)\(body)\n" }
        return "  \(padded(spelling, to: width))\(body)\n"
    }

    private static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            let last = lines[lines.count - 1]
            if !last.isEmpty, last.count + 1 + word.count > width {
                lines.append(String(word))
            } else {
                lines[lines.count - 1] = last.isEmpty ? String(word) : "\(last) \(word)"
            }
        }
        return lines
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
