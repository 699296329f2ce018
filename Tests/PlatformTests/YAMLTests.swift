import Basics
import Platform
import TestSupport
import Testing

private func parse(_ text: String) throws -> Tree { try YAML.parse(Array(text.utf8), file: "f") }

@Suite struct YAMLTests {
    @Test func aTreeKnowsItsLines() throws {
        let tree = try parse(
            """
            store: quorumeter
            claims:
              - name: "first: one"
                n: 3
              - {name: second, faults: []}
            """)
        let section = try Section(tree, file: "f")
        #expect(try section.text("store") == "quorumeter")
        let claims = try #require(try section.sections("claims"))
        #expect(claims.map(\.line) == [3, 5])
        #expect(try claims[0].text("name") == "first: one")
        #expect(try claims[0].integer("n", in: 1...15) == 3)
        #expect(try claims[1].texts("faults") == [])
        #expect(try claims[1].integer("n") == nil)
        #expect(try parse("") == .map([], line: 1))
        #expect(try parse(#"{"a": [1, "b"]}"#) == parse("a: [1, b]"))
    }

    @Test(arguments: [
        ("a: [1, 2", 2), ("a: 1\na: 2", 2), ("a: &x 1\nb: *x", 1), ("b: *x", 1),
        ("a: 1\n---\nb: 2", 2), ("? [1]\n: 2", 1), ("a: 1\n b: 2", 2),
        (String(repeating: "[", count: 100) + String(repeating: "]", count: 100), 1),
    ])
    func whatIsWrongIsNamedWithItsLine(text: String, line: Int) {
        let error = #expect(throws: TreeError.self) { try parse(text) }
        #expect(error?.line == line)
        #expect(error?.file == "f")
    }

    @Test func errorsSayWhatWasExpected() throws {
        let tree = try parse("duraton: 5s\nn: 99\nload:\n  rate: fast\n  on: maybe\n")
        let section = try Section(tree, file: "f.yaml")
        func message(_ body: () throws -> Void) -> String? {
            #expect(throws: TreeError.self) { try body() }?.description
        }
        #expect(
            message { try section.refuseKeys(except: ["duration", "n", "load"]) }
                == "f.yaml:1: unknown key “duraton”; did you mean “duration”?")
        #expect(
            message { _ = try section.integer("n", in: 1...15) }
                == "f.yaml:2: “n” must be a whole number from 1 to 15, not “99”")
        let load = try #require(try section.section("load"))
        #expect(
            message { _ = try load.duration("rate") }
                == "f.yaml:4: “load.rate” must be a duration such as 250ms, 20s or 5m, not “fast”")
        #expect(
            message { _ = try load.boolean("on") }
                == "f.yaml:5: “load.on” must be true or false, not “maybe”")
        #expect(
            message { _ = try section.require("w", section.integer("w")) }
                == "f.yaml:1: the key “w” is missing")
        #expect(
            message { _ = try section.section("n") } == "f.yaml:2: n must be a map, not “99”")
        #expect(
            message { _ = try YAML.read("/no/such/file") }
                == "/no/such/file: cannot be read: no such file or directory")
    }

    @Test func arbitraryBytesNeverCrash() {
        Seeds.forAll(300, "YAML survives anything") { random in
            let alphabet = Array("ab:-[]{},\n  \"'&*!|>#%?\t\u{0}".utf8) + [0xff, 0xc3]
            let bytes = (0..<random.below(60)).map { _ in alphabet[random.below(alphabet.count)] }
            do throws(TreeError) {
                _ = try YAML.parse(bytes, file: "f")
                return true
            } catch {
                return error.file == "f" && !error.message.isEmpty
            }
        }
    }

    @Test func durationsAreReadAsWritten() {
        for (text, nanoseconds) in [
            ("250ms", 250_000_000), ("1.5s", 1_500_000_000), ("5m", 300_000_000_000), ("0", 0),
            ("10us", 10_000), ("2h", 7_200_000_000_000), ("0.25ms", 250_000),
        ] as [(String, Int64)] {
            #expect(Instant.Duration(text)?.nanoseconds == nanoseconds)
        }
        for text in ["", "5", "s", "1.s", ".5s", "1..5s", "-1s", "9999999999h", "5 s", "1.5.2s"] {
            #expect(Instant.Duration(text) == nil, "\(text)")
        }
        Seeds.forAll(200, "durations survive being written") { random in
            let duration = Instant.Duration(
                nanoseconds: Int64(random.next() >> (1 + random.below(UInt64(60)))))
            return Instant.Duration(duration.description) == duration
        }
    }

    @Test func nearWordsAreFound() {
        #expect(editDistance("kitten", "sitting") == 3)
        #expect(editDistance("abcd", "abdc") == 1)
        #expect(editDistance("", "abc") == 3)
        #expect(nearest(to: "thread", among: ["threads", "target"]) == "threads")
        #expect(nearest(to: "xyz", among: ["threads", "target"]) == nil)
    }
}
