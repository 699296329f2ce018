import Basics
import Replication

// PING [message]   ECHO message   QUIT   RESET   SELECT 0   TIME
// HELLO [2|3 [AUTH user password] [SETNAME name]]

/// What a connection is asked about itself.
extension Session {
    /// The release, as `HELLO`, `INFO` and `--version` show it.
    public static let version = "0.1.0"

    static let noPasswords =
        "ERR there are no users and no passwords here: connect without AUTH"

    mutating func acknowledge() { reply { $0.append("+OK\r\n") } }

    mutating func ping(_ input: Bytes) {
        guard parser.arguments.count == 2 else { return reply { $0.append("+PONG\r\n") } }
        echo(input)
    }

    mutating func echo(_ input: Bytes) {
        let text = argument(1, input)
        reply { $0.appendBulk(text) }
    }

    mutating func quit() {
        acknowledge()
        isClosing = true
    }

    mutating func select(_ input: Bytes) {
        if argument(1, input).decimal == 0 { return acknowledge() }
        fail("ERR DB index is out of range: there is one database, number 0; see KEYSPACE USE")
    }

    mutating func reset(_ facts: any ServerFacts) {
        ring.dialect = .two
        defaults = RequestOptions()
        keyspace = .default
        clientName = ""
        tellClient(facts)
        reply { $0.append("+RESET\r\n") }
    }

    mutating func time(_ facts: any ServerFacts) {
        let now = facts.wallTime().microseconds
        let (seconds, rest) = now.quotientAndRemainder(dividingBy: 1_000_000)
        reply { out in
            out.appendArray(2)
            out.appendBulk("\(seconds)")
            out.appendBulk("\(rest)")
        }
    }

    mutating func hello(_ input: Bytes, _ facts: any ServerFacts) {
        var chosen = dialect
        var name: Bytes?
        let count = parser.arguments.count
        if count > 1 {
            switch argument(1, input).decimal {
            case 2: chosen = .two
            case 3: chosen = .three
            default:
                return fail("NOPROTO unsupported protocol version: this server speaks 2 and 3")
            }
        }
        var i = 2
        while i < count {
            let word = argument(i, input)
            if word.matches("AUTH") { return fail(Session.noPasswords) }
            guard word.matches("SETNAME"), i + 1 < count else {
                return fail("ERR syntax error in HELLO: expected SETNAME name")
            }
            name = argument(i + 1, input)
            guard Session.isClientName(argument(i + 1, input)) else { return fail(Session.badName) }
            i += 2
        }
        ring.dialect = chosen
        if let name { clientName = name.text }
        tellClient(facts)
        greet()
    }

    private mutating func greet() {
        let number = connectionNumber
        replyMap(7) { out, dialect in
            for (name, value) in [("server", "quorumeter"), ("version", Session.version)] {
                out.appendBulk(name)
                out.appendBulk(value)
            }
            out.append("$5\r\nproto\r\n:\(dialect == .two ? 2 : 3)\r\n$2\r\nid\r\n:\(number)\r\n")
            out.append("$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n")
            out.append("$7\r\nmodules\r\n*0\r\n")
        }
    }
}
