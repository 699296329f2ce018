import Basics
import Causality
import Replication
import TestSupport
import Testing
import Wire

private let one = Answered(shard: 0, n: 3, mask: 1)

@Test func keysAreScannedPageByPage() {
    let c = Conversation()
    c.send("SCAN 0\r\nSCAN 77 MATCH u* COUNT 500 TYPE string\r\nSCAN 5 TYPE list\r\n")
    #expect(
        c.asked.map(\.0) == [
            "scan from 0 page(10) r0", "scan from 77 page(500) r0", "scan from 5 page(10) r0",
        ])
    // The last first: what each needs of its command is kept until its turn.
    c.answer(c.asked[2].1, keys: ["a"], next: nil)
    c.answer(c.asked[1].1, keys: ["ua", "b", "uc"], next: .hash(.max))
    c.answer(c.asked[0].1, keys: ["a", "b"], next: .hash(9))
    #expect(
        c.take() == "*2\r\n$1\r\n9\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
            + "*2\r\n$20\r\n18446744073709551615\r\n*2\r\n$2\r\nua\r\n$2\r\nuc\r\n"
            + "*2\r\n$1\r\n0\r\n*0\r\n")
    c.send("KEYS *b\r\nRANDOMKEY\r\nRANDOMKEY\r\n")
    c.answer(c.asked[3].1, keys: ["ab", "ba", "b"], next: nil)
    c.answer(c.asked[4].1, keys: ["x", "y"], next: nil)
    c.answer(c.asked[5].1, keys: [], next: nil)
    #expect(c.take() == "*2\r\n$2\r\nab\r\n$1\r\nb\r\n$1\r\nx\r\n$-1\r\n")
    c.send("KEYS *\r\n")
    c.answer(c.asked[6].1, .failed(.tooManyKeys))
    #expect(c.take().hasPrefix("-ERR more than 1000000 keys"))
}

@Test func rangesComeWithWhereToGoOn() {
    let c = Conversation()
    c.send("QUORUM R 1\r\nQSCAN k COUNT 2\r\nQSCAN k KEYS R 2 END m\r\n")
    _ = c.take()
    #expect(
        c.asked.map(\.0) == ["scan from k page(2) r1 with values", "scan from k page(10) r2"])
    Bytes.lending(Array("k2\0".utf8)) {
        c.answer(c.asked[0].1, keys: ["k1=a", "k2=b"], next: .key($0))
        c.answer(c.asked[1].1, keys: ["k1", "l", "m"], next: .key($0))
    }
    #expect(
        c.take() == "*2\r\n$3\r\nk2\0\r\n*4\r\n$2\r\nk1\r\n$1\r\na\r\n$2\r\nk2\r\n$1\r\nb\r\n"
            + "*2\r\n$-1\r\n*2\r\n$2\r\nk1\r\n$1\r\nl\r\n")
}

@Test func partsOfValuesAreCutAsRedisCutsThem() {
    let c = Conversation()
    let cuts = [
        ("0 3", "This"), ("-3 -1", "ing"), ("0 -1", "This is a string"), ("10 100", "string"),
        ("5 3", ""), ("-100 3", "This"), ("3 -100", ""), ("-100 -200", ""),
        ("9223372036854775807 -9223372036854775808", ""),
    ]
    for (cut, _) in cuts { c.send("GETRANGE k \(cut)\r\n") }
    c.send("GETRANGE none 0 -1\r\n")
    for (_, sequence) in c.asked.dropLast() { c.answer(sequence, value: "This is a string") }
    c.answer(c.asked[cuts.count].1, value: nil)
    #expect(c.take() == (cuts.map(\.1) + [""]).map { "$\($0.count)\r\n\($0)\r\n" }.joined())
}

@Test func resp3HasMapsAndANullOfItsOwn() {
    let c = Conversation()
    c.send("GET a\r\nHELLO 3 SETNAME me\r\nGET b\r\nQGET c\r\nCLIENT GETNAME\r\nQUORUM\r\n")
    c.answer(c.asked[1].1, value: nil)
    c.answer(c.asked[0].1, value: nil)
    c.answer(c.asked[2].1, value: nil)
    let text = c.take()
    // What was asked before HELLO is answered as it was asked.
    #expect(text.hasPrefix("$-1\r\n%7\r\n$6\r\nserver\r\n"))
    #expect(text.contains("proto\r\n:3\r\n"))
    #expect(text.contains("\r\n_\r\n%5\r\n$6\r\nvalues\r\n*0\r\n$7\r\ncontext\r\n_\r\n"))
    #expect(text.contains("$2\r\nme\r\n%7\r\n$1\r\nn\r\n:3\r\n"))
    c.send("CONFIG GET *\r\nKEYSPACE LIST\r\nRESET\r\nCLIENT GETNAME\r\nHELLO 2\r\n")
    let rest = c.take()
    #expect(rest.hasPrefix("%3\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"))
    #expect(rest.contains("*1\r\n%11\r\n"))
    #expect(rest.contains("+RESET\r\n$-1\r\n*14\r\n"))
}

@Test func severalKeysHaveAResultEach() {
    let c = Conversation()
    c.send("QMSET a 1 b 2\r\nQMGET a b\r\n")
    #expect(c.asked.map(\.0) == ["put a=1 w0", "put b=2 w0", "get a r0", "get b r0"])
    c.answer(c.asked[3].1, .unknown(have: 1, need: 2))
    c.answer(c.asked[1].1, .failed(.unavailable(reachable: 1, needed: 2)))
    c.answer(c.asked[0].1, Conversation.stored)
    c.answer(c.asked[2].1, value: "1")
    let text = c.take()
    #expect(text.hasPrefix("*2\r\n*6\r\n$7\r\nversion\r\n"))
    #expect(text.contains("-UNAVAILABLE 1 replicas are reachable, the quorum needs 2\r\n*2\r\n*10"))
    #expect(text.hasSuffix("-TIMEOUT outcome unknown: 1 of 2 replicas answered in time\r\n"))
}

@Test func theTableOfCommandsAnswersForItself() {
    let c = Conversation()
    c.send("COMMAND COUNT\r\nCOMMAND LIST\r\n")
    let words = c.take().split(separator: "\r\n").map(String.init)
    #expect(words[1] == "*" + words[0].dropFirst())
    let names = words.dropFirst(2).filter { !$0.hasPrefix("$") }
    #expect(Set(names).count == names.count && names.contains("qscan"))
    for name in names {
        // Whatever the table names is known, and says how it is used.
        c.send("COMMAND DOCS \(name)\r\nCOMMAND INFO \(name)\r\n")
        let text = c.take()
        #expect(text.hasPrefix("*2\r\n$\(name.count)\r\n\(name)\r\n"), "\(name)")
        #expect(text.contains("summary") && text.contains("*10\r\n"), "\(name)")
        let e = Conversation()
        e.send(name + "\r\n")
        #expect(!e.take().contains("unknown command"), "\(name)")
    }
    let d = Conversation()
    d.send("COMMAND DOCS qset\r\nCOMMAND INFO get nosuch mset\r\n")
    let text = d.take()
    #expect(text.contains("group\r\n$6\r\nquorum\r\n"))
    #expect(text.contains("name\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n"))
    #expect(text.contains("$3\r\nW w\r\n$4\r\ntype\r\n$6\r\nstring\r\n"))
    #expect(
        text.contains("*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"))
    #expect(text.contains("*-1\r\n*10\r\n$4\r\nmset\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:-1\r\n:2\r\n"))
    d.send("COMMAND LIST FILTERBY PATTERN q?et\r\nCOMMAND GETKEYS MSET a 1 b 2\r\n")
    #expect(d.take() == "*2\r\n$4\r\nqget\r\n$4\r\nqset\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n")
}

@Test func keepTTLIsTakenWhereValuesDoNotEnd() {
    let c = Conversation()
    c.send("SET a x KEEPTTL\r\n")
    #expect(c.take().hasPrefix("-NOTSUPPORTED SET with KEEPTTL"))
    c.facts.spaces = [Keyspace(id: .default, name: "default", n: 3, mode: .cp)]
    c.send("SET a x KEEPTTL\r\n")
    #expect(c.asked.map(\.0) == ["put a=x w0"])
}

@Test func patternsMatchAsInRedis() {
    let cases: [(String, String, Bool)] = [
        ("h?llo", "hello", true), ("h?llo", "hllo", false), ("h*llo", "heeeello", true),
        ("h[ae]llo", "hallo", true), ("h[ae]llo", "hillo", false), ("h[^e]llo", "hello", false),
        ("h[^e]llo", "hbllo", true), ("h[a-b]llo", "hbllo", true), ("h[a-b]llo", "hcllo", false),
        ("h[b-a]llo", "hallo", true), ("a\\*b", "a*b", true), ("a\\*b", "axb", false),
        ("[\\]]", "]", true), ("*", "", true), ("", "", true), ("", "a", false),
        ("*a*b*c*", "xxaxxbxxcxx", true), ("*a*b*c*", "xxaxxcxxbxx", false), ("[", "[", false),
        ("[abc", "b", true), ("x\\", "x\\", true), ("A", "a", false),
    ]
    for (pattern, text, expected) in cases {
        let c = Conversation()
        c.send(command("KEYS", pattern))
        c.answer(c.asked[0].1, keys: [text], next: nil)
        #expect(c.take().hasPrefix(expected ? "*1" : "*0"), "\(pattern) on \(text)")
    }
}

@Test func patternsOfManyStarsDoNotTakeForEver() {
    let c = Conversation()
    c.send(command("KEYS", String(repeating: "a*", count: 200) + "b"))
    c.answer(c.asked[0].1, keys: [String(repeating: "a", count: 2_000)], next: nil)
    #expect(c.take() == "*0\r\n")
}

private func command(_ words: String...) -> String {
    "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
}
