import Basics
import Replication

// INFO [section...]   DBSIZE   HINTS   COMPARE [PREVIEW]   SNAPSHOT name
// CONFIG GET pattern... | SET name value... | RESETSTAT | HELP
// SLOWLOG GET [count] | LEN | RESET | HELP

/// A request that took long.
public struct SlowEntry: Sendable {
    /// Counts them from the node's start.
    public var number: UInt64
    /// When it was answered, in seconds since 1970.
    public var time: UInt64
    /// From being read to being answered.
    public var duration: Instant.Duration
    /// The command's name, and the head of its key.
    public var command: String
    public var key: [UInt8]
    /// Of the client, and what it is called.
    public var address: String
    public var name: String

    public init(
        number: UInt64, time: UInt64, duration: Instant.Duration, command: String, key: [UInt8],
        address: String, name: String
    ) {
        self.number = number
        self.time = time
        self.duration = duration
        self.command = command
        self.key = key
        self.address = address
        self.name = name
    }
}

/// What a server is asked about itself.
extension Session {
    mutating func info(_ input: Bytes, _ facts: any ServerFacts) {
        let sections = (1..<parser.arguments.count).map { argument($0, input).text }
        let text = (sections.isEmpty ? [""] : sections)
            .map { facts.information(section: $0) }.filter { !$0.isEmpty }.joined(separator: "\r\n")
        reply { $0.appendBulk(text) }
    }

    /// Records on this node, deleted keys and those of other nodes' shards included.
    mutating func size(_ facts: any ServerFacts) {
        let count = facts.recordCount()
        reply { $0.append(":\(count)\r\n") }
    }

    /// An array of owner, writes and bytes held for it.
    mutating func hints(_ facts: any ServerFacts) {
        let owed = facts.hintsOwed()
        reply { out in
            out.appendArray(owed.count)
            for entry in owed {
                out.appendArray(3)
                out.appendBulk(entry.owner)
                out.append(":\(entry.count)\r\n:\(entry.bytes)\r\n")
            }
        }
    }

    /// Answers at once; INFO tells how it goes.
    mutating func compare(_ input: Bytes, _ facts: any ServerFacts) {
        let isPreview = parser.arguments.count == 2
        guard !isPreview || argument(1, input).matches("PREVIEW") else {
            return fail("ERR syntax error: COMPARE takes PREVIEW or nothing")
        }
        if let wrong = facts.compareReplicas(preview: isPreview) { return fail(wrong) }
        acknowledge()
    }

    /// Answers at once; INFO tells how it goes.
    mutating func collect(_ facts: any ServerFacts) {
        if let wrong = facts.collectDeletions() { return fail(wrong) }
        acknowledge()
    }

    /// `SNAPSHOT name`: begins one, or says how it goes.
    mutating func snapshot(_ input: Bytes, _ facts: any ServerFacts) {
        let name = argument(1, input)
        let isPlain = (0..<name.count).allSatisfy { i in
            let byte = name[i]
            return byte >= 48 && byte <= 57 || byte >= 65 && byte <= 90
                || byte >= 97 && byte <= 122 || byte == 45 || byte == 95
        }
        guard isPlain, name.count > 0, name.count <= 64 else {
            return fail("ERR a snapshot's name has 1 to 64 letters, digits, - and _")
        }
        switch facts.snapshot(name.text) {
        case .started: reply { $0.append("+STARTED\r\n") }
        case .inProgress: reply { $0.append("+INPROGRESS\r\n") }
        case .done(let place): reply { $0.append("+DONE \(place)\r\n") }
        case .failed(let why): fail("ERR \(why)")
        }
    }

    // MARK: CONFIG

    mutating func config(_ input: Bytes, _ facts: any ServerFacts) {
        let word = argument(1, input)
        let count = parser.arguments.count
        if word.matches("GET"), count > 2 {
            getParameters((2..<count).map { argument($0, input) }, facts)
        } else if word.matches("SET"), count >= 4, count % 2 == 0 {
            for i in stride(from: 2, to: count, by: 2) {
                let (name, value) = (argument(i, input).lowercased, argument(i + 1, input).text)
                if let wrong = facts.setParameter(name, value) { return fail("ERR " + wrong) }
            }
            acknowledge()
        } else if word.matches("RESETSTAT"), count == 2 {
            facts.resetStatistics()
            acknowledge()
        } else if word.matches("HELP"), count == 2 {
            help([
                "CONFIG GET pattern...", "    Parameters whose names match.",
                "CONFIG SET name value...", "    Changes those that may change while it runs.",
                "CONFIG RESETSTAT", "    Begins to count anew.",
            ])
        } else {
            fail(
                "ERR unknown subcommand or wrong number of arguments for "
                    + "'config|\(word.lowercased)'; expected GET, SET, RESETSTAT or HELP")
        }
    }

    private mutating func getParameters(_ patterns: [Bytes], _ facts: any ServerFacts) {
        let found = facts.parameters().filter { parameter in
            Bytes.lending(Array(parameter.name.utf8)) { name in
                patterns.contains { Glob.matches(name, $0, anyCase: true) }
            }
        }
        replyMap(found.count) { out, _ in
            for parameter in found {
                out.appendBulk(parameter.name)
                out.appendBulk(parameter.value)
            }
        }
    }

    // MARK: SLOWLOG

    mutating func slowLog(_ input: Bytes, _ facts: any ServerFacts) {
        let word = argument(1, input)
        let count = parser.arguments.count
        if word.matches("GET") {
            var limit = 10
            if count == 3 {
                guard let number = Int(argument(2, input).text), number >= -1 else {
                    return fail("ERR count should be greater than or equal to -1")
                }
                limit = number < 0 ? .max : number
            }
            list(facts.slowEntries(limit: limit))
        } else if word.matches("LEN"), count == 2 {
            let length = facts.slowEntries(limit: .max).count
            reply { $0.append(":\(length)\r\n") }
        } else if word.matches("RESET"), count == 2 {
            facts.forgetSlowEntries()
            acknowledge()
        } else if word.matches("HELP"), count == 2 {
            help([
                "SLOWLOG GET [count]", "    The last 10, or count, or with -1 all that are kept:",
                "    number, time, microseconds, command and key, client, its name.",
                "SLOWLOG LEN", "    How many are kept.", "SLOWLOG RESET", "    Forgets them.",
            ])
        } else {
            fail("ERR unknown subcommand '\(word.oneLine)'; expected GET, LEN, RESET or HELP")
        }
    }

    private mutating func list(_ entries: [SlowEntry]) {
        reply { out in
            out.appendArray(entries.count)
            for entry in entries {
                out.appendArray(6)
                out.append(":\(entry.number)\r\n:\(entry.time)\r\n")
                out.append(":\(entry.duration.nanoseconds / 1_000)\r\n")
                out.appendArray(2)
                out.appendBulk(entry.command)
                Bytes.lending(entry.key) { out.appendBulk($0) }
                out.appendBulk(entry.address)
                out.appendBulk(entry.name)
            }
        }
    }
}
