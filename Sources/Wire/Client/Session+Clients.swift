import Basics

// CLIENT ID | GETNAME | SETNAME name | SETINFO LIB-NAME|LIB-VER text | INFO | NO-EVICT ON|OFF
//        | NO-TOUCH ON|OFF | LIST [TYPE type] [ID id...] | KILL ID id | KILL ADDR address
//        | KILL address | HELP

/// What a server knows of a connection besides its socket.
public struct ClientNote: Sendable {
    public var name = ""
    public var library = ""
    public var libraryVersion = ""
    /// 2 or 3.
    public var dialect = 2

    public init() {}
}

/// Whom CLIENT KILL is about.
public enum ClientChoice: Sendable {
    case number(UInt64)
    case address(String)
}

/// Connections: what they are called, which there are, and closing them.
extension Session {
    static let badName =
        "ERR names of clients have no spaces, line ends or other unprintable characters"

    static func isClientName(_ name: Bytes) -> Bool {
        (0..<name.count).allSatisfy { name[$0] > 32 && name[$0] < 127 }
    }

    func tellClient(_ facts: any ServerFacts) {
        var note = library
        note.name = clientName
        note.dialect = dialect == .two ? 2 : 3
        facts.noteClient(connectionNumber, note)
    }

    mutating func client(_ input: Bytes, _ facts: any ServerFacts) {
        let word = argument(1, input)
        switch parser.arguments.count {
        case 2 where word.matches("ID"):
            let number = connectionNumber
            reply { $0.append(":\(number)\r\n") }
        case 2 where word.matches("GETNAME"):
            let name = clientName
            let dialect = dialect
            reply { name.isEmpty ? $0.appendNull(dialect) : $0.appendBulk(name) }
        case 2 where word.matches("INFO"):
            let text = facts.clients([connectionNumber])
            reply { $0.appendBulk(text) }
        case 2 where word.matches("HELP"): helpWithClients()
        case 3 where word.matches("SETNAME"): setName(argument(2, input), facts)
        case 3 where word.matches("NO-EVICT") || word.matches("NO-TOUCH"):
            // Nothing is evicted, whoever asks.
            let choice = argument(2, input)
            choice.matches("ON") || choice.matches("OFF") ? acknowledge() : fail("ERR syntax error")
        case 4 where word.matches("SETINFO"):
            setInformation(argument(2, input), argument(3, input), facts)
        case 3...4 where word.matches("KILL"): kill(input, facts)
        case 2... where word.matches("LIST"): listClients(input, facts)
        default:
            fail(
                "ERR unknown subcommand or wrong number of arguments for '\(word.oneLine)'; try "
                    + "CLIENT HELP")
        }
    }

    private mutating func setName(_ name: Bytes, _ facts: any ServerFacts) {
        guard Session.isClientName(name), name.count <= 128 else { return fail(Session.badName) }
        clientName = name.text
        tellClient(facts)
        acknowledge()
    }

    private mutating func setInformation(
        _ what: Bytes, _ value: Bytes, _ facts: any ServerFacts
    ) {
        guard Session.isClientName(value), value.count <= 128 else { return fail(Session.badName) }
        if what.matches("LIB-NAME") {
            library.library = value.text
        } else if what.matches("LIB-VER") {
            library.libraryVersion = value.text
        } else {
            return fail("ERR unrecognized option '\(what.oneLine)'; expected LIB-NAME or LIB-VER")
        }
        tellClient(facts)
        acknowledge()
    }

    private mutating func kill(_ input: Bytes, _ facts: any ServerFacts) {
        let isOld = parser.arguments.count == 3
        let choice: ClientChoice
        if isOld {
            choice = .address(argument(2, input).text)
        } else if argument(2, input).matches("ID") {
            guard let number = argument(3, input).decimal, number > 0 else {
                return fail("ERR client-id should be greater than 0")
            }
            choice = .number(UInt64(number))
        } else if argument(2, input).matches("ADDR") {
            choice = .address(argument(3, input).text)
        } else {
            return fail("ERR syntax error: expected KILL ID number or KILL ADDR address")
        }
        let killed = facts.killClients(choice)
        guard isOld else { return reply { $0.append(":\(killed)\r\n") } }
        killed > 0 ? acknowledge() : fail("ERR No such client")
    }

    private mutating func listClients(_ input: Bytes, _ facts: any ServerFacts) {
        var numbers: [UInt64]?
        let count = parser.arguments.count
        if count > 2 {
            let word = argument(2, input)
            if word.matches("ID"), count > 3 {
                numbers = (3..<count).compactMap { argument($0, input).decimal.map(UInt64.init) }
            } else if word.matches("TYPE"), count == 4 {
                // All of them are of one type.
                if !argument(3, input).matches("NORMAL") { numbers = [] }
            } else {
                return fail("ERR syntax error: expected LIST, LIST TYPE type or LIST ID number...")
            }
        }
        let text = facts.clients(numbers)
        reply { $0.appendBulk(text) }
    }

    private mutating func helpWithClients() {
        help([
            "CLIENT ID", "    The number of this connection.",
            "CLIENT GETNAME | SETNAME name", "    What it is called.",
            "CLIENT SETINFO LIB-NAME|LIB-VER text", "    Which library speaks.",
            "CLIENT INFO", "    What is known of this connection.",
            "CLIENT LIST [TYPE normal] [ID number...]", "    The same of all, or of some.",
            "CLIENT KILL ID number | KILL ADDR address", "    Closes a connection.",
            "CLIENT NO-EVICT ON|OFF | NO-TOUCH ON|OFF", "    Taken, and without effect.",
        ])
    }

    mutating func help(_ lines: [String]) {
        reply { out in
            out.appendArray(lines.count)
            for line in lines { out.append("+\(line)\r\n") }
        }
    }
}
