import Basics
import Experiments
import Foundation
import Platform

/// `quorumeter tether`.
let tetherCommand = Command(
    syntax: CommandSyntax(
        name: "tether",
        abstract: "Run a program that ends when the process that started it does.",
        discussion: """
            Started by sweep for the servers of other stores, so that none of them outlives it, \
            not even when it is killed; of little use by hand. The program takes this one's \
            place and process number. If the parent has ended already, nothing is run.
            """,
        positionals: "PROGRAM [ARGUMENT...]", positionalCount: 1...1_000,
        options: [
            Option(
                "--with-parent", takes: .value("PID"),
                help: "The process, which must be the parent, whose end ends the program."),
            Option(
                "--signal", takes: .value("NUMBER"),
                help: "What ends it; a program that takes no notice goes on.",
                default: "9 (SIGKILL)"),
            Option(
                "--user", takes: .value("NAME"), help: "Run it as this user; root only.",
                default: "the same user"),
        ],
        examples: ["quorumeter tether --with-parent $$ -- /usr/bin/redis-server --port 7379"]),
    run: { arguments in
        guard let parent = try arguments.integer("--with-parent", in: 1...Int(Int32.max)) else {
            throw ArgumentError.missingArgument(command: "tether", expected: "--with-parent PID")
        }
        let number = try arguments.integer("--signal", in: 1...64) ?? Int(SIGKILL)
        let program = arguments.positionals[0]
        guard program.hasPrefix("/") else {
            throw CommandFailure(
                .misuse, "the program '\(program)': expected its path from the root")
        }
        do {
            // First the user, since that forgets the signal.
            if let user = arguments.value("--user") { try Lifetime.become(user) }
            try Lifetime.endWithParent(Int32(parent), signal: Int32(number))
            try Lifetime.goOn(as: program, Array(arguments.positionals.dropFirst()))
        } catch let error as SystemError {
            throw CommandFailure(.environment, error.description)
        }
    })
