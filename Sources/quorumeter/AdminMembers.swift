import Basics
import Experiments
import Foundation
import Platform

/// `quorumeter admin add|replace|remove|force-remove|cancel`: changes of the members.
enum AdminMembers {
    static let words = ["add", "replace", "remove", "force-remove", "cancel"]

    /// Arguments besides the address that each word takes.
    static func counts(_ word: String) -> Int {
        switch word {
        case "replace": 2
        case "cancel": 0
        default: 1
        }
    }

    static func run(
        _ word: String, _ address: SocketAddress, _ arguments: Arguments
    ) throws -> ExitCode {
        let names = Array(arguments.positionals.dropFirst(2))
        var command = ["RING"]
        switch word {
        case "add": command += ["ADD"] + (try member(names[0]))
        case "replace": command += ["REPLACE", names[0]] + (try member(names[1]))
        case "remove": command += ["REMOVE", names[0]]
        case "force-remove": command += ["REMOVE", names[0], "FORCE"]
        default: command.append("CANCEL")
        }
        if let rack = arguments.value("--rack") { command += ["RACK", rack] }
        let reply = try PlainClient(address).ask(command)
        if reply.hasPrefix("-") {
            throw CommandFailure(.environment, "\(address): \(reply.dropFirst())")
        }
        guard arguments.has("--wait") else { return .held }
        let patience =
            try arguments.value("--timeout", expected: "a duration such as 30s or 10m") {
                Instant.Duration($0)
            } ?? .seconds(600)
        let deadline = Clocks.monotonic() + patience
        while let change = try nodeInformation(address)["ring_change"], change != "none" {
            guard Clocks.monotonic() < deadline else {
                throw CommandFailure(.inconclusive, "still under way: \(change)")
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        return .held
    }

    /// `NAME@HOST:PORT` as two words.
    private static func member(_ text: String) throws -> [String] {
        let parts = text.split(separator: "@", maxSplits: 1).map(String.init)
        guard parts.count == 2, (try? SocketAddress(parts[1])) != nil else {
            throw CommandFailure(
                .misuse,
                "expected NAME@HOST:PORT, a name and where other members reach it, "
                    + "not “\(text)”")
        }
        return parts
    }
}
