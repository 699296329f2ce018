import Basics

// COMMAND
// COMMAND COUNT | INFO [name...] | DOCS [name...] | LIST [FILTERBY PATTERN pattern]
// COMMAND GETKEYS name argument...

/// What the table of commands says, in the form of Redis.
extension Session {
    mutating func command(_ input: Bytes) {
        let count = parser.arguments.count
        guard count > 1 else { return describe(Command.all.map { $0 }) }
        let word = argument(1, input)
        let names = (2..<count).map { argument($0, input) }
        if word.matches("COUNT"), count == 2 {
            reply { $0.append(":\(Command.all.count)\r\n") }
        } else if word.matches("INFO") {
            describe(names.isEmpty ? Command.all.map { $0 } : names.map { Command.named($0) })
        } else if word.matches("DOCS") {
            document(names.isEmpty ? Command.all : names.compactMap { Command.named($0) })
        } else if word.matches("LIST") {
            list(names)
        } else if word.matches("GETKEYS"), count > 2 {
            listKeys(input)
        } else {
            fail(
                "ERR unknown subcommand or wrong number of arguments for '\(word.oneLine)'; "
                    + "expected COUNT, DOCS, GETKEYS, INFO or LIST")
        }
    }

    private mutating func describe(_ commands: [Command?]) {
        let dialect = dialect
        reply { out in
            out.appendArray(commands.count)
            for command in commands {
                guard let command else {
                    out.append(dialect == .two ? "*-1\r\n" : "_\r\n" as StaticString)
                    continue
                }
                command.describe(dialect, into: &out)
            }
        }
    }

    private mutating func document(_ commands: [Command]) {
        replyMap(commands.count) { out, dialect in
            for command in commands {
                out.appendBulk(command.name)
                command.document(dialect, into: &out)
            }
        }
    }

    private mutating func list(_ words: [Bytes]) {
        var names = Command.all.map(\.name)
        if !words.isEmpty {
            guard words.count == 3, words[0].matches("FILTERBY"), words[1].matches("PATTERN")
            else { return fail("ERR syntax error: expected LIST or LIST FILTERBY PATTERN pattern") }
            names = names.filter { name in
                Bytes.lending(Array(name.utf8)) { Glob.matches($0, words[2], anyCase: true) }
            }
        }
        reply { out in
            out.appendArray(names.count)
            for name in names { out.appendBulk(name) }
        }
    }

    private mutating func listKeys(_ input: Bytes) {
        guard let command = Command.named(argument(2, input)) else {
            return fail("ERR invalid command specified")
        }
        let words = parser.arguments.count - 2
        guard command.arity.contains(words) else {
            return fail("ERR invalid number of arguments specified for command")
        }
        let (first, last, step) = command.keys.range
        guard first > 0 else { return fail("ERR the command has no key arguments") }
        let end = last < 0 ? words + last : last
        let keys = stride(from: first, through: end, by: step).map { argument(2 + $0, input) }
        reply { out in
            out.appendArray(keys.count)
            for key in keys { out.appendBulk(key) }
        }
    }
}

extension Command {
    /// Name, arity, flags, first key, last key, step, and four lists that are empty here:
    /// categories of access, tips, specifications of keys, subcommands.
    fileprivate func describe(_ dialect: Dialect, into out: inout ByteBuffer) {
        let least = arity.lowerBound
        let keys = keys.range
        out.appendArray(10)
        out.appendBulk(name)
        out.append(":\(arity.upperBound == least ? least : -least)\r\n")
        out.appendSet(flags.names.count, dialect)
        for flag in flags.names { out.append("+\(flag)\r\n") }
        out.append(":\(keys.first)\r\n:\(keys.last)\r\n:\(keys.step)\r\n")
        out.appendSet(0, dialect)
        out.append("*0\r\n*0\r\n*0\r\n")
    }

    fileprivate func document(_ dialect: Dialect, into out: inout ByteBuffer) {
        let arguments = arguments
        let fields = [
            ("summary", "\(summary)"), ("since", Session.version), ("group", group.rawValue),
        ]
        out.appendMap(arguments.isEmpty ? fields.count : fields.count + 1, dialect)
        for (name, value) in fields {
            out.appendBulk(name)
            out.appendBulk(value)
        }
        guard !arguments.isEmpty else { return }
        out.appendBulk("arguments")
        out.appendArray(arguments.count)
        for argument in arguments { argument.append(dialect, to: &out) }
    }

    /// One argument as COMMAND DOCS has it.
    private struct Argument {
        var name: String
        var isOptional: Bool
        var isMultiple: Bool
        var isKey: Bool

        func append(_ dialect: Dialect, to out: inout ByteBuffer) {
            var flags: [String] = []
            if isOptional { flags.append("optional") }
            if isMultiple { flags.append("multiple") }
            out.appendMap(flags.isEmpty ? 2 : 3, dialect)
            out.appendBulk("name")
            out.appendBulk(name)
            out.appendBulk("type")
            out.appendBulk(isKey ? "key" : "string")
            guard !flags.isEmpty else { return }
            out.appendBulk("flags")
            out.appendSet(flags.count, dialect)
            for flag in flags { out.append("+\(flag)\r\n") }
        }
    }

    /// The words of the syntax, those in brackets together.
    private var arguments: [Argument] {
        var found: [Argument] = []
        var rest = Substring("\(syntax)")
        while !rest.isEmpty {
            let isOptional = rest.first == "["
            let end = rest.firstIndex(of: isOptional ? "]" : " ") ?? rest.endIndex
            var text = rest[..<end]
            if isOptional { text = text.dropFirst() }
            rest = rest[end...].drop { $0 == "]" || $0 == " " }
            let isMultiple = text.hasSuffix("...")
            if isMultiple { text = text.dropLast(3) }
            found.append(
                Argument(
                    name: String(text), isOptional: isOptional, isMultiple: isMultiple,
                    isKey: !isOptional && text == "key"))
        }
        return found
    }
}
