import Testing
import quorumeter

struct ArgumentsTests {
    private let syntax = CommandSyntax(
        name: "run", abstract: "Runs.", discussion: "Runs a workload.", positionals: "TARGET",
        positionalCount: 1...1,
        options: [
            Option("--threads", "-threads", takes: .value("N"), help: "Clients."),
            Option("-p", takes: .value("KEY=VALUE"), help: "Property.", repeatable: true),
            Option("--check", takes: .optionalValue("online"), help: "Check."),
            .flag("-s", help: "Status."),
        ],
        examples: ["quorumeter run quorum://127.0.0.1:7001"])

    @Test func bothSpellingsOfAValueAreRead() throws {
        let spaced = try Arguments(["--threads", "4", "t"], syntax: syntax)
        let joined = try Arguments(["t", "-threads=4", "-s"], syntax: syntax)
        #expect(try spaced.integer("--threads", in: 1...100) == 4)
        #expect(try joined.integer("--threads", in: 1...100) == 4)
        #expect(joined.has("-s") && !spaced.has("-s"))
        #expect(spaced.positionals == ["t"] && joined.positionals == ["t"])
    }

    @Test func repeatableOptionsKeepTheirOrderAndTheirEqualsSigns() throws {
        let arguments = try Arguments(["-p", "a=1", "-p", "b=c=2", "t"], syntax: syntax)
        #expect(arguments.values("-p") == ["a=1", "b=c=2"])
    }

    @Test func anOptionalValueIsThatWordAlone() throws {
        let bare = try Arguments(["--check", "t"], syntax: syntax)
        #expect(bare.has("--check") && bare.value("--check") == nil)
        #expect(bare.positionals == ["t"])
        #expect(try Arguments(["--check=online"], syntax: syntax).value("--check") == "online")
        let spaced = try Arguments(["--check", "online", "t"], syntax: syntax)
        #expect(spaced.value("--check") == "online" && spaced.positionals == ["t"])
    }

    @Test func mistakesAreNamed() {
        let mistakes: [([String], ArgumentError)] = [
            (
                ["--treads", "4"],
                .unknownOption("--treads", command: "run", nearest: "--threads")
            ),
            (["--threads"], .missingValue(option: "--threads", valueName: "N")),
            (["--threads", "-s"], .missingValue(option: "--threads", valueName: "N")),
            (["-s=1"], .unexpectedValue(option: "-s")),
            (["-s", "-s"], .repeated(option: "-s")),
        ]
        for (words, expected) in mistakes {
            #expect(throws: expected) { try Arguments(words, syntax: syntax) }
        }
        #expect(
            throws: ArgumentError.invalidValue(
                option: "--threads", value: "0", expected: "a whole number from 1 to 8")
        ) {
            try Arguments(["--threads", "0"], syntax: syntax).integer("--threads", in: 1...8)
        }
    }

    @Test func positionalArgumentsAreCounted() throws {
        #expect(throws: ArgumentError.missingArgument(command: "run", expected: "TARGET")) {
            try Arguments([], syntax: syntax).checkPositionals()
        }
        #expect(throws: ArgumentError.unexpectedArgument("b", command: "run")) {
            try Arguments(["a", "b"], syntax: syntax).checkPositionals()
        }
        #expect(try Arguments(["--", "-s"], syntax: syntax).positionals == ["-s"])
    }
}
