import Basics
import Replication

/// One command of the client protocol, apart from GET and SET, which the session knows by itself.
struct Command: Sendable {
    enum Several: Sendable { case mget, mset, del, exists }

    enum Changing: Sendable {
        case increment, decrement, incrementBy, decrementBy, append, getSet, getDelete
        case setIfAbsent, swap
    }

    enum Kind: Sendable {
        /// One request per key, gathered into one reply.
        case several(Several)
        /// QGET, QSET, QDEL.
        case query(ReplyRing.Form)
        case quorum
        /// A change of a consensus register.
        case change(Changing)
        case keyspace
        case ring
        /// What is to be said of a value.
        case value(ReplyRing.Form)
        case setExpiring(ExpiryUnit)
        /// Known, and refused for this reason.
        case refused(StaticString)
        /// Answered from the session and facts about the server.
        case connection(@Sendable (inout Session, Bytes, any ServerFacts) -> Void)
    }

    /// Lower case, as clients see it.
    let name: StaticString
    /// Upper case, as it is compared.
    let word: StaticString
    /// Arguments, the name included.
    let arity: ClosedRange<Int>
    let kind: Kind

    /// The command of that name in either case. O(commands), each by length first.
    static func named(_ name: Bytes) -> Command? {
        for command in all where name.matches(command.word) { return command }
        return nil
    }

    static let all: [Command] = [
        Command("mget", "MGET", 2...Limits.arguments, .several(.mget)),
        Command("mset", "MSET", 3...Limits.arguments, .several(.mset)),
        Command("del", "DEL", 2...Limits.arguments, .several(.del)),
        Command("unlink", "UNLINK", 2...Limits.arguments, .several(.del)),
        Command("strlen", "STRLEN", 2...2, .value(.length)),
        Command("type", "TYPE", 2...2, .value(.type)),
        Command("setex", "SETEX", 4...4, .setExpiring(.seconds)),
        Command("psetex", "PSETEX", 4...4, .setExpiring(.milliseconds)),
        Command("ttl", "TTL", 2...2, .value(.timeToLive)),
        Command("pttl", "PTTL", 2...2, .value(.millisecondsToLive)),
        Command("expiretime", "EXPIRETIME", 2...2, .value(.expireTime)),
        Command("pexpiretime", "PEXPIRETIME", 2...2, .value(.millisecondsExpireTime)),
        Command("expire", "EXPIRE", 3...4, .refused(endOfOther)),
        Command("pexpire", "PEXPIRE", 3...4, .refused(endOfOther)),
        Command("expireat", "EXPIREAT", 3...4, .refused(endOfOther)),
        Command("pexpireat", "PEXPIREAT", 3...4, .refused(endOfOther)),
        Command("persist", "PERSIST", 2...2, .refused(endOfOther)),
        Command("dbsize", "DBSIZE", 1...1, .connection(size)),
        Command("exists", "EXISTS", 2...Limits.arguments, .several(.exists)),
        Command("quorum", "QUORUM", 1...17, .quorum),
        Command("keyspace", "KEYSPACE", 2...24, .keyspace),
        Command("ring", "RING", 2...8, .ring),
        Command("qget", "QGET", 2...20, .query(.queryGet)),
        Command("qset", "QSET", 3...23, .query(.querySet)),
        Command("qdel", "QDEL", 2...22, .query(.queryDelete)),
        Command("qcas", "QCAS", 4...16, .change(.swap)),
        Command("incr", "INCR", 2...2, .change(.increment)),
        Command("decr", "DECR", 2...2, .change(.decrement)),
        Command("incrby", "INCRBY", 3...3, .change(.incrementBy)),
        Command("decrby", "DECRBY", 3...3, .change(.decrementBy)),
        Command("append", "APPEND", 3...3, .change(.append)),
        Command("getset", "GETSET", 3...3, .change(.getSet)),
        Command("getdel", "GETDEL", 2...2, .change(.getDelete)),
        Command("setnx", "SETNX", 3...3, .change(.setIfAbsent)),
        Command("hints", "HINTS", 1...1, .connection(hints)),
        Command("compare", "COMPARE", 1...2, .connection(compare)),
        Command("collect", "COLLECT", 1...1, .connection(collect)),
        Command("snapshot", "SNAPSHOT", 2...2, .connection(snapshot)),
        Command("ping", "PING", 1...2, .connection(ping)),
        Command("echo", "ECHO", 2...2, .connection(echo)),
        Command("quit", "QUIT", 1...1, .connection(quit)),
        Command("hello", "HELLO", 1...7, .connection(hello)),
        Command("info", "INFO", 1...2, .connection(info)),
        Command("command", "COMMAND", 1...Limits.arguments, .connection(command)),
        Command("config", "CONFIG", 2...Limits.arguments, .connection(config)),
        Command("client", "CLIENT", 2...8, .connection(client)),
        Command("select", "SELECT", 2...2, .connection(select)),
        // Known to the table for COMMAND; the session runs them itself.
        Command("get", "GET", 2...2, .connection(wrongArity)),
        Command("set", "SET", 3...7, .connection(wrongArity)),
    ]

    private init(
        _ name: StaticString, _ word: StaticString, _ arity: ClosedRange<Int>, _ kind: Kind
    ) {
        self.name = name
        self.word = word
        self.arity = arity
        self.kind = kind
    }

    private static let endOfOther: StaticString = """
        an end is part of the write that it ends: SET the value with EX, PX, EXAT or PXAT \
        (changing it alone could undo a write at the same time)
        """

    /// Records on this node, deleted keys and those of other nodes' shards included.
    private static func size(_ s: inout Session, _ input: Bytes, _ facts: any ServerFacts) {
        let count = facts.recordCount()
        s.reply { $0.append(":\(count)\r\n") }
    }

    // MARK: Connection commands

    private static func wrongArity(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        s.fail("ERR syntax error")
    }

    /// `SNAPSHOT name`: begins one, or says how it goes.
    private static func snapshot(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        let name = s.argument(1, input)
        let isPlain = (0..<name.count).allSatisfy { i in
            let byte = name[i]
            return byte >= 48 && byte <= 57 || byte >= 65 && byte <= 90
                || byte >= 97 && byte <= 122 || byte == 45 || byte == 95
        }
        guard isPlain, name.count > 0, name.count <= 64 else {
            return s.fail("ERR a snapshot's name has 1 to 64 letters, digits, - and _")
        }
        switch f.snapshot(name.text) {
        case .started: s.reply { $0.append("+STARTED\r\n") }
        case .inProgress: s.reply { $0.append("+INPROGRESS\r\n") }
        case .done(let place): s.reply { $0.append("+DONE \(place)\r\n") }
        case .failed(let why): s.fail("ERR \(why)")
        }
    }

    private static func ping(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        guard s.parser.arguments.count == 2 else { return s.reply { $0.append("+PONG\r\n") } }
        let text = s.argument(1, input)
        s.reply { $0.appendBulk(text) }
    }

    private static func echo(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        let text = s.argument(1, input)
        s.reply { $0.appendBulk(text) }
    }

    private static func quit(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        s.reply { $0.append("+OK\r\n") }
        s.isClosing = true
    }

    private static func hello(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        if s.parser.arguments.count > 1 {
            guard s.argument(1, input).decimal == 2 else {
                return s.fail("NOPROTO unsupported protocol version; this server speaks RESP2")
            }
            if s.parser.arguments.count > 2 {
                return s.fail("ERR HELLO takes no option here: there are no users to authenticate")
            }
        }
        let number = s.connectionNumber
        s.reply { out in
            out.append("*12\r\n")
            out.appendBulk("server")
            out.appendBulk("quorumeter")
            out.appendBulk("version")
            out.appendBulk(Session.version)
            out.append("$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:\(number)\r\n")
            out.append("$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n")
        }
    }

    private static func info(_ s: inout Session, _ input: Bytes, _ facts: any ServerFacts) {
        let section = s.parser.arguments.count == 2 ? s.argument(1, input).text : ""
        let text = facts.information(section: section)
        s.reply { $0.appendBulk(text) }
    }

    /// An array of owner, writes and bytes held for it.
    private static func hints(_ s: inout Session, _ input: Bytes, _ facts: any ServerFacts) {
        let owed = facts.hintsOwed()
        s.reply { out in
            out.append("*\(owed.count)\r\n")
            for entry in owed {
                out.append("*3\r\n")
                out.appendBulk(entry.owner)
                out.append(":\(entry.count)\r\n:\(entry.bytes)\r\n")
            }
        }
    }

    /// Answers at once; INFO tells how it goes.
    private static func compare(_ s: inout Session, _ input: Bytes, _ facts: any ServerFacts) {
        let isPreview = s.parser.arguments.count == 2
        guard !isPreview || s.argument(1, input).matches("PREVIEW") else {
            return s.fail("ERR syntax error: COMPARE takes PREVIEW or nothing")
        }
        if let wrong = facts.compareReplicas(preview: isPreview) { return s.fail(wrong) }
        s.reply { $0.append("+OK\r\n") }
    }

    private static func collect(_ s: inout Session, _ input: Bytes, _ facts: any ServerFacts) {
        if let wrong = facts.collectDeletions() { return s.fail(wrong) }
        s.reply { $0.append("+OK\r\n") }
    }

    private static func command(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        guard s.parser.arguments.count > 1 else {
            return s.reply { out in
                out.append("*\(all.count)\r\n")
                for command in all { command.describe(into: &out) }
            }
        }
        let word = s.argument(1, input)
        if word.matches("COUNT") { return s.reply { $0.append(":\(all.count)\r\n") } }
        if word.matches("DOCS") || word.matches("LIST") { return s.reply { $0.append("*0\r\n") } }
        s.fail("ERR unknown subcommand '\(word.oneLine)'; expected COUNT, DOCS or LIST")
    }

    /// Name, arity, flags, first key, last key, step: the form of Redis's COMMAND.
    private func describe(into out: inout ByteBuffer) {
        let arity = arity.upperBound == arity.lowerBound ? arity.lowerBound : -arity.lowerBound
        let keys: (Int, Int, Int)
        switch kind {
        case .several(.mset): keys = (1, -1, 2)
        case .several: keys = (1, -1, 1)
        case .query, .change, .value, .setExpiring, .refused: keys = (1, 1, 1)
        case .quorum, .keyspace, .ring: keys = (0, 0, 0)
        case .connection: keys = word.utf8CodeUnitCount == 3 ? (1, 1, 1) : (0, 0, 0)
        }
        out.append("*6\r\n")
        out.appendBulk("\(name)")
        out.append(":\(arity)\r\n*0\r\n:\(keys.0)\r\n:\(keys.1)\r\n:\(keys.2)\r\n")
    }

    private static func config(_ s: inout Session, _ input: Bytes, _ facts: any ServerFacts) {
        guard s.argument(1, input).matches("GET") else {
            return s.fail("ERR only CONFIG GET is supported: the configuration is given at start")
        }
        guard s.parser.arguments.count > 2 else {
            return s.fail("ERR wrong number of arguments for 'config|get' command")
        }
        let patterns = (2..<s.parser.arguments.count).map { Array(s.argument($0, input).copied()) }
        let found = facts.parameters().filter { parameter in
            patterns.contains { Glob.matches(Array(parameter.name.utf8), $0) }
        }
        s.reply { out in
            out.append("*\(found.count * 2)\r\n")
            for parameter in found {
                out.appendBulk(parameter.name)
                out.appendBulk(parameter.value)
            }
        }
    }

    private static func client(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        let word = s.argument(1, input)
        let count = s.parser.arguments.count
        if word.matches("SETNAME"), count == 3 {
            s.clientName = s.argument(2, input).text
            s.reply { $0.append("+OK\r\n") }
        } else if word.matches("GETNAME"), count == 2 {
            let name = s.clientName
            s.reply { $0.appendBulk(name) }
        } else if word.matches("ID"), count == 2 {
            let number = s.connectionNumber
            s.reply { $0.append(":\(number)\r\n") }
        } else if word.matches("SETINFO"), count == 4 {
            s.reply { $0.append("+OK\r\n") }
        } else {
            s.fail(
                "ERR unknown subcommand '\(word.oneLine)'; expected SETNAME, GETNAME, ID or SETINFO"
            )
        }
    }

    private static func select(_ s: inout Session, _ input: Bytes, _ f: any ServerFacts) {
        if s.argument(1, input).decimal == 0 { return s.reply { $0.append("+OK\r\n") } }
        s.fail("ERR DB index is out of range: there is one database, number 0")
    }
}

extension Session {
    /// The release, as `HELLO`, `INFO` and `--version` show it.
    public static let version = "0.1.0"
}

/// Patterns of `CONFIG GET`: `*` any run, `?` any byte, either case.
enum Glob {
    /// O(text × pattern) at worst.
    static func matches(_ text: [UInt8], _ pattern: [UInt8]) -> Bool {
        var t = 0
        var p = 0
        var starAt: Int?
        var retryAt = 0
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                starAt = p
                retryAt = t
                p += 1
            } else if p < pattern.count,
                pattern[p] == UInt8(ascii: "?") || lower(pattern[p]) == lower(text[t])
            {
                t += 1
                p += 1
            } else if let star = starAt {
                retryAt += 1
                t = retryAt
                p = star + 1
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
        return p == pattern.count
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte >= 65 && byte <= 90 ? byte + 32 : byte
    }
}
