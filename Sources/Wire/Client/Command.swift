import Basics
import Replication

/// One command of the client protocol: what it is called, what it takes, what it is for, and what
/// runs it. Errors about arguments and the answers of COMMAND come out of this.
struct Command: Sendable {
    enum Several: Sendable { case mget, mset, del, exists, queryGet, querySet }

    enum Changing: Sendable {
        case increment, decrement, incrementBy, decrementBy, append, getSet, getDelete
        case setIfAbsent, swap
    }

    enum Kind: Sendable {
        /// GET and SET, which the session runs without looking here.
        case first
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
        /// SCAN, QSCAN, KEYS, RANDOMKEY.
        case scan(ReplyRing.Form)
        /// Known, and refused for this reason.
        case refused(StaticString)
        /// Answered from the session and facts about the server.
        case connection(@Sendable (inout Session, Bytes, any ServerFacts) -> Void)
    }

    /// As Redis calls such things.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        static let write = Flags(rawValue: 1)
        static let readonly = Flags(rawValue: 2)
        static let fast = Flags(rawValue: 4)
        static let admin = Flags(rawValue: 8)

        var names: [String] {
            [(Flags.write, "write"), (.readonly, "readonly"), (.fast, "fast"), (.admin, "admin")]
                .filter { contains($0.0) }.map(\.1)
        }
    }

    /// Which arguments are keys.
    enum Keys: Sendable {
        case none, one, all, everyOther

        /// First, last (from the end if negative), step.
        var range: (first: Int, last: Int, step: Int) {
            switch self {
            case .none: (0, 0, 0)
            case .one: (1, 1, 1)
            case .all: (1, -1, 1)
            case .everyOther: (1, -1, 2)
            }
        }
    }

    enum Group: String, Sendable { case string, generic, connection, server, quorum }

    /// Upper case.
    let word: StaticString
    /// Arguments, the name included.
    let arity: ClosedRange<Int>
    let kind: Kind
    let flags: Flags
    let keys: Keys
    let group: Group
    /// What follows the name, for people: `[…]` may be left out, `...` may come again.
    let syntax: StaticString
    let summary: StaticString

    init(
        _ word: StaticString, _ arity: ClosedRange<Int>, _ kind: Kind, _ flags: Flags,
        _ keys: Keys, _ group: Group, _ syntax: StaticString, _ summary: StaticString
    ) {
        self.word = word
        self.arity = arity
        self.kind = kind
        self.flags = flags
        self.keys = keys
        self.group = group
        self.syntax = syntax
        self.summary = summary
    }

    /// Lower case, as clients see it.
    var name: String { "\(word)".lowercased() }

    /// Places of the two commands that a load consists of.
    static let get: UInt8 = 0
    static let set: UInt8 = 1

    /// The place in the table of the command of that name, in either case. O(commands), each by
    /// length first.
    static func index(of name: Bytes) -> Int? {
        for index in all.indices where name.matches(all[index].word) { return index }
        return nil
    }

    static func named(_ name: Bytes) -> Command? { index(of: name).map { all[$0] } }
}
