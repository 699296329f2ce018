import Basics
import Experiments
import Foundation

/// A subcommand: its syntax, and what it does with arguments that fit it.
struct Command: Sendable {
    let syntax: CommandSyntax
    let run: @Sendable (Arguments) throws -> ExitCode
}

@main
struct Quorumeter {
    /// In the order of `quorumeter help`.
    static let commands: [Command] = [
        serveCommand, clusterCommand, adminCommand, relayCommand, networkCommand, loadCommand,
        runCommand,
        checkCommand, sweepCommand, simulateCommand, verifyCommand, soakCommand, reportCommand,
        compareCommand, recommendCommand,
        predictCommand,
    ]

    static func main() {
        signal(SIGPIPE, SIG_IGN)
        exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    private static func run(_ words: [String]) -> Int32 {
        do {
            return try dispatch(words).rawValue
        } catch let failure as CommandFailure {
            Terminal.error(failure.description)
            return failure.code.rawValue
        } catch let error as ArgumentError {
            Terminal.error(error.description)
            return ExitCode.misuse.rawValue
        } catch let end as ServeEnd {
            if let reason = end.reason { Terminal.error(reason) }
            return end.code
        } catch {
            Terminal.error("\(error)")
            return ExitCode.environment.rawValue
        }
    }

    private static func dispatch(_ words: [String]) throws -> ExitCode {
        guard let name = words.first else {
            Terminal.note(Help.overview(commands.map(\.syntax)))
            return .misuse
        }
        switch name {
        case "--help", "-h":
            Terminal.result(Help.overview(commands.map(\.syntax)))
            return .held
        case "--version":
            Terminal.result("quorumeter \(version)\n")
            return .held
        case "help":
            guard words.count > 1 else {
                Terminal.result(Help.overview(commands.map(\.syntax)))
                return .held
            }
            Terminal.result(Help.text(try command(words[1]).syntax))
            return .held
        default:
            let command = try command(name)
            let arguments = try Arguments(Array(words.dropFirst()), syntax: command.syntax)
            if arguments.has("--help") {
                Terminal.result(Help.text(command.syntax))
                return .held
            }
            try arguments.checkPositionals()
            return try command.run(arguments)
        }
    }

    private static func command(_ name: String) throws(ArgumentError) -> Command {
        if let command = commands.first(where: { $0.syntax.name == name }) { return command }
        throw .unknownCommand(name, nearest: nearestCommand(to: name))
    }

    private static func nearestCommand(to name: String) -> String? {
        nearest(to: name, among: commands.map(\.syntax.name) + ["help"])
    }
}
