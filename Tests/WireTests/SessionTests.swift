import Basics
import Causality
import Replication
import TestSupport
import Testing
import Wire

final class SessionFacts: ServerFacts {
    func information(section: String) -> String { "# Server\r\n" }
    func parameters() -> [(name: String, value: String)] {
        [("appendonly", "no"), ("save", ""), ("maxclients", "10000")]
    }
    func replicaName(_ position: Int, of answered: Answered) -> String { "n\(position + 1)" }
    func hintsOwed() -> [(owner: String, count: Int, bytes: Int)] { [("n2", 3, 40)] }
    var spaces = [Keyspace(defaultOf: Configuration())]
    func keyspaces() -> [Keyspace] { spaces }
    func recordCount() -> Int { 7 }
    func requestTimeout() -> Instant.Duration { .seconds(1) }
}

/// A session with a store behind it that answers every request at once, or when told to.
final class Conversation {
    var session = Session()
    var batch = RequestBatch()
    let facts = SessionFacts()
    var pending: [UInt8] = []
    var asked: [(String, UInt32)] = []
    var options: [RequestOptions] = []
    var changes: [DefinitionChange?] = []

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        pending += bytes
        var progress = true
        while progress {
            batch.requests.removeAll()
            let count = Bytes.lending(pending) {
                session.receive($0, 0, facts: facts, into: &batch)
            }
            for (request, sequence) in batch.requests {
                switch request {
                case .get(_, let o), .put(_, _, let o), .delete(_, let o), .life(_, let o),
                    .change(_, _, let o):
                    options.append(o)
                case .sibling(let write): options.append(write.options)
                case .scan(let scan): options.append(scan.options)
                case .define: break
                }
                switch request {
                case .get(let key, let o):
                    let place = key.keyspace == .default ? "" : " in \(key.keyspace.raw)"
                    asked.append(("get \(key.bytes.text) r\(o.r)\(place)", sequence))
                case .put(let key, let value, let o):
                    asked.append(("put \(key.bytes.text)=\(value.text) w\(o.w)", sequence))
                case .delete(let key, _): asked.append(("delete \(key.bytes.text)", sequence))
                case .change(let key, let change, _):
                    let text = "\(change.kind) \(key.bytes.text) \(change.value.text)"
                    asked.append((text, sequence))
                case .scan(let scan): asked.append(("\(describe(scan))", sequence))
                case .life(let key, _): asked.append(("life \(key.bytes.text)", sequence))
                case .sibling(let write):
                    let value = write.value?.text ?? "nothing"
                    let context = write.context?.text ?? "nothing"
                    asked.append(("write \(write.key.bytes.text)=\(value) c\(context)", sequence))
                case .define(let bytes):
                    var reader = ByteReader(bytes)
                    let change = try? DefinitionChange(&reader)
                    changes.append(change)
                    asked.append(("define", sequence))
                }
            }
            pending.removeFirst(count)
            progress = count > 0 && !pending.isEmpty
        }
    }

    private func describe(_ scan: Scan) -> String {
        let place =
            switch scan.place {
            case .hash(let hash): "from \(hash)"
            case .key(let key): "from \(key.text)"
            case .anywhere: "anywhere"
            }
        let values = scan.hasValues ? " with values" : ""
        return "scan \(place) \(scan.extent) r\(scan.options.r)\(values)"
    }

    /// Answers a scan with keys, each with the value after a `=`, if there is one.
    func answer(_ sequence: UInt32, keys: [String], next: Scan.Place?) {
        var entries = ByteBuffer()
        for key in keys {
            let words = key.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            Bytes.lending(Array(words[0].utf8)) { name in
                Bytes.lending(Array((words.count > 1 ? words[1] : "").utf8)) { value in
                    entries.appendEntry(name, words.count > 1 ? value : nil)
                }
            }
        }
        let page = ScanPage(entries: entries.bytes, count: keys.count, next: next)
        answer(sequence, .scanned(page))
    }

    func answer(_ sequence: UInt32, _ response: Response) {
        session.respond(response, to: sequence, facts: facts)
    }

    func answer(_ sequence: UInt32, value: String?) {
        let bytes = Array((value ?? "").utf8)
        Bytes.lending(bytes) {
            session.respond(
                .value(value == nil ? nil : $0, .none, Answered(shard: 0, n: 3, mask: 3)),
                to: sequence,
                facts: facts)
        }
    }

    var isClosing: Bool { session.isClosing }
    var isBlocked: Bool { session.isBlocked }
    var openRequests: Int { session.openRequests }

    func take() -> String {
        let text = session.output.bytes.text
        session.output.removeAll()
        return text
    }

    static let stored = Response.stored(
        Version(stamp: 4096, actor: Actor(node: NodeID(1), incarnation: 2)),
        Answered(shard: 0, n: 3, mask: 5))
}

@Test func keyspacesAreCreatedListedAndUsed() {
    let c = Conversation()
    c.send("KEYSPACE CREATE a N 5 R 1 MODE siblings TTL 90s BLIND replace VALUE 100\r\nPING\r\n")
    var settings = KeyspaceSettings()
    settings.n = 5
    settings.r = 1
    settings.mode = .siblings
    settings.timeToLive = 90_000
    settings.blind = .replace
    settings.valueBytes = 100
    #expect(c.changes == [.create("a", settings)])
    c.answer(c.asked[0].1, .defined(version: 1))
    #expect(c.take() == "+OK\r\n+PONG\r\n")
    c.facts.spaces.append(Keyspace(id: KeyspaceID(3), name: "a", n: 5))
    c.send("KEYSPACE USE a\r\nGET x\r\nKEYSPACE LIST\r\n")
    #expect(c.asked.last?.0 == "get x r0 in 3")
    c.answer(c.asked[1].1, value: nil)
    let reply = c.take()
    #expect(reply.hasPrefix("+OK\r\n$-1\r\n*2\r\n*22\r\n$4\r\nname\r\n$7\r\ndefault\r\n"))
    #expect(reply.hasSuffix("$4\r\nused\r\n$3\r\nyes\r\n"))
    c.send("KEYSPACE DROP a\r\nKEYSPACE ALTER a TTL none\r\n")
    settings = KeyspaceSettings()
    settings.timeToLive = 0
    #expect(c.changes.dropFirst() == [.drop("a"), .alter("a", settings)])
}

@Test func badKeyspaceCommandsSayWhatWasExpected() {
    for (command, words) in [
        ("KEYSPACE", "wrong number"), ("KEYSPACE CREATE", "expected KEYSPACE CREATE"),
        ("KEYSPACE CREATE a/b", "letters"), ("KEYSPACE CREATE a N 0", "N needs"),
        ("KEYSPACE CREATE a N 16", "N needs"), ("KEYSPACE CREATE a MODE x", "MODE needs"),
        ("KEYSPACE CREATE a TTL 5", "TTL needs"), ("KEYSPACE CREATE a R", "R needs"),
        ("KEYSPACE CREATE a VALUE 0", "VALUE needs"), ("KEYSPACE CREATE a X 1", "unknown setting"),
        ("KEYSPACE USE b", "NOKEYSPACE"), ("KEYSPACE DROP", "expected KEYSPACE"),
        ("KEYSPACE LIST x", "expected KEYSPACE"),
    ] {
        let c = Conversation()
        c.send(command + "\r\n")
        let reply = c.take()
        #expect(reply.hasPrefix("-") && reply.contains(words), "\(command): \(reply)")
        #expect(c.changes.isEmpty)
    }
}

@Test func repliesComeInTheOrderOfTheRequests() {
    let c = Conversation()
    c.send(
        "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n"
            + "*3\r\n$3\r\nset\r\n$1\r\nb\r\n$2\r\nxy\r\n"
    )
    #expect(c.asked.map(\.0) == ["get a r0", "put b=xy w0"])
    c.answer(c.asked[1].1, Conversation.stored)
    #expect(c.take() == "")
    c.answer(c.asked[0].1, value: "hello")
    #expect(c.take() == "$5\r\nhello\r\n+PONG\r\n+OK\r\n")
}

@Test func bytesMayArriveOneByOne() {
    let text = "PING\r\n*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n\r\n*0\r\n*-1\r\n*1\r\n$4\r\nping\r\n"
    let whole = Conversation()
    whole.send(text)
    let single = Conversation()
    for byte in text.utf8 { single.send([byte]) }
    let expected = "+PONG\r\n$3\r\na\r\n\r\n+PONG\r\n"
    #expect(whole.take() == expected)
    #expect(single.take() == expected)
}

@Test func commandsOfSeveralKeysGatherTheirParts() {
    let c = Conversation()
    c.send("MGET a b\r\nEXISTS a b c\r\nMSET k 1 l 2\r\nDEL x\r\nPING\r\n")
    #expect(c.asked.count == 8)
    for (i, (_, sequence)) in c.asked.enumerated().reversed() {
        switch i {
        case 0, 2, 4: c.answer(sequence, value: "v\(i)")
        case 1, 3: c.answer(sequence, value: nil)
        case 5: c.answer(sequence, Conversation.stored)
        case 6: c.answer(sequence, .unknown(have: 1, need: 2))
        default:
            c.answer(sequence, .deleted(existed: true, .none, Answered(shard: 0, n: 3, mask: 1)))
        }
    }
    #expect(
        c.take()
            == "*2\r\n$2\r\nv0\r\n$-1\r\n:2\r\n"
            + "-TIMEOUT outcome unknown for 1 keys: l\r\n:1\r\n+PONG\r\n"
    )
    #expect(c.openRequests == 0)
}

@Test func quorumSettingsHoldForTheConnectionAndPerRequest() {
    let c = Conversation()
    c.send(
        "QUORUM R 1 W 3 TIMEOUT 50\r\nGET a\r\nSET a b\r\nQGET a R 2\r\n"
            + "QUORUM R 4\r\nQUORUM X 1\r\n"
    )
    #expect(c.asked.map(\.0) == ["get a r1", "put a=b w3", "get a r2"])
    let first = c.take()
    #expect(first.hasPrefix("*14\r\n$1\r\nn\r\n:3\r\n$1\r\nr\r\n:1\r\n$1\r\nw\r\n:3\r\n"))
    c.answer(c.asked[0].1, value: "1")
    c.answer(c.asked[1].1, Conversation.stored)
    c.answer(c.asked[2].1, value: "2")
    let rest = c.take()
    #expect(rest.contains("values\r\n*1\r\n$1\r\n2\r\n"))
    #expect(rest.contains("replicas\r\n*2\r\n$2\r\nn1\r\n$2\r\nn2\r\n"))
    #expect(rest.contains("-ERR a quorum of 4 is larger than N = 3"))
    #expect(rest.contains("-ERR unknown option 'X'"))
}

@Test(arguments: [
    ("*1000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ("*1\r\n$99999999999999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n$-2\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n$ 5\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n$05\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
    ("*1\r\n+5\r\n", "-ERR Protocol error: expected '$', got '+'\r\n"),
    ("*1\r\n$4\r\nPINGxx", "-ERR Protocol error: expected CRLF after a bulk of 4 bytes\r\n"),
    ("70000 x", "-ERR Protocol error: too big inline request\r\n"),
    ("POST / HTTP/1.1\r\n", "-ERR this port speaks the Redis protocol, not HTTP\r\n"),
]) func malformedBytesEndTheConnection(input: String, reply: String) {
    let c = Conversation()
    c.send(input == "70000 x" ? String(repeating: "x", count: 70_000) : input)
    #expect(c.take() == reply)
    #expect(c.isClosing)
}

@Test(arguments: [
    ("NOSUCH\r\n", "-ERR unknown command 'NOSUCH'"), ("GET\r\n", "-ERR wrong number"),
    ("SET a b EX\r\n", "-ERR syntax error"), ("MSET a\r\n", "-ERR wrong number"),
    ("HELLO 4\r\n", "-NOPROTO"), ("HELLO 3 AUTH a b\r\n", "-ERR there are no users"),
    ("AUTH x\r\n", "-ERR there are no users"), ("SELECT 1\r\n", "-ERR DB index"),
    ("CONFIG SET a b\r\n", "-ERR nothing can be changed here"),
    ("CONFIG GET\r\n", "-ERR unknown subcommand or wrong number"),
    ("SCAN x\r\n", "-ERR invalid cursor"), ("SCAN -1\r\n", "-ERR invalid cursor"),
    ("SCAN 0 COUNT 0\r\n", "-ERR option COUNT needs"), ("SCAN 0 MATCH\r\n", "-ERR option MATCH"),
    ("QSCAN a COUNT 10001\r\n", "-ERR option COUNT needs"),
    ("QSCAN a W 1\r\n", "-ERR unknown option 'W'"),
    ("GETRANGE a x 1\r\n", "-ERR value is not an integer"),
    ("CLIENT NOSUCH\r\n", "-ERR unknown subcommand"), ("CLIENT KILL ID 0\r\n", "-ERR client-id"),
    ("CLIENT KILL 127.0.0.1:1\r\n", "-ERR No such client"),
    ("SLOWLOG NOSUCH\r\n", "-ERR unknown subcommand"),
    ("COMMAND NOSUCH\r\n", "-ERR unknown subcommand"),
    ("COMMAND GETKEYS PING\r\n", "-ERR the command has no key"),
    ("MULTI\r\n", "-NOTSUPPORTED there are no transactions"),
    ("QMSET a\r\n", "-ERR wrong number of arguments for 'qmset'"),
    ("QSET a b W 0\r\n", "-ERR option W needs a whole number"),
]) func badCommandsLeaveTheConnectionOpen(input: String, reply: String) {
    let c = Conversation()
    c.send(input + "PING\r\n")
    let text = c.take()
    #expect(text.hasPrefix(reply))
    #expect(text.hasSuffix("+PONG\r\n"))
    #expect(!c.isClosing)
}

@Test func anOversizedValueIsSwallowedAndRefused() {
    let c = Conversation()
    let size = Limits.valueBytes + 1
    c.send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$\(size)\r\n")
    let chunk = [UInt8](repeating: 65, count: 1 << 20)
    for _ in 0..<(size / chunk.count) {
        c.send(chunk)
        #expect(c.pending.isEmpty)
    }
    c.send("A\r\nPING\r\n")
    #expect(c.take() == "-ERR value is too large (limit 16 MiB)\r\n+PONG\r\n")
    #expect(c.asked.isEmpty)
    let key = String(repeating: "k", count: Limits.keyBytes + 1)
    c.send("*2\r\n$3\r\nGET\r\n$\(key.utf8.count)\r\n\(key)\r\n")
    #expect(c.take().hasPrefix("-ERR key is too large"))
}

@Test func aSessionStopsReadingWhenTooManyRepliesAreOutstanding() {
    let c = Conversation()
    let one = Array("*2\r\n$3\r\nGET\r\n$1\r\na\r\n".utf8)
    var many: [UInt8] = []
    for _ in 0..<20_000 { many += one }
    c.send(many)
    #expect(c.isBlocked)
    #expect(!c.pending.isEmpty)
    let asked = c.asked
    for (_, sequence) in asked { c.answer(sequence, value: nil) }
    #expect(!c.isBlocked)
    c.send([])
    #expect(c.asked.count > asked.count)
}

@Test func randomBytesNeverBreakASession() {
    let words = [
        "*3\r\n", "$3\r\n", "SET\r\n", "GET", "\r\n", "$1\r\na\r\n", "*2\r\n", "$-1", "PING\r\n",
        "\n", "MGET a b",
    ]
    Seeds.forAll(2_000, "session survives") { random in
        let c = Conversation()
        for _ in 0..<random.below(12) {
            if random.chance(1, in: 4) {
                c.send((0..<random.below(8)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            } else {
                c.send(words[random.below(words.count)])
            }
        }
        return c.openRequests <= c.asked.count + 64
    }
}

@Test func repairAndTokenAreOptionsOfConnectionsAndRequests() {
    let c = Conversation()
    let version = Version(stamp: 77 << 12 | 3, actor: Actor(node: NodeID(2), incarnation: 9))
    c.send("QUORUM REPAIR Blocking TOKEN 77.3@n3/9\r\nGET a\r\nQGET a REPAIR none TOKEN none\r\n")
    #expect(
        c.take().hasSuffix(
            "repair\r\n$8\r\nblocking\r\n$4\r\nkind\r\n$6\r\nstrict\r\n"
                + "$5\r\ntoken\r\n$9\r\n77.3@n3/9\r\n"
        ))
    #expect(c.options.map(\.repair) == [.blocking, ReadRepair.none])
    #expect(c.options.map(\.token) == [version, Version.none])
    c.answer(c.asked[0].1, .failed(.stale))
    c.answer(c.asked[1].1, .failed(.clockSkew))
    let answers = c.take()
    #expect(answers.hasPrefix("-STALE "))
    #expect(answers.contains("\r\n-CLOCKSKEW "))
}

@Test(arguments: [
    "QUORUM TOKEN", "QUORUM TOKEN x", "QUORUM TOKEN 1.2@n0/3", "QUORUM TOKEN 1.4096@n1/1",
    "QUORUM TOKEN 0.0@n1/1", "QGET a TOKEN 1.2@n1/", "QUORUM REPAIR yes", "QSET a b REPAIR",
]) func aMalformedOptionIsNamed(command: String) {
    let c = Conversation()
    c.send(command + "\r\n")
    #expect(c.take().hasPrefix("-ERR option "))
    #expect(c.asked.isEmpty)
}

@Test func versionsSurviveTheirText() {
    Seeds.forAll(200, "Version(text: v.text) = v") { source in
        let version = Version(
            stamp: source.next() | 1,
            actor: Actor(node: NodeID(source.below(1_000)), incarnation: source.next()))
        return Bytes.lending(Array(version.text.utf8)) { Version(text: $0) == version }
    }
}

@Test func standInsAreNamedApartAndWhatIsOwedIsListed() {
    let c = Conversation()
    c.send("QGET a KIND sloppy\r\nHINTS\r\nQUORUM KIND loose\r\n")
    #expect(c.options.map(\.kind) == [.sloppy])
    c.answer(c.asked[0].1, .value(nil, .none, Answered(shard: 0, n: 3, mask: 0b10001)))
    let text = c.take()
    #expect(text.contains("replicas\r\n*2\r\n$2\r\nn1\r\n$2\r\nn5\r\n"))
    #expect(text.contains("fallbacks\r\n*1\r\n$2\r\nn5\r\n"))
    #expect(text.contains("*1\r\n*3\r\n$2\r\nn2\r\n:3\r\n:40\r\n"))
    #expect(text.hasSuffix("-ERR option KIND needs strict or sloppy\r\n"))
}

@Test func siblingsAreReadWithTheirContextAndWrittenUnderIt() throws {
    let c = Conversation()
    c.send("QGET a\r\nGET a\r\nEXISTS a\r\nQSET a x CONTEXT tok W 2\r\nQDEL a CONTEXT tok\r\n")
    #expect(c.asked.map(\.0).suffix(2) == ["write a=x ctok", "write a=nothing ctok"])
    var set = ByteBuffer()
    var more = ByteBuffer()
    try Bytes.lending(Array("old".utf8)) { old in
        try SiblingSet.empty.written(
            SiblingSet.Dot(stamp: 1, value: old), by: Actor(raw: 9), having: .empty, into: &set)
    }
    try Bytes.lending(Array("new".utf8)) { new in
        try SiblingSet(set.bytes).written(
            SiblingSet.Dot(stamp: 2, value: new), by: Actor(raw: 2), having: .empty, into: &more)
    }
    Bytes.lending(Array("tok".utf8)) { token in
        for index in 0..<3 {
            c.answer(
                c.asked[index].1,
                .siblings(
                    more.bytes, context: token, now: 5, Answered(shard: 0, n: 3, mask: 3)))
        }
    }
    #expect(
        c.take()
            == "*10\r\n$6\r\nvalues\r\n*2\r\n$3\r\nnew\r\n$3\r\nold\r\n"
            + "$7\r\ncontext\r\n$3\r\ntok\r\n$7\r\nversion\r\n$-1\r\n"
            + "$8\r\nreplicas\r\n*2\r\n$2\r\nn1\r\n$2\r\nn2\r\n$9\r\nfallbacks\r\n*0\r\n"
            + "$3\r\nnew\r\n:1\r\n")
    let other = Conversation()
    other.send("QGET a CONTEXT x\r\nQUORUM CONTEXT x\r\nQSET a b CONTEXT\r\n")
    let replies = other.take().split(separator: "\r\n")
    #expect(replies.count == 3 && replies.allSatisfy { $0.hasPrefix("-ERR") })
}

@Test func valuesEndWhenTheirWritesSay() {
    let c = Conversation()
    c.send("SET a x EX 10\r\nset a x pxat 5000\r\nSETEX a 3 x\r\nPSETEX a 4 x\r\nSET a x\r\n")
    #expect(
        c.options.map(\.expiry) == [.after(10_000), .at(5_000), .after(3_000), .after(4), .usual])
    let d = Conversation()
    d.send("TTL a\r\nPTTL a\r\nEXPIRETIME a\r\nPEXPIRETIME a\r\nTTL a\r\nTTL a\r\n")
    for index in 0..<4 { d.answer(d.asked[index].1, .life(.until(9_600, now: 8_000))) }
    d.answer(d.asked[4].1, .life(.absent))
    d.answer(d.asked[5].1, .life(.endless))
    #expect(d.take() == ":2\r\n:1600\r\n:9\r\n:9600\r\n:-2\r\n:-1\r\n")
    for (command, words) in [
        ("SET a x EX 0", "invalid expire"), ("SET a x EX -1", "invalid expire"),
        ("SET a x EX 99999999999999999", "invalid expire"), ("SET a x EX", "syntax"),
        ("SET a x EX 1 PX 1", "syntax"), ("SET a x NX EX 5", "MODE cp"),
        ("SET a x EX 5 GET", "MODE cp"), ("SET a x NX XX", "syntax"),
        ("SET a x KEEPTTL", "reads before it writes"), ("SET a x IFEQ", "QCAS"),
        ("QSET a x CONTEXT t VERSION none", "mode cp"), ("QCAS a x y CONTEXT t", "QSET and QDEL"),
        ("SET a x WHAT", "syntax"), ("EXPIRE a 5", "SET the value with EX"),
        ("PERSIST a", "NOTSUPPORTED"), ("SETEX a 0 x", "invalid expire"),
    ] {
        let e = Conversation()
        e.send(command + "\r\n")
        let reply = e.take()
        #expect(reply.hasPrefix("-") && reply.contains(words), "\(command): \(reply)")
        #expect(e.asked.isEmpty)
    }
}

@Test func lengthTypeAndSizeAreToldAsRedisTellsThem() {
    let c = Conversation()
    c.send("STRLEN a\r\nSTRLEN b\r\nTYPE a\r\nTYPE b\r\nDBSIZE\r\nUNLINK a\r\n")
    for (index, value) in ["12345", nil, "x", nil].enumerated() {
        c.answer(c.asked[index].1, value: value)
    }
    #expect(c.take() == ":5\r\n:0\r\n+string\r\n+none\r\n:7\r\n")
    #expect(c.asked.last?.0 == "delete a")
}
